/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/fs_xfs_log.h - does an XFS volume's log hold changes that are not in the file system yet?
 *
 * The driver does not replay the log, so after a crash of the guest it shows files as they were
 * before the last changes. */
#pragma once
#include "disk/blk.h"

/* *clean: the last record of the log says "unmounted", or the log was never written.  Reads some 20
 * sectors.  Fails as su_fs_open_xfs() does, and with SU_E_REFUSED "fs.xfs.log" when the log is on
 * another device. */
int su_fs_xfs_clean(struct su_blk *blk, bool *clean, struct su_err *e) SU_MUST_CHECK;
