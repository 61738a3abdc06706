/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The turn of the loop: what happened, what is late, then the library, then what goes out in one call each. */
#include "base/clock.h"
#include "server.h"
#include "wire/ipc.h"
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <time.h>

enum {
    EVENTS = 64,
    MESSAGES_A_TURN = 64,
    TICK_US = 500000,
    PARKED_TICK_US = 4000, /* the library is left alone while some are parked, but not for longer */
    AUDIT_WAIT_US = 10000,
    AUDIT_ENOUGH = 32,
    LOST_EVERY_US = 60000000
};

int su_server_watch(struct su_server *s, struct su_source *source, uint32_t events, struct su_err *e)
{
    struct epoll_event ev = {.events = events, .data.ptr = source};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, source->fd, &ev) == 0 ||
        (errno == EEXIST && epoll_ctl(s->epoll, EPOLL_CTL_MOD, source->fd, &ev) == 0))
        return 0;
    return su_fail_os(e, "imds.epoll", "cannot wait for a descriptor");
}

/* ---- suretyd --------------------------------------------------------------------------------------------------------
 */

/* Without suretyd nobody tells when a VM ends and its context id goes to another, so nothing is known any more. */
static void control_lost(struct su_server *s, const char *why)
{
    if (s->control.fd < 0)
        return;
    close(s->control.fd);
    s->control.fd = -1;
    s->reply.waits = false;
    su_imds_state_clear(&s->state);
    su_log(LOG_WARNING, "suretyd is gone (%s): no VM is known and nobody is served until it is back", why);
}

static void control_accept(struct su_server *s)
{
    struct su_err e = {0};
    int fd = -1;
    if (su_ipc_accept(s->control_listener.fd, (uid_t)-1, &fd, &e) < 0)
        su_log(LOG_WARNING, "%s", e.msg);
    if (fd < 0)
        return;
    control_lost(s, "another one connected");
    s->control = (struct su_source){SU_SOURCE_CONTROL, fd};
    if (su_server_watch(s, &s->control, EPOLLIN, &e) < 0)
        control_lost(s, e.msg);
    else
        su_log(LOG_INFO, "suretyd is connected");
}

/* false: there was no room, or the connection is gone. */
static bool send_reply(struct su_server *s)
{
    struct su_err e = {0};
    if (su_ipc_send(s->control.fd, s->reply.op, s->reply.seq, su_buf_bytes(&s->reply.body), -1, &e) == 0) {
        if (s->reply.waits && su_server_watch(s, &s->control, EPOLLIN, &e) < 0)
            control_lost(s, e.msg);
        s->reply.waits = false;
        return s->control.fd >= 0;
    }
    if (strcmp(e.id, "ipc.full") != 0 || su_server_watch(s, &s->control, EPOLLOUT, &e) < 0) {
        control_lost(s, e.msg);
        return false;
    }
    s->reply.waits = true;
    return false;
}

static void control_event(struct su_server *s)
{
    static uint8_t frame[SU_IPC_MAX];
    struct su_err e = {0};
    if (s->reply.waits && !send_reply(s))
        return;
    for (int i = 0; i < MESSAGES_A_TURN && s->control.fd >= 0; i++) {
        struct su_ipc_msg m;
        int rc = su_ipc_recv(s->control.fd, frame, sizeof frame, &m, &e);
        if (rc == 0)
            return;
        if (rc < 0) {
            control_lost(s, e.msg);
            return;
        }
        s->reply.body.n = 0;
        s->reply.body.failed = false;
        s->reply.op = su_imds_control(&s->state, m.op, m.body, m.fd, &s->reply.body);
        s->reply.seq = m.seq;
        if (s->reply.op == SU_IMDS_ERROR)
            su_log(LOG_WARNING, "a message of suretyd (operation %u) was refused", m.op);
        if (!send_reply(s))
            return;
    }
}

static void count_status(void *server, struct su_imds_status *out)
{
    const struct su_server *s = server;
    out->listeners = s->n_listeners;
    out->connections = s->conns.n;
    out->requests = s->requests;
    out->documents = s->documents;
    out->refused = s->refused;
    out->signer = s->signer.fd >= 0;
}

/* ---- the signer -----------------------------------------------------------------------------------------------------
 */

static void signer_gone(void *server)
{
    struct su_server *s = server;
    s->signer_source.fd = -1;
    s->signer_waits = false;
    su_log(LOG_WARNING, "surety-signer is gone: documents are answered with 503 until it is back");
    su_answer_signer_gone(s);
}

static void connector_event(struct su_server *s, uint32_t events)
{
    struct su_err e = {0};
    if (su_signer_connected(&s->signer)) {
        s->signer_source = (struct su_source){SU_SOURCE_SIGNER, s->signer.fd};
        if (su_server_watch(s, &s->signer_source, EPOLLIN, &e) == 0)
            su_log(LOG_INFO, "surety-signer is connected");
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR)) { /* the connector died; whoever starts us starts it too */
        su_log(LOG_ERR, "the connector ended");
        s->stop = true;
    }
}

static void signer_flush(struct su_server *s)
{
    struct su_err e = {0};
    su_signer_flush(&s->signer);
    bool waits = s->signer.fd >= 0 && s->signer.n > 0;
    if (waits == s->signer_waits || s->signer.fd < 0)
        return;
    s->signer_waits = waits;
    if (su_server_watch(s, &s->signer_source, EPOLLIN | (waits ? EPOLLOUT : 0U), &e) < 0)
        su_log(LOG_ERR, "%s", e.msg);
}

/* ---- the loop -------------------------------------------------------------------------------------------------------
 */

static void on_late(struct su_server *s, struct su_imds_conn *k)
{
    if (k->phase != SU_PHASE_SIGN && k->phase != SU_PHASE_PEN) {
        if (!k->dead) {
            s->refused++;
            su_conn_kill(s, k);
        }
        su_conns_phase(&s->conns, k, SU_PHASE_SEND, s->now_us); /* the library is about to free it */
        return;
    }
    if (!k->answer && !k->dead)
        su_answer_refusal(s, k, &su_refusals[SU_NO_SIGNER]);
    k->seq = 0;
    su_conns_phase(&s->conns, k, SU_PHASE_SEND, s->now_us);
    su_http_wake(s, k);
}

static void tell_lost(struct su_server *s)
{
    if (s->audit.lost == s->lost_told || s->now_us - s->lost_told_us < LOST_EVERY_US)
        return;
    su_log(LOG_WARNING, "%llu records of audit were lost: suretyd does not read fast enough",
           (unsigned long long)(s->audit.lost - s->lost_told));
    s->lost_told = s->audit.lost;
    s->lost_told_us = s->now_us;
}

/* Records wait a little for others: suretyd is woken for a handful, not for each. */
static void audit_flush(struct su_server *s)
{
    if (s->audit.n == 0 || s->audit_due_us > s->now_us + AUDIT_WAIT_US)
        s->audit_due_us = s->now_us + AUDIT_WAIT_US;
    if (s->audit.n < AUDIT_ENOUGH && s->now_us < s->audit_due_us)
        return;
    su_audit_flush(&s->audit, s->control.fd);
    s->audit_due_us = s->now_us + AUDIT_WAIT_US;
}

static void dispatch(struct su_server *s, const struct epoll_event *ev)
{
    struct su_source *source = ev->data.ptr;
    switch (source->kind) {
    case SU_SOURCE_LISTENER:
        su_accept(s, (struct su_listener *)source);
        break;
    case SU_SOURCE_HTTP:
        s->again = true;
        break;
    case SU_SOURCE_SIGNER:
        if (ev->events & ~(uint32_t)EPOLLOUT)
            su_signer_readable(&s->signer);
        break;
    case SU_SOURCE_CONNECTOR:
        connector_event(s, ev->events);
        break;
    case SU_SOURCE_CONTROL:
        if (source->fd >= 0)
            control_event(s);
        break;
    case SU_SOURCE_CONTROL_LISTENER:
        control_accept(s);
        break;
    case SU_SOURCE_SIGNALS:
        s->stop = true;
        break;
    }
}

static int wait_ms(const struct su_server *s)
{
    if (s->again)
        return 0;
    int64_t left = su_conns_deadline(&s->conns) - s->now_us;
    if (s->signer.fd < 0 && left > TICK_US)
        left = TICK_US;
    if (s->audit.n && left > s->audit_due_us - s->now_us)
        left = s->audit_due_us - s->now_us;
    if (s->parked && left > PARKED_TICK_US)
        left = PARKED_TICK_US;
    if (left > LOST_EVERY_US)
        left = LOST_EVERY_US;
    return left <= 0 ? 0 : (int)(left / 1000) + 1;
}

/* suretyd goes last: it may remove the listener that another event of this turn belongs to. */
static int events_of_turn(struct su_server *s, struct su_err *e)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(s->epoll, ev, EVENTS, wait_ms(s));
    if (n < 0 && errno != EINTR)
        return su_fail_os(e, "imds.epoll", "cannot wait");
    s->now_us = su_monotonic_us();
    for (int last = 0; last < 2; last++)
        for (int i = 0; i < n; i++) {
            enum su_source_kind kind = ((const struct su_source *)ev[i].data.ptr)->kind;
            if ((kind == SU_SOURCE_CONTROL || kind == SU_SOURCE_CONTROL_LISTENER) == last)
                dispatch(s, &ev[i]);
            if (last && (kind == SU_SOURCE_CONTROL || kind == SU_SOURCE_CONTROL_LISTENER))
                break; /* what it did may have freed what the other events point to */
        }
    return 0;
}

int su_server_run(struct su_server *s, struct su_err *e)
{
    while (!s->stop) {
        struct su_imds_conn *late;
        if (events_of_turn(s, e) < 0)
            return -1;
        while ((late = su_conns_late(&s->conns, s->now_us)))
            on_late(s, late);
        if (s->again || (s->parked && s->now_us - s->ran_us >= PARKED_TICK_US))
            su_http_run(s);
        signer_flush(s);
        su_signer_connect(&s->signer, s->now_us);
        audit_flush(s);
        tell_lost(s);
    }
    return 0;
}

static int watch_signals(struct su_server *s, struct su_err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signals = (struct su_source){SU_SOURCE_SIGNALS, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    return s->signals.fd < 0 ? su_fail_os(e, "imds.signals", "cannot watch signals")
                             : su_server_watch(s, &s->signals, EPOLLIN, e);
}

int su_server_start(struct su_server *s, int control_listener, int connector, struct su_err *e)
{
    s->now_us = su_monotonic_us();
    su_conns_init(&s->conns);
    s->state.hooks = (struct su_imds_hooks){.ctx = s,
                                            .drop = su_conns_kill_vm,
                                            .listen = su_listen_add,
                                            .unlisten = su_listen_remove,
                                            .unlisten_all = su_listen_remove_all,
                                            .status = count_status};
    s->signer.fd = s->control.fd = -1;
    s->signer.connector = connector;
    s->signer.ctx = s;
    s->signer.answer = su_answer_signed;
    s->signer.gone = signer_gone;
    s->control_listener = (struct su_source){SU_SOURCE_CONTROL_LISTENER, control_listener};
    s->connector_source = (struct su_source){SU_SOURCE_CONNECTOR, connector};
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return su_fail_os(e, "imds.epoll", "cannot make an epoll");
    if (su_http_start(s, e) < 0 || watch_signals(s, e) < 0 ||
        su_server_watch(s, &s->control_listener, EPOLLIN, e) < 0 ||
        su_server_watch(s, &s->connector_source, EPOLLIN, e) < 0)
        return -1;
    return 0;
}

void su_server_done(struct su_server *s)
{
    su_imds_state_clear(&s->state);
    su_http_stop(s);
    su_answer_done(s);
    su_signer_done(&s->signer);
    su_audit_flush(&s->audit, s->control.fd);
    su_audit_done(&s->audit);
    su_buf_done(&s->reply.body);
    int fds[] = {s->control.fd, s->control_listener.fd, s->signals.fd, s->epoll};
    for (size_t i = 0; i < SU_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
