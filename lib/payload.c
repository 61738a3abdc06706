/* SPDX-License-Identifier: Apache-2.0 */
/* payload.c - what is signed: JSON into facts (docs/formats/document.md).  Members that are not known are left alone.
 */
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const field_names[SURETY_FIELD_COUNT] = {
    [SURETY_F_VM_ID] = "vmId",
    [SURETY_F_NONCE] = "nonce",
    [SURETY_F_CREATED_ON] = "createdOn",
    [SURETY_F_EXPIRES_ON] = "expiresOn",
    [SURETY_F_SUBSCRIPTION_ID] = "subscriptionId",
    [SURETY_F_SKU] = "sku",
    [SURETY_F_LICENSE_TYPE] = "licenseType",
    [SURETY_F_PLAN_NAME] = "plan.name",
    [SURETY_F_PLAN_PRODUCT] = "plan.product",
    [SURETY_F_PLAN_PUBLISHER] = "plan.publisher",
    [SURETY_F_CLUSTER] = "surety.cluster",
    [SURETY_F_HOST] = "surety.host",
    [SURETY_F_AUDIENCE] = "surety.audience",
    [SURETY_F_KEY_THUMBPRINT] = "surety.keyThumbprint",
    [SURETY_F_SECURE_BOOT] = "surety.securityProfile.secureBoot",
    [SURETY_F_VTPM] = "surety.securityProfile.vTpm",
    [SURETY_F_SECURITY_TYPE] = "surety.securityProfile.securityType",
    [SURETY_F_SIGNER_NAME] = "signer.name",
    [SURETY_F_SIGNER_ISSUER] = "signer.issuer",
    [SURETY_F_SIGNER_SERIAL] = "signer.serial",
    [SURETY_F_SIGNER_EXPIRES] = "signer.notAfter",
    [SURETY_F_SIGNER_ALGORITHM] = "signer.algorithm",
};

/* The members, in the object they stand in: 0 the payload, 1 plan, 2 surety, 3 surety.securityProfile. */
static const struct row {
    enum surety_field field;
    int object;
    const char *name;
    bool boolean;
} rows[] = {
    {SURETY_F_NONCE, 0, "nonce", false},
    {SURETY_F_SKU, 0, "sku", false},
    {SURETY_F_LICENSE_TYPE, 0, "licenseType", false},
    {SURETY_F_PLAN_NAME, 1, "name", false},
    {SURETY_F_PLAN_PRODUCT, 1, "product", false},
    {SURETY_F_PLAN_PUBLISHER, 1, "publisher", false},
    {SURETY_F_CLUSTER, 2, "cluster", false},
    {SURETY_F_HOST, 2, "host", false},
    {SURETY_F_AUDIENCE, 2, "audience", false},
    {SURETY_F_KEY_THUMBPRINT, 2, "keyThumbprint", false},
    {SURETY_F_SECURE_BOOT, 3, "secureBoot", true},
    {SURETY_F_VTPM, 3, "vTpm", true},
    {SURETY_F_SECURITY_TYPE, 3, "securityType", false},
};

const char *surety_field_name(enum surety_field f)
{
    return (unsigned)f < SURETY_FIELD_COUNT ? field_names[f] : "unknown";
}

void surety_facts_free(struct facts *f)
{
    for (int i = 0; i < SURETY_FIELD_COUNT; i++)
        free(f->text[i]);
    free(f->payload);
    *f = (struct facts){0};
}

static int set(struct facts *f, enum surety_field field, const char *text, struct surety_error *e)
{
    char *copy = strdup(text);
    if (!copy)
        return surety_fail(e, SURETY_NOMEM, NULL);
    free(f->text[field]);
    f->text[field] = copy;
    return SURETY_OK;
}

static int set_number(struct facts *f, enum surety_field field, int64_t v, struct surety_error *e)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return set(f, field, text, e);
}

static int bad(struct surety_error *e, const char *member)
{
    return surety_fail(e, SURETY_PAYLOAD_MEMBER, "%s", member);
}

static int read_row(const struct json_node *x, const struct row *r, struct facts *f, struct surety_error *e)
{
    if (!x)
        return SURETY_OK;
    if (r->boolean) {
        if (x->type != JSON_TRUE && x->type != JSON_FALSE)
            return bad(e, surety_field_name(r->field));
        return set(f, r->field, x->type == JSON_TRUE ? "true" : "false", e);
    }
    if (x->type != JSON_STRING || x->text_n >= FIELD_TEXT)
        return bad(e, surety_field_name(r->field));
    /* "" says that there is none, which differs from having another one */
    if (x->text_n == 0 && (r->field == SURETY_F_AUDIENCE || r->field == SURETY_F_KEY_THUMBPRINT))
        return SURETY_OK;
    return set(f, r->field, x->text, e);
}

static int read_uuid(const struct json_node *x, enum surety_field field, struct facts *f, struct surety_error *e)
{
    char uuid[SURETY_UUID_TEXT];
    if (!x || x->type != JSON_STRING || !surety_uuid_parse(x->text, x->text_n, uuid))
        return bad(e, surety_field_name(field));
    return set(f, field, uuid, e);
}

static bool read_time(const struct json_node *x, int64_t *out)
{
    return x && x->type == JSON_STRING && surety_time_azure(x->text, out);
}

/* timeStamp as Azure writes it, and the seconds under surety; where both are they say the same. */
static int read_times(const struct json *j, const struct json_node *top, const struct json_node *ours, struct facts *f,
                      struct surety_error *e)
{
    const struct json_node *stamp = json_get(j, top, "timeStamp");
    int64_t created = INT64_MIN, expires = INT64_MIN;
    if (stamp && (!read_time(json_get(j, stamp, "createdOn"), &created) ||
                  !read_time(json_get(j, stamp, "expiresOn"), &expires)))
        return bad(e, "timeStamp");
    f->created = created;
    f->expires = expires;
    const struct json_node *c = json_get(j, ours, "createdOn"), *x = json_get(j, ours, "expiresOn");
    if (c || x) {
        if (!json_int(c, &f->created) || !json_int(x, &f->expires) || f->created < 0 || f->expires < 0)
            return bad(e, "surety.createdOn and surety.expiresOn");
        if (stamp && (f->created != created || f->expires != expires))
            return surety_fail(e, SURETY_TIME_WINDOW, "timeStamp and surety tell different ones");
    }
    if (f->created == INT64_MIN)
        return SURETY_OK;
    int r = set_number(f, SURETY_F_CREATED_ON, f->created, e);
    return r ? r : set_number(f, SURETY_F_EXPIRES_ON, f->expires, e);
}

static int read_members(const struct json *j, struct facts *f, struct surety_error *e)
{
    static const char *const names[] = {"payload", "plan", "surety", "surety.securityProfile"};
    const struct json_node *object[4] = {&j->node[0]};
    object[1] = json_get(j, object[0], "plan");
    object[2] = json_get(j, object[0], "surety");
    object[3] = json_get(j, object[2], "securityProfile");
    for (int i = 1; i < 4; i++)
        if (object[i] && object[i]->type != JSON_OBJECT)
            return bad(e, names[i]);
    f->has_profile = object[3] != NULL;
    int r = read_uuid(json_get(j, object[0], "vmId"), SURETY_F_VM_ID, f, e);
    const struct json_node *subscription = json_get(j, object[0], "subscriptionId");
    if (!r && subscription)
        r = read_uuid(subscription, SURETY_F_SUBSCRIPTION_ID, f, e);
    for (size_t i = 0; !r && i < sizeof rows / sizeof *rows; i++)
        r = read_row(json_get(j, object[rows[i].object], rows[i].name), &rows[i], f, e);
    return r ? r : read_times(j, object[0], object[2], f, e);
}

int surety_payload_parse(const unsigned char *p, size_t n, struct facts *out, struct surety_error *e)
{
    struct facts f = {.created = INT64_MIN, .expires = INT64_MIN};
    struct json j = {0};
    size_t at = 0;
    if (n == 0 || p[0] != '{')
        return surety_fail(e, SURETY_PAYLOAD_JSON, "it does not begin with {");
    int r = json_parse((const char *)p, n, &j, &at);
    if (r == -2)
        return surety_fail(e, SURETY_NOMEM, NULL);
    if (r)
        return surety_fail(e, SURETY_PAYLOAD_JSON, "byte %zu", at);
    r = read_members(&j, &f, e);
    json_free(&j);
    if (!r && !(f.payload = malloc(n + 1)))
        r = surety_fail(e, SURETY_NOMEM, NULL);
    if (r) {
        surety_facts_free(&f);
        return r;
    }
    memcpy(f.payload, p, n);
    f.payload[n] = 0;
    f.payload_n = n;
    *out = f;
    return SURETY_OK;
}

/* Printable and ASCII, whatever stands in the certificate. */
static int set_printable(struct facts *f, enum surety_field field, char *text, struct surety_error *e)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7F)
            *p = '?';
    return set(f, field, text, e);
}

static int set_issuer(struct facts *f, X509 *signer, struct surety_error *e)
{
    char text[FIELD_TEXT] = "";
    BIO *b = BIO_new(BIO_s_mem());
    if (!b || X509_NAME_print_ex(b, X509_get_issuer_name(signer), 0, XN_FLAG_RFC2253) < 0) {
        BIO_free(b);
        return surety_fail_crypto(e, "the issuer's name");
    }
    int n = BIO_read(b, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    BIO_free(b);
    return set_printable(f, SURETY_F_SIGNER_ISSUER, text, e);
}

static int set_serial(struct facts *f, X509 *signer, struct surety_error *e)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(signer);
    const unsigned char *p = ASN1_STRING_get0_data(serial);
    char text[2 * 64 + 1] = "";
    int n = ASN1_STRING_length(serial);
    for (int i = 0; i < n && i < 64; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    return set(f, SURETY_F_SIGNER_SERIAL, text, e);
}

int surety_facts_signer(struct facts *f, X509 *signer, const char *algorithm, struct surety_error *e)
{
    int64_t from = 0, to = 0;
    bool end = false;
    int r = set_issuer(f, signer, e);
    if (!r)
        r = set_serial(f, signer, e);
    if (!r)
        r = set(f, SURETY_F_SIGNER_ALGORITHM, algorithm, e);
    if (!r && surety_x509_times(signer, &from, &to))
        r = set_number(f, SURETY_F_SIGNER_EXPIRES, to, e);
    for (int i = 0; !r && i < 64 && !end && !f->text[SURETY_F_SIGNER_NAME]; i++) {
        char *name = surety_dns_name(signer, i, &end);
        if (name)
            r = set(f, SURETY_F_SIGNER_NAME, name, e);
        free(name);
    }
    return r;
}
