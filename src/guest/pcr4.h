/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/pcr4.h - the value of PCR 4 (SHA-256 bank) after a shim -> GRUB -> Linux start, from the files alone.
 *
 * TCG PC Client Platform Firmware Profile 1.05, section 3.3.4.5: PCR 4 takes the boot attempt, the separator
 * and each boot application.  OVMF, shim and GRUB add, in this order: the action "Calling EFI Application from
 * Boot Option", the separator (four zero bytes), then the Authenticode SHA-256 of shim, of GRUB, and of the
 * kernel twice (once when GRUB asks shim to verify it, once when it is loaded).  A start through fbx64 and a
 * reset ends with the same value: the reset clears the PCR and the second start is this one.  Another boot
 * loader, a second boot option that was tried first, or GRUB's own chainloading give another value.
 *
 * Pure and thread safe. */
#pragma once
#include "base/su.h"

enum { SU_PCR_SIZE = 32 }; /* bytes: SHA-256 */

/* Authenticode SHA-256 digests, as su_pe_digest() has them. */
struct su_pcr4_boot {
    uint8_t shim[SU_PCR_SIZE], grub[SU_PCR_SIZE], kernel[SU_PCR_SIZE];
};

int su_pcr4_predict(const struct su_pcr4_boot *boot, uint8_t out[SU_PCR_SIZE], struct su_err *e) SU_MUST_CHECK;

/* pcr = SHA-256(pcr || digest), as a TPM extends. */
int su_pcr_extend(uint8_t pcr[SU_PCR_SIZE], const uint8_t digest[SU_PCR_SIZE], struct su_err *e) SU_MUST_CHECK;
