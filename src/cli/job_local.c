/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs of the store itself: run by threads of this process, or only looked at. */
#include "base/clock.h"
#include "cli.h"
#include "job.h"
#include "upgrade/job.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 200 };

struct su_job_local {
    struct su_jobs *jobs; /* borrowed */
    char id[SU_BATCH_ID];
    pthread_t thread;
    bool runs;         /* there is a thread */
    volatile int stop; /* su_fleet_run's */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    uint64_t changes;       /* how often something changed */
    bool over;              /* the thread has ended */
    int rc;                 /* and how */
    struct su_err err;
};

static void changed(void *arg, const struct su_batch_vm *vm)
{
    struct su_job_local *l = arg;
    (void)vm;
    pthread_mutex_lock(&l->lock);
    l->changes++;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void *run(void *arg)
{
    struct su_job_local *l = arg;
    struct su_err e = {0};
    int status = 0, rc = su_fleet_run(l->jobs, l->id, changed, l, &l->stop, &status, &e);
    pthread_mutex_lock(&l->lock);
    l->over = true;
    l->rc = rc;
    l->err = e;
    l->changes++;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* The threads of the job get no signals: the one that watches does. */
static int start_thread(struct su_job_local *l, struct su_err *e)
{
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    l->runs = rc == 0;
    errno = rc;
    return rc == 0 ? 0 : su_fail_os(e, "job.start", "starting a thread");
}

int su_job_local_start(struct su_jobs *j, const char *id, bool runs, struct su_job_local **out, struct su_err *e)
{
    if (!su_batch_id_valid(id))
        return su_fail(e, SU_E_MISSING, "job.none", "there is no job %.64s", id);
    struct su_job_local *l = calloc(1, sizeof *l);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    l->jobs = j;
    snprintf(l->id, sizeof l->id, "%s", id);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (runs && start_thread(l, e) < 0) {
        su_job_local_freep(&l);
        return -1;
    }
    *out = l;
    return 0;
}

void su_job_local_freep(struct su_job_local **lp)
{
    struct su_job_local *l = *lp;
    *lp = NULL;
    if (!l)
        return;
    if (l->runs) {
        if (!l->stop)
            l->stop = SU_FLEET_PAUSE;
        pthread_join(l->thread, NULL);
    }
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Until something changed; a job of another process is asked for again after a while. */
static void wait_change(struct su_job_local *l, uint64_t seen, unsigned ms)
{
    struct timespec until = su_deadline_ms(l->runs || ms < POLL_MS ? ms : POLL_MS);
    pthread_mutex_lock(&l->lock);
    while (l->changes == seen && pthread_cond_clockwait(&l->changed, &l->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    pthread_mutex_unlock(&l->lock);
}

static void rest(void *arg, unsigned ms)
{
    struct su_job_local *l = arg;
    struct timespec until = su_deadline_ms(ms);
    pthread_mutex_lock(&l->lock);
    while (!l->over && pthread_cond_clockwait(&l->changed, &l->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    pthread_mutex_unlock(&l->lock);
}

static void wait_over(struct su_job_local *l)
{
    pthread_mutex_lock(&l->lock);
    while (!l->over)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

/* The job's own failure, once its thread has ended before the job has. */
static int failed(struct su_job_local *l, const json_t *view, struct su_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&l->lock);
    if (l->over && l->rc < 0) {
        *e = l->err;
        rc = -1;
    } else if (l->over && !su_job_ended(view)) {
        rc = su_fail(e, SU_E_IO, "job.stopped", "job %s was stopped before its end", l->id);
        (void)su_remedy(e, "Continue it: surety job run ID");
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static int look(void *arg, const char *since, unsigned wait_ms, json_t **out, struct su_err *e)
{
    struct su_job_local *l = arg;
    json_t *view SU_JSON = NULL;
    pthread_mutex_lock(&l->lock);
    uint64_t seen = l->changes;
    bool over = l->over;
    pthread_mutex_unlock(&l->lock);
    if (su_jobs_view(l->jobs, l->id, &view, e) < 0)
        return -1;
    if (since && strcmp(since, su_api_text(view, "change")) == 0 && !over) {
        wait_change(l, seen, wait_ms);
        json_decref(su_steal(&view));
        if (su_jobs_view(l->jobs, l->id, &view, e) < 0)
            return -1;
    }
    if (l->runs && !over && su_job_ended(view)) { /* in a moment; or it ended long ago, and runs again */
        wait_over(l);
        json_decref(su_steal(&view));
        if (su_jobs_view(l->jobs, l->id, &view, e) < 0)
            return -1;
    }
    if (over && failed(l, view, e) < 0)
        return -1;
    *out = su_steal(&view);
    return 0;
}

static int report(void *arg, json_t **out, struct su_err *e)
{
    const struct su_job_local *l = arg;
    return su_jobs_report(l->jobs, l->id, out, e);
}

static void stop(void *arg, bool pause)
{
    struct su_job_local *l = arg;
    l->stop = pause ? SU_FLEET_PAUSE : SU_FLEET_STOP;
}

struct su_job_port su_job_port_local(struct su_job_local *l)
{
    return (struct su_job_port){.look = look, .report = report, .rest = rest, .stop = l->runs ? stop : NULL, .arg = l};
}
