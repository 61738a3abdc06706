/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/bios.h - GRUB for BIOS: the core that a boot sector loads, made from the guest's own files.
 *
 * A core and the modules in /boot/grub must be of one build.  The modules change when the guest
 * upgrades GRUB, so the journal remembers which ones the old core went with. */
#pragma once
#include "guest/linux.h"
#include "options.h"

/* Where a guest keeps the GRUB files for BIOS that grub-mkimage needs. */
#define SU_GRUB_BIOS_DIR "/usr/lib/grub/i386-pc"
enum { SU_BIOS_PRINT = 65 }; /* SHA-256 in hex, with the NUL */

/* The guest has the files a core is made of, and they can be read. */
bool su_bios_files(const struct su_vols *v, const struct su_linux *l);

/* A core to lie at lba (512-byte sectors), at most max_sectors long; see guest/grubcore.h. */
int su_bios_core(const struct su_vols *v, const struct su_linux *l, uint64_t lba, uint64_t max_sectors,
                 struct su_buf *out, struct su_err *e) SU_MUST_CHECK;

/* Tells one build of the modules in /boot/grub from another; "" when there are none. */
int su_bios_print(const struct su_vols *v, const struct su_linux *l, char out[SU_BIOS_PRINT],
                  struct su_err *e) SU_MUST_CHECK;
