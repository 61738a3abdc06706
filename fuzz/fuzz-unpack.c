/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as packed data: output stays within the budget, the end is reached, and where zlib takes a gzip member the
 * decoder here makes the same bytes of it. */
#include "must.h"
#include "base/buf.h"
#include "guest/unpack.h"
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BUDGET = 1 << 20 };

/* What zlib makes of the first member; false: nothing whole. */
static bool by_zlib(struct su_bytes in, struct su_buf *out, size_t *used)
{
    static uint8_t chunk[BUDGET + 1];
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.p, .avail_in = (unsigned)in.n};
    z.next_out = chunk;
    z.avail_out = sizeof chunk;
    if (inflateInit2(&z, 31) != Z_OK)
        return false;
    int rc = inflate(&z, Z_FINISH);
    bool whole = rc == Z_STREAM_END && z.total_out <= BUDGET;
    if (whole)
        su_buf_add(out, chunk, z.total_out);
    *used = z.total_in;
    inflateEnd(&z);
    return whole;
}

static int unpack(struct su_bytes all, struct su_buf *out, size_t *used, struct su_err *e)
{
    struct su_bytes left = all, b;
    uint64_t budget = BUDGET;
    SU_INPUT struct su_input in = {.src = su_pull_bytes(&left)};
    SU_UNPACK struct su_unpack *u = NULL;
    if (su_input_peek(&in, 6, &b, e) < 0 || su_unpack_open(&in, su_packing_detect(b), &budget, &u, e) < 0)
        return -1;
    do {
        if (su_unpack_next(u, &b, e) < 0)
            return -1;
        su_buf_add(out, b.p, b.n);
        MUST(out->n + budget == BUDGET);
    } while (b.n);
    *used = all.n - left.n - (in.n - in.at);
    MUST(su_unpack_next(u, &b, e) == 0 && b.n == 0); /* the end stays the end */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_bytes all = {data, n};
    struct su_err e = {0};
    SU_BUF struct su_buf ours = {0}, zlibs = {0};
    size_t used = 0, zlib_used = 0;
    int rc = unpack(all, &ours, &used, &e);
    MUST(rc == 0 || (e.kind != SU_OK && e.id && strncmp(e.id, "unpack.", 7) == 0));
    if (su_packing_detect(all) == SU_PACK_GZIP && by_zlib(all, &zlibs, &zlib_used))
        MUST(rc == 0 && used == zlib_used && ours.n == zlibs.n && memcmp(ours.p, zlibs.p, ours.n) == 0);
    return 0;
}
