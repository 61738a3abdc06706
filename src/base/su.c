/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "su.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [SU_OK] = "ok",
    [SU_E_IO] = "io",
    [SU_E_FORMAT] = "format",
    [SU_E_RANGE] = "range",
    [SU_E_CONFLICT] = "conflict",
    [SU_E_MISSING] = "missing",
    [SU_E_REFUSED] = "refused",
    [SU_E_NOMEM] = "nomem",
    [SU_E_USAGE] = "usage",
};
_Static_assert(SU_ARRAY_LEN(kind_names) == SU_KIND_COUNT, "a kind without a name");

const char *su_kind_name(enum su_kind kind)
{
    return kind < SU_KIND_COUNT ? kind_names[kind] : "?";
}

SU_PRINTF(5, 0)
static void record(struct su_err *e, enum su_kind kind, int os, const char *id, const char *fmt, va_list ap)
{
    e->kind = kind;
    e->os_errno = os;
    e->id = id;
    e->remedy = NULL;
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
}

int su_fail(struct su_err *e, enum su_kind kind, const char *id, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    record(e, kind, 0, id, fmt, ap);
    va_end(ap);
    return -1;
}

int su_fail_os(struct su_err *e, const char *id, const char *fmt, ...)
{
    int os = errno;
    va_list ap;
    va_start(ap, fmt);
    record(e, os == ENOMEM ? SU_E_NOMEM : SU_E_IO, os, id, fmt, ap);
    va_end(ap);
    size_t used = strlen(e->msg);
    snprintf(e->msg + used, sizeof e->msg - used, ": %s", strerror(os));
    return -1;
}

int su_fail_nomem(struct su_err *e, size_t wanted)
{
    return su_fail(e, SU_E_NOMEM, "host.memory", "no memory for %zu bytes", wanted);
}

int su_context(struct su_err *e, const char *fmt, ...)
{
    char head[98];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head - 2, fmt, ap);
    va_end(ap);
    size_t n = strlen(head), cap = sizeof e->msg;
    memcpy(head + n, ": ", 2);
    n += 2;
    memmove(e->msg + n, e->msg, cap - n); /* what falls off the end is the least specific part */
    memcpy(e->msg, head, n);
    e->msg[cap - 1] = 0;
    return -1;
}

int su_remedy(struct su_err *e, const char *remedy)
{
    e->remedy = remedy;
    return -1;
}

bool su_skip(struct su_bytes *b, size_t n)
{
    if (n > b->n)
        return false;
    if (n) { /* empty bytes may be NULL */
        b->p += n;
        b->n -= n;
    }
    return true;
}

bool su_take(struct su_bytes *b, void *out, size_t n)
{
    if (n > b->n)
        return false;
    if (n)
        memcpy(out, b->p, n);
    return su_skip(b, n);
}

bool su_take_u8(struct su_bytes *b, uint8_t *out)
{
    return su_take(b, out, 1);
}

#define TAKE(name, type, load)                                                                                         \
    bool name(struct su_bytes *b, type *out)                                                                           \
    {                                                                                                                  \
        uint8_t r[sizeof(type)];                                                                                       \
        if (!su_take(b, r, sizeof r))                                                                                  \
            return false;                                                                                              \
        *out = load(r);                                                                                                \
        return true;                                                                                                   \
    }
TAKE(su_take_le16, uint16_t, su_le16)
TAKE(su_take_le32, uint32_t, su_le32)
TAKE(su_take_le64, uint64_t, su_le64)
TAKE(su_take_be16, uint16_t, su_be16)
TAKE(su_take_be32, uint32_t, su_be32)
TAKE(su_take_be64, uint64_t, su_be64)

uint16_t su_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t su_le32(const uint8_t *p)
{
    return (uint32_t)su_le16(p) | (uint32_t)su_le16(p + 2) << 16;
}

uint64_t su_le64(const uint8_t *p)
{
    return su_le32(p) | (uint64_t)su_le32(p + 4) << 32;
}

uint16_t su_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t su_be32(const uint8_t *p)
{
    return (uint32_t)su_be16(p) << 16 | su_be16(p + 2);
}

uint64_t su_be64(const uint8_t *p)
{
    return (uint64_t)su_be32(p) << 32 | su_be32(p + 4);
}

void su_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void su_put_le32(uint8_t *p, uint32_t v)
{
    su_put_le16(p, (uint16_t)v);
    su_put_le16(p + 2, (uint16_t)(v >> 16));
}

void su_put_le64(uint8_t *p, uint64_t v)
{
    su_put_le32(p, (uint32_t)v);
    su_put_le32(p + 4, (uint32_t)(v >> 32));
}

bool su_all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

uint64_t su_round_up(uint64_t v, uint64_t to)
{
    uint64_t rest = v % to;
    if (rest == 0)
        return v;
    return v > UINT64_MAX - (to - rest) ? UINT64_MAX - UINT64_MAX % to : v + (to - rest);
}
