/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/ca.h - making and reading the authority's keys and certificates (RFC 5280).
 *
 *   root       CN "<domain> surety root", 20 years, pathlen 1, signs issuing certificates only
 *   issuing n  CN "<domain> surety issuing <n>", 5 years, pathlen 0, signs host certificates and revocation lists
 *   responder  CN "<domain> surety authority <n>", as long as the issuing, P-256: protects answers, so that the issuing
 *              key does one signature per certificate and nothing else; extendedKeyUsage id-kp-cmcCA (RFC 9480, 2.2)
 * RSA certificates and P-256 ones are signed with SHA-256, P-384 with SHA-384. */
#pragma once
#include "cmpwalk.h"
#include "ledger.h"
#include <openssl/evp.h>
#include <openssl/x509v3.h>

enum su_ca_algorithm { SU_CA_RSA3072, SU_CA_RSA4096, SU_CA_P256, SU_CA_P384 };
/* "rsa3072", ...; SU_E_USAGE "authority.algorithm". */
int su_ca_algorithm_parse(const char *name, enum su_ca_algorithm *out, struct su_err *e) SU_MUST_CHECK;
int su_ca_key_new(enum su_ca_algorithm a, EVP_PKEY **out, struct su_err *e) SU_MUST_CHECK;

int su_ca_make_root(const char *domain, EVP_PKEY *key, uint64_t now, X509 **out, struct su_err *e) SU_MUST_CHECK;
int su_ca_make_issuing(const char *domain, unsigned n, EVP_PKEY *key, X509 *root, EVP_PKEY *root_key, uint64_t now,
                       X509 **out, struct su_err *e) SU_MUST_CHECK;
int su_ca_make_responder(const char *domain, unsigned n, EVP_PKEY *key, X509 *issuing, EVP_PKEY *issuing_key,
                         uint64_t now, X509 **out, struct su_err *e) SU_MUST_CHECK;

/* One issuing authority, ready to sign.  Read only once it is made, so any number of threads may use it. */
struct su_issuer {
    unsigned n;
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509_EXTENSION) * same; /* what all its certificates say alike */
};
int su_issuer_new(unsigned n, X509 *cert /* taken */, EVP_PKEY *key /* taken */, const char *url, struct su_issuer *out,
                  struct su_err *e) SU_MUST_CHECK;
void su_issuer_done(struct su_issuer *i);

struct su_leaf {
    const char *name;          /* "<host>.metadata.<domain>", at most 64 bytes: the limit of a CN */
    const struct su_spki *key; /* one that su_ca_check_key took */
    uint64_t not_before, not_after;
    uint8_t serial[SU_SERIAL];
};
int su_issuer_sign(const struct su_issuer *i, const struct su_leaf *leaf, X509 **out, struct su_err *e) SU_MUST_CHECK;

/* The host's key: RSA of 2048 to 4096 bits or P-256.  SU_E_REFUSED "authority.key.kind", "authority.key.weak".  Whoever
 * asks has verified a signature with it, so it is known to decode. */
int su_ca_check_key(const struct su_spki *key, struct su_err *e) SU_MUST_CHECK;
/* 128 random bits, the first one 0 and not all 0. */
int su_ca_serial(uint8_t out[SU_SERIAL], struct su_err *e) SU_MUST_CHECK;
/* false: not a serial number of ours */
bool su_ca_serial_of(const ASN1_INTEGER *n, uint8_t out[SU_SERIAL]);

/* DER of the issuer's revocation list, from the ledger. */
int su_ca_crl(const struct su_issuer *i, struct su_db *db, int64_t number, uint64_t now, uint64_t next,
              struct su_buf *der, struct su_err *e) SU_MUST_CHECK;
