/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "Journaling Log": a ring of 512-byte blocks.  Each begins with the number of the round it was
 * written in, record headers with a magic number before that; so the newest block is where the
 * number drops, and a binary search finds it. */
#include "fs_xfs_log.h"
#include "fs_xfs.h"

#define LOG_MAGIC UINT32_C(0xfeedbabe)
enum {
    LOG_V2 = 2,
    HEAD_COVERS = 32768, /* bytes of a record that one block of its header is for */
    RECORD_MAX = 1024,   /* blocks of a record, at the very most */
    OP_UNMOUNT = 0x20,
};

struct ring {
    struct su_xfs *x;
    uint64_t fsb, n; /* n: blocks of 512 bytes */
};

static int get(const struct ring *r, uint64_t i, uint8_t *buf, struct su_err *e)
{
    return su_xfs_read_fsb(r->x, r->fsb, i * SU_SECTOR, buf, SU_SECTOR, e);
}

static int get_round(const struct ring *r, uint64_t i, uint32_t *out, struct su_err *e)
{
    uint8_t buf[SU_SECTOR];
    if (get(r, i, buf, e) < 0)
        return -1;
    *out = su_be32(buf + (su_be32(buf) == LOG_MAGIC ? 4 : 0));
    return 0;
}

/* *head: the block after the newest, in (0, n]; 0: the log was never written. */
static int find_head(const struct ring *r, uint64_t *head, struct su_err *e)
{
    uint32_t first, round;
    uint64_t lo = 1, hi = r->n; /* the head is in [lo, hi] */
    if (get_round(r, 0, &first, e) < 0)
        return -1;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (get_round(r, mid, &round, e) < 0)
            return -1;
        if (round == first)
            lo = mid + 1;
        else
            hi = mid;
    }
    *head = first == 0 ? 0 : lo;
    return 0;
}

/* The record that ends at head is one operation, and that is "unmounted". */
static int ends_unmounted(const struct ring *r, uint64_t head, bool *out, struct su_err *e)
{
    uint8_t buf[SU_SECTOR];
    uint64_t most = r->n < RECORD_MAX ? r->n : RECORD_MAX, back = 1;
    for (; back <= most; back++) {
        if (get(r, (head + r->n - back) % r->n, buf, e) < 0)
            return -1;
        if (su_be32(buf) == LOG_MAGIC)
            break;
    }
    uint64_t heads = (su_be32(buf + 8) & LOG_V2) ? ((uint64_t)su_be32(buf + 320) + HEAD_COVERS - 1) / HEAD_COVERS : 1;
    heads += heads == 0;
    uint64_t data = ((uint64_t)su_be32(buf + 12) + SU_SECTOR - 1) / SU_SECTOR;
    *out = false;
    if (back > most || su_be32(buf + 40) != 1 || heads + data != back || data == 0)
        return 0;
    if (get(r, (head + r->n - data) % r->n, buf, e) < 0)
        return -1;
    *out = buf[9] & OP_UNMOUNT;
    return 0;
}

int su_fs_xfs_clean(struct su_blk *blk, bool *clean, struct su_err *e)
{
    uint8_t sb[SU_SECTOR];
    struct su_fs *fs;
    uint64_t head;
    if (su_fs_open_xfs(blk, &fs, e) < 0)
        return -1;
    struct ring r = {.x = (struct su_xfs *)fs};
    int rc = su_blk_read(blk, 0, sb, sizeof sb, e);
    if (rc == 0) {
        r.fsb = su_be64(sb + 48);
        r.n = (uint64_t)su_be32(sb + 96) << r.x->block_log >> 9;
        if (r.fsb == 0 || r.n == 0)
            rc = su_fail(e, SU_E_REFUSED, "fs.xfs.log", "the XFS log is on another device");
    }
    if (rc == 0)
        rc = find_head(&r, &head, e);
    bool unmounted = true;
    if (rc == 0 && head > 0)
        rc = ends_unmounted(&r, head, &unmounted, e);
    su_fs_close(fs);
    if (rc == 0)
        *clean = unmounted;
    return rc;
}
