/* SPDX-License-Identifier: Apache-2.0 */
/* fixture.h - an authority, a host, a foreign authority, a verifier, and what it says. */
#pragma once
#include "internal.h"
#include "maker.h"
#include "surety/surety.h"
#include "tests/lib/tap.h"
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define VM "b1310a36-d400-46f6-82cb-6217df846586"
#define NONCE "abcdefghijklmnopqrstuvwxyz-_0123"

__attribute__((unused)) static struct mk_cert root, issuing, leaf, foreign, foreign_issuing, foreign_leaf;
__attribute__((unused)) static struct surety_verifier *v;
__attribute__((unused)) static struct surety_request *q;
__attribute__((unused)) static struct surety_error e;

__attribute__((unused)) static int add_root(struct surety_verifier *to, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    int r = surety_verifier_add_roots(to, der, (size_t)n, &e);
    OPENSSL_free(der);
    return r;
}

__attribute__((unused)) static struct surety_verifier *verifier(void)
{
    struct surety_verifier *x = NULL;
    ok(surety_verifier_new(&x, &e) == 0 && add_root(x, root.x) == 0, "a verifier");
    surety_verifier_set_time(x, MK_NOW + 10);
    return x;
}

__attribute__((unused)) static struct surety_request *request(const char *nonce)
{
    struct surety_request *x = NULL;
    if (surety_request_new(&x, &e) || (nonce && surety_request_set_nonce(x, nonce, &e)))
        printf("Bail out! %s\n", e.detail);
    return x;
}

__attribute__((unused)) static struct surety_answer *answer_of(const struct mk_doc *d, X509 *beside)
{
    size_t n = 0;
    struct surety_answer *a = NULL;
    unsigned char *der = mk_document(d, &n);
    char *json = mk_answer(der, n, &beside, beside != NULL);
    if (surety_answer_parse(json, strlen(json), &a, &e))
        printf("# %s\n", e.detail);
    free(json);
    free(der);
    return a;
}

/* The name of what surety_verify says, having checked that a refusal hands nothing out. */
__attribute__((unused)) static const char *verdict_of(const struct surety_verifier *with,
                                                      const struct surety_request *ask, const struct surety_answer *a)
{
    struct surety_document *const untouched = (void *)&untouched, *d = untouched;
    static const char *name;
    e = (struct surety_error){0};
    int r = a ? surety_verify(with, ask, a, &d, &e) : (int)e.reason;
    name = surety_reason_name((enum surety_reason)r);
    if (r == 0) {
        ok(d && d != untouched && surety_document_get(d, SURETY_F_VM_ID), "the document is there");
        surety_document_free(&d);
        ok(d == NULL, "freed");
    } else {
        ok(d == untouched && (int)e.reason == r && strlen(e.detail) > 0, "refused: %s", e.detail);
    }
    return name;
}

__attribute__((unused)) static const char *verdict(const struct mk_doc *d)
{
    struct surety_answer *a = answer_of(d, issuing.x);
    const char *name = verdict_of(v, q, a);
    surety_answer_free(&a);
    return name;
}

__attribute__((unused)) static const char *verdict_payload(const struct mk_payload *p)
{
    char *text = mk_payload(p);
    struct mk_doc d = {.payload = text, .signer = &leaf};
    const char *name = verdict(&d);
    free(text);
    return name;
}

__attribute__((unused)) static void fixture_make(void)
{
    setvbuf(stdout, NULL, _IOLBF, 8192);
    root = mk_cert(&(struct mk_spec){.cn = "example.org surety root", .ca = true});
    issuing = mk_cert(&(struct mk_spec){.cn = "example.org surety issuing 1", .issuer = &root, .ca = true});
    leaf = mk_cert(&(struct mk_spec){.cn = "node1.metadata.example.org",
                                     .issuer = &issuing,
                                     .key = "rsa2048",
                                     .eku = MK_SIGNING,
                                     .san = "DNS:node1.metadata.example.org",
                                     .ku = "critical,digitalSignature"});
    foreign = mk_cert(&(struct mk_spec){.cn = "foreign root", .ca = true, .key = "rsa2048"});
    foreign_issuing = mk_cert(&(struct mk_spec){.cn = "foreign issuing", .issuer = &foreign, .ca = true});
    foreign_leaf = mk_cert(&(struct mk_spec){.cn = "node1.metadata.example.org",
                                             .issuer = &foreign_issuing,
                                             .eku = MK_SIGNING,
                                             .san = "DNS:node1.metadata.example.org"});
    v = verifier();
    q = request(NONCE);
}

__attribute__((unused)) static void fixture_free(void)
{
    surety_verifier_free(&v);
    surety_request_free(&q);
    struct mk_cert *all[] = {&root, &issuing, &leaf, &foreign, &foreign_issuing, &foreign_leaf};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mk_cert_free(all[i]);
}
