/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A key in a directory of its own, and a certificate for it. */
#pragma once
#include "pki/cert.h"
#include "pki/key.h"
#include "tests/lib/tap.h"
#include <openssl/x509v3.h>
#include <stdlib.h>

static char sample_dir[32] = "/tmp/test-pki.XXXXXX";
__attribute__((unused)) static struct su_key_options sample_options = {.dir = sample_dir};

static inline void sample_begin(void)
{
    if (!mkdtemp(sample_dir))
        abort();
}
static inline void sample_end(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", sample_dir);
    if (system(cmd) != 0)
        abort();
}
static inline X509 *sample_leaf(EVP_PKEY *pkey, EVP_PKEY *sign_with)
{
    X509 *x = X509_new();
    X509_NAME *n = X509_NAME_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x7f123456);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)"example.org surety issuing 1", -1, -1, 0);
    X509_set_issuer_name(x, n);
    X509_NAME_free(n);
    n = X509_NAME_new();
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)"node1.metadata.example.org", -1, -1, 0);
    X509_set_subject_name(x, n);
    X509_NAME_free(n);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 30 * 86400);
    X509_set_pubkey(x, pkey);
    if (!X509_sign(x, sign_with ? sign_with : pkey, EVP_sha256()))
        abort();
    return x;
}
