/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_ext.h - what an ext2/3/4 file system says about its own health, and how writing behaves.
 *
 * The driver (su_fs_open_ext() in guest/fs.h) runs on libext2fs.  Opening for writing is refused
 * with SU_E_REFUSED:
 *   volume.dirty          the journal must be replayed, orphans are left, or it was not unmounted cleanly
 *   volume.errors         the kernel or e2fsck recorded errors
 *   volume.mmp            multiple mount protection says that somebody has it mounted
 *   fs.ext4.feature       a feature that libext2fs or this driver cannot write
 * Opening for reading is refused only for features that libext2fs cannot read.
 *
 * replace() keeps inode number, owner, mode, links and extended attributes, sets mtime and ctime,
 * and always rewrites the primary superblock with s_wtime = now, so that any later mount changes
 * bytes which replace() wrote.  Everything reached the su_blk, and su_blk_flush() was called, when
 * it returns 0.  A failure may leave a half-done change on the su_blk: give the driver a
 * copy-on-write overlay that can be thrown away.  After such a failure every further replace() is
 * refused with SU_E_CONFLICT "fs.ext4.broken"; what was refused before writing leaves no trace.
 * Work and writes depend on the file, not on the size of the file system: of the block bitmaps only
 * those of the groups in question are read, and nothing when the number of blocks stays the same.
 * Refused: more than SU_EXT_REPLACE_MAX bytes, old or new; immutable, append-only, verity and
 * encrypted files; a change of the number of blocks when quotas are kept ("fs.ext4.quota").
 *
 * Format: fs/ext4 of the kernel's documentation, Documentation/filesystems/ext4/. */
#pragma once
#include "fs.h"

enum {
    SU_EXT_REPLACE_MAX = 4 << 20, /* bytes */
    SU_EXT_MAX_GROUPS = 1 << 19,  /* block groups of a file system that is opened at all */
    SU_EXT_MAX_ENTRIES = 1 << 20, /* entries of one directory */
    SU_EXT_MAX_READS = 1 << 18,   /* blocks of metadata one call may read */
};

struct su_ext_state {
    bool needs_recovery; /* see volume.dirty above */
    bool errors;         /* EXT2_ERROR_FS */
    bool mmp;            /* in use according to multiple mount protection */
    char uuid[37];       /* lower case, with dashes */
};

/* The state is the one found when fs was opened; -1: not one that su_fs_open_ext() made. */
int su_fs_ext_state(struct su_fs *fs, struct su_ext_state *out);
