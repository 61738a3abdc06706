/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bodies the authority parses itself.  What a walk hands out lies inside what it was given and keeps its bounds;
 * what it refuses leaves the output alone and has a name.  The first byte chooses: a message, a template, certificates.
 */
#include "authority/cmpwalk.h"
#include "pki/cert.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool good)
{
    if (!good)
        abort();
}

static bool within(struct su_bytes part, struct su_bytes all)
{
    return part.n == 0 || (part.p >= all.p && part.n <= all.n && part.p + part.n <= all.p + all.n);
}

static void message(struct su_bytes b)
{
    struct su_cmp_facts f, untouched;
    struct su_err e = {0};
    memset(&f, 0x5A, sizeof f);
    memset(&untouched, 0x5A, sizeof untouched);
    if (su_cmp_walk(b, &f, &e) < 0) {
        need(e.id && memcmp(&f, &untouched, sizeof f) == 0);
        return;
    }
    need(within(f.core, b) && within(f.transaction, f.core) && within(f.nonce, b) && within(f.kid, b) &&
         within(f.signer, b));
    need(f.transaction.n >= SU_CMP_MIN_ID && f.transaction.n <= SU_CMP_MAX_ID);
    need(f.nonce.n >= SU_CMP_MIN_ID && f.nonce.n <= SU_CMP_MAX_ID);
    need(f.n_extra <= SU_CMP_MAX_EXTRA && (f.n_extra > 0) == (f.signer.n > 0) && f.body < 32 && f.reason <= 10);
    const uint8_t *p = f.signer.p;
    X509 *x = f.signer.n ? d2i_X509(NULL, &p, (long)f.signer.n) : NULL;
    X509_free(x);
    ERR_clear_error();
}

static void template(struct su_bytes b)
{
    uint8_t key[1024];
    size_t n = 0;
    struct su_err e = {0};
    if (su_cmp_template_key(b, key, sizeof key, &n, &e) < 0) {
        need(e.id && n == 0);
        return;
    }
    const uint8_t *p = key;
    need(n >= 2 && n <= sizeof key && key[0] == 0x30);
    EVP_PKEY *k = d2i_PUBKEY(NULL, &p, (long)n);
    struct su_spki s = {0};
    if (su_spki_read((struct su_bytes){key, n}, &s, &e) == 0) {
        need(within(s.key, (struct su_bytes){key, n}));
        /* what both read, both read alike */
        need(!k || s.kind != SU_SPKI_RSA || (unsigned)EVP_PKEY_get_bits(k) == s.bits);
        need(!k || s.kind != SU_SPKI_P256 || EVP_PKEY_get_bits(k) == 256);
    }
    EVP_PKEY_free(k);
    ERR_clear_error();
}

static void certificates(struct su_bytes b)
{
    STACK_OF(X509) *list = NULL;
    struct su_err e = {0};
    if (su_certs_from_der(b, 4, &list, &e) < 0) {
        need(e.id && !list);
        return;
    }
    need(sk_X509_num(list) <= 4);
    sk_X509_pop_free(list, X509_free);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct su_bytes b = {data + 1, n - 1};
    if (data[0] % 3 == 0)
        message(b);
    else if (data[0] % 3 == 1)
        template(b);
    else
        certificates(b);
    return 0;
}
