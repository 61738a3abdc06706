/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fields.h"
#include <string.h>

void su_put_u8(struct su_buf *b, uint8_t v)
{
    su_buf_add(b, &v, 1);
}

static void put_be(struct su_buf *b, uint64_t v, unsigned bytes)
{
    uint8_t out[8];
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    su_buf_add(b, out, bytes);
}

void su_put_u16(struct su_buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void su_put_u32(struct su_buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void su_put_u64(struct su_buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void su_put_bytes(struct su_buf *b, struct su_bytes v)
{
    if (v.n > UINT16_MAX) {
        b->failed = true;
        return;
    }
    su_put_u16(b, (uint16_t)v.n);
    if (v.n > 0)
        su_buf_add(b, v.p, v.n);
}

void su_put_str(struct su_buf *b, const char *s)
{
    su_put_bytes(b, (struct su_bytes){(const uint8_t *)s, s ? strlen(s) : 0});
}

bool su_take_bytes(struct su_bytes *b, size_t max, struct su_bytes *out)
{
    struct su_bytes at = *b;
    uint16_t n;
    if (!su_take_be16(&at, &n) || n > max || n > at.n)
        return false;
    *out = (struct su_bytes){at.p, n};
    *b = (struct su_bytes){at.p + n, at.n - n};
    return true;
}

bool su_take_str(struct su_bytes *b, char *out, size_t cap)
{
    struct su_bytes at = *b, s;
    if (cap == 0 || !su_take_bytes(&at, cap - 1, &s) || (s.n > 0 && memchr(s.p, 0, s.n)))
        return false;
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    *b = at;
    return true;
}

/* One byte that must be 0 or 1. */
bool su_take_bool(struct su_bytes *b, bool *out)
{
    struct su_bytes at = *b;
    uint8_t v;
    if (!su_take_u8(&at, &v) || v > 1)
        return false;
    *out = v == 1;
    *b = at;
    return true;
}
