/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One CMP message in, one out (RFC 4210, RFC 9480, RFC 6712). */
#include "authority_int.h"
#include "pki/cert.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

enum { BODY_ERROR = 23 }; /* PKIBody: error */

static bool ends_transaction(unsigned body)
{
    return body == SU_CMP_CERTCONF || body == BODY_ERROR;
}

static bool starts_transaction(unsigned body)
{
    return body == SU_CMP_IR || body == SU_CMP_CR || body == SU_CMP_P10CR || body == SU_CMP_KUR || body == SU_CMP_RR ||
           body == SU_CMP_GENM;
}

/* The transaction the message belongs to.  One without a place gets a new one with a refusal in it. */
static struct su_txn *transaction(struct su_authority *a, const char *host, const struct su_cmp_facts *f, bool *known)
{
    struct su_txn *t = ends_transaction(f->body) ? su_txn_find(a, host, f->transaction) : NULL;
    if (t) {
        t->facts = *f;
        t->refusal = (struct su_err){0};
        *known = true;
        return t;
    }
    t = su_txn_new(a, host, f);
    if (!t || starts_transaction(f->body))
        return t;
    if (f->body == SU_CMP_POLLREQ)
        su_fail(&t->refusal, SU_E_REFUSED, "authority.poll", "nothing is ever left waiting here");
    else if (ends_transaction(f->body))
        su_fail(&t->refusal, SU_E_REFUSED, "authority.transaction",
                "there is no such transaction, or it took too long");
    else
        su_fail(&t->refusal, SU_E_REFUSED, "authority.body", "messages of type %u are not answered here", f->body);
    return t;
}

static void tell_refusal(struct su_authority_outcome *o, const struct su_err *e)
{
    o->id = e->id;
    snprintf(o->text, sizeof o->text, "%s", e->msg);
}

/* The ledger failed before anything was proved: an error message, and 503. */
static void unavailable(struct su_txn *t, const struct su_err *e)
{
    t->refusal = *e;
    t->outcome->unavailable = true;
}

/* What OpenSSL found wrong with a message whose sender we knew: nearly always a wrong secret or signature. */
static void tell_openssl(struct su_authority_outcome *o, bool by_token)
{
    o->id = by_token ? "authority.secret" : "authority.signature";
    snprintf(o->text, sizeof o->text, "%s",
             by_token ? "the message's MAC is not made with the token's secret, or the "
                        "request is malformed"
                      : "the message's signature is not its certificate's, or the "
                        "request is malformed");
}

static int encode(OSSL_CMP_MSG *m, struct su_buf *out, struct su_err *e)
{
    uint8_t *der = NULL;
    int n = i2d_OSSL_CMP_MSG(m, &der);
    if (n <= 0)
        return su_fail_ssl(e, SU_E_NOMEM, "authority.openssl", "the answer cannot be encoded");
    su_buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    return su_buf_ok(out, e);
}

static int process(struct su_txn *t, const OSSL_CMP_MSG *m, bool known, struct su_buf *answer, struct su_err *e)
{
    ERR_clear_error();
    if (!known) {
        /* Becomes an error message with our text: no secret is set, and a signature can only be our own, with which
         * nobody asks for anything.  Without a pinned certificate OpenSSL would look for one, and forget our text. */
        tell_refusal(t->outcome, &t->refusal);
        if (OSSL_CMP_CTX_set1_srvCert(OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv), t->a->responder) != 1)
            return su_fail_nomem(e, 0);
        su_cmp_raise(&t->refusal);
    }
    OSSL_CMP_MSG *reply = OSSL_CMP_SRV_process_request(t->srv, m);
    if (!reply)
        return su_fail_ssl(e, SU_E_NOMEM, "authority.openssl", "no answer could be made");
    int rc = encode(reply, answer, e);
    if (OSSL_CMP_MSG_get_bodytype(reply) == BODY_ERROR && !t->outcome->id)
        tell_openssl(t->outcome, t->by_token);
    OSSL_CMP_MSG_free(reply);
    ERR_clear_error();
    return rc;
}

static bool waits_for_confirmation(struct su_txn *t)
{
    return t->issued && !t->outcome->id && starts_transaction(t->facts.body) &&
           OSSL_CMP_CTX_get_option(OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv), OSSL_CMP_OPT_IMPLICIT_CONFIRM) != 1;
}

/* The message without the certificates beside it: the sender's was taken from there already, and OpenSSL would decode
 * them all and try them.  They are not protected, so nothing that is checked changes. */
static int decode(const struct su_cmp_facts *f, OSSL_CMP_MSG **out, struct su_err *e)
{
    int n = ASN1_object_size(1, (int)f->core.n, V_ASN1_SEQUENCE);
    uint8_t *der = n > 0 ? OPENSSL_malloc((size_t)n) : NULL, *p = der;
    if (!der)
        return su_fail_nomem(e, f->core.n);
    ASN1_put_object(&p, 1, (int)f->core.n, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, f->core.p, f->core.n);
    const uint8_t *in = der;
    OSSL_CMP_MSG *m = d2i_OSSL_CMP_MSG(NULL, &in, n);
    OPENSSL_free(der);
    if (!m)
        return su_fail_ssl(e, SU_E_FORMAT, "authority.cmp.der", "this is no CMP message");
    *out = m;
    return 0;
}

int su_authority_cmp(struct su_authority *a, const char *host, struct su_bytes request, struct su_buf *answer,
                     struct su_authority_outcome *outcome, struct su_err *e)
{
    struct su_cmp_facts f;
    struct su_err why = {0};
    OSSL_CMP_MSG *m = NULL;
    bool known = false;
    *outcome = (struct su_authority_outcome){0};
    if (su_authority_host_ok(host, a->conf.domain, e) < 0) {
        e->kind = SU_E_MISSING; /* no such resource */
        return -1;
    }
    if (su_cmp_walk(request, &f, e) < 0 || decode(&f, &m, e) < 0)
        return -1;
    struct su_txn *t = transaction(a, host, &f, &known);
    if (!t) {
        OSSL_CMP_MSG_free(m);
        return su_fail_nomem(e, 0);
    }
    t->outcome = outcome;
    if (!known && t->refusal.kind == SU_OK && su_cmp_prove(t, &known, &why) < 0)
        unavailable(t, &why);
    int rc = process(t, m, known, answer, e);
    OSSL_CMP_MSG_free(m);
    if (rc == 0 && waits_for_confirmation(t))
        su_txn_keep(t);
    else
        su_txn_free(t);
    return rc;
}
