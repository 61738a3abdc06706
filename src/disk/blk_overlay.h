/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/blk_overlay.h - copy-on-write memory over a disk.
 *
 * Reads see the base with what was written on top; the base is never written.  This is how a file
 * system driver's edits become data: let it write here, then walk what changed and put that in the
 * plan.  Memory is SU_OVERLAY_PAGE for each page touched by a write, at most SU_OVERLAY_MAX pages
 * (SU_E_RANGE "disk.overlay.full" beyond). */
#pragma once
#include "blk.h"

enum { SU_OVERLAY_PAGE = 4096, SU_OVERLAY_MAX = 8192 };

/* base is borrowed and must outlive *out, which the caller owns. */
int su_blk_overlay_open(struct su_blk *base, struct su_blk **out, struct su_err *e) SU_MUST_CHECK;

/* Called in ascending order, once for each run of SU_SECTOR pieces that differ from the base; runs
 * do not touch.  bytes is borrowed for the call.  -1 stops the walk. */
typedef int su_overlay_fn(void *arg, uint64_t off, const uint8_t *bytes, size_t n, struct su_err *e);
int su_blk_overlay_changes(struct su_blk *overlay, su_overlay_fn *fn, void *arg, struct su_err *e) SU_MUST_CHECK;
