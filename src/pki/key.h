/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pki/key.h - private keys that are made where they stay: a file, a TPM 2.0, a PKCS#11 token.
 *
 * A key is named by a URI:
 *   file:NAME                     PEM in the key directory, mode 0600
 *   tpm2:NAME[;tcti=TCTI]         a key blob in the key directory that only this TPM can load (tpm2-openssl)
 *   pkcs11:token=T;object=NAME    inside the token; the module and the file with the PIN come from the options
 * NAME may be left out ("file:", "tpm2:", "tpm2:tcti=device:/dev/tpmrm0"): "key".  NAMEs are of [A-Za-z0-9._-].
 * Keys are for documents: an unrestricted signing key, RSA PKCS#1 v1.5 or ECDSA with SHA-256.  They sign nothing but
 * payloads of documents, which start with '{', and parts of CMP messages, which are DER and start with 0x30; so no
 * signature over the one can be taken for one over the other.  Nothing here exports a private key.
 * Failures: SU_E_MISSING "key.none", SU_E_IO "key.provider", "key.token", "key.file", "key.timeout", SU_E_USAGE
 * "key.uri", SU_E_REFUSED "key.kind" (another algorithm or too short), "key.pin" (not to be tried again: tokens lock
 * themselves), "key.mode" (others may read the file). */
#pragma once
#include "base/su.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

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
/* The same in two steps, for callers that write down what will be made before it is. */
int su_key_new_uri(const char *uri, char *made_uri, size_t cap, struct su_err *e) SU_MUST_CHECK;
int su_key_make(const char *made_uri, enum su_key_algorithm a, const struct su_key_options *o, struct su_key **out,
                struct su_err *e) SU_MUST_CHECK;
/* A key that is not there is no error. */
int su_key_destroy(const char *uri, const struct su_key_options *o, struct su_err *e) SU_MUST_CHECK;
EVP_PKEY *su_key_pkey(const struct su_key *k); /* borrowed */
/* For OpenSSL's own use of the key, in its default library context: the lock of the device, to be held around every
 * operation that reaches it.  Waits at most 10 s: SU_E_IO "key.timeout". */
/* Another handle on the same open key, for another thread that does not sign with su_key_sign but works under the
 * lock.  The first handle may go before it. */
int su_key_share(const struct su_key *k, struct su_key **out, struct su_err *e) SU_MUST_CHECK;
/* Whether the certificate is for this key. */
bool su_key_is_of(struct su_key *k, const X509 *x);
int su_key_lock(struct su_key *k, struct su_err *e) SU_MUST_CHECK;
void su_key_unlock(struct su_key *k);
bool su_key_same_device(const struct su_key *a, const struct su_key *b); /* one su_key_lock serves both */
/* What opening a key of this URI changes in the process, to be called before there are threads. */
int su_key_before_threads(const char *uri, struct su_err *e) SU_MUST_CHECK;
/* Signing takes microseconds and cannot hang: the key is in a file. */
bool su_key_uri_fast(const char *uri);
bool su_key_algorithm_of(const char *word, enum su_key_algorithm *out); /* "rsa2048", "rsa3072", "p256" */
void su_key_free(struct su_key **k);
#define SU_KEY SU_AUTO(su_key_free)

/* SHA-256 over data, signed; out has room for cap bytes (512 is enough). */
int su_key_sign(struct su_key *k, struct su_bytes data, uint8_t *out, size_t cap, size_t *n,
                struct su_err *e) SU_MUST_CHECK;
