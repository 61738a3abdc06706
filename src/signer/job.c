/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment, renewal and forgetting take long, so a thread does them while documents flow.
 *
 *   event loop                              thread
 *   start                                   makes a key, starts the transaction
 *   CMP_POST to suretyd          <- POST    waits
 *   CMP_REPLY from suretyd       ->         goes on, stores the new generation
 *   the new one into use         <- INSTALL waits
 *                                ->         ends the old worker, destroys the old key, sweeps
 *   DONE or ERROR, join          <- ENDED                                                        */
#include "base/clock.h"
#include "cmp.h"
#include "signer.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

enum { REPLY_WAIT_S = 90, INSTALL_WAIT_S = 60, WORKER_WAIT_MS = 5000 };
enum stage { WORKING, POST, WAIT_REPLY, REPLIED, INSTALL, INSTALLED, ENDED };

struct su_job {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int wake;
    /* set before the thread starts */
    uint8_t op;
    unsigned conn;
    uint32_t seq;
    struct su_store store;
    struct su_key_options key;
    enum su_key_algorithm algorithm;
    char uri[SU_URI_MAX]; /* as configured */
    struct su_sign_enrol enrol;
    struct su_generation now;  /* of a renewal */
    struct su_key *now_key;    /* owned */
    struct su_worker *retired; /* set when installed: to be ended */
    /* under the lock */
    enum stage stage;
    bool cancelled;
    struct su_buf request, reply;
    struct su_err reply_err;
    bool install_failed;
    /* of whoever's turn it is */
    struct su_generation made;
    int rc;
    struct su_err err;
};

/* The thread --------------------------------------------------------------- */

static void pass(struct su_job *j, enum stage to)
{
    j->stage = to;
    eventfd_write(j->wake, 1);
}

/* With the lock held: until the stage comes; -1: it did not. */
static int wait_for(struct su_job *j, enum stage stage, int seconds, struct su_err *e)
{
    struct timespec t = su_deadline_ms((unsigned)seconds * 1000);
    int rc = 0;
    while (j->stage != stage && !j->cancelled && rc == 0)
        rc = pthread_cond_clockwait(&j->turn, &j->lock, CLOCK_MONOTONIC, &t);
    if (j->cancelled)
        return su_fail(e, SU_E_CONFLICT, "cmp.cancelled", "suretyd went away");
    return j->stage == stage ? 0 : su_fail(e, SU_E_IO, "cmp.timeout", "no answer for %d s", seconds);
}

static int send_message(void *arg, struct su_bytes request, struct su_buf *reply, struct su_err *e)
{
    struct su_job *j = arg;
    pthread_mutex_lock(&j->lock);
    j->request.n = 0;
    su_buf_add(&j->request, request.p, request.n);
    j->reply.n = 0;
    j->reply_err = (struct su_err){0};
    pass(j, POST);
    int rc = wait_for(j, REPLIED, REPLY_WAIT_S, e);
    if (rc == 0 && j->reply_err.kind != SU_OK) {
        *e = j->reply_err;
        rc = -1;
    } else if (rc == 0) {
        su_buf_add(reply, j->reply.p, j->reply.n);
        rc = su_buf_ok(reply, e);
    }
    j->stage = WORKING;
    pthread_mutex_unlock(&j->lock);
    return rc;
}

/* A new key and a certificate for it, stored. */
static int obtain(struct su_job *j, struct su_err *e)
{
    const struct su_cmp_wire wire = {send_message, j};
    SU_KEY struct su_key *key = NULL;
    struct su_generation *g = &j->made;
    if (su_store_sweep(&j->store, &j->key, e) < 0 || su_key_new_uri(j->uri, g->uri, sizeof g->uri, e) < 0 ||
        su_store_pending(&j->store, g->uri, e) < 0 || su_key_make(g->uri, j->algorithm, &j->key, &key, e) < 0)
        return -1;
    int rc = j->op == SU_SIGN_ENROL ? su_cmp_enrol(&wire, key, j->enrol.host, j->enrol.secret, g, e)
                                    : su_cmp_renew(&wire, key, &j->now, j->now_key, g, e);
    return rc < 0 ? -1 : su_store_save(&j->store, g, e);
}

static int work(struct su_job *j, struct su_err *e)
{
    int rc = j->op == SU_SIGN_FORGET ? su_store_forget(&j->store, e) : obtain(j, e);
    OPENSSL_cleanse(&j->enrol, sizeof j->enrol);
    su_key_free(&j->now_key);
    if (rc == 0) {
        pthread_mutex_lock(&j->lock);
        pass(j, INSTALL);
        /* what is stored is in use, whether suretyd is still there or not */
        bool cancelled = j->cancelled;
        j->cancelled = false;
        rc = wait_for(j, INSTALLED, INSTALL_WAIT_S, e);
        j->cancelled |= cancelled;
        if (rc == 0 && j->install_failed) {
            *e = j->err;
            rc = -1;
        }
        j->stage = WORKING;
        pthread_mutex_unlock(&j->lock);
    }
    if (j->retired)
        su_worker_end(j->retired, WORKER_WAIT_MS);
    /* the new one is in use, or nothing has changed: either way only leftovers go */
    struct su_err sweeping = {0};
    if (su_store_sweep(&j->store, &j->key, &sweeping) < 0 && rc == 0 && j->op == SU_SIGN_FORGET) {
        *e = sweeping;
        rc = -1;
    }
    return rc;
}

static void *run(void *arg)
{
    struct su_job *j = arg;
    struct su_err e = {0};
    int rc = work(j, &e);
    OPENSSL_thread_stop();
    pthread_mutex_lock(&j->lock);
    j->rc = rc;
    j->err = e;
    pass(j, ENDED);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* The event loop ----------------------------------------------------------- */

static void job_free(struct su_job *j)
{
    if (!j)
        return;
    OPENSSL_cleanse(&j->enrol, sizeof j->enrol);
    su_generation_done(&j->now);
    su_generation_done(&j->made);
    su_key_free(&j->now_key);
    su_buf_done(&j->request);
    su_buf_done(&j->reply);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->turn);
    free(j);
}

/* What a renewal needs of the present: copies, for the thread. */
static int copy_present(struct su_signer *s, struct su_job *j, struct su_err *e)
{
    const struct su_generation *g = &s->cred->gen;
    memcpy(j->now.host, g->host, sizeof g->host);
    su_buf_add(&j->now.chain, g->chain.p, g->chain.n);
    su_buf_add(&j->now.roots, g->roots.p, g->roots.n);
    X509 *leaf = X509_dup(g->leaf);
    if (!leaf || su_generation_set_leaf(&j->now, leaf, e) < 0 || su_buf_ok(&j->now.chain, e) < 0 ||
        su_buf_ok(&j->now.roots, e) < 0)
        return leaf ? -1 : su_fail_nomem(e, 0);
    return s->cred->worker ? su_worker_share(s->cred->worker, &j->now_key, e)
                           : su_key_share(s->cred->key, &j->now_key, e);
}

int su_job_start(struct su_signer *s, unsigned conn, uint32_t seq, uint8_t op, struct su_sign_enrol *enrol,
                 struct su_err *e)
{
    struct su_job *j = calloc(1, sizeof *j);
    if (!j)
        return su_fail_nomem(e, sizeof *j);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->turn, NULL);
    j->wake = s->wake;
    j->op = op;
    j->conn = conn;
    j->seq = seq;
    j->store = s->store;
    j->key = s->options.key;
    memcpy(j->uri, s->conf.key, sizeof j->uri);
    if (enrol)
        j->enrol = *enrol;
    int rc = su_key_algorithm_of(s->conf.algorithm, &j->algorithm)
                 ? 0
                 : su_fail(e, SU_E_USAGE, "key.kind", "\"%s\" is no algorithm for keys", s->conf.algorithm);
    if (rc == 0 && op == SU_SIGN_RENEW)
        rc = copy_present(s, j, e);
    if (rc == 0 && pthread_create(&j->thread, NULL, run, j) != 0)
        rc = su_fail(e, SU_E_IO, "sign.thread", "a thread cannot be started");
    if (rc < 0) {
        job_free(j);
        return -1;
    }
    s->job = j;
    return 0;
}

void su_job_reply(struct su_signer *s, unsigned conn, uint32_t seq, struct su_bytes body, struct su_err *e)
{
    struct su_job *j = s->job;
    uint8_t good;
    char why[200];
    (void)e;
    pthread_mutex_lock(&j->lock);
    if (j->stage == WAIT_REPLY && conn == j->conn && seq == j->seq && su_take_u8(&body, &good)) {
        struct su_bytes der;
        if (good && su_take_bytes(&body, SU_IPC_MAX, &der))
            su_buf_add(&j->reply, der.p, der.n);
        else if (!good && su_take_str(&body, why, sizeof why))
            su_fail(&j->reply_err, SU_E_IO, "cmp.transfer", "%s", why);
        else
            su_fail(&j->reply_err, SU_E_FORMAT, "cmp.transfer", "suretyd's answer is not readable");
        j->stage = REPLIED;
        pthread_cond_signal(&j->turn);
    }
    pthread_mutex_unlock(&j->lock);
}

void su_job_conn_gone(struct su_signer *s, unsigned conn)
{
    struct su_job *j = s->job;
    if (!j || j->conn != conn)
        return;
    pthread_mutex_lock(&j->lock);
    j->cancelled = true;
    pthread_cond_signal(&j->turn);
    pthread_mutex_unlock(&j->lock);
}

/* The stored generation, or none after forgetting, into use.  The key before goes to the thread. */
static int install(struct su_signer *s, struct su_job *j, struct su_err *e)
{
    struct su_cred *fresh = NULL;
    if (j->op != SU_SIGN_FORGET && su_cred_new(s, &j->made, &fresh, e) < 0)
        return -1;
    struct su_cred *old = s->cred;
    s->cred = fresh;
    s->store_problem = (struct su_err){0};
    su_cache_clear(&s->cache);
    if (fresh) {
        s->host.host = fresh->gen.host;
    }
    if (old && old->worker) {
        if (fresh && fresh->worker)
            su_worker_move(old->worker, fresh->worker);
        s->retired = j->retired = su_steal(&old->worker);
    }
    su_cred_free(&old);
    return 0;
}

static void post(struct su_signer *s, struct su_job *j)
{
    SU_BUF struct su_buf b = {0};
    su_put_bytes(&b, su_buf_bytes(&j->request));
    j->stage = WAIT_REPLY;
    s->send(s, j->conn, SU_SIGN_CMP_POST, j->seq, su_buf_bytes(&b));
}

void su_job_poll(struct su_signer *s)
{
    struct su_job *j = s->job;
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    if (j->stage == POST) {
        post(s, j);
    } else if (j->stage == INSTALL) {
        j->install_failed = install(s, j, &j->err) < 0;
        j->stage = INSTALLED;
        pthread_cond_signal(&j->turn);
    }
    bool ended = j->stage == ENDED;
    pthread_mutex_unlock(&j->lock);
    if (!ended)
        return;
    pthread_join(j->thread, NULL);
    su_signer_collect(s);
    su_worker_stop(&s->retired);
    s->job = NULL;
    if (j->rc < 0)
        su_signer_send_error(s, j->conn, j->seq, &j->err);
    else
        s->send(s, j->conn, SU_SIGN_DONE, j->seq, (struct su_bytes){NULL, 0});
    job_free(j);
}
