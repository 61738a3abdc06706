/* SPDX-License-Identifier: GPL-3.0-or-later */
/* btrfs on one device, read only and without replaying the tree log.  "/" is the top-level
 * subvolume, whatever the default is: the one GRUB's paths start from. */
#include "fs_btrfs.h"
#include <inttypes.h>

enum {
    SUPER_AT = 65536,
    SUPER_SIZE = 4096,
    SYS_ARRAY_AT = 811,
    SYS_ARRAY_MAX = 2048,
    CSUM_TYPES = 4, /* CRC-32C, xxHash, SHA-256, BLAKE2 */
    KEY = 17,
    CHUNK_TREE = 3,
    CHUNK_TREE_ID = 256,
    F_META_UUID = 0x400,
    /* Incompatible features that change nothing this driver looks at, or that it knows.  Missing are
     * zoned devices (0x1000), extent tree v2 (0x2000), the stripe tree (0x4000) and all later ones but
     * simple quotas (0x10000). */
    F_KNOWN = 0x10fff,
};

static int bad_super(const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.superblock", "btrfs superblock: %s", what);
}

static bool power_of_two(uint32_t v, uint32_t min, uint32_t max)
{
    return v >= min && v <= max && (v & (v - 1)) == 0;
}

static int check_super(const struct su_btrfs *b, const uint8_t *sb, struct su_err *e)
{
    uint64_t unknown = su_le64(sb + 188) & ~(uint64_t)F_KNOWN;
    if (memcmp(sb + 64, "_BHRfS_M", 8) != 0 || su_le64(sb + 48) != SUPER_AT)
        return bad_super("no signature", e);
    if (b->csum_type == 0 && SU_FS_CRC_MATTERS &&
        ~ext2fs_crc32c_le(~UINT32_C(0), sb + 32, SUPER_SIZE - 32) != su_le32(sb))
        return bad_super("the checksum is wrong", e);
    if (unknown || b->csum_type >= CSUM_TYPES)
        return su_fail(e, SU_E_REFUSED, "fs.btrfs.features", "btrfs has features %#" PRIx64 " and checksums of type %u",
                       unknown, b->csum_type);
    if (su_le64(sb + 136) != 1)
        return su_fail(e, SU_E_REFUSED, "fs.btrfs.devices", "btrfs on %" PRIu64 " devices is not supported",
                       su_le64(sb + 136));
    if (!power_of_two(b->sector, 4096, SU_BTRFS_NODE_MAX) || !power_of_two(b->node_size, 4096, SU_BTRFS_NODE_MAX))
        return bad_super("a node or sector size is impossible", e);
    if (su_le32(sb + 160) > SYS_ARRAY_MAX || sb[198] >= SU_BTRFS_LEVELS || sb[199] >= SU_BTRFS_LEVELS)
        return bad_super("a size or level is impossible", e);
    return 0;
}

/* The chunks that hold the chunk tree are in the superblock; the tree has all of them. */
static int load_sys_chunks(struct su_btrfs *b, const uint8_t *sb, struct su_err *e)
{
    struct su_bytes in = {sb + SYS_ARRAY_AT, su_le32(sb + 160)};
    while (in.n > 0) {
        const uint8_t *key = in.p;
        if (in.n < KEY + 48 || key[8] != SU_BTRFS_CHUNK_ITEM)
            return bad_super("the system chunks are damaged", e);
        size_t size = 48 + (size_t)su_le16(key + KEY + 44) * 32;
        su_skip(&in, KEY);
        struct su_bytes item = {in.p, size};
        if (!su_skip(&in, size))
            return bad_super("the system chunks are damaged", e);
        if (su_btrfs_chunk_add(b, su_le64(key + 9), item, e) < 0)
            return -1;
    }
    return su_btrfs_chunk_sort(b, e);
}

static int load_chunk_tree(struct su_btrfs *b, struct su_btrfs_root tree, struct su_err *e)
{
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    struct su_btrfs_chunk *sys = b->chunks;
    SU_FREE struct su_btrfs_chunk *all = NULL; /* becomes the map; freed is whichever is not */
    size_t n_sys = b->n_chunks, n_all = 0;
    int rc = su_btrfs_at_or_after(b, tree, (struct su_btrfs_key){CHUNK_TREE_ID, SU_BTRFS_CHUNK_ITEM, 0}, &c, e);
    while (rc > 0 && c.key.id == CHUNK_TREE_ID && c.key.type == SU_BTRFS_CHUNK_ITEM) {
        b->chunks = all;
        b->n_chunks = n_all;
        int added = su_btrfs_chunk_add(b, c.key.off, (struct su_bytes){c.item, c.size}, e);
        all = b->chunks;
        n_all = b->n_chunks;
        b->chunks = sys;
        b->n_chunks = n_sys;
        if (added < 0)
            return -1;
        rc = su_btrfs_next(b, &c, e);
    }
    if (rc < 0)
        return -1;
    b->chunks = all;
    b->n_chunks = n_all;
    all = sys;
    return su_btrfs_chunk_sort(b, e);
}

static int open_trees(struct su_btrfs *b, const uint8_t *sb, struct su_err *e)
{
    struct su_btrfs_root chunk_tree = {CHUNK_TREE, su_le64(sb + 88), sb[199]}, top;
    if (load_sys_chunks(b, sb, e) < 0 || load_chunk_tree(b, chunk_tree, e) < 0)
        return -1;
    b->root_tree = (struct su_btrfs_root){1, su_le64(sb + 80), sb[198]};
    int rc = su_btrfs_tree(b, SU_BTRFS_FS_TREE, &top, e);
    if (rc == 0)
        return su_fail(e, SU_E_FORMAT, "fs.btrfs.root", "btrfs has no top-level subvolume");
    return rc < 0 ? -1 : 0;
}

static int btrfs_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    enum { INODE_SIZE = 160 };
    struct su_btrfs *b = (struct su_btrfs *)fs;
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    struct su_btrfs_root root;
    if (n.ino == SU_BTRFS_EMPTY_DIR) {
        *out = (struct su_fs_stat){.kind = SU_FS_DIR};
        return 0;
    }
    int rc = su_btrfs_tree(b, n.tree, &root, e);
    if (rc > 0)
        rc = su_btrfs_find(b, root, (struct su_btrfs_key){n.ino, SU_BTRFS_INODE_ITEM, 0}, &c, e);
    if (rc < 0)
        return -1;
    if (rc == 0 || c.size < INODE_SIZE || su_le64(c.item + 16) > INT64_MAX)
        return su_fail(e, SU_E_FORMAT, "fs.btrfs.inode", "btrfs inode %" PRIu64 " of tree %" PRIu64 " is damaged",
                       n.ino, n.tree);
    *out = (struct su_fs_stat){su_fs_kind_of(su_le32(c.item + 52)), su_le64(c.item + 16)};
    return 0;
}

static int btrfs_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                        struct su_err *e)
{
    return su_btrfs_dir_lookup((struct su_btrfs *)fs, dir, name, len, out, e);
}

static int btrfs_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    return su_btrfs_dir_list((struct su_btrfs *)fs, dir, fn, arg, e);
}

static int btrfs_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                      struct su_err *e)
{
    struct su_fs_stat st = {0};
    if (btrfs_stat(fs, n, &st, e) < 0)
        return -1;
    if (st.kind != SU_FS_FILE)
        return su_fs_missing(e, "not a regular file");
    size_t take = off >= st.size ? 0 : len < st.size - off ? len : (size_t)(st.size - off);
    if (take > 0 && su_btrfs_read_data((struct su_btrfs *)fs, n, off, buf, take, e) < 0)
        return -1;
    *got = take;
    return 0;
}

static int btrfs_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    enum { LINK_MAX_SIZE = 4096 };
    struct su_fs_stat st = {0};
    char target[LINK_MAX_SIZE];
    if (btrfs_stat(fs, n, &st, e) < 0)
        return -1;
    if (st.kind != SU_FS_LINK)
        return su_fs_missing(e, "not a symbolic link");
    if (st.size == 0 || st.size > sizeof target || st.size >= cap)
        return su_fail(e, SU_E_FORMAT, "fs.link", "btrfs inode %" PRIu64 ": a link's target of %" PRIu64 " bytes",
                       n.ino, st.size);
    if (su_btrfs_read_data((struct su_btrfs *)fs, n, 0, target, (size_t)st.size, e) < 0)
        return -1;
    if (memchr(target, '\0', (size_t)st.size))
        return su_fail(e, SU_E_FORMAT, "fs.link", "btrfs inode %" PRIu64 ": a link's target holds a NUL", n.ino);
    memcpy(buf, target, (size_t)st.size);
    buf[st.size] = '\0';
    return 0;
}

static void btrfs_close(struct su_fs *fs)
{
    struct su_btrfs *b = (struct su_btrfs *)fs;
    for (size_t i = 0; i < SU_BTRFS_CACHE; i++)
        free(b->cache[i].p);
    free(b->chunks);
    free(b->zip);
    free(b);
}

static const struct su_fs_ops ops = {
    .type = "btrfs",
    .stat = btrfs_stat,
    .lookup = btrfs_lookup,
    .list = btrfs_list,
    .read = btrfs_read,
    .readlink = btrfs_readlink,
    .close = btrfs_close,
};

static void closep(struct su_btrfs **b)
{
    if (*b)
        btrfs_close(&(*b)->fs);
}

int su_fs_open_btrfs(struct su_blk *blk, struct su_fs **out, struct su_err *e)
{
    uint8_t sb[SUPER_SIZE];
    SU_AUTO(closep) struct su_btrfs *b = calloc(1, sizeof *b);
    if (!b)
        return su_fail_nomem(e, sizeof *b);
    if (blk->size < SUPER_AT + SUPER_SIZE)
        return bad_super("the volume is too small", e);
    if (su_blk_read(blk, SUPER_AT, sb, sizeof sb, e) < 0)
        return -1;
    b->blk = blk;
    b->fs = (struct su_fs){.ops = &ops, .root = {SU_BTRFS_ROOT_DIR, SU_BTRFS_FS_TREE}};
    b->sector = su_le32(sb + 144);
    b->node_size = su_le32(sb + 148);
    b->csum_type = su_le16(sb + 196);
    b->dev_id = su_le64(sb + 201);
    memcpy(b->meta_uuid, sb + (su_le64(sb + 188) & F_META_UUID ? 571 : 32), sizeof b->meta_uuid);
    if (check_super(b, sb, e) < 0 || open_trees(b, sb, e) < 0)
        return -1;
    *out = &su_steal(&b)->fs;
    return 0;
}
