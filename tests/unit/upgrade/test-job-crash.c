/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The runner is killed at every line of a job's log, that is around every change of its record, and the next one takes
 * over: the VM ends upgraded or as before, running if it was running.  Then the same inside the way back.
 *
 * libvirt's test driver dies with its process, so what is defined and whether it runs is written down at the kill, for
 * the next runner's libvirt. */
#include "jobworld.h"
#include <signal.h>
#include <sys/wait.h>

static struct world *world;
static int lines_left;

static void write_down(void)
{
    struct su_err e = {0};
    struct su_hv_vm vm;
    SU_BUF struct su_buf xml = {0};
    char flag[128];
    if (su_hv_find(world->hv, WORLD_UUID, &vm, &e) < 0 || su_hv_xml(world->hv, WORLD_UUID, false, &xml, &e) < 0)
        _exit(3);
    world_write_xml(world, su_buf_str(&xml));
    snprintf(flag, sizeof flag, "%s/runs", world->dir);
    (void)unlink(flag);
    if (vm.run == SU_HV_RUNNING)
        close(open(flag, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static ssize_t kill_at(void *cookie, const char *text, size_t n)
{
    (void)cookie;
    (void)text;
    if (--lines_left == 0) {
        write_down();
        raise(SIGKILL);
    }
    return (ssize_t)n;
}

/* In a process of its own, which has its own libvirt.  1: it was killed. */
static int run_killed(struct world *w, enum su_op op, world_tweak tweak, bool running, int lines)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct su_err e = {0};
        world = w;
        lines_left = lines;
        if (su_jobs_open(w->dir, &w->jobs, &e) < 0 || !world_open(w, running) || !world_batch(w, op, tweak))
            _exit(2);
        w->job.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = kill_at});
        int rc = world_ops[op](&w->job, &e);
        write_down();
        _exit(rc < 0 ? 4 : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return 1;
    if (status)
        printf("# the runner ended with %x\n", (unsigned)status);
    return status ? -1 : 0;
}

static bool ran(const struct world *w)
{
    char flag[128];
    snprintf(flag, sizeof flag, "%s/runs", w->dir);
    return access(flag, F_OK) == 0;
}

/* All that makes a world, but no libvirt and no store in this process: a fork must not inherit them. */
static bool prepare(struct world *w, const char *format, bool running)
{
    bool good = world_make(w, format, running);
    su_hv_close(&w->hv);
    su_jobs_done(&w->jobs);
    return good;
}

static bool reopen(struct world *w, bool running)
{
    struct su_err e = {0};
    return world_open(w, running) && su_jobs_open(w->dir, &w->jobs, &e) == 0;
}

static const char *image_of(struct world *w)
{
    static char path[SU_DOM_PATH];
    struct su_err e = {0};
    uint64_t at;
    SU_FREE struct su_vm_record *r = calloc(1, sizeof *r);
    snprintf(path, sizeof path, "%s", w->disk);
    if (su_record_get(&w->jobs, WORLD_UUID, r, &at, &e) == 0)
        snprintf(path, sizeof path, "%s", r->image);
    return path;
}

static void check_end(struct world *w, bool was_running, enum su_vm_outcome o, int at, const char *what)
{
    bool upgraded = o == SU_VM_OK || o == SU_VM_ALREADY;
    ok(o == SU_VM_OK || o == SU_VM_ALREADY || o == SU_VM_FAILED, "%s, line %d: an end", what, at);
    ok(world_runs(w) == was_running, "%s, line %d: runs as it did", what, at);
    if (upgraded)
        ok(world_state(w, SU_VM_DONE) && world_defined_as(w, SU_FIRMWARE_UEFI) && world_disk_has_gpt(image_of(w)) &&
               world_marked(w, "upgraded"),
           "%s, line %d: upgraded", what, at);
    else
        ok((world_state(w, SU_VM_UNDONE) || world_state(w, SU_VM_STATES)) && world_defined_as(w, SU_FIRMWARE_BIOS) &&
               world_disk_is_old(w) && world_marked(w, ""),
           "%s, line %d: as before", what, at);
}

static void test_forward(const char *what, const char *format, world_tweak tweak, bool running, int step)
{
    int killed = 1, n_continued = 0;
    for (int at = 1; killed == 1; at += step) {
        struct world w;
        if (!ok(prepare(&w, format, running), "%s, line %d", what, at))
            return;
        killed = run_killed(&w, SU_OP_UPGRADE, tweak, running, at);
        bool runs = ran(&w);
        if (ok(killed >= 0 && reopen(&w, runs), "killed") && killed) {
            enum su_vm_outcome o = world_job(&w, SU_OP_UPGRADE, tweak);
            check_end(&w, running, o, at, what);
            n_continued += o == SU_VM_OK;
        }
        world_done(&w);
    }
    ok(n_continued > 0, "%s: %d were continued", what, n_continued);
}

static void yes(struct su_job_options *o)
{
    o->yes = true;
}

/* Killed on the way back that was asked for: the next rollback ends it. */
static void test_back(const char *what, const char *format, world_tweak tweak, bool running)
{
    int killed = 1;
    for (int at = 2; killed == 1; at++) {
        struct world w;
        if (!ok(prepare(&w, format, running) && run_killed(&w, SU_OP_UPGRADE, tweak, running, 0) == 0, "%s, line %d",
                what, at))
            return;
        killed = run_killed(&w, SU_OP_ROLLBACK, yes, ran(&w), at);
        if (ok(killed >= 0 && reopen(&w, ran(&w)), "killed") && killed) {
            enum su_vm_outcome o = world_job(&w, SU_OP_ROLLBACK, yes);
            ok(o == SU_VM_OK || o == SU_VM_ALREADY, "%s, line %d: back", what, at);
            ok(world_runs(&w) == running, "%s, line %d: runs as it did", what, at);
            ok(world_state(&w, SU_VM_UNDONE) && world_defined_as(&w, SU_FIRMWARE_BIOS) && world_disk_is_old(&w) &&
                   world_marked(&w, ""),
               "%s, line %d: as before", what, at);
        }
        world_done(&w);
    }
}

static void none(struct su_job_options *o)
{
    o->restore = SU_RESTORE_NONE;
}

int main(void)
{
    world_base();
    test_forward("overlay, running", "raw", NULL, true, 1);
    test_forward("snapshot, off", "qcow2", NULL, false, 2);
    test_forward("journal, running", "raw", none, true, 2);
    test_back("overlay", "raw", NULL, true);
    test_back("snapshot", "qcow2", NULL, false);
    test_back("journal", "raw", none, true);
    unlink(world_base());
    return tap_done();
}
