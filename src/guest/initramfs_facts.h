/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/initramfs_facts.h - what an initramfs can do: which drivers it brings, and what it will look for.
 *
 * Walks no further than until every fact is decided.  Reading stops early at the price that a later archive, or a
 * file against the order its maker writes, is not seen.  One thread at a time. */
#pragma once
#include "drivers.h"
#include "initramfs.h"

enum su_initramfs_maker {
    SU_MAKER_UNKNOWN,
    SU_MAKER_INITRAMFS_TOOLS,
    SU_MAKER_DRACUT,
    SU_MAKER_MKINITCPIO,
    SU_MAKER_COUNT
};
const char *su_initramfs_maker_name(enum su_initramfs_maker m); /* static: "initramfs-tools" */

struct su_initramfs_facts {
    enum su_initramfs_maker maker;
    enum su_packing packing; /* of the archive with the files; plain ones before it are microcode */
    bool microcode;          /* an early archive with CPU microcode is there */
    char kernel[64];         /* version, from the directory of its modules; "" when there is none */
    /* MODULE: in the initramfs.  BUILTIN: in the kernel, by its configuration or by modules.builtin.  ABSENT: neither.
     * UNKNOWN: not in the initramfs, and nothing told about the kernel. */
    enum su_driver_state driver[SU_DRIVER_COUNT];
    bool cryptsetup; /* it can open LUKS volumes */
    bool lvm;        /* it can activate logical volumes */
    char resume[256]; /* initramfs-tools: RESUME= of conf/conf.d/resume, as written: "UUID=...", a device, "none" */
    char root[256];   /* initramfs-tools: ROOT= of conf/param.conf */
    bool whole;       /* read to its end */
};

/* config: what su_drivers_config() says about the kernel that goes with it, or NULL.  With it reading stops sooner: a
 * driver that is no module is not looked for.  *out is filled only when 0 is returned. */
int su_initramfs_facts(struct su_pull src, const enum su_driver_state config[SU_DRIVER_COUNT],
                       struct su_initramfs_facts *out, struct su_err *e) SU_MUST_CHECK;
