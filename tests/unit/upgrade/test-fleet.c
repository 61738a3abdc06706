/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches in a world of our own: what a VM's name says is what becomes of it. */
#include "base/clock.h"
#include "base/tmpdir.h"
#include "tests/lib/tap.h"
#include "upgrade/fleet_int.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct fake {
    const char *all;        /* names for batches of all VMs, parted by blanks; NULL: none */
    const char *unfinished; /* a name */
    bool deaf;              /* cannot be opened */
    unsigned running, most; /* at once */
    char did[400];          /* names in the order in which they began */
    unsigned changes;
    volatile int stop;
    struct su_jobs *jobs;
    char id[SU_BATCH_ID];
};

static int fake_open(void *arg, const struct su_batch *b, struct su_err *e)
{
    struct fake *f = arg;
    (void)b;
    return f->deaf ? su_fail(e, SU_E_IO, "vm.connect", "nobody answers") : 0;
}

static int fake_list(void *arg, int (*add)(void *, const char *, const char *), void *to, struct su_err *e)
{
    struct fake *f = arg;
    char name[32];
    (void)e;
    for (const char *p = f->all; p && *p; p += strcspn(p, " "), p += *p == ' ') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
        if (add(to, name, "11111111-2222-3333-4444-555555555555") < 0)
            return -1;
    }
    return 0;
}

static int fake_unfinished(void *arg, struct su_jobs *j, const char *id, int (*add)(void *, const char *, const char *),
                           void *to, struct su_err *e)
{
    struct fake *f = arg;
    (void)j, (void)id, (void)e;
    return f->unfinished ? add(to, f->unfinished, "99999999-2222-3333-4444-555555555555") : 0;
}

static void nap(void)
{
    usleep(2000);
}

static void wait_cancelled(struct su_job *job)
{
    for (int i = 0; i < 5000 && !job->cancelled(job->arg); i++)
        nap();
}

/* What the name begins with. */
static bool is(const struct su_job *job, const char *what)
{
    return strncmp(job->vm.name, what, strlen(what)) == 0;
}

static void act(struct fake *f, struct su_job *job)
{
    struct su_err e = {0};
    if (is(job, "cancel")) {
        ok(su_batch_cancel(f->jobs, f->id, &e) == 0, "cancelled while it runs: %s", e.msg);
        wait_cancelled(job);
    }
    if (is(job, "stop-me"))
        f->stop = SU_FLEET_STOP;
    if (is(job, "pause-me"))
        f->stop = SU_FLEET_PAUSE;
    if (is(job, "die"))
        _exit(9);
}

static enum su_vm_outcome outcome_of(const struct fake *f, const struct su_job *job)
{
    if (is(job, "fail"))
        return SU_VM_FAILED;
    if (is(job, "stopped"))
        return SU_VM_STOPPED;
    if (is(job, "stuck"))
        return SU_VM_STUCK;
    if (is(job, "already"))
        return SU_VM_ALREADY;
    return is(job, "pause-me") && f->stop ? SU_VM_FAILED : SU_VM_OK;
}

static int fake_run(void *arg, struct su_job *job, struct su_err *e)
{
    struct fake *f = arg;
    pthread_mutex_lock(&lock);
    snprintf(f->did + strlen(f->did), sizeof f->did - strlen(f->did), "%s%s ", job->vm.name,
             job->batch.options.secure_boot ? "" : "-sb");
    f->most = ++f->running > f->most ? f->running : f->most;
    pthread_mutex_unlock(&lock);
    job->vm.outcome = SU_VM_WORKING;
    job->vm.started_ms = 1700000000000;
    if (job->log)
        fprintf(job->log, "began %s\n", job->vm.name);
    int rc = su_batch_vm_put(job->jobs, job->batch.id, &job->vm, e);
    nap();
    act(f, job);
    if (is(job, "rename"))
        snprintf(job->vm.name, sizeof job->vm.name, "other-name");
    job->vm.outcome = outcome_of(f, job);
    job->vm.ended_ms = job->vm.started_ms + 1500;
    if (job->vm.outcome > SU_VM_ALREADY) {
        snprintf(job->vm.id, sizeof job->vm.id, is(job, "pause-me") ? "job.cancelled" : "fake.%s", job->vm.name);
        snprintf(job->vm.text, sizeof job->vm.text, "it went wrong");
        snprintf(job->vm.remedy, sizeof job->vm.remedy, "repair it");
    } else {
        snprintf(job->vm.summary, sizeof job->vm.summary, "all is well");
    }
    job->report = json_pack("{s:s,s:{s:i},s:{s:[{s:s,s:s,s:s}]}}", "seen", job->vm.name, "step_us", "checking", 250000,
                            "checks", "findings", "severity", "stop", "message", "a \x1b finding", "remedy", "do so");
    if (rc == 0 && is(job, "broken"))
        return su_fail(e, SU_E_IO, "store.io", "the disk is full");
    rc = rc < 0 ? rc : su_batch_vm_put(job->jobs, job->batch.id, &job->vm, e);
    pthread_mutex_lock(&lock);
    f->running--;
    pthread_mutex_unlock(&lock);
    return rc;
}

static void changed(void *arg, const struct su_batch_vm *vm)
{
    struct fake *f = arg;
    (void)vm;
    pthread_mutex_lock(&lock);
    f->changes++;
    pthread_mutex_unlock(&lock);
}

/* A batch of these names, in f->id; with batch, canary and max_failures of o. */
static void make(struct su_jobs *j, struct fake *f, enum su_op op, const char *names, const struct su_job_options *o)
{
    struct su_batch b = {.op = op, .connect = "test:///default", .origin = "local", .all = !*names};
    struct su_batch_vm *vms = calloc(32, sizeof *vms);
    struct su_err e = {0};
    size_t n = 0;
    if (o)
        b.options = *o;
    else
        su_job_options_default(&b.options);
    for (const char *p = names; *p; p += strcspn(p, " "), p += *p == ' ', n++) {
        vms[n].secure_boot = -1;
        snprintf(vms[n].name, sizeof vms[n].name, "%.*s", (int)strcspn(p, " "), p);
        if (strstr(vms[n].name, "nosb"))
            vms[n].secure_boot = 0;
    }
    if (su_batch_make(j, &b, vms, n, &e) < 0)
        ok(0, "making: %s", e.msg);
    free(vms);
    f->jobs = j;
    snprintf(f->id, sizeof f->id, "%s", b.id);
}

static int run(struct su_jobs *j, struct fake *f, int *status, struct su_err *e)
{
    struct su_fleet_world w = {f, fake_open, fake_list, fake_unfinished, fake_run};
    f->did[0] = 0;
    f->most = f->running = 0;
    return su_fleet_run_in(&w, j, f->id, changed, f, &f->stop, status, e);
}

static int say(void *arg, const struct su_batch_vm *vm)
{
    char *out = arg;
    snprintf(out + strlen(out), 600 - strlen(out), "%s%s%s%s ", su_vm_outcome_name(vm->outcome),
             vm->outcome == SU_VM_SKIPPED ? "(" : "", vm->outcome == SU_VM_SKIPPED ? vm->id : "",
             vm->outcome == SU_VM_SKIPPED ? ")" : "");
    return 0;
}

/* How the batch's lines are, with its state before them. */
static const char *lines(struct su_jobs *j, const struct fake *f)
{
    static char out[600];
    struct su_batch b;
    struct su_err e = {0};
    if (su_batch_get(j, f->id, &b, NULL, &e) < 0)
        return "the batch cannot be read";
    snprintf(out, sizeof out, "%s: ", su_batch_state_name(b.state));
    return su_batch_vms(j, f->id, say, out, &e) < 0 ? "its lines cannot be read" : out;
}

static struct su_job_options one_by_one(void)
{
    struct su_job_options o;
    su_job_options_default(&o);
    o.batch = 1;
    return o;
}

static json_t *load_report(const struct su_jobs *j, const struct fake *f, char *text, size_t cap)
{
    char path[700];
    json_t *o;
    snprintf(path, sizeof path, "%s/report/%s.txt", j->dir, f->id);
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1);
    text[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof path, "%s/report/%s.json", j->dir, f->id);
    o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    return o;
}

static const char *member(const json_t *report, size_t vm, const char *name)
{
    const char *s = json_string_value(json_object_get(json_array_get(json_object_get(report, "vms"), vm), name));
    return s ? s : "";
}

static void good(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct stat st;
    char text[4000], path[700];
    int status = 9;
    make(j, &f, SU_OP_UPGRADE, "ok1 already2 ok3-nosb ok4 ok5 ok6 ok7 ok8 ok9 ok10", NULL);
    ok(run(j, &f, &status, &e) == 0 && status == 0, "ten that go well: %s", e.msg);
    is_str(lines(j, &f), "ended: ok already ok ok ok ok ok ok ok ok ");
    ok(f.most > 1 && f.most <= 5, "at most five at once, and more than one: %u", f.most);
    ok(f.changes == 20, "every change was told");
    ok(strstr(f.did, "ok3-nosb-sb ") && strstr(f.did, "ok4 "), "Secure Boot is the line's matter");
    json_auto_t *r = load_report(j, &f, text, sizeof text);
    ok(r && json_integer_value(json_object_get(r, "status")) == 0, "the report is JSON");
    is_str(json_string_value(json_object_get(json_object_get(r, "batch"), "state")), "ended");
    is_str(member(r, 3, "outcome"), "ok");
    is_str(member(r, 3, "seen"), "ok4");
    ok(strstr(text, "ok10") && strstr(text, "all is well") && strstr(text, "1.5 s") && !strchr(text, 0x1b),
       "and text for people");
    snprintf(path, sizeof path, "%s/log/%s-ok1.log", j->dir, f.id);
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_size == 10, "a log a VM");
    ok(run(j, &f, &status, &e) == 0 && status == 0 && f.did[0] == 0, "again: there is nothing to do");
}

static void reports_failures(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_job_options o = one_by_one();
    char text[4000];
    int status = 0;
    make(j, &f, SU_OP_UPGRADE, "ok1 stopped2 stuck3 ok4", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "one that is stuck ends the batch");
    is_str(lines(j, &f), "ended: ok stopped stuck skipped(job.max-failures) ");
    json_auto_t *r = load_report(j, &f, text, sizeof text);
    ok(strstr(text, "stuck3: it failed, and could not be brought back yet") &&
           strstr(text, "  what:    it went wrong [fake.stuck3]\n  do:      repair it\n") &&
           strstr(text, "stop     a ? finding\n           do so\n") && strstr(text, " checking 0.25 s") &&
           strstr(text, "ok4: its turn did not come"),
       "what happened and what to do");
    is_str(member(r, 2, "id"), "fake.stuck3");
    is_str(member(r, 3, "id"), "job.max-failures");
    ok(run(j, &f, &status, &e) == 0 && status == 1, "again");
    is_str(f.did, "stuck3 ");
    is_str(lines(j, &f), "ended: ok stopped stuck skipped(job.max-failures) ");
    json_auto_t *again = load_report(j, &f, text, sizeof text);
    is_str(member(again, 0, "seen"), "ok1");
    is_str(member(again, 1, "seen"), "stopped2");
}

static void order_of_failures(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_job_options o = one_by_one();
    int status = 0;
    make(j, &f, SU_OP_UPGRADE, "stopped1 fail2 ok3 ok4", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "a failure ends the batch, a stop does not");
    is_str(lines(j, &f), "ended: stopped failed skipped(job.max-failures) skipped(job.max-failures) ");
    ok(run(j, &f, &status, &e) == 0, "again: those that were skipped");
    is_str(lines(j, &f), "ended: stopped failed ok ok ");
    is_str(f.did, "ok3 ok4 ");
    o.max_failures = 2;
    make(j, &f, SU_OP_UPGRADE, "fail1 ok2 stuck3 ok4", &o);
    ok(run(j, &f, &status, &e) == 0, "two failures may be");
    is_str(lines(j, &f), "ended: failed ok stuck skipped(job.max-failures) ");
    o.keep_going = true;
    make(j, &f, SU_OP_UPGRADE, "fail1 fail2 stuck3 ok4", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "--keep-going");
    is_str(lines(j, &f), "ended: failed failed stuck ok ");
    o = one_by_one();
    make(j, &f, SU_OP_ASSESS, "fail1 stopped2 ok3", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "looking goes on after failures");
    is_str(lines(j, &f), "ended: failed stopped ok ");
    make(j, &f, SU_OP_ASSESS, "stopped2 ok3", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 3, "a stop alone is status 3");
}

static void canaries(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_job_options o;
    int status = 0;
    su_job_options_default(&o);
    o.canary = 2;
    make(j, &f, SU_OP_UPGRADE, "ok1 already2 ok3 ok4 ok5 ok6", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 0, "canaries that go well");
    ok(strncmp(f.did, "ok1 already2 ok", 15) == 0 || strncmp(f.did, "already2 ok1 ok", 15) == 0, "they go first: %s",
       f.did);
    o.keep_going = true;
    make(j, &f, SU_OP_UPGRADE, "ok1 stopped2 ok3 ok4", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "one is stopped by a check");
    is_str(lines(j, &f), "ended: ok stopped skipped(job.canary) skipped(job.canary) ");
    ok(run(j, &f, &status, &e) == 0 && status == 1 && !f.did[0], "again: nothing, for it is still so");
    o.batch = 1;
    make(j, &f, SU_OP_UPGRADE, "fail1 ok2 ok3", &o);
    ok(run(j, &f, &status, &e) == 0, "the first one fails");
    is_str(lines(j, &f), "ended: failed skipped(job.canary) skipped(job.canary) ");
}

static void cancels(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_job_options o = one_by_one();
    int status = 0;
    make(j, &f, SU_OP_UPGRADE, "ok1 cancel2 ok3", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "cancelled while the second runs");
    is_str(lines(j, &f), "ended: ok ok skipped(job.cancelled) ");
    ok(run(j, &f, &status, &e) == 0 && status == 0, "asked for again, it goes on");
    is_str(f.did, "ok3 ");
    make(j, &f, SU_OP_UPGRADE, "ok1 ok2", &o);
    ok(su_batch_cancel(j, f.id, &e) == 0 && run(j, &f, &status, &e) == 0 && !f.did[0], "cancelled before it began");
    is_str(lines(j, &f), "ended: skipped(job.cancelled) skipped(job.cancelled) ");
    make(j, &f, SU_OP_UPGRADE, "stop-me1 ok2", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "stopped by a signal");
    is_str(lines(j, &f), "ended: ok skipped(job.cancelled) ");
    f.stop = 0;
    make(j, &f, SU_OP_UPGRADE, "ok1 pause-me2 ok3", &o);
    ok(run(j, &f, &status, &e) == 0 && status == 1, "told to end, but to go on later");
    is_str(lines(j, &f), "running: ok pending pending ");
    f.stop = 0;
    f.unfinished = "ok3";
    ok(su_batch_cancel(j, f.id, &e) == 0 && run(j, &f, &status, &e) == 0, "cancelled now, with one unfinished");
    is_str(f.did, "ok3 ");
    is_str(lines(j, &f), "ended: ok skipped(job.cancelled) ok ");
}

static void whole_hosts(struct su_jobs *j)
{
    struct fake f = {.all = "a b c", .deaf = true}, none = {.all = NULL};
    struct su_err e = {0};
    int status = 9;
    make(j, &f, SU_OP_ASSESS, "", NULL);
    ok(run(j, &f, &status, &e) < 0 && strcmp(e.id, "vm.connect") == 0 && status == 9, "libvirt does not answer");
    is_str(lines(j, &f), "ended: ");
    f.deaf = false;
    ok(run(j, &f, &status, &e) == 0 && status == 0, "every VM of the host");
    is_str(lines(j, &f), "ended: ok ok ok ");
    f.all = "a b c d";
    ok(run(j, &f, &status, &e) == 0 && !f.did[0], "which were found at its first run");
    make(j, &none, SU_OP_ASSESS, "", NULL);
    ok(run(j, &none, &status, &e) == 0 && status == 0, "a host without VMs");
    make(j, &f, SU_OP_UPGRADE, "a b", NULL);
    f.deaf = true;
    ok(run(j, &f, &status, &e) < 0, "named VMs, and nobody answers");
    is_str(lines(j, &f), "ended: skipped(vm.connect) skipped(vm.connect) ");
    f.unfinished = "b";
    ok(run(j, &f, &status, &e) < 0, "again, with one that is half done");
    is_str(lines(j, &f), "running: skipped(vm.connect) skipped(vm.connect) ");
}

static void faults(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_job_options o = one_by_one();
    int status = 9, fd = -1;
    char text[4000];
    make(j, &f, SU_OP_UPGRADE, "ok1 broken2 ok3", &o);
    ok(run(j, &f, &status, &e) < 0 && strcmp(e.id, "store.io") == 0 && status == 9, "the store breaks: %s", e.msg);
    is_str(lines(j, &f), "running: ok working pending ");
    ok(su_batch_lock(j, f.id, &fd, &e) == 0 && run(j, &f, &status, &e) < 0 && strcmp(e.id, "job.running") == 0,
       "somebody else runs it");
    close(fd);
    make(j, &f, SU_OP_UPGRADE, "ok1 ok2 die3 ok4", &o);
    snprintf(text, sizeof text, "%s", j->dir);
    text[strlen(text) - strlen("/jobs")] = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct su_jobs own = {0};
        _exit(su_jobs_open(text, &own, &e) < 0 || run(&own, &f, &status, &e) < 0);
    }
    int ended = 0;
    ok(waitpid(pid, &ended, 0) == pid && WIFEXITED(ended) && WEXITSTATUS(ended) == 9, "a runner dies");
    is_str(lines(j, &f), "running: ok ok working pending ");
    json_auto_t *r = load_report(j, &f, text, sizeof text);
    ok(r && strstr(text, "It has not ended") && json_array_size(json_object_get(r, "vms")) == 4,
       "the report says how far it was");
}

static void names(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct stat st;
    struct su_batch_vm vm = {.index = 7};
    char name[SU_BATCH_LOG_NAME], path[700];
    int status = 9;
    snprintf(vm.name, sizeof vm.name, "web-1.example_x");
    su_batch_log_name("20260101-000000-0000", &vm, name, sizeof name);
    is_str(name, "20260101-000000-0000-web-1.example_x.log");
    snprintf(vm.name, sizeof vm.name, "../a b");
    su_batch_log_name("20260101-000000-0000", &vm, name, sizeof name);
    is_str(name, "20260101-000000-0000-.._a_b~00007.log");
    memset(vm.name, 'x', sizeof vm.name - 1);
    su_batch_log_name("20260101-000000-0000", &vm, name, sizeof name);
    ok(strlen(name) == 20 + 1 + 127 + 6 + 4, "a long name is cut, and numbered");
    make(j, &f, SU_OP_VERIFY, "rename1", NULL);
    ok(run(j, &f, &status, &e) == 0, "a UUID that is a name now");
    snprintf(path, sizeof path, "%s/log/%s-other-name.log", j->dir, f.id);
    ok(stat(path, &st) == 0, "the log has the name");
}

/* A thousand lines that cost nothing: what is left is ours. */
static void thousand(struct su_jobs *j)
{
    struct fake f = {.all = NULL};
    struct su_err e = {0};
    struct su_buf all SU_BUF = {0};
    int status = 9;
    for (int i = 0; i < 1000; i++)
        su_buf_printf(&all, "vm%d ", i);
    f.all = su_buf_str(&all);
    make(j, &f, SU_OP_ASSESS, "", NULL);
    int64_t begun = su_monotonic_us();
    ok(run(j, &f, &status, &e) == 0 && status == 0, "a thousand VMs: %s", e.msg);
    printf("# %.2f s, of which naps %.2f s\n", (double)(su_monotonic_us() - begun) / 1e6, 1000 * 0.002 / f.most);
}

int main(void)
{
    struct su_tmpdir t SU_TMPDIR = SU_TMPDIR_NONE;
    struct su_err e = {0};
    if (su_tmpdir_make(&t, 0, &e) < 0)
        return 1;
    struct su_jobs j SU_JOBS = {0};
    ok(su_jobs_open(t.path, &j, &e) == 0, "opened: %s", e.msg);
    good(&j);
    reports_failures(&j);
    order_of_failures(&j);
    canaries(&j);
    cancels(&j);
    whole_hosts(&j);
    faults(&j);
    names(&j);
    thousand(&j);
    return tap_done();
}
