/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The payload, member for member; and the signature, byte for byte what OpenSSL's PKCS7_sign makes of it. */
#include "pki/document.h"
#include "pki_sample.h"
#include "wire/versions.h"
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

static const struct su_vm_facts vm = {.uuid = "b1310a36-d400-46f6-82cb-6217df846586",
                                      .secure_boot = true,
                                      .vtpm = true,
                                      .security_type = "TrustedLaunch",
                                      .subscription = "8a205152-b25a-417f-a676-80465535a6c9",
                                      .license_type = "Windows_Server",
                                      .sku = "s",
                                      .plan_name = "n",
                                      .plan_product = "p",
                                      .plan_publisher = "u"};
static const struct su_document_host host = {.cluster = "c", .host = "node1", .lifetime = 21600};
#define NOW UINT64_C(1785245040) /* 07/28/26 13:24:00 */

static const char *payload(const char *version, const struct su_vm_facts *v, const struct su_sign_request *from,
                           uint64_t not_after)
{
    static struct su_buf b;
    struct su_err e = {0};
    struct su_sign_reply r = {0};
    struct su_sign_request q = *from;
    q.version = (uint16_t)su_api_version_of(version);
    b.n = 0;
    return su_document_payload(v, &q, &host, NOW, not_after, &b, &r, &e) == 0 ? su_buf_str(&b) : e.id;
}

static void payloads(void)
{
    struct su_sign_request q = {.nonce = "abc"}, none = {0};
#define SURETY(exp)                                                                                                    \
    "\"surety\":{\"audience\":\"\",\"cluster\":\"c\",\"createdOn\":1785245040,\"expiresOn\":" exp                      \
    ",\"host\":\"node1\",\"keyThumbprint\":\"\",\"securityProfile\":{\"secureBoot\":true,"                             \
    "\"securityType\":\"TrustedLaunch\",\"vTpm\":true}},"
#define PLAN "\"plan\":{\"name\":\"n\",\"product\":\"p\",\"publisher\":\"u\"},"
#define TIMES "\"timeStamp\":{\"createdOn\":\"07/28/26 13:24:00 -0000\",\"expiresOn\":\"07/28/26 19:24:00 -0000\"},"
#define VMID "\"vmId\":\"b1310a36-d400-46f6-82cb-6217df846586\"}"
#define SUB "\"subscriptionId\":\"8a205152-b25a-417f-a676-80465535a6c9\","
    is_str(payload("2018-10-01", &vm, &q, NOW + 99999), "{\"nonce\":\"abc\"," PLAN SURETY("1785266640") TIMES VMID);
    is_str(payload("2019-04-30", &vm, &q, NOW + 99999), "{\"nonce\":\"abc\"," PLAN SUB SURETY("1785266640") TIMES VMID);
    is_str(payload("2019-11-01", &vm, &q, NOW + 99999),
           "{\"nonce\":\"abc\"," PLAN "\"sku\":\"s\"," SUB SURETY("1785266640") TIMES VMID);
    is_str(payload("2020-09-01", &vm, &none, NOW + 99999),
           "{\"licenseType\":\"Windows_Server\",\"nonce\":\"20260728-192400\"," PLAN
           "\"sku\":\"s\"," SUB SURETY("1785266640") TIMES VMID);
    ok(strstr(payload("2025-04-07", &vm, &q, NOW + 60), "\"expiresOn\":1785245100,") != NULL,
       "never longer than the certificate");
    is_str(payload("2025-04-07", &vm, &q, NOW), "document.expired");
    is_str(payload("2025-04-07", &vm, &q, NOW - 1), "document.expired");
}

static void escapes(void)
{
    struct su_vm_facts v = vm;
    struct su_sign_request q = {.nonce = "abc"};
    strcpy(v.sku, "a\"b\\c\n\x7f/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    ok(strstr(payload("2025-04-07", &v, &q, NOW + 9),
              "\"sku\":\"a\\\"b\\\\c\\u000a\\u007f/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",") != NULL,
       "quotes, controls and UTF-8");
    strcpy(v.sku, "\xff\xc0\x80\xed\xa0\x80x\xe2\x82");
#define BAD "\xef\xbf\xbd"
    ok(strstr(payload("2025-04-07", &v, &q, NOW + 9), "\"sku\":\"" BAD BAD BAD BAD BAD BAD "x" BAD BAD "\",") != NULL,
       "what is no UTF-8 becomes U+FFFD");
}

/* As reference: OpenSSL's own functions with the options that give this form. */
static size_t reference(EVP_PKEY *pkey, X509 *leaf, struct su_bytes data, bool azure, uint8_t **der)
{
    BIO *b = BIO_new_mem_buf(data.p, (int)data.n);
    PKCS7 *p = PKCS7_sign(NULL, NULL, NULL, b, PKCS7_BINARY | PKCS7_PARTIAL);
    PKCS7_SIGNER_INFO *si =
        PKCS7_sign_add_signer(p, leaf, pkey, EVP_sha256(), PKCS7_BINARY | PKCS7_NOATTR | PKCS7_NOSMIMECAP);
    if (!si || !PKCS7_final(p, b, PKCS7_BINARY))
        abort();
    if (azure) {
        X509_ALGOR_set0(si->digest_alg, OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, NULL);
        X509_ALGOR_set0(sk_X509_ALGOR_value(p->d.sign->md_algs, 0), OBJ_nid2obj(NID_sha256WithRSAEncryption),
                        V_ASN1_NULL, NULL);
    }
    *der = NULL;
    int n = i2d_PKCS7(p, der);
    PKCS7_free(p);
    BIO_free(b);
    return n > 0 ? (size_t)n : 0;
}

/* Decoded and encoded again it is the same; and OpenSSL verifies it. */
static bool holds(struct su_bytes der, X509 *leaf, struct su_bytes data)
{
    const uint8_t *p = der.p;
    uint8_t *again = NULL;
    char *got;
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);
    bool good = p7 && p == der.p + der.n && i2d_PKCS7(p7, &again) == (int)der.n && memcmp(again, der.p, der.n) == 0;
    BIO *out = BIO_new(BIO_s_mem());
    good = good && PKCS7_verify(p7, NULL, NULL, NULL, out, PKCS7_NOVERIFY | PKCS7_BINARY) == 1 &&
           BIO_get_mem_data(out, &got) == (long)data.n && memcmp(got, data.p, data.n) == 0;
    good = good && sk_X509_num(p7->d.sign->cert) == 1 && X509_cmp(sk_X509_value(p7->d.sign->cert, 0), leaf) == 0;
    BIO_free(out);
    OPENSSL_free(again);
    PKCS7_free(p7);
    return good;
}

static void same_as_openssl(enum su_key_algorithm a, bool azure, const char *what)
{
    struct su_err e = {0};
    SU_KEY struct su_key *key = NULL;
    char uri[512];
    uint8_t *data = calloc(1, 16 << 10);
    unsigned differ = 0, bad = 0, tried = 0;
    struct su_document_signer *s = NULL;
    if (su_key_generate("file:t", a, &sample_options, &key, uri, sizeof uri, &e) < 0)
        abort();
    X509 *leaf = sample_leaf(su_key_pkey(key), NULL);
    ok(su_document_signer_new(key, leaf, azure, &s, &e) == 0, "%s: a signer", what);
    memset(data, 'a', 16 << 10);
    data[0] = '{';
    for (size_t n = 1; n <= 16 << 10; n += n < 300 ? (a == SU_KEY_RSA3072 ? 17 : 1) : 977, tried++) {
        SU_BUF struct su_buf der = {0};
        uint8_t *want = NULL;
        struct su_bytes d = {data, n};
        if (su_document_sign(s, d, &der, &e) < 0 || !holds(su_buf_bytes(&der), leaf, d))
            bad++;
        if (a == SU_KEY_P256) /* another signature each time */
            continue;
        size_t m = reference(su_key_pkey(key), leaf, d, azure, &want);
        differ += m != der.n || memcmp(want, der.p, m) != 0;
        OPENSSL_free(want);
    }
    ok(bad == 0, "%s: %u sizes decode, encode to the same bytes and verify", what, tried);
    ok(differ == 0, "%s: the bytes of PKCS7_sign", what);
    SU_BUF struct su_buf der = {0};
    ok(su_document_sign(s, (struct su_bytes){(const uint8_t *)"0x", 2}, &der, &e) < 0 && der.n == 0,
       "%s: signs nothing that does not start with '{'", what);
    is_str(e.id, "document.payload");
    su_document_signer_free(&s);
    X509_free(leaf);
    free(data);
}

int main(void)
{
    sample_begin();
    payloads();
    escapes();
    same_as_openssl(SU_KEY_RSA2048, false, "RSA-2048");
    same_as_openssl(SU_KEY_RSA2048, true, "RSA-2048, Azure's OID");
    same_as_openssl(SU_KEY_RSA3072, false, "RSA-3072");
    same_as_openssl(SU_KEY_P256, false, "P-256");
    struct su_err e = {0};
    SU_KEY struct su_key *key = NULL;
    char uri[512];
    struct su_document_signer *s = NULL;
    ok(su_key_generate("file:ec", SU_KEY_P256, &sample_options, &key, uri, sizeof uri, &e) == 0);
    X509 *leaf = sample_leaf(su_key_pkey(key), NULL);
    ok(su_document_signer_new(key, leaf, true, &s, &e) < 0 && !s, "no Azure OID with P-256");
    is_str(e.id, "document.oid");
    X509_free(leaf);
    sample_end();
    return tap_done();
}
