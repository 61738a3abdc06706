/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_ntfs_int.h - what the parts of the NTFS driver share. */
#pragma once
#include "fs_ntfs.h"
#include <errno.h>
/* libntfs-3g's headers ask what its configure script found. */
#ifndef HAVE_STDARG_H
#define HAVE_STDARG_H 1
#endif
#ifndef HAVE_SYS_STAT_H
#define HAVE_SYS_STAT_H 1
#endif
#ifndef HAVE_TIME_H
#define HAVE_TIME_H 1
#endif
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/volume.h>

/* What the boot sector says, found sound.  Bytes. */
struct su_ntfs_geometry {
    uint32_t sector, cluster, record, index;
    uint64_t size;        /* of the volume's clusters */
    uint64_t mft, mirror; /* where the first records lie */
};

enum {
    SU_NTFS_MIRRORED = 4, /* records that $MFTMirr holds at least */
    SU_NTFS_SYSTEM = 24,  /* records below belong to the file system */
};

/* libntfs-3g's view of the disk: every access is bounded here, and counts. */
struct su_ntfs_dev {
    struct su_blk *blk; /* borrowed */
    bool writable;
    int64_t pos;                    /* of seek() and read() */
    uint64_t bytes;                 /* allowance of the call under way: bytes left to read, */
    uint32_t reads;                 /* and how often */
    bool exhausted;                 /* the allowance ended */
    struct su_err err;              /* of the disk; kind SU_OK: none */
    uint64_t hide_at, hide_n, show; /* bytes [hide_at, hide_at + hide_n) are read from show instead; hide_n 0: none */
};

struct su_ntfs {
    struct su_fs fs;
    struct su_ntfs_dev dev;
    ntfs_volume *vol; /* owned */
    struct su_ntfs_geometry geo;
    struct su_ntfs_state state;
    struct su_err doubt; /* kind != SU_OK: the state could not be found out, so nothing may be written */
    bool broken;         /* a change was begun and not finished */
};

/* Device: fs_ntfs_dev.c */
extern struct ntfs_device_operations su_ntfs_dev_ops;
void su_ntfs_dev_begin(struct su_ntfs_dev *dev, uint64_t data); /* a new allowance, for that many bytes of contents */

/* Looks at what libntfs-3g would size its memory by, before it does: fs_ntfs_check.c */
int su_ntfs_check(struct su_blk *blk, struct su_ntfs_geometry *out, struct su_err *e);
int su_ntfs_mirror_differs(struct su_blk *blk, const struct su_ntfs_geometry *g, bool *out, struct su_err *e);

/* What errno means after a call of libntfs-3g; returns -1. */
int su_ntfs_fail(struct su_ntfs *x, const char *what, struct su_err *e);
struct su_ntfs *su_ntfs_of(struct su_fs *fs, uint64_t data); /* begins a call */
/* NULL with *e set.  Close with ntfs_inode_close(). */
ntfs_inode *su_ntfs_inode(struct su_ntfs *x, struct su_fs_node n, struct su_err *e);
/* What a failed change left to be written is not: an inode that cannot be written is never freed. */
void su_ntfs_forget(ntfs_inode *ni);
/* Refuses directories, reparse points and encrypted files. */
int su_ntfs_check_file(struct su_ntfs *x, ntfs_inode *ni, struct su_err *e);
/* The unnamed data; NULL with *e set.  Close with ntfs_attr_close(). */
ntfs_attr *su_ntfs_data(struct su_ntfs *x, ntfs_inode *ni, struct su_err *e);

/* Directories: fs_ntfs_dir.c */
int su_ntfs_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                   struct su_err *e);
int su_ntfs_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e);

/* The state: fs_ntfs_state.c */
int su_ntfs_take_state(struct su_ntfs *x, struct su_err *e);
int su_ntfs_may_write(const struct su_ntfs *x, struct su_err *e);

/* Before a write to na, an attribute's data: that its clusters are its own, and that $Bitmap knows: fs_ntfs_runs.c */
int su_ntfs_check_runs(struct su_ntfs *x, ntfs_attr *na, struct su_err *e);

/* Writing: fs_ntfs_write.c */
int su_ntfs_replace(struct su_fs *fs, struct su_fs_node n, const void *buf, size_t len, int64_t now, struct su_err *e);
