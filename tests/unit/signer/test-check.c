/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which certificate is taken from an authority. */
#include "signer/cmp.h"
#include "tests/unit/pki/pki_sample.h"

struct spec {
    const char *what, *cn, *san, *eku, *usage;
    long from, to; /* seconds from now */
    bool ca, other_key, other_root;
    const char *id; /* NULL: taken */
};
#define NAME "node1.metadata.example.org"
#define DOC SU_OID_DOCUMENT_SIGNING
static const struct spec specs[] = {
    {"as asked for", NAME, "DNS:" NAME, DOC, "digitalSignature", -60, 86400, false, false, false, NULL},
    {"a few seconds young", NAME, "DNS:" NAME, DOC, "digitalSignature", 100, 86400, false, false, false, NULL},
    {"another key", NAME, "DNS:" NAME, DOC, "digitalSignature", -60, 86400, false, true, false, "cmp.cert"},
    {"another host", "node2.metadata.example.org", "DNS:node2.metadata.example.org", DOC, "digitalSignature", -60,
     86400, false, false, false, "cmp.cert"},
    {"a longer host", "node10.metadata.example.org", "DNS:node10.metadata.example.org", DOC, "digitalSignature", -60,
     86400, false, false, false, "cmp.cert"},
    {"another CN", "node2.metadata.example.org", "DNS:" NAME, DOC, "digitalSignature", -60, 86400, false, false, false,
     "cmp.cert"},
    {"no SAN", NAME, NULL, DOC, "digitalSignature", -60, 86400, false, false, false, "cmp.cert"},
    {"two SANs", NAME, "DNS:" NAME ",DNS:www.example.org", DOC, "digitalSignature", -60, 86400, false, false, false,
     "cmp.cert"},
    {"no metadata name", "node1.example.org", "DNS:node1.example.org", DOC, "digitalSignature", -60, 86400, false,
     false, false, "cmp.cert"},
    {"for TLS", NAME, "DNS:" NAME, "serverAuth", "digitalSignature", -60, 86400, false, false, false, "cmp.cert"},
    {"for TLS too", NAME, "DNS:" NAME, DOC ",serverAuth", "digitalSignature", -60, 86400, false, false, false,
     "cmp.cert"},
    {"for anything", NAME, "DNS:" NAME, NULL, "digitalSignature", -60, 86400, false, false, false, "cmp.cert"},
    {"not for signatures", NAME, "DNS:" NAME, DOC, "keyAgreement", -60, 86400, false, false, false, "cmp.cert"},
    {"a CA", NAME, "DNS:" NAME, DOC, "digitalSignature,keyCertSign", -60, 86400, true, false, false, "cmp.cert"},
    {"another root", NAME, "DNS:" NAME, DOC, "digitalSignature", -60, 86400, false, false, true, "cmp.cert"},
    {"of tomorrow", NAME, "DNS:" NAME, DOC, "digitalSignature", 3600, 86400, false, false, false, "cmp.clock"},
    {"of yesterday", NAME, "DNS:" NAME, DOC, "digitalSignature", -86400, -60, false, false, false, "cmp.clock"},
};

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = value ? X509V3_EXT_conf_nid(NULL, &c, nid, value) : NULL;
    if (e)
        X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static X509 *certificate(const struct spec *s, EVP_PKEY *pkey, X509 *issuer, EVP_PKEY *sign)
{
    X509 *x = X509_new();
    X509_NAME *n = X509_NAME_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)s->cn, -1, -1, 0);
    X509_set_subject_name(x, n);
    X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n);
    X509_NAME_free(n);
    X509_gmtime_adj(X509_getm_notBefore(x), s->from);
    X509_gmtime_adj(X509_getm_notAfter(x), s->to);
    X509_set_pubkey(x, pkey);
    extend(x, issuer, NID_basic_constraints, s->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(x, issuer, NID_subject_alt_name, s->san);
    extend(x, issuer, NID_ext_key_usage, s->eku);
    extend(x, issuer, NID_key_usage, s->usage);
    if (!X509_sign(x, sign, EVP_sha256()))
        abort();
    return x;
}

int main(void)
{
    struct su_err e = {0};
    SU_KEY struct su_key *key = NULL, *other = NULL;
    char uri[512];
    sample_begin();
    if (su_key_generate("file:", SU_KEY_P256, &sample_options, &key, uri, sizeof uri, &e) < 0 ||
        su_key_generate("file:", SU_KEY_P256, &sample_options, &other, uri, sizeof uri, &e) < 0)
        abort();
    const struct spec ca = {.cn = "a root", .usage = "keyCertSign", .from = -86400, .to = 999999, .ca = true};
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *ca2_key = EVP_EC_gen("P-256");
    X509 *root = certificate(&ca, ca_key, NULL, ca_key), *root2 = certificate(&ca, ca2_key, NULL, ca2_key);
    STACK_OF(X509) *roots = sk_X509_new_null();
    sk_X509_push(roots, root);
    struct su_generation g = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(specs); i++) {
        const struct spec *s = &specs[i];
        X509 *x = certificate(s, su_key_pkey(s->other_key ? other : key), s->other_root ? root2 : root,
                              s->other_root ? ca2_key : ca_key);
        e = (struct su_err){0};
        int rc = su_cmp_check(x, key, "node1", NULL, roots, NULL, &g, &e);
        ok(s->id ? rc < 0 && strcmp(e.id, s->id) == 0 : rc == 0, "%s: %s (%s)", s->what, s->id ? "refused" : "taken",
           e.msg);
        X509_free(x);
    }
    ok(g.leaf && g.roots.n && strcmp(g.host, "node1") == 0, "what was taken is there");
    /* a renewal must not change the name, whatever the host may be called */
    struct spec moved = specs[0];
    moved.cn = "node1.metadata.example.com";
    moved.san = "DNS:node1.metadata.example.com";
    X509 *x = certificate(&moved, su_key_pkey(key), root, ca_key);
    X509 *was = g.leaf;
    X509_up_ref(was);
    ok(su_cmp_check(x, key, "node1", was, roots, NULL, &g, &e) < 0, "another domain at a renewal: refused");
    ok(su_cmp_check(was, key, "node1", was, roots, NULL, &g, &e) == 0, "the same name: taken");
    X509_free(was);
    X509_free(x);
    su_generation_done(&g);
    sk_X509_free(roots);
    X509_free(root);
    X509_free(root2);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(ca2_key);
    sample_end();
    return tap_done();
}
