/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sparse image as a journal, as it is and with its checksums put right, against a disk that fits it: the
 * promises of journal.h; a recovery that fails leaves the disk alone, one that succeeds is final. */
#include "must.h"
#include "disk/journal_format.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"
#include <string.h>
#include <zlib.h>

enum { MAX_DISK = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void repair_kept(struct su_blk *u, uint8_t *rec)
{
    uint64_t saved = su_le64(rec + 16), at = su_le64(rec + 24);
    if (at <= u->size && saved <= u->size - at)
        su_put_le32(rec + 32, (uint32_t)crc32(0, su_memblk_data(u) + at, (uInt)saved));
}

static void repair(struct su_blk *u)
{
    uint8_t *b = su_memblk_data(u);
    if (u->size < SU_JF_BODY_AT)
        return;
    uint64_t n = su_le32(b + 12), meta = su_le32(b + 40), room = u->size - SU_JF_BODY_AT;
    if (n * SU_JF_EXTENT > room || n > SU_JF_MAX_EXTENTS)
        return;
    for (uint64_t i = 0; i < n; i++)
        repair_kept(u, b + SU_JF_BODY_AT + i * SU_JF_EXTENT);
    su_put_le32(b + 44, (uint32_t)crc32(0, b + SU_JF_BODY_AT, (uInt)(n * SU_JF_EXTENT)));
    if (meta <= room - n * SU_JF_EXTENT)
        su_put_le32(b + 48, (uint32_t)crc32(0, b + SU_JF_BODY_AT + n * SU_JF_EXTENT, (uInt)meta));
    su_put_le32(b + SU_JF_BLOCK - 4, (uint32_t)crc32(0, b, SU_JF_BLOCK - 4));
}

static void recover(struct su_blk *u, const struct su_journal *j)
{
    static uint8_t was_bytes[MAX_DISK];
    struct su_err e = {0};
    enum su_journal_state was = SU_JOURNAL_NONE, again = SU_JOURNAL_NONE;
    SU_BLK struct su_blk *d = NULL;
    uint64_t size = j->size_during;
    if (size > MAX_DISK || size < 446 || j->size_before > MAX_DISK || j->size_after > MAX_DISK)
        return;
    MUST(su_memblk_new(size, &d, &e) == 0);
    memset(su_memblk_data(d), 0xA5, (size_t)size);
    memcpy(su_memblk_data(d) + 440, j->witness, 6);
    memcpy(was_bytes, su_memblk_data(d), (size_t)size);
    if (su_journal_recover(u, d, &was, &e) < 0) {
        MUST(e.id && was == SU_JOURNAL_NONE && d->size == size &&
             memcmp(was_bytes, su_memblk_data(d), (size_t)size) == 0);
        return;
    }
    MUST(was == j->state);
    if (was == SU_JOURNAL_SEALED)
        MUST(d->size == j->size_before);
    else if (was == SU_JOURNAL_COMMITTED && !j->settled)
        MUST(d->size == j->size_after);
    else
        MUST(d->size == size && memcmp(was_bytes, su_memblk_data(d), (size_t)size) == 0);
    MUST(su_journal_recover(u, d, &again, &e) == 0);
    MUST(again == (was == SU_JOURNAL_SEALED ? SU_JOURNAL_REVERTED : was));
}

static void read_one(struct su_blk *u)
{
    SU_JOURNAL struct su_journal j = {0};
    struct su_err e = {0};
    if (su_journal_open(u, &j, &e) < 0) {
        MUST(e.id && strcmp(e.id, "undo.damaged") == 0 && j.n == 0);
        return;
    }
    MUST(!su_promise_journal(&j, u->size));
    for (size_t i = 0; i < j.n && i < 16; i++) {
        SU_FREE uint8_t *kept = malloc((size_t)j.extent[i].saved + 1);
        int rc = kept ? su_journal_kept(u, &j.extent[i], kept, &e) : -1;
        MUST(rc == 0 || e.id);
    }
    recover(u, &j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *raw = NULL, *right = NULL;
    struct su_bytes in = {data, n};
    if (su_memblk_sparse(in, &raw, &e) < 0 || su_memblk_sparse(in, &right, &e) < 0)
        return 0;
    read_one(raw);
    repair(right);
    read_one(right);
    return 0;
}
