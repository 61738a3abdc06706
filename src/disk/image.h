/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/image.h - open what the operator named: a file in any of QEMU's formats, a block device, an NBD URI. */
#pragma once
#include "blk.h"

enum su_image_kind { SU_IMAGE_FILE, SU_IMAGE_DEVICE, SU_IMAGE_NBD };

struct su_image {
    struct su_blk *blk; /* owned */
    enum su_image_kind kind;
    char format[12];      /* "raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc"; "nbd" for a URI */
    uint32_t sector_size; /* of a device: its logical sectors; 0: the image does not say */
    bool can_grow;
    char *path; /* owned; absolute, without links: helpers run in another directory; NULL for a URI */
};

void su_image_done(struct su_image *im);
#define SU_IMAGE SU_AUTO(su_image_done)

/* name: path or URI.  format: NULL to look at the first bytes.  A format found by looking came from
 * bytes that, in a raw disk, the guest wrote; so an image that then names other files (a backing
 * file, an external data file) is refused: "disk.image.backing".  Naming the format allows it. */
int su_image_open(const char *name, const char *format, enum su_blk_use use, struct su_image *out,
                  struct su_err *e) SU_MUST_CHECK;

/* What the first bytes say; "raw" when nothing else.  head: at least the first 512 bytes.  static. */
const char *su_image_probe(struct su_bytes head);

#define SU_IMAGE_UNDO_DIR "/var/lib/surety/undo"

/* Where the undo journal of name is by default: beside the file that name leads to, whatever link was
 * followed; else in SU_IMAGE_UNDO_DIR, which this does not make. */
int su_image_undo_path(const char *name, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
