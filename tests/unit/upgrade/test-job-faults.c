/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others do to a VM while it is upgraded, and what the world does: at a line of the log something happens. */
#include "jobworld.h"
#include "upgrade/hv_int.h"

static struct world *world;
static const char *trigger; /* a text of the log */
static void (*event)(struct world *w);

static ssize_t watch(void *cookie, const char *text, size_t n)
{
    (void)cookie;
    SU_FREE char *line = strndup(text, n);
    if (trigger && line && strstr(line, trigger)) {
        trigger = NULL; /* once */
        event(world);
    }
    return (ssize_t)n;
}

static enum su_vm_outcome job_with(struct world *w, enum su_op op, world_tweak tweak, const char *at,
                                   void (*what)(struct world *w))
{
    struct su_err e = {0};
    world = w;
    trigger = at;
    event = what;
    if (!world_batch(w, op, tweak))
        return SU_VM_OUTCOMES;
    w->job.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = watch});
    if (world_ops[op](&w->job, &e) < 0)
        printf("# %s\n", e.msg);
    fclose(w->job.log);
    w->job.log = NULL;
    ok(!trigger, "\"%s\" came", at);
    printf("# %s: %s [%s] %s\n", su_vm_outcome_name(w->job.vm.outcome), w->job.vm.summary, w->job.vm.id,
           w->job.vm.text);
    return w->job.vm.outcome;
}

/* libvirt's own, for a guest that hears no button. */
static bool deaf;

int virDomainShutdown(virDomainPtr dom)
{
    return deaf ? 0 : virDomainDestroy(dom);
}

int virDomainShutdownFlags(virDomainPtr dom, unsigned int flags)
{
    (void)flags;
    return virDomainShutdown(dom);
}

/* Events --------------------------------------------------------------------- */

static void start_it(struct world *w)
{
    struct su_err e = {0};
    ok(su_hv_start(w->hv, WORLD_UUID, false, &e) == 0, "somebody starts it %s", e.msg);
}

static int do_undefine(virConnectPtr conn, virDomainPtr dom, void *arg, struct su_err *e)
{
    (void)conn;
    (void)arg;
    return virDomainUndefine(dom) < 0 ? su_fail(e, SU_E_IO, "vm.libvirt", "undefine") : 0;
}

static void undefine_it(struct world *w)
{
    struct su_err e = {0};
    ok(su_hv_do(w->hv, WORLD_UUID, 0, do_undefine, NULL, &e) == 0, "somebody undefines it %s", e.msg);
}

static void change_it(struct world *w)
{
    struct su_err e = {0};
    SU_BUF struct su_buf xml = {0};
    ok(su_hv_xml(w->hv, WORLD_UUID, false, &xml, &e) == 0, "its definition");
    for (char *at; (at = strstr((char *)xml.p, "524288"));)
        memcpy(at, "262144", 6);
    ok(su_hv_define(w->hv, su_buf_bytes(&xml), &e) == 0, "is changed by somebody %s", e.msg);
}

/* Another file under the same name. */
static void swap_disk(struct world *w)
{
    char other[sizeof w->disk + 8];
    snprintf(other, sizeof other, "%s.new", w->disk);
    const char *argv[] = {"cp", w->disk, other, NULL};
    ok(world_run(argv, NULL) && rename(other, w->disk) == 0, "somebody puts another file in its disk's place");
}

static void shut_it_down(struct world *w)
{
    struct su_err e = {0};
    deaf = false;
    ok(su_hv_stop(w->hv, WORLD_UUID, SU_HV_STOP_ACPI, &e) == 0, "at last it shuts down %s", e.msg);
}

static bool now;
static bool cancelled(void *arg)
{
    (void)arg;
    return now;
}

static void cancel_it(struct world *w)
{
    (void)w;
    now = true;
}

static char broken[128];
static void break_worker(struct world *w)
{
    snprintf(broken, sizeof broken, "%s/worker", w->dir);
    FILE *f = fopen(broken, "we");
    fprintf(
        f,
        "#!/bin/sh\necho '{\"ok\":false,\"error\":{\"id\":\"disk.io\",\"message\":\"the disk is broken\"}}'\nexit 1\n");
    fclose(f);
    (void)chmod(broken, 0700);
    setenv("SURETY_DISK_WORKER", broken, 1);
}

/* Cases ---------------------------------------------------------------------- */

static void none(struct su_job_options *o)
{
    o->restore = SU_RESTORE_NONE;
}

static void yes(struct su_job_options *o)
{
    o->yes = true;
}

static bool as_before(struct world *w)
{
    return world_state(w, SU_VM_UNDONE) && world_defined_as(w, SU_FIRMWARE_BIOS) && world_disk_is_old(w) &&
           world_marked(w, "");
}

static bool overlays_left(struct world *w)
{
    const char *argv[] = {"/usr/bin/find", w->dir, "-name", "*surety-*.qcow2", NULL};
    SU_BUF struct su_buf out = {0};
    return !world_run(argv, &out) || out.n > 0;
}

/* Started by somebody: what happens depends on what it runs on. */
static void test_started(void)
{
    static const struct {
        const char *at, *id;
        world_tweak tweak;
        bool runs_on;
    } row[] = {
        {"stopping begins", "vm.started", NULL, true},   {"saving begins", "vm.started", NULL, true},
        {"converting begins", "vm.started", NULL, true}, {"converting begins", "vm.started", none, true},
        {"redefining begins", "vm.started", NULL, true}, {"redefining begins", "vm.started", none, false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct world w;
        if (tap_skips(i, 3))
            continue;
        if (!ok(world_make(&w, "raw", false), "a VM that is off"))
            return;
        ok(job_with(&w, SU_OP_UPGRADE, row[i].tweak, row[i].at, start_it) == SU_VM_FAILED, "not upgraded");
        is_str(w.job.vm.id, row[i].id);
        ok(as_before(&w) && !overlays_left(&w), "as before");
        ok(world_runs(&w) == row[i].runs_on, "%s", row[i].runs_on ? "left running" : "stopped, it ran on our disk");
        world_done(&w);
    }
}

static void test_started_new(void)
{
    struct world w;
    if (!ok(world_make(&w, "raw", true), "a VM that runs"))
        return;
    ok(job_with(&w, SU_OP_UPGRADE, NULL, "starting begins", start_it) == SU_VM_OK && world_runs(&w),
       "started by somebody with the new definition: goes on");
    world_done(&w);
}

static void test_undefined(void)
{
    static const char *const at[] = {"saving begins", "converting begins", "redefining begins", "starting begins"};
    for (size_t i = 0; i < SU_ARRAY_LEN(at); i++) {
        struct world w;
        if (tap_skips(i, 3))
            continue;
        if (!ok(world_make(&w, "raw", false), "a VM that is off"))
            return;
        ok(job_with(&w, SU_OP_UPGRADE, i % 2 ? none : NULL, at[i], undefine_it) == SU_VM_FAILED, "not upgraded");
        is_str(w.job.vm.id, "vm.gone");
        ok(world_state(&w, SU_VM_UNDONE) && world_disk_is_old(&w) && !overlays_left(&w), "its disk is as before");
        const char *xml = json_string_value(json_object_get(w.job.report, "definition"));
        ok(xml && access(xml, F_OK) == 0, "and the report names the definition");
        struct su_err e = {0};
        struct su_hv_vm vm;
        ok(su_hv_find(w.hv, WORLD_UUID, &vm, &e) < 0, "which is not made again");
        world_done(&w);
    }
}

static void test_changed(void)
{
    struct world w;
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    ok(job_with(&w, SU_OP_UPGRADE, NULL, "redefining begins", change_it) == SU_VM_FAILED, "changed before ours");
    is_str(w.job.vm.id, "vm.changed");
    ok(as_before(&w) && !overlays_left(&w), "the change stays, the rest is as before");
    world_done(&w);
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    ok(job_with(&w, SU_OP_UPGRADE, NULL, "starting begins", change_it) == SU_VM_FAILED, "changed after ours");
    ok(as_before(&w) && json_object_get(w.job.report, "replaced_definition"), "as before; what was replaced is kept");
    world_done(&w);
    if (!ok(world_make(&w, "raw", false), "a VM"))
        return;
    ok(job_with(&w, SU_OP_UPGRADE, none, "stopping begins", swap_disk) == SU_VM_FAILED, "without a restore point");
    is_str(w.job.vm.id, "vm.changed");
    ok(as_before(&w), "that file was not touched");
    world_done(&w);
}

static void test_worker(void)
{
    char good[512];
    struct world w;
    const char *worker = getenv("SURETY_DISK_WORKER");
    snprintf(good, sizeof good, "%s", worker ? worker : "");
    if (!ok(world_make(&w, "raw", true), "a VM that runs"))
        return;
    ok(job_with(&w, SU_OP_UPGRADE, NULL, "converting begins", break_worker) == SU_VM_FAILED, "the disk fails");
    is_str(w.job.vm.id, "disk.io");
    setenv("SURETY_DISK_WORKER", good, 1);
    ok(as_before(&w) && world_runs(&w) && !overlays_left(&w), "as before, and running");
    world_done(&w);
}

/* Going back fails, too: that is said, and the next run ends it. */
static void test_stuck(void)
{
    char good[512], from[1024], to[1024];
    struct world w;
    const char *worker = getenv("SURETY_DISK_WORKER");
    snprintf(good, sizeof good, "%s", worker ? worker : "");
    if (!ok(world_make(&w, "raw", true) && world_job(&w, SU_OP_UPGRADE, none) == SU_VM_OK, "an upgraded VM"))
        return;
    ok(job_with(&w, SU_OP_ROLLBACK, NULL, "going back guest", break_worker) == SU_VM_STUCK, "the disk fails");
    ok(world_state(&w, SU_VM_UNDOING) && world_marked(&w, "stuck") && !world_runs(&w), "it is marked");
    ok(w.job.vm.remedy[0], "with a remedy: %s", w.job.vm.remedy);
    ok(world_job(&w, SU_OP_COMMIT, NULL) == SU_VM_FAILED, "no commit now");
    is_str(w.job.vm.id, "vm.unfinished");
    setenv("SURETY_DISK_WORKER", good, 1);
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_OK && as_before(&w) && world_runs(&w), "the next run ends it");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK, "and it can be upgraded again");
    snprintf(from, sizeof from, "%s/vm/" WORLD_UUID "/before.xml", w.jobs.dir);
    snprintf(to, sizeof to, "%s/away", w.dir);
    ok(rename(from, to) == 0, "the old definition is lost");
    ok(world_job(&w, SU_OP_ROLLBACK, NULL) == SU_VM_FAILED, "newer data is asked for first");
    world_done(&w);
}

/* A guest that takes longer than it may is never left off. */
static void test_late(void)
{
    static const char at[] = "whether it still does";
    struct world w;
    if (!ok(world_make(&w, "qcow2", true), "a VM that runs"))
        return;
    deaf = true;
    ok(job_with(&w, SU_OP_UPGRADE, NULL, at, shut_it_down) == SU_VM_FAILED, "its time to shut down is up");
    is_str(w.job.vm.id, "vm.shutdown");
    ok(as_before(&w) && !overlays_left(&w) && world_runs(&w), "it is as before, and was started again");
    ok(world_job(&w, SU_OP_UPGRADE, NULL) == SU_VM_OK, "it is upgraded when it hears");
    deaf = true;
    ok(job_with(&w, SU_OP_ROLLBACK, yes, at, shut_it_down) == SU_VM_OK, "a rollback goes on when it is off");
    ok(as_before(&w) && !overlays_left(&w) && world_runs(&w), "it is as before, and runs");
    world_done(&w);
}

static void test_cancelled(void)
{
    static const struct {
        const char *at;
        bool back;
    } row[] = {{"checking", true}, {"saving begins", true}, {"verifying begins", false}};
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        struct world w;
        if (tap_skips(i, 3))
            continue;
        struct su_err e = {0};
        if (!ok(world_make(&w, "raw", true) && world_batch(&w, SU_OP_UPGRADE, NULL), "a VM that runs"))
            return;
        now = false;
        world = &w;
        trigger = row[i].at;
        event = cancel_it;
        w.job.cancelled = cancelled;
        w.job.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = watch});
        ok(su_job_upgrade(&w.job, &e) == 0, "the job ends");
        fclose(w.job.log);
        w.job.log = NULL;
        printf("# %s: %s [%s]\n", su_vm_outcome_name(w.job.vm.outcome), w.job.vm.summary, w.job.vm.id);
        ok(row[i].back ? w.job.vm.outcome == SU_VM_FAILED && as_before(&w) && !overlays_left(&w)
                       : w.job.vm.outcome == SU_VM_OK && world_state(&w, SU_VM_DONE),
           "%s: %s", row[i].at, row[i].back ? "back" : "done");
        ok(world_runs(&w), "and it runs");
        world_done(&w);
    }
}

int main(void)
{
    world_base();
    test_started();
    test_started_new();
    test_undefined();
    test_changed();
    test_worker();
    if (!tap_skips(1, 2)) {
        test_stuck();
        test_late();
    }
    test_cancelled();
    unlink(world_base());
    return tap_done();
}
