/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories: DIR_ITEM by hash of the name for lookup, DIR_INDEX in order of creation for lists. */
#include "fs_btrfs.h"
#include <inttypes.h>

enum { ENTRY_HEAD = 30 };

struct entry {
    struct su_btrfs_key at; /* an inode of this tree, or the root of another */
    const char *name;
    size_t len;
};

static int bad_dir(struct su_fs_node dir, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.dir", "btrfs directory %" PRIu64 " of tree %" PRIu64 ": %s", dir.ino,
                   dir.tree, what);
}

static int take_entry(struct su_bytes *in, struct su_fs_node dir, struct entry *out, struct su_err *e)
{
    const uint8_t *p = in->p;
    if (!su_skip(in, ENTRY_HEAD))
        return bad_dir(dir, "an entry is cut short", e);
    out->at = (struct su_btrfs_key){su_le64(p), p[8], su_le64(p + 9)};
    out->name = (const char *)p + ENTRY_HEAD;
    out->len = su_le16(p + 27);
    if (!su_skip(in, out->len) || !su_skip(in, su_le16(p + 25)))
        return bad_dir(dir, "an entry is cut short", e);
    if (!su_fs_name_valid(out->name, out->len) || su_fs_is_dots(out->name, out->len))
        return bad_dir(dir, "an entry's name is empty, a dot or holds a slash or a NUL", e);
    return 0;
}

/* A snapshot keeps the entries of subvolumes in it, but not the subvolumes: without a reference back, what
 * stands there is an empty directory. */
static int node_of(struct su_btrfs *b, struct su_fs_node dir, const struct entry *en, struct su_fs_node *out,
                   struct su_err *e)
{
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    if (en->at.type == SU_BTRFS_INODE_ITEM) {
        *out = (struct su_fs_node){en->at.id, dir.tree};
        return 0;
    }
    if (en->at.type != SU_BTRFS_ROOT_ITEM)
        return bad_dir(dir, "an entry is neither an inode nor a subvolume", e);
    struct su_btrfs_key ref = {dir.tree, SU_BTRFS_ROOT_REF, en->at.id};
    int rc = su_btrfs_find(b, b->root_tree, ref, &c, e);
    if (rc < 0)
        return -1;
    bool ours = rc > 0 && c.size >= 8 && su_le64(c.item) == dir.ino;
    *out = ours ? (struct su_fs_node){SU_BTRFS_ROOT_DIR, en->at.id} : (struct su_fs_node){SU_BTRFS_EMPTY_DIR, dir.tree};
    return 0;
}

static int must_be_dir(struct su_btrfs *b, struct su_fs_node dir, struct su_err *e)
{
    struct su_fs_stat st;
    if (b->fs.ops->stat(&b->fs, dir, &st, e) < 0)
        return -1;
    return st.kind == SU_FS_DIR ? 0 : su_fs_missing(e, "not a directory");
}

int su_btrfs_dir_lookup(struct su_btrfs *b, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                        struct su_err *e)
{
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    struct su_btrfs_root root;
    if (must_be_dir(b, dir, e) < 0)
        return -1;
    if (dir.ino == SU_BTRFS_EMPTY_DIR || len > SU_FS_NAME_MAX)
        return su_fs_missing(e, "no such file or directory");
    uint32_t hash = ext2fs_crc32c_le(~UINT32_C(1), (const uint8_t *)name, len);
    int rc = su_btrfs_tree(b, dir.tree, &root, e);
    if (rc > 0)
        rc = su_btrfs_find(b, root, (struct su_btrfs_key){dir.ino, SU_BTRFS_DIR_ITEM, hash}, &c, e);
    if (rc < 0)
        return -1;
    struct su_bytes in = {c.item, rc ? c.size : 0};
    while (in.n > 0) {
        struct entry en = {0}; /* gcc -O3 does not see that take_entry() fills it */
        if (take_entry(&in, dir, &en, e) < 0)
            return -1;
        if (en.len == len && memcmp(en.name, name, len) == 0)
            return node_of(b, dir, &en, out, e);
    }
    return su_fs_missing(e, "no such file or directory");
}

int su_btrfs_dir_list(struct su_btrfs *b, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    SU_BTRFS_CURSOR struct su_btrfs_cursor c = {0};
    struct su_btrfs_root root;
    struct su_btrfs_key from = {dir.ino, SU_BTRFS_DIR_INDEX, 0};
    if (must_be_dir(b, dir, e) < 0)
        return -1;
    if (dir.ino == SU_BTRFS_EMPTY_DIR)
        return 0;
    int rc = su_btrfs_tree(b, dir.tree, &root, e);
    if (rc > 0)
        rc = su_btrfs_at_or_after(b, root, from, &c, e);
    for (; rc > 0 && c.key.id == dir.ino && c.key.type == SU_BTRFS_DIR_INDEX; rc = su_btrfs_next(b, &c, e)) {
        struct su_bytes in = {c.item, c.size};
        struct entry en = {0}; /* gcc -O3 does not see that take_entry() fills it */
        struct su_fs_node node;
        if (take_entry(&in, dir, &en, e) < 0 || node_of(b, dir, &en, &node, e) < 0)
            return -1;
        int stop = fn(arg, en.name, en.len, node, e);
        if (stop)
            return stop < 0 ? -1 : 0;
    }
    return rc < 0 ? -1 : 0;
}
