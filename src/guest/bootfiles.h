/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bootfiles.h - the distribution's signed boot chain: shim, GRUB and MokManager, and whether the
 * firmware would start it and the guest's kernels.
 *
 * Looked for in this order: the directory the operator names; the guest's own packages; the host's
 * /var/lib/surety/boot/ID and /usr/share/surety/boot/ID, ID being os-release's; the host's packages when the
 * host is of the same family.  A set counts when shim and GRUB are there. */
#pragma once
#include "linux.h"
#include "pcr4.h"
#include "secureboot.h"

struct su_bootfiles {
    bool found;
    char origin[SU_LINUX_PATH];   /* "the guest", or a directory of the host */
    char vendor[32];              /* the directory GRUB was built to look in: EFI/<vendor> */
    struct su_buf shim, grub, mm; /* mm may be empty */
};

void su_bootfiles_done(struct su_bootfiles *b);
#define SU_BOOTFILES SU_AUTO(su_bootfiles_done)

/* dir: the operator's directory or NULL.  found is false when there is no complete set; with dir that is
 * SU_E_MISSING "boot.files.missing". */
int su_bootfiles_find(const struct su_vols *v, const struct su_linux *l, const char *dir, struct su_bootfiles *out,
                      struct su_err *e) SU_MUST_CHECK;

/* One kernel of the menu, judged. */
struct su_kernel_check {
    char path[SU_LINUX_PATH];
    bool is_default, present, efi; /* efi: an x86_64 image with an EFI stub */
    struct su_sb_result sb;
};

struct su_bootcheck {
    bool firmware_known;          /* the keys of the firmware could be read */
    char firmware[SU_LINUX_PATH]; /* where they came from */
    struct su_sb_result shim, grub;
    size_t n_kernels;
    struct su_kernel_check kernel[SU_LINUX_MAX_KERNELS];
    bool has_pcr4;
    uint8_t pcr4[SU_PCR_SIZE]; /* what the first Secure Boot start measures */
};

/* vars: an OVMF variable store whose db and dbx count, normally the template new VMs get. */
int su_bootcheck(const struct su_vols *v, const struct su_linux *l, const struct su_bootfiles *b, const char *vars,
                 struct su_bootcheck *out, struct su_err *e) SU_MUST_CHECK;

/* The EFI/<vendor> a GRUB image was built for, from its embedded prefix; SU_E_FORMAT "boot.grub.prefix". */
int su_grub_vendor(struct su_bytes grub, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
