/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire/fields.h - the fields of a message body, in a fixed order: numbers big endian, strings and byte strings with a
 * u16 length in front.  Taking is bounded: false, and nothing changed but the cursor, when the bytes do not hold. */
#pragma once
#include "base/buf.h"

void su_put_u8(struct su_buf *b, uint8_t v);
void su_put_u16(struct su_buf *b, uint16_t v);
void su_put_u32(struct su_buf *b, uint32_t v);
void su_put_u64(struct su_buf *b, uint64_t v);
void su_put_str(struct su_buf *b, const char *s); /* longer than 65535 bytes marks the buffer failed; NULL is "" */
void su_put_bytes(struct su_buf *b, struct su_bytes v);

/* A string of at most cap - 1 bytes without a NUL in it, copied and ended with one. */
bool su_take_str(struct su_bytes *b, char *out, size_t cap);
/* A borrowed range of at most max bytes. */
bool su_take_bytes(struct su_bytes *b, size_t max, struct su_bytes *out);
bool su_take_bool(struct su_bytes *b, bool *out); /* one byte, 0 or 1 */
