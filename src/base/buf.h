/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/buf.h - a growable byte buffer, and text built into it.
 *
 * After a failed append the buffer is marked and later appends do nothing, so
 * a chain of appends is checked once, with su_buf_ok().  The contents are
 * always followed by a NUL that n does not count.  Not thread safe. */
#pragma once
#include "su.h"

struct su_buf {
    uint8_t *p; /* owned */
    size_t n, cap;
    bool failed;
};

void su_buf_done(struct su_buf *b);
#define SU_BUF SU_AUTO(su_buf_done)

void su_buf_add(struct su_buf *b, const void *p, size_t n);
void su_buf_zero(struct su_buf *b, size_t n); /* n bytes of zero */
/* n bytes appended, their contents undefined; borrowed until the next call; NULL: out of memory */
uint8_t *su_buf_room(struct su_buf *b, size_t n);
void su_buf_text(struct su_buf *b, const char *s);
void su_buf_printf(struct su_buf *b, const char *fmt, ...) SU_PRINTF(2, 3);
/* A JSON string (RFC 8259) with its quotes.  A byte that is no UTF-8 becomes U+FFFD. */
void su_buf_json(struct su_buf *b, const char *s);
int su_buf_ok(const struct su_buf *b, struct su_err *e) SU_MUST_CHECK; /* -1 when any append ran out of memory */

static inline struct su_bytes su_buf_bytes(const struct su_buf *b)
{
    return (struct su_bytes){b->p, b->n};
}
static inline const char *su_buf_str(const struct su_buf *b) /* borrowed */
{
    return b->p ? (const char *)b->p : "";
}
