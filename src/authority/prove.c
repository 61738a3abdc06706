/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who sent a message?  A token's secret, or a certificate that the ledger knows.
 *
 * The certificate is pinned in OpenSSL's context: it checks the message's signature with that key and looks for no
 * other.  That the certificate is ours was decided here: the same bytes stand in the ledger, under the host the URL
 * names.  Its issuer's signature would add nothing: who can write the ledger can read the issuing key. */
#include "authority_int.h"
#include "seal.h"
#include <openssl/err.h>
#include <string.h>

static int read_token(struct su_txn *t, struct su_err *e)
{
    pthread_mutex_lock(&t->a->read_lock);
    int rc = su_ledger_token(t->a->reader, t->host, &t->token, e);
    pthread_mutex_unlock(&t->a->read_lock);
    return rc;
}

static int read_entry(struct su_txn *t, const uint8_t serial[SU_SERIAL], struct su_err *e)
{
    pthread_mutex_lock(&t->a->read_lock);
    int rc = su_ledger_by_serial(t->a->reader, serial, &t->signer, e);
    pthread_mutex_unlock(&t->a->read_lock);
    return rc;
}

/* A missing thing is the sender's fault; anything else is ours. */
static int refuse_missing(struct su_txn *t, const struct su_err *why, struct su_err *e)
{
    if (why->kind != SU_E_MISSING) {
        *e = *why;
        return -1;
    }
    t->refusal = *why;
    t->refusal.kind = SU_E_REFUSED;
    return 0;
}

static int prove_token(struct su_txn *t, bool *known, struct su_err *e)
{
    struct su_err why = {0};
    char secret[SU_TOKEN_SECRET];
    t->by_token = true;
    if (t->facts.kid.n && (t->facts.kid.n != strlen(t->host) || memcmp(t->facts.kid.p, t->host, t->facts.kid.n) != 0)) {
        su_fail(&t->refusal, SU_E_REFUSED, "authority.reference", "the reference is not the host of the URL");
        return 0;
    }
    if (read_token(t, &why) < 0)
        return refuse_missing(t, &why, e);
    if (su_token_usable(&t->token, t->a->clock(), &t->refusal) < 0)
        return 0;
    if (su_unseal(&t->a->token_key, t->host, t->token.sealed, secret, e) < 0)
        return -1;
    OSSL_CMP_CTX *c = OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv);
    *known = OSSL_CMP_CTX_set1_secretValue(c, (const uint8_t *)secret, sizeof secret) &&
             OSSL_CMP_CTX_set1_referenceValue(c, (const uint8_t *)t->host, (int)strlen(t->host));
    explicit_bzero(secret, sizeof secret);
    return *known ? 0 : su_fail_nomem(e, 0);
}

/* A host that was away for long gets its next certificate with the last one: whoever must not come back is revoked.
 * For that one request only. */
static bool too_old(const struct su_txn *t)
{
    uint64_t now = t->a->clock(), end = t->signer.not_after;
    uint32_t grace = t->facts.body == SU_CMP_KUR || t->facts.body == SU_CMP_CERTCONF ? t->a->conf.renew_expired : 0;
    return now > end && now - end > grace;
}

static void judge_signer(struct su_txn *t)
{
    const struct su_entry *c = &t->signer;
    struct su_err *r = &t->refusal;
    if (strcmp(c->host, t->host) != 0)
        su_fail(r, SU_E_REFUSED, "authority.signer.foreign", "the certificate is another host's");
    else if (c->revoked)
        su_fail(r, SU_E_REFUSED, "authority.signer.revoked", "the certificate that signed the request is revoked");
    else if (too_old(t))
        su_fail(r, SU_E_REFUSED, "authority.signer.expired",
                "the certificate that signed the request has expired; the host needs a new token");
}

/* An expired certificate that was followed by another lies about in a backup at best: the host has no use for it. */
static int judge_expired(struct su_txn *t, struct su_err *e)
{
    bool superseded = false;
    if (t->refusal.kind != SU_OK || t->a->clock() <= t->signer.not_after)
        return 0;
    pthread_mutex_lock(&t->a->read_lock);
    int rc = su_ledger_superseded(t->a->reader, &t->signer, &superseded, e);
    pthread_mutex_unlock(&t->a->read_lock);
    if (rc == 0 && superseded)
        su_fail(&t->refusal, SU_E_REFUSED, "authority.signer.expired",
                "the certificate that signed the request has expired and was replaced; the host needs a new token");
    return rc;
}

static int prove_signer(struct su_txn *t, bool *known, struct su_err *e)
{
    struct su_err why = {0};
    uint8_t serial[SU_SERIAL];
    const uint8_t *p = t->facts.signer.p;
    if (!t->facts.signer.n) {
        su_fail(&t->refusal, SU_E_REFUSED, "authority.signer.unknown",
                "the certificate of the sender is not with the message");
        return 0;
    }
    t->signer_cert = d2i_X509(NULL, &p, (long)t->facts.signer.n);
    ERR_clear_error();
    if (!t->signer_cert || !su_ca_serial_of(X509_get0_serialNumber(t->signer_cert), serial)) {
        su_fail(&t->refusal, SU_E_REFUSED, "authority.signer.unknown", "the certificate is not of this authority");
        return 0;
    }
    if (read_entry(t, serial, &why) < 0)
        return refuse_missing(t, &why, e);
    if (t->signer.der.n != t->facts.signer.n || memcmp(t->signer.der.p, t->facts.signer.p, t->signer.der.n) != 0) {
        su_fail(&t->refusal, SU_E_REFUSED, "authority.signer.unknown", "the certificate is not of this authority");
        return 0;
    }
    *known = OSSL_CMP_CTX_set1_srvCert(OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv), t->signer_cert) == 1;
    if (!*known)
        return su_fail_nomem(e, 0);
    judge_signer(t);
    return judge_expired(t, e);
}

int su_cmp_prove(struct su_txn *t, bool *known, struct su_err *e)
{
    *known = false;
    if (t->facts.protection == SU_CMP_PBM)
        return prove_token(t, known, e);
    if (t->facts.protection == SU_CMP_SIGNED)
        return prove_signer(t, known, e);
    su_fail(&t->refusal, SU_E_REFUSED, "authority.unprotected", "the message is not protected");
    return 0;
}
