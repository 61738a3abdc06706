/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transactions between a certificate and its certConf.  Only who was proved and was given a certificate has a place in
 * the table, so strangers cannot fill it. */
#include "authority_int.h"
#include <string.h>

/* What OpenSSL would print; the ledger and our log tell it better. */
static int quiet(const char *func, const char *file, int line, OSSL_CMP_severity level, const char *msg)
{
    (void)func, (void)file, (void)line, (void)level, (void)msg;
    return 1;
}

static bool set_up(struct su_txn *t)
{
    OSSL_CMP_CTX *c = OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv);
    return c && OSSL_CMP_CTX_set_log_cb(c, quiet) && OSSL_CMP_CTX_set1_cert(c, t->a->responder) &&
           OSSL_CMP_CTX_set1_pkey(c, t->a->responder_key) && OSSL_CMP_CTX_set1_untrusted(c, t->a->chain) &&
           OSSL_CMP_SRV_CTX_init(t->srv, t, su_cmp_on_request, su_cmp_on_revoke, su_cmp_on_general, su_cmp_on_error,
                                 su_cmp_on_confirm, su_cmp_on_poll) &&
           OSSL_CMP_SRV_CTX_set_send_unprotected_errors(t->srv, 0) &&
           OSSL_CMP_SRV_CTX_set_accept_unprotected(t->srv, 0) && OSSL_CMP_SRV_CTX_set_accept_raverified(t->srv, 0) &&
           OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(t->srv, 1);
}

struct su_txn *su_txn_new(struct su_authority *a, const char *host, const struct su_cmp_facts *f)
{
    struct su_txn *t = calloc(1, sizeof *t);
    if (!t || strlen(host) >= sizeof t->host) {
        free(t);
        return NULL;
    }
    t->a = a;
    memcpy(t->host, host, strlen(host) + 1);
    memcpy(t->id, f->transaction.p, f->transaction.n);
    t->id_n = f->transaction.n;
    t->facts = *f;
    t->srv = OSSL_CMP_SRV_CTX_new(NULL, NULL);
    if (!t->srv || !set_up(t)) {
        su_txn_free(t);
        return NULL;
    }
    return t;
}

void su_txn_free(struct su_txn *t)
{
    if (!t)
        return;
    OSSL_CMP_SRV_CTX_free(t->srv); /* wipes the secret it was given */
    su_entry_done(&t->signer);
    X509_free(t->signer_cert);
    X509_free(t->issued);
    free(t);
}

static struct su_txn *take(struct su_authority *a, struct su_txn **at)
{
    struct su_txn *t = *at;
    *at = t->next;
    if (!t->next)
        a->txns_end = at;
    t->next = NULL;
    a->n_txns--;
    return t;
}

void su_txn_keep(struct su_txn *t)
{
    struct su_authority *a = t->a;
    struct su_txn *old = NULL;
    t->deadline = a->clock() + SU_TXN_SECONDS;
    t->facts = (struct su_cmp_facts){0}; /* it points into the request */
    t->outcome = NULL;
    pthread_mutex_lock(&a->txn_lock);
    if (a->n_txns == SU_TXN_MAX)
        old = take(a, &a->txns);
    *a->txns_end = t;
    a->txns_end = &t->next;
    a->n_txns++;
    pthread_mutex_unlock(&a->txn_lock);
    su_txn_free(old);
}

struct su_txn *su_txn_find(struct su_authority *a, const char *host, struct su_bytes id)
{
    struct su_txn *found = NULL;
    pthread_mutex_lock(&a->txn_lock);
    for (struct su_txn **at = &a->txns; *at && !found; at = &(*at)->next) {
        if ((*at)->id_n == id.n && memcmp((*at)->id, id.p, id.n) == 0 && strcmp((*at)->host, host) == 0) {
            found = take(a, at);
            break;
        }
    }
    pthread_mutex_unlock(&a->txn_lock);
    return found;
}

void su_txn_sweep(struct su_authority *a, bool all)
{
    uint64_t now = a->clock();
    struct su_txn *over = NULL;
    pthread_mutex_lock(&a->txn_lock);
    while (a->txns && (all || a->txns->deadline < now)) {
        struct su_txn *t = take(a, &a->txns);
        t->next = over;
        over = t;
    }
    pthread_mutex_unlock(&a->txn_lock);
    while (over) {
        struct su_txn *next = over->next;
        su_txn_free(over);
        over = next;
    }
}
