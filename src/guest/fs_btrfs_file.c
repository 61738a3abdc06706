/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contents of files and links: EXTENT_DATA items. */
#include "fs_btrfs.h"
#include <inttypes.h>

enum {
    INLINE_HEAD = 21,
    EXTENT_SIZE = 53,
    ZIP_MAX = 128 << 10, /* both sides of a compressed extent */
    T_INLINE = 0,
    T_REGULAR = 1,
    T_PREALLOC = 2,
};

/* The part of the file asked for: n bytes from off. */
struct range {
    uint64_t off;
    uint8_t *p;
    size_t n;
};

static int bad_extent(const struct su_btrfs_cursor *c, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.extent", "btrfs inode %" PRIu64 ", extent at %" PRIu64 ": %s", c->key.id,
                   c->key.off, what);
}

/* What of [start, start + n) the range wants: *skip bytes into it, *size bytes, at *to. */
static bool overlap(const struct range *r, uint64_t start, uint64_t n, uint64_t *skip, size_t *size, uint8_t **to)
{
    uint64_t from = start > r->off ? start : r->off, end = start + n < r->off + r->n ? start + n : r->off + r->n;
    if (from >= end)
        return false;
    *skip = from - start;
    *size = (size_t)(end - from);
    *to = r->p + (from - r->off);
    return true;
}

static int read_inline(struct su_btrfs *b, const struct su_btrfs_cursor *c, const struct range *r, uint64_t *end,
                       struct su_err *e)
{
    struct su_bytes in = {c->item + INLINE_HEAD, c->size - INLINE_HEAD};
    uint8_t how = c->item[16];
    uint64_t ram = how ? su_le64(c->item + 8) : in.n, skip;
    size_t size;
    uint8_t *to;
    if (c->key.off != 0 || ram == 0 || ram > b->sector)
        return bad_extent(c, "an inline extent is impossible", e);
    *end = ram;
    if (!overlap(r, 0, ram, &skip, &size, &to))
        return 0;
    b->zip_logical = 0;
    if (how && su_btrfs_unzip(how, b->sector, in, b->zip, (size_t)ram, e) < 0)
        return -1;
    memcpy(to, (how ? b->zip : in.p) + skip, size);
    return 0;
}

/* A compressed extent is always uncompressed whole; the last one is kept for the next piece of it. */
static int read_zip(struct su_btrfs *b, const struct su_btrfs_cursor *c, uint64_t skip, uint8_t *to, size_t size,
                    struct su_err *e)
{
    uint64_t ram = su_le64(c->item + 8), at = su_le64(c->item + 21), packed = su_le64(c->item + 29);
    if (ram == 0 || ram > ZIP_MAX || packed == 0 || packed > ZIP_MAX || skip > ram || size > ram - skip)
        return bad_extent(c, "a compressed extent is impossible", e);
    if (b->zip_logical != at || b->zip_n != ram) {
        SU_FREE uint8_t *in = malloc(ZIP_MAX);
        if (!in)
            return su_fail_nomem(e, ZIP_MAX);
        b->zip_logical = 0;
        if (su_btrfs_read_logical(b, at, in, (size_t)packed, e) < 0 ||
            su_btrfs_unzip(c->item[16], b->sector, (struct su_bytes){in, (size_t)packed}, b->zip, (size_t)ram, e) < 0)
            return -1;
        b->zip_logical = at;
        b->zip_n = (size_t)ram;
    }
    memcpy(to, b->zip + skip, size);
    return 0;
}

static int read_regular(struct su_btrfs *b, const struct su_btrfs_cursor *c, const struct range *r, uint64_t *end,
                        struct su_err *e)
{
    if (c->size < EXTENT_SIZE)
        return bad_extent(c, "its item is cut short", e);
    uint64_t at = su_le64(c->item + 21), stored = su_le64(c->item + 29), inner = su_le64(c->item + 37);
    uint64_t n = su_le64(c->item + 45), skip;
    size_t size;
    uint8_t *to;
    if (n == 0 || n > INT64_MAX || c->key.off > INT64_MAX || (c->key.off | n) % b->sector)
        return bad_extent(c, "its place in the file is impossible", e);
    *end = c->key.off + n;
    if (at == 0 || c->item[20] == T_PREALLOC || !overlap(r, c->key.off, n, &skip, &size, &to))
        return 0; /* a hole, or not yet written: zeros */
    if (inner > INT64_MAX)
        return bad_extent(c, "it begins outside what is stored", e);
    skip += inner;
    if (c->item[16])
        return read_zip(b, c, skip, to, size, e);
    if (skip > stored || size > stored - skip || at > UINT64_MAX - stored)
        return bad_extent(c, "it leaves what is stored", e);
    return su_btrfs_read_logical(b, at + skip, to, size, e);
}

static int read_extent(struct su_btrfs *b, const struct su_btrfs_cursor *c, const struct range *r, uint64_t *end,
                       struct su_err *e)
{
    if (c->size < INLINE_HEAD)
        return bad_extent(c, "its item is cut short", e);
    if (c->item[17] || su_le16(c->item + 18))
        return su_fail(e, SU_E_REFUSED, "fs.btrfs.encoding", "btrfs inode %" PRIu64 " is encrypted or encoded",
                       c->key.id);
    if (c->item[20] > T_PREALLOC)
        return bad_extent(c, "its type is unknown", e);
    return c->item[20] == T_INLINE ? read_inline(b, c, r, end, e) : read_regular(b, c, r, end, e);
}

int su_btrfs_read_data(struct su_btrfs *b, struct su_fs_node n, uint64_t off, void *buf, size_t len, struct su_err *e)
{
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    struct su_btrfs_root root;
    struct su_btrfs_key key = {n.ino, SU_BTRFS_EXTENT_DATA, off};
    struct range r = {off, buf, len};
    int rc = su_btrfs_tree(b, n.tree, &root, e);
    memset(buf, 0, len);
    if (!b->zip && !(b->zip = malloc(ZIP_MAX)))
        return su_fail_nomem(e, ZIP_MAX);
    if (rc > 0)
        rc = su_btrfs_at_or_before(b, root, key, &c, e);
    if (rc > 0 && (c.key.id != n.ino || c.key.type != SU_BTRFS_EXTENT_DATA))
        rc = su_btrfs_next(b, &c, e); /* the file begins with a hole */
    for (uint64_t end = 0; rc > 0; rc = su_btrfs_next(b, &c, e)) {
        if (c.key.id != n.ino || c.key.type != SU_BTRFS_EXTENT_DATA || c.key.off >= off + len)
            return 0;
        if (c.key.off < end) /* or one read could be made to fetch the same bytes again and again */
            return bad_extent(&c, "it overlaps the one before", e);
        if (read_extent(b, &c, &r, &end, e) < 0)
            return -1;
    }
    return rc;
}
