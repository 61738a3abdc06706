/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winmap.h - how Windows names the partitions of one disk, before and after.
 *
 * Before, in an MBR's world: the disk's signature and the byte the partition starts at.  After, with a GPT: the GUIDs
 * of disk and partition.  Boot store, MountedDevices and ReAgent.xml hold these names; all of them are rewritten by
 * this one map, and written back by it.  Plain data. */
#pragma once
#include "base/su.h"

enum { SU_WINMAP_MAX = 64 };

struct su_winmap_part {
    unsigned number;  /* of the old table */
    uint64_t offset;  /* bytes */
    uint8_t guid[16]; /* as on disk */
};

struct su_winmap {
    uint32_t signature; /* of the old table */
    uint8_t disk_guid[16];
    uint8_t esp_guid[16]; /* the partition the firmware starts from */
    size_t n;
    struct su_winmap_part part[SU_WINMAP_MAX];
    unsigned system; /* number of the old system partition; 0: unknown */
};

/* NULL: no partition of this disk. */
const struct su_winmap_part *su_winmap_by_offset(const struct su_winmap *m, uint32_t signature, uint64_t offset);
const struct su_winmap_part *su_winmap_by_guid(const struct su_winmap *m, const uint8_t guid[16]);
const struct su_winmap_part *su_winmap_by_number(const struct su_winmap *m, unsigned number);
