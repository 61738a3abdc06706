/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/fleet_run.c - a batch from its beginning to its end: lines, threads, logs, report. */
#include "base/clean.h"
#include "base/clock.h"
#include "upgrade/fleet_int.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
    LOOK_US = 300000,           /* the store is asked for a cancel */
    REPORT_US = 1000000,        /* the report is written again */
    REPORT_LOOKED_US = 5000000, /* the same, when nothing was changed: it can be had again */
    THREADS = 64
};

struct fleet {
    const struct su_fleet_world *world;
    struct su_jobs *jobs;
    volatile int *stop;
    struct su_batch batch;
    struct su_batch_vm *vm; /* owned: the lines */
    bool *first;            /* owned, beside it */
    uint32_t n, cap;
    struct su_order order;
    struct su_report *report;
    pthread_mutex_t lock; /* of all that follows, and of vm, order and report while threads run */
    pthread_cond_t ended;
    bool cancelled;    /* as the store said last */
    int64_t looked_us; /* when */
    int64_t reported_us, report_takes_us;
    bool broken; /* the store cannot be written: err says why */
    struct su_err err;
};

static void fleet_done(struct fleet *f)
{
    su_order_done(&f->order);
    su_report_close(&f->report);
    free(f->vm);
    free(f->first);
    pthread_cond_destroy(&f->ended);
    pthread_mutex_destroy(&f->lock);
}

static void unlockp(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}
#define HOLD(f)                                                                                                        \
    pthread_mutex_t *held_ SU_AUTO(unlockp) = &(f)->lock;                                                              \
    pthread_mutex_lock(held_)

/* It changes no VM. */
static bool looks(const struct fleet *f)
{
    return f->batch.op == SU_OP_ASSESS || f->batch.op == SU_OP_VERIFY || f->batch.op == SU_OP_LOOK;
}

/* The lines ------------------------------------------------------------------ */

static int add_line(struct fleet *f, const struct su_batch_vm *vm)
{
    if (f->n == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 16;
        struct su_batch_vm *more = reallocarray(f->vm, cap, sizeof *more);
        if (!more)
            return -1;
        f->vm = more;
        f->cap = cap;
    }
    f->vm[f->n++] = *vm;
    return 0;
}

static int take_line(void *arg, const struct su_batch_vm *vm)
{
    return add_line(arg, vm);
}

static int found_vm(void *arg, const char *name, const char *uuid)
{
    struct su_batch_vm vm = {.secure_boot = -1};
    su_clean(vm.name, sizeof vm.name, name);
    snprintf(vm.uuid, sizeof vm.uuid, "%s", uuid);
    return add_line(arg, &vm);
}

static int unfinished_vm(void *arg, const char *name, const char *uuid)
{
    struct fleet *f = arg;
    for (uint32_t i = 0; i < f->n; i++)
        if (strcmp(f->vm[i].uuid, uuid) == 0 || (!f->vm[i].uuid[0] && strcmp(f->vm[i].name, name) == 0))
            f->first[i] = true;
    return 0;
}

/* The lines as the store has them.  An operation that changes VMs looks again at what it was about to do. */
static int load(struct fleet *f, struct su_err *e)
{
    f->n = 0;
    if (su_batch_vms(f->jobs, f->batch.id, take_line, f, e) < 0)
        return -1;
    if (f->n != f->batch.n_vms)
        return su_fail(e, SU_E_FORMAT, "job.record", "batch %s has %u lines of %u", f->batch.id, f->n, f->batch.n_vms);
    for (uint32_t i = 0; i < f->n; i++)
        if (f->vm[i].index != i)
            return su_fail(e, SU_E_FORMAT, "job.record", "batch %s has no line %u", f->batch.id, i);
    free(f->first);
    f->first = calloc(f->n + 1, sizeof *f->first);
    if (!f->first)
        return su_fail_nomem(e, f->n);
    if (looks(f))
        return 0;
    for (uint32_t i = 0; i < f->n; i++)
        f->first[i] = f->vm[i].outcome == SU_VM_WORKING || f->vm[i].outcome == SU_VM_STUCK;
    return f->world->unfinished(f->world->arg, f->jobs, f->batch.id, unfinished_vm, f, e);
}

static int find_all(struct fleet *f, struct su_err *e)
{
    f->n = 0;
    if (f->world->list(f->world->arg, found_vm, f, e) < 0)
        return -1;
    return su_batch_add(f->jobs, &f->batch, f->vm, f->n, e);
}

/* One VM --------------------------------------------------------------------- */

/* Whether no other VM begins; the store is asked, but not at every turn.  The lock is held. */
static bool is_cancelled(struct fleet *f)
{
    int64_t now = su_monotonic_us();
    struct su_batch b;
    struct su_err ignored;
    if (*f->stop || f->broken)
        return true;
    if (!f->cancelled && now - f->looked_us >= LOOK_US) {
        f->looked_us = now;
        f->cancelled = su_batch_get(f->jobs, f->batch.id, &b, NULL, &ignored) == 0 && b.cancelled;
    }
    return f->cancelled;
}

static bool job_cancelled(void *arg)
{
    struct fleet *f = arg;
    HOLD(f);
    return is_cancelled(f);
}

static FILE *open_log(const struct fleet *f, const char *name)
{
    char path[sizeof f->jobs->dir + SU_BATCH_LOG_NAME + 8];
    snprintf(path, sizeof path, "%s/log/%s", f->jobs->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *log = fd < 0 ? NULL : fdopen(fd, "a");
    if (fd >= 0 && !log)
        close(fd);
    return log;
}

/* A UUID that stood for a name has become one. */
static void rename_log(const struct fleet *f, const char *from, const struct su_batch_vm *vm)
{
    char to[SU_BATCH_LOG_NAME], a[sizeof f->jobs->dir + SU_BATCH_LOG_NAME + 8], b[sizeof a];
    su_batch_log_name(f->batch.id, vm, to, sizeof to);
    if (strcmp(from, to) == 0)
        return;
    snprintf(a, sizeof a, "%s/log/%s", f->jobs->dir, from);
    snprintf(b, sizeof b, "%s/log/%s", f->jobs->dir, to);
    if (rename(a, b) < 0) /* it stays under its first name: a log, nothing more */
        return;
}

static int run_one(struct fleet *f, const struct su_batch *batch, const struct su_batch_vm *vm, struct su_job *job,
                   struct su_err *e)
{
    char name[SU_BATCH_LOG_NAME];
    *job = (struct su_job){.jobs = f->jobs, .batch = *batch, .vm = *vm, .cancelled = job_cancelled, .arg = f};
    if (vm->outcome == SU_VM_SKIPPED || vm->outcome == SU_VM_STUCK)
        job->vm.id[0] = job->vm.text[0] = job->vm.remedy[0] = job->vm.summary[0] = 0;
    if (su_order_again(vm->outcome) && vm->outcome != SU_VM_WORKING)
        job->vm.started_ms = job->vm.ended_ms = 0;
    if (vm->secure_boot >= 0 && (batch->op == SU_OP_ASSESS || batch->op == SU_OP_UPGRADE))
        job->batch.options.secure_boot = vm->secure_boot != 0;
    su_batch_log_name(batch->id, vm, name, sizeof name);
    job->log = open_log(f, name);
    int rc = f->world->run(f->world->arg, job, e);
    if (job->log) {
        fclose(job->log);
        job->log = NULL;
        rename_log(f, name, &job->vm);
    }
    return rc;
}

/* When it is time; a report of a thousand VMs is not written a thousand times. */
static int report(struct fleet *f, bool now, struct su_err *e)
{
    int64_t begun = su_monotonic_us();
    int64_t pause = looks(f) ? REPORT_LOOKED_US : REPORT_US;
    if (pause < f->report_takes_us * 10)
        pause = f->report_takes_us * 10;
    if (!now && begun - f->reported_us < pause)
        return 0;
    int rc = su_report_write(f->report, &f->batch, f->vm, f->n, e);
    f->reported_us = su_monotonic_us();
    f->report_takes_us = f->reported_us - begun;
    return rc;
}

static void broke(struct fleet *f, const struct su_err *e)
{
    if (!f->broken)
        f->err = *e;
    f->broken = true;
}

/* The runner was told to end, the batch was not: a VM that was left as it was comes again. */
static void wait_for_next_run(struct fleet *f, struct su_batch_vm *vm)
{
    struct su_err e;
    if (*f->stop != SU_FLEET_PAUSE || vm->outcome != SU_VM_FAILED || strcmp(vm->id, "job.cancelled") != 0)
        return;
    vm->outcome = SU_VM_PENDING;
    vm->percent = 0;
    vm->started_ms = vm->ended_ms = 0;
    vm->id[0] = vm->text[0] = vm->remedy[0] = vm->summary[0] = vm->step[0] = 0;
    if (su_batch_vm_put(f->jobs, f->batch.id, vm, &e) < 0)
        broke(f, &e);
}

/* A name that libvirt does not know: nothing was done, and it tells nothing about the others. */
static bool slip(const struct su_batch_vm *vm)
{
    return vm->outcome == SU_VM_FAILED && !vm->uuid[0] && strcmp(vm->id, "vm.none") == 0;
}

static void keep_result(struct fleet *f, uint32_t index, struct su_job *job, int rc, struct su_err *e)
{
    HOLD(f);
    if (rc < 0)
        broke(f, e);
    f->vm[index] = job->vm;
    su_order_end(&f->order, index, slip(&job->vm) ? SU_VM_STOPPED : job->vm.outcome);
    wait_for_next_run(f, &f->vm[index]);
    if (job->report && su_report_add(f->report, index, job->report, e) < 0)
        broke(f, e);
    if (report(f, false, e) < 0)
        broke(f, e);
    pthread_cond_broadcast(&f->ended);
}

static bool next(struct fleet *f, struct su_batch *batch, struct su_batch_vm *vm)
{
    HOLD(f);
    for (;;) {
        uint32_t index;
        bool cancelled = is_cancelled(f);
        enum su_order_answer a = *f->stop || f->broken ? SU_ORDER_END : su_order_take(&f->order, cancelled, &index);
        if (a == SU_ORDER_END)
            return false;
        if (a == SU_ORDER_TAKE) {
            *vm = f->vm[index];
            *batch = f->batch;
            return true;
        }
        pthread_cond_wait(&f->ended, &f->lock);
    }
}

static void *work(void *arg)
{
    struct fleet *f = arg;
    struct su_batch batch;
    struct su_batch_vm vm;
    struct su_job job;
    while (next(f, &batch, &vm)) {
        struct su_err e = {0};
        int rc = run_one(f, &batch, &vm, &job, &e);
        keep_result(f, vm.index, &job, rc, &e);
        json_decref(job.report);
    }
    /* who waits asks again */
    HOLD(f);
    pthread_cond_broadcast(&f->ended);
    return NULL;
}

/* The whole ------------------------------------------------------------------ */

/* Looking may take more threads than changing: they mostly wait for libvirt and the disks. */
static unsigned n_threads(const struct fleet *f)
{
    unsigned n = f->batch.options.batch;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (looks(f) && n > 1 && cpus > 0 && n < 2 * (unsigned long)cpus)
        n = 2 * (unsigned)cpus;
    if (n > f->order.n)
        n = f->order.n;
    return n < THREADS ? n : THREADS;
}

static int run_threads(struct fleet *f, struct su_err *e)
{
    pthread_t t[THREADS];
    unsigned n = n_threads(f), made = 0;
    int rc = 0;
    while (made < n && (rc = pthread_create(&t[made], NULL, work, f)) == 0)
        made++;
    if (made == 0 && n > 0) {
        errno = rc;
        return su_fail_os(e, "job.thread", "starting a thread");
    }
    for (unsigned i = 0; i < made; i++)
        pthread_join(t[i], NULL);
    return 0;
}

/* What is left of the order gets its reason; stuck ones keep theirs. */
static int skip_rest(struct fleet *f, struct su_err *e)
{
    for (uint32_t i = f->order.next; i < f->order.n; i++) {
        struct su_batch_vm *vm = &f->vm[f->order.item[i].index];
        if (vm->outcome == SU_VM_STUCK)
            continue;
        vm->outcome = SU_VM_SKIPPED;
        vm->step[0] = vm->summary[0] = 0;
        su_order_why(&f->order, vm);
        if (su_batch_vm_put(f->jobs, f->batch.id, vm, e) < 0)
            return -1;
    }
    return 0;
}

static bool mark_running(void *arg, struct su_batch *b)
{
    (void)arg;
    if (b->state == SU_BATCH_ENDED) /* asked for again by hand */
        b->cancelled = false;
    b->state = SU_BATCH_RUNNING;
    b->started = b->started ? b->started : (uint64_t)time(NULL);
    b->ended = 0;
    return true;
}

static bool mark_ended(void *arg, struct su_batch *b)
{
    b->state = SU_BATCH_ENDED;
    b->ended = *(const uint64_t *)arg;
    return true;
}

/* The report is there before the batch says that it has ended. */
static int end(struct fleet *f, struct su_err *e)
{
    uint64_t now = (uint64_t)time(NULL);
    f->batch.state = SU_BATCH_ENDED;
    f->batch.ended = now;
    f->batch.cancelled = f->batch.cancelled || f->cancelled;
    if (report(f, true, e) < 0)
        return -1;
    return su_batch_change(f->jobs, f->batch.id, mark_ended, &now, &f->batch, e);
}

/* Nobody answers: VMs that nothing was done to are skipped, with the reason, and the batch ends.  Others wait for the
 * next run. */
static int give_up(struct fleet *f, const struct su_err *why, struct su_err *e)
{
    struct su_err ignored;
    *e = *why;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->first[i])
            return -1;
    for (uint32_t i = 0; i < f->n; i++) {
        struct su_batch_vm *vm = &f->vm[i];
        if (!su_order_again(vm->outcome))
            continue;
        vm->outcome = SU_VM_SKIPPED;
        snprintf(vm->id, sizeof vm->id, "%s", why->id);
        su_clean(vm->text, sizeof vm->text, why->msg);
        su_clean(vm->remedy, sizeof vm->remedy, why->remedy ? why->remedy : "");
        if (su_batch_vm_put(f->jobs, f->batch.id, vm, &ignored) < 0)
            return -1;
    }
    if (end(f, &ignored) < 0) /* what matters is why */
        return -1;
    return -1;
}

/* Not at its end: it was only interrupted, or something unfinished did not get its turn. */
static bool paused(const struct fleet *f)
{
    bool left = f->order.next < f->order.n;
    return left && (*f->stop == SU_FLEET_PAUSE || f->order.item[f->order.next].first);
}

static int run_all(struct fleet *f, struct su_err *e)
{
    struct su_err why;
    if (f->world->open(f->world->arg, &f->batch, &why) < 0)
        return give_up(f, &why, e);
    if (f->batch.all && f->batch.n_vms == 0) {
        if (find_all(f, &why) < 0) {
            f->n = 0;
            return give_up(f, &why, e);
        }
        if (load(f, e) < 0)
            return -1;
    }
    if (su_order_make(&f->batch, f->vm, f->first, f->n, &f->order, e) < 0 || run_threads(f, e) < 0)
        return -1;
    if (f->broken) {
        *e = f->err;
        return -1;
    }
    if (paused(f))
        return report(f, true, e);
    return skip_rest(f, e) < 0 ? -1 : end(f, e);
}

int su_fleet_run_in(const struct su_fleet_world *w, struct su_jobs *j, const char *id,
                    void (*on_change)(void *arg, const struct su_batch_vm *vm), void *arg, volatile int *stop,
                    int *status, struct su_err *e)
{
    static volatile int never;
    struct fleet f SU_AUTO(fleet_done) = {.world = w, .jobs = j, .stop = stop ? stop : &never};
    SU_CLOSE int lock = -1;
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.ended, NULL);
    if (su_batch_lock(j, id, &lock, e) < 0)
        return -1;
    if (su_batch_change(j, id, mark_running, NULL, &f.batch, e) < 0)
        return -1;
    f.cancelled = f.batch.cancelled;
    if (load(&f, e) < 0 || su_report_open(j, id, &f.report, e) < 0)
        return -1;
    f.reported_us = looks(&f) ? su_monotonic_us() : 0;
    j->changed = on_change;
    j->changed_arg = arg;
    int rc = run_all(&f, e);
    j->changed = NULL;
    if (rc == 0)
        *status = su_batch_status(f.vm, f.n);
    return rc;
}
