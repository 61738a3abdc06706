/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/sbat.h - Secure Boot Advanced Targeting: which generations of boot components shim still starts.
 *
 * Format: shim's SBAT.md: lines "component,generation,..." in an image's ".sbat" section and in the revocation
 * level (the SbatLevel variable; shim's ".sbatlevel" section holds two of them).
 * Pure and thread safe. */
#pragma once
#include "base/su.h"

enum { SU_SBAT_MAX = 16384 /* bytes of a text */, SU_SBAT_MAX_LINES = 256, SU_SBAT_NAME = 64 };

/* Is a component of the image older than the level asks for?  Then *revoked and its name, cut to fit.  Text ends
 * at its first NUL.  Text that is not SBAT is SU_E_FORMAT "sbat.format": shim starts no image with such a section. */
int su_sbat_check(struct su_bytes image, struct su_bytes level, bool *revoked, char name[SU_SBAT_NAME],
                  struct su_err *e) SU_MUST_CHECK;

/* The two levels of shim's ".sbatlevel" section, borrowed: the one shim sets by itself ("automatic"), and the
 * newest it knows of.  SU_E_FORMAT "sbat.level". */
int su_sbat_levels(struct su_bytes section, struct su_bytes *automatic, struct su_bytes *latest,
                   struct su_err *e) SU_MUST_CHECK;
