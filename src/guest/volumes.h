/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/volumes.h - everything on a disk that holds data, opened: partitions, what LUKS and LVM put
 * inside them, and the file systems that can be read.
 *
 * The tree is a flat list; a volume comes after the one it lies in.  What cannot be opened is listed
 * with the reason.  Nothing is written unless a driver is opened for writing by the caller. */
#pragma once
#include "base/secret.h"
#include "disk/gpt.h"
#include "disk/mbr.h"
#include "fs.h"
#include "lvm.h"
#include "volume.h"

enum { SU_VOLS_MAX = 96 };

/* One partition of the table, of either kind.  Bytes. */
struct su_part {
    unsigned number;
    uint8_t mbr_type; /* 0 on a GPT disk */
    uint64_t off, n;
};

struct su_vol {
    char name[160];     /* "p5", "debian-vg/root", "p5/luks": stable, for people and for messages */
    unsigned partition; /* the number of the partition it lies in */
    int parent;         /* index, -1 for a partition */
    char lv[128];       /* of a logical volume: "vg/lv" */
    struct su_volume what;
    struct su_blk *blk;       /* owned */
    struct su_fs *fs;         /* owned; NULL: not a file system, or one that could not be read */
    bool log_dirty;           /* XFS: changes wait in a log that is not replayed here */
    bool fs_writable;         /* a driver exists that can replace files (not: that it is safe right now) */
    struct su_err why_closed; /* kind != SU_OK: why it could not be looked into */
};

struct su_vols {
    size_t n;
    struct su_vol vol[SU_VOLS_MAX];
    bool full; /* more than SU_VOLS_MAX: the rest is not listed */
};

void su_vols_done(struct su_vols *v);
#define SU_VOLS SU_AUTO(su_vols_done)

/* disk is borrowed and must outlive *out.  key opens LUKS volumes; NULL: they stay closed.  Fails only for
 * I/O and memory. */
int su_vols_open(struct su_blk *disk, const struct su_part *parts, size_t n, const struct su_secret *key,
                 struct su_vols *out, struct su_err *e) SU_MUST_CHECK;

/* A second driver on the same volume, for reading beside the first one in another thread; only where the disk
 * below can be read so.  *out is owned by the caller. */
int su_vol_open_again(const struct su_vol *x, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;

/* A driver on the same volume for writing, which may refuse (guest/fs_ext.h, guest/fs_ntfs.h).  *out is owned by the
 * caller; what it writes goes where x->blk leads. */
int su_vol_open_write(const struct su_vol *x, struct su_fs **out, struct su_err *e) SU_MUST_CHECK;

/* The partitions of a table as su_part; at most cap, returns how many. */
size_t su_parts_of_mbr(const struct su_mbr *m, struct su_part *out, size_t cap);
size_t su_parts_of_gpt(const struct su_gpt *g, uint32_t sector_size, struct su_part *out, size_t cap);

/* Index of the volume with this file system (or swap, LUKS) UUID, label or "vg/lv"; -1: none. */
int su_vols_by_uuid(const struct su_vols *v, const char *uuid);
int su_vols_by_label(const struct su_vols *v, const char *label);
int su_vols_by_lv(const struct su_vols *v, const char *device); /* "/dev/mapper/vg-lv", "/dev/vg/lv" */
int su_vols_by_partition(const struct su_vols *v, unsigned number);
