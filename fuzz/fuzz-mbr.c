/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sparse image (tests/lib/memblk.h), read as both sector sizes: the promises of mbr.h, and those of layout.h
 * for what has no problems. */
#include "must.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void lay_out(const struct su_mbr *m, uint64_t bytes, bool grow)
{
    static struct su_layout l;
    struct su_err e = {0};
    struct su_layout_request r = {
        .mbr = m, .disk_bytes = bytes, .can_grow = grow, .esp_bytes = 2 * SU_MIB, .bios_sectors = 29};
    MUST(su_layout_make(&r, &l, &e) == 0);
    MUST(!su_promise_layout(&r, &l));
}

static void read_as(struct su_blk *d, uint32_t sector_size)
{
    static struct su_mbr m;
    struct su_err e = {0};
    struct su_memblk_count before = su_memblk_count(d);
    m.n = 4711;
    if (su_mbr_read(d, sector_size, &m, &e) < 0) {
        MUST(e.kind == SU_E_FORMAT && e.id && m.n == 4711);
        return;
    }
    struct su_memblk_count after = su_memblk_count(d);
    MUST(after.reads - before.reads <= 1 + SU_MBR_MAX_LOGICAL + 1 && after.writes == 0);
    MUST(!su_promise_mbr(&m, d->size));
    if (m.n_problems == 0 && !m.protective) {
        lay_out(&m, d->size, false);
        lay_out(&m, d->size, true);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    if (su_memblk_sparse((struct su_bytes){data, n}, &d, &e) < 0)
        return 0;
    read_as(d, 512);
    read_as(d, 4096);
    return 0;
}
