/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "writer.h"
#include <pthread.h>
#include <signal.h>

enum { MAX_BATCH = 256 };

struct job {
    su_db_fn fn;
    void *arg;
    struct su_err err;
    int rc;
    bool done;
    struct job *next;
};

struct su_writer {
    struct su_db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, finished;
    struct job *first, **last; /* on the stacks of those who wait */
    bool stopping;
    struct su_writer_stats stats;
};

static void fail_all(struct job *j, const struct su_err *why)
{
    for (; j; j = j->next) {
        if (j->rc == 0)
            j->err = *why;
        j->rc = -1;
    }
}

/* -1: the whole transaction is lost, for the reason in *e. */
static int run_one(struct su_db *db, struct job *j, struct su_err *e)
{
    if (su_db_savepoint(db, "SAVEPOINT", e) < 0)
        return -1;
    j->rc = j->fn(db, j->arg, &j->err);
    if (!su_db_in_transaction(db)) {
        *e = j->err;
        return -1;
    }
    if (j->rc < 0 && su_db_savepoint(db, "ROLLBACK TO", e) < 0)
        return -1;
    return su_db_savepoint(db, "RELEASE", e);
}

static void run_batch(struct su_db *db, struct job *batch)
{
    struct su_err e = {0};
    bool wrote = false;
    if (su_db_begin(db, &e) < 0) {
        fail_all(batch, &e);
        return;
    }
    for (struct job *j = batch; j; j = j->next) {
        if (run_one(db, j, &e) < 0) {
            su_db_rollback(db);
            fail_all(batch, &e);
            return;
        }
        wrote = wrote || j->rc == 0;
    }
    if (!wrote)
        su_db_rollback(db);
    else if (su_db_commit(db, &e) < 0)
        fail_all(batch, &e);
}

static struct job *take_batch(struct su_writer *w)
{
    struct job *batch = w->first, *end = batch;
    for (int i = 1; i < MAX_BATCH && end->next; i++)
        end = end->next;
    w->first = end->next;
    if (!w->first)
        w->last = &w->first;
    end->next = NULL;
    return batch;
}

static void *work(void *arg)
{
    struct su_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->stopping)
            pthread_cond_wait(&w->wake, &w->lock);
        if (!w->first)
            break;
        struct job *batch = take_batch(w);
        pthread_mutex_unlock(&w->lock);
        run_batch(w->db, batch);
        pthread_mutex_lock(&w->lock);
        w->stats.commits++;
        while (batch) { /* whoever is told is gone: next first */
            struct job *next = batch->next;
            w->stats.changes++;
            w->stats.failures += batch->rc < 0;
            batch->done = true;
            batch = next;
        }
        pthread_cond_broadcast(&w->finished);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int su_writer_start(struct su_db *db, struct su_writer **out, struct su_err *e)
{
    struct su_writer *w = calloc(1, sizeof *w);
    if (!w)
        return su_fail_nomem(e, sizeof *w);
    w->db = db;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    pthread_cond_init(&w->finished, NULL);
    sigset_t all, old; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        free(w);
        return su_fail(e, SU_E_NOMEM, "authority.thread", "no thread for the ledger could be started");
    }
    *out = w;
    return 0;
}

void su_writer_stop(struct su_writer **pp)
{
    struct su_writer *w = su_steal(pp);
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    su_db_close(&w->db);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->finished);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int su_writer_run(struct su_writer *w, su_db_fn fn, void *arg, struct su_err *e)
{
    struct job j = {.fn = fn, .arg = arg};
    pthread_mutex_lock(&w->lock);
    *w->last = &j;
    w->last = &j.next;
    pthread_cond_signal(&w->wake);
    while (!j.done)
        pthread_cond_wait(&w->finished, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (j.rc < 0)
        *e = j.err;
    return j.rc;
}

void su_writer_stats(struct su_writer *w, struct su_writer_stats *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    pthread_mutex_unlock(&w->lock);
}
