/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "signer.h"
#include "connector.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, FRAME_MAX = SU_DOCUMENT_MAX + 1024, RETRY_US = 500000 };

static uint8_t frames[BATCH][FRAME_MAX]; /* touched only as far as answers are long */

static void lost(struct su_signer *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    s->n = 0;
    s->gone(s->ctx);
}

bool su_signer_ask(struct su_signer *s, uint32_t seq, const struct su_sign_request *r)
{
    if (s->fd >= 0 && s->n == SU_SIGNER_QUEUE)
        su_signer_flush(s);
    if (s->fd < 0 || s->n == SU_SIGNER_QUEUE)
        return false;
    struct su_buf *b = &s->queue[(s->first + s->n) % SU_SIGNER_QUEUE];
    b->n = 0;
    b->failed = false;
    su_put_u8(b, SU_SIGN_DOCUMENT);
    su_put_u8(b, SU_IPC_VERSION);
    su_put_u16(b, 0);
    su_put_u32(b, seq);
    su_sign_request_put(b, r);
    if (b->failed)
        return false;
    s->n++;
    return true;
}

void su_signer_flush(struct su_signer *s)
{
    struct mmsghdr m[BATCH] = {{{0}}};
    struct iovec io[BATCH];
    while (s->n && s->fd >= 0) {
        unsigned n = s->n < BATCH ? s->n : BATCH;
        for (unsigned i = 0; i < n; i++) {
            const struct su_buf *b = &s->queue[(s->first + i) % SU_SIGNER_QUEUE];
            io[i] = (struct iovec){b->p, b->n};
            m[i].msg_hdr.msg_iov = &io[i];
            m[i].msg_hdr.msg_iovlen = 1;
        }
        int sent = sendmmsg(s->fd, m, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR))
            return; /* the loop comes back when the socket has room */
        if (sent <= 0) {
            lost(s);
            return;
        }
        s->first = (s->first + (unsigned)sent) % SU_SIGNER_QUEUE;
        s->n -= (unsigned)sent;
    }
}

/* One frame; false when it is none of the signer's. */
static bool take_answer(struct su_signer *s, const uint8_t *p, size_t n)
{
    struct su_signer_answer a = {0};
    if (n < SU_IPC_HEADER || p[1] != SU_IPC_VERSION || p[2] || p[3])
        return false;
    struct su_bytes body = {p + SU_IPC_HEADER, n - SU_IPC_HEADER};
    a.ok = p[0] == SU_SIGN_DOCUMENT;
    if (a.ok ? !su_sign_reply_take(&body, &a.reply) || !a.reply.der.n
             : p[0] != SU_SIGN_ERROR || !su_wire_error_take(&body, &a.error))
        return false;
    s->answer(s->ctx, su_be32(p + 4), &a);
    return true;
}

void su_signer_readable(struct su_signer *s)
{
    struct mmsghdr m[BATCH];
    struct iovec io[BATCH];
    if (s->fd < 0)
        return;
    for (unsigned i = 0; i < BATCH; i++) {
        io[i] = (struct iovec){frames[i], FRAME_MAX};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &io[i], .msg_iovlen = 1}};
    }
    int n = recvmmsg(s->fd, m, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lost(s);
        return;
    }
    for (int i = 0; i < n; i++) /* a frame of no bytes is the end of the connection */
        if ((m[i].msg_hdr.msg_flags & MSG_TRUNC) || !take_answer(s, frames[i], m[i].msg_len)) {
            lost(s);
            return;
        }
}

void su_signer_connect(struct su_signer *s, int64_t now_us)
{
    if (s->fd >= 0 || s->asked || s->connector < 0 || now_us < s->next_try_us)
        return;
    s->next_try_us = now_us + RETRY_US;
    s->asked = su_connector_ask(s->connector);
}

bool su_signer_connected(struct su_signer *s)
{
    int fd = -1;
    if (!su_connector_take(s->connector, &fd))
        return false;
    s->asked = false;
    if (fd < 0 || s->fd >= 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    s->fd = fd;
    s->first = s->n = 0;
    return true;
}

void su_signer_done(struct su_signer *s)
{
    for (unsigned i = 0; i < SU_SIGNER_QUEUE; i++)
        su_buf_done(&s->queue[i]);
    if (s->fd >= 0)
        close(s->fd);
    if (s->connector >= 0)
        close(s->connector);
    s->fd = s->connector = -1;
}
