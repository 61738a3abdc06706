/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_xfs.h - inside the XFS driver: what its files share.
 *
 * Format: "XFS Algorithms & Data Structures", 3rd edition; the section is named at each parser.
 * All numbers on disk are big-endian, checksums little-endian.  "fsb" is a file system block
 * number as the format packs it: group number above ag_log bits of block number in the group. */
#pragma once
#include "fs_driver.h"

enum {
    SU_XFS_INODE_MAX = 2048,
    SU_XFS_BLOCK_MAX = 65536,
    SU_XFS_TREE_MAX = 9, /* levels of a block map; the kernel's XFS_BTREE_MAXLEVELS */
    SU_XFS_LINK_MAX = 1024,
};

struct su_xfs {
    struct su_fs fs;
    struct su_blk *blk;                            /* borrowed */
    bool v5;                                       /* self-describing metadata with checksums */
    bool ftype;                                    /* directory entries carry a type byte */
    uint8_t block_log, inode_log, ag_log, dir_log; /* log2; dir_log: bytes of a directory block */
    uint32_t block, inode_size;                    /* bytes */
    uint32_t ag_blocks, ag_count;
    uint64_t blocks, ino_root;
};

enum su_xfs_format { SU_XFS_DEV, SU_XFS_LOCAL, SU_XFS_EXTENTS, SU_XFS_BTREE };

struct su_xfs_inode {
    uint64_t ino, size;
    enum su_fs_kind kind;
    enum su_xfs_format format;
    uint64_t n_extents;     /* valid for SU_XFS_EXTENTS: so many records are in the fork */
    size_t fork, fork_size; /* the data fork is raw[fork .. fork + fork_size) */
    uint8_t raw[SU_XFS_INODE_MAX];
};

/* Consecutive blocks of a file, n > 0. */
struct su_xfs_run {
    uint64_t first, n; /* block of the file */
    uint64_t fsb;      /* where it is, when it is */
    bool data;         /* false: a hole or not yet written, reads as zeros */
};

int su_xfs_inode_load(struct su_xfs *x, uint64_t ino, struct su_xfs_inode *out, struct su_err *e);
/* True when the checksum at p + at fits the n bytes, or the file system has none. */
bool su_xfs_crc_fits(const struct su_xfs *x, const uint8_t *p, size_t n, size_t at);

/* The run that holds block at of the file, beginning with it. */
int su_xfs_map(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t at, struct su_xfs_run *out, struct su_err *e);
/* n bytes from byte off of the data fork, whatever the file's size. */
int su_xfs_read_data(struct su_xfs *x, const struct su_xfs_inode *in, uint64_t off, void *buf, size_t n,
                     struct su_err *e);
int su_xfs_read_fsb(struct su_xfs *x, uint64_t fsb, uint64_t skip, void *buf, size_t n, struct su_err *e);

/* As su_fs_entry_fn and list(), but 1 when fn stopped it. */
int su_xfs_dir_each(struct su_xfs *x, const struct su_xfs_inode *dir, su_fs_entry_fn *fn, void *arg, struct su_err *e);
int su_xfs_link_read(struct su_xfs *x, const struct su_xfs_inode *in, char *buf, size_t cap, struct su_err *e);
