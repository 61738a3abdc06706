/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "buf.h"
#include "clean.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void su_buf_done(struct su_buf *b)
{
    free(b->p);
    *b = (struct su_buf){0};
}

/* Room for n more bytes and the NUL; NULL when there is none. */
static uint8_t *reserve(struct su_buf *b, size_t n)
{
    if (b->failed || n >= SIZE_MAX / 2 - b->n) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap > need / 2 ? b->cap * 2 : need;
        uint8_t *p = realloc(b->p, cap);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void su_buf_add(struct su_buf *b, const void *p, size_t n)
{
    uint8_t *at = reserve(b, n);
    if (!at)
        return;
    if (n)
        memcpy(at, p, n);
    at[n] = 0;
    b->n += n;
}

void su_buf_zero(struct su_buf *b, size_t n)
{
    uint8_t *at = reserve(b, n);
    if (!at)
        return;
    memset(at, 0, n + 1);
    b->n += n;
}

uint8_t *su_buf_room(struct su_buf *b, size_t n)
{
    uint8_t *at = reserve(b, n);
    if (!at)
        return NULL;
    at[n] = 0;
    b->n += n;
    return at;
}

void su_buf_text(struct su_buf *b, const char *s)
{
    su_buf_add(b, s, strlen(s));
}

void su_buf_printf(struct su_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    uint8_t *at = n < 0 ? NULL : reserve(b, (size_t)n);
    if (!at) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

/* Bytes of the character at s if it stands for itself in a JSON string; 0: it does not, or s ends. */
static size_t plain_char(const char *s)
{
    const unsigned char c = (unsigned char)*s;
    bool shows;
    if (c < ' ' || c == '"' || c == '\\')
        return 0;
    return c < 0x80 ? 1 : su_clean_char((struct su_bytes){(const uint8_t *)s, strnlen(s, 4)}, &shows);
}

static size_t plain(const char *s)
{
    size_t n = 0, len;
    while ((len = plain_char(s + n)))
        n += len;
    return n;
}

void su_buf_json(struct su_buf *b, const char *s)
{
    su_buf_add(b, "\"", 1);
    for (;; s++) {
        size_t n = plain(s);
        su_buf_add(b, s, n);
        s += n;
        if (!*s)
            break;
        if ((unsigned char)*s >= 0x80)
            su_buf_add(b, "\xef\xbf\xbd", 3);
        else if ((unsigned char)*s < ' ')
            su_buf_printf(b, "\\u%04x", (unsigned char)*s);
        else
            su_buf_add(b, (const char[]){'\\', *s}, 2);
    }
    su_buf_add(b, "\"", 1);
}

int su_buf_ok(const struct su_buf *b, struct su_err *e)
{
    return b->failed ? su_fail_nomem(e, b->n) : 0;
}
