/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data fork of an inode: extent records in the inode or in a tree of blocks ("Data Extents"). */
#include "fs_xfs.h"
#include <inttypes.h>

enum {
    REC = 16,     /* bytes of an extent record */
    NODE_V4 = 24, /* header of a tree block */
    NODE_V5 = 72,
};

static int bad_map(const struct su_xfs_inode *in, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.xfs.map", "XFS inode %" PRIu64 ": %s", in->ino, what);
}

/* [fsb, fsb + n) must lie in one allocation group and in the file system. */
static bool fsb_valid(const struct su_xfs *x, uint64_t fsb, uint64_t n)
{
    uint64_t ag = fsb >> x->ag_log, at = fsb & ((UINT64_C(1) << x->ag_log) - 1);
    if (ag >= x->ag_count || at >= x->ag_blocks || n > x->ag_blocks - at)
        return false;
    return ag * x->ag_blocks + at + n <= x->blocks;
}

int su_xfs_read_fsb(struct su_xfs *x, uint64_t fsb, uint64_t skip, void *buf, size_t n, struct su_err *e)
{
    uint64_t blocks = (skip + n + x->block - 1) >> x->block_log;
    if (!fsb_valid(x, fsb, blocks))
        return su_fail(e, SU_E_FORMAT, "fs.xfs.block", "XFS block %" PRIu64 " is outside the file system", fsb);
    uint64_t at = (fsb >> x->ag_log) * x->ag_blocks + (fsb & ((UINT64_C(1) << x->ag_log) - 1));
    return su_blk_read(x->blk, (at << x->block_log) + skip, buf, n, e);
}

/* Searches n records in file order.  A run that is not there ends before limit. */
static int find_record(const struct su_xfs *x, const struct su_xfs_inode *in, const uint8_t *rec, uint64_t n,
                       uint64_t at, uint64_t limit, struct su_xfs_run *out, struct su_err *e)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < n; i++, rec += REC) {
        uint64_t hi = su_be64(rec), lo = su_be64(rec + 8);
        uint64_t first = (hi & INT64_MAX) >> 9, count = lo & 0x1fffff, fsb = (hi & 0x1ff) << 43 | lo >> 21;
        if (first < end || count == 0 || !fsb_valid(x, fsb, count))
            return bad_map(in, "an extent overlaps another or leaves the file system", e);
        end = first + count;
        if (at < first) {
            limit = first < limit ? first : limit;
            break;
        }
        if (at < end) {
            *out = (struct su_xfs_run){at, end - at, fsb + (at - first), !(hi >> 63)};
            return 0;
        }
    }
    *out = (struct su_xfs_run){.first = at, .n = limit - at};
    return 0;
}

/* A block of the map's tree: checked to be the one of this inode at this level.  *head: bytes before its entries. */
static int read_node(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t fsb, unsigned level, uint8_t *buf,
                     size_t *head, struct su_err *e)
{
    *head = x->v5 ? NODE_V5 : NODE_V4;
    if (su_xfs_read_fsb(x, fsb, 0, buf, x->block, e) < 0)
        return -1;
    if (memcmp(buf, x->v5 ? "BMA3" : "BMAP", 4) != 0 || su_be16(buf + 4) != level ||
        (x->v5 && su_be64(buf + 56) != in->ino) || !su_xfs_crc_fits(x, buf, x->block, 64))
        return bad_map(in, "a block of its extent tree is damaged", e);
    if (su_be16(buf + 6) == 0 || su_be16(buf + 6) > (x->block - *head) / REC)
        return bad_map(in, "a block of its extent tree counts too many entries", e);
    return 0;
}

/* Index of the last of n keys that is not above at, or n when all are. */
static size_t last_key(const uint8_t *keys, size_t n, uint64_t at)
{
    size_t i = 0;
    while (i < n && su_be64(keys + 8 * i) <= at)
        i++;
    return i ? i - 1 : n;
}

static int map_tree(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t at, struct su_xfs_run *out,
                    struct su_err *e)
{
    SU_FREE uint8_t *buf = malloc(x->block);
    if (!buf)
        return su_fail_nomem(e, x->block);
    const uint8_t *root = in->raw + in->fork;
    unsigned level = su_be16(root);
    size_t n = su_be16(root + 2), room = (in->fork_size - 4) / REC, head;
    if (level == 0 || level >= SU_XFS_TREE_MAX || n == 0 || n > room)
        return bad_map(in, "the root of its extent tree is damaged", e);
    const uint8_t *keys = root + 4;
    for (uint64_t limit = UINT64_C(1) << 54;;) {
        size_t i = last_key(keys, n, at);
        if (i == n) {
            *out = (struct su_xfs_run){.first = at, .n = su_be64(keys) - at};
            return 0;
        }
        if (i + 1 < n && su_be64(keys + 8 * (i + 1)) < limit)
            limit = su_be64(keys + 8 * (i + 1));
        if (read_node(x, in, su_be64(keys + 8 * (room + i)), --level, buf, &head, e) < 0)
            return -1;
        n = su_be16(buf + 6);
        if (level == 0)
            return find_record(x, in, buf + head, n, at, limit, out, e);
        keys = buf + head;
        room = (x->block - head) / REC;
    }
}

int su_xfs_map(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t at, struct su_xfs_run *out, struct su_err *e)
{
    if (at >= UINT64_C(1) << 54)
        return bad_map(in, "a block number is too large", e);
    if (in->format == SU_XFS_BTREE)
        return map_tree(x, in, at, out, e);
    if (in->format != SU_XFS_EXTENTS)
        return bad_map(in, "it has no extents", e);
    return find_record(x, in, in->raw + in->fork, in->n_extents, at, UINT64_C(1) << 54, out, e);
}

int su_xfs_read_data(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t off, void *buf, size_t n,
                     struct su_err *e)
{
    for (uint8_t *p = buf; n > 0;) {
        struct su_xfs_run run;
        uint64_t skip = off & (x->block - 1);
        if (su_xfs_map(x, in, off >> x->block_log, &run, e) < 0)
            return -1;
        uint64_t room = run.n > SIZE_MAX >> x->block_log ? SIZE_MAX : (run.n << x->block_log) - skip;
        size_t take = room < n ? (size_t)room : n;
        if (!run.data)
            memset(p, 0, take);
        else if (su_xfs_read_fsb(x, run.fsb, skip, p, take, e) < 0)
            return -1;
        p += take;
        off += take;
        n -= take;
    }
    return 0;
}
