/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker.h"
#include "base/clock.h"
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

enum { FIRST_RETRY_MS = 500, LAST_RETRY_MS = 30000 };

struct su_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, ended_cond;
    struct su_worker_options o;
    char uri[SU_URI_MAX], pin_file[SU_URI_MAX], module[SU_URI_MAX], dir[SU_URI_MAX];
    X509 *leaf;
    /* under the lock */
    struct su_key *key; /* changed by the thread alone */
    struct su_work *todo, **todo_end, *done, **done_end, *current;
    unsigned waiting;
    uint64_t busy_since; /* ms; 0: idle */
    bool hung, stop, ended, abandoned;
    struct su_err problem; /* kind SU_OK: none */
    /* of the thread */
    struct su_document_signer *signer;
    unsigned retry_ms;
    struct timespec pin_time; /* of the PIN file that was refused */
};

void su_work_free(struct su_work *w)
{
    if (!w)
        return;
    su_buf_done(&w->request);
    su_buf_done(&w->payload);
    su_buf_done(&w->der);
    free(w);
}

static void wake(const struct su_worker *k)
{
    eventfd_write(k->o.wake, 1);
}

static void copy(char *out, const char *s)
{
    size_t n = s ? strnlen(s, SU_URI_MAX - 1) : 0;
    memcpy(out, s ? s : "", n);
    out[n] = 0;
}

/* The thread --------------------------------------------------------------- */

static void begin(struct su_worker *k)
{
    pthread_mutex_lock(&k->lock);
    k->busy_since = (uint64_t)su_monotonic_ms();
    pthread_mutex_unlock(&k->lock);
}

/* With the lock held. */
static void close_key(struct su_worker *k)
{
    struct su_key *key = su_steal(&k->key);
    su_document_signer_free(&k->signer);
    pthread_mutex_unlock(&k->lock);
    su_key_free(&key);
    pthread_mutex_lock(&k->lock);
}

static struct timespec pin_time(const struct su_worker *k)
{
    struct stat st;
    return k->o.key.pin_file && stat(k->o.key.pin_file, &st) == 0 ? st.st_mtim : (struct timespec){0};
}

/* A PIN is tried once: tokens lock themselves. */
static bool pin_refused(const struct su_worker *k)
{
    struct timespec now = pin_time(k);
    return k->problem.kind && strcmp(k->problem.id, "key.pin") == 0 && now.tv_sec == k->pin_time.tv_sec &&
           now.tv_nsec == k->pin_time.tv_nsec;
}

static int open_and_check(struct su_worker *k, struct su_key **key, struct su_err *e)
{
    if (su_key_open(k->uri, &k->o.key, key, e) < 0)
        return -1;
    if (!su_key_is_of(*key, k->leaf))
        return su_fail(e, SU_E_CONFLICT, "key.other", "the certificate is not for the key that is there");
    return su_document_signer_new(*key, k->leaf, k->o.azure_oid, &k->signer, e);
}

static void open_key(struct su_worker *k)
{
    struct su_err e = {0};
    struct su_key *key = NULL;
    struct timespec pin = pin_time(k);
    begin(k);
    int rc = open_and_check(k, &key, &e);
    if (rc < 0)
        su_key_free(&key);
    pthread_mutex_lock(&k->lock);
    k->busy_since = 0;
    k->hung = false;
    if (rc == 0) {
        k->key = key;
        k->problem = (struct su_err){0};
        k->retry_ms = FIRST_RETRY_MS;
    } else {
        k->problem = e;
        k->pin_time = pin;
    }
    pthread_mutex_unlock(&k->lock);
    wake(k);
}

static void finish(struct su_worker *k, struct su_work *w)
{
    w->next = NULL;
    *k->done_end = w;
    k->done_end = &w->next;
}

static void sign_one(struct su_worker *k, struct su_work *w)
{
    begin(k);
    w->rc = su_document_sign(k->signer, su_buf_bytes(&w->payload), &w->der, &w->err);
    pthread_mutex_lock(&k->lock);
    k->busy_since = 0;
    k->hung = false;
    k->current = NULL;
    bool failed = w->rc < 0;
    if (failed)
        k->problem = w->err;
    if (w->answered)
        su_work_free(w);
    else
        finish(k, w);
    if (failed)
        close_key(k);
    pthread_mutex_unlock(&k->lock);
    wake(k);
}

/* With the lock held: waits for work, or until the key is to be opened again. */
static struct su_work *next(struct su_worker *k)
{
    while (!k->stop && !(k->key && k->todo)) {
        if (k->key) {
            pthread_cond_wait(&k->more, &k->lock);
            continue;
        }
        struct timespec t = su_deadline_ms(k->retry_ms);
        k->retry_ms = k->retry_ms * 2 < LAST_RETRY_MS ? k->retry_ms * 2 : LAST_RETRY_MS;
        while (!k->stop && pthread_cond_clockwait(&k->more, &k->lock, CLOCK_MONOTONIC, &t) == 0)
            ;
        if (k->stop || pin_refused(k))
            continue;
        pthread_mutex_unlock(&k->lock);
        open_key(k);
        pthread_mutex_lock(&k->lock);
    }
    struct su_work *w = k->stop ? NULL : k->todo;
    if (w) {
        k->todo = w->next;
        if (!k->todo)
            k->todo_end = &k->todo;
        k->waiting--;
        k->current = w;
    }
    return w;
}

static void free_list(struct su_work *w)
{
    while (w) {
        struct su_work *n = w->next;
        su_work_free(w);
        w = n;
    }
}

static void worker_free(struct su_worker *k)
{
    free_list(k->todo);
    free_list(k->done);
    X509_free(k->leaf);
    pthread_cond_destroy(&k->more);
    pthread_cond_destroy(&k->ended_cond);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static void *run(void *arg)
{
    struct su_worker *k = arg;
    open_key(k);
    pthread_mutex_lock(&k->lock);
    for (struct su_work *w; (w = next(k));) {
        pthread_mutex_unlock(&k->lock);
        sign_one(k, w);
        pthread_mutex_lock(&k->lock);
    }
    close_key(k);
    k->ended = true;
    bool abandoned = k->abandoned;
    pthread_cond_signal(&k->ended_cond);
    pthread_mutex_unlock(&k->lock);
    if (abandoned)
        worker_free(k);
    return NULL;
}

/* The event loop ----------------------------------------------------------- */

int su_worker_start(const struct su_generation *g, const struct su_worker_options *o, struct su_worker **out,
                    struct su_err *e)
{
    struct su_worker *k = calloc(1, sizeof *k);
    if (!k)
        return su_fail_nomem(e, sizeof *k);
    k->o = *o;
    copy(k->uri, g->uri);
    copy(k->pin_file, o->key.pin_file);
    copy(k->module, o->key.module);
    copy(k->dir, o->key.dir);
    k->o.key = (struct su_key_options){k->dir, k->module[0] ? k->module : NULL, k->pin_file[0] ? k->pin_file : NULL};
    k->retry_ms = FIRST_RETRY_MS;
    k->todo_end = &k->todo;
    k->done_end = &k->done;
    su_fail(&k->problem, SU_E_CONFLICT, "key.opening", "the key is being opened");
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->more, NULL);
    pthread_cond_init(&k->ended_cond, NULL);
    X509_up_ref(g->leaf);
    k->leaf = g->leaf;
    int rc = pthread_create(&k->thread, NULL, run, k);
    if (rc != 0) {
        worker_free(k);
        return su_fail(e, SU_E_IO, "sign.thread", "a thread cannot be started");
    }
    *out = k;
    return 0;
}

static int problem(const struct su_worker *k, struct su_err *e)
{
    if (k->hung)
        return su_fail(e, SU_E_IO, "key.timeout", "the key has not answered for %u ms", k->o.limit_ms);
    if (k->problem.kind == SU_OK)
        return 0;
    *e = k->problem;
    return -1;
}

int su_worker_state(struct su_worker *k, struct su_err *e)
{
    pthread_mutex_lock(&k->lock);
    int rc = problem(k, e);
    pthread_mutex_unlock(&k->lock);
    return rc;
}

int su_worker_add(struct su_worker *k, struct su_work *w, struct su_err *e)
{
    pthread_mutex_lock(&k->lock);
    int rc = problem(k, e);
    if (rc < 0 && strcmp(e->id, "key.opening") == 0)
        rc = 0; /* it may wait for that */
    if (rc == 0 && k->waiting >= SU_WORK_MAX)
        rc = su_fail(e, SU_E_CONFLICT, "sign.busy", "the key has too much to do");
    if (rc == 0) {
        w->next = NULL;
        *k->todo_end = w;
        k->todo_end = &w->next;
        k->waiting++;
        pthread_cond_signal(&k->more);
    }
    pthread_mutex_unlock(&k->lock);
    return rc;
}

/* With the lock held: what waits while the key hangs or is broken will not be signed. */
static void give_up(struct su_worker *k, const struct su_err *why)
{
    struct su_work *list = su_steal(&k->todo);
    k->todo_end = &k->todo;
    k->waiting = 0;
    for (struct su_work *w; (w = list);) {
        list = w->next;
        w->rc = -1;
        w->err = *why;
        finish(k, w);
    }
    if (!k->hung || !k->current || k->current->answered)
        return;
    struct su_work *copy_ = calloc(1, sizeof *copy_);
    if (!copy_) /* then later */
        return;
    *copy_ = (struct su_work){.conn = k->current->conn, .seq = k->current->seq, .rc = -1, .err = *why};
    k->current->answered = true;
    finish(k, copy_);
}

struct su_work *su_worker_take(struct su_worker *k)
{
    struct su_err e;
    pthread_mutex_lock(&k->lock);
    if (k->busy_since && (uint64_t)su_monotonic_ms() - k->busy_since > k->o.limit_ms)
        k->hung = true;
    if (problem(k, &e) < 0 && strcmp(e.id, "key.opening") != 0)
        give_up(k, &e);
    struct su_work *list = su_steal(&k->done);
    k->done_end = &k->done;
    pthread_mutex_unlock(&k->lock);
    return list;
}

int su_worker_share(struct su_worker *k, struct su_key **out, struct su_err *e)
{
    pthread_mutex_lock(&k->lock);
    int rc = problem(k, e);
    if (rc == 0)
        rc =
            k->key ? su_key_share(k->key, out, e) : su_fail(e, SU_E_CONFLICT, "key.opening", "the key is being opened");
    pthread_mutex_unlock(&k->lock);
    return rc;
}

void su_worker_move(struct su_worker *from, struct su_worker *to)
{
    pthread_mutex_lock(&from->lock);
    struct su_work *list = su_steal(&from->todo), **end = from->todo_end;
    unsigned n = from->waiting;
    from->todo_end = &from->todo;
    from->waiting = 0;
    pthread_mutex_unlock(&from->lock);
    if (!list)
        return;
    pthread_mutex_lock(&to->lock);
    *to->todo_end = list;
    to->todo_end = end;
    to->waiting += n;
    pthread_cond_signal(&to->more);
    pthread_mutex_unlock(&to->lock);
}

void su_worker_end(struct su_worker *k, unsigned wait_ms)
{
    struct timespec t = su_deadline_ms(wait_ms);
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    if (k->problem.kind == SU_OK) /* for what still waits */
        su_fail(&k->problem, SU_E_CONFLICT, "sign.no_cert", "this host has no certificate any more");
    pthread_cond_broadcast(&k->more);
    while (!k->ended && pthread_cond_clockwait(&k->ended_cond, &k->lock, CLOCK_MONOTONIC, &t) == 0)
        ;
    pthread_mutex_unlock(&k->lock);
}

void su_worker_stop(struct su_worker **kp)
{
    struct su_worker *k = *kp;
    *kp = NULL;
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_broadcast(&k->more);
    bool ended = k->ended;
    k->abandoned = !ended;
    pthread_t thread = k->thread;
    pthread_mutex_unlock(&k->lock);
    if (ended) {
        pthread_join(thread, NULL);
        worker_free(k);
    } else {
        pthread_detach(thread); /* k is the thread's own now */
    }
}
