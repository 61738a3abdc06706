/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/drivers.h - the kernel drivers a guest may need to find its disk on another machine type.
 *
 * Pure and thread safe. */
#pragma once
#include "base/su.h"

enum su_driver {
    SU_DRIVER_AHCI,
    SU_DRIVER_ATA_PIIX,
    SU_DRIVER_ATA_GENERIC,
    SU_DRIVER_SD_MOD,
    SU_DRIVER_VIRTIO_PCI,
    SU_DRIVER_VIRTIO_BLK,
    SU_DRIVER_VIRTIO_SCSI,
    SU_DRIVER_NVME,
    SU_DRIVER_XHCI_PCI,
    SU_DRIVER_USB_STORAGE,
    SU_DRIVER_COUNT
};

enum su_driver_state {
    SU_DRIVER_UNKNOWN, /* nothing was looked at that would tell */
    SU_DRIVER_ABSENT,
    SU_DRIVER_MODULE,
    SU_DRIVER_BUILTIN,
    SU_DRIVER_STATE_COUNT
};

const char *su_driver_name(enum su_driver d);              /* static: "virtio_blk" */
const char *su_driver_state_name(enum su_driver_state s); /* static: "builtin" */

/* The driver a module's path names (any directory, ".ko" packed or not, '-' as '_'); SU_DRIVER_COUNT: none of these. */
enum su_driver su_driver_of(struct su_bytes path);

/* Sets state[d] to what for each driver named in modules.dep (paths end at ':') or modules.builtin. */
void su_drivers_listed(struct su_bytes text, enum su_driver_state what, enum su_driver_state state[SU_DRIVER_COUNT]);

/* From a kernel's configuration (/boot/config-VERSION): BUILTIN, MODULE (built as one, which says nothing about any
 * initramfs) or ABSENT.  SU_E_FORMAT "kernel.config" when the text is none. */
int su_drivers_config(struct su_bytes text, enum su_driver_state out[SU_DRIVER_COUNT], struct su_err *e) SU_MUST_CHECK;
