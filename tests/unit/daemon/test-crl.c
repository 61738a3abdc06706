/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of revoked certificates and trust bundles, made here. */
#include "daemon/crl.h"
#include "tests/lib/tap.h"
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

static EVP_PKEY *key, *other;
static X509 *issuer, *stranger, *leaf;

static X509 *cert(const char *name, const char *by, EVP_PKEY *k, EVP_PKEY *signer, long serial)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC, (const unsigned char *)by, -1, -1, 0);
    X509_set_pubkey(x, k);
    X509_sign(x, signer, EVP_sha256());
    return x;
}

static void crl(struct su_buf *out, const char *by, EVP_PKEY *signer, long serial, long from, long until)
{
    X509_CRL *c = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_new();
    X509_NAME *n = X509_NAME_new();
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *s = ASN1_INTEGER_new();
    unsigned char *der = NULL;
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)by, -1, -1, 0);
    X509_CRL_set_version(c, 1);
    X509_CRL_set_issuer_name(c, n);
    X509_gmtime_adj(t, from);
    X509_CRL_set1_lastUpdate(c, t);
    X509_gmtime_adj(t, until);
    X509_CRL_set1_nextUpdate(c, t);
    X509_gmtime_adj(t, 0);
    ASN1_INTEGER_set(s, serial);
    X509_REVOKED_set_serialNumber(r, s);
    X509_REVOKED_set_revocationDate(r, t);
    X509_CRL_add0_revoked(c, r);
    X509_CRL_sort(c);
    X509_CRL_sign(c, signer, EVP_sha256());
    int len = i2d_X509_CRL(c, &der);
    out->n = 0;
    su_buf_add(out, der, (size_t)len);
    OPENSSL_free(der);
    ASN1_INTEGER_free(s);
    X509_NAME_free(n);
    ASN1_TIME_free(t);
    X509_CRL_free(c);
}

static void der_of(X509 *x, struct su_buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    su_buf_add(out, der, (size_t)len);
    OPENSSL_free(der);
}

static void pem_of(X509 *x, struct su_buf *out)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p;
    PEM_write_bio_X509(b, x);
    long n = BIO_get_mem_data(b, &p);
    su_buf_add(out, p, (size_t)n);
    BIO_free(b);
}

static void lists(void)
{
    static const struct {
        const char *name, *by;
        bool ours;
        long serial, from, until;
        const char *id;
        bool listed, stale;
    } rows[] = {
        {"names us", "issuer", true, 77, 0, 3600, NULL, true, false},
        {"names another", "issuer", true, 78, 0, 3600, NULL, false, false},
        {"is old", "issuer", true, 77, -7200, -3600, NULL, true, true},
        {"is of tomorrow", "issuer", true, 77, 86400, 90000, "crl.format", false, false},
        {"is signed by another key", "issuer", false, 77, 0, 3600, "crl.signature", false, false},
        {"is by another issuer", "stranger", true, 77, 0, 3600, "crl.signature", false, false},
    };
    struct su_buf l SU_BUF = {0}, c SU_BUF = {0}, list SU_BUF = {0};
    der_of(leaf, &l);
    der_of(issuer, &c);
    der_of(stranger, &c); /* more of the chain does not matter */
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_crl_answer a = {0};
        struct su_err e = {0};
        crl(&list, rows[i].by, rows[i].ours ? key : other, rows[i].serial, rows[i].from, rows[i].until);
        int rc = su_crl_check(su_buf_bytes(&list), su_buf_bytes(&l), su_buf_bytes(&c), (uint64_t)time(NULL), &a, &e);
        ok(rows[i].id ? rc < 0 && strcmp(e.id, rows[i].id) == 0
                      : rc == 0 && a.listed == rows[i].listed && a.stale == rows[i].stale,
           "a list that %s", rows[i].name);
        list.n--;
        ok(su_crl_check(su_buf_bytes(&list), su_buf_bytes(&l), su_buf_bytes(&c), (uint64_t)time(NULL), &a, &e) < 0,
           "and not when it is cut");
    }
    struct su_crl_answer a;
    struct su_err e = {0};
    ok(su_crl_check((struct su_bytes){0}, su_buf_bytes(&l), su_buf_bytes(&c), 0, &a, &e) < 0, "nothing is no list");
}

static void bundles(void)
{
    struct su_buf pem SU_BUF = {0}, roots SU_BUF = {0}, known SU_BUF = {0}, want SU_BUF = {0};
    struct su_err e = {0};
    unsigned foreign = 9;
    der_of(issuer, &roots);
    pem_of(stranger, &pem);
    pem_of(issuer, &pem);
    pem_of(issuer, &want);
    ok(su_bundle_known(su_buf_bytes(&pem), su_buf_bytes(&roots), &known, &foreign, &e) == 0 && foreign == 1,
       "of a bundle only what is known is taken");
    ok(known.n == want.n && memcmp(known.p, want.p, want.n) == 0, "and it is the root");
    known.n = 0;
    ok(su_bundle_known(su_buf_bytes(&pem), (struct su_bytes){0}, &known, &foreign, &e) == 0 && known.n == 0 &&
           foreign == 2,
       "without roots nothing");
    ok(su_bundle_known((struct su_bytes){(const uint8_t *)"x", 1}, su_buf_bytes(&roots), &known, &foreign, &e) < 0 &&
           strcmp(e.id, "bundle.format") == 0,
       "no bundle");
}

int main(void)
{
    key = EVP_EC_gen("P-256");
    other = EVP_EC_gen("P-256");
    issuer = cert("issuer", "issuer", key, key, 1);
    stranger = cert("stranger", "stranger", other, other, 2);
    leaf = cert("leaf", "issuer", other, key, 77);
    lists();
    bundles();
    X509_free(issuer);
    X509_free(stranger);
    X509_free(leaf);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return tap_done();
}
