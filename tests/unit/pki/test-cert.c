/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pki_sample.h"
#include <openssl/err.h>
#include <openssl/pem.h>

static void names(void)
{
    char longest[256], label[80];
    ok(su_host_name_valid("node1"));
    ok(su_host_name_valid("node1.rack-2.example.org"));
    ok(!su_host_name_valid(""));
    ok(!su_host_name_valid(NULL));
    ok(!su_host_name_valid("Node1"), "no upper case");
    ok(!su_host_name_valid("node_1"));
    ok(!su_host_name_valid("-node"));
    ok(!su_host_name_valid("node-"));
    ok(!su_host_name_valid("a..b"));
    ok(!su_host_name_valid(".a"));
    ok(!su_host_name_valid("a."));
    ok(!su_host_name_valid("*.example.org"), "no wildcard");
    memset(label, 'a', 63);
    label[63] = 0;
    ok(su_host_name_valid(label), "a label of 63");
    label[63] = 'a';
    label[64] = 0;
    ok(!su_host_name_valid(label), "not of 64");
    for (int i = 0; i < 201; i++)
        longest[i] = i % 2 ? '.' : 'a';
    longest[201] = 0;
    ok(!su_host_name_valid(longest), "not 201 bytes");
    longest[199] = 0;
    ok(su_host_name_valid(longest), "199 bytes");
    ok(su_domain_valid("example.org") && !su_domain_valid("exa mple"));
}

static void encodings(X509 *x)
{
    struct su_err e = {0};
    SU_BUF struct su_buf der = {0};
    STACK_OF(X509) *all = NULL;
    uint64_t from = 0, to = 0;
    ok(su_cert_to_der(x, &der, &e) == 0 && su_cert_to_der(x, &der, &e) == 0);
    ok(su_certs_from_der(su_buf_bytes(&der), 2, &all, &e) == 0 && sk_X509_num(all) == 2, "two certificates in a row");
    ok(X509_cmp(sk_X509_value(all, 1), x) == 0);
    sk_X509_pop_free(all, X509_free);
    all = NULL;
    ok(su_certs_from_der(su_buf_bytes(&der), 1, &all, &e) < 0 && !all, "more than allowed");
    is_str(e.id, "cert.der");
    ok(su_certs_from_der((struct su_bytes){der.p, der.n - 1}, 2, &all, &e) < 0 && !all, "cut");
    ok(su_certs_from_der((struct su_bytes){NULL, 0}, 2, &all, &e) == 0 && sk_X509_num(all) == 0, "none");
    sk_X509_pop_free(all, X509_free);
    ok(su_cert_times(x, &from, &to, &e) == 0 && to - from == 30 * 86400 + 60);
    BIO *b = BIO_new(BIO_s_mem());
    char *text;
    PEM_write_bio_X509(b, x);
    long n = BIO_get_mem_data(b, &text);
    X509 *back = NULL;
    ok(su_cert_from_pem((struct su_bytes){(uint8_t *)text, (size_t)n}, &back, &e) == 0 && X509_cmp(back, x) == 0);
    X509_free(back);
    back = NULL;
    ok(su_cert_from_pem((struct su_bytes){(uint8_t *)text, 40}, &back, &e) < 0 && !back);
    is_str(e.id, "cert.pem");
    ok(su_cert_from_pem((struct su_bytes){NULL, 0}, &back, &e) < 0 && !back);
    BIO_free(b);
}

static void failures(void)
{
    struct su_err e = {0};
    ok(su_fail_ssl(&e, SU_E_IO, "some.id", "nothing queued") == -1 && e.kind == SU_E_IO);
    is_str(e.msg, "nothing queued");
    ERR_raise(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH);
    su_fail_ssl(&e, SU_E_FORMAT, "some.id", "queued");
    is_str(e.msg, "queued: key values mismatch");
    ok(ERR_peek_error() == 0, "the queue is empty");
}

int main(void)
{
    names();
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = sample_leaf(pkey, NULL);
    encodings(x);
    failures();
    X509_free(x);
    EVP_PKEY_free(pkey);
    (void)sample_begin, (void)sample_end;
    return tap_done();
}
