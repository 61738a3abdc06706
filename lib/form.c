/* SPDX-License-Identifier: Apache-2.0 */
/* form.c - PKCS#7 SignedData (RFC 2315) in the one form that attested documents have, and its signature.
 *
 * The signature is checked here with the key of the certificate that the signer names, over the embedded content. There
 * are no attributes, so that nothing but the content can have been signed. */
#include "internal.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdio.h>

void surety_form_free(struct form *f)
{
    PKCS7_free(f->p7);
    *f = (struct form){0};
}

static int check_type(const PKCS7 *p7, struct surety_error *e)
{
    if (OBJ_obj2nid(p7->type) != NID_pkcs7_signed || !p7->d.sign)
        return surety_fail(e, SURETY_DOCUMENT_TYPE, NULL);
    if (ASN1_INTEGER_get(p7->d.sign->version) != 1)
        return surety_fail(e, SURETY_DOCUMENT_TYPE, "another version");
    return SURETY_OK;
}

static int check_content(const PKCS7 *p7, struct form *f, struct surety_error *e)
{
    const PKCS7 *inner = p7->d.sign->contents;
    if (!inner || OBJ_obj2nid(inner->type) != NID_pkcs7_data || !inner->d.data ||
        ASN1_STRING_length(inner->d.data) <= 0)
        return surety_fail(e, SURETY_DOCUMENT_CONTENT, NULL);
    f->content = ASN1_STRING_get0_data(inner->d.data);
    f->content_n = (size_t)ASN1_STRING_length(inner->d.data);
    return SURETY_OK;
}

static bool no_parameter(const X509_ALGOR *a, bool null_ok)
{
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(NULL, &type, NULL, a);
    return type == V_ASN1_UNDEF || (null_ok && type == V_ASN1_NULL);
}

static bool digest_ok(const X509_ALGOR *a)
{
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, a);
    int nid = OBJ_obj2nid(oid);
    return (nid == NID_sha256 || nid == NID_sha256WithRSAEncryption) && no_parameter(a, true);
}

static int check_signer_info(const PKCS7 *p7, PKCS7_SIGNER_INFO **out, struct surety_error *e)
{
    PKCS7_SIGNED *s = p7->d.sign;
    int n = sk_PKCS7_SIGNER_INFO_num(s->signer_info);
    if (n != 1)
        return surety_fail(e, SURETY_DOCUMENT_SIGNERS, "%d", n < 0 ? 0 : n);
    PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(s->signer_info, 0);
    if (si->auth_attr || si->unauth_attr)
        return surety_fail(e, SURETY_DOCUMENT_ATTRIBUTES, si->auth_attr ? "signed ones" : "unsigned ones");
    if (ASN1_INTEGER_get(si->version) != 1)
        return surety_fail(e, SURETY_DOCUMENT_TYPE, "another version of the signer");
    if (sk_X509_ALGOR_num(s->md_algs) != 1 || !digest_ok(sk_X509_ALGOR_value(s->md_algs, 0)) ||
        !digest_ok(si->digest_alg) ||
        OBJ_cmp(sk_X509_ALGOR_value(s->md_algs, 0)->algorithm, si->digest_alg->algorithm) != 0)
        return surety_fail(e, SURETY_ALGORITHM_DIGEST, NULL);
    *out = si;
    return SURETY_OK;
}

/* By issuer and serial number, never "the first": others may put certificates into the bag. */
static int find_signer(const PKCS7 *p7, const PKCS7_SIGNER_INFO *si, unsigned flags, X509 **out, struct surety_error *e)
{
    PKCS7_SIGNED *s = p7->d.sign;
    const PKCS7_ISSUER_AND_SERIAL *id = si->issuer_and_serial;
    int n = sk_X509_num(s->cert);
    X509 *found = NULL;
    if (sk_X509_CRL_num(s->crl) > 0)
        return surety_fail(e, SURETY_DOCUMENT_CERTIFICATES, "a CRL");
    if (n > 1 && !(flags & SURETY_ALLOW_EXTRA_CERTS))
        return surety_fail(e, SURETY_DOCUMENT_CERTIFICATES, "%d certificates", n);
    if (n > SURETY_CHAIN_MAX)
        return surety_fail(e, SURETY_DOCUMENT_CERTIFICATES, "%d certificates", n);
    for (int i = 0; i < n; i++) {
        X509 *x = sk_X509_value(s->cert, i);
        if (X509_NAME_cmp(X509_get_issuer_name(x), id->issuer) != 0 ||
            ASN1_INTEGER_cmp(X509_get0_serialNumber(x), id->serial) != 0)
            continue;
        if (found)
            return surety_fail(e, SURETY_DOCUMENT_CERTIFICATES, "two with the same issuer and serial number");
        found = x;
    }
    if (!found)
        return surety_fail(e, SURETY_SIGNER_MISSING, "%d inside", n < 0 ? 0 : n);
    *out = found;
    return SURETY_OK;
}

static int check_rsa(EVP_PKEY *key, int nid, const X509_ALGOR *alg, struct form *f, struct surety_error *e)
{
    int bits = EVP_PKEY_get_bits(key);
    if (bits < 2048 || bits > 8192)
        return surety_fail(e, SURETY_KEY_SIZE, "it has %d", bits);
    if ((nid != NID_rsaEncryption && nid != NID_sha256WithRSAEncryption) || !no_parameter(alg, true))
        return surety_fail(e, SURETY_ALGORITHM_SIGNATURE, "for an RSA key");
    snprintf(f->algorithm, sizeof f->algorithm, "RSA-%d", bits);
    return SURETY_OK;
}

static int check_ec(EVP_PKEY *key, int nid, const X509_ALGOR *alg, struct form *f, struct surety_error *e)
{
    static const char *const curves[][2] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
    char name[64] = "";
    const char *curve = NULL;
    if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1)
        name[0] = 0; /* explicit parameters */
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(name, curves[i][0]) == 0)
            curve = curves[i][1];
    if (!curve)
        return surety_fail(e, SURETY_KEY_TYPE, "another curve");
    if (nid != NID_ecdsa_with_SHA256 || !no_parameter(alg, false))
        return surety_fail(e, SURETY_ALGORITHM_SIGNATURE, "for an EC key");
    snprintf(f->algorithm, sizeof f->algorithm, "%s", curve);
    return SURETY_OK;
}

static int check_key(EVP_PKEY *key, const PKCS7_SIGNER_INFO *si, struct form *f, struct surety_error *e)
{
    const ASN1_OBJECT *oid = NULL;
    X509_ALGOR_get0(&oid, NULL, NULL, si->digest_enc_alg);
    int nid = OBJ_obj2nid(oid);
    if (!key)
        return surety_fail(e, SURETY_KEY_TYPE, NULL);
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return check_rsa(key, nid, si->digest_enc_alg, f, e);
    case EVP_PKEY_EC:
        return check_ec(key, nid, si->digest_enc_alg, f, e);
    default:
        return surety_fail(e, SURETY_KEY_TYPE, NULL);
    }
}

static int check_signature(EVP_PKEY *key, const PKCS7_SIGNER_INFO *si, const struct form *f, struct surety_error *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return surety_fail(e, SURETY_NOMEM, NULL);
    int r = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key);
    if (r == 1)
        r = EVP_DigestVerify(ctx, ASN1_STRING_get0_data(si->enc_digest), (size_t)ASN1_STRING_length(si->enc_digest),
                             f->content, f->content_n);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return r == 1 ? SURETY_OK : surety_fail(e, SURETY_SIGNATURE_WRONG, NULL);
}

static int check_all(unsigned flags, struct form *f, struct surety_error *e)
{
    PKCS7_SIGNER_INFO *si = NULL;
    int r = check_type(f->p7, e);
    if (!r)
        r = check_content(f->p7, f, e);
    if (!r)
        r = check_signer_info(f->p7, &si, e);
    if (!r)
        r = find_signer(f->p7, si, flags, &f->signer, e);
    if (!r)
        r = check_key(X509_get0_pubkey(f->signer), si, f, e);
    if (!r)
        r = check_signature(X509_get0_pubkey(f->signer), si, f, e);
    return r;
}

static int read_der(const unsigned char *der, size_t n, PKCS7 **out, struct surety_error *e)
{
    const unsigned char *p = der;
    if (n == 0 || n > SURETY_DOCUMENT_MAX)
        return surety_fail(e, SURETY_DOCUMENT_SIZE, "%zu bytes", n);
    int r = surety_der_check(der, n, e);
    if (r)
        return r;
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)n);
    ERR_clear_error();
    if (!p7 || p != der + n) {
        PKCS7_free(p7);
        return surety_fail(e, SURETY_DOCUMENT_TYPE, "it cannot be read");
    }
    *out = p7;
    return SURETY_OK;
}

int surety_form_peek(const unsigned char *der, size_t n, struct form *out, struct surety_error *e)
{
    struct form f = {0};
    int r = read_der(der, n, &f.p7, e);
    if (!r)
        r = check_type(f.p7, e);
    if (!r)
        r = check_content(f.p7, &f, e);
    if (r) {
        surety_form_free(&f);
        return r;
    }
    if (sk_PKCS7_SIGNER_INFO_num(f.p7->d.sign->signer_info) == 1) {
        PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(f.p7->d.sign->signer_info, 0);
        if (find_signer(f.p7, si, SURETY_ALLOW_EXTRA_CERTS, &f.signer, NULL) == 0)
            (void)check_key(X509_get0_pubkey(f.signer), si, &f, NULL);
    }
    ERR_clear_error();
    *out = f;
    return SURETY_OK;
}

int surety_form_check(const unsigned char *der, size_t n, unsigned flags, struct form *out, struct surety_error *e)
{
    struct form f = {0};
    int r = read_der(der, n, &f.p7, e);
    if (!r)
        r = check_all(flags, &f, e);
    ERR_clear_error();
    if (r) {
        surety_form_free(&f);
        return r;
    }
    *out = f;
    return SURETY_OK;
}
