/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ca.h"
#include "pki/cert.h"
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

enum { DAY = 86400, ROOT_DAYS = 7305, ISSUING_DAYS = 1826, BACKDATE = 300, MAX_RSA = 4096, MIN_RSA = 2048 };
#define CMC_CA "1.3.6.1.5.5.7.3.27" /* id-kp-cmcCA */

static int broken(struct su_err *e, const char *what)
{
    return su_fail_ssl(e, SU_E_IO, "authority.openssl", what);
}

/* Keys --------------------------------------------------------------------- */

static const struct {
    const char *name;
    int rsa_bits;
    const char *curve;
} algorithms[] = {
    [SU_CA_RSA3072] = {"rsa3072", 3072, NULL},
    [SU_CA_RSA4096] = {"rsa4096", 4096, NULL},
    [SU_CA_P256] = {"p256", 0, "P-256"},
    [SU_CA_P384] = {"p384", 0, "P-384"},
};

int su_ca_algorithm_parse(const char *name, enum su_ca_algorithm *out, struct su_err *e)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(algorithms); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            *out = (enum su_ca_algorithm)i;
            return 0;
        }
    }
    return su_fail(e, SU_E_USAGE, "authority.algorithm", "%s is not one of rsa3072, rsa4096, p256, p384", name);
}

int su_ca_key_new(enum su_ca_algorithm a, EVP_PKEY **out, struct su_err *e)
{
    EVP_PKEY *k =
        algorithms[a].rsa_bits ? EVP_RSA_gen((unsigned)algorithms[a].rsa_bits) : EVP_EC_gen(algorithms[a].curve);
    if (!k)
        return broken(e, "no key could be made");
    *out = k;
    return 0;
}

static const EVP_MD *digest_of(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

int su_ca_check_key(const struct su_spki *key, struct su_err *e)
{
    if (key->kind == SU_SPKI_P256)
        return 0;
    if (key->kind != SU_SPKI_RSA)
        return su_fail(e, SU_E_REFUSED, "authority.key.kind", "the key is neither RSA nor P-256");
    if (key->bits < MIN_RSA || key->bits > MAX_RSA)
        return su_fail(e, SU_E_REFUSED, "authority.key.weak", "an RSA key of %u bits; %d to %d are taken", key->bits,
                       MIN_RSA, MAX_RSA);
    if (!key->sound)
        return su_fail(e, SU_E_REFUSED, "authority.key.weak", "the RSA key's exponent or modulus is a bad one");
    return 0;
}

/* Parts of a certificate ---------------------------------------------------- */

int su_ca_serial(uint8_t out[SU_SERIAL], struct su_err *e)
{
    if (RAND_bytes(out, SU_SERIAL) != 1)
        return broken(e, "no random serial number");
    out[0] = (uint8_t)(0x40 | (out[0] & 0x3F)); /* positive, and always 16 bytes long */
    return 0;
}

bool su_ca_serial_of(const ASN1_INTEGER *n, uint8_t out[SU_SERIAL])
{
    if (!n || ASN1_STRING_type(n) != V_ASN1_INTEGER || ASN1_STRING_length(n) != SU_SERIAL)
        return false;
    memcpy(out, ASN1_STRING_get0_data(n), SU_SERIAL);
    return true;
}

static bool set_serial(X509 *x, const uint8_t serial[SU_SERIAL])
{
    BIGNUM *bn = BN_bin2bn(serial, SU_SERIAL, NULL);
    bool good = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    return good;
}

static bool set_name(X509 *x, const char *cn)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn, -1,
                                      -1, 0) == 1;
}

static bool set_times(X509 *x, uint64_t from, uint64_t to)
{
    return ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)from, 0, 0) &&
           ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)to, 0, 0);
}

struct ext {
    int nid;
    const char *value;
};

static bool add_exts(X509 *x, X509 *issuer, const struct ext *exts, size_t n)
{
    X509V3_CTX v;
    X509V3_set_ctx(&v, issuer, x, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, &v, exts[i].nid, exts[i].value);
        bool good = one && X509_add_ext(x, one, -1) == 1;
        X509_EXTENSION_free(one);
        if (!good)
            return false;
    }
    return true;
}

struct spec {
    char cn[128];
    EVP_PKEY *key;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
    uint64_t from, to;
    const struct ext *exts;
    size_t n_exts;
};

static int make(const struct spec *s, X509 **out, struct su_err *e)
{
    uint8_t serial[SU_SERIAL];
    if (su_ca_serial(serial, e) < 0)
        return -1;
    X509 *x = X509_new();
    X509 *issuer = s->issuer ? s->issuer : x;
    bool good = x && X509_set_version(x, X509_VERSION_3) && set_serial(x, serial) && set_name(x, s->cn) &&
                X509_set_issuer_name(x, X509_get_subject_name(issuer)) && set_times(x, s->from, s->to) &&
                X509_set_pubkey(x, s->key) && add_exts(x, issuer, s->exts, s->n_exts) &&
                X509_sign(x, s->issuer_key, digest_of(s->issuer_key)) > 0;
    if (!good) {
        X509_free(x);
        return broken(e, "the certificate could not be made");
    }
    *out = x;
    return 0;
}

int su_ca_make_root(const char *domain, EVP_PKEY *key, uint64_t now, X509 **out, struct su_err *e)
{
    static const struct ext exts[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
                                      {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                      {NID_subject_key_identifier, "hash"}};
    struct spec s = {.key = key,
                     .issuer_key = key,
                     .from = now - BACKDATE,
                     .to = now + (uint64_t)ROOT_DAYS * DAY,
                     .exts = exts,
                     .n_exts = SU_ARRAY_LEN(exts)};
    snprintf(s.cn, sizeof s.cn, "%s surety root", domain);
    return make(&s, out, e);
}

static uint64_t end_of(X509 *issuer, uint64_t wanted, struct su_err *e)
{
    uint64_t from, to;
    if (su_cert_times(issuer, &from, &to, e) < 0)
        return 0;
    return wanted < to ? wanted : to;
}

int su_ca_make_issuing(const char *domain, unsigned n, EVP_PKEY *key, X509 *root, EVP_PKEY *root_key, uint64_t now,
                       X509 **out, struct su_err *e)
{
    static const struct ext exts[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                      {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                      {NID_subject_key_identifier, "hash"},
                                      {NID_authority_key_identifier, "keyid"}};
    struct spec s = {.key = key,
                     .issuer = root,
                     .issuer_key = root_key,
                     .from = now - BACKDATE,
                     .to = end_of(root, now + (uint64_t)ISSUING_DAYS * DAY, e),
                     .exts = exts,
                     .n_exts = SU_ARRAY_LEN(exts)};
    snprintf(s.cn, sizeof s.cn, "%s surety issuing %u", domain, n);
    return s.to ? make(&s, out, e) : -1;
}

int su_ca_make_responder(const char *domain, unsigned n, EVP_PKEY *key, X509 *issuing, EVP_PKEY *issuing_key,
                         uint64_t now, X509 **out, struct su_err *e)
{
    static const struct ext exts[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                      {NID_key_usage, "critical,digitalSignature"},
                                      {NID_ext_key_usage, CMC_CA},
                                      {NID_subject_key_identifier, "hash"},
                                      {NID_authority_key_identifier, "keyid"}};
    struct spec s = {.key = key,
                     .issuer = issuing,
                     .issuer_key = issuing_key,
                     .from = now - BACKDATE,
                     .to = end_of(issuing, UINT64_MAX, e),
                     .exts = exts,
                     .n_exts = SU_ARRAY_LEN(exts)};
    snprintf(s.cn, sizeof s.cn, "%s surety authority %u", domain, n);
    return s.to ? make(&s, out, e) : -1;
}

/* Host certificates --------------------------------------------------------- */

/* The URL's characters were checked, so it is one value in OpenSSL's notation. */
static bool add_same(struct su_issuer *i, int nid, const char *value)
{
    X509V3_CTX v;
    X509V3_set_ctx(&v, i->cert, NULL, NULL, NULL, 0);
    X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, &v, nid, value);
    if (one && sk_X509_EXTENSION_push(i->same, one) > 0)
        return true;
    X509_EXTENSION_free(one);
    return false;
}

int su_issuer_new(unsigned n, X509 *cert, EVP_PKEY *key, const char *url, struct su_issuer *out, struct su_err *e)
{
    char aia[640], crl[640];
    struct su_issuer i = {.n = n, .cert = cert, .key = key, .same = sk_X509_EXTENSION_new_null()};
    snprintf(aia, sizeof aia, "caIssuers;URI:%s/issuing/%u.crt", url, n);
    snprintf(crl, sizeof crl, "URI:%s/crl/%u.crl", url, n);
    bool good = i.same && X509_check_private_key(cert, key) == 1 &&
                add_same(&i, NID_basic_constraints, "critical,CA:FALSE") &&
                add_same(&i, NID_key_usage, "critical,digitalSignature") &&
                add_same(&i, NID_ext_key_usage, SU_OID_DOCUMENT_SIGNING) &&
                add_same(&i, NID_authority_key_identifier, "keyid") &&
                (!*url || (add_same(&i, NID_info_access, aia) && add_same(&i, NID_crl_distribution_points, crl)));
    if (!good) {
        su_issuer_done(&i);
        return su_fail_ssl(e, SU_E_FORMAT, "authority.issuing", "the issuing certificate and its key cannot be used");
    }
    *out = i;
    return 0;
}

void su_issuer_done(struct su_issuer *i)
{
    X509_free(i->cert);
    EVP_PKEY_free(i->key);
    sk_X509_EXTENSION_pop_free(i->same, X509_EXTENSION_free);
    *i = (struct su_issuer){0};
}

static bool add_san(X509 *x, const char *name)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    bool good = names && one && text && ASN1_STRING_set(text, name, -1) == 1;
    if (good) {
        GENERAL_NAME_set0_value(one, GEN_DNS, su_steal(&text));
        good = sk_GENERAL_NAME_push(names, one) > 0;
        if (good)
            one = NULL;
        good = good && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    }
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(one);
    GENERAL_NAMES_free(names);
    return good;
}

/* RFC 5280, 4.2.1.2 (1): SHA-1 of the key's bits */
static bool add_ski(X509 *x, const struct su_spki *key)
{
    uint8_t id[SHA_DIGEST_LENGTH];
    ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
    SHA1(key->key.p, key->key.n, id);
    bool good = ski && ASN1_OCTET_STRING_set(ski, id, sizeof id) == 1 &&
                X509_add1_ext_i2d(x, NID_subject_key_identifier, ski, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_OCTET_STRING_free(ski);
    return good;
}

/* The key's bytes as they came.  X509_set_pubkey would decode and encode them once more, which costs as much as a tenth
 * of an RSA signature. */
static bool set_key(X509 *x, const struct su_spki *key)
{
    bool rsa = key->kind == SU_SPKI_RSA;
    uint8_t *bits = OPENSSL_memdup(key->key.p, key->key.n);
    if (bits &&
        X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(rsa ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey),
                               rsa ? V_ASN1_NULL : V_ASN1_OBJECT, rsa ? NULL : OBJ_nid2obj(NID_X9_62_prime256v1), bits,
                               (int)key->key.n) == 1)
        return true;
    OPENSSL_free(bits);
    return false;
}

int su_issuer_sign(const struct su_issuer *i, const struct su_leaf *leaf, X509 **out, struct su_err *e)
{
    X509 *x = X509_new();
    bool good = x && X509_set_version(x, X509_VERSION_3) && set_serial(x, leaf->serial) && set_name(x, leaf->name) &&
                X509_set_issuer_name(x, X509_get_subject_name(i->cert)) &&
                set_times(x, leaf->not_before, leaf->not_after) && set_key(x, leaf->key);
    for (int k = 0; good && k < sk_X509_EXTENSION_num(i->same); k++)
        good = X509_add_ext(x, sk_X509_EXTENSION_value(i->same, k), -1) == 1;
    good = good && add_san(x, leaf->name) && add_ski(x, leaf->key) && X509_sign(x, i->key, digest_of(i->key)) > 0;
    if (!good) {
        X509_free(x);
        return broken(e, "the host's certificate could not be signed");
    }
    *out = x;
    return 0;
}

/* Revocation lists ---------------------------------------------------------- */

static int add_revoked(void *arg, const struct su_entry *c, struct su_err *e)
{
    X509_REVOKED *r = X509_REVOKED_new();
    BIGNUM *bn = BN_bin2bn(c->serial, SU_SERIAL, NULL);
    ASN1_INTEGER *serial = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
    ASN1_TIME *at = ASN1_TIME_adj(NULL, (time_t)c->revoked, 0, 0);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    bool good = r && serial && at && reason && X509_REVOKED_set_serialNumber(r, serial) &&
                X509_REVOKED_set_revocationDate(r, at) && ASN1_ENUMERATED_set(reason, (long)c->reason) &&
                (c->reason == 0 || X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, 0, 0) == 1);
    if (good && (good = X509_CRL_add0_revoked(arg, r) == 1))
        r = NULL;
    X509_REVOKED_free(r);
    BN_free(bn);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(at);
    ASN1_ENUMERATED_free(reason);
    return good ? 0 : broken(e, "a revocation could not be listed");
}

static bool crl_extensions(X509_CRL *crl, const struct su_issuer *i, int64_t number)
{
    X509V3_CTX v;
    X509V3_set_ctx(&v, i->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *aki = X509V3_EXT_conf_nid(NULL, &v, NID_authority_key_identifier, "keyid");
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    bool good = aki && n && X509_CRL_add_ext(crl, aki, -1) == 1 && ASN1_INTEGER_set_int64(n, number) &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1;
    X509_EXTENSION_free(aki);
    ASN1_INTEGER_free(n);
    return good;
}

int su_ca_crl(const struct su_issuer *i, struct su_db *db, int64_t number, uint64_t now, uint64_t next,
              struct su_buf *der, struct su_err *e)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_adj(NULL, (time_t)now, 0, 0), *to = ASN1_TIME_adj(NULL, (time_t)next, 0, 0);
    uint8_t *bytes = NULL;
    bool good = crl && from && to && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
                X509_CRL_set_issuer_name(crl, X509_get_subject_name(i->cert)) && X509_CRL_set1_lastUpdate(crl, from) &&
                X509_CRL_set1_nextUpdate(crl, to) && crl_extensions(crl, i, number);
    int n = 0, rc = good ? su_ledger_revocations(db, i->n, now - DAY, add_revoked, crl, e)
                         : broken(e, "the revocation list could not be made");
    if (rc == 0 && (!X509_CRL_sort(crl) || X509_CRL_sign(crl, i->key, digest_of(i->key)) <= 0 ||
                    (n = i2d_X509_CRL(crl, &bytes)) <= 0))
        rc = broken(e, "the revocation list could not be signed");
    if (rc == 0)
        su_buf_add(der, bytes, (size_t)n);
    OPENSSL_free(bytes);
    X509_CRL_free(crl);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return rc < 0 ? -1 : su_buf_ok(der, e);
}
