/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XFS, versions 4 and 5, read only and without replaying the log.
 *
 * Own code and not libfsxfs: Debian's (20201117) does not know the feature nrext64, which mkfs.xfs
 * turns on by default since 6.5, and does not refuse it either: it returns wrong file contents
 * without an error. */
#include "fs_xfs.h"
#include <inttypes.h>

/* "Superblocks", sb_features_incompat: with an unknown one, nothing read can be trusted. */
enum {
    F_FTYPE = 1,        /* type byte in directory entries */
    F_SPINODES = 2,     /* sparse inode chunks: concerns allocation only */
    F_META_UUID = 4,    /* the user-visible UUID was changed */
    F_BIGTIME = 8,      /* wider time stamps */
    F_NEEDSREPAIR = 16, /* a repair was interrupted */
    F_NREXT64 = 32,     /* wider extent counters */
    F_EXCHRANGE = 64,   /* concerns the log */
    F_PARENT = 128,     /* parent pointers in attributes */
    F_KNOWN = 255,
    V4_DIRV2 = 0x2000, /* sb_versionnum */
    V4_MOREBITS = 0x8000,
    V4_FTYPE = 0x200, /* sb_features2 */
    CORE_V4 = 100,    /* bytes of an inode before its forks */
    CORE_V5 = 176,
    DINODE_REALTIME = 1,  /* di_flags */
    DINODE2_NREXT64 = 16, /* di_flags2 */
};

bool su_xfs_crc_fits(const struct su_xfs *x, const uint8_t *p, size_t n, size_t at)
{
    return !x->v5 || !SU_FS_CRC_MATTERS || su_fs_crc32c(p, n, at) == su_le32(p + at);
}

static int bad_super(const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.xfs.superblock", "XFS superblock: %s", what);
}

static bool is_log(uint32_t v, uint8_t log)
{
    return log < 32 && v == UINT32_C(1) << log;
}

static int check_features(struct su_xfs *x, const uint8_t *sb, struct su_err *e)
{
    unsigned version = su_be16(sb + 100), incompat = su_be32(sb + 216);
    x->v5 = (version & 15) == 5;
    if (!x->v5 && ((version & 15) != 4 || !(version & V4_DIRV2)))
        return su_fail(e, SU_E_REFUSED, "fs.xfs.version", "XFS version %u is not supported", version & 15);
    x->ftype = x->v5 ? incompat & F_FTYPE : (version & V4_MOREBITS) && (su_be32(sb + 200) & V4_FTYPE);
    if (!x->v5)
        return 0;
    if (incompat & ~(unsigned)F_KNOWN)
        return su_fail(e, SU_E_REFUSED, "fs.xfs.features", "XFS has features %#x that this version does not know",
                       incompat & ~(unsigned)F_KNOWN);
    if (incompat & F_NEEDSREPAIR) {
        su_fail(e, SU_E_REFUSED, "fs.xfs.repair", "the XFS file system is marked as in need of repair");
        return su_remedy(e, "run xfs_repair on it first");
    }
    return 0;
}

/* Sizes the rest relies on: every shift and product of them fits. */
static bool sizes_valid(const struct su_xfs *x, const uint8_t *sb)
{
    bool blocks = is_log(x->block, x->block_log) && x->block >= 512 && x->block <= SU_XFS_BLOCK_MAX;
    bool dirs = sb[192] <= 16 && x->block_log + sb[192] <= 16;
    bool inodes = is_log(x->inode_size, x->inode_log) && x->inode_size >= 256 && x->inode_size <= SU_XFS_INODE_MAX &&
                  x->inode_size <= x->block && sb[123] == x->block_log - x->inode_log;
    return blocks && dirs && inodes;
}

static bool groups_valid(const struct su_xfs *x)
{
    return x->ag_log <= 31 && x->ag_blocks > 0 && x->ag_blocks <= UINT32_C(1) << x->ag_log && x->ag_count > 0 &&
           x->blocks > 0 && (x->blocks - 1) / x->ag_blocks == x->ag_count - 1 &&
           x->blocks <= x->blk->size >> x->block_log;
}

static int parse_super(struct su_xfs *x, const uint8_t *sb, size_t size, struct su_err *e)
{
    if (memcmp(sb, "XFSB", 4) != 0)
        return bad_super("no signature", e);
    if (check_features(x, sb, e) < 0)
        return -1;
    uint32_t sector = su_be16(sb + 102);
    x->block = su_be32(sb + 4);
    x->blocks = su_be64(sb + 8);
    x->ino_root = su_be64(sb + 56);
    x->ag_blocks = su_be32(sb + 84);
    x->ag_count = su_be32(sb + 88);
    x->inode_size = su_be16(sb + 104);
    x->block_log = sb[120];
    x->inode_log = sb[122];
    x->ag_log = sb[124];
    if (!is_log(sector, sb[121]) || sector < 512 || sector > size || !su_xfs_crc_fits(x, sb, sector, 224))
        return bad_super("the checksum is wrong", e);
    if (!sizes_valid(x, sb))
        return bad_super("a block or inode size is impossible", e);
    if (!groups_valid(x))
        return bad_super("the size is impossible or larger than the volume", e);
    x->dir_log = (uint8_t)(x->block_log + sb[192]);
    return 0;
}

/* "On-disk Inode": the core is this inode's, and intact. */
static bool core_valid(const struct su_xfs *x, const uint8_t *p, uint64_t ino)
{
    unsigned version = p[4];
    if (memcmp(p, "IN", 2) != 0 || su_be16(p + 2) == 0 || su_be64(p + 56) > INT64_MAX)
        return false;
    if (!x->v5)
        return version == 1 || version == 2;
    return version == 3 && su_be64(p + 152) == ino && su_xfs_crc_fits(x, p, x->inode_size, 100);
}

/* Where the data fork is and how many extents it has. */
static int parse_inode(const struct su_xfs *x, struct su_xfs_inode *in, struct su_err *e)
{
    const uint8_t *p = in->raw;
    bool wide = x->v5 && (su_be64(p + 120) & DINODE2_NREXT64);
    size_t room = x->inode_size - (x->v5 ? CORE_V5 : CORE_V4);
    in->kind = su_fs_kind_of(su_be16(p + 2));
    in->format = p[5];
    in->size = su_be64(p + 56);
    in->n_extents = wide ? su_be64(p + 24) : su_be32(p + 76);
    in->fork = x->inode_size - room;
    in->fork_size = p[82] ? (size_t)p[82] * 8 : room;
    bool fork = in->fork_size <= room && p[5] <= SU_XFS_BTREE &&
                (in->format != SU_XFS_EXTENTS || in->n_extents <= in->fork_size / 16);
    if (!core_valid(x, p, in->ino) || !fork)
        return su_fail(e, SU_E_FORMAT, "fs.xfs.inode", "XFS inode %" PRIu64 " is damaged", in->ino);
    if (in->kind == SU_FS_FILE && su_be16(p + 90) & DINODE_REALTIME)
        return su_fail(e, SU_E_REFUSED, "fs.xfs.realtime", "XFS inode %" PRIu64 " is on a realtime device", in->ino);
    return 0;
}

int su_xfs_inode_load(struct su_xfs *x, uint64_t ino, struct su_xfs_inode *out, struct su_err *e)
{
    unsigned per_block_log = x->block_log - x->inode_log;
    uint64_t slot = ino & ((UINT64_C(1) << per_block_log) - 1);
    out->ino = ino;
    if (su_xfs_read_fsb(x, ino >> per_block_log, slot << x->inode_log, out->raw, x->inode_size, e) < 0)
        return -1;
    return parse_inode(x, out, e);
}

static int xfs_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    struct su_xfs_inode in;
    if (su_xfs_inode_load((struct su_xfs *)fs, n.ino, &in, e) < 0)
        return -1;
    *out = (struct su_fs_stat){in.kind, in.size};
    return 0;
}

struct wanted {
    const char *name;
    size_t len;
    struct su_fs_node node;
};

static int compare(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct wanted *w = arg;
    (void)e;
    if (len != w->len || memcmp(name, w->name, len) != 0)
        return 0;
    w->node = node;
    return 1;
}

static int xfs_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                      struct su_err *e)
{
    struct su_xfs *x = (struct su_xfs *)fs;
    struct su_xfs_inode in;
    struct wanted w = {name, len, {0}};
    if (su_xfs_inode_load(x, dir.ino, &in, e) < 0)
        return -1;
    int found = su_xfs_dir_each(x, &in, compare, &w, e);
    if (found <= 0)
        return found < 0 ? -1 : su_fs_missing(e, "no such file or directory");
    *out = w.node;
    return 0;
}

static int xfs_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    struct su_xfs *x = (struct su_xfs *)fs;
    struct su_xfs_inode in;
    if (su_xfs_inode_load(x, dir.ino, &in, e) < 0)
        return -1;
    return su_xfs_dir_each(x, &in, fn, arg, e) < 0 ? -1 : 0;
}

static int xfs_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                    struct su_err *e)
{
    struct su_xfs *x = (struct su_xfs *)fs;
    struct su_xfs_inode in;
    if (su_xfs_inode_load(x, n.ino, &in, e) < 0)
        return -1;
    if (in.kind != SU_FS_FILE)
        return su_fs_missing(e, "not a regular file");
    size_t take = off >= in.size ? 0 : len < in.size - off ? len : (size_t)(in.size - off);
    if (su_xfs_read_data(x, &in, off, buf, take, e) < 0)
        return -1;
    *got = take;
    return 0;
}

static int xfs_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    struct su_xfs *x = (struct su_xfs *)fs;
    struct su_xfs_inode in;
    return su_xfs_inode_load(x, n.ino, &in, e) < 0 ? -1 : su_xfs_link_read(x, &in, buf, cap, e);
}

static void xfs_close(struct su_fs *fs)
{
    free(fs);
}

static const struct su_fs_ops ops = {
    .type = "xfs",
    .stat = xfs_stat,
    .lookup = xfs_lookup,
    .list = xfs_list,
    .read = xfs_read,
    .readlink = xfs_readlink,
    .close = xfs_close,
};

int su_fs_open_xfs(struct su_blk *blk, struct su_fs **out, struct su_err *e)
{
    enum { SECTOR_MAX = 32768 };
    size_t size = blk->size < SECTOR_MAX ? (size_t)blk->size : SECTOR_MAX;
    SU_FREE uint8_t *sb = malloc(SECTOR_MAX);
    SU_FREE struct su_xfs *x = calloc(1, sizeof *x);
    if (!sb || !x)
        return su_fail_nomem(e, SECTOR_MAX);
    if (size < SU_SECTOR)
        return bad_super("the volume is too small", e);
    if (su_blk_read(blk, 0, sb, size, e) < 0)
        return -1;
    x->blk = blk;
    if (parse_super(x, sb, size, e) < 0)
        return -1;
    x->fs = (struct su_fs){.ops = &ops, .root = {.ino = x->ino_root}};
    *out = &su_steal(&x)->fs;
    return 0;
}
