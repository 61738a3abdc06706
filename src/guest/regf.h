/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/regf.h - a registry hive as bytes: is it complete, and what its transaction logs add.
 *
 * hivex opens a hive that was not written completely without a word (reference: upgrade.md 7, trap 1), so this is asked
 * first.  Format: "Windows registry file format specification" (M. Suhanov), base block, hive bins, and the log files
 * of both kinds: the old one with a bitmap of sectors, and the one with entries ("HvLE") of Windows 8.1 and later.
 * Pure; hostile bytes; thread safe. */
#pragma once
#include "base/buf.h"

enum { SU_REGF_MAX = 512 << 20, SU_REGF_LOG_MAX = 128 << 20 /* bytes */ };

enum su_regf_state {
    SU_REGF_CLEAN, /* the primary file is complete */
    SU_REGF_DIRTY, /* sequence numbers differ, or the base block's checksum is wrong */
    SU_REGF_BAD,   /* not a hive, or damaged beyond what logs mend */
};

/* Looks at the base block and the chain of hive bins (sizes, signatures, cells inside). why: NULL or why it is BAD. */
enum su_regf_state su_regf_state(struct su_bytes hive, struct su_err *why);

/* The hive as Windows would load it: logs replayed when it is dirty.  log1, log2 may be empty.  *out gets the complete
 * hive, marked clean; *replayed tells how many log entries (old kind: logs) went in, 0 when it was clean already.
 * SU_E_REFUSED "hive.dirty" when it is dirty and no log can complete it; SU_E_FORMAT "hive.damaged".
 * Promise: what succeeds is SU_REGF_CLEAN. */
int su_regf_load(struct su_bytes hive, struct su_bytes log1, struct su_bytes log2, struct su_buf *out,
                 unsigned *replayed, struct su_err *e) SU_MUST_CHECK;

/* The base block's times and checksum made a function of the contents: same contents, same bytes.  hive: a clean one.
 */
void su_regf_stamp(uint8_t *hive, size_t n, int64_t now);
