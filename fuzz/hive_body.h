/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz/hive_body.h - a hive around the bytes of a fuzzer: one bin whose cells fill it, so that what is in the cells is
 * what is tried. */
#pragma once
#include "guest/regf_int.h"
#include "tests/lib/hivegen.h"
#include <string.h>

enum { BODY_MAX = 1 << 16 };

static inline void hive_body(struct su_bytes body, struct su_buf *out)
{
    size_t n = body.n < BODY_MAX ? body.n : BODY_MAX;
    uint32_t size = (uint32_t)su_round_up(n + REGF_BIN_HEAD + 8, REGF_PAGE), root = 0;
    hivegen(out, n % 2 ? 5 : 3);
    out->n = REGF_BASE + REGF_BIN_HEAD;
    su_buf_add(out, body.p, n);
    su_buf_zero(out, REGF_BASE + size - out->n);
    uint8_t *bin = out->p + REGF_BASE;
    su_put_le32(bin + 8, size);
    for (uint32_t at = REGF_BIN_HEAD, len; at < size; at += len) {
        int32_t raw = (int32_t)su_le32(bin + at);
        len = raw < 0 ? 0 - (uint32_t)raw : (uint32_t)raw;
        if (len < 8 || len % 8 != 0 || len > size - at)
            su_put_le32(bin + at, len = size - at);
        if (!root && raw < 0 && len >= 80 && memcmp(bin + at + 4, "nk", 2) == 0)
            root = at;
    }
    su_put_le32(out->p + REGF_ROOT, root);
    su_put_le32(out->p + REGF_SIZE, size);
    hivegen_sum(out->p);
}
