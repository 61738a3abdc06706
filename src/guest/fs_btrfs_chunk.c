/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chunk map: logical addresses to bytes of the one device. */
#include "fs_btrfs.h"
#include <inttypes.h>

enum {
    CHUNK_HEAD = 48,
    STRIPE = 32,
    PROFILE_DUP = 0x20,
    PROFILE_ANY = 0x7f8, /* RAID0, RAID1, DUP, RAID10, RAID5, RAID6, RAID1C3, RAID1C4 */
};

static int bad_chunk(uint64_t logical, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.chunk", "btrfs chunk %" PRIu64 ": %s", logical, what);
}

static int parse(const struct su_btrfs *b, uint64_t logical, struct su_bytes item, struct su_btrfs_chunk *out,
                 struct su_err *e)
{
    if (item.n < CHUNK_HEAD)
        return bad_chunk(logical, "its item is cut short", e);
    struct su_btrfs_chunk c = {.logical = logical, .size = su_le64(item.p), .copies = su_le16(item.p + 44)};
    uint64_t profile = su_le64(item.p + 24) & PROFILE_ANY;
    if (profile != 0 && profile != PROFILE_DUP)
        return su_fail(e, SU_E_REFUSED, "fs.btrfs.devices", "btrfs with a RAID profile is not supported");
    if (c.copies != (profile ? 2 : 1) || item.n < CHUNK_HEAD + c.copies * STRIPE)
        return bad_chunk(logical, "its stripes do not fit its profile", e);
    if (c.size == 0 || c.size > b->blk->size || logical > UINT64_MAX - c.size)
        return bad_chunk(logical, "its size is impossible", e);
    for (unsigned i = 0; i < c.copies; i++) {
        const uint8_t *stripe = item.p + CHUNK_HEAD + i * STRIPE;
        c.at[i] = su_le64(stripe + 8);
        if (su_le64(stripe) != b->dev_id)
            return su_fail(e, SU_E_REFUSED, "fs.btrfs.devices", "btrfs on more than one device is not supported");
        if (c.at[i] > b->blk->size - c.size)
            return bad_chunk(logical, "it leaves the volume", e);
    }
    *out = c;
    return 0;
}

int su_btrfs_chunk_add(struct su_btrfs *b, uint64_t logical, struct su_bytes item, struct su_err *e)
{
    struct su_btrfs_chunk c;
    if (parse(b, logical, item, &c, e) < 0)
        return -1;
    if (b->n_chunks == SU_BTRFS_CHUNKS_MAX)
        return su_fail(e, SU_E_RANGE, "fs.btrfs.chunks", "btrfs with more than %d chunks", SU_BTRFS_CHUNKS_MAX);
    if ((b->n_chunks & (b->n_chunks - 1)) == 0) { /* full at every power of two */
        size_t room = b->n_chunks ? b->n_chunks * 2 : 1;
        struct su_btrfs_chunk *more = realloc(b->chunks, room * sizeof *more);
        if (!more)
            return su_fail_nomem(e, room * sizeof *more);
        b->chunks = more;
    }
    b->chunks[b->n_chunks++] = c;
    return 0;
}

static int by_logical(const void *a, const void *b)
{
    uint64_t x = ((const struct su_btrfs_chunk *)a)->logical, y = ((const struct su_btrfs_chunk *)b)->logical;
    return (x > y) - (x < y);
}

int su_btrfs_chunk_sort(struct su_btrfs *b, struct su_err *e)
{
    if (b->n_chunks)
        qsort(b->chunks, b->n_chunks, sizeof *b->chunks, by_logical);
    for (size_t i = 1; i < b->n_chunks; i++) {
        if (b->chunks[i].logical < b->chunks[i - 1].logical + b->chunks[i - 1].size)
            return bad_chunk(b->chunks[i].logical, "it overlaps another", e);
    }
    return 0;
}

int su_btrfs_chunk_find(struct su_btrfs *b, uint64_t logical, uint64_t n, const struct su_btrfs_chunk **out,
                        struct su_err *e)
{
    size_t lo = 0, hi = b->n_chunks; /* the chunk is before hi */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->chunks[mid].logical <= logical)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct su_btrfs_chunk *c = hi ? &b->chunks[hi - 1] : NULL;
    if (!c || logical - c->logical >= c->size || n > c->size - (logical - c->logical))
        return su_fail(e, SU_E_FORMAT, "fs.btrfs.address", "no btrfs chunk holds the %" PRIu64 " bytes at %" PRIu64, n,
                       logical);
    *out = c;
    return 0;
}

int su_btrfs_read_logical(struct su_btrfs *b, uint64_t logical, void *buf, size_t n, struct su_err *e)
{
    for (uint8_t *p = buf; n > 0;) {
        const struct su_btrfs_chunk *c;
        if (su_btrfs_chunk_find(b, logical, 1, &c, e) < 0)
            return -1;
        uint64_t skip = logical - c->logical, room = c->size - skip;
        size_t take = room < n ? (size_t)room : n;
        if (su_blk_read(b->blk, c->at[0] + skip, p, take, e) < 0)
            return -1;
        p += take;
        logical += take;
        n -= take;
    }
    return 0;
}
