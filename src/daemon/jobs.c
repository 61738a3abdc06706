/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runners of jobs: started when a job is asked for, when suretyd starts and finds one unfinished, and again when one
 * died.  Whether one lives is told by its lock alone (jobs/batch.h), whoever started it. */
#include "base/child.h"
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/launch.h"
#include "daemon/log.h"
#include "jobs/view.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

enum {
    LOOK_S = 10,    /* between two looks for jobs that nobody runs */
    FRESH_S = 30,   /* a job of --local is run by the command that makes it, in a moment */
    STARTS = 4,     /* once, and three times again */
    SETTLE_S = 15,  /* from starting a runner until its lock has to be there */
    TRIM_S = 86400, /* once a day ... */
    KEEP_DAYS = 90, /* ... what ended longer ago goes */
    TRIED = 64,
    TRIED_S = 3600, /* until a row may be another job's */
    SYSTEMCTL_MS = 20000,
};

struct tried {
    char id[SU_BATCH_ID]; /* "": free */
    unsigned starts;
    int64_t last; /* seconds; monotonic */
    bool said;    /* that it is given up */
};

struct su_runner {
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    bool stopping;
    int launcher; /* -1: systemd starts runners */
    struct tried tried[TRIED];
};

void su_jobs_look(const struct su_daemon *d, struct su_jobs_mark *m)
{
    char path[sizeof d->jobs.dir + 16];
    struct stat st;
    memset(m, 0, sizeof *m);
    snprintf(path, sizeof path, "%s/jobs.db", d->jobs.dir);
    if (stat(path, &st) == 0)
        m->db = st.st_mtim;
    snprintf(path, sizeof path, "%s/jobs.db-wal", d->jobs.dir);
    if (stat(path, &st) == 0) {
        m->wal = st.st_mtim;
        m->wal_size = st.st_size;
    }
}

/* The row of this ID; a new one takes the place of the oldest.  NULL: that was tried lately, and is not to be
 * forgotten. */
static struct tried *row_of(struct su_runner *r, const char *id, bool must)
{
    struct tried *oldest = &r->tried[0];
    for (size_t i = 0; i < TRIED; i++) {
        if (strcmp(r->tried[i].id, id) == 0)
            return &r->tried[i];
        if (!r->tried[i].id[0] || (oldest->id[0] && r->tried[i].last < oldest->last))
            oldest = &r->tried[i];
    }
    if (oldest->id[0] && !must && su_monotonic_s() - oldest->last < TRIED_S)
        return NULL;
    *oldest = (struct tried){0};
    snprintf(oldest->id, sizeof oldest->id, "%s", id);
    return oldest;
}

static int start_unit(const char *id, struct su_err *e)
{
    char unit[SU_BATCH_ID + 32];
    const char *const argv[] = {"systemctl", "--no-ask-password", "start", "--no-block", unit, NULL};
    struct su_child c = {.argv = argv, .timeout_ms = SYSTEMCTL_MS};
    snprintf(unit, sizeof unit, "surety-job@%s.service", id);
    return su_child_run(&c, NULL, e) < 0 ? su_context(e, "starting %s", unit) : 0;
}

/* With the runner's lock: one at a time. */
static int start(struct su_runner *r, struct tried *t, struct su_err *e)
{
    t->starts++;
    t->last = su_monotonic_s();
    int rc = r->launcher < 0 ? start_unit(t->id, e) : su_launcher_ask(r->launcher, t->id, e);
    if (rc < 0)
        su_log_err(LOG_ERR, "job", e);
    else
        su_log(LOG_NOTICE, "job %s: a runner is started", t->id);
    return rc;
}

int su_jobs_run(struct su_daemon *d, const char *id, struct su_err *e)
{
    struct su_runner *r = d->runner;
    SU_HOLD(&r->lock);
    /* who looks before the runner has begun does not see the job's last end */
    if (su_batch_again(&d->jobs, id, e) < 0)
        return -1;
    struct tried *t = row_of(r, id, true);
    t->starts = 0;
    t->said = false;
    return start(r, t, e);
}

/* A job that nobody runs. */
static int look_at(void *arg, const struct su_batch *b)
{
    struct su_runner *r = arg;
    struct su_err e = {0};
    uint64_t now = su_now();
    if (r->stopping)
        return 1;
    if (strcmp(b->origin, "local") == 0 && now >= b->created && now - b->created < FRESH_S)
        return 0;
    struct tried *t = row_of(r, b->id, false);
    if (!t || (t->starts && su_monotonic_s() - t->last < SETTLE_S))
        return 0;
    if (t->starts >= STARTS) {
        if (!t->said)
            su_log(LOG_ERR, "job %s: its runner ended %u times before the job did; continue it with: surety job run %s",
                   b->id, t->starts, b->id);
        t->said = true;
        return 0;
    }
    if (t->starts)
        su_log(LOG_WARNING, "job %s: its runner is gone", b->id);
    (void)start(r, t, &e); /* said; tried again at the next look */
    return 0;
}

static void look(struct su_daemon *d, int64_t *trimmed)
{
    struct su_err e = {0};
    struct su_runner *r = d->runner;
    if (su_batch_unfinished(&d->jobs, look_at, r, &e) < 0)
        su_log_err(LOG_ERR, "unfinished jobs", &e);
    if (*trimmed && su_monotonic_s() - *trimmed < TRIM_S)
        return;
    *trimmed = su_monotonic_s();
    if (su_jobs_trim(&d->jobs, KEEP_DAYS, &e) < 0)
        su_log_err(LOG_WARNING, "old jobs", &e);
}

static void *watch(void *arg)
{
    struct su_daemon *d = arg;
    struct su_runner *r = d->runner;
    int64_t trimmed = 0;
    SU_HOLD(&r->lock);
    while (!r->stopping) {
        look(d, &trimmed);
        struct timespec until = su_deadline_ms(LOOK_S * 1000);
        while (!r->stopping && pthread_cond_clockwait(&r->wake, &r->lock, CLOCK_MONOTONIC, &until) == 0)
            ;
    }
    return NULL;
}

/* Runners are units where systemd runs this machine and nothing is another one than installed. */
static bool by_systemd(const struct su_daemon *d, const char *surety)
{
    return !surety && strcmp(d->state_dir, SU_STATE_DIR) == 0 && sd_booted() > 0;
}

int su_jobs_prepare(struct su_daemon *d, const char *surety, struct su_err *e)
{
    struct su_runner *r = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    r->launcher = -1;
    d->runner = r;
    return by_systemd(d, surety) ? 0
                                 : su_launcher_start(surety ? surety : SURETY_PROGRAM, d->state_dir, &r->launcher, e);
}

int su_jobs_start(struct su_daemon *d, struct su_err *e)
{
    if (su_jobs_open_sparing(d->state_dir, &d->jobs, e) < 0)
        return -1;
    int rc = pthread_create(&d->runner->thread, NULL, watch, d);
    d->jobs_watched = rc == 0;
    errno = rc;
    return rc == 0 ? 0 : su_fail_os(e, "daemon.launch", "starting a thread");
}

void su_jobs_stop(struct su_daemon *d)
{
    struct su_runner *r = d->runner;
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    if (d->jobs_watched)
        pthread_join(r->thread, NULL);
    su_jobs_done(&d->jobs);
    if (r->launcher >= 0)
        close(r->launcher);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
    d->runner = NULL;
}
