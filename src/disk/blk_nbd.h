/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/blk_nbd.h - a disk behind an NBD server, through libnbd.
 *
 * A server that does not answer for a minute counts as gone: "disk.nbd.gone".  Writing needs a
 * server that can flush, else SU_E_REFUSED "disk.nbd.no-flush": without it a crash could not be
 * survived. */
#pragma once
#include "blk.h"

/* uri: nbd://, nbds://, nbd+unix:// ... as libnbd takes it.  *out is owned by the caller. */
int su_blk_nbd_open(const char *uri, bool writable, struct su_blk **out, struct su_err *e) SU_MUST_CHECK;

/* An image in any format QEMU knows, through a qemu-storage-daemon of our own over a private unix
 * socket.  The daemon takes QEMU's image lock, but for SU_BLK_SHARE, and ends with the su_blk (and when this process
 * dies). format: QEMU's driver name.  Resizing works where QEMU's driver can; can_resize says what is known. */
int su_blk_qsd_open(const char *path, const char *format, enum su_blk_use use, struct su_blk **out,
                    struct su_err *e) SU_MUST_CHECK;
/* Whether that driver of QEMU can change the size of an image. */
bool su_blk_qsd_resizes(const char *format);
