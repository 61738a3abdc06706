/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/volume.h - what lies in a volume, as libblkid tells it.
 *
 * The parts of the volume that libblkid looks at are copied to an unnamed memory file of the
 * volume's size, and that is probed: every kind of image gives the same answer, and the library
 * never holds the disk itself.  Copied are the first SU_VOLUME_HEAD and the last SU_VOLUME_TAIL
 * bytes, but for pages of zeros, and the few places where LUKS2, FAT, exFAT and NTFS keep what
 * libblkid reads elsewhere.  The volume is only read.  Thread safe. */
#pragma once
#include "disk/blk.h"

enum { SU_VOLUME_HEAD = 1536 << 10, SU_VOLUME_TAIL = 1600 << 10 };

enum su_usage { SU_USAGE_NONE, SU_USAGE_FILESYSTEM, SU_USAGE_RAID, SU_USAGE_CRYPTO, SU_USAGE_OTHER };

struct su_volume {
    char type[32];  /* libblkid's TYPE, "BitLocker" included; "" when nothing is known or ambiguous */
    char uuid[40];  /* libblkid's UUID: its form depends on the type; "" when there is none */
    char label[64]; /* libblkid's LABEL, cut to fit, control characters as '?' */
    enum su_usage usage;
    bool ambiguous; /* signatures of more than one type: somebody must wipe the old one */
};

int su_volume_probe(struct su_blk *vol, struct su_volume *out, struct su_err *e) SU_MUST_CHECK;
