/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/partuuid.h - references to partitions by PARTUUID, anywhere in a configuration file.
 *
 * Linux names a partition of an MBR disk by disk id and slot, "381a4875-01" (block/partitions/msdos.c), and one of
 * a GPT disk by its unique GUID.  The first kind dies with the MBR.  This rewrites
 *     PARTUUID=381a4875-01   PARTUUID="381a4875-01"   root=PARTUUID=381A4875-01   /dev/disk/by-partuuid/381a4875-01
 * in fstab, crypttab, /etc/default/grub, grub.cfg, conf.d/resume, /etc/kernel/cmdline, boot loader entries and
 * the like, where the value ends at a token boundary; comments are no exception.
 * A value in capitals gets its GUID in capitals, so the way back is exact for all but values in mixed case,
 * which come back in lower case. */
#pragma once
#include "disk/guid.h"
#include "guest/text.h"

struct su_partuuid {
    uint32_t disk_id; /* of the MBR */
    uint8_t slot;     /* 1 and up; logical partitions from 5 */
    uint8_t guid[SU_GUID_SIZE];
};

enum su_partuuid_way { SU_PARTUUID_TO_GPT, SU_PARTUUID_TO_MBR };

/* text is at most SU_TEXT_MAX bytes.  *changed counts the references rewritten; with none of them out gets the
 * very bytes of text.  Appends to out, which is left as it was on failure. */
int su_partuuid_rewrite(struct su_bytes text, enum su_partuuid_way way, const struct su_partuuid *map, size_t n,
                        struct su_buf *out, unsigned *changed, struct su_err *e) SU_MUST_CHECK;

/* "381a4875-01" */
enum { SU_PARTUUID_MBR_TEXT = 12 /* with the NUL */ };
void su_partuuid_mbr_text(uint32_t disk_id, uint8_t slot, char out[SU_PARTUUID_MBR_TEXT]);
