/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pki/document.h - the attested document: payload and signature.
 *
 * The payload is compact JSON, members in alphabetical order, as Azure's (docs/formats/document.md).  The signature is
 * PKCS#7 SignedData v1 (RFC 2315), content embedded, exactly the leaf certificate, no signed attributes, SHA-256. */
#pragma once
#include "base/buf.h"
#include "pki/key.h"
#include "wire/sign.h"
#include <openssl/x509.h>

struct su_document_host {
    const char *cluster, *host; /* borrowed */
    uint32_t lifetime;          /* seconds */
    bool azure_oid;             /* digestAlgorithm as Azure writes it: sha256WithRSAEncryption */
};
/* The members of the request's api-version.  now: seconds since 1970; not_after: of the certificate, expiresOn never
 * lies behind it.  SU_E_CONFLICT "document.expired" when now is not before not_after. */
int su_document_payload(const struct su_vm_facts *vm, const struct su_sign_request *q, const struct su_document_host *h,
                        uint64_t now, uint64_t not_after, struct su_buf *json, struct su_sign_reply *times,
                        struct su_err *e) SU_MUST_CHECK;

/* What is the same in every signature of one key and certificate, computed once. */
struct su_document_signer;
int su_document_signer_new(struct su_key *key /* borrowed */, X509 *leaf /* borrowed */, bool azure_oid,
                           struct su_document_signer **out, struct su_err *e) SU_MUST_CHECK;
void su_document_signer_free(struct su_document_signer **s);
int su_document_sign(struct su_document_signer *s, struct su_bytes payload, struct su_buf *der,
                     struct su_err *e) SU_MUST_CHECK;
