/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/blk_map.h - a disk made of extents of another: a partition, a logical volume.
 *
 * Holes and overlaps are allowed in the base, not in the map: the extents, in order, make up the
 * new disk from byte 0.  Writes, reads and flushes pass through.  The size is fixed. */
#pragma once
#include "blk.h"

struct su_extent {
    uint64_t off, n; /* bytes in the base; n > 0 */
};

/* base is borrowed and must outlive *out; extents are copied.  Fails with SU_E_RANGE when an
 * extent leaves the base.  *out is owned by the caller. */
int su_blk_map_open(struct su_blk *base, const struct su_extent *ext, size_t n, struct su_blk **out,
                    struct su_err *e) SU_MUST_CHECK;
