/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/blkcopy.h - parts of a volume in an unnamed memory file, for libraries that want a file.
 *
 * The memory file has the volume's size and is a hole but for what was copied; pages of zeros stay
 * holes.  Memory use is that of the pages copied, and none of it is mapped. */
#pragma once
#include "disk/blk.h"

int su_blkcopy_open(const char *name, uint64_t size, int *fd, struct su_err *e) SU_MUST_CHECK; /* *fd: caller closes */
/* n bytes from off on, or what there is of them. */
int su_blkcopy(int fd, struct su_blk *vol, uint64_t off, uint64_t n, struct su_err *e) SU_MUST_CHECK;
