/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"
#include "signer.h"
#include <string.h>

enum { RETRY_MS = 5000 };

static int open_fast(struct su_signer *s, struct su_cred *c, struct su_err *e)
{
    if (su_key_open(c->gen.uri, &s->options.key, &c->key, e) < 0)
        return -1;
    int rc = su_key_is_of(c->key, c->gen.leaf)
                 ? su_document_signer_new(c->key, c->gen.leaf, s->options.azure_oid, &c->signer, e)
                 : su_fail(e, SU_E_CONFLICT, "key.other", "the certificate is not for the key that is there");
    if (rc < 0)
        su_key_free(&c->key);
    return rc;
}

int su_cred_new(struct su_signer *s, struct su_generation *g, struct su_cred **out, struct su_err *e)
{
    struct su_cred *c = calloc(1, sizeof *c);
    if (!c)
        return su_fail_nomem(e, sizeof *c);
    c->gen = *g;
    *g = (struct su_generation){0};
    if (!su_key_uri_fast(c->gen.uri)) {
        if (su_worker_start(&c->gen, &s->options, &c->worker, e) < 0) {
            su_cred_free(&c);
            return -1;
        }
    } else if (open_fast(s, c, &c->problem) < 0) {
        c->retry_at = (uint64_t)su_monotonic_ms() + RETRY_MS;
    }
    *out = c;
    return 0;
}

void su_cred_free(struct su_cred **cp)
{
    struct su_cred *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    su_worker_stop(&c->worker);
    su_document_signer_free(&c->signer);
    su_key_free(&c->key);
    su_generation_done(&c->gen);
    free(c);
}

int su_cred_state(struct su_cred *c, struct su_err *e)
{
    if (c->worker)
        return su_worker_state(c->worker, e);
    if (c->problem.kind == SU_OK)
        return 0;
    *e = c->problem;
    return -1;
}

void su_cred_retry(struct su_signer *s)
{
    struct su_cred *c = s->cred;
    if (!c || c->worker || c->problem.kind == SU_OK || (uint64_t)su_monotonic_ms() < c->retry_at)
        return;
    struct su_err e = {0};
    c->retry_at = (uint64_t)su_monotonic_ms() + RETRY_MS;
    c->problem = open_fast(s, c, &e) < 0 ? e : (struct su_err){0};
}
