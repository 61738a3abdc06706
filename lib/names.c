/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - may this certificate sign documents, and whose is it? */
#include "internal.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* surety attested document signing: a UUID as OID (X.667, arc 2.25). */
#define OID_DOCUMENT_SIGNING "1.3.6.1.5.5.7.3.36"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Labels of letters, digits and hyphens, at most 253 bytes; no empty label, no wildcard. */
bool surety_domain_ok(const char *domain)
{
    size_t n = strlen(domain), label = 0;
    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i <= n; i++) {
        char c = lower(domain[i]);
        if (c == '.' || c == 0) {
            if (label == 0 || label > 63 || domain[i - 1] == '-' || domain[i - label] == '-')
                return false;
            label = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

static bool usage_has(const EXTENDED_KEY_USAGE *usage, const char *oid)
{
    char text[128];
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++)
        if (OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usage, i), 1) > 0 && strcmp(text, oid) == 0)
            return true;
    return false;
}

int surety_usage_check(const struct surety_verifier *v, X509 *leaf, struct surety_error *e)
{
    int critical = 0;
    if (X509_check_ca(leaf) != 0)
        return surety_fail(e, SURETY_CERTIFICATE_CA, NULL);
    if ((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) && !(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return surety_fail(e, SURETY_CERTIFICATE_USAGE, "its key usage is not digitalSignature");
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
    bool good = usage && (usage_has(usage, OID_DOCUMENT_SIGNING) ||
                          ((v->flags & SURETY_ALLOW_SERVER_AUTH) && usage_has(usage, "1.3.6.1.5.5.7.3.1")));
    EXTENDED_KEY_USAGE_free(usage);
    ERR_clear_error();
    return good ? SURETY_OK : surety_fail(e, SURETY_CERTIFICATE_USAGE, NULL);
}

char *surety_dns_name(X509 *x, int i, bool *end)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    char *out = NULL;
    *end = i >= sk_GENERAL_NAME_num(names); /* of none: -1 */
    const GENERAL_NAME *g = *end ? NULL : sk_GENERAL_NAME_value(names, i);
    if (g && g->type == GEN_DNS) {
        size_t n = (size_t)ASN1_STRING_length(g->d.dNSName);
        out = malloc(n + 1);
        if (out) {
            memcpy(out, ASN1_STRING_get0_data(g->d.dNSName), n);
            out[n] = 0;
        }
        if (out && (strlen(out) != n || !surety_domain_ok(out))) { /* a NUL inside, a wildcard */
            free(out);
            out = NULL;
        }
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return out;
}

static bool under(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);
    if (n < d || (n > d && name[n - d - 1] != '.'))
        return false;
    for (size_t i = 0; i < d; i++)
        if (lower(name[n - d + i]) != lower(domain[i]))
            return false;
    return true;
}

/* A host speaks for itself: documents that name a host are signed by HOST.metadata.DOMAIN.  Else whoever holds one
 * host's key could write in the name of all others of its authority. */
int surety_host_check(X509 *leaf, const char *host, struct surety_error *e)
{
    bool end = false, found = false;
    size_t n = strlen(host);
    for (int i = 0; i < 64 && !end && !found; i++) {
        char *name = surety_dns_name(leaf, i, &end);
        found = name && strlen(name) > n && name[n] == '.';
        for (size_t k = 0; found && k < n; k++)
            found = lower(name[k]) == lower(host[k]);
        free(name);
    }
    return found ? SURETY_OK : surety_fail(e, SURETY_CERTIFICATE_NAME, "it is not that of the host %s", host);
}

int surety_name_check(const struct surety_verifier *v, X509 *leaf, struct surety_error *e)
{
    bool found = false, end = false;
    char first[254] = "";
    for (int i = 0; i < 64 && !end && !found; i++) {
        char *name = surety_dns_name(leaf, i, &end);
        for (size_t d = 0; name && d < v->n_domains; d++)
            found = found || under(name, v->domain[d]);
        if (name && !first[0])
            memcpy(first, name, strlen(name) + 1);
        free(name);
    }
    if (found || v->n_domains == 0)
        return SURETY_OK;
    return surety_fail(e, SURETY_CERTIFICATE_NAME, "%s", first[0] ? first : "no DNS name");
}
