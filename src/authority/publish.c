/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What anybody may fetch: certificates, revocation lists, health; and what time does to the tables. */
#include "authority_int.h"
#include "files.h"
#include "pki/cert.h"
#include <inttypes.h>

static const struct su_issuer *issuer_of(const struct su_authority *a, unsigned n)
{
    if (n == 0)
        n = a->n_issuers;
    return n <= a->n_issuers && a->issuer[n - 1].cert ? &a->issuer[n - 1] : NULL;
}

static int no_issuer(struct su_err *e)
{
    return su_fail(e, SU_E_MISSING, "authority.issuer.none", "there is no such issuing certificate");
}

int su_authority_issuing_der(struct su_authority *a, unsigned n, struct su_buf *out, struct su_err *e)
{
    const struct su_issuer *i = issuer_of(a, n);
    return i ? su_cert_to_der(i->cert, out, e) : no_issuer(e);
}

int su_authority_issuing_pem(struct su_authority *a, struct su_buf *out, struct su_err *e)
{
    const struct su_issuer *i = issuer_of(a, 0);
    return i ? su_cert_pem(i->cert, out, e) : no_issuer(e);
}

int su_authority_bundle(struct su_authority *a, struct su_buf *out, struct su_err *e)
{
    su_buf_add(out, a->bundle.p, a->bundle.n);
    return su_buf_ok(out, e);
}

/* Revocation lists ------------------------------------------------------------- */

struct new_crl {
    unsigned issuer;
    uint64_t now;
    int64_t number;
};

static int write_crl(struct su_db *db, void *arg, struct su_err *e)
{
    struct new_crl *c = arg;
    return su_ledger_crl(db, c->issuer, c->now, &c->number, e);
}

static int renew(struct su_authority *a, const struct su_issuer *i, struct su_crl_cache *c, int64_t last, uint64_t now,
                 struct su_err *e)
{
    SU_BUF struct su_buf der = {0};
    struct new_crl n = {.issuer = i->n, .now = now};
    if (su_writer_run(a->writer, write_crl, &n, e) < 0 ||
        su_ca_crl(i, a->crl_db, n.number, now, now + SU_CRL_NEXT, &der, e) < 0)
        return -1;
    su_buf_done(&c->der);
    *c = (struct su_crl_cache){.der = der, .last_revocation = last, .made = now};
    der = (struct su_buf){0};
    return 0;
}

/* When no new list can be made, an old one that misses no revocation is still the truth until it expires. */
static int current(struct su_authority *a, const struct su_issuer *i, struct su_crl_cache *c, struct su_err *e)
{
    int64_t last = 0;
    uint64_t now = a->clock();
    if (su_ledger_last_revocation(a->crl_db, &last, e) < 0)
        return -1;
    bool complete = c->der.n && c->last_revocation == last && now >= c->made;
    if (complete && now - c->made < SU_CRL_SECONDS)
        return 0;
    if (renew(a, i, c, last, now, e) == 0)
        return 0;
    return complete && now - c->made < SU_CRL_NEXT ? 0 : -1;
}

int su_authority_crl(struct su_authority *a, unsigned n, struct su_buf *out, struct su_err *e)
{
    const struct su_issuer *i = issuer_of(a, n);
    if (!i)
        return no_issuer(e);
    struct su_crl_cache *c = &a->crl[i->n - 1];
    pthread_mutex_lock(&a->crl_lock);
    int rc = current(a, i, c, e);
    if (rc == 0)
        su_buf_add(out, c->der.p, c->der.n);
    pthread_mutex_unlock(&a->crl_lock);
    return rc < 0 ? -1 : su_buf_ok(out, e);
}

/* Health and time ----------------------------------------------------------------- */

int su_authority_health(struct su_authority *a, struct su_buf *json, struct su_err *e)
{
    uint64_t at;
    struct su_writer_stats s;
    pthread_mutex_lock(&a->read_lock);
    int rc = su_ledger_clock(a->reader, a->clock(), &at, e);
    pthread_mutex_unlock(&a->read_lock);
    if (rc < 0)
        return -1;
    su_writer_stats(a->writer, &s);
    su_buf_printf(json, "{\"status\":\"ok\",\"time\":%" PRIu64 ",", a->clock());
    su_buf_printf(json, "\"changes\":%" PRIu64 ",\"commits\":%" PRIu64 ",\"failures\":%" PRIu64 "}\n", s.changes,
                  s.commits, s.failures);
    return su_buf_ok(json, e);
}

static int write_wipe(struct su_db *db, void *arg, struct su_err *e)
{
    return su_ledger_wipe(db, *(uint64_t *)arg, e);
}

void su_authority_tick(struct su_authority *a)
{
    struct su_err e = {0};
    uint64_t now = a->clock();
    bool any = false;
    su_txn_sweep(a, false);
    pthread_mutex_lock(&a->read_lock);
    int rc = su_ledger_wipeable(a->reader, now, &any, &e);
    pthread_mutex_unlock(&a->read_lock);
    if (rc == 0 && any && su_writer_run(a->writer, write_wipe, &now, &e) < 0)
        return; /* tried again at the next tick */
}
