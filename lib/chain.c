/* SPDX-License-Identifier: Apache-2.0 */
/* chain.c - from the signer's certificate to a pinned root, with CRLs, at a time.  Nothing is fetched, and the system's
 * certificates are never looked at. */
#include "internal.h"
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { MAX_DEPTH = 6, SECURITY_LEVEL = 2 /* 112 bits */ };

static int64_t from_asn1(const ASN1_TIME *t)
{
    struct tm tm = {0};
    char text[32];
    int64_t out = INT64_MIN;
    if (ASN1_TIME_to_tm(t, &tm) != 1 || tm.tm_year < 0 || tm.tm_year > 8099)
        return INT64_MIN;
    int y = tm.tm_year + 1900;
    int v[7] = {y / 100, y % 100, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec};
    for (int i = 0, k = 0; i < 7; i++) {
        text[k++] = (char)('0' + v[i] / 10 % 10);
        text[k++] = (char)('0' + v[i] % 10);
        if (i == 3)
            text[k++] = '-';
        text[k] = 0;
    }
    return surety_time_nonce(text, &out) ? out : INT64_MIN;
}

int surety_x509_times(const X509 *x, int64_t *from, int64_t *to)
{
    int64_t a = from_asn1(X509_get0_notBefore(x)), b = from_asn1(X509_get0_notAfter(x));
    if (a == INT64_MIN || b == INT64_MIN)
        return 0;
    *from = a;
    *to = b;
    return 1;
}

/* A CRL is demanded of the signer's issuer only: roots seldom issue any. */
static int on_step(int good, X509_STORE_CTX *ctx)
{
    if (!good && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNABLE_TO_GET_CRL &&
        X509_STORE_CTX_get_error_depth(ctx) > 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return good;
}

static enum surety_reason reason_of(int code, int depth)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return depth ? SURETY_CHAIN_EXPIRED : SURETY_CERTIFICATE_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return depth ? SURETY_CHAIN_EXPIRED : SURETY_CERTIFICATE_EARLY;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return depth ? SURETY_CHAIN_UNTRUSTED : SURETY_CHAIN_INCOMPLETE;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return SURETY_CHAIN_UNTRUSTED;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return SURETY_CHAIN_WEAK;
    case X509_V_ERR_CERT_REVOKED:
        return depth ? SURETY_CHAIN_REVOKED : SURETY_CERTIFICATE_REVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return SURETY_CRL_MISSING;
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return SURETY_CRL_EXPIRED;
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return SURETY_CRL_INVALID;
    default:
        return SURETY_CHAIN_INVALID;
    }
}

static bool push_copy(STACK_OF(X509) * to, X509 *x)
{
    return X509_add_cert(to, x, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) == 1;
}

/* Everything that may stand between: what the caller gave, what came beside the document, what is inside it. */
static STACK_OF(X509) * untrusted(const struct surety_verifier *v, const struct form *f, const struct surety_answer *a)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    bool good = all != NULL;
    for (int i = 0; good && i < sk_X509_num(v->intermediates); i++)
        good = push_copy(all, sk_X509_value(v->intermediates, i));
    for (int i = 0; good && i < sk_X509_num(f->p7->d.sign->cert); i++)
        good = push_copy(all, sk_X509_value(f->p7->d.sign->cert, i));
    for (size_t i = 0; good && i < a->n_chain; i++) {
        const unsigned char *p = a->chain[i].der;
        X509 *x = d2i_X509(NULL, &p, (long)a->chain[i].n);
        if (x && p == a->chain[i].der + a->chain[i].n) /* others are no help, and no harm */
            good = push_copy(all, x);
        X509_free(x);
    }
    if (good)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

static X509_STORE *trusted(const struct surety_verifier *v)
{
    X509_STORE *s = X509_STORE_new();
    bool good = s != NULL;
    for (int i = 0; good && i < sk_X509_num(v->roots); i++)
        good = X509_STORE_add_cert(s, sk_X509_value(v->roots, i)) == 1;
    for (int i = 0; good && i < sk_X509_CRL_num(v->crls); i++)
        good = X509_STORE_add_crl(s, sk_X509_CRL_value(v->crls, i)) == 1;
    if (good)
        return s;
    X509_STORE_free(s);
    return NULL;
}

/* OpenSSL takes old ways to say "CA" as well; only basicConstraints is one here. */
static int check_authorities(X509_STORE_CTX *ctx, struct surety_error *e)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_ca(sk_X509_value(chain, i)) != 1)
            return surety_fail(e, SURETY_CHAIN_INVALID, "an issuer is no CA");
    return SURETY_OK;
}

static int run(const struct surety_verifier *v, X509_STORE_CTX *ctx, int64_t at, struct surety_error *e)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    X509_VERIFY_PARAM_set_depth(param, MAX_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    if (sk_X509_CRL_num(v->crls) > 0)
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_STORE_CTX_set_verify_cb(ctx, on_step);
    if (X509_verify_cert(ctx) == 1)
        return check_authorities(ctx, e);
    int code = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    if (code == X509_V_ERR_OUT_OF_MEM)
        return surety_fail(e, SURETY_NOMEM, NULL);
    return surety_fail(e, reason_of(code, depth), "%s (certificate %d)", X509_verify_cert_error_string(code), depth);
}

/* The clock of the host may be ahead of ours by the skew, and its certificate be made just now. */
static int time_for(const struct surety_verifier *v, X509 *leaf, int64_t now, int64_t *at, struct surety_error *e)
{
    int64_t from = 0, to = 0;
    if (!surety_x509_times(leaf, &from, &to))
        return surety_fail(e, SURETY_CHAIN_INVALID, "the signer's certificate has no times");
    *at = now < from && from - now <= (int64_t)v->skew ? from : now;
    return SURETY_OK;
}

int surety_chain_check(const struct surety_verifier *v, const struct form *f, const struct surety_answer *a,
                       int64_t now, struct surety_error *e)
{
    int64_t at = 0;
    int r = time_for(v, f->signer, now, &at, e);
    if (r)
        return r;
    X509_STORE *store = trusted(v);
    STACK_OF(X509) *between = untrusted(v, f, a);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (store && between && ctx && X509_STORE_CTX_init(ctx, store, f->signer, between) == 1)
        r = run(v, ctx, at, e);
    else
        r = surety_fail_crypto(e, "verification of the chain");
    X509_STORE_CTX_free(ctx);
    sk_X509_pop_free(between, X509_free);
    X509_STORE_free(store);
    ERR_clear_error();
    return r;
}
