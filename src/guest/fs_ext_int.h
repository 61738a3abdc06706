/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_ext_int.h - what the parts of the ext driver share: fs_ext.c, fs_ext_io.c, fs_ext_write.c. */
#pragma once
#include "fs_ext.h"
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

struct su_ext_io;
struct su_ext {
    struct su_fs fs;
    ext2_filsys e2;       /* owned */
    struct su_ext_io *io; /* owned */
    struct su_blk *blk;   /* borrowed */
    struct su_ext_state state;
    bool writable;
    bool broken; /* a replace() failed: what is in memory no longer matches the disk */
};

/* One stretch of a file: n blocks, on disk from block pblk on, or zeros when pblk is 0. */
struct su_ext_run {
    blk64_t pblk;
    uint64_t n;
};

/* fs_ext_io.c: an io_manager over a su_blk.  Single-block reads are cached, writes go through. */
struct su_ext_io *su_ext_io_new(struct su_blk *blk, bool writable); /* NULL: no memory */
void su_ext_io_free(struct su_ext_io *io);                          /* takes io; NULL is fine */
errcode_t su_ext_io_open(struct su_ext_io *io, int flags, ext2_filsys *out);
/* Allows SU_EXT_MAX_READS more blocks, forgets an old error: at the start of every call from outside. */
void su_ext_io_begin(struct su_ext_io *io);
/* What the disk itself said, if it failed since begin: true and *e filled. */
bool su_ext_io_error(struct su_ext_io *io, struct su_err *e);
bool su_ext_io_exhausted(const struct su_ext_io *io);

/* fs_ext.c */
int su_ext_fail(struct su_ext *x, errcode_t code, const char *what, struct su_err *e); /* -1 */
/* The inode of a file somebody may see, with the larger fields zero where the file system has none. */
int su_ext_inode(struct su_ext *x, uint64_t ino, struct ext2_inode_large *out, struct su_err *e);
/* The run that starts at block lblk of the file, at most max blocks. */
int su_ext_map(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t lblk, uint64_t max,
               struct su_ext_run *out, struct su_err *e);

/* fs_ext_write.c */
int su_ext_replace(struct su_fs *fs, struct su_fs_node n, const void *buf, size_t len, int64_t now, struct su_err *e);

/* fs_ext_alloc.c: block bitmaps of some groups only.  Between begin and commit, libext2fs can free
 * the blocks of the inode and allocate at least `blocks` others; all else counts as in use. */
struct su_ext_alloc;
int su_ext_alloc_begin(struct su_ext *x, ext2_ino_t ino, struct ext2_inode *inode, uint64_t blocks,
                       struct su_ext_alloc **out, struct su_err *e);
int su_ext_alloc_commit(struct su_ext_alloc *a, struct su_err *e); /* writes bitmaps and descriptors that changed */
void su_ext_alloc_end(struct su_ext_alloc *a);                     /* takes a; NULL is fine */
static inline void su_ext_alloc_endp(struct su_ext_alloc **a)
{
    su_ext_alloc_end(*a);
}
