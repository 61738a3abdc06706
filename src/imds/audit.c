/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include <nettle/sha2.h>
#include <string.h>
#include <sys/socket.h>

void su_audit_put(struct su_audit *a, int sock, const struct su_imds_audit *r)
{
    if (a->n == SU_AUDIT_BATCH)
        su_audit_flush(a, sock);
    struct su_buf *b = &a->record[a->n];
    b->n = 0;
    b->failed = false;
    su_put_u8(b, SU_IMDS_AUDIT);
    su_put_u8(b, SU_IPC_VERSION);
    su_put_u16(b, 0);
    su_put_u32(b, 0);
    su_imds_audit_put(b, r);
    if (b->failed)
        a->lost++;
    else
        a->n++;
}

void su_audit_flush(struct su_audit *a, int sock)
{
    struct mmsghdr m[SU_AUDIT_BATCH];
    struct iovec io[SU_AUDIT_BATCH];
    if (!a->n)
        return;
    for (unsigned i = 0; i < a->n; i++) {
        io[i] = (struct iovec){a->record[i].p, a->record[i].n};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &io[i], .msg_iovlen = 1}};
    }
    int sent = sock < 0 ? 0 : sendmmsg(sock, m, a->n, MSG_DONTWAIT | MSG_NOSIGNAL);
    a->lost += a->n - (sent > 0 ? (unsigned)sent : 0);
    a->n = 0;
}

void su_audit_done(struct su_audit *a)
{
    for (unsigned i = 0; i < SU_AUDIT_BATCH; i++)
        su_buf_done(&a->record[i]);
}

void su_audit_hash(const char *nonce, char out[65])
{
    static const char digit[] = "0123456789abcdef";
    uint8_t hash[SHA256_DIGEST_SIZE];
    struct sha256_ctx c;
    out[0] = '\0';
    if (!*nonce)
        return;
    sha256_init(&c);
    sha256_update(&c, strlen(nonce), (const uint8_t *)nonce);
    sha256_digest(&c, sizeof hash, hash);
    for (unsigned i = 0; i < sizeof hash; i++) {
        out[2 * i] = digit[hash[i] >> 4];
        out[2 * i + 1] = digit[hash[i] & 15];
    }
    out[64] = '\0';
}

void su_audit_path(const char *target, char *out, size_t cap)
{
    size_t n = 0;
    for (; *target && *target != '?' && n + 1 < cap; target++)
        out[n++] = *target > ' ' && *target <= '~' ? *target : '?';
    out[n] = '\0';
}
