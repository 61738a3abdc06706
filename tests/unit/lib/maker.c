/* SPDX-License-Identifier: Apache-2.0 */
#include "maker.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEED(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #x);                                                   \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

EVP_PKEY *mk_key(const char *kind)
{
    EVP_PKEY *k = NULL;
    if (strncmp(kind, "rsa", 3) == 0)
        k = EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
    else if (strcmp(kind, "ed25519") == 0)
        k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        k = EVP_EC_gen(strcmp(kind, "p256") == 0 ? "P-256" : strcmp(kind, "p384") == 0 ? "P-384" : kind);
    NEED(k);
    return k;
}

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    NEED(ext && X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

struct mk_cert mk_cert(const struct mk_spec *s)
{
    static long serial = 4096;
    struct mk_cert c = {.x = X509_new(), .key = s->use ? s->use : mk_key(s->key ? s->key : "p256")};
    X509_NAME *name = X509_NAME_new();
    if (s->use)
        EVP_PKEY_up_ref(c.key);
    NEED(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)s->cn, -1, -1, 0));
    NEED(X509_set_version(c.x, X509_VERSION_3) && X509_set_subject_name(c.x, name));
    NEED(X509_set_issuer_name(c.x, s->issuer ? X509_get_subject_name(s->issuer->x) : name));
    NEED(ASN1_INTEGER_set(X509_get_serialNumber(c.x), s->serial ? s->serial : serial++));
    NEED(ASN1_TIME_set(X509_getm_notBefore(c.x), (time_t)(s->from ? s->from : MK_NOW - 86400)));
    NEED(ASN1_TIME_set(X509_getm_notAfter(c.x), (time_t)(s->to ? s->to : MK_NOW + 30 * 86400)));
    NEED(X509_set_pubkey(c.x, c.key));
    X509 *issuer = s->issuer ? s->issuer->x : c.x;
    extension(c.x, issuer, NID_subject_key_identifier, "hash");
    if (s->ca)
        extension(c.x, issuer, NID_basic_constraints, "critical,CA:TRUE");
    if (s->ca || s->ku)
        extension(c.x, issuer, NID_key_usage, s->ku ? s->ku : "critical,keyCertSign,cRLSign");
    if (s->eku)
        extension(c.x, issuer, NID_ext_key_usage, s->eku);
    if (s->san)
        extension(c.x, issuer, NID_subject_alt_name, s->san);
    EVP_PKEY *by = s->issuer ? s->issuer->key : c.key;
    const EVP_MD *md = EVP_PKEY_get_base_id(by) == EVP_PKEY_ED25519 ? NULL : s->sha1 ? EVP_sha1() : EVP_sha256();
    NEED(X509_sign(c.x, by, md) > 0);
    X509_NAME_free(name);
    return c;
}

void mk_cert_free(struct mk_cert *c)
{
    X509_free(c->x);
    EVP_PKEY_free(c->key);
}

X509_CRL *mk_crl(const struct mk_cert *issuer, X509 *revoked, int64_t last, int64_t next)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *a = ASN1_TIME_set(NULL, (time_t)last), *b = ASN1_TIME_set(NULL, (time_t)next);
    NEED(crl && a && b && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
    NEED(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)));
    NEED(X509_CRL_set1_lastUpdate(crl, a) && X509_CRL_set1_nextUpdate(crl, b));
    if (revoked) {
        X509_REVOKED *r = X509_REVOKED_new();
        NEED(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked)));
        NEED(X509_REVOKED_set_revocationDate(r, a) && X509_CRL_add0_revoked(crl, r));
    }
    NEED(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    ASN1_TIME_free(a);
    ASN1_TIME_free(b);
    return crl;
}

static void azure_oid(PKCS7 *p7)
{
    PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
    NEED(X509_ALGOR_set0(si->digest_alg, OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, NULL));
    NEED(X509_ALGOR_set0(sk_X509_ALGOR_value(p7->d.sign->md_algs, 0), OBJ_nid2obj(NID_sha256WithRSAEncryption),
                         V_ASN1_NULL, NULL));
}

/* The signature made with another key, over the same content. */
static void sign_again(PKCS7 *p7, const char *payload, EVP_PKEY *key)
{
    PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
    unsigned char sig[1024];
    size_t n = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    NEED(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
    NEED(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)payload, strlen(payload)) == 1);
    NEED(ASN1_OCTET_STRING_set(si->enc_digest, sig, (int)n));
    EVP_MD_CTX_free(ctx);
}

static void name_another(PKCS7 *p7, X509 *x)
{
    PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
    NEED(X509_NAME_set(&si->issuer_and_serial->issuer, X509_get_issuer_name(x)));
    ASN1_INTEGER_free(si->issuer_and_serial->serial);
    si->issuer_and_serial->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(x));
}

unsigned char *mk_document(const struct mk_doc *d, size_t *n)
{
    int flags = PKCS7_BINARY | (d->attributes ? 0 : PKCS7_NOATTR) | PKCS7_NOCERTS;
    BIO *in = BIO_new_mem_buf(d->payload, -1);
    PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, in, PKCS7_BINARY | PKCS7_PARTIAL | (d->detached ? PKCS7_DETACHED : 0));
    NEED(p7 && PKCS7_sign_add_signer(p7, d->signer->x, d->signer->key, d->sha512 ? EVP_sha512() : EVP_sha256(), flags));
    if (d->two_signers)
        NEED(PKCS7_sign_add_signer(p7, d->signer->x, d->signer->key, EVP_sha256(), flags));
    if (!d->no_cert)
        NEED(PKCS7_add_certificate(p7, d->named ? d->named : d->signer->x));
    for (int i = 0; i < 2 && d->extra[i]; i++)
        NEED(PKCS7_add_certificate(p7, d->extra[i]));
    NEED(PKCS7_final(p7, in, PKCS7_BINARY));
    if (d->azure)
        azure_oid(p7);
    if (d->other_key)
        sign_again(p7, d->payload, d->other_key);
    if (d->named)
        name_another(p7, d->named);
    if (d->unsigned_attribute) {
        PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
        ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
        NEED(PKCS7_add_attribute(si, NID_pkcs9_unstructuredName, V_ASN1_OCTET_STRING, v));
    }
    unsigned char *der = NULL;
    int len = i2d_PKCS7(p7, &der);
    NEED(len > 0);
    unsigned char *out = malloc((size_t)len);
    memcpy(out, der, (size_t)len);
    *n = (size_t)len;
    OPENSSL_free(der);
    PKCS7_free(p7);
    BIO_free(in);
    return out;
}

static size_t base64(char *to, const unsigned char *p, size_t n)
{
    return (size_t)EVP_EncodeBlock((unsigned char *)to, p, (int)n);
}

char *mk_answer(const unsigned char *der, size_t n, X509 *const *chain, size_t n_chain)
{
    char *out = malloc(n * 2 + n_chain * 8192 + 256);
    size_t k = (size_t)sprintf(out, "{\"encoding\":\"pkcs7\",\"signature\":\"");
    k += base64(out + k, der, n);
    k += (size_t)sprintf(out + k, "\",\"surety\":{\"chain\":[");
    for (size_t i = 0; i < n_chain; i++) {
        unsigned char *x = NULL;
        int len = i2d_X509(chain[i], &x);
        k += (size_t)sprintf(out + k, i ? ",\"" : "\"");
        k += base64(out + k, x, (size_t)len);
        k += (size_t)sprintf(out + k, "\"");
        OPENSSL_free(x);
    }
    sprintf(out + k, "],\"host\":\"node1\",\"transport\":\"unix\"}}");
    return out;
}

static void stamp(char *to, size_t cap, int64_t t)
{
    time_t v = (time_t)t;
    struct tm tm = *gmtime(&v);
    snprintf(to, cap, "%02d/%02d/%02d %02d:%02d:%02d -0000", (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_year % 100,
             tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

char *mk_payload(const struct mk_payload *p)
{
    int64_t created = p->created ? p->created : MK_NOW, expires = p->expires ? p->expires : MK_NOW + 6 * 3600;
    const char *vm = p->vm ? p->vm : "b1310a36-d400-46f6-82cb-6217df846586";
    char *out = malloc(4096), a[32], b[32];
    stamp(a, sizeof a, created);
    stamp(b, sizeof b, expires);
    size_t n = 0;
#define ADD(...) n += (size_t)snprintf(out + n, 4096 - n, __VA_ARGS__)
    ADD("{\"licenseType\":\"\",");
    if (p->nonce)
        ADD("\"nonce\":\"%s\",", p->nonce);
    ADD("\"plan\":{\"name\":\"\",\"product\":\"\",\"publisher\":\"\"},\"sku\":\"\",");
    if (p->subscription)
        ADD("\"subscriptionId\":\"%s\",", p->subscription);
    if (!p->no_ours) {
        ADD("\"surety\":{\"audience\":\"%s\",\"cluster\":\"%s\",\"createdOn\":%lld,\"expiresOn\":%lld,\"host\":"
            "\"node1\","
            "\"keyThumbprint\":\"%s\"",
            p->audience ? p->audience : "", p->cluster ? p->cluster : "c1", (long long)created, (long long)expires,
            p->key ? p->key : "");
        if (!p->no_profile)
            ADD(",\"securityProfile\":{\"secureBoot\":%s,\"securityType\":\"%s\",\"vTpm\":%s}",
                p->secure_boot ? "true" : "false", p->type ? p->type : "", p->vtpm ? "true" : "false");
        ADD("},");
    }
    if (!p->no_stamp)
        ADD("\"timeStamp\":{\"createdOn\":\"%s\",\"expiresOn\":\"%s\"},", a, b);
    ADD("\"vmId\":\"%s\"}", vm);
    return out;
}
