/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/blk.h - port: a random-access disk.
 *
 * Adapters: raw file or block device (blk_file), NBD (blk_nbd), a map of extents of another
 * disk (blk_map), copy-on-write memory over another disk (blk_overlay), the test simulator.
 *
 * The failure model every caller must live with: writes may reach stable storage in any order
 * and in part, down to single bytes of a sector, until flush() returns 0; after that all of
 * them have.  resize() behaves like a write: it is stable only after a flush.  Nothing else is
 * promised.  One thread at a time. */
#pragma once
#include "base/su.h"

enum { SU_SECTOR = 512 };

/* What for an image is opened. */
enum su_blk_use {
    SU_BLK_READ,  /* nobody may write it meanwhile */
    SU_BLK_WRITE, /* nobody else may open it meanwhile */
    SU_BLK_SHARE, /* reading what somebody else may be writing, without a lock: two reads may not fit together */
};

struct su_blk;
struct su_blk_ops {
    int (*read)(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e);
    int (*write)(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e); /* NULL: read-only */
    int (*flush)(struct su_blk *d, struct su_err *e);
    int (*resize)(struct su_blk *d, uint64_t size, struct su_err *e); /* NULL: the size is fixed */
    void (*close)(struct su_blk *d);                                  /* frees d itself */
};

/* An adapter embeds this as its first member. */
struct su_blk {
    const struct su_blk_ops *ops;
    uint64_t size;    /* bytes */
    uint64_t written; /* bytes accepted by write() so far: what the bench reports */
};

int su_blk_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e) SU_MUST_CHECK;
int su_blk_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e) SU_MUST_CHECK;
int su_blk_flush(struct su_blk *d, struct su_err *e) SU_MUST_CHECK;
int su_blk_resize(struct su_blk *d, uint64_t size, struct su_err *e) SU_MUST_CHECK;
bool su_blk_can_resize(const struct su_blk *d);

void su_blk_close(struct su_blk *d); /* takes d; NULL is fine */
static inline void su_blk_closep(struct su_blk **d)
{
    su_blk_close(*d);
}
#define SU_BLK SU_AUTO(su_blk_closep)
