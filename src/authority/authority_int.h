/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/authority_int.h - the server's inside; only this layer includes it. */
#pragma once
#include "authority.h"
#include "base/secret.h"
#include "ca.h"
#include "cmpwalk.h"
#include "writer.h"
#include <openssl/cmp.h>
#include <pthread.h>

enum {
    SU_TXN_MAX = 1024, /* transactions that wait for a certConf */
    SU_TXN_SECONDS = 120,
    SU_CRL_SECONDS = 86400, /* a list is made anew after that */
    SU_CRL_NEXT = 7 * 86400,
};

/* One CMP transaction: alive while its request is answered, and in the table until certConf came.  OpenSSL's context
 * keeps id and nonces; it belongs to one thread at a time. */
struct su_txn {
    struct su_authority *a;
    char host[SU_HOST_TEXT];
    uint8_t id[SU_CMP_MAX_ID];
    size_t id_n;
    OSSL_CMP_SRV_CTX *srv;
    struct su_cmp_facts facts; /* of the message being answered */
    bool by_token;
    struct su_token token;  /* by_token */
    struct su_entry signer; /* otherwise */
    X509 *signer_cert;
    X509 *issued;
    int64_t certificate;
    uint64_t deadline;
    struct su_err refusal; /* why this request is refused; kind SU_OK: it is not */
    struct su_authority_outcome *outcome;
    struct su_txn *next;
};

struct su_crl_cache {
    struct su_buf der;
    int64_t last_revocation;
    uint64_t made;
};

struct su_authority {
    struct su_authority_conf conf;
    uint64_t (*clock)(void);
    char dir[512];
    unsigned n_issuers;                                /* issuer[0] is number 1 */
    struct su_issuer issuer[SU_AUTHORITY_MAX_ISSUERS]; /* without cert: over and gone */
    X509 *responder;
    EVP_PKEY *responder_key;
    STACK_OF(X509) * roots, *chain; /* chain: the newest issuing certificate */
    struct su_buf bundle;
    struct su_secret token_key;
    struct su_writer *writer;
    pthread_mutex_t read_lock; /* of reader */
    struct su_db *reader;
    pthread_mutex_t txn_lock;
    struct su_txn *txns, **txns_end; /* oldest first */
    unsigned n_txns;
    pthread_mutex_t crl_lock;
    struct su_db *crl_db;
    struct su_crl_cache crl[SU_AUTHORITY_MAX_ISSUERS];
};

/* txn.c */
struct su_txn *su_txn_new(struct su_authority *a, const char *host, const struct su_cmp_facts *f);
void su_txn_free(struct su_txn *t);
void su_txn_keep(struct su_txn *t); /* takes it; the oldest goes when the table is full */
struct su_txn *su_txn_find(struct su_authority *a, const char *host,
                           struct su_bytes id); /* out of the table; NULL: none */
void su_txn_sweep(struct su_authority *a, bool all);
/* prove.c: who sent it?  The answer goes into t; t->refusal says what is wrong with the sender, and *known whether the
 * protection can be checked all the same.  -1: the ledger failed. */
int su_cmp_prove(struct su_txn *t, bool *known, struct su_err *e);
/* issue.c: OpenSSL's callbacks. */
OSSL_CMP_PKISI *su_cmp_on_request(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, const OSSL_CRMF_MSG *crm,
                                  const X509_REQ *p10, X509 **out, STACK_OF(X509) * *chain, STACK_OF(X509) * *roots);
OSSL_CMP_PKISI *su_cmp_on_revoke(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const X509_NAME *issuer,
                                 const ASN1_INTEGER *serial);
int su_cmp_on_general(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const STACK_OF(OSSL_CMP_ITAV) * in,
                      STACK_OF(OSSL_CMP_ITAV) * *out);
void su_cmp_on_error(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const OSSL_CMP_PKISI *status, const ASN1_INTEGER *code,
                     const OSSL_CMP_PKIFREETEXT *details);
int su_cmp_on_confirm(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, const ASN1_OCTET_STRING *hash,
                      const OSSL_CMP_PKISI *status);
int su_cmp_on_poll(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, OSSL_CMP_MSG **request, int64_t *after);
/* Puts "id: message" where OpenSSL looks for the text of its error message. */
void su_cmp_raise(const struct su_err *e);
