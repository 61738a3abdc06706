/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/luks.h - the contents of a LUKS1 or LUKS2 volume as a disk, without device mapper.
 *
 * The header is checked here, then copied to an unnamed memory file in which libcryptsetup looks up
 * the volume key; sectors are then de- and encrypted by libcrypto.  The library never holds the
 * volume itself, and nothing is written to the volume but by writes to *out, which go through to
 * the encrypted segment alone.
 *
 * Supported: one "crypt" segment, aes-xts-plain64 with keys of 256 or 512 bits, sectors of 512 to
 * 4096 bytes.  Refused, all with SU_E_REFUSED:
 *   volume.luks.unsupported  another cipher, several segments, integrity, an unfinished reencryption,
 *                            unknown requirements
 *   volume.luks.cost         opening would take more memory or work than the limits below
 *   volume.luks.key          no key slot opens with this key
 * A header that is none or contradicts itself is SU_E_FORMAT "volume.luks.header".
 *
 * Format: LUKS1 and LUKS2 On-Disk Format Specifications (cryptsetup, docs/on-disk-format*.pdf). */
#pragma once
#include "base/secret.h"
#include "disk/blk.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { SU_LUKS_MAX_KDF_KIB = 64, SU_LUKS_MAX_KDF_CPUS = 1, SU_LUKS_MAX_KDF_WORK = 256, SU_LUKS_MAX_ITERATIONS = 5000 };
#else
enum {
    SU_LUKS_MAX_KDF_KIB = 1 << 20,     /* memory of Argon2: 1 GiB, the most that cryptsetup takes by itself */
    SU_LUKS_MAX_KDF_CPUS = 64,         /* lanes of Argon2 */
    SU_LUKS_MAX_KDF_WORK = 16 << 20,   /* KiB times passes, all key slots together: about 10 s on two cores */
    SU_LUKS_MAX_ITERATIONS = 24000000, /* of PBKDF2, all key slots together: about 10 s; with Argon2, 10 s in all */
};
#endif

/* vol and key are borrowed, key only for the call.  vol must outlive *out, which is owned by the caller.
 * writable: writes and flushes pass through; otherwise writing is refused.  Sizes and offsets of *out
 * are bytes; any alignment is allowed, a part of a sector is read, changed and written back. */
int su_blk_luks_open(struct su_blk *vol, const struct su_secret *key, bool writable, struct su_blk **out,
                     struct su_err *e) SU_MUST_CHECK;
