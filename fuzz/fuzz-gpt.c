/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sparse image, as it is and with its checksums put right: the promises of gpt.h, and what is read is what a
 * table made of it says again. */
#include "must.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void repair(struct su_blk *d, uint64_t lba, uint32_t ss)
{
    uint8_t *b = su_memblk_data(d);
    if (d->size < ss || lba > d->size / ss - 1)
        return;
    uint8_t *h = b + lba * ss;
    uint64_t table = su_le64(h + 72);
    uint32_t len = su_le32(h + 12);
    if (len < 92 || len > 512)
        su_put_le32(h + 12, len = 92);
    if (table < d->size / ss && d->size - table * ss >= SU_GPT_TABLE)
        su_put_le32(h + 88, (uint32_t)crc32(0, b + table * ss, SU_GPT_TABLE));
    su_put_le32(h + 16, 0);
    su_put_le32(h + 16, (uint32_t)crc32(0, h, len));
}

/* A fresh disk with the tables that g makes reads as g. */
static void again(const struct su_gpt *g, uint64_t bytes, uint32_t ss)
{
    static struct su_gpt got;
    static uint8_t table[SU_GPT_TABLE], h[512];
    struct su_err e = {0};
    unsigned copies = 0;
    SU_BLK struct su_blk *d = NULL;
    uint64_t last = bytes / ss - 1;
    MUST(su_memblk_new(bytes, &d, &e) == 0);
    su_gpt_put_table(g, table);
    su_gpt_put_header(g, ss, SU_GPT_PRIMARY, table, h);
    MUST(su_blk_write(d, ss, h, 512, &e) == 0 && su_blk_write(d, 2 * ss, table, SU_GPT_TABLE, &e) == 0);
    su_gpt_put_header(g, ss, SU_GPT_BACKUP, table, h);
    MUST(su_blk_write(d, last * ss, h, 512, &e) == 0);
    MUST(su_blk_write(d, last * ss - SU_GPT_TABLE, table, SU_GPT_TABLE, &e) == 0);
    MUST(su_gpt_read(d, ss, &got, &copies, &e) == 0 && copies == (SU_GPT_PRIMARY | SU_GPT_BACKUP));
    MUST(memcmp(got.disk_guid, g->disk_guid, 16) == 0 && got.first_usable == g->first_usable &&
         got.last_usable == g->last_usable);
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *a = &g->entry[i], *b = &got.entry[i];
        MUST(su_gpt_used(a) == su_gpt_used(b));
        if (su_gpt_used(a))
            MUST(memcmp(a->type, b->type, 16) == 0 && memcmp(a->guid, b->guid, 16) == 0 && a->first == b->first &&
                 a->last == b->last && a->attributes == b->attributes && strcmp(a->name, b->name) == 0);
    }
}

static void read_as(struct su_blk *d, uint32_t ss)
{
    static struct su_gpt g;
    struct su_err e = {0};
    unsigned copies = 0;
    if (su_gpt_read(d, ss, &g, &copies, &e) < 0) {
        MUST(e.kind == SU_E_FORMAT && e.id && copies == 0);
        return;
    }
    MUST(copies >= 1 && copies <= 3 && !su_promise_gpt(&g, d->size, ss));
    again(&g, d->size, ss);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    if (su_memblk_sparse((struct su_bytes){data, n}, &d, &e) < 0)
        return 0;
    for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
        read_as(d, ss);
        repair(d, 1, ss);
        repair(d, d->size / ss - 1, ss);
        read_as(d, ss);
    }
    return 0;
}
