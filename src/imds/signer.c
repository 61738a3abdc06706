/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "signer.h"
#include "connector.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 8, RETRY_US = 500000 };

static uint8_t frames[BATCH][SU_IPC_MAX]; /* touched only as far as answers are long */

static void lost(struct su_signer *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    s->n = 0;
    s->gone(s->ctx);
}

/* The frame that takes one more question; NULL: too many wait. */
static struct su_buf *open_frame(struct su_signer *s)
{
    struct su_buf *b = &s->queue[(s->first + s->n - 1) % SU_SIGNER_QUEUE];
    if (s->n && s->last_n < SU_SIGN_TOGETHER)
        return b;
    if (s->n == SU_SIGNER_QUEUE)
        su_signer_flush(s);
    if (s->fd < 0 || s->n == SU_SIGNER_QUEUE)
        return NULL;
    b = &s->queue[(s->first + s->n++) % SU_SIGNER_QUEUE];
    s->last_n = 0;
    b->n = 0;
    su_put_u8(b, SU_SIGN_DOCUMENTS);
    su_put_u8(b, SU_IPC_VERSION);
    su_put_u16(b, 0);
    su_put_u32(b, 0);
    return b;
}

bool su_signer_ask(struct su_signer *s, uint32_t seq, const struct su_sign_request *r)
{
    struct su_buf *b = s->fd < 0 ? NULL : open_frame(s);
    if (!b)
        return false;
    size_t before = b->n;
    s->body.n = 0;
    su_sign_request_put(&s->body, r);
    su_sign_item_put(b, &(struct su_sign_item){SU_SIGN_DOCUMENT, seq, su_buf_bytes(&s->body)});
    if (!b->failed && !s->body.failed) {
        s->last_n++;
        return true;
    }
    b->n = before; /* no memory */
    b->failed = s->body.failed = false;
    if (!s->last_n)
        s->n--;
    return false;
}

void su_signer_flush(struct su_signer *s)
{
    struct mmsghdr m[BATCH];
    struct iovec io[BATCH];
    while (s->n && s->fd >= 0) {
        unsigned n = s->n < BATCH ? s->n : BATCH;
        for (unsigned i = 0; i < n; i++) {
            const struct su_buf *b = &s->queue[(s->first + i) % SU_SIGNER_QUEUE];
            io[i] = (struct iovec){b->p, b->n};
            m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &io[i], .msg_iovlen = 1}};
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

static bool take_answer(struct su_signer *s, const struct su_sign_item *i)
{
    struct su_signer_answer a = {.ok = i->op == SU_SIGN_DOCUMENT};
    struct su_bytes body = i->body;
    if (a.ok ? !su_sign_reply_take(&body, &a.reply) || !a.reply.der.n : !su_wire_error_take(&body, &a.error))
        return false;
    s->answer(s->ctx, i->seq, &a);
    return true;
}

/* One frame; false when it is none of the signer's.  Answers may come singly too. */
static bool take_frame(struct su_signer *s, const uint8_t *p, size_t n)
{
    if (n < SU_IPC_HEADER || p[1] != SU_IPC_VERSION || p[2] || p[3])
        return false;
    struct su_sign_item i = {p[0], su_be32(p + 4), {p + SU_IPC_HEADER, n - SU_IPC_HEADER}};
    if (i.op == SU_SIGN_DOCUMENT || i.op == SU_SIGN_ERROR)
        return take_answer(s, &i);
    struct su_bytes rest = i.body;
    if (i.op != SU_SIGN_ANSWERS || !su_sign_items(rest))
        return false;
    while (rest.n)
        if (!su_sign_item_take(&rest, &i) || !take_answer(s, &i))
            return false;
    return true;
}

void su_signer_readable(struct su_signer *s)
{
    struct mmsghdr m[BATCH];
    struct iovec io[BATCH];
    if (s->fd < 0)
        return;
    for (unsigned i = 0; i < BATCH; i++) {
        io[i] = (struct iovec){frames[i], sizeof frames[i]};
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
        if ((m[i].msg_hdr.msg_flags & MSG_TRUNC) || !take_frame(s, frames[i], m[i].msg_len)) {
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
    su_buf_done(&s->body);
    if (s->fd >= 0)
        close(s->fd);
    if (s->connector >= 0)
        close(s->connector);
    s->fd = s->connector = -1;
}
