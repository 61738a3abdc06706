/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crl.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum { MAX_CERTS = 64, MAX_BUNDLE = 1 << 20, SKEW_S = 300 };

static void x509_freep(X509 **x)
{
    X509_free(*x);
}
static void crl_freep(X509_CRL **x)
{
    X509_CRL_free(*x);
}
static void bio_freep(BIO **b)
{
    BIO_free_all(*b);
}

static X509 *first_cert(struct su_bytes *der)
{
    const unsigned char *p = der->p;
    X509 *x = der->n && der->n < INT32_MAX ? d2i_X509(NULL, &p, (long)der->n) : NULL;
    if (x) {
        der->n -= (size_t)(p - der->p);
        der->p = p;
    }
    return x;
}

int su_crl_check(struct su_bytes crl, struct su_bytes leaf, struct su_bytes chain, uint64_t now,
                 struct su_crl_answer *out, struct su_err *e)
{
    const unsigned char *p = crl.p;
    X509_CRL *list SU_AUTO(crl_freep) = crl.n <= SU_CRL_MAX ? d2i_X509_CRL(NULL, &p, (long)crl.n) : NULL;
    X509 *ours SU_AUTO(x509_freep) = first_cert(&leaf), *issuer SU_AUTO(x509_freep) = first_cert(&chain);
    struct su_crl_answer a = {0};
    time_t late = (time_t)now, early = (time_t)now + SKEW_S;
    X509_REVOKED *row = NULL;
    ERR_clear_error();
    if (!list || p != crl.p + crl.n || !ours || !issuer)
        return su_fail(e, SU_E_FORMAT, "crl.format", "the list of revoked certificates cannot be read");
    EVP_PKEY *key = X509_get0_pubkey(issuer); /* borrowed */
    if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0 || !key ||
        X509_CRL_verify(list, key) != 1) {
        ERR_clear_error();
        return su_fail(e, SU_E_REFUSED, "crl.signature",
                       "the list of revoked certificates is not signed by our certificate's issuer");
    }
    if (X509_cmp_time(X509_CRL_get0_lastUpdate(list), &early) > 0)
        return su_fail(e, SU_E_FORMAT, "crl.format", "the list of revoked certificates is of a later time than ours");
    const ASN1_TIME *until = X509_CRL_get0_nextUpdate(list);
    a.stale = until && X509_cmp_time(until, &late) < 0;
    a.listed = X509_CRL_get0_by_cert(list, &row, ours) == 1;
    *out = a;
    return 0;
}

static bool is_root(X509 *x, struct su_bytes roots)
{
    for (unsigned i = 0; i < MAX_CERTS && roots.n; i++) {
        X509 *r SU_AUTO(x509_freep) = first_cert(&roots);
        if (!r)
            return false;
        if (X509_cmp(r, x) == 0)
            return true;
    }
    return false;
}

int su_bundle_known(struct su_bytes pem, struct su_bytes roots, struct su_buf *known, unsigned *foreign,
                    struct su_err *e)
{
    if (pem.n == 0 || pem.n > MAX_BUNDLE)
        return su_fail(e, SU_E_FORMAT, "bundle.format", "a trust bundle of %zu bytes", pem.n);
    BIO *in SU_AUTO(bio_freep) = BIO_new_mem_buf(pem.p, (int)pem.n), *out SU_AUTO(bio_freep) = BIO_new(BIO_s_mem());
    unsigned n = 0, others = 0;
    char *text = NULL;
    if (!in || !out)
        return su_fail_nomem(e, pem.n);
    for (;; n++) {
        X509 *x SU_AUTO(x509_freep) = PEM_read_bio_X509(in, NULL, NULL, NULL);
        if (!x)
            break;
        if (n == MAX_CERTS)
            return su_fail(e, SU_E_FORMAT, "bundle.format", "a trust bundle of more than %d certificates", MAX_CERTS);
        if (!is_root(x, roots))
            others++;
        else if (PEM_write_bio_X509(out, x) != 1)
            return su_fail_nomem(e, pem.n);
    }
    ERR_clear_error();
    if (n == 0)
        return su_fail(e, SU_E_FORMAT, "bundle.format", "there is no certificate in the trust bundle");
    long len = BIO_get_mem_data(out, &text);
    su_buf_add(known, text, (size_t)len);
    *foreign = others;
    return su_buf_ok(known, e);
}
