/* SPDX-License-Identifier: Apache-2.0 */
/* maker.h - documents of every form, right and wrong, made with OpenSSL. */
#pragma once
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MK_SIGNING "1.3.6.1.5.5.7.3.36"
#define MK_SERVER "1.3.6.1.5.5.7.3.1"
#define MK_NOW INT64_C(1790000000)

struct mk_cert {
    EVP_PKEY *key;
    X509 *x;
};
struct mk_spec {
    const char *cn;
    const struct mk_cert *issuer; /* NULL: self-signed */
    const char *key;              /* "rsa2048", "rsa1024", "p256", "p384", "ed25519", "secp256k1" */
    EVP_PKEY *use;                /* a key there is already */
    bool ca;
    const char *eku, *san, *ku; /* NULL: none */
    int64_t from, to;           /* 0: MK_NOW - 1 d, MK_NOW + 30 d */
    long serial;
    bool sha1;
};
EVP_PKEY *mk_key(const char *kind);
struct mk_cert mk_cert(const struct mk_spec *s);
void mk_cert_free(struct mk_cert *c);
/* A CRL of issuer's, of last..next, that revokes the certificate (NULL: none). */
X509_CRL *mk_crl(const struct mk_cert *issuer, X509 *revoked, int64_t last, int64_t next);

struct mk_doc {
    const char *payload;
    const struct mk_cert *signer;
    X509 *extra[2]; /* more certificates inside */
    bool azure, attributes, unsigned_attribute, detached, no_cert, two_signers, sha512;
    EVP_PKEY *other_key; /* signs in place of the certificate's */
    X509 *named;         /* the signer's issuer and serial are this one's, as is the certificate inside */
};
/* DER, owned by the caller. */
unsigned char *mk_document(const struct mk_doc *d, size_t *n);
/* {"encoding":"pkcs7",...} with the chain beside it; owned. */
char *mk_answer(const unsigned char *der, size_t n, X509 *const *chain, size_t n_chain);
/* A payload of all members; times in seconds. */
struct mk_payload {
    const char *nonce, *vm, *audience, *key, *cluster, *subscription, *type;
    bool secure_boot, vtpm, no_stamp, no_ours, no_profile;
    int64_t created, expires;
};
char *mk_payload(const struct mk_payload *p);
