/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs with the authority, one at a time, in a thread of their own. */
#include "base/clock.h"
#include "daemon/cmp.h"
#include "daemon/crl.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "net/httpc.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { BACKOFF_MIN_S = 60, BACKOFF_MAX_S = 3600, LOOK_S = 5, WAIT_S = 120 };

enum job { NOTHING, SYNC, ENROL, REMOVE };

struct su_sync {
    struct su_daemon *d;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows; never held with d->lock */
    pthread_cond_t wake, done;
    bool stopping;
    enum job wanted, running;
    char authority[512];
    struct su_sign_enrol enrol;
    uint64_t ended; /* jobs that came to an end */
    int rc;         /* of the last */
    struct su_err err;
    /* the thread's own */
    uint64_t due; /* CLOCK_BOOTTIME, seconds: a host that slept is late */
    unsigned failures;
    struct su_server_record record;
};

static uint64_t boot_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec;
}

/* +-10 %, so that hosts which started together do not stay together. */
static uint64_t jitter(uint64_t s)
{
    uint32_t r = 0;
    ssize_t got = getrandom(&r, sizeof r, 0);
    (void)got;
    return s - s / 10 + (uint64_t)r * (s / 5) / UINT32_MAX;
}

static void plan_next(struct su_sync *s, bool good)
{
    uint64_t wait = s->d->conf.sync_interval;
    if (!good) {
        uint64_t back = BACKOFF_MIN_S;
        for (unsigned i = 0; i < s->failures && back < BACKOFF_MAX_S; i++)
            back *= 2;
        back = back > BACKOFF_MAX_S ? BACKOFF_MAX_S : back;
        wait = back < wait ? back : wait;
    }
    s->failures = good ? 0 : s->failures + 1;
    wait = jitter(wait);
    s->due = boot_seconds() + wait;
    SU_HOLD(&s->d->lock);
    s->d->next_sync = su_now() + wait;
}

static int control_path(const struct su_daemon *d, char *out, size_t cap, struct su_err *e)
{
    return su_daemon_path(d->run_dir, "signer/control.sock", out, cap, e);
}

/* Fresh: the main thread's copy may be half a minute old. */
static int ask_status(struct su_daemon *d, struct su_sign_status *st, uint8_t *buf, struct su_err *e)
{
    char path[256];
    SU_CLOSE int fd = -1;
    struct su_ipc_msg m = {.fd = -1};
    if (control_path(d, path, sizeof path, e) < 0 || su_ipc_connect(path, &fd, e) < 0 ||
        su_ipc_ask(fd, SU_SIGN_STATUS, (struct su_bytes){0}, -1, 10000, buf, SU_IPC_MAX, &m, e) < 0)
        return -1;
    if (m.fd >= 0)
        close(m.fd);
    if (m.op != SU_SIGN_STATUS || !su_sign_status_take(&m.body, st) || m.body.n)
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "surety-signer's state is none");
    return 0;
}

static int fetch(const struct su_sync *s, const char *what, size_t max, struct su_buf *out, struct su_err *e)
{
    char url[600];
    unsigned status = 0;
    snprintf(url, sizeof url, "%s/%s", s->record.authority, what);
    struct su_http_call c = {.method = "GET", .url = url, .max_answer = max, .stop_fd = &s->d->stop_fd};
    if (su_http_call(&c, &status, out, e) < 0)
        return -1;
    return status == 200 ? 0 : su_fail(e, SU_E_IO, "authority.answer", "%s answers with HTTP status %u", url, status);
}

/* A file that is whole or not there. */
static int save(const struct su_daemon *d, const char *name, struct su_bytes content, struct su_err *e)
{
    char path[300], tmp[310];
    if (su_daemon_path(d->state_dir, name, path, sizeof path, e) < 0)
        return -1;
    snprintf(tmp, sizeof tmp, "%s.new", path);
    SU_CLOSE int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return su_fail_os(e, "daemon.file", "writing %s", tmp);
    for (size_t at = 0; at < content.n;) {
        ssize_t n = write(fd, content.p + at, content.n - at);
        if (n <= 0) {
            su_fail_os(e, "daemon.file", "writing %s", tmp);
            unlink(tmp);
            return -1;
        }
        at += (size_t)n;
    }
    if (fsync(fd) < 0 || rename(tmp, path) < 0)
        return su_fail_os(e, "daemon.file", "writing %s", path);
    return 0;
}

/* Sets or clears the record's revoked serial.  A list that cannot be had or read changes nothing. */
static void look_at_crl(struct su_sync *s, const struct su_sign_status *st)
{
    struct su_buf crl SU_BUF = {0};
    struct su_crl_answer a;
    struct su_err e = {0};
    if (fetch(s, "crl", SU_CRL_MAX, &crl, &e) < 0 ||
        su_crl_check(su_buf_bytes(&crl), st->leaf, st->chain, su_now(), &a, &e) < 0) {
        su_log_err(LOG_WARNING, "list of revoked certificates", &e);
        return;
    }
    if (a.stale)
        su_log(LOG_WARNING, "list of revoked certificates: the authority should have made a new one by now");
    if (a.listed)
        snprintf(s->record.revoked_serial, sizeof s->record.revoked_serial, "%s", st->serial);
    else if (!a.stale)
        s->record.revoked_serial[0] = 0;
    if (save(s->d, "host/crl.der", su_buf_bytes(&crl), &e) < 0)
        su_log_err(LOG_WARNING, "list of revoked certificates", &e);
}

static void look_at_bundle(struct su_sync *s, const struct su_sign_status *st)
{
    struct su_buf pem SU_BUF = {0}, known SU_BUF = {0};
    unsigned foreign = 0;
    struct su_err e = {0};
    if (fetch(s, "bundle.pem", SU_MIB, &pem, &e) < 0 ||
        su_bundle_known(su_buf_bytes(&pem), st->roots, &known, &foreign, &e) < 0) {
        su_log_err(LOG_WARNING, "trust bundle", &e);
        return;
    }
    if (foreign)
        su_log(LOG_WARNING, "trust bundle: %u certificates at %s are none of this host's roots, and left out", foreign,
               s->record.authority);
    if (known.n == 0)
        su_log(LOG_WARNING, "trust bundle: none of this host's roots is in it; the old one stays");
    else if (save(s->d, "host/bundle.pem", su_buf_bytes(&known), &e) < 0)
        su_log_err(LOG_WARNING, "trust bundle", &e);
}

static void after_contact(struct su_sync *s)
{
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    struct su_sign_status st;
    struct su_err e = {0};
    if (!buf || ask_status(s->d, &st, buf, &e) < 0 || st.leaf.n == 0)
        return;
    look_at_crl(s, &st);
    look_at_bundle(s, &st);
}

/* The outcome into the record, the record into the store and the facts. */
static void publish(struct su_sync *s, enum su_cmp_end end, const struct su_err *why)
{
    static const uint8_t outcome[] = {[SU_CMP_DONE] = SU_SYNC_DONE,
                                      [SU_CMP_UNREACHABLE] = SU_SYNC_UNREACHABLE,
                                      [SU_CMP_REFUSED] = SU_SYNC_REFUSED,
                                      [SU_CMP_FAILED] = SU_SYNC_FAILED};
    struct su_daemon *d = s->d;
    struct su_server_record *r = &s->record;
    struct su_err e = {0};
    r->last_attempt = su_now();
    r->outcome = outcome[end];
    if (end == SU_CMP_DONE)
        r->last_sync = r->last_attempt;
    snprintf(r->problem_id, sizeof r->problem_id, "%s", end == SU_CMP_DONE ? "" : why->id);
    snprintf(r->problem, sizeof r->problem, "%s", end == SU_CMP_DONE ? "" : why->msg);
    snprintf(r->problem_remedy, sizeof r->problem_remedy, "%s", end != SU_CMP_DONE && why->remedy ? why->remedy : "");
    int rc = su_record_save(d->store, r, &e);
    SU_HOLD(&d->lock);
    if (rc < 0) {
        su_log_err(LOG_ERR, "state", &e);
        d->facts.store_failed = true;
        snprintf(d->facts.store_problem, sizeof d->facts.store_problem, "%s", e.msg);
    }
    su_record_to_facts(d, r);
    d->at_signer.status_due = true;
    su_daemon_wake(d);
}

static int do_sync(struct su_sync *s, uint8_t op, const struct su_sign_enrol *enrol, struct su_err *e)
{
    struct su_cmp_url u;
    struct su_buf body SU_BUF = {0};
    char path[256];
    enum su_cmp_end end = SU_CMP_FAILED;
    snprintf(u.base, sizeof u.base, "%s", s->record.authority);
    snprintf(u.host, sizeof u.host, "%s", s->d->conf.host);
    if (op == SU_SIGN_ENROL)
        su_sign_enrol_put(&body, enrol);
    int rc = control_path(s->d, path, sizeof path, e);
    if (rc == 0)
        rc = su_cmp_run(path, op, su_buf_bytes(&body), &u, s->d->stop_fd, &end, e);
    if (body.p)
        explicit_bzero(body.p, body.n);
    if (rc == 0 || end == SU_CMP_REFUSED)
        after_contact(s);
    if (op == SU_SIGN_RENEW || rc == 0)
        publish(s, end, e);
    if (rc < 0)
        su_log_err(LOG_ERR, op == SU_SIGN_ENROL ? "enrolment" : "sync", e);
    else
        su_log(LOG_NOTICE, "%s at %s", op == SU_SIGN_ENROL ? "enrolled" : "synced", u.base);
    return rc;
}

static int sync_job(struct su_sync *s, struct su_err *e)
{
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    struct su_sign_status st;
    if (!buf)
        return su_fail_nomem(e, SU_IPC_MAX);
    if (s->d->conf.authority[0])
        snprintf(s->record.authority, sizeof s->record.authority, "%s", s->d->conf.authority);
    if (ask_status(s->d, &st, buf, e) < 0)
        return su_context(e, "surety-signer");
    if (st.not_after == 0 || !s->record.authority[0]) {
        su_fail(e, SU_E_CONFLICT, "server.not-enrolled", "this host is not enrolled at an authority");
        return su_remedy(e, "Run: surety server enrol --authority URL --token-file FILE");
    }
    return do_sync(s, SU_SIGN_RENEW, NULL, e);
}

/* The URL is kept first: a host with a certificate that does not know its authority could not sync. */
static int enrol_job(struct su_sync *s, const char *authority, const struct su_sign_enrol *enrol, struct su_err *e)
{
    struct su_server_record old = s->record;
    struct su_err ignored = {0};
    if (strcmp(enrol->host, s->d->conf.host) != 0) {
        su_fail(e, SU_E_CONFLICT, "server.token-host", "the token is for host %.100s, and this host is called %.100s",
                enrol->host, s->d->conf.host);
        return su_remedy(e, "Make a token for this name, or set name in section [host] of surety.conf");
    }
    snprintf(s->record.authority, sizeof s->record.authority, "%s", authority);
    if (su_record_save(s->d->store, &s->record, e) < 0) {
        s->record = old;
        return -1;
    }
    if (do_sync(s, SU_SIGN_ENROL, enrol, e) == 0)
        return 0;
    s->record = old;
    if (su_record_save(s->d->store, &old, &ignored) < 0)
        su_log_err(LOG_ERR, "state", &ignored);
    return -1;
}

static int remove_job(struct su_sync *s, struct su_err *e)
{
    struct su_daemon *d = s->d;
    char path[256];
    SU_CLOSE int fd = -1;
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    struct su_ipc_msg m = {.fd = -1};
    if (!buf)
        return su_fail_nomem(e, SU_IPC_MAX);
    if (control_path(d, path, sizeof path, e) < 0 || su_ipc_connect(path, &fd, e) < 0 ||
        su_ipc_ask(fd, SU_SIGN_FORGET, (struct su_bytes){0}, -1, 30000, buf, SU_IPC_MAX, &m, e) < 0)
        return -1;
    if (m.op != SU_SIGN_DONE)
        return su_fail(e, SU_E_IO, "server.remove", "surety-signer could not destroy the key");
    memset(&s->record, 0, sizeof s->record);
    int rc = su_store_del(d->store, "server", SU_STORE_ANY, e);
    SU_HOLD(&d->lock);
    su_record_to_facts(d, &s->record);
    d->at_signer.status_due = true;
    su_daemon_wake(d);
    su_log(LOG_NOTICE, "removed: key and certificate are destroyed");
    return rc;
}

/* By itself: when it is time, or when the clock says that the certificate will not last. */
static bool is_due(struct su_sync *s)
{
    SU_HOLD(&s->d->lock);
    const struct su_server_facts *f = &s->d->facts;
    if (!f->signer_connected || f->not_after == 0 || !s->d->authority[0])
        return false;
    bool urgent = s->d->state.status == SU_SERVER_EXPIRED && s->failures == 0;
    return urgent || boot_seconds() >= s->due;
}

static int run_job(struct su_sync *s, enum job j, const char *authority, const struct su_sign_enrol *enrol,
                   struct su_err *e)
{
    int rc = j == SYNC ? sync_job(s, e) : j == ENROL ? enrol_job(s, authority, enrol, e) : remove_job(s, e);
    if (j == SYNC || rc == 0)
        plan_next(s, rc == 0);
    return rc;
}

/* Waits until there is a job; false: the end.  Called and returns with the lock held. */
static bool wait_job(struct su_sync *s)
{
    while (!s->stopping && s->wanted == NOTHING) {
        struct timespec until = su_deadline_ms(1000);
        pthread_cond_clockwait(&s->wake, &s->lock, CLOCK_MONOTONIC, &until);
        if (s->stopping || s->wanted != NOTHING)
            break;
        pthread_mutex_unlock(&s->lock);
        bool due = is_due(s);
        pthread_mutex_lock(&s->lock);
        if (due && s->wanted == NOTHING)
            s->wanted = SYNC;
    }
    return !s->stopping;
}

static void *run(void *arg)
{
    struct su_sync *s = arg;
    pthread_mutex_lock(&s->lock);
    while (wait_job(s)) {
        char authority[sizeof s->authority];
        struct su_sign_enrol enrol = s->enrol;
        struct su_err e = {0};
        enum job j = s->wanted;
        memcpy(authority, s->authority, sizeof authority);
        explicit_bzero(&s->enrol, sizeof s->enrol);
        s->running = j;
        s->wanted = NOTHING;
        pthread_mutex_unlock(&s->lock);
        int rc = run_job(s, j, authority, &enrol, &e);
        explicit_bzero(&enrol, sizeof enrol);
        pthread_mutex_lock(&s->lock);
        s->running = NOTHING;
        s->rc = rc;
        s->err = e;
        s->ended++;
        pthread_cond_broadcast(&s->done);
    }
    pthread_cond_broadcast(&s->done);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* With the sync lock held: until the job numbered `ended` has come to an end. */
static int wait_end(struct su_sync *s, uint64_t ended, struct su_err *e)
{
    struct timespec until = su_deadline_ms(WAIT_S * 1000);
    while (s->ended < ended && !s->stopping)
        if (pthread_cond_clockwait(&s->done, &s->lock, CLOCK_MONOTONIC, &until) != 0)
            return su_fail(e, SU_E_CONFLICT, "server.busy", "the job is still under way");
    if (s->ended < ended)
        return su_fail(e, SU_E_CONFLICT, "server.stopping", "suretyd is ending");
    if (s->rc < 0)
        *e = s->err;
    return s->rc;
}

static int busy(struct su_err *e)
{
    su_fail(e, SU_E_CONFLICT, "server.busy", "another job with the authority is under way");
    return su_remedy(e, "Try again when it has ended: surety server show");
}

int su_sync_now(struct su_daemon *d, struct su_err *e)
{
    struct su_sync *s = d->sync;
    SU_HOLD(&s->lock);
    enum job now = s->wanted != NOTHING ? s->wanted : s->running;
    if (now != NOTHING && now != SYNC)
        return busy(e);
    if (now == NOTHING)
        s->wanted = SYNC;
    pthread_cond_signal(&s->wake);
    return wait_end(s, s->ended + 1, e);
}

int su_sync_enrol(struct su_daemon *d, const char *authority, const char *token, struct su_err *e)
{
    struct su_sync *s = d->sync;
    struct su_sign_enrol enrol = {0};
    char url[sizeof s->authority];
    if (su_cmp_url_check(authority, url, sizeof url, e) < 0 || su_cmp_token(token, &enrol, e) < 0)
        return -1;
    SU_HOLD(&s->lock);
    int rc = s->wanted != NOTHING || s->running != NOTHING ? busy(e) : 0;
    if (rc == 0) {
        memcpy(s->authority, url, sizeof url);
        s->enrol = enrol;
        s->wanted = ENROL;
        pthread_cond_signal(&s->wake);
    }
    explicit_bzero(&enrol, sizeof enrol);
    return rc < 0 ? -1 : wait_end(s, s->ended + 1, e);
}

int su_sync_remove(struct su_daemon *d, struct su_err *e)
{
    struct su_sync *s = d->sync;
    SU_HOLD(&s->lock);
    if (s->wanted != NOTHING || s->running != NOTHING)
        return busy(e);
    s->wanted = REMOVE;
    pthread_cond_signal(&s->wake);
    return wait_end(s, s->ended + 1, e);
}

int su_sync_start(struct su_daemon *d, struct su_err *e)
{
    struct su_sync *s = calloc(1, sizeof *s);
    if (!s)
        return su_fail_nomem(e, sizeof *s);
    s->d = d;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->done, NULL);
    s->due = 0; /* at start */
    if (su_record_load(d->store, &s->record, e) < 0) {
        free(s);
        return -1;
    }
    su_record_to_facts(d, &s->record);
    if (pthread_create(&s->thread, NULL, run, s) != 0) {
        free(s);
        return su_fail(e, SU_E_NOMEM, "daemon.thread", "cannot start a thread");
    }
    d->sync = s;
    return 0;
}

void su_sync_end(struct su_daemon *d)
{
    struct su_sync *s = d->sync;
    SU_HOLD(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_cond_broadcast(&s->done);
}

void su_sync_stop(struct su_daemon *d)
{
    struct su_sync *s = su_steal(&d->sync);
    pthread_join(s->thread, NULL);
    explicit_bzero(&s->enrol, sizeof s->enrol);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->done);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
