/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - the one answer: is this document true, new and about us? */
#include "internal.h"
#include <stdlib.h>

enum { MAX_LIFETIME = 7 * 86400, DEFAULT_AGE = 300 };

struct job {
    const struct surety_verifier *v;
    const struct surety_request *q; /* may be NULL */
    const struct facts *f;
    int64_t now;
    unsigned checked;
};

static int check_nonce(struct job *j, struct surety_error *e)
{
    const char *nonce = j->f->text[SURETY_F_NONCE];
    if (!j->q)
        return SURETY_OK;
    if (!nonce || !*nonce)
        return surety_fail(e, SURETY_NONCE_MISSING, NULL);
    if (surety_looks_like_server_nonce(nonce))
        return surety_fail(e, SURETY_NONCE_SERVER, "%s", nonce);
    if (strcmp(nonce, j->q->nonce) != 0)
        return surety_fail(e, SURETY_NONCE_DIFFERS, NULL);
    j->checked |= SURETY_CHECKED_NONCE;
    return SURETY_OK;
}

static int check_times(struct job *j, struct surety_error *e)
{
    const struct facts *f = j->f;
    int64_t skew = j->v->skew, age = j->v->max_age_set ? j->v->max_age : j->q ? DEFAULT_AGE : 0;
    if (f->created == INT64_MIN || f->expires == INT64_MIN)
        return surety_fail(e, SURETY_TIME_MISSING, NULL);
    if (f->expires <= f->created || f->expires - f->created > MAX_LIFETIME)
        return surety_fail(e, SURETY_TIME_WINDOW, "it would last %lld s", (long long)(f->expires - f->created));
    if (f->created - j->now > skew)
        return surety_fail(e, SURETY_TIME_EARLY, "by %lld s", (long long)(f->created - j->now));
    if (j->now >= f->expires)
        return surety_fail(e, SURETY_TIME_EXPIRED, "%lld s ago", (long long)(j->now - f->expires));
    if (age && j->now - f->created > age)
        return surety_fail(e, SURETY_TIME_OLD, "%lld s", (long long)(j->now - f->created));
    j->checked |= age ? SURETY_CHECKED_AGE : 0;
    return SURETY_OK;
}

/* A host makes documents only while its certificate is valid, whatever the time of verification. */
static int check_made_within(const struct job *j, X509 *signer, struct surety_error *e)
{
    int64_t from = 0, to = 0;
    if (!surety_x509_times(signer, &from, &to) || j->f->created < from || j->f->created > to)
        return surety_fail(e, SURETY_CERTIFICATE_CREATED, NULL);
    return SURETY_OK;
}

static int check_vm(struct job *j, struct surety_error *e)
{
    char swapped[SURETY_UUID_TEXT];
    const char *id = j->f->text[SURETY_F_VM_ID];
    if (!j->v->vm[0])
        return SURETY_OK;
    surety_uuid_swap(j->v->vm, swapped);
    if (strcmp(id, j->v->vm) != 0 && strcmp(id, swapped) != 0)
        return surety_fail(e, SURETY_VM_DIFFERS, "%s, and this is %s", id, j->v->vm);
    j->checked |= SURETY_CHECKED_VM;
    return SURETY_OK;
}

static int check_subscription(struct job *j, struct surety_error *e)
{
    const char *id = j->f->text[SURETY_F_SUBSCRIPTION_ID];
    if (j->v->n_subscriptions == 0)
        return SURETY_OK;
    for (size_t i = 0; id && i < j->v->n_subscriptions; i++) {
        if (strcmp(id, j->v->subscription[i]) == 0) {
            j->checked |= SURETY_CHECKED_SUBSCRIPTION;
            return SURETY_OK;
        }
    }
    return surety_fail(e, SURETY_SUBSCRIPTION_DIFFERS, "%s", id ? id : "none");
}

static bool same(const char *got, const char *wanted)
{
    return got && strcmp(got, wanted) == 0;
}

static int check_cluster(struct job *j, struct surety_error *e)
{
    const char *cluster = j->f->text[SURETY_F_CLUSTER];
    if (!j->v->cluster)
        return SURETY_OK;
    if (!same(cluster, j->v->cluster))
        return surety_fail(e, SURETY_CLUSTER_DIFFERS, "%s", cluster ? cluster : "none");
    j->checked |= SURETY_CHECKED_CLUSTER;
    return SURETY_OK;
}

static int check_audience(struct job *j, struct surety_error *e)
{
    const char *audience = j->f->text[SURETY_F_AUDIENCE];
    if (j->q && j->q->audience[0]) {
        if (!same(audience, j->q->audience))
            return surety_fail(e, SURETY_AUDIENCE_DIFFERS, "%s", audience ? audience : "none");
        j->checked |= SURETY_CHECKED_AUDIENCE;
        return SURETY_OK;
    }
    if (audience && !(j->v->flags & SURETY_ALLOW_ANY_AUDIENCE))
        return surety_fail(e, SURETY_AUDIENCE_UNEXPECTED, "%s", audience);
    return SURETY_OK;
}

static int check_key(struct job *j, struct surety_error *e)
{
    if (!j->q || !j->q->key[0])
        return SURETY_OK;
    if (!same(j->f->text[SURETY_F_KEY_THUMBPRINT], j->q->key))
        return surety_fail(e, SURETY_KEY_DIFFERS, NULL);
    j->checked |= SURETY_CHECKED_KEY;
    return SURETY_OK;
}

static int check_security(struct job *j, struct surety_error *e)
{
    const struct surety_verifier *v = j->v;
    const char *type = j->f->text[SURETY_F_SECURITY_TYPE];
    if (!v->profile)
        return SURETY_OK;
    if (!j->f->has_profile)
        return surety_fail(e, SURETY_SECURITY_MISSING, NULL);
    if (v->secure_boot && !same(j->f->text[SURETY_F_SECURE_BOOT], "true"))
        return surety_fail(e, SURETY_SECURITY_SECURE_BOOT, NULL);
    if (v->vtpm && !same(j->f->text[SURETY_F_VTPM], "true"))
        return surety_fail(e, SURETY_SECURITY_VTPM, NULL);
    if (v->security_type && !same(type, v->security_type))
        return surety_fail(e, SURETY_SECURITY_TYPE, "%s", type && *type ? type : "none");
    j->checked |= SURETY_CHECKED_SECURITY;
    return SURETY_OK;
}

static int check_facts(struct job *j, X509 *signer, struct surety_error *e)
{
    int r = check_nonce(j, e);
    if (!r)
        r = check_times(j, e);
    if (!r)
        r = check_made_within(j, signer, e);
    if (!r && j->f->text[SURETY_F_HOST])
        r = surety_host_check(signer, j->f->text[SURETY_F_HOST], e);
    if (!r)
        r = check_vm(j, e);
    if (!r)
        r = check_subscription(j, e);
    if (!r)
        r = check_cluster(j, e);
    if (!r)
        r = check_audience(j, e);
    if (!r)
        r = check_key(j, e);
    return r ? r : check_security(j, e);
}

/* Form and trust first: JSON is read only when a host of ours wrote it. */
static int check_trust(const struct job *j, const struct surety_answer *a, struct form *form, struct surety_error *e)
{
    const struct surety_verifier *v = j->v;
    if (sk_X509_num(v->roots) <= 0)
        return surety_fail(e, SURETY_TRUST_EMPTY, NULL);
    if ((v->flags & SURETY_ALLOW_SERVER_AUTH) && v->n_domains == 0)
        return surety_fail(e, SURETY_USAGE, "certificates of TLS servers are taken for a named domain only");
    int r = surety_form_check(a->der, a->n, v->flags, form, e);
    if (!r)
        r = surety_usage_check(v, form->signer, e);
    if (!r)
        r = surety_name_check(v, form->signer, e);
    return r ? r : surety_chain_check(v, form, a, j->now, e);
}

static int finish(const struct job *j, const struct form *form, struct facts *f, struct surety_document **out,
                  struct surety_error *e)
{
    int r = surety_facts_signer(f, form->signer, form->algorithm, e);
    struct surety_document *d = r ? NULL : calloc(1, sizeof *d);
    if (!d)
        return r ? r : surety_fail(e, SURETY_NOMEM, NULL);
    d->facts = *f;
    *f = (struct facts){0};
    d->checked = j->checked | (j->v->n_domains ? SURETY_CHECKED_DOMAIN : 0u) |
                 (sk_X509_CRL_num(j->v->crls) > 0 ? SURETY_CHECKED_CRL : 0u);
    *out = d;
    return SURETY_OK;
}

int surety_verify(const struct surety_verifier *v, const struct surety_request *q, const struct surety_answer *a,
                  struct surety_document **out, struct surety_error *e)
{
    struct form form = {0};
    struct facts f = {0};
    if (!v || !a || !out)
        return surety_fail(e, SURETY_USAGE, "NULL");
    struct job j = {.v = v, .q = q, .f = &f, .now = v->at ? v->at : surety_now()};
    int r = check_trust(&j, a, &form, e);
    if (!r)
        r = surety_payload_parse(form.content, form.content_n, &f, e);
    if (!r)
        r = check_facts(&j, form.signer, e);
    if (!r)
        r = finish(&j, &form, &f, out, e);
    surety_facts_free(&f);
    surety_form_free(&form);
    return r;
}

void surety_document_free(struct surety_document **d)
{
    if (d && *d) {
        surety_facts_free(&(*d)->facts);
        free(*d);
        *d = NULL;
    }
}

static const char *get(const struct facts *f, enum surety_field field)
{
    return (unsigned)field < SURETY_FIELD_COUNT ? f->text[field] : NULL;
}

const char *surety_document_get(const struct surety_document *d, enum surety_field f)
{
    return get(&d->facts, f);
}

int64_t surety_document_created(const struct surety_document *d)
{
    return d->facts.created;
}

int64_t surety_document_expires(const struct surety_document *d)
{
    return d->facts.expires;
}

const char *surety_document_payload(const struct surety_document *d, size_t *n)
{
    if (n)
        *n = d->facts.payload_n;
    return d->facts.payload;
}

unsigned surety_document_checked(const struct surety_document *d)
{
    return d->checked;
}

int surety_peek_unverified(const struct surety_answer *a, struct surety_claims **out, struct surety_error *e)
{
    struct form form = {0};
    struct facts f = {0};
    if (!a || !out)
        return surety_fail(e, SURETY_USAGE, "NULL");
    int r = surety_form_peek(a->der, a->n, &form, e);
    if (!r)
        r = surety_payload_parse(form.content, form.content_n, &f, e);
    if (!r && form.signer)
        r = surety_facts_signer(&f, form.signer, form.algorithm, e);
    surety_form_free(&form);
    struct surety_claims *c = r ? NULL : calloc(1, sizeof *c);
    if (!r && !c)
        r = surety_fail(e, SURETY_NOMEM, NULL);
    if (r) {
        surety_facts_free(&f);
        return r;
    }
    c->facts = f;
    *out = c;
    return SURETY_OK;
}

void surety_claims_free(struct surety_claims **c)
{
    if (c && *c) {
        surety_facts_free(&(*c)->facts);
        free(*c);
        *c = NULL;
    }
}

const char *surety_claims_get(const struct surety_claims *c, enum surety_field f)
{
    return get(&c->facts, f);
}

const char *surety_claims_payload(const struct surety_claims *c, size_t *n)
{
    if (n)
        *n = c->facts.payload_n;
    return c->facts.payload;
}
