/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XFS directories and symbolic links ("Directories", "Symbolic Links").
 *
 * Every entry of a directory, in each of its forms but the one inside the inode, is in the data
 * blocks at the front of the file; the hash index behind them is only a shortcut.  A scan of the
 * data blocks needs no index, so a whole class of damaged structures cannot matter. */
#include "fs_xfs.h"
#include <inttypes.h>

enum {
    DATA_V4 = 16, /* header of a data block */
    DATA_V5 = 64,
    LINK_V5 = 56,       /* header of a block of a link's target */
    DIR_MAX = 16 << 20, /* bytes of data blocks: some 300,000 entries */
};

static int bad_dir(const struct su_xfs_inode *in, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.xfs.dir", "XFS directory %" PRIu64 ": %s", in->ino, what);
}

struct scan {
    struct su_xfs *x;
    const struct su_xfs_inode *dir;
    su_fs_entry_fn *fn;
    void *arg;
};

static int give(const struct scan *s, const uint8_t *p, size_t len, uint64_t ino, struct su_err *e)
{
    const char *name = (const char *)p;
    if (!su_fs_name_valid(name, len))
        return bad_dir(s->dir, "an entry's name is empty or holds a slash or a NUL", e);
    return su_fs_is_dots(name, len) ? 0 : s->fn(s->arg, name, len, (struct su_fs_node){.ino = ino}, e);
}

/* "Short Form Directories": the entries are in the inode. */
static int each_short(const struct scan *s, struct su_err *e)
{
    struct su_bytes b = {s->dir->raw + s->dir->fork, (size_t)s->dir->size};
    uint8_t count, wide;
    if (s->dir->size > s->dir->fork_size || !su_take_u8(&b, &count) || !su_take_u8(&b, &wide) ||
        !su_skip(&b, wide ? 8 : 4))
        return bad_dir(s->dir, "its header is cut short", e);
    for (int rc; count > 0; count--) {
        uint8_t len;
        bool good = su_take_u8(&b, &len) && su_skip(&b, 2);
        const uint8_t *name = b.p;
        if (!good || !su_skip(&b, (size_t)len + s->x->ftype) || b.n < (wide ? 8 : 4))
            return bad_dir(s->dir, "an entry is cut short", e);
        if ((rc = give(s, name, len, wide ? su_be64(b.p) : su_be32(b.p), e)) != 0)
            return rc;
        su_skip(&b, wide ? 8 : 4);
    }
    return 0;
}

/* "Block Directories": one data block with the index at its end.  "Leaf Directories": data only. */
static int data_area(const struct scan *s, const uint8_t *p, size_t n, size_t *first, size_t *end, struct su_err *e)
{
    bool v5 = s->x->v5, tail = memcmp(p, v5 ? "XDB3" : "XD2B", 4) == 0;
    *first = v5 ? DATA_V5 : DATA_V4;
    *end = n;
    if (!tail && memcmp(p, v5 ? "XDD3" : "XD2D", 4) != 0)
        return bad_dir(s->dir, "a block is not of a directory", e);
    if ((v5 && su_be64(p + 40) != s->dir->ino) || !su_xfs_crc_fits(s->x, p, n, 4))
        return bad_dir(s->dir, "a block is damaged", e);
    if (tail) {
        size_t index = su_be32(p + n - 8);
        if (index > (n - *first - 8) / 8)
            return bad_dir(s->dir, "the index of its block is too long", e);
        *end = n - 8 - index * 8;
    }
    return 0;
}

static int each_in_block(const struct scan *s, const uint8_t *p, size_t n, struct su_err *e)
{
    size_t at, end, step;
    if (data_area(s, p, n, &at, &end, e) < 0)
        return -1;
    for (; at < end; at += step) {
        size_t left = end - at, len;
        if (left < 8)
            return bad_dir(s->dir, "an entry is cut short", e);
        bool unused = su_be16(p + at) == 0xffff;
        len = unused || left < 12 ? 0 : p[at + 8];
        step = unused ? su_be16(p + at + 2) : su_round_up(8 + 1 + len + s->x->ftype + 2, 8);
        if (step == 0 || step % 8 || step > left)
            return bad_dir(s->dir, "an entry is cut short", e);
        int rc = unused ? 0 : give(s, p + at + 9, len, su_be64(p + at), e);
        if (rc)
            return rc;
    }
    return 0;
}

static int each_block(const struct scan *s, struct su_err *e)
{
    size_t n = (size_t)1 << s->x->dir_log;
    if (s->dir->size > DIR_MAX)
        return su_fail(e, SU_E_RANGE, "fs.xfs.dir.size", "XFS directory %" PRIu64 " is larger than %d MiB", s->dir->ino,
                       DIR_MAX >> 20);
    SU_FREE uint8_t *buf = malloc(n);
    if (!buf)
        return su_fail_nomem(e, n);
    for (uint64_t off = 0; off < s->dir->size;) {
        struct su_xfs_run run;
        if (su_xfs_map(s->x, s->dir, off >> s->x->block_log, &run, e) < 0)
            return -1;
        uint64_t whole = run.n >> (s->x->dir_log - s->x->block_log);
        if (!run.data && whole > 0) { /* data blocks that became empty were given back */
            off = whole > (uint64_t)DIR_MAX >> s->x->dir_log ? DIR_MAX : off + (whole << s->x->dir_log);
            continue;
        }
        if (su_xfs_read_data(s->x, s->dir, off, buf, n, e) < 0)
            return -1;
        int rc = each_in_block(s, buf, n, e);
        if (rc)
            return rc;
        off += n;
    }
    return 0;
}

int su_xfs_dir_each(struct su_xfs *x, const struct su_xfs_inode *dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    struct scan s = {x, dir, fn, arg};
    if (dir->kind != SU_FS_DIR)
        return su_fs_missing(e, "not a directory");
    return dir->format == SU_XFS_LOCAL ? each_short(&s, e) : each_block(&s, e);
}

/* The header each extent of a target has in version 5; take: bytes of the target it must tell of. */
static bool link_head_fits(const struct su_xfs *x, const struct su_xfs_inode *in, const uint8_t *p, size_t n,
                           size_t done, size_t take)
{
    return memcmp(p, "XSLM", 4) == 0 && su_be32(p + 4) == done && su_be32(p + 8) == take &&
           su_be64(p + 32) == in->ino && su_xfs_crc_fits(x, p, n, 12);
}

/* A target outside the inode.  In version 4 it is plain bytes. */
static int link_remote(struct su_xfs *x, const struct su_xfs_inode *in, char *buf, struct su_err *e)
{
    SU_FREE uint8_t *blocks = malloc(SU_XFS_BLOCK_MAX);
    if (!blocks)
        return su_fail_nomem(e, SU_XFS_BLOCK_MAX);
    size_t head = x->v5 ? LINK_V5 : 0, done = 0;
    for (uint64_t at = 0; done < in->size;) {
        struct su_xfs_run run;
        if (su_xfs_map(x, in, at, &run, e) < 0)
            return -1;
        if (!run.data)
            return su_fail(e, SU_E_FORMAT, "fs.link", "XFS link %" PRIu64 " has a hole", in->ino);
        uint64_t most = SU_XFS_BLOCK_MAX >> x->block_log;
        size_t n = (size_t)(run.n < most ? run.n : most) << x->block_log, left = (size_t)in->size - done;
        size_t take = n - head < left ? n - head : left;
        if (su_xfs_read_fsb(x, run.fsb, 0, blocks, n, e) < 0)
            return -1;
        if (x->v5 && !link_head_fits(x, in, blocks, n, done, take))
            return su_fail(e, SU_E_FORMAT, "fs.link", "XFS link %" PRIu64 " is damaged", in->ino);
        memcpy(buf + done, blocks + head, take);
        done += take;
        at += run.n;
    }
    return 0;
}

int su_xfs_link_read(struct su_xfs *x, const struct su_xfs_inode *in, char *buf, size_t cap, struct su_err *e)
{
    char target[SU_XFS_LINK_MAX];
    if (in->kind != SU_FS_LINK)
        return su_fs_missing(e, "not a symbolic link");
    if (in->size == 0 || in->size > sizeof target || in->size >= cap)
        return su_fail(e, SU_E_FORMAT, "fs.link", "XFS link %" PRIu64 ": a target of %" PRIu64 " bytes", in->ino,
                       in->size);
    size_t n = (size_t)in->size;
    if (in->format == SU_XFS_LOCAL) {
        if (n > in->fork_size)
            return su_fail(e, SU_E_FORMAT, "fs.link", "XFS link %" PRIu64 " is cut short", in->ino);
        memcpy(target, in->raw + in->fork, n);
    } else if (link_remote(x, in, target, e) < 0) {
        return -1;
    }
    if (memchr(target, '\0', n))
        return su_fail(e, SU_E_FORMAT, "fs.link", "XFS link %" PRIu64 " holds a NUL", in->ino);
    memcpy(buf, target, n);
    buf[n] = '\0';
    return 0;
}
