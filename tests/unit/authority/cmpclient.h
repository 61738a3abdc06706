/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A CMP client in the same process: OpenSSL's own, its messages handed to the authority without HTTP. */
#pragma once
#include "authority/authority.h"
#include <openssl/cmp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

struct client {
    struct su_authority *a;
    const char *host;                    /* of the URL */
    const char *secret;                  /* SECRET part of a token */
    X509 *cert;                          /* that signs; borrowed */
    EVP_PKEY *key;                       /* of cert */
    struct su_buf sent, received;        /* the last request and answer */
    struct su_authority_outcome outcome; /* of the last request */
    bool only_build;                     /* stop before sending */
    bool implicit;
    int status;     /* PKIStatus of the answer */
    char text[512]; /* its text */
};

static uint64_t test_now = 1790000000;
__attribute__((unused)) static uint64_t test_time(void)
{
    return test_now;
}

static OSSL_CMP_MSG *client_transfer(OSSL_CMP_CTX *ctx, const OSSL_CMP_MSG *req)
{
    struct client *c = OSSL_CMP_CTX_get_transfer_cb_arg(ctx);
    struct su_err e = {0};
    uint8_t *der = NULL;
    int n = i2d_OSSL_CMP_MSG(req, &der);
    c->sent.n = c->received.n = 0;
    su_buf_add(&c->sent, der, (size_t)n);
    OPENSSL_free(der);
    if (c->only_build || su_authority_cmp(c->a, c->host, su_buf_bytes(&c->sent), &c->received, &c->outcome, &e) < 0)
        return NULL;
    const uint8_t *p = c->received.p;
    return d2i_OSSL_CMP_MSG(NULL, &p, (long)c->received.n);
}

static int client_quiet(const char *func, const char *file, int line, OSSL_CMP_severity level, const char *msg)
{
    (void)func, (void)file, (void)line, (void)level, (void)msg;
    return 1;
}

static OSSL_CMP_CTX *client_ctx(struct client *c)
{
    OSSL_CMP_CTX *ctx = OSSL_CMP_CTX_new(NULL, NULL);
    X509_NAME *nobody = X509_NAME_new();
    OSSL_CMP_CTX_set_log_cb(ctx, client_quiet);
    OSSL_CMP_CTX_set_transfer_cb(ctx, client_transfer);
    OSSL_CMP_CTX_set_transfer_cb_arg(ctx, c);
    OSSL_CMP_CTX_set1_recipient(ctx, nobody);
    OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_UNPROTECTED_ERRORS, 1);
    OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_IMPLICIT_CONFIRM, c->implicit);
    if (c->secret) {
        OSSL_CMP_CTX_set1_secretValue(ctx, (const uint8_t *)c->secret, (int)strlen(c->secret));
        OSSL_CMP_CTX_set1_referenceValue(ctx, (const uint8_t *)c->host, (int)strlen(c->host));
        X509_NAME_add_entry_by_txt(nobody, "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
        OSSL_CMP_CTX_set1_subjectName(ctx, nobody);
    } else {
        struct su_err e = {0};
        SU_BUF struct su_buf pem = {0};
        X509_STORE *store = X509_STORE_new();
        BIO *bio;
        X509 *x;
        if (su_authority_bundle(c->a, &pem, &e) == 0 && (bio = BIO_new_mem_buf(pem.p, (int)pem.n))) {
            while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
                X509_STORE_add_cert(store, x);
                X509_free(x);
            }
            BIO_free(bio);
        }
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)test_now);
        OSSL_CMP_CTX_set0_trustedStore(ctx, store);
        OSSL_CMP_CTX_set1_cert(ctx, c->cert);
        OSSL_CMP_CTX_set1_pkey(ctx, c->key);
        OSSL_CMP_CTX_set1_oldCert(ctx, c->cert);
    }
    X509_NAME_free(nobody);
    ERR_clear_error();
    return ctx;
}

static void client_finish(struct client *c, OSSL_CMP_CTX *ctx)
{
    c->status = OSSL_CMP_CTX_get_status(ctx);
    c->text[0] = 0;
    OSSL_CMP_PKIFREETEXT *list = OSSL_CMP_CTX_get0_statusString(ctx);
    if (list && sk_ASN1_UTF8STRING_num(list) > 0)
        snprintf(c->text, sizeof c->text, "%s", (const char *)ASN1_STRING_get0_data(sk_ASN1_UTF8STRING_value(list, 0)));
    OSSL_CMP_CTX_free(ctx);
    ERR_clear_error();
}

/* body: OSSL_CMP_IR, OSSL_CMP_KUR or OSSL_CMP_CR; NULL: refused, and why is in text and outcome */
__attribute__((unused)) static X509 *client_request(struct client *c, int body, EVP_PKEY *key)
{
    OSSL_CMP_CTX *ctx = client_ctx(c);
    EVP_PKEY_up_ref(key);
    OSSL_CMP_CTX_set0_newPkey(ctx, 1, key);
    X509 *x = body == OSSL_CMP_IR    ? OSSL_CMP_exec_IR_ses(ctx)
              : body == OSSL_CMP_KUR ? OSSL_CMP_exec_KUR_ses(ctx)
                                     : OSSL_CMP_exec_CR_ses(ctx);
    if (x)
        X509_up_ref(x);
    client_finish(c, ctx);
    return x;
}

__attribute__((unused)) static bool client_revoke(struct client *c, X509 *victim, int reason)
{
    OSSL_CMP_CTX *ctx = client_ctx(c);
    OSSL_CMP_CTX_set1_oldCert(ctx, victim);
    OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_REVOCATION_REASON, reason);
    bool good = OSSL_CMP_exec_RR_ses(ctx) == 1;
    client_finish(c, ctx);
    return good;
}

__attribute__((unused)) static void client_done(struct client *c)
{
    su_buf_done(&c->sent);
    su_buf_done(&c->received);
}
