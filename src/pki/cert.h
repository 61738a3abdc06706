/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pki/cert.h - the certificates of surety: what they say and how they are read.
 *
 *   root      CN "<domain> surety root", CA, pathlen 1, 20 years, P-256 or RSA; kept offline if the operator wants
 *   issuing   CN "<domain> surety issuing <n>", CA, pathlen 0, 5 years
 *   host      CN and SAN "<host>.metadata.<domain>", 30 days; keyUsage digitalSignature, extendedKeyUsage
 *             SU_OID_DOCUMENT_SIGNING alone, so that no TLS client takes it; AIA and CRL point to the authority */
#pragma once
#include "base/buf.h"
#include <openssl/x509.h>

/* id-kp-documentSigning (RFC 9336), which no TLS client takes.  An OID of our own below 2.25 would have an arc of 128
 * bits, and node-forge, for one, does not read such certificates. */
#define SU_OID_DOCUMENT_SIGNING "1.3.6.1.5.5.7.3.36"
enum { SU_HOST_CERT_DAYS = 30 };

bool su_host_name_valid(const char *name); /* labels of [a-z0-9-], at most 200 bytes, lower case */
bool su_domain_valid(const char *domain);

int su_cert_from_pem(struct su_bytes pem, X509 **out, struct su_err *e) SU_MUST_CHECK;
int su_cert_to_der(X509 *x, struct su_buf *out, struct su_err *e) SU_MUST_CHECK; /* appends */
/* DER certificates one after the other, at most max; SU_E_FORMAT "cert.der". */
int su_certs_from_der(struct su_bytes der, unsigned max, STACK_OF(X509) * *out, struct su_err *e) SU_MUST_CHECK;
int su_cert_times(const X509 *x, uint64_t *not_before, uint64_t *not_after, struct su_err *e) SU_MUST_CHECK;
/* Records what OpenSSL's error queue says, and empties it. */
int su_fail_ssl(struct su_err *e, enum su_kind kind, const char *id, const char *what);
