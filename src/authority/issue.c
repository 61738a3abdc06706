/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is granted: the callbacks that OpenSSL's server calls once a message is proved.
 *
 * Reading, signing and writing are three steps: the ledger is asked first, so that a refusal costs no signature; the
 * signature is made with no lock held; the row is on stable storage before the answer is. */
#include "authority_int.h"
#include "pki/cert.h"
#include <openssl/crmf.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 1024 };

/* Refusing -------------------------------------------------------------------- */

static const struct {
    const char *id;
    int info;
} infos[] = {
    {"authority.key.kind", OSSL_CMP_PKIFAILUREINFO_badAlg},
    {"authority.key.weak", OSSL_CMP_PKIFAILUREINFO_badCertTemplate},
    {"authority.key.taken", OSSL_CMP_PKIFAILUREINFO_badCertTemplate},
    {"authority.cmp.key", OSSL_CMP_PKIFAILUREINFO_badCertTemplate},
    {"authority.replay", OSSL_CMP_PKIFAILUREINFO_transactionIdInUse},
    {"authority.signer.revoked", OSSL_CMP_PKIFAILUREINFO_certRevoked},
    {"authority.signer.foreign", OSSL_CMP_PKIFAILUREINFO_notAuthorized},
    {"authority.signer.expired", OSSL_CMP_PKIFAILUREINFO_notAuthorized},
    {"authority.token.", OSSL_CMP_PKIFAILUREINFO_notAuthorized},
    {"authority.certificate.none", OSSL_CMP_PKIFAILUREINFO_badCertId},
    {"authority.revoked.already", OSSL_CMP_PKIFAILUREINFO_certRevoked},
    {"authority.old", OSSL_CMP_PKIFAILUREINFO_badCertId},
    {"authority.clock", OSSL_CMP_PKIFAILUREINFO_systemUnavail},
    {"authority.ledger.", OSSL_CMP_PKIFAILUREINFO_systemUnavail},
    {"authority.openssl", OSSL_CMP_PKIFAILUREINFO_systemFailure},
};

static int info_of(const struct su_err *e)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(infos); i++)
        if (strncmp(e->id, infos[i].id, strlen(infos[i].id)) == 0)
            return infos[i].info;
    return e->kind == SU_E_NOMEM ? OSSL_CMP_PKIFAILUREINFO_systemUnavail : OSSL_CMP_PKIFAILUREINFO_badRequest;
}

static void note_refusal(struct su_txn *t, const struct su_err *e)
{
    int info = info_of(e);
    t->refusal = *e;
    t->outcome->id = e->id;
    t->outcome->unavailable =
        info == OSSL_CMP_PKIFAILUREINFO_systemUnavail || info == OSSL_CMP_PKIFAILUREINFO_systemFailure;
    snprintf(t->outcome->text, sizeof t->outcome->text, "%s", e->msg);
}

static OSSL_CMP_PKISI *refuse(struct su_txn *t, const struct su_err *why)
{
    char text[320];
    struct su_err copy = *why;
    snprintf(text, sizeof text, "%s: %s", why->id, why->msg);
    ERR_clear_error();
    note_refusal(t, &copy);
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_rejection, 1 << info_of(&copy), text);
}

void su_cmp_raise(const struct su_err *e)
{
    ERR_clear_error(); /* OpenSSL takes the text of the oldest error */
    ERR_raise_data(ERR_LIB_CMP, CMP_R_ERROR_PROCESSING_MESSAGE, "%s: %s", e->id, e->msg);
}

static int refuse_message(struct su_txn *t, const struct su_err *why)
{
    struct su_err copy = *why;
    note_refusal(t, &copy);
    su_cmp_raise(&copy);
    return 0;
}

/* What is asked for ------------------------------------------------------------- */

/* Its key, as DER of a SubjectPublicKeyInfo. */
struct asked {
    uint8_t der[KEY_MAX];
    size_t n;
    struct su_spki key; /* points into der */
};

static int template_key(const OSSL_CRMF_MSG *crm, struct asked *out, struct su_err *e)
{
    const OSSL_CRMF_CERTTEMPLATE *t = OSSL_CRMF_MSG_get0_tmpl(crm);
    uint8_t *der = NULL;
    int n = t ? i2d_OSSL_CRMF_CERTTEMPLATE((OSSL_CRMF_CERTTEMPLATE *)t, &der) : 0;
    int rc = n <= 0 ? su_fail_ssl(e, SU_E_FORMAT, "authority.cmp.key", "the request has no template")
                    : su_cmp_template_key((struct su_bytes){der, (size_t)n}, out->der, sizeof out->der, &out->n, e);
    OPENSSL_free(der);
    return rc;
}

static int request_key(const X509_REQ *p10, struct asked *out, struct su_err *e)
{
    X509_PUBKEY *key = p10 ? X509_REQ_get_X509_PUBKEY((X509_REQ *)p10) : NULL;
    int n = key ? i2d_X509_PUBKEY(key, NULL) : 0;
    uint8_t *p = out->der;
    if (n <= 0 || n > KEY_MAX || i2d_X509_PUBKEY(key, &p) != n)
        return su_fail_ssl(e, SU_E_FORMAT, "authority.cmp.key", "the request has no public key, or a very long one");
    out->n = (size_t)n;
    return 0;
}

static int asked_key(const OSSL_CRMF_MSG *crm, const X509_REQ *p10, struct asked *out, struct su_err *e)
{
    if ((crm ? template_key(crm, out, e) : request_key(p10, out, e)) < 0)
        return -1;
    return su_spki_read((struct su_bytes){out->der, out->n}, &out->key, e);
}

/* Which proof goes with which request. */
static int check_body(const struct su_txn *t, const OSSL_CRMF_MSG *crm, struct su_err *e)
{
    unsigned body = t->facts.body;
    if (t->refusal.kind != SU_OK) {
        *e = t->refusal;
        return -1;
    }
    if (body == SU_CMP_IR && !t->by_token)
        return su_fail(e, SU_E_REFUSED, "authority.body",
                       "a first certificate needs a token; use kur for the next one");
    if (body == SU_CMP_KUR && t->by_token)
        return su_fail(e, SU_E_REFUSED, "authority.body", "a key update is signed with the current certificate");
    if (body != SU_CMP_KUR || !crm)
        return 0;
    const OSSL_CRMF_CERTID *old = OSSL_CRMF_MSG_get0_regCtrl_oldCertID(crm);
    uint8_t serial[SU_SERIAL];
    if (old && (!su_ca_serial_of(OSSL_CRMF_CERTID_get0_serialNumber(old), serial) ||
                memcmp(serial, t->signer.serial, SU_SERIAL) != 0))
        return su_fail(e, SU_E_REFUSED, "authority.old", "the certificate to be updated is not the one that signed");
    return 0;
}

/* Granting ----------------------------------------------------------------------- */

struct grant {
    struct su_issue i;
    struct su_entry again;
    int64_t id;
};

static int may_issue(struct su_txn *t, struct grant *g, struct su_err *e)
{
    pthread_mutex_lock(&t->a->read_lock);
    int rc = su_ledger_may_issue(t->a->reader, &g->i, &g->again, e);
    pthread_mutex_unlock(&t->a->read_lock);
    return rc;
}

static int write_grant(struct su_db *db, void *arg, struct su_err *e)
{
    struct grant *g = arg;
    return su_ledger_issue(db, &g->i, &g->again, &g->id, e);
}

static int sign(struct su_txn *t, struct grant *g, const struct su_spki *key, X509 **out, struct su_err *e)
{
    const struct su_issuer *issuer = &t->a->issuer[t->a->n_issuers - 1];
    char name[SU_HOST_TEXT + 256];
    uint64_t from, to;
    if (su_cert_times(issuer->cert, &from, &to, e) < 0)
        return -1;
    if (to <= g->i.now)
        return su_fail(e, SU_E_CONFLICT, "authority.clock", "the issuing certificate has expired");
    snprintf(name, sizeof name, "%s.metadata.%s", t->host, t->a->conf.domain);
    struct su_leaf leaf = {.name = name,
                           .key = key,
                           .not_before = g->i.now - SU_CLOCK_SLACK,
                           .not_after = g->i.now + t->a->conf.certificate_lifetime};
    if (leaf.not_after > to)
        leaf.not_after = to;
    if (su_ca_serial(leaf.serial, e) < 0 || su_issuer_sign(issuer, &leaf, out, e) < 0)
        return -1;
    memcpy(g->i.serial, leaf.serial, SU_SERIAL);
    g->i.not_before = leaf.not_before;
    g->i.not_after = leaf.not_after;
    g->i.issuer = issuer->n;
    return 0;
}

/* The certificate that a lost answer held. */
static int repeat(struct su_txn *t, struct grant *g, X509 **out, struct su_err *e)
{
    const uint8_t *p = g->again.der.p;
    X509 *x = d2i_X509(NULL, &p, (long)g->again.der.n);
    if (!x)
        return su_fail_ssl(e, SU_E_FORMAT, "authority.ledger.corrupt", "a certificate of the ledger is unreadable");
    t->certificate = g->again.id;
    memcpy(g->i.serial, g->again.serial, SU_SERIAL);
    *out = x;
    return 0;
}

static int grant(struct su_txn *t, struct grant *g, const struct asked *asked, X509 **out, struct su_err *e)
{
    SU_BUF struct su_buf der = {0};
    X509 *x = NULL;
    SHA256(asked->der, asked->n, g->i.key);
    if (su_ca_check_key(&asked->key, e) < 0 || may_issue(t, g, e) < 0)
        return -1;
    if (g->again.id)
        return repeat(t, g, out, e);
    if (sign(t, g, &asked->key, &x, e) < 0)
        return -1;
    int rc = su_cert_to_der(x, &der, e);
    g->i.der = su_buf_bytes(&der);
    if (rc < 0 || su_writer_run(t->a->writer, write_grant, g, e) < 0) {
        X509_free(x);
        return -1;
    }
    if (g->again.id) {
        X509_free(x);
        return repeat(t, g, out, e);
    }
    t->certificate = g->id;
    *out = x;
    return 0;
}

static const char *body_name(unsigned body)
{
    return body == SU_CMP_IR ? "ir" : body == SU_CMP_KUR ? "kur" : body == SU_CMP_CR ? "cr" : "p10cr";
}

static bool share(STACK_OF(X509) * from, STACK_OF(X509) * *out)
{
    *out = X509_chain_up_ref(from);
    return *out != NULL;
}

OSSL_CMP_PKISI *su_cmp_on_request(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, const OSSL_CRMF_MSG *crm,
                                  const X509_REQ *p10, X509 **out, STACK_OF(X509) * *chain, STACK_OF(X509) * *roots)
{
    struct su_txn *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(s);
    struct su_err e = {0};
    struct asked asked;
    char serial[2 * SU_SERIAL + 1];
    (void)m, (void)id;
    struct grant g = {.i = {.host = t->host,
                            .token = t->by_token ? t->token.id : 0,
                            .signer = t->by_token ? 0 : t->signer.id,
                            .transaction = t->facts.transaction,
                            .now = t->a->clock()}};
    int rc =
        check_body(t, crm, &e) < 0 || asked_key(crm, p10, &asked, &e) < 0 || grant(t, &g, &asked, &t->issued, &e) < 0;
    su_hex(g.i.serial, SU_SERIAL, serial);
    bool repeated = g.again.id != 0;
    su_entry_done(&g.again);
    if (rc)
        return refuse(t, &e);
    /* who has nothing but the secret learns the roots from this answer; its MAC vouches for them */
    if (!X509_up_ref(t->issued) || !share(t->a->chain, chain) || (t->by_token && !share(t->a->roots, roots)))
        return NULL;
    *out = t->issued;
    snprintf(t->outcome->text, sizeof t->outcome->text, "%s: certificate %s%s", body_name(t->facts.body), serial,
             repeated ? ", again" : "");
    ERR_clear_error();
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

/* Revoking ------------------------------------------------------------------------ */

struct revocation {
    struct su_entry *c;
    unsigned reason;
    uint64_t now;
};

static int write_revocation(struct su_db *db, void *arg, struct su_err *e)
{
    const struct revocation *r = arg;
    return su_ledger_revoke(db, r->c, r->reason, r->now, "host", e);
}

static int revoke_own(struct su_txn *t, const ASN1_INTEGER *serial, struct su_err *e)
{
    uint8_t n[SU_SERIAL];
    SU_ENTRY struct su_entry c = {0};
    if (t->refusal.kind != SU_OK) {
        *e = t->refusal;
        return -1;
    }
    if (t->by_token)
        return su_fail(e, SU_E_REFUSED, "authority.body", "a revocation is signed with the host's certificate");
    if (!su_ca_serial_of(serial, n))
        return su_fail(e, SU_E_MISSING, "authority.certificate.none", "no certificate has this serial number");
    pthread_mutex_lock(&t->a->read_lock);
    int rc = su_ledger_by_serial(t->a->reader, n, &c, e);
    pthread_mutex_unlock(&t->a->read_lock);
    if (rc < 0)
        return -1;
    if (strcmp(c.host, t->host) != 0)
        return su_fail(e, SU_E_REFUSED, "authority.signer.foreign", "the certificate to be revoked is another host's");
    unsigned reason = t->facts.reason;
    struct revocation r = {&c, reason == 6 || reason == 7 || reason == 8 ? 0 : reason, t->a->clock()};
    return su_writer_run(t->a->writer, write_revocation, &r, e);
}

OSSL_CMP_PKISI *su_cmp_on_revoke(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const X509_NAME *issuer,
                                 const ASN1_INTEGER *serial)
{
    struct su_txn *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(s);
    struct su_err e = {0};
    (void)m, (void)issuer; /* the serial number alone tells: it has 126 random bits */
    if (revoke_own(t, serial, &e) < 0)
        return refuse(t, &e);
    snprintf(t->outcome->text, sizeof t->outcome->text, "rr: revoked");
    return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

/* Confirming ---------------------------------------------------------------------- */

static int write_confirmation(struct su_db *db, void *arg, struct su_err *e)
{
    struct su_txn *t = arg;
    return su_ledger_confirm(db, t->certificate, t->a->clock(), e);
}

/* PKIStatusInfo's first member; OpenSSL 3.0 does not tell it. */
static bool rejected(const OSSL_CMP_PKISI *status)
{
    uint8_t *der = NULL, tag;
    int n = status ? i2d_OSSL_CMP_PKISI((OSSL_CMP_PKISI *)status, &der) : 0;
    struct su_bytes b = {der, n > 0 ? (size_t)n : 0}, v, number;
    bool bad = n > 0 && su_der_next(&b, &tag, &v, NULL) && su_der_next(&v, &tag, &number, NULL) &&
               !(number.n == 1 && number.p[0] <= 1); /* accepted, grantedWithMods */
    OPENSSL_free(der);
    return bad;
}

static int reject_own(struct su_txn *t, struct su_err *e)
{
    SU_ENTRY struct su_entry c = {.id = t->certificate};
    snprintf(c.host, sizeof c.host, "%s", t->host);
    if (!su_ca_serial_of(X509_get0_serialNumber(t->issued), c.serial))
        return su_fail(e, SU_E_FORMAT, "authority.ledger.corrupt", "a certificate has a strange serial number");
    struct revocation r = {&c, 5, t->a->clock()};
    return su_writer_run(t->a->writer, write_revocation, &r, e);
}

static bool hash_matches(X509 *x, const ASN1_OCTET_STRING *hash)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int digest = 0;
    if (!hash || !X509_get_signature_info(x, &digest, NULL, NULL, NULL))
        return false;
    const EVP_MD *type = EVP_get_digestbynid(digest);
    return type && X509_digest(x, type, md, &n) == 1 && ASN1_STRING_length(hash) == (int)n &&
           memcmp(ASN1_STRING_get0_data(hash), md, n) == 0;
}

int su_cmp_on_confirm(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, const ASN1_OCTET_STRING *hash,
                      const OSSL_CMP_PKISI *status)
{
    struct su_txn *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(s);
    struct su_err e = {0};
    (void)m, (void)id;
    if (!t->issued || !hash_matches(t->issued, hash)) {
        su_fail(&e, SU_E_REFUSED, "authority.confirm", "the confirmation is of another certificate");
        return refuse_message(t, &e);
    }
    bool bad = rejected(status);
    if ((bad ? reject_own(t, &e) : su_writer_run(t->a->writer, write_confirmation, t, &e)) < 0)
        return refuse_message(t, &e);
    snprintf(t->outcome->text, sizeof t->outcome->text, "certConf: %s", bad ? "rejected, so revoked" : "confirmed");
    return 1;
}

int su_cmp_on_poll(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, int id, OSSL_CMP_MSG **request, int64_t *after)
{
    struct su_err e = {0};
    (void)m, (void)id, (void)request, (void)after;
    su_fail(&e, SU_E_REFUSED, "authority.poll", "nothing is ever left waiting here");
    return refuse_message(OSSL_CMP_SRV_CTX_get0_custom_ctx(s), &e);
}

void su_cmp_on_error(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const OSSL_CMP_PKISI *status, const ASN1_INTEGER *code,
                     const OSSL_CMP_PKIFREETEXT *details)
{
    struct su_txn *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(s);
    (void)m, (void)status, (void)code, (void)details;
    snprintf(t->outcome->text, sizeof t->outcome->text, "error: the host gave up");
}

/* General messages ------------------------------------------------------------------ */

static bool add_der(struct su_buf *b, STACK_OF(X509) * certs)
{
    struct su_err ignored = {0};
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (su_cert_to_der(sk_X509_value(certs, i), b, &ignored) < 0)
            return false;
    return !b->failed;
}

/* CaCertsValue: SEQUENCE OF CMPCertificate (RFC 9480, 2.14) */
static OSSL_CMP_ITAV *ca_certs(const struct su_authority *a)
{
    SU_BUF struct su_buf certs = {0};
    if (!add_der(&certs, a->chain) || !add_der(&certs, a->roots))
        return NULL;
    int n = ASN1_object_size(1, (int)certs.n, V_ASN1_SEQUENCE);
    uint8_t *der = n > 0 ? OPENSSL_malloc((size_t)n) : NULL, *p = der;
    ASN1_STRING *s = ASN1_STRING_new();
    ASN1_TYPE *v = ASN1_TYPE_new();
    OSSL_CMP_ITAV *itav = NULL;
    if (der && s && v) {
        ASN1_put_object(&p, 1, (int)certs.n, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
        memcpy(p, certs.p, certs.n);
        ASN1_STRING_set0(s, su_steal(&der), n);
        ASN1_TYPE_set(v, V_ASN1_SEQUENCE, su_steal(&s));
        itav = OSSL_CMP_ITAV_create(OBJ_nid2obj(NID_id_it_caCerts), v);
        if (itav)
            v = NULL;
    }
    OPENSSL_free(der);
    ASN1_STRING_free(s);
    ASN1_TYPE_free(v);
    return itav;
}

int su_cmp_on_general(OSSL_CMP_SRV_CTX *s, const OSSL_CMP_MSG *m, const STACK_OF(OSSL_CMP_ITAV) * in,
                      STACK_OF(OSSL_CMP_ITAV) * *out)
{
    struct su_txn *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(s);
    struct su_err e = {0};
    (void)m;
    if (t->refusal.kind != SU_OK) {
        e = t->refusal;
        return refuse_message(t, &e);
    }
    bool wanted = false;
    for (int i = 0; i < sk_OSSL_CMP_ITAV_num(in); i++)
        wanted = wanted || OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(sk_OSSL_CMP_ITAV_value(in, i))) == NID_id_it_caCerts;
    if (!wanted && sk_OSSL_CMP_ITAV_num(in) > 0) {
        su_fail(&e, SU_E_REFUSED, "authority.general", "of general messages only caCerts is answered");
        return refuse_message(t, &e);
    }
    STACK_OF(OSSL_CMP_ITAV) *list = sk_OSSL_CMP_ITAV_new_null();
    OSSL_CMP_ITAV *itav = wanted ? ca_certs(t->a) : NULL;
    if (!list || (wanted && (!itav || !sk_OSSL_CMP_ITAV_push(list, itav)))) {
        OSSL_CMP_ITAV_free(itav);
        sk_OSSL_CMP_ITAV_free(list);
        return 0;
    }
    snprintf(t->outcome->text, sizeof t->outcome->text, "genm: %s", wanted ? "caCerts" : "nothing asked");
    *out = list;
    return 1;
}
