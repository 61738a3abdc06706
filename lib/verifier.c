/* SPDX-License-Identifier: Apache-2.0 */
/* verifier.c - whom to trust and what to demand. */
#include "internal.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

int surety_verifier_new(struct surety_verifier **out, struct surety_error *e)
{
    struct surety_verifier *v = calloc(1, sizeof *v);
    if (!v)
        return surety_fail(e, SURETY_NOMEM, NULL);
    v->skew = 120;
    v->roots = sk_X509_new_null();
    v->intermediates = sk_X509_new_null();
    v->crls = sk_X509_CRL_new_null();
    if (!v->roots || !v->intermediates || !v->crls) {
        surety_verifier_free(&v);
        return surety_fail(e, SURETY_NOMEM, NULL);
    }
    *out = v;
    return SURETY_OK;
}

void surety_verifier_free(struct surety_verifier **pv)
{
    struct surety_verifier *v = pv ? *pv : NULL;
    if (!v)
        return;
    sk_X509_pop_free(v->roots, X509_free);
    sk_X509_pop_free(v->intermediates, X509_free);
    sk_X509_CRL_pop_free(v->crls, X509_CRL_free);
    for (size_t i = 0; i < v->n_domains; i++)
        free(v->domain[i]);
    free(v->cluster);
    free(v->security_type);
    free(v);
    *pv = NULL;
}

/* Never a question for a pass phrase on the terminal. */
static int no_password(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return -1;
}

static bool ended_well(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    return code == 0 || (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE);
}

/* How many were added; 0: none that can be read, or something behind them that cannot. */
static int add_certs(STACK_OF(X509) * to, BIO *b, const unsigned char *data, size_t n)
{
    int count = 0;
    if (n > 0 && data[0] == 0x30) {
        const unsigned char *p = data;
        X509 *x = d2i_X509(NULL, &p, (long)n);
        count = x && p == data + n && sk_X509_push(to, x) > 0;
        if (!count)
            X509_free(x);
        return count;
    }
    for (X509 *x; (x = PEM_read_bio_X509(b, NULL, no_password, NULL)); count++) {
        if (sk_X509_push(to, x) <= 0) {
            X509_free(x);
            return 0;
        }
    }
    return ended_well() ? count : 0;
}

static int add_to(STACK_OF(X509) * stack, const void *data, size_t n, struct surety_error *e)
{
    int before = sk_X509_num(stack);
    BIO *b = n > TRUST_MAX ? NULL : BIO_new_mem_buf(data, (int)n);
    int added = b ? add_certs(stack, b, data, n) : 0;
    BIO_free(b);
    ERR_clear_error();
    if (added > 0)
        return SURETY_OK;
    while (sk_X509_num(stack) > before)
        X509_free(sk_X509_pop(stack));
    return surety_fail(e, SURETY_TRUST_FORM, NULL);
}

int surety_verifier_add_roots(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e)
{
    return add_to(v->roots, data, n, e);
}

int surety_verifier_add_intermediates(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e)
{
    return add_to(v->intermediates, data, n, e);
}

static int add_crls(STACK_OF(X509_CRL) * to, BIO *b, const unsigned char *data, size_t n)
{
    int count = 0;
    if (n > 0 && data[0] == 0x30) {
        const unsigned char *p = data;
        X509_CRL *x = d2i_X509_CRL(NULL, &p, (long)n);
        count = x && p == data + n && sk_X509_CRL_push(to, x) > 0;
        if (!count)
            X509_CRL_free(x);
        return count;
    }
    for (X509_CRL *x; (x = PEM_read_bio_X509_CRL(b, NULL, no_password, NULL)); count++) {
        if (sk_X509_CRL_push(to, x) <= 0) {
            X509_CRL_free(x);
            return 0;
        }
    }
    return ended_well() ? count : 0;
}

int surety_verifier_add_crl(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e)
{
    int before = sk_X509_CRL_num(v->crls);
    BIO *b = n > TRUST_MAX ? NULL : BIO_new_mem_buf(data, (int)n);
    int added = b ? add_crls(v->crls, b, data, n) : 0;
    BIO_free(b);
    ERR_clear_error();
    if (added > 0)
        return SURETY_OK;
    while (sk_X509_CRL_num(v->crls) > before)
        X509_CRL_free(sk_X509_CRL_pop(v->crls));
    return surety_fail(e, SURETY_TRUST_FORM, NULL);
}

typedef int adder(struct surety_verifier *v, const void *data, size_t n, struct surety_error *e);

static int add_file(struct surety_verifier *v, const char *path, adder *add, struct surety_error *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return surety_fail_os(e, SURETY_FILE, errno, path);
    char *data = malloc(TRUST_MAX + 1);
    size_t n = data ? fread(data, 1, TRUST_MAX + 1, f) : 0;
    int bad = ferror(f) ? errno : 0, r = SURETY_OK;
    fclose(f);
    if (!data)
        return surety_fail(e, SURETY_NOMEM, NULL);
    if (bad)
        r = surety_fail_os(e, SURETY_FILE, bad, path);
    else if (add(v, data, n, NULL))
        r = surety_fail(e, SURETY_TRUST_FORM, "%s", path);
    free(data);
    return r;
}

int surety_verifier_add_roots_file(struct surety_verifier *v, const char *path, struct surety_error *e)
{
    return add_file(v, path, surety_verifier_add_roots, e);
}

int surety_verifier_add_intermediates_file(struct surety_verifier *v, const char *path, struct surety_error *e)
{
    return add_file(v, path, surety_verifier_add_intermediates, e);
}

int surety_verifier_add_crl_file(struct surety_verifier *v, const char *path, struct surety_error *e)
{
    return add_file(v, path, surety_verifier_add_crl, e);
}

int surety_verifier_add_domain(struct surety_verifier *v, const char *domain, struct surety_error *e)
{
    if (!domain || !surety_domain_ok(domain) || v->n_domains == DOMAINS_MAX)
        return surety_fail(e, SURETY_USAGE, "a domain like metadata.example.org, at most %d", DOMAINS_MAX);
    if (!(v->domain[v->n_domains] = strdup(domain)))
        return surety_fail(e, SURETY_NOMEM, NULL);
    v->n_domains++;
    return SURETY_OK;
}

int surety_verifier_set_vm_id(struct surety_verifier *v, const char *uuid, struct surety_error *e)
{
    if (!uuid || !surety_uuid_parse(uuid, strlen(uuid), v->vm))
        return surety_fail(e, SURETY_USAGE, "a UUID");
    return SURETY_OK;
}

int surety_verifier_use_dmi(struct surety_verifier *v, struct surety_error *e)
{
    return surety_dmi_uuid(v->vm, e);
}

int surety_verifier_set_cluster(struct surety_verifier *v, const char *cluster, struct surety_error *e)
{
    if (!cluster || !*cluster || strlen(cluster) >= FIELD_TEXT)
        return surety_fail(e, SURETY_USAGE, "the cluster's name");
    char *copy = strdup(cluster);
    if (!copy)
        return surety_fail(e, SURETY_NOMEM, NULL);
    free(v->cluster);
    v->cluster = copy;
    return SURETY_OK;
}

int surety_verifier_add_subscription(struct surety_verifier *v, const char *uuid, struct surety_error *e)
{
    if (!uuid || v->n_subscriptions == SUBSCRIPTIONS_MAX ||
        !surety_uuid_parse(uuid, strlen(uuid), v->subscription[v->n_subscriptions]))
        return surety_fail(e, SURETY_USAGE, "a UUID, at most %d of them", SUBSCRIPTIONS_MAX);
    v->n_subscriptions++;
    return SURETY_OK;
}

int surety_verifier_require_security(struct surety_verifier *v, int secure_boot, int vtpm, const char *type,
                                     struct surety_error *e)
{
    char *copy = type ? strdup(type) : NULL;
    if (type && !copy)
        return surety_fail(e, SURETY_NOMEM, NULL);
    free(v->security_type);
    v->security_type = copy;
    v->secure_boot = secure_boot != 0;
    v->vtpm = vtpm != 0;
    v->profile = v->secure_boot || v->vtpm || type;
    return SURETY_OK;
}

void surety_verifier_set_time(struct surety_verifier *v, int64_t at)
{
    v->at = at;
}

int surety_verifier_set_skew(struct surety_verifier *v, unsigned s, struct surety_error *e)
{
    if (s > 86400)
        return surety_fail(e, SURETY_USAGE, "a skew of at most a day");
    v->skew = s;
    return SURETY_OK;
}

void surety_verifier_set_max_age(struct surety_verifier *v, unsigned s)
{
    v->max_age = s;
    v->max_age_set = true;
}

int surety_verifier_set_flags(struct surety_verifier *v, unsigned flags, struct surety_error *e)
{
    if (flags & ~(unsigned)(SURETY_ALLOW_SERVER_AUTH | SURETY_ALLOW_EXTRA_CERTS | SURETY_ALLOW_ANY_AUDIENCE))
        return surety_fail(e, SURETY_USAGE, "a flag that does not exist");
    v->flags = flags;
    return SURETY_OK;
}
