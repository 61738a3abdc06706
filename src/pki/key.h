/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pki/key.h - private keys that are made where they stay: a file, a TPM 2.0, a PKCS#11 token.
 *
 * A key is named by a URI:
 *   file:NAME                     PEM in the key directory, mode 0600
 *   tpm2:NAME[;tcti=TCTI]         a key blob in the key directory that only this TPM can load (tpm2-openssl)
 *   pkcs11:token=T;object=NAME    inside the token; the module and the file with the PIN come from the options
 * Keys are for documents: an unrestricted signing key, RSA PKCS#1 v1.5 or ECDSA with SHA-256.  Nothing here exports a
 * private key.  Failures: SU_E_MISSING "key.none", SU_E_IO "key.provider", "key.token", "key.file", SU_E_USAGE
 * "key.uri", SU_E_REFUSED "key.kind" (another algorithm or too short). */
#pragma once
#include "base/su.h"
#include <openssl/evp.h>

enum su_key_algorithm { SU_KEY_RSA2048, SU_KEY_RSA3072, SU_KEY_P256 };

struct su_key_options {
    const char *dir;      /* of file: and tpm2: keys */
    const char *module;   /* PKCS#11 module; NULL: p11-kit's proxy */
    const char *pin_file; /* NULL: none */
};
struct su_key; /* an open key and what keeps it open; use by one thread at a time */

int su_key_open(const char *uri, const struct su_key_options *o, struct su_key **out, struct su_err *e) SU_MUST_CHECK;
/* Makes a key under a new name derived from the URI's ("NAME-<generation>"), opens it, and tells its URI, so that the
 * old one serves until the new certificate is there. */
int su_key_generate(const char *uri, enum su_key_algorithm a, const struct su_key_options *o, struct su_key **out,
                    char *made_uri, size_t cap, struct su_err *e) SU_MUST_CHECK;
int su_key_destroy(const char *uri, const struct su_key_options *o, struct su_err *e) SU_MUST_CHECK;
EVP_PKEY *su_key_pkey(const struct su_key *k); /* borrowed */
void su_key_free(struct su_key **k);
#define SU_KEY SU_AUTO(su_key_free)

/* SHA-256 over data, signed; out has room for cap bytes (512 is enough). */
int su_key_sign(struct su_key *k, struct su_bytes data, uint8_t *out, size_t cap, size_t *n,
                struct su_err *e) SU_MUST_CHECK;
