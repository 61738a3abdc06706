/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - what the host sends, or a file holds: the document and what came beside it. */
#include "internal.h"
#include <stdlib.h>

void surety_answer_free(struct surety_answer **pa)
{
    struct surety_answer *a = pa ? *pa : NULL;
    if (!a)
        return;
    free(a->der);
    for (size_t i = 0; i < a->n_chain; i++)
        free(a->chain[i].der);
    free(a->json);
    free(a);
    *pa = NULL;
}

static int decode_der(const char *s, size_t n, struct surety_answer *a, struct surety_error *e)
{
    if (n / 4 > SURETY_DOCUMENT_MAX / 3 + 1)
        return surety_fail(e, SURETY_DOCUMENT_SIZE, "about %zu bytes", n / 4 * 3);
    a->der = surety_base64(s, n, SURETY_DOCUMENT_MAX, &a->n);
    return a->der ? SURETY_OK : surety_fail(e, SURETY_ANSWER_BASE64, "the signature");
}

static int read_chain(const struct json *j, const struct json_node *chain, struct surety_answer *a,
                      struct surety_error *e)
{
    const struct json_node *x = NULL;
    if (!chain)
        return SURETY_OK;
    if (chain->type != JSON_ARRAY)
        return surety_fail(e, SURETY_ANSWER_MEMBER, "surety.chain");
    for (size_t i = 0; (x = json_item(j, chain, i)); i++) {
        if (x->type != JSON_STRING || i == SURETY_CHAIN_MAX)
            return surety_fail(e, SURETY_ANSWER_MEMBER, "surety.chain");
        a->chain[i].der = surety_base64(x->text, x->text_n, CERT_MAX, &a->chain[i].n);
        if (!a->chain[i].der)
            return surety_fail(e, SURETY_ANSWER_BASE64, "a certificate of the chain");
        a->n_chain = i + 1;
    }
    return SURETY_OK;
}

static int read_json(const struct json *j, struct surety_answer *a, struct surety_error *e)
{
    const struct json_node *encoding = json_get(j, &j->node[0], "encoding");
    const struct json_node *signature = json_get(j, &j->node[0], "signature");
    const struct json_node *ours = json_get(j, &j->node[0], "surety");
    if (j->node[0].type != JSON_OBJECT)
        return surety_fail(e, SURETY_ANSWER_MEMBER, "no object");
    if (!encoding || encoding->type != JSON_STRING)
        return surety_fail(e, SURETY_ANSWER_MEMBER, "encoding");
    if (strcmp(encoding->text, "pkcs7") != 0)
        return surety_fail(e, SURETY_ANSWER_ENCODING, "%s", encoding->text);
    if (!signature || signature->type != JSON_STRING)
        return surety_fail(e, SURETY_ANSWER_MEMBER, "signature");
    if (ours && ours->type != JSON_OBJECT)
        return surety_fail(e, SURETY_ANSWER_MEMBER, "surety");
    int r = decode_der(signature->text, signature->text_n, a, e);
    return r ? r : read_chain(j, json_get(j, ours, "chain"), a, e);
}

static int from_json(const char *p, size_t n, struct surety_answer *a, struct surety_error *e)
{
    struct json j = {0};
    size_t at = 0;
    int r = json_parse(p, n, &j, &at);
    if (r == -2)
        return surety_fail(e, SURETY_NOMEM, NULL);
    if (r)
        return surety_fail(e, SURETY_ANSWER_JSON, "byte %zu", at);
    r = read_json(&j, a, e);
    json_free(&j);
    if (!r && !(a->json = malloc(n + 1)))
        r = surety_fail(e, SURETY_NOMEM, NULL);
    if (!r) {
        memcpy(a->json, p, n);
        a->json[n] = 0;
    }
    return r;
}

/* Base64 with line breaks, and the lines of PEM around it. */
static int from_text(const char *p, size_t n, struct surety_answer *a, struct surety_error *e)
{
    char *clean = malloc(n + 1);
    size_t k = 0;
    if (!clean)
        return surety_fail(e, SURETY_NOMEM, NULL);
    for (size_t i = 0; i < n;) {
        const char *end = memchr(p + i, '\n', n - i);
        size_t line = end ? (size_t)(end - p) - i : n - i;
        bool armour = line > 10 && memcmp(p + i, "-----", 5) == 0;
        for (size_t c = i; !armour && c < i + line; c++)
            if (p[c] != '\r' && p[c] != ' ' && p[c] != '\t')
                clean[k++] = p[c];
        i += line + 1;
    }
    int r = decode_der(clean, k, a, e);
    free(clean);
    return r;
}

static int make_json(struct surety_answer *a, struct surety_error *e)
{
    char *signature = surety_base64_text(a->der, a->n);
    struct text t = {0};
    text_str(&t, "{\"encoding\":\"pkcs7\",\"signature\":\"");
    text_str(&t, signature ? signature : "");
    text_str(&t, "\"}");
    if (!signature || t.failed) {
        free(signature);
        text_free(&t);
        return surety_fail(e, SURETY_NOMEM, NULL);
    }
    free(signature);
    a->json = t.p;
    return SURETY_OK;
}

static int read_any(const char *p, size_t n, struct surety_answer *a, struct surety_error *e)
{
    size_t i = 0;
    if ((unsigned char)p[0] == 0x30) {
        if (n > SURETY_DOCUMENT_MAX)
            return surety_fail(e, SURETY_DOCUMENT_SIZE, "%zu bytes", n);
        if (!(a->der = malloc(n)))
            return surety_fail(e, SURETY_NOMEM, NULL);
        memcpy(a->der, p, n);
        a->n = n;
        return make_json(a, e);
    }
    while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
        i++;
    if (i < n && (p[i] == '-' || p[i] == 'M')) {
        int r = from_text(p + i, n - i, a, e);
        return r ? r : make_json(a, e);
    }
    return from_json(p, n, a, e);
}

int surety_answer_parse(const void *data, size_t n, struct surety_answer **out, struct surety_error *e)
{
    if (!data || !out)
        return surety_fail(e, SURETY_USAGE, "NULL");
    if (n == 0 || n > SURETY_ANSWER_MAX)
        return surety_fail(e, SURETY_ANSWER_SIZE, "%zu bytes", n);
    struct surety_answer *a = calloc(1, sizeof *a);
    if (!a)
        return surety_fail(e, SURETY_NOMEM, NULL);
    int r = read_any(data, n, a, e);
    if (r) {
        surety_answer_free(&a);
        return r;
    }
    *out = a;
    return SURETY_OK;
}

const void *surety_answer_der(const struct surety_answer *a, size_t *n)
{
    if (n)
        *n = a->n;
    return a->der;
}

const void *surety_answer_chain(const struct surety_answer *a, size_t i, size_t *n)
{
    if (i >= a->n_chain)
        return NULL;
    if (n)
        *n = a->chain[i].n;
    return a->chain[i].der;
}

const char *surety_answer_endpoint(const struct surety_answer *a)
{
    return a->endpoint;
}

const char *surety_answer_json(const struct surety_answer *a)
{
    return a->json;
}
