/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of libsurety share.  Public rules: surety/surety.h. */
#pragma once
#include "json.h"
#include "surety/surety.h"
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

enum {
    NONCE_MIN = 22,
    NONCE_MAX = 32,
    AUDIENCE_MAX = 255,
    THUMBPRINT_MAX = 64,
    CERT_MAX = 16 << 10, /* bytes of a certificate that comes with an answer */
    TRUST_MAX = 4 << 20, /* bytes of a trust bundle or CRL */
    DOMAINS_MAX = 16,
    SUBSCRIPTIONS_MAX = 64,
    ENDPOINTS_MAX = 8,
    FIELD_TEXT = 512, /* bytes of a text in a payload, with the NUL */
};

/* error.c ------------------------------------------------------------------ */
/* Fills *e (which may be NULL) and returns r.  fmt adds to the reason's text and may be NULL. */
int surety_fail(struct surety_error *e, enum surety_reason r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int surety_fail_os(struct surety_error *e, enum surety_reason r, int os_errno, const char *what);
/* With what OpenSSL's queue says, which is emptied. */
int surety_fail_crypto(struct surety_error *e, const char *what);

/* text.c ------------------------------------------------------------------- */
bool surety_charset_ok(const char *s, size_t min, size_t max);               /* [A-Za-z0-9_-] */
bool surety_uuid_parse(const char *s, size_t n, char out[SURETY_UUID_TEXT]); /* any case in, lower case out */
void surety_uuid_swap(const char in[SURETY_UUID_TEXT], char out[SURETY_UUID_TEXT]);
/* "07/28/26 19:24:00 -0000" and "20260728-192400"; UTC, years 2000..2099 and 1970..9999 */
bool surety_time_azure(const char *s, int64_t *out);
bool surety_time_nonce(const char *s, int64_t *out);
bool surety_looks_like_server_nonce(const char *s);
int64_t surety_now(void);
/* Strict RFC 4648 with padding, nothing else between; NULL when it is not that, or longer than max bytes; owned. */
unsigned char *surety_base64(const char *s, size_t n, size_t max, size_t *out_n);
char *surety_base64_text(const unsigned char *p, size_t n); /* owned; NULL: no memory */

/* A text that grows; failed stays set. */
struct text {
    char *p;
    size_t n, cap;
    bool failed;
};
void text_add(struct text *t, const char *p, size_t n);
void text_str(struct text *t, const char *s);
void text_url(struct text *t, const char *s); /* percent-encoded */
void text_free(struct text *t);

/* form.c: PKCS#7, its form and its signature ------------------------------- */
struct form {
    PKCS7 *p7;                    /* owned */
    X509 *signer;                 /* borrowed from p7 */
    const unsigned char *content; /* borrowed from p7 */
    size_t content_n;
    char algorithm[24];
};
/* Everything about the form, algorithms and signature; flags as in surety.h.  Nothing of trust. */
int surety_form_check(const unsigned char *der, size_t n, unsigned flags, struct form *out, struct surety_error *e);
/* What is inside, with nothing checked but that it can be read; signer may be NULL. */
int surety_form_peek(const unsigned char *der, size_t n, struct form *out, struct surety_error *e);
void surety_form_free(struct form *f);
/* der.c: definite lengths, shortest form, bounded depth, nothing behind. */
int surety_der_check(const unsigned char *p, size_t n, struct surety_error *e);

/* payload.c ---------------------------------------------------------------- */
struct facts {
    char *text[SURETY_FIELD_COUNT]; /* owned; NULL: not there */
    char *payload;                  /* owned */
    size_t payload_n;
    int64_t created, expires; /* INT64_MIN: not told */
    bool has_profile;
};
int surety_payload_parse(const unsigned char *p, size_t n, struct facts *out, struct surety_error *e);
int surety_facts_signer(struct facts *f, X509 *signer, const char *algorithm, struct surety_error *e);
void surety_facts_free(struct facts *f);

/* The handles -------------------------------------------------------------- */
struct surety_request {
    char nonce[NONCE_MAX + 1], audience[AUDIENCE_MAX + 1], key[THUMBPRINT_MAX + 1], version[16];
};

struct surety_answer {
    unsigned char *der;
    size_t n;
    struct {
        unsigned char *der;
        size_t n;
    } chain[SURETY_CHAIN_MAX];
    size_t n_chain;
    char endpoint[128];
    char *json;
};

struct surety_verifier {
    STACK_OF(X509) * roots, *intermediates;
    STACK_OF(X509_CRL) * crls;
    char *domain[DOMAINS_MAX];
    size_t n_domains;
    char vm[SURETY_UUID_TEXT]; /* "": any */
    char *cluster;             /* NULL: any */
    char subscription[SUBSCRIPTIONS_MAX][SURETY_UUID_TEXT];
    size_t n_subscriptions;
    bool secure_boot, vtpm, profile;
    char *security_type;
    int64_t at; /* 0: now */
    unsigned skew, max_age, flags;
    bool max_age_set;
};

struct surety_document {
    struct facts facts;
    unsigned checked;
};
struct surety_claims {
    struct facts facts;
};

/* chain.c */
int surety_chain_check(const struct surety_verifier *v, const struct form *f, const struct surety_answer *a,
                       int64_t now, struct surety_error *e);
int surety_x509_times(const X509 *x, int64_t *from, int64_t *to); /* false: 0 */
/* names.c: usage and name of the signer's certificate */
int surety_usage_check(const struct surety_verifier *v, X509 *leaf, struct surety_error *e);
int surety_name_check(const struct surety_verifier *v, X509 *leaf, struct surety_error *e);
/* Is it the certificate of the host that the document names? */
int surety_host_check(X509 *leaf, const char *host, struct surety_error *e);
/* The i-th DNS name, as text; NULL past the last or when it is no DNS name as we take them.  Owned. */
char *surety_dns_name(X509 *x, int i, bool *end);
bool surety_domain_ok(const char *domain);
/* http.c, fetch.c */
struct http_reply {
    int status;
    unsigned retry_after;
    const char *body; /* borrowed, in the buffer, decoded in place */
    size_t body_n;
};
enum http_progress { HTTP_MORE, HTTP_DONE, HTTP_BAD };
/* Looks at all that came so far.  Changes buf (chunks are joined) only with HTTP_DONE. */
enum http_progress surety_http_parse(char *buf, size_t n, struct http_reply *out);
enum { HTTP_MAX_HEAD = 8 << 10, HTTP_MAX_REPLY = SURETY_ANSWER_MAX + HTTP_MAX_HEAD + (8 << 10) };
