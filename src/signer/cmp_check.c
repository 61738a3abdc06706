/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a certificate that the authority sends is the one we asked for. */
#include "cmp.h"
#include "pki/cert.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { SKEW = 300, NAME_BYTES = 256 };

static int wrong(struct su_err *e, const char *why)
{
    return su_fail(e, SU_E_FORMAT, "cmp.cert", "the certificate that the authority sent %s", why);
}

/* A string of an ASN.1 type that is ASCII; false when it is longer or holds a NUL. */
static bool text_of(const ASN1_STRING *s, char *out)
{
    int n = s ? ASN1_STRING_length(s) : 0;
    if (n <= 0 || n >= NAME_BYTES || memchr(ASN1_STRING_get0_data(s), 0, (size_t)n))
        return false;
    memcpy(out, ASN1_STRING_get0_data(s), (size_t)n);
    out[n] = 0;
    return true;
}

/* The one common name, which is also the one alternative name. */
static bool name_of(const X509 *x, char *out)
{
    char alt[NAME_BYTES];
    X509_NAME *n = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(n, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(n, NID_commonName, at) >= 0 ||
        !text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, at)), out))
        return false;
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool same = false;
    if (names && sk_GENERAL_NAME_num(names) == 1) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, 0);
        same = g->type == GEN_DNS && text_of(g->d.dNSName, alt) && strcmp(alt, out) == 0;
    }
    GENERAL_NAMES_free(names);
    return same;
}

static bool name_is_ours(const X509 *leaf, const char *host, const X509 *was)
{
    char name[NAME_BYTES], before[NAME_BYTES];
    static const char middle[] = ".metadata.";
    size_t n = strlen(host);
    if (!name_of(leaf, name) || strncmp(name, host, n) != 0 || strncmp(name + n, middle, sizeof middle - 1) != 0 ||
        !su_domain_valid(name + n + sizeof middle - 1))
        return false;
    return !was || (name_of(was, before) && strcmp(name, before) == 0);
}

/* extendedKeyUsage is document signing and nothing else; digitalSignature if there is a keyUsage. */
static bool usage_is_ours(X509 *leaf)
{
    char oid[80];
    EXTENDED_KEY_USAGE *u = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    bool good = u && sk_ASN1_OBJECT_num(u) == 1 && OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(u, 0), 1) > 0 &&
                strcmp(oid, SU_OID_DOCUMENT_SIGNING) == 0;
    EXTENDED_KEY_USAGE_free(u);
    return good && X509_check_ca(leaf) == 0 && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE);
}

static int check_times(const struct su_generation *g, struct su_err *e)
{
    uint64_t now = (uint64_t)time(NULL);
    if (g->not_before <= now + SKEW && now < g->not_after)
        return 0;
    su_fail(e, SU_E_CONFLICT, "cmp.clock", "the certificate that the authority sent is not valid at this host's time");
    return su_remedy(e, "compare the clocks of this host and of the authority");
}

static int put_all(STACK_OF(X509) * from, int first, int last, struct su_buf *out, struct su_err *e)
{
    for (int i = first; i < last; i++)
        if (su_cert_to_der(sk_X509_value(from, i), out, e) < 0)
            return -1;
    return 0;
}

/* Fills the chain: what stands between the leaf and its root. */
static int build_chain(X509 *leaf, STACK_OF(X509) * roots, STACK_OF(X509) * candidates, struct su_buf *chain,
                       struct su_err *e)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    if (!c || !X509_STORE_CTX_init(c, NULL, leaf, candidates)) {
        X509_STORE_CTX_free(c);
        return su_fail_nomem(e, 0);
    }
    X509_STORE_CTX_set0_trusted_stack(c, roots);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(c), time(NULL) + SKEW); /* a leaf may be some seconds young */
    int rc = 0;
    if (X509_verify_cert(c) != 1) {
        rc = su_fail(e, SU_E_FORMAT, "cmp.cert",
                     "the certificate that the authority sent does not chain to its root: %s",
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
    } else {
        STACK_OF(X509) *all = X509_STORE_CTX_get0_chain(c);
        rc = sk_X509_num(all) > SU_CHAIN_MAX ? wrong(e, "has too long a chain")
                                             : put_all(all, 1, sk_X509_num(all) - 1, chain, e);
    }
    X509_STORE_CTX_free(c);
    ERR_clear_error();
    return rc;
}

int su_cmp_check(X509 *leaf, struct su_key *key, const char *host, const X509 *was, STACK_OF(X509) * roots,
                 STACK_OF(X509) * candidates, struct su_generation *out, struct su_err *e)
{
    struct su_generation g = {.number = out->number};
    memcpy(g.uri, out->uri, sizeof g.uri);
    size_t n = strlen(host);
    X509_up_ref(leaf);
    int rc = su_generation_set_leaf(&g, leaf, e);
    if (rc == 0 && (n >= sizeof g.host || !su_host_name_valid(host)))
        rc = su_fail(e, SU_E_USAGE, "cmp.host", "this is no name of a host");
    else if (rc == 0)
        memcpy(g.host, host, n + 1);
    if (rc == 0 && !su_key_is_of(key, leaf))
        rc = wrong(e, "is not for our key");
    if (rc == 0 && !name_is_ours(leaf, host, was))
        rc = wrong(e, "does not name this host");
    if (rc == 0 && !usage_is_ours(leaf))
        rc = wrong(e, "is not for signing documents alone");
    if (rc == 0)
        rc = check_times(&g, e);
    if (rc == 0)
        rc = build_chain(leaf, roots, candidates, &g.chain, e);
    if (rc == 0)
        rc = put_all(roots, 0, sk_X509_num(roots), &g.roots, e);
    if (rc < 0) {
        su_generation_done(&g);
        return -1;
    }
    su_generation_done(out);
    *out = g;
    return 0;
}
