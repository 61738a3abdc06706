/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { FRAMES_AT_ONCE = 64 }; /* then others have their turn */

static void arm(struct su_peer *p, unsigned ms)
{
    sd_event_source_set_time_relative(p->timer, (uint64_t)ms * 1000);
    sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}

static void disconnect(struct su_peer *p, const struct su_err *why)
{
    p->io = sd_event_source_disable_unref(p->io);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->busy = false;
    p->ops->down(p->ctx, why);
    arm(p, p->retry_ms);
    p->retry_ms = p->retry_ms * 2 > SU_PEER_RETRY_MAX_MS ? SU_PEER_RETRY_MAX_MS : p->retry_ms * 2;
}

void su_peer_kick(struct su_peer *p)
{
    struct su_peer_ask ask = {.fd = -1};
    struct su_err e = {0};
    if (p->fd < 0 || p->busy || !p->ops->next(p->ctx, &ask))
        return;
    p->seq = p->seq == UINT32_MAX ? 1 : p->seq + 1;
    int rc = su_buf_ok(&ask.body, &e);
    if (rc == 0)
        rc = su_ipc_send(p->fd, ask.op, p->seq, su_buf_bytes(&ask.body), ask.fd, &e);
    su_buf_done(&ask.body);
    if (rc < 0) {
        disconnect(p, &e);
        return;
    }
    p->busy = true;
    arm(p, SU_PEER_ANSWER_MS);
}

static bool take(struct su_peer *p, const struct su_ipc_msg *m)
{
    if (m->seq == 0)
        return p->ops->unasked(p->ctx, m->op, m->body);
    if (!p->busy || m->seq != p->seq)
        return false;
    p->busy = false;
    p->retry_ms = SU_PEER_RETRY_MIN_MS;
    sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
    return p->ops->answered(p->ctx, m->op, m->body);
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *arg)
{
    struct su_peer *p = arg;
    struct su_err e = {0};
    (void)s, (void)events;
    for (unsigned i = 0; i < FRAMES_AT_ONCE && p->fd == fd; i++) {
        struct su_ipc_msg m = {.fd = -1};
        int rc = su_ipc_recv(p->fd, p->buf, sizeof p->buf, &m, &e);
        if (rc == 0)
            break;
        if (rc > 0 && m.fd >= 0)
            close(m.fd); /* neither of them has anything to give us */
        if (rc > 0 && !take(p, &m))
            rc = su_fail(&e, SU_E_FORMAT, "ipc.frame", "a message with operation %u has no place here", m.op);
        if (rc < 0)
            disconnect(p, &e);
        else
            su_peer_kick(p);
    }
    return 0;
}

int su_peer_connect(const char *path, int *fd, struct su_err *e)
{
    char place[32];
    struct stat st;
    SU_CLOSE int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || fstat(at, &st) < 0)
        return su_fail_os(e, "ipc.io", "cannot connect to %s", path);
    if (!S_ISSOCK(st.st_mode))
        return su_fail(e, SU_E_CONFLICT, "ipc.path", "%s is there and is no socket", path);
    snprintf(place, sizeof place, "/proc/self/fd/%d", at);
    return su_ipc_connect(place, fd, e);
}

static void connect_now(struct su_peer *p)
{
    struct su_err e = {0};
    if (su_peer_connect(p->path, &p->fd, &e) < 0) {
        p->fd = -1;
        disconnect(p, &e);
        return;
    }
    if (sd_event_add_io(p->ev, &p->io, p->fd, EPOLLIN, on_io, p) < 0) {
        su_fail(&e, SU_E_NOMEM, "ipc.io", "cannot watch the connection");
        disconnect(p, &e);
        return;
    }
    p->busy = false;
    p->ops->up(p->ctx);
    su_peer_kick(p);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
    struct su_peer *p = arg;
    struct su_err e = {0};
    (void)s, (void)usec;
    if (p->fd < 0) {
        connect_now(p);
    } else if (p->busy) {
        su_fail(&e, SU_E_IO, "ipc.timeout", "no answer within %d s", SU_PEER_ANSWER_MS / 1000);
        disconnect(p, &e);
    }
    return 0;
}

int su_peer_start(struct su_peer *p, sd_event *ev, const char *path, const struct su_peer_ops *ops, void *ctx,
                  struct su_err *e)
{
    if (strlen(path) >= sizeof p->path)
        return su_fail(e, SU_E_RANGE, "ipc.size", "the path %s is too long", path);
    p->ops = ops;
    p->ctx = ctx;
    p->ev = ev;
    p->fd = -1;
    p->retry_ms = SU_PEER_RETRY_MIN_MS;
    snprintf(p->path, sizeof p->path, "%s", path);
    int rc = sd_event_add_time_relative(ev, &p->timer, CLOCK_MONOTONIC, 0, 10000, on_timer, p);
    if (rc < 0) {
        errno = -rc;
        return su_fail_os(e, "daemon.event", "making a timer");
    }
    return 0;
}

void su_peer_stop(struct su_peer *p)
{
    p->io = sd_event_source_disable_unref(p->io);
    p->timer = sd_event_source_disable_unref(p->timer);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}
