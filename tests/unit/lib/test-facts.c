/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed, who signed it, and what is demanded: each refusal by its name. */
#include "fixture.h"

static const char *verdict_name(const char *san, const char *domain)
{
    struct mk_cert c =
        mk_cert(&(struct mk_spec){.cn = "a.example.org", .issuer = &issuing, .eku = MK_SIGNING, .san = san});
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE, .no_ours = true});
    struct surety_verifier *with = verifier();
    ok(surety_verifier_add_domain(with, domain, &e) == 0, "domain %s", domain);
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = good, .signer = &c}, issuing.x);
    const char *name = verdict_of(with, q, a);
    surety_answer_free(&a);
    surety_verifier_free(&with);
    free(good);
    mk_cert_free(&c);
    return name;
}

static void test_names(void)
{
    is_str(verdict_name("DNS:node1.metadata.example.org", "metadata.example.org"), "ok");
    is_str(verdict_name("DNS:metadata.example.org", "metadata.example.org"), "ok");
    is_str(verdict_name("DNS:NODE1.Metadata.Example.ORG", "metadata.example.org"), "ok");
    is_str(verdict_name("DNS:a.example.net,DNS:node1.metadata.example.org", "metadata.example.org"), "ok");
    is_str(verdict_name("DNS:evilmetadata.example.org", "metadata.example.org"), "certificate.name");
    is_str(verdict_name("DNS:metadata.example.org.evil.net", "metadata.example.org"), "certificate.name");
    is_str(verdict_name("DNS:*.metadata.example.org", "metadata.example.org"), "certificate.name");
    is_str(verdict_name("DNS:example.org", "metadata.example.org"), "certificate.name");
    is_str(verdict_name("email:x@metadata.example.org", "metadata.example.org"), "certificate.name");
    is_str(verdict_name(NULL, "example.org"), "certificate.name");
    static const char *const bad[] = {"", ".", ".org", "a..b", "-a.org", "a-.org", "*.org", "a b", "a/b", "org."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(surety_verifier_add_domain(v, bad[i], &e) == SURETY_USAGE, "\"%s\" is no domain", bad[i]);
}

/* The payload says that node1 made it. */
static const char *verdict_host(const char *san)
{
    struct mk_cert c = mk_cert(&(struct mk_spec){.cn = "x", .issuer = &issuing, .eku = MK_SIGNING, .san = san});
    char *text = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = text, .signer = &c}, issuing.x);
    const char *name = verdict_of(v, q, a);
    surety_answer_free(&a);
    free(text);
    mk_cert_free(&c);
    return name;
}

static void test_host(void)
{
    is_str(verdict_host("DNS:node1.metadata.example.org"), "ok");
    is_str(verdict_host("DNS:NODE1.metadata.example.org"), "ok");
    is_str(verdict_host("DNS:node2.metadata.example.org"), "certificate.name");
    is_str(verdict_host("DNS:node11.metadata.example.org"), "certificate.name");
    is_str(verdict_host("DNS:node2.node1.metadata.example.org"), "certificate.name");
    is_str(verdict_host("DNS:node1"), "certificate.name");
    is_str(verdict_host(NULL), "certificate.name");
}

static void test_azure(void)
{
    struct mk_cert c = mk_cert(&(struct mk_spec){.cn = "metadata.azure.com",
                                                 .issuer = &issuing,
                                                 .key = "rsa2048",
                                                 .eku = MK_SERVER,
                                                 .ku = "digitalSignature,keyEncipherment",
                                                 .san = "DNS:eastus.metadata.azure.com,DNS:metadata.azure.com"});
    char *text = mk_payload(&(struct mk_payload){
        .nonce = "20260921-192640", .no_ours = true, .subscription = "8a205152-b25a-417f-a676-80465535a6c9"});
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = text, .signer = &c, .azure = true}, issuing.x);
    struct surety_verifier *with = verifier();
    struct surety_document *d = NULL;
    is_str(verdict_of(with, NULL, a), "certificate.usage");
    ok(surety_verifier_set_flags(with, SURETY_ALLOW_SERVER_AUTH, &e) == 0, "TLS certificates allowed");
    is_str(verdict_of(with, NULL, a), "usage");
    ok(surety_verifier_add_domain(with, "metadata.azure.com", &e) == 0, "for a domain");
    is_str(verdict_of(with, q, a), "nonce.server");
    ok(surety_verify(with, NULL, a, &d, &e) == 0, "a document of Azure's form");
    is_str(surety_document_get(d, SURETY_F_SUBSCRIPTION_ID), "8a205152-b25a-417f-a676-80465535a6c9");
    is_str(surety_document_get(d, SURETY_F_SIGNER_NAME), "eastus.metadata.azure.com");
    is_str(surety_document_get(d, SURETY_F_SIGNER_ALGORITHM), "RSA-2048");
    ok(!surety_document_get(d, SURETY_F_CLUSTER) && surety_document_checked(d) == SURETY_CHECKED_DOMAIN, "no more");
    ok(surety_document_created(d) == MK_NOW && surety_document_expires(d) == MK_NOW + 21600, "times");
    surety_document_free(&d);
    surety_answer_free(&a);
    surety_verifier_free(&with);
    free(text);
    mk_cert_free(&c);
}

static void test_crl(void)
{
    static const struct {
        int64_t last, next;
        bool revoked, foreign;
        const char *name;
    } rows[] = {
        {MK_NOW - 10, MK_NOW + 3600, false, false, "ok"},
        {MK_NOW - 10, MK_NOW + 3600, true, false, "certificate.revoked"},
        {MK_NOW - 3600, MK_NOW - 10, false, false, "crl.expired"},
        {MK_NOW + 3600, MK_NOW + 7200, false, false, "crl.expired"},
        {MK_NOW - 10, MK_NOW + 3600, false, true, "crl.missing"},
    };
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = good, .signer = &leaf}, issuing.x);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct surety_verifier *with = verifier();
        X509_CRL *crl =
            mk_crl(rows[i].foreign ? &foreign : &issuing, rows[i].revoked ? leaf.x : NULL, rows[i].last, rows[i].next);
        unsigned char *der = NULL;
        int n = i2d_X509_CRL(crl, &der);
        ok(surety_verifier_add_crl(with, der, (size_t)n, &e) == 0, "a CRL");
        is_str(verdict_of(with, q, a), rows[i].name);
        OPENSSL_free(der);
        X509_CRL_free(crl);
        surety_verifier_free(&with);
    }
    struct surety_verifier *with = verifier();
    X509_CRL *one = mk_crl(&issuing, NULL, MK_NOW - 10, MK_NOW + 60),
             *two = mk_crl(&root, issuing.x, MK_NOW - 10, MK_NOW + 60);
    BIO *b = BIO_new(BIO_s_mem());
    char *pem = NULL;
    PEM_write_bio_X509_CRL(b, one);
    PEM_write_bio_X509_CRL(b, two);
    long n = BIO_get_mem_data(b, &pem);
    ok(surety_verifier_add_crl(with, pem, (size_t)n, &e) == 0, "two CRLs in PEM");
    is_str(verdict_of(with, q, a), "chain.revoked");
    BIO_free(b);
    X509_CRL_free(one);
    X509_CRL_free(two);
    surety_verifier_free(&with);
    surety_answer_free(&a);
    free(good);
}

#define PAYLOAD(...) verdict_payload(&(struct mk_payload){.nonce = NONCE, __VA_ARGS__})

static const char *verdict_text(const char *text)
{
    return verdict(&(struct mk_doc){.payload = text, .signer = &leaf});
}

static void test_payload(void)
{
    is_str(verdict_text("not json"), "payload.json");
    is_str(verdict_text(" {\"vmId\":\"" VM "\"}"), "payload.json");
    is_str(verdict_text("[{\"vmId\":\"" VM "\"}]"), "payload.json");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"vmId\":\"" VM "\"}"), "payload.json");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"vm\\u0049d\":\"" VM "\"}"), "payload.json");
    is_str(verdict_text("{\"vmId\":\"" VM "\"}x"), "payload.json");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"sku\":\"\xff\"}"), "payload.json");
    is_str(verdict_text("{}"), "payload.member");
    is_str(verdict_text("{\"vmId\":7}"), "payload.member");
    is_str(verdict_text("{\"vmId\":\"b1310a36-d400-46f6-82cb-6217df84658\"}"), "payload.member");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"nonce\":1}"), "payload.member");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"surety\":[]}"), "payload.member");
    is_str(verdict_text("{\"vmId\":\"" VM "\",\"timeStamp\":{\"createdOn\":\"x\",\"expiresOn\":\"x\"}}"),
           "payload.member");
    is_str(verdict_text("{\"vmId\":\"" VM "\"}"), "nonce.missing");
    is_str(verdict_text("{\"nonce\":\"\",\"vmId\":\"" VM "\"}"), "nonce.missing");
    is_str(verdict_text("{\"nonce\":\"" NONCE "\",\"vmId\":\"" VM "\"}"), "time.missing");
    is_str(
        verdict_text("{\"nonce\":\"" NONCE "\",\"timeStamp\":{\"createdOn\":\"09/21/26 13:26:40 -0000\",\"expiresOn\":"
                     "\"09/21/26 19:26:40 -0000\"},\"surety\":{\"createdOn\":1,\"expiresOn\":2},\"vmId\":\"" VM "\"}"),
        "time.window");
}

static void test_facts(void)
{
    is_str(PAYLOAD(.no_stamp = true), "ok");
    is_str(PAYLOAD(.no_ours = true), "ok");
    is_str(verdict_payload(&(struct mk_payload){.nonce = "20260921-132640"}), "nonce.server");
    is_str(verdict_payload(&(struct mk_payload){.nonce = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123"}), "nonce.differs");
    is_str(verdict_payload(&(struct mk_payload){.nonce = "abcdefghijklmnopqrstuvwxyz-_012"}), "nonce.differs");
    is_str(PAYLOAD(.created = MK_NOW + 131), "time.early");
    is_str(PAYLOAD(.created = MK_NOW + 129), "ok");
    is_str(PAYLOAD(.created = MK_NOW - 290), "ok");
    is_str(PAYLOAD(.created = MK_NOW - 291), "time.old");
    is_str(PAYLOAD(.created = MK_NOW - 20, .expires = MK_NOW + 10), "time.expired");
    is_str(PAYLOAD(.created = MK_NOW - 20, .expires = MK_NOW + 11), "ok");
    is_str(PAYLOAD(.created = MK_NOW, .expires = MK_NOW), "time.window");
    is_str(PAYLOAD(.created = MK_NOW, .expires = MK_NOW + 8 * 86400), "time.window");
    is_str(PAYLOAD(.audience = "https://a.example.org"), "audience.unexpected");
    is_str(PAYLOAD(.key = "thumb"), "ok");
}

static void test_demands(void)
{
    struct surety_verifier *all = verifier(), *keep = v;
    struct surety_request *ask = request(NONCE), *old = q;
    struct surety_document *d = NULL;
    struct mk_payload p = {.nonce = NONCE,
                           .vm = "360A31B1-00D4-F646-82cb-6217df846586",
                           .audience = "https://a.example.org",
                           .key = "thumb-print",
                           .secure_boot = true,
                           .vtpm = true,
                           .type = "TrustedLaunch",
                           .subscription = "8a205152-b25a-417f-a676-80465535a6c9"};
    v = all;
    q = ask;
    ok(surety_verifier_set_vm_id(v, VM, &e) == 0 && surety_verifier_set_cluster(v, "c1", &e) == 0 &&
           surety_verifier_add_subscription(v, "8A205152-b25a-417f-a676-80465535a6c9", &e) == 0 &&
           surety_verifier_require_security(v, 1, 1, "TrustedLaunch", &e) == 0 &&
           surety_request_set_audience(q, "https://a.example.org", &e) == 0 &&
           surety_request_set_key(q, "thumb-print", &e) == 0,
       "everything is demanded");
    is_str(verdict_payload(&p), "ok");
    char *text = mk_payload(&p);
    struct surety_answer *a = answer_of(&(struct mk_doc){.payload = text, .signer = &leaf}, issuing.x);
    ok(surety_verify(v, q, a, &d, &e) == 0, "with the swapped UUID");
    is_str(surety_document_get(d, SURETY_F_VM_ID), "360a31b1-00d4-f646-82cb-6217df846586");
    is_str(surety_document_get(d, SURETY_F_SECURITY_TYPE), "TrustedLaunch");
    ok(surety_document_checked(d) ==
           (SURETY_CHECKED_NONCE | SURETY_CHECKED_AGE | SURETY_CHECKED_VM | SURETY_CHECKED_SUBSCRIPTION |
            SURETY_CHECKED_CLUSTER | SURETY_CHECKED_AUDIENCE | SURETY_CHECKED_KEY | SURETY_CHECKED_SECURITY),
       "what was checked");
    surety_document_free(&d);
    surety_answer_free(&a);
    free(text);
#define BUT(member, value, name)                                                                                       \
    do {                                                                                                               \
        struct mk_payload x = p;                                                                                       \
        x.member = value;                                                                                              \
        is_str(verdict_payload(&x), name);                                                                             \
    } while (0)
    BUT(vm, VM, "ok");
    BUT(vm, "c1310a36-d400-46f6-82cb-6217df846586", "vm.differs");
    BUT(subscription, "00000000-b25a-417f-a676-80465535a6c9", "subscription.differs");
    BUT(subscription, NULL, "subscription.differs");
    BUT(cluster, "c2", "cluster.differs");
    BUT(cluster, "c11", "cluster.differs");
    BUT(no_ours, true, "cluster.differs");
    BUT(audience, "https://a.example.or", "audience.differs");
    BUT(audience, NULL, "audience.differs");
    BUT(key, NULL, "key.differs");
    BUT(key, "thumb-prinT", "key.differs");
    BUT(no_profile, true, "security.missing");
    BUT(secure_boot, false, "security.secure-boot");
    BUT(vtpm, false, "security.vtpm");
    BUT(type, "", "security.type");
    v = keep;
    q = old;
    surety_verifier_free(&all);
    surety_request_free(&ask);
}

static void test_answers(void)
{
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"{", "answer.json"},
        {"[]", "answer.member"},
        {"{}", "answer.member"},
        {"{\"encoding\":\"jws\",\"signature\":\"MAA=\"}", "answer.encoding"},
        {"{\"encoding\":\"pkcs7\"}", "answer.member"},
        {"{\"encoding\":\"pkcs7\",\"signature\":7}", "answer.member"},
        {"{\"encoding\":\"pkcs7\",\"signature\":\"MA A=\"}", "answer.base64"},
        {"{\"encoding\":\"pkcs7\",\"signature\":\"MAB=\"}", "answer.base64"},
        {"{\"encoding\":\"pkcs7\",\"signature\":\"MAA=\",\"signature\":\"MAA=\"}", "answer.json"},
        {"{\"encoding\":\"pkcs7\",\"signature\":\"MAA=\",\"surety\":{\"chain\":\"x\"}}", "answer.member"},
        {"{\"encoding\":\"pkcs7\",\"signature\":\"MAA=\",\"surety\":{\"chain\":[\"x\"]}}", "answer.base64"},
        {"M", "answer.base64"},
        {"-----BEGIN PKCS7-----\n-----END PKCS7-----\n", "answer.base64"},
        {"", "answer.size"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct surety_answer *const untouched = (void *)&untouched, *a = untouched;
        int r = surety_answer_parse(rows[i].text, strlen(rows[i].text), &a, &e);
        ok(a == untouched && r != 0, "%.60s", rows[i].text);
        is_str(surety_reason_name((enum surety_reason)r), rows[i].name);
    }
    struct surety_answer *a = NULL;
    char *huge = calloc(1, SURETY_ANSWER_MAX + 1);
    ok(surety_answer_parse(huge, SURETY_ANSWER_MAX + 1, &a, &e) == SURETY_ANSWER_SIZE, "more than 64 KiB");
    free(huge);
    char *good = mk_payload(&(struct mk_payload){.nonce = NONCE});
    size_t n = 0;
    unsigned char *der = mk_document(&(struct mk_doc){.payload = good, .signer = &leaf}, &n);
    BIO *b = BIO_new(BIO_s_mem());
    const unsigned char *p = der;
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)n);
    char *pem = NULL;
    PEM_write_bio_PKCS7(b, p7);
    long pem_n = BIO_get_mem_data(b, &pem);
    ok(surety_answer_parse(pem, (size_t)pem_n, &a, &e) == 0, "PEM: %s", e.detail);
    size_t got = 0;
    ok(memcmp(surety_answer_der(a, &got), der, n) == 0 && got == n && !surety_answer_chain(a, 0, NULL), "the same DER");
    struct surety_answer *again = NULL;
    ok(surety_answer_parse(surety_answer_json(a), strlen(surety_answer_json(a)), &again, &e) == 0 &&
           memcmp(surety_answer_der(again, &got), der, n) == 0,
       "and back as JSON");
    surety_answer_free(&again);
    PKCS7_free(p7);
    BIO_free(b);
    struct surety_claims *c = NULL;
    ok(surety_peek_unverified(a, &c, &e) == 0, "claims");
    is_str(surety_claims_get(c, SURETY_F_NONCE), NONCE);
    is_str(surety_claims_payload(c, NULL), good);
    surety_claims_free(&c);
    surety_answer_free(&a);
    free(der);
    free(good);
}

static void test_trust_files(void)
{
    struct surety_verifier *x = NULL;
    ok(surety_verifier_new(&x, &e) == 0, "a verifier");
    is_str(surety_reason_name((enum surety_reason)surety_verifier_add_roots(x, "nothing", 7, &e)), "trust.form");
    is_str(surety_reason_name((enum surety_reason)surety_verifier_add_roots(x, "", 0, &e)), "trust.form");
    is_str(surety_reason_name((enum surety_reason)surety_verifier_add_roots_file(x, "/does/not/exist", &e)), "file");
    BIO *b = BIO_new(BIO_s_mem());
    char *pem = NULL;
    PEM_write_bio_X509(b, root.x);
    BIO_puts(b, "-----BEGIN CERTIFICATE-----\nTm8h\n-----END CERTIFICATE-----\n");
    long n = BIO_get_mem_data(b, &pem);
    is_str(surety_reason_name((enum surety_reason)surety_verifier_add_roots(x, pem, (size_t)n, &e)), "trust.form");
    ok(sk_X509_num(x->roots) == 0, "a bundle that is broken in part is not taken in part");
    BIO_free(b);
    surety_verifier_free(&x);
}

static void test_requests(void)
{
    struct surety_request *a = request(NULL), *b = request(NULL);
    ok(strlen(surety_request_nonce(a)) == 32 && strcmp(surety_request_nonce(a), surety_request_nonce(b)) != 0,
       "nonces");
    ok(surety_request_set_nonce(a, "20260921-132640", &e) == SURETY_NONCE_SERVER, "the server's is not fresh");
    ok(surety_request_set_nonce(a, "123456789012345678901", &e) == SURETY_USAGE, "21 characters");
    ok(surety_request_expect_nonce(a, "20260921-132640", &e) == SURETY_NONCE_SERVER, "nor for somebody else");
    ok(surety_request_expect_nonce(a, "", &e) == SURETY_USAGE, "an empty one");
    ok(surety_request_expect_nonce(a, "1234567890", &e) == SURETY_OK, "ten digits that somebody else asked with");
    ok(surety_request_set_nonce(a, "123456789012345678901234567890123", &e) == SURETY_USAGE, "33 characters");
    ok(surety_request_set_nonce(a, "1234567890123456789012/", &e) == SURETY_USAGE, "a slash");
    ok(surety_request_set_audience(a, "a\"b", &e) == SURETY_USAGE &&
           surety_request_set_key(a, "", &e) == SURETY_USAGE &&
           surety_request_set_api_version(a, "2025-4-07", &e) == SURETY_USAGE,
       "arguments");
    ok(surety_request_set_audience(a, "", &e) == 0 && surety_request_set_api_version(a, "2018-10-01", &e) == 0,
       "good ones");
    surety_request_free(&a);
    surety_request_free(&b);
    surety_request_free(NULL);
    for (int r = 0; r < SURETY_REASON_COUNT; r++)
        ok(surety_reason_from_name(surety_reason_name((enum surety_reason)r)) == (enum surety_reason)r &&
               strlen(surety_reason_text((enum surety_reason)r)) > 5,
           "reason %s", surety_reason_name((enum surety_reason)r));
    ok(surety_reason_from_name("no such") == SURETY_REASON_COUNT, "no reason");
}

int main(void)
{
    fixture_make();
    test_names();
    test_host();
    test_azure();
    test_crl();
    test_payload();
    test_facts();
    test_demands();
    test_answers();
    test_trust_files();
    test_requests();
    fixture_free();
    return tap_done();
}
