/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_btrfs.h - inside the btrfs driver: what its files share.
 *
 * Format: "On-disk Format" and "Trees" of the btrfs documentation; include/uapi/linux/btrfs_tree.h
 * names the fields.  All numbers on disk are little-endian.  "Logical" addresses are those inside
 * trees; the chunk map turns them into bytes of the volume. */
#pragma once
#include "fs_driver.h"

enum {
    SU_BTRFS_NODE_MAX = 65536,
    SU_BTRFS_LEVELS = 8,
    SU_BTRFS_NODE_HEAD = 101,
    SU_BTRFS_CHUNKS_MAX = 65536,
    SU_BTRFS_CACHE = 8, /* nodes kept */

    /* item types of a key, and trees */
    SU_BTRFS_INODE_ITEM = 1,
    SU_BTRFS_DIR_ITEM = 84,
    SU_BTRFS_DIR_INDEX = 96,
    SU_BTRFS_EXTENT_DATA = 108,
    SU_BTRFS_ROOT_ITEM = 132,
    SU_BTRFS_ROOT_REF = 156,
    SU_BTRFS_CHUNK_ITEM = 228,
    SU_BTRFS_FS_TREE = 5,
    SU_BTRFS_EMPTY_DIR = 2,  /* inode number of what stands where a snapshot left out a subvolume */
    SU_BTRFS_ROOT_DIR = 256, /* inode number of a subvolume's directory */
};

struct su_btrfs_key {
    uint64_t id;
    uint8_t type;
    uint64_t off;
};

struct su_btrfs_root {
    uint64_t tree, logical;
    uint8_t level;
};

struct su_btrfs_chunk {
    uint64_t logical, size;
    uint64_t at[2]; /* bytes of the volume: one copy, or two */
    unsigned copies;
};

struct su_btrfs_node {
    uint64_t logical; /* 0: none */
    uint64_t used;    /* for the choice of the one to give up */
    uint8_t *p;       /* owned, node_size bytes */
};

struct su_btrfs {
    struct su_fs fs;
    struct su_blk *blk;         /* borrowed */
    uint32_t node_size, sector; /* bytes */
    uint16_t csum_type;         /* 0: CRC-32C, the only one that is verified */
    uint64_t dev_id;
    uint8_t meta_uuid[16];                /* in the head of every node */
    struct su_btrfs_root root_tree, last; /* last: the tree found last */
    struct su_btrfs_chunk *chunks;        /* owned, ascending */
    size_t n_chunks;
    struct su_btrfs_node cache[SU_BTRFS_CACHE];
    uint64_t clock;
    uint8_t *zip; /* owned: one uncompressed extent, and whose it is */
    uint64_t zip_logical;
    size_t zip_n;
};

/* A place in a tree.  The leaf is a copy, so it stays while other trees are searched. */
struct su_btrfs_cursor {
    struct su_btrfs_root root;
    uint8_t *leaf; /* owned */
    uint32_t slot, n;
    struct su_btrfs_key key; /* of the item at slot */
    const uint8_t *item;     /* borrowed from leaf */
    uint32_t size;
    bool has_next; /* next: where the leaf to the right begins */
    struct su_btrfs_key next;
};
void su_btrfs_cursor_done(struct su_btrfs_cursor *c);
#define SU_BTRFS_CURSOR SU_AUTO(su_btrfs_cursor_done)

/* Chunks.  add: one CHUNK_ITEM of n bytes at logical; sort: after the last, checks for overlaps. */
int su_btrfs_chunk_add(struct su_btrfs *b, uint64_t logical, struct su_bytes item, struct su_err *e);
int su_btrfs_chunk_sort(struct su_btrfs *b, struct su_err *e);
/* *out: the chunk that holds the n bytes at logical, whole. */
int su_btrfs_chunk_find(struct su_btrfs *b, uint64_t logical, uint64_t n, const struct su_btrfs_chunk **out,
                        struct su_err *e);
/* Bytes of data, from the first copy; the range may span chunks. */
int su_btrfs_read_logical(struct su_btrfs *b, uint64_t logical, void *buf, size_t n, struct su_err *e);

/* Trees.  All three return 1 with the cursor on an item, 0 when there is none, -1.
 * find: the item with this key; at_or_before: the last with a key not above it; next: the one after. */
int su_btrfs_find(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key, struct su_btrfs_cursor *c,
                  struct su_err *e);
int su_btrfs_at_or_before(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key,
                          struct su_btrfs_cursor *c, struct su_err *e);
int su_btrfs_next(struct su_btrfs *b, struct su_btrfs_cursor *c, struct su_err *e);
/* First item at or above key. */
int su_btrfs_at_or_after(struct su_btrfs *b, struct su_btrfs_root root, struct su_btrfs_key key,
                         struct su_btrfs_cursor *c, struct su_err *e);
/* The root of a subvolume's tree; 0 when there is no such tree. */
int su_btrfs_tree(struct su_btrfs *b, uint64_t tree, struct su_btrfs_root *out, struct su_err *e);

/* Files.  The range must lie inside the file's size. */
int su_btrfs_read_data(struct su_btrfs *b, struct su_fs_node n, uint64_t off, void *buf, size_t len, struct su_err *e);
/* Uncompresses to n bytes (what the stream lacks at its end is zeros); how is 1 zlib, 2 LZO or 3 zstd. */
int su_btrfs_unzip(uint8_t how, uint32_t sector, struct su_bytes in, uint8_t *out, size_t n, struct su_err *e);

/* Directories, for subvolumes too. */
int su_btrfs_dir_lookup(struct su_btrfs *b, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                        struct su_err *e);
int su_btrfs_dir_list(struct su_btrfs *b, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e);
