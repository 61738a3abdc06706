/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/cmpwalk.h - what must be known of a CMP message before OpenSSL is asked (RFC 4210, 5; RFC 4211).
 *
 * OpenSSL 3.0 does not tell a server who protected a message, nor the key in a template, nor the reason of a
 * revocation.  These walks read just that, from strict DER: definite lengths in their shortest form, tags of one byte.
 * Pure functions over hostile bytes; nothing is allocated; what comes out points into what went in. */
#pragma once
#include "base/su.h"

enum {
    SU_CMP_MAX = 64 << 10,         /* bytes of a message */
    SU_CMP_MAX_EXTRA = 16,         /* certificates beside it */
    SU_CMP_MAX_ITERATIONS = 10000, /* of the password based MAC: the sender chooses, the receiver works */
    SU_CMP_MIN_ID = 8,
    SU_CMP_MAX_ID = 64, /* bytes of a transaction's id and of a nonce */
};

/* Body tags of PKIBody. */
enum {
    SU_CMP_IR = 0,
    SU_CMP_CR = 2,
    SU_CMP_P10CR = 4,
    SU_CMP_KUR = 7,
    SU_CMP_RR = 11,
    SU_CMP_GENM = 21,
    SU_CMP_CERTCONF = 24,
    SU_CMP_POLLREQ = 25
};

enum su_cmp_protection { SU_CMP_UNPROTECTED, SU_CMP_PBM, SU_CMP_SIGNED };

struct su_cmp_facts {
    unsigned body;
    enum su_cmp_protection protection;
    struct su_bytes transaction, nonce; /* the sender's */
    struct su_bytes kid;                /* senderKID; empty: none */
    struct su_bytes core;   /* header, body and protection: the message without the certificates beside it */
    struct su_bytes signer; /* DER of the first certificate beside the message; empty: none */
    unsigned n_extra;
    unsigned reason; /* of an rr: CRLReason, 0 when it says none */
};

/* The next element; false at the end or when it is no strict DER. */
bool su_der_next(struct su_bytes *in, uint8_t *tag, struct su_bytes *value, struct su_bytes *whole);

/* SU_E_FORMAT "authority.cmp.der" (not the form of a message), "authority.cmp.limit" (beyond one of the bounds). */
int su_cmp_walk(struct su_bytes message, struct su_cmp_facts *out, struct su_err *e) SU_MUST_CHECK;

/* publicKey of a CertTemplate (DER, with its own tag) as DER of a SubjectPublicKeyInfo; out has room for cap bytes.
 * SU_E_FORMAT "authority.cmp.key". */
int su_cmp_template_key(struct su_bytes certificate_template, uint8_t *out, size_t cap, size_t *n,
                        struct su_err *e) SU_MUST_CHECK;

/* A SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) of one of the two kinds that are certified, in its one DER form: RSA with
 * NULL parameters, P-256 by name with an uncompressed point.  That the point is on the curve is for a decoder to find.
 */
enum su_spki_kind { SU_SPKI_OTHER, SU_SPKI_RSA, SU_SPKI_P256 };
struct su_spki {
    enum su_spki_kind kind;
    unsigned bits;       /* of an RSA modulus */
    bool sound;          /* modulus odd; exponent odd, above 65536 and below 2^64 */
    struct su_bytes key; /* the bits of the BIT STRING */
};
/* SU_E_FORMAT "authority.cmp.key": not even a SubjectPublicKeyInfo. */
int su_spki_read(struct su_bytes der, struct su_spki *out, struct su_err *e) SU_MUST_CHECK;
