/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/authenticode.h - one signature of an EFI image: PKCS#7 SignedData over an SpcIndirectDataContent.
 *
 * Format: "Windows Authenticode Portable Executable Signature Format" 1.0, RFC 2315.  Verified as firmware and
 * shim do it: any certificate may be the anchor (partial chains), no validity dates, no purposes, no system
 * trust store, nothing is fetched.  SHA-256 image digests only.
 *
 * The bytes are hostile: at most SU_AC_MAX_SIGNERS signers and SU_AC_MAX_CERTS certificates are looked at, more
 * are refused.  Errors: SU_E_FORMAT with id "secureboot.signature".  Thread safe on separate structs. */
#pragma once
#include "pe.h"
#include <openssl/x509.h>

enum {
    SU_AC_MAX_SIGNERS = 4,
    SU_AC_MAX_CERTS = 32,
    SU_AC_NAME = 128, /* bytes of a common name, with the NUL; longer ones are cut */
};

struct su_authenticode; /* owned by the caller: su_authenticode_free() */
void su_authenticode_free(struct su_authenticode **a);
#define SU_AUTHENTICODE SU_AUTO(su_authenticode_free)

/* Parses; copies what it needs of the DER.  Zero padding behind it is ignored. */
int su_authenticode_parse(struct su_bytes der, struct su_authenticode **out, struct su_err *e) SU_MUST_CHECK;

/* The signed image digest, SU_SHA256 bytes, borrowed; NULL when it is of another kind than SHA-256. */
const uint8_t *su_authenticode_digest(const struct su_authenticode *a);

/* Are the signatures themselves good?  -1 says what is wrong with them. */
int su_authenticode_verify(const struct su_authenticode *a, struct su_err *e) SU_MUST_CHECK;

/* Common name of the (first) signer's certificate, UTF-8 without control characters; "" when it has none. */
void su_authenticode_signer(const struct su_authenticode *a, char out[SU_AC_NAME]);

/* Does every signer chain to a certificate of the set?  anchor gets the common name of the one the first signer
 * chains to.  Says nothing about the signature: su_authenticode_verify() does. */
bool su_authenticode_chains(const struct su_authenticode *a, X509_STORE *anchors, char anchor[SU_AC_NAME]);

/* Is the SHA-256 of the to-be-signed part of any certificate in the signature accepted by fn? */
bool su_authenticode_any_cert(const struct su_authenticode *a, bool (*fn)(const void *arg, const uint8_t *sha256),
                              const void *arg);
