/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and certificates of every form: what is taken, and each refusal by its name. */
#include "fixture.h"

static void test_forms(void)
{
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct mk_cert other = mk_cert(&(struct mk_spec){
        .cn = "other", .issuer = &issuing, .eku = MK_SIGNING, .san = "DNS:other.metadata.example.org"});
    struct mk_doc d = {.payload = good, .signer = &leaf};
    is_str(verdict(&d), "ok");
    d.azure = true;
    is_str(verdict(&d), "ok");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .attributes = true};
    is_str(verdict(&d), "document.attributes");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .unsigned_attribute = true};
    is_str(verdict(&d), "document.attributes");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .extra = {other.x}};
    is_str(verdict(&d), "document.certificates");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .two_signers = true};
    is_str(verdict(&d), "document.signers");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .detached = true};
    is_str(verdict(&d), "document.content");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .no_cert = true};
    is_str(verdict(&d), "signer.missing");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .no_cert = true, .extra = {other.x}};
    is_str(verdict(&d), "signer.missing");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .sha512 = true};
    is_str(verdict(&d), "algorithm.digest");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .other_key = foreign.key};
    is_str(verdict(&d), "signature.wrong");
    struct mk_cert rsa = mk_cert(&(struct mk_spec){.cn = "y", .issuer = &issuing, .key = "rsa2048", .eku = MK_SIGNING});
    size_t der_n = 0;
    unsigned char *der = mk_document(&(struct mk_doc){.payload = good, .signer = &leaf, .attributes = true}, &der_n);
    struct surety_answer *a = NULL;
    struct surety_claims *c = NULL;
    ok(surety_answer_parse(der, der_n, &a, &e) == 0 && surety_peek_unverified(a, &c, &e) == 0,
       "a look at a refused one");
    is_str(surety_claims_get(c, SURETY_F_SIGNER_NAME), "node1.metadata.example.org");
    surety_claims_free(&c);
    surety_answer_free(&a);
    free(der);
    d = (struct mk_doc){.payload = good, .signer = &leaf, .named = rsa.x};
    is_str(verdict(&d), "signature.wrong");
    mk_cert_free(&rsa);
    d = (struct mk_doc){.payload = good, .signer = &foreign_leaf};
    is_str(verdict(&d), "chain.incomplete");
    ok(surety_verifier_set_flags(v, SURETY_ALLOW_EXTRA_CERTS, &e) == 0, "more certificates allowed");
    d = (struct mk_doc){.payload = good, .signer = &leaf, .extra = {other.x}};
    is_str(verdict(&d), "ok");
    d = (struct mk_doc){.payload = good, .signer = &foreign_leaf, .extra = {leaf.x}};
    is_str(verdict(&d), "chain.incomplete");
    d = (struct mk_doc){.payload = good, .signer = &foreign_leaf, .extra = {foreign_issuing.x, foreign.x}};
    is_str(verdict(&d), "chain.untrusted");
    ok(surety_verifier_set_flags(v, 0, &e) == 0 && surety_verifier_set_flags(v, 64, &e) == SURETY_USAGE, "flags");
    mk_cert_free(&other);
    free(good);
}

/* One byte at a time, an accepted document stays the one it was: nothing outside the signature counts. */
static void test_bytes(void)
{
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    size_t n = 0, taken = 0, wrong = 0;
    unsigned char *der = mk_document(&(struct mk_doc){.payload = good, .signer = &leaf}, &n);
    struct surety_verifier *with = v;
    unsigned char *chain = NULL;
    int chain_n = i2d_X509(issuing.x, &chain);
    ok(surety_verifier_add_intermediates(with, chain, (size_t)chain_n, &e) == 0, "an intermediate");
    OPENSSL_free(chain);
    for (size_t i = 0; i < n; i++) {
        struct surety_answer *a = NULL;
        struct surety_document *d = NULL;
        der[i] ^= 1;
        if (surety_answer_parse(der, n, &a, &e) == 0 && surety_verify(with, q, a, &d, &e) == 0) {
            size_t len = 0;
            taken++;
            wrong += strcmp(surety_document_payload(d, &len), good) != 0 || len != strlen(good);
        }
        surety_document_free(&d);
        surety_answer_free(&a);
        der[i] ^= 1;
    }
    ok(wrong == 0 && taken == 0, "%zu bytes flipped one at a time, %zu taken, %zu of them altered", n, taken, wrong);
    for (size_t i = 0; i < n; i++) {
        struct surety_answer *a = NULL;
        struct surety_document *d = NULL;
        unsigned char *cut = malloc(i ? i : 1);
        memcpy(cut, der, i);
        if (surety_answer_parse(cut, i, &a, &e) == 0 && surety_verify(with, q, a, &d, &e) == 0)
            wrong++;
        surety_answer_free(&a);
        free(cut);
    }
    ok(wrong == 0, "no beginning of a document is one");
    free(der);
    free(good);
}

static const char *verdict_der(const unsigned char *der, size_t n)
{
    struct surety_answer *a = NULL;
    int r = surety_answer_parse(der, n, &a, &e);
    const char *name = r ? surety_reason_name((enum surety_reason)r) : verdict_of(v, q, a);
    surety_answer_free(&a);
    return name;
}

static void test_der(void)
{
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    size_t n = 0;
    unsigned char *der = mk_document(&(struct mk_doc){.payload = good, .signer = &leaf}, &n);
    unsigned char *big = calloc(1, 40000);
    memcpy(big, der, n);
    is_str(verdict_der(big, n), "ok");
    is_str(verdict_der(big, n + 1), "document.trailing");
    is_str(verdict_der(big, 20000), "document.size");
    big[1] = 0x80; /* indefinite length */
    is_str(verdict_der(big, n), "document.der");
    is_str(verdict_der((const unsigned char *)"\x30\x03\x02\x01\x01", 5), "document.type");
    is_str(verdict_der((const unsigned char *)"\x30\x81\x03\x02\x01\x01", 6), "document.der");
    is_str(verdict_der((const unsigned char *)"\x30\x04\x02\x02\x00\x01", 6), "document.der");
    is_str(verdict_der((const unsigned char *)"\x30", 1), "document.der");
    is_str(verdict_der((const unsigned char *)"\x30\x00", 2), "document.type");
    /* an outer length in four bytes where two do */
    memcpy(big, "\x30\x83\x00", 3);
    memcpy(big + 3, der + 2, n - 2);
    is_str(verdict_der(big, n + 1), "document.der");
    memset(big, 0x30, 40000);
    for (size_t i = 0; i < 60; i++)
        big[2 * i + 1] = (unsigned char)(2 * (59 - i));
    is_str(verdict_der(big, 120), "document.der");
    free(big);
    free(der);
    free(good);
}

static const char *verdict_leaf(const struct mk_spec *s)
{
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct mk_cert c = mk_cert(s);
    struct mk_doc d = {.payload = good, .signer = &c};
    const char *name = verdict(&d);
    mk_cert_free(&c);
    free(good);
    return name;
}

#define LEAF(...)                                                                                                      \
    verdict_leaf(&(struct mk_spec){                                                                                    \
        .cn = "x", .issuer = &issuing, .eku = MK_SIGNING, .san = "DNS:node1.metadata.example.org", __VA_ARGS__})

static void test_certificates(void)
{
    is_str(LEAF(.key = "p256"), "ok");
    is_str(LEAF(.key = "p384"), "ok");
    is_str(LEAF(.key = "rsa3072"), "ok");
    is_str(LEAF(.key = "rsa1024"), "key.size");
    is_str(LEAF(.key = "secp256k1"), "key.type");
    is_str(LEAF(.ku = "critical,digitalSignature"), "ok");
    is_str(LEAF(.ku = "critical,keyEncipherment"), "certificate.usage");
    is_str(LEAF(.ca = true), "certificate.ca");
    is_str(verdict_leaf(&(struct mk_spec){.cn = "x", .issuer = &issuing}), "certificate.usage");
    is_str(verdict_leaf(&(struct mk_spec){.cn = "x", .issuer = &issuing, .eku = MK_SERVER}), "certificate.usage");
    is_str(verdict_leaf(&(struct mk_spec){.cn = "x", .issuer = &issuing, .eku = "anyExtendedKeyUsage"}),
           "certificate.usage");
    is_str(LEAF(.from = MK_NOW - 86400, .to = MK_NOW + 5), "certificate.expired");
    is_str(LEAF(.from = MK_NOW + 3600), "certificate.early");
    is_str(LEAF(.from = MK_NOW + 60), "certificate.created");
    is_str(LEAF(.from = MK_NOW + 5), "certificate.created");
    is_str(LEAF(.from = MK_NOW), "ok");
    is_str(LEAF(.sha1 = true), "chain.weak");
    is_str(verdict_leaf(&(struct mk_spec){.cn = "self", .eku = MK_SIGNING}), "chain.untrusted");
    is_str(verdict_leaf(&(struct mk_spec){
               .cn = "x", .issuer = &root, .eku = MK_SIGNING, .san = "DNS:node1.metadata.example.org"}),
           "ok");
    /* a leaf that signs a leaf */
    struct mk_cert middle = mk_cert(&(struct mk_spec){.cn = "middle", .issuer = &issuing, .eku = MK_SIGNING});
    struct mk_cert below = mk_cert(&(struct mk_spec){.cn = "below", .issuer = &middle, .eku = MK_SIGNING});
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct mk_doc d = {.payload = good, .signer = &below, .extra = {middle.x}};
    surety_verifier_set_flags(v, SURETY_ALLOW_EXTRA_CERTS, NULL);
    is_str(verdict(&d), "chain.invalid");
    surety_verifier_set_flags(v, 0, NULL);
    free(good);
    mk_cert_free(&below);
    mk_cert_free(&middle);
}

static void test_expired_authority(void)
{
    struct mk_cert old = mk_cert(&(struct mk_spec){.cn = "old issuing", .issuer = &root, .ca = true, .to = MK_NOW + 5});
    struct mk_cert c = mk_cert(&(struct mk_spec){.cn = "x", .issuer = &old, .eku = MK_SIGNING});
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = good, .signer = &c}, old.x);
    is_str(verdict_of(v, q, a), "chain.expired");
    surety_answer_free(&a);
    a = answer_of(&(struct mk_doc){.payload = good, .signer = &foreign_leaf}, foreign_issuing.x);
    is_str(verdict_of(v, q, a), "chain.untrusted");
    surety_answer_free(&a);
    a = answer_of(&(struct mk_doc){.payload = good, .signer = &c}, NULL);
    is_str(verdict_of(v, q, a), "chain.incomplete");
    surety_answer_free(&a);
    struct surety_verifier *none = NULL;
    ok(surety_verifier_new(&none, &e) == 0, "without roots");
    a = answer_of(&(struct mk_doc){.payload = good, .signer = &leaf}, issuing.x);
    is_str(verdict_of(none, q, a), "trust.empty");
    surety_answer_free(&a);
    surety_verifier_free(&none);
    free(good);
    mk_cert_free(&c);
    mk_cert_free(&old);
}

int main(void)
{
    fixture_make();
    test_forms();
    test_certificates();
    test_expired_authority();
    test_bytes();
    test_der();
    fixture_free();
    return tap_done();
}
