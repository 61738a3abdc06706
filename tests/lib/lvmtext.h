/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/lvmtext.h - a physical volume around a text, with right checksums: what is wrong is the text. */
#pragma once
#include "memblk.h"
#include <string.h>

#define LVMTEXT_PV_ID "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg"

static inline uint32_t lvmtext_crc(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xf597a6cf;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 8; k++) {
            uint32_t bit = (crc ^ (uint32_t)(p[i] >> k)) & 1;
            crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
        }
    return crc;
}

/* The text at offset `at` of an area that begins at 4096; it wraps at the area's end.  seal again after changes. */
static inline void lvmtext_seal(uint8_t *disk, uint32_t text_crc)
{
    su_put_le32(disk + 4096 + 40 + 16, text_crc);
    su_put_le32(disk + 4096, lvmtext_crc(disk + 4100, 508));
    su_put_le32(disk + 512 + 16, lvmtext_crc(disk + 512 + 20, 492));
}

static inline struct su_blk *lvmtext_pv(uint64_t disk_size, uint64_t area_size, uint64_t at, const char *text)
{
    struct su_err e;
    struct su_blk *d = NULL;
    if (su_memblk_new(disk_size, &d, &e) < 0)
        abort();
    uint8_t *p = su_memblk_data(d), *label = p + 512, *mda = p + 4096;
    memcpy(label, "LABELONE", 8);
    su_put_le64(label + 8, 1);
    su_put_le32(label + 20, 32);
    memcpy(label + 24, "LVM2 001", 8);
    memcpy(label + 32, "aaaaaabbbbccccddddeeeeffffgggggg", 32);
    su_put_le64(label + 64, disk_size);
    su_put_le64(label + 72, 1 << 20); /* one data area, to the end */
    su_put_le64(label + 104, 4096);   /* one metadata area */
    su_put_le64(label + 112, area_size);
    memcpy(mda + 4, " LVM2 x[5A%r0N*>", 16);
    su_put_le32(mda + 20, 1);
    su_put_le64(mda + 24, 4096);
    su_put_le64(mda + 32, area_size);
    size_t n = strlen(text) + 1;
    su_put_le64(mda + 40, at);
    su_put_le64(mda + 48, n);
    for (size_t i = 0; i < n; i++)
        mda[at + i < area_size ? at + i : at + i - area_size + 512] = (uint8_t)text[i];
    lvmtext_seal(p, lvmtext_crc((const uint8_t *)text, n));
    return d;
}
