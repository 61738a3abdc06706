/* SPDX-License-Identifier: Apache-2.0 */
/* An accepted document verifies with OpenSSL's own PKCS7_verify, and says what its bytes say; a refused one hands
 * nothing out.  Two ways in: 'P' and a payload, which a trusted host then signs; else an answer as it comes.  The
 * authority's keys are made at the start, so that only the first way gets past the signature. */
#include "internal.h"
#include "maker.h"
#include <openssl/err.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define VM "b1310a36-d400-46f6-82cb-6217df846586"
#define NONCE "abcdefghijklmnopqrstuvwxyz-_0123"

static struct mk_cert root, leaf;
static struct surety_verifier *verifier;
static struct surety_request *request;

static void need(bool good)
{
    if (!good)
        abort();
}

static void set_up(void)
{
    unsigned char *der = NULL;
    if (verifier)
        return;
    root = mk_cert(&(struct mk_spec){.cn = "root", .ca = true});
    leaf = mk_cert(
        &(struct mk_spec){.cn = "leaf", .issuer = &root, .eku = MK_SIGNING, .san = "DNS:node1.metadata.example.org"});
    int n = i2d_X509(root.x, &der);
    need(surety_verifier_new(&verifier, NULL) == 0 && surety_verifier_add_roots(verifier, der, (size_t)n, NULL) == 0);
    need(surety_verifier_set_vm_id(verifier, VM, NULL) == 0 &&
         surety_verifier_add_domain(verifier, "example.org", NULL) == 0);
    need(surety_request_new(&request, NULL) == 0 && surety_request_set_nonce(request, NONCE, NULL) == 0);
    surety_verifier_set_time(verifier, MK_NOW + 10);
    OPENSSL_free(der);
}

/* The same question to OpenSSL alone: the signature, and that it covers these bytes. */
static void check_with_openssl(const struct surety_answer *a, const char *payload, size_t n)
{
    size_t der_n = 0;
    const unsigned char *p = surety_answer_der(a, &der_n);
    PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der_n);
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    need(p7 && out && PKCS7_verify(p7, NULL, NULL, NULL, out, PKCS7_NOVERIFY | PKCS7_BINARY) == 1);
    long got = BIO_get_mem_data(out, &text);
    need(got == (long)n && memcmp(text, payload, n) == 0);
    BIO_free(out);
    PKCS7_free(p7);
}

static void check_accepted(const struct surety_answer *a, const struct surety_document *d)
{
    size_t n = 0;
    const char *payload = surety_document_payload(d, &n);
    char *quoted = strstr(payload, NONCE);
    need(quoted && strcmp(surety_document_get(d, SURETY_F_NONCE), NONCE) == 0);
    need(surety_document_created(d) <= MK_NOW + 130 && surety_document_expires(d) > MK_NOW + 10);
    need((surety_document_checked(d) & (SURETY_CHECKED_NONCE | SURETY_CHECKED_VM | SURETY_CHECKED_DOMAIN)) ==
         (SURETY_CHECKED_NONCE | SURETY_CHECKED_VM | SURETY_CHECKED_DOMAIN));
    check_with_openssl(a, payload, n);
}

static void check(const struct surety_answer *a)
{
    struct surety_document *const untouched = (void *)&untouched, *d = untouched;
    struct surety_claims *c = NULL;
    struct surety_error e = {0};
    int r = surety_verify(verifier, request, a, &d, &e);
    need(r == (int)e.reason && r >= 0 && r < SURETY_REASON_COUNT);
    if (r) {
        need(d == untouched && e.detail[0]);
    } else {
        check_accepted(a, d);
        surety_document_free(&d);
    }
    (void)surety_peek_unverified(a, &c, NULL);
    need(c || r); /* what verifies can also be looked at */
    surety_claims_free(&c);
    need(ERR_peek_error() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct surety_answer *a = NULL;
    set_up();
    if (n > 1 && n < 4096 && data[0] == 'P' && !memchr(data, 0, n)) {
        char *payload = malloc(n);
        size_t der_n = 0;
        need(payload != NULL);
        memcpy(payload, data + 1, n - 1);
        payload[n - 1] = 0;
        unsigned char *der = mk_document(&(struct mk_doc){.payload = payload, .signer = &leaf}, &der_n);
        need(surety_answer_parse(der, der_n, &a, NULL) == 0);
        free(der);
        free(payload);
    } else if (surety_answer_parse(data, n, &a, NULL)) {
        return 0;
    }
    ERR_clear_error();
    check(a);
    surety_answer_free(&a);
    return 0;
}
