/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "authenticode.h"
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <string.h>

static const char spc_indirect_data[] = "1.3.6.1.4.1.311.2.1.4";

struct su_authenticode {
    PKCS7 *p7;
    struct su_bytes content; /* of the SpcIndirectDataContent's SEQUENCE, inside p7: what the signature covers */
    uint8_t digest[SU_SHA256];
    bool sha256;
};

void su_authenticode_free(struct su_authenticode **a)
{
    if (!*a)
        return;
    PKCS7_free((*a)->p7);
    free(*a);
    *a = NULL;
}

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "secureboot.signature", "the signature is damaged: %s", what);
}

/* Takes one DER element of universal type tag off the front. */
static bool take_der(struct su_bytes *b, int tag, struct su_bytes *content, struct su_bytes *whole)
{
    const unsigned char *p = b->p;
    long length = 0;
    int got = 0, class = 0;
    if (b->n == 0 || b->n > SU_PE_MAX_CERTS)
        return false;
    int rc = ASN1_get_object(&p, &length, &got, &class, (long)b->n);
    if (rc & (0x80 | 0x01)) /* an error, or an indefinite length */
        return false;
    if (got != tag || class != V_ASN1_UNIVERSAL)
        return false;
    *content = (struct su_bytes){p, (size_t)length};
    *whole = (struct su_bytes){b->p, (size_t)(p - b->p) + (size_t)length};
    return su_skip(b, whole->n);
}

static void free_sig(X509_SIG **sig)
{
    X509_SIG_free(*sig);
}

/* SEQUENCE { data SEQUENCE {...}, messageDigest DigestInfo } */
static bool read_content(struct su_authenticode *a)
{
    const PKCS7 *inner = a->p7->d.sign->contents;
    char oid[64];
    if (!inner || OBJ_obj2txt(oid, sizeof oid, inner->type, 1) <= 0 || strcmp(oid, spc_indirect_data) != 0)
        return false;
    if (!inner->d.other || inner->d.other->type != V_ASN1_SEQUENCE)
        return false;
    const ASN1_STRING *s = inner->d.other->value.sequence;
    struct su_bytes b = {ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)}, data, whole, info;
    if (!take_der(&b, V_ASN1_SEQUENCE, &a->content, &whole))
        return false;
    b = a->content;
    if (!take_der(&b, V_ASN1_SEQUENCE, &data, &whole) || !take_der(&b, V_ASN1_SEQUENCE, &data, &info))
        return false;
    const unsigned char *p = info.p;
    SU_AUTO(free_sig) X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)info.n);
    if (!sig)
        return false;
    const X509_ALGOR *alg;
    const ASN1_OCTET_STRING *digest;
    X509_SIG_get0(sig, &alg, &digest);
    a->sha256 = OBJ_obj2nid(alg->algorithm) == NID_sha256;
    if (!a->sha256)
        return true;
    if (ASN1_STRING_length(digest) != SU_SHA256)
        return false;
    memcpy(a->digest, ASN1_STRING_get0_data(digest), SU_SHA256);
    return true;
}

static int parse(struct su_bytes der, struct su_authenticode *a, struct su_err *e)
{
    const unsigned char *p = der.p;
    a->p7 = der.n ? d2i_PKCS7(NULL, &p, (long)der.n) : NULL; /* a certificate table is at most 1 MiB */
    if (!a->p7 || !PKCS7_type_is_signed(a->p7) || !a->p7->d.sign)
        return bad(e, "it is no PKCS#7 signed data");
    int signers = sk_PKCS7_SIGNER_INFO_num(a->p7->d.sign->signer_info), certs = sk_X509_num(a->p7->d.sign->cert);
    int digests = sk_X509_ALGOR_num(a->p7->d.sign->md_algs); /* each is a BIO in a chain that reads recursively */
    if (signers < 1 || signers > SU_AC_MAX_SIGNERS || certs > SU_AC_MAX_CERTS || digests > SU_AC_MAX_SIGNERS)
        return bad(e, "it has no signer, or too many signers, digests or certificates");
    if (!read_content(a))
        return bad(e, "it does not sign the digest of an image");
    return 0;
}

int su_authenticode_parse(struct su_bytes der, struct su_authenticode **out, struct su_err *e)
{
    SU_AUTHENTICODE struct su_authenticode *a = calloc(1, sizeof *a);
    if (!a)
        return su_fail_nomem(e, sizeof *a);
    ERR_set_mark();
    int rc = parse(der, a, e);
    ERR_pop_to_mark();
    if (rc == 0)
        *out = su_steal(&a);
    return rc;
}

const uint8_t *su_authenticode_digest(const struct su_authenticode *a)
{
    return a->sha256 ? a->digest : NULL;
}

static void free_bios(BIO **bio)
{
    BIO_free_all(*bio);
}

static void free_signers(STACK_OF(X509) **s)
{
    sk_X509_free(*s);
}

/* PKCS7_verify() would do, but leaks its own copy of the content's BIO when it fails (OpenSSL 3.0). */
static bool verify(const struct su_authenticode *a)
{
    SU_AUTO(free_bios) BIO *content = BIO_new_mem_buf(a->content.p, (int)a->content.n);
    SU_AUTO(free_bios) BIO *hashed = content ? PKCS7_dataInit(a->p7, content) : NULL;
    SU_AUTO(free_signers) STACK_OF(X509) *signers = PKCS7_get0_signers(a->p7, NULL, 0);
    const STACK_OF(PKCS7_SIGNER_INFO) *infos = a->p7->d.sign->signer_info;
    char drain[512];
    if (!hashed)
        return false;
    content = NULL; /* the end of the chain that hashed is */
    while (BIO_read(hashed, drain, sizeof drain) > 0)
        ;
    if (!signers || sk_X509_num(signers) != sk_PKCS7_SIGNER_INFO_num(infos))
        return false;
    for (int i = 0; i < sk_X509_num(signers); i++)
        if (PKCS7_signatureVerify(hashed, a->p7, sk_PKCS7_SIGNER_INFO_value(infos, i), sk_X509_value(signers, i)) != 1)
            return false;
    return true;
}

int su_authenticode_verify(const struct su_authenticode *a, struct su_err *e)
{
    ERR_set_mark();
    bool good = verify(a);
    ERR_pop_to_mark();
    return good ? 0 : bad(e, "it does not verify with its own certificate");
}

static void common_name(const X509 *cert, char out[SU_AC_NAME])
{
    X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    size_t n = 0;
    out[0] = 0;
    if (at < 0)
        return;
    int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    for (int i = 0; i < length && n < SU_AC_NAME - 1; i++)
        out[n++] = text[i] < 0x20 || text[i] == 0x7f ? '?' : (char)text[i];
    bool cut = length > 0 && n < (size_t)length;
    while (cut && n > 0 && (out[n - 1] & 0xc0) == 0x80) /* no half characters at a cut */
        n--;
    if (cut && n > 0 && (out[n - 1] & 0x80))
        n--;
    out[n] = 0;
    OPENSSL_free(text);
}

void su_authenticode_signer(const struct su_authenticode *a, char out[SU_AC_NAME])
{
    out[0] = 0;
    ERR_set_mark();
    SU_AUTO(free_signers) STACK_OF(X509) *signers = PKCS7_get0_signers(a->p7, NULL, 0);
    if (sk_X509_num(signers) > 0)
        common_name(sk_X509_value(signers, 0), out);
    ERR_pop_to_mark();
}

static void free_store_ctx(X509_STORE_CTX **ctx)
{
    X509_STORE_CTX_free(*ctx);
}

static bool chains(X509 *signer, STACK_OF(X509) *others, X509_STORE *anchors, char *anchor)
{
    SU_AUTO(free_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (!ctx || X509_STORE_CTX_init(ctx, anchors, signer, others) != 1)
        return false;
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_IGNORE_CRITICAL);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
    if (X509_verify_cert(ctx) != 1)
        return false;
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    if (anchor)
        common_name(sk_X509_value(chain, sk_X509_num(chain) - 1), anchor);
    return true;
}

bool su_authenticode_chains(const struct su_authenticode *a, X509_STORE *anchors, char anchor[SU_AC_NAME])
{
    char name[SU_AC_NAME] = "";
    ERR_set_mark();
    SU_AUTO(free_signers) STACK_OF(X509) *signers = PKCS7_get0_signers(a->p7, NULL, 0);
    bool good = sk_X509_num(signers) > 0;
    for (int i = 0; good && i < sk_X509_num(signers); i++)
        good = chains(sk_X509_value(signers, i), a->p7->d.sign->cert, anchors, i == 0 ? name : NULL);
    ERR_pop_to_mark();
    if (good)
        memcpy(anchor, name, sizeof name);
    return good;
}

static bool tbs_digest(X509 *cert, uint8_t out[SU_SHA256])
{
    unsigned char *tbs = NULL;
    int n = i2d_re_X509_tbs(cert, &tbs);
    bool good = n > 0 && EVP_Digest(tbs, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(tbs);
    return good;
}

bool su_authenticode_any_cert(const struct su_authenticode *a, bool (*fn)(const void *arg, const uint8_t *sha256),
                              const void *arg)
{
    uint8_t digest[SU_SHA256];
    for (int i = 0; i < sk_X509_num(a->p7->d.sign->cert); i++)
        if (tbs_digest(sk_X509_value(a->p7->d.sign->cert, i), digest) && fn(arg, digest))
            return true;
    return false;
}
