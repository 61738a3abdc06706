/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/mounted.h - drive letters: the key MountedDevices at the root of a SYSTEM hive.
 *
 * Values name a letter (\DosDevices\C:) or a volume (\??\Volume{guid}, #{guid}); their data is signature and offset
 * (12 bytes) on an MBR disk, "DMIO:ID:" and a GUID (24 bytes) on a GPT disk, else a device's path (upgrade.md 4.5).
 * Only data that names a partition of this very disk changes. */
#pragma once
#include "hive.h"
#include "winmap.h"

enum { SU_MOUNTED_MAX_LETTERS = 8 };

struct su_mounted_change {
    unsigned renamed;                    /* values whose data was rewritten */
    unsigned n_letters;                  /* letters that were taken from the old system partition */
    char letter[SU_MOUNTED_MAX_LETTERS]; /* 'A' to 'Z' */
    unsigned strangers;                  /* values of this disk that name no partition of it; left alone */
};

/* To the new names; the letter of the old system partition goes when that is not the system's own volume (os_number):
 * it would come up as a drive of its own ("D: System Reserved"). */
int su_mounted_to_gpt(struct su_hive *h, const struct su_winmap *m, unsigned os_number, struct su_mounted_change *out,
                      struct su_err *e) SU_MUST_CHECK;
/* Back; letters: those that were taken, for the old system partition again unless another volume has them now. */
int su_mounted_to_mbr(struct su_hive *h, const struct su_winmap *m, const char *letters, size_t n_letters,
                      struct su_mounted_change *out, struct su_err *e) SU_MUST_CHECK;

/* The letter of a partition of this disk in an MBR's names; 0: none. */
int su_mounted_letter(struct su_hive *h, uint32_t signature, uint64_t offset, char *out,
                      struct su_err *e) SU_MUST_CHECK;
