/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/grubcore.h - a BIOS GRUB core for a converted disk, built from the guest's own GRUB files, so that the
 * disk goes on booting under BIOS and its modules in /boot/grub go on matching the core.
 *
 * GRUB for i386-pc starts in three steps: boot.img in sector 0 loads one sector from the LBA at its offset 0x5c;
 * that sector, diskboot.img, loads the rest of the core by a list of blocks; the core finds /boot/grub.
 * grub-install puts the core between MBR and first partition, where a GPT has its table.  So a new core goes
 * into a BIOS boot partition, and only the pointer in sector 0 changes.
 *
 * The core is made by the host's grub-mkimage with kernel.img, diskboot.img, lzma_decompress.img and modules
 * of the guest.  What is relied on, the same in GRUB 1.99 to 2.12: the pointer at 0x5c of boot.img
 * (GRUB_BOOT_MACHINE_KERNEL_SECTOR); the list at 0x1f4 of diskboot.img, one entry of 64-bit LBA, 16-bit
 * count, 16-bit segment 0x820 (struct grub_pc_bios_boot_blocklist); modules as relocatable i386 ELF files; the layout
 * of the fields that grub-mkimage fills in at the head of lzma_decompress.img and kernel.img.  The result is checked
 * as far as that goes, and whoever converts should try it.
 *
 * grub-mkimage reads files a guest has made: it runs confined (base/child.h).  Thread safe. */
#pragma once
#include "base/buf.h"

/* Reads a file of usr/lib/grub/i386-pc (name without directory) of at most max bytes, appended to out.
 * A file that is not there: SU_E_MISSING. */
typedef int su_grub_fetch_fn(void *arg, const char *name, size_t max, struct su_buf *out, struct su_err *e);

struct su_grub_core_spec { /* borrowed */
    su_grub_fetch_fn *fetch;
    void *arg;
    const char *fs_type; /* of the file system with /boot/grub, libblkid's name: ext4, xfs, btrfs, ... */
    const char *fs_uuid;
    const char *prefix; /* the grub directory in it: "/boot/grub", "/grub", "/@rootfs/boot/grub" */
    bool lvm;           /* the file system is on a logical volume */
    const char *const *more_modules; /* ends with NULL; may be NULL */
    uint64_t lba;                    /* where the core is going to lie, in sectors of 512 bytes */
    uint32_t max_sectors;            /* room there */
};

/* out gets the core, padded to whole sectors of 512 bytes; it is untouched on failure.
 * "guest.grubcore.filesystem": GRUB has no module for fs_type; ".module": the guest lacks one; ".moddep", ".modules";
 * ".image": the result does not look like a core; ".size": it does not fit; "guest.grubstub....": UUID or prefix;
 * "host.tool....", "host.tmpdir", and what fetch says. */
int su_grub_core_build(const struct su_grub_core_spec *spec, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* Sector 0: is this GRUB 2's boot.img, other GRUBs, and everything else, not being so?  And its pointer. */
enum { SU_GRUB_BOOT_SECTOR = 512, SU_GRUB_POINTER_AT = 0x5c };
bool su_grub_is_boot_sector(const uint8_t s[SU_GRUB_BOOT_SECTOR]);
uint64_t su_grub_core_lba(const uint8_t s[SU_GRUB_BOOT_SECTOR]);
void su_grub_set_core_lba(uint8_t s[SU_GRUB_BOOT_SECTOR], uint64_t lba);
