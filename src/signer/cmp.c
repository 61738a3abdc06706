/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmp.h"
#include "pki/cert.h"
#include <openssl/cmp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { TOTAL_TIMEOUT_S = 300, REPLY_MAX = 60 << 10 };

/* One transaction. */
struct run {
    const struct su_cmp_wire *wire;
    struct su_key *key, *now_key; /* now_key NULL: enrolment */
    const char *host;
    const struct su_generation *now;
    STACK_OF(X509) * roots; /* pinned; of an enrolment: those that came with the answer */
    struct su_generation *out;
    bool failed, locked, asked;
    struct su_err err;
};

/* Both keys may stand in one device, whose lock is not recursive. */
static int lock(struct run *r, struct su_err *e)
{
    if (su_key_lock(r->key, e) < 0)
        return -1;
    if (r->now_key && !su_key_same_device(r->now_key, r->key) && su_key_lock(r->now_key, e) < 0) {
        su_key_unlock(r->key);
        return -1;
    }
    r->locked = true;
    return 0;
}

static void unlock(struct run *r)
{
    if (!r->locked)
        return;
    if (r->now_key && !su_key_same_device(r->now_key, r->key))
        su_key_unlock(r->now_key);
    su_key_unlock(r->key);
    r->locked = false;
}

static OSSL_CMP_MSG *exchange(struct run *r, struct su_bytes request)
{
    SU_BUF struct su_buf reply = {0};
    if (r->wire->send(r->wire->arg, request, &reply, &r->err) < 0)
        return NULL;
    BIO *b = reply.n && reply.n <= REPLY_MAX ? BIO_new_mem_buf(reply.p, (int)reply.n) : NULL;
    OSSL_CMP_MSG *m = b ? d2i_OSSL_CMP_MSG_bio(b, NULL) : NULL;
    bool whole = b && BIO_eof(b);
    BIO_free(b);
    if (m && whole)
        return m;
    OSSL_CMP_MSG_free(m);
    su_fail_ssl(&r->err, SU_E_FORMAT, "cmp.answer", "the authority's answer is no CMP message");
    return NULL;
}

static OSSL_CMP_MSG *transfer(OSSL_CMP_CTX *c, const OSSL_CMP_MSG *request)
{
    struct run *r = OSSL_CMP_CTX_get_transfer_cb_arg(c);
    BIO *b = BIO_new(BIO_s_mem());
    char *p;
    OSSL_CMP_MSG *answer = NULL;
    r->asked = true;
    unlock(r); /* a device is not held while the network is slow */
    if (b && i2d_OSSL_CMP_MSG_bio(b, request)) {
        long n = BIO_get_mem_data(b, &p);
        answer = exchange(r, (struct su_bytes){(uint8_t *)p, (size_t)n});
    } else {
        su_fail_nomem(&r->err, 0);
    }
    BIO_free(b);
    if (answer && lock(r, &r->err) < 0) {
        OSSL_CMP_MSG_free(answer);
        answer = NULL;
    }
    if (!answer) {
        r->failed = true;
        ERR_raise_data(ERR_LIB_CMP, CMP_R_TRANSFER_ERROR, "no answer");
    }
    return answer;
}

/* Of the certificates that came with the answer to an enrolment, those that may be roots. */
static int take_roots(OSSL_CMP_CTX *c, STACK_OF(X509) * *out, struct su_err *e)
{
    STACK_OF(X509) *came = OSSL_CMP_CTX_get1_caPubs(c), *roots = sk_X509_new_null();
    for (int i = 0; roots && i < sk_X509_num(came); i++) {
        X509 *x = sk_X509_value(came, i);
        if (X509_self_signed(x, 1) == 1 && X509_check_ca(x) > 0 && sk_X509_num(roots) < SU_CHAIN_MAX)
            X509_add_cert(roots, x, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP);
    }
    sk_X509_pop_free(came, X509_free);
    ERR_clear_error();
    if (sk_X509_num(roots) > 0) {
        *out = roots;
        return 0;
    }
    sk_X509_free(roots);
    return su_fail(e, SU_E_FORMAT, "cmp.roots", "the authority sent no root certificate");
}

/* Called with the new certificate before it is confirmed. */
static int judge(struct run *r, OSSL_CMP_CTX *c, X509 *leaf, struct su_err *e)
{
    STACK_OF(X509) *fresh = NULL;
    struct su_err none;
    /* an answer to a renewal may bring the roots of tomorrow: it is protected by an authority under a pinned one */
    if (take_roots(c, &fresh, r->now ? &none : e) < 0 && !r->now)
        return -1;
    STACK_OF(X509) *extra = OSSL_CMP_CTX_get1_extraCertsIn(c);
    STACK_OF(X509) *known = NULL;
    int rc = r->now ? su_certs_from_der(su_buf_bytes(&r->now->chain), SU_CHAIN_MAX, &known, e) : 0;
    if (!extra)
        extra = sk_X509_new_null();
    for (int i = 0; i < sk_X509_num(known); i++)
        X509_add_cert(extra, sk_X509_value(known, i), X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP);
    STACK_OF(X509) *came = OSSL_CMP_CTX_get1_caPubs(c);
    for (int i = 0; i < sk_X509_num(came); i++)
        X509_add_cert(extra, sk_X509_value(came, i), X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP);
    if (rc == 0)
        rc = su_cmp_check(leaf, r->key, r->host, r->now ? r->now->leaf : NULL, fresh ? fresh : r->roots, extra, r->out,
                          e);
    sk_X509_pop_free(came, X509_free);
    sk_X509_pop_free(known, X509_free);
    sk_X509_pop_free(extra, X509_free);
    sk_X509_pop_free(fresh, X509_free);
    return rc;
}

static int confirm(OSSL_CMP_CTX *c, X509 *leaf, int fail_info, const char **text)
{
    struct run *r = OSSL_CMP_CTX_get_certConf_cb_arg(c);
    if (fail_info)
        return fail_info;
    unlock(r);
    struct su_err e = {0};
    int rc = judge(r, c, leaf, &e);
    struct su_err locking = {0};
    if (lock(r, &locking) < 0 && rc == 0) {
        e = locking;
        rc = -1;
    }
    if (rc == 0)
        return 0;
    r->failed = true;
    r->err = e;
    *text = "not the certificate that was asked for";
    return 1 << OSSL_CMP_PKIFAILUREINFO_incorrectData;
}

/* Text of the authority, for a message of ours: printable ASCII. */
static void clean(char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e)
            *s = '?';
}

/* Whether the authority said no, as OpenSSL's queue tells; it stays as it is. */
static bool said_no(void)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return reason == CMP_R_REQUEST_REJECTED_BY_SERVER || reason == CMP_R_RECEIVED_ERROR;
}

static int explain(struct run *r, OSSL_CMP_CTX *c, struct su_err *e)
{
    char text[160];
    if (r->failed) {
        *e = r->err;
        ERR_clear_error();
        return -1;
    }
    if (said_no() && OSSL_CMP_CTX_snprint_PKIStatus(c, text, sizeof text)) {
        clean(text);
        ERR_clear_error();
        su_fail(e, SU_E_REFUSED, "cmp.refused", "the authority refuses: %s", text);
    } else if (!r->asked) { /* signing it with the new key failed: nothing that a token could cure */
        return su_fail_ssl(e, SU_E_IO, "cmp.request", "the request cannot be signed with the new key");
    } else {
        su_fail_ssl(e, SU_E_FORMAT, "cmp.answer", "the authority's answer cannot be accepted");
    }
    return r->now ? -1 : su_remedy(e, "see that the token is for this host, not used yet and not older than a day");
}

static bool common_options(OSSL_CMP_CTX *c, struct run *r)
{
    EVP_PKEY *pkey = su_key_pkey(r->key);
    if (!EVP_PKEY_up_ref(pkey))
        return false;
    if (!OSSL_CMP_CTX_set0_newPkey(c, 1, pkey)) {
        EVP_PKEY_free(pkey);
        return false;
    }
    return OSSL_CMP_CTX_set_transfer_cb(c, transfer) && OSSL_CMP_CTX_set_transfer_cb_arg(c, r) &&
           OSSL_CMP_CTX_set_certConf_cb(c, confirm) && OSSL_CMP_CTX_set_certConf_cb_arg(c, r) &&
           OSSL_CMP_CTX_set_log_cb(c, NULL) && OSSL_CMP_CTX_set_log_verbosity(c, OSSL_CMP_LOG_EMERG) &&
           OSSL_CMP_CTX_set_option(c, OSSL_CMP_OPT_IMPLICIT_CONFIRM, 1) &&
           OSSL_CMP_CTX_set_option(c, OSSL_CMP_OPT_TOTAL_TIMEOUT, TOTAL_TIMEOUT_S);
}

static bool enrol_options(OSSL_CMP_CTX *c, const char *host, const char *secret)
{
    X509_NAME *n = X509_NAME_new();
    bool good = n && X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)host, -1, -1, 0) &&
                OSSL_CMP_CTX_set1_subjectName(c, n) &&
                OSSL_CMP_CTX_set1_referenceValue(c, (const uint8_t *)host, (int)strlen(host)) &&
                OSSL_CMP_CTX_set1_secretValue(c, (const uint8_t *)secret, (int)strlen(secret)) &&
                OSSL_CMP_CTX_set_option(c, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256);
    X509_NAME_free(n);
    return good;
}

/* For the certificate that protects an answer: it must belong to an authority. */
static int authority_only(int ok, X509_STORE_CTX *c)
{
    X509 *x = X509_STORE_CTX_get_current_cert(c);
    if (!ok || X509_STORE_CTX_get_error_depth(c) != 0)
        return ok;
    EXTENDED_KEY_USAGE *u = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    bool cmc = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(u); i++)
        cmc |= OBJ_obj2nid(sk_ASN1_OBJECT_value(u, i)) == NID_cmcCA;
    EXTENDED_KEY_USAGE_free(u);
    if (cmc || X509_check_ca(x) > 0)
        return 1;
    X509_STORE_CTX_set_error(c, X509_V_ERR_INVALID_PURPOSE);
    return 0;
}

static bool renew_options(OSSL_CMP_CTX *c, struct run *r, STACK_OF(X509) * chain)
{
    X509_STORE *s = X509_STORE_new();
    bool good = s != NULL;
    for (int i = 0; good && i < sk_X509_num(r->roots); i++)
        good = X509_STORE_add_cert(s, sk_X509_value(r->roots, i));
    if (s)
        X509_STORE_set_verify_cb(s, authority_only);
    if (!good || !OSSL_CMP_CTX_set0_trustedStore(c, s)) {
        X509_STORE_free(s);
        return false;
    }
    return OSSL_CMP_CTX_set1_untrusted(c, chain) && OSSL_CMP_CTX_set1_cert(c, r->now->leaf) &&
           OSSL_CMP_CTX_set1_oldCert(c, r->now->leaf) && OSSL_CMP_CTX_set1_pkey(c, su_key_pkey(r->now_key));
}

int su_cmp_enrol(const struct su_cmp_wire *w, struct su_key *key, const char *host, const char *secret,
                 struct su_generation *out, struct su_err *e)
{
    struct run r = {.wire = w, .key = key, .host = host, .out = out};
    if (!su_host_name_valid(host))
        return su_fail(e, SU_E_USAGE, "cmp.host", "\"%.60s\" is no name of a host", host);
    OSSL_CMP_CTX *c = OSSL_CMP_CTX_new(NULL, NULL);
    int rc = -1;
    ERR_clear_error();
    if (!c || !common_options(c, &r) || !enrol_options(c, host, secret)) {
        su_fail_ssl(e, SU_E_IO, "cmp.setup", "the CMP client cannot be set up");
    } else if (lock(&r, e) == 0) {
        rc = OSSL_CMP_exec_IR_ses(c) && !r.failed ? 0 : explain(&r, c, e);
        unlock(&r);
    }
    OSSL_CMP_CTX_free(c);
    return rc;
}

int su_cmp_renew(const struct su_cmp_wire *w, struct su_key *key, const struct su_generation *now,
                 struct su_key *now_key, struct su_generation *out, struct su_err *e)
{
    struct run r = {.wire = w, .key = key, .now_key = now_key, .host = now->host, .now = now, .out = out};
    STACK_OF(X509) *chain = NULL;
    int rc = -1;
    ERR_clear_error();
    OSSL_CMP_CTX *c = OSSL_CMP_CTX_new(NULL, NULL);
    if (su_certs_from_der(su_buf_bytes(&now->chain), SU_CHAIN_MAX, &chain, e) == 0 &&
        su_certs_from_der(su_buf_bytes(&now->roots), SU_CHAIN_MAX, &r.roots, e) == 0) {
        if (!c || !common_options(c, &r) || !renew_options(c, &r, chain)) {
            su_fail_ssl(e, SU_E_IO, "cmp.setup", "the CMP client cannot be set up");
        } else if (lock(&r, e) == 0) {
            rc = OSSL_CMP_exec_KUR_ses(c) && !r.failed ? 0 : explain(&r, c, e);
            unlock(&r);
        }
    }
    OSSL_CMP_CTX_free(c);
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(r.roots, X509_free);
    return rc;
}
