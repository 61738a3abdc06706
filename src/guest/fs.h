/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs.h - port: the files of a stopped guest's file system.
 *
 * A driver turns the bytes of one volume (su_blk, borrowed for as long as the su_fs lives) into
 * nodes.  Nothing is mounted and no kernel code runs.  All bytes are hostile: a driver bounds
 * every length, every loop and every depth, and answers a damaged structure with SU_E_FORMAT and
 * an id "fs.<type>...."; a name that does not exist is SU_E_MISSING with id "fs.missing".
 * One thread at a time. */
#pragma once
#include "base/buf.h"
#include "disk/blk.h"

enum su_fs_kind { SU_FS_FILE, SU_FS_DIR, SU_FS_LINK, SU_FS_OTHER };

/* Names one inode.  tree tells btrfs subvolumes apart, and is 0 elsewhere. */
struct su_fs_node {
    uint64_t ino, tree;
};

struct su_fs_stat {
    enum su_fs_kind kind;
    uint64_t size; /* bytes; of a link: length of its target */
};

/* Called for each entry but "." and "..".  name is borrowed, not NUL-terminated, never empty and
 * never holds '/' or NUL.  Returns 0 to go on, 1 to stop (list() then returns 0), -1 with *e set. */
typedef int su_fs_entry_fn(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e);

struct su_fs;
struct su_fs_ops {
    const char *type; /* libblkid's TYPE: "ext4" for all of ext2/3/4 */
    int (*stat)(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e);
    int (*lookup)(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                  struct su_err *e);
    int (*list)(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e);
    /* *got < n only at the end of the file; holes read as zeros */
    int (*read)(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                struct su_err *e);
    /* buf gets at most cap bytes including a NUL; a longer target is SU_E_FORMAT "fs.link" */
    int (*readlink)(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e);
    /* New contents for a regular file; owner, mode and other attributes stay.  now: seconds since the
     * epoch for the time stamps it must set.  NULL: the driver only reads. */
    int (*replace)(struct su_fs *fs, struct su_fs_node n, const void *buf, size_t len, int64_t now, struct su_err *e);
    /* Frees fs itself; what was replaced reached the su_blk before replace() returned. */
    void (*close)(struct su_fs *fs);
};

struct su_fs {
    const struct su_fs_ops *ops;
    struct su_fs_node root;
};

/* Openers.  *out is owned by the caller (su_fs_close).  blk is borrowed. */
int su_fs_open_ext(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;
int su_fs_open_xfs(struct su_blk *blk, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;
int su_fs_open_btrfs(struct su_blk *blk, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;
int su_fs_open_ntfs(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;

void su_fs_close(struct su_fs *fs); /* NULL is fine */

/* Path helpers over any driver.  Paths are absolute inside the file system, '/' separated.
 * base is the node "/" means (the root, or a subvolume's directory), so absolute symbolic links
 * stay inside it and ".." never leaves it.  At most SU_FS_MAX_LINKS links are followed. */
enum { SU_FS_MAX_LINKS = 16, SU_FS_MAX_PATH = 1024, SU_FS_MAX_DEPTH = 64 };

int su_fs_walk(struct su_fs *fs, struct su_fs_node base, const char *path, struct su_fs_node *out,
               struct su_err *e) SU_MUST_CHECK;
/* Whole file, at most max bytes (more is SU_E_RANGE "fs.file.size"); out is appended to. */
int su_fs_read_file(struct su_fs *fs, struct su_fs_node base, const char *path, size_t max, struct su_buf *out,
                    struct su_err *e) SU_MUST_CHECK;
