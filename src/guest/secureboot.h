/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/secureboot.h - would this EFI image start under Secure Boot?
 *
 * Follows UEFI 2.10 section 32.5.3.3 as EDK2 implements it, and shim for what shim starts: the image's digest or a
 * certificate of any of its signatures in dbx forbids it; then one good signature that chains to db (or to what
 * shim has built in), or the digest in db, allows it.  SHA-256 signatures only.  Keys enrolled in the VM's MokList
 * can be passed in place of, or appended to, shim's own. */
#pragma once
#include "authenticode.h"

enum su_sb_verdict {
    SU_SB_TRUSTED_BY_FIRMWARE, /* db */
    SU_SB_TRUSTED_BY_SHIM,     /* what shim has built in, and not db */
    SU_SB_UNSIGNED,
    SU_SB_UNTRUSTED, /* a good signature, by nobody who is trusted here */
    SU_SB_REVOKED,   /* dbx, or below the SBAT level */
    SU_SB_DAMAGED,   /* not an image, or its signature is not one over these bytes */
    SU_SB_VERDICT_COUNT
};
const char *su_sb_verdict_name(enum su_sb_verdict v); /* static: "trusted-by-firmware"... */

enum { SU_SB_MAX_SIGNATURES = 16 };

/* All borrowed; any may be empty. */
struct su_sb_keys {
    struct su_bytes db, dbx;               /* values of the EFI variables: signature lists */
    struct su_bytes vendor_db, vendor_dbx; /* of shim: signature lists, or one DER certificate */
    struct su_bytes sbat_level;            /* text; empty: SBAT is not looked at */
};

struct su_sb_result {
    enum su_sb_verdict verdict;
    const char *why;          /* static id; what made it REVOKED or DAMAGED, else "" */
    char signer[SU_AC_NAME];  /* of the signature that decided, else of the first that could be read, else "" */
    char anchor[SU_AC_NAME];  /* the certificate of db, of shim or of dbx that decided, else "" */
    uint8_t digest[SU_SHA256]; /* zeros when the image could not be parsed */
    unsigned signatures;      /* PKCS#7 ones in the certificate table */
    bool has_sbat;            /* shim refuses to start an image itself (GRUB, not kernels) without */
};

/* -1 when the image cannot be read, memory runs out, or a key list or the SBAT level is damaged (SU_E_FORMAT
 * "efi.list....", "sbat.format").  A damaged image is a verdict.  Thread safe on separate results. */
int su_sb_check(const struct su_source *image, const struct su_sb_keys *keys, struct su_sb_result *out,
                struct su_err *e) SU_MUST_CHECK;

/* Splits shim's ".vendor_cert" section; both parts borrowed, either may be empty.  SU_E_FORMAT "secureboot.vendor". */
int su_sb_vendor(struct su_bytes section, struct su_bytes *db, struct su_bytes *dbx, struct su_err *e) SU_MUST_CHECK;
