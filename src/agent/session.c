/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.c - from the configuration to a verified document. */
#include "agent.h"
#include <string.h>
#include <time.h>

#define VERIFIER SU_AUTO(surety_verifier_free)
#define REQUEST SU_AUTO(surety_request_free)
#define CLIENT SU_AUTO(surety_client_free)

enum { BUSY_WAIT_MAX = 10 };

void su_proof_done(struct su_proof *p)
{
    surety_document_free(&p->document);
    surety_answer_free(&p->answer);
}

int su_fail_surety(struct su_err *e, const struct surety_error *why)
{
    enum su_kind kind = why->reason == SURETY_USAGE || why->reason == SURETY_FETCH_ENDPOINT     ? SU_E_USAGE
                        : why->reason == SURETY_NOMEM                                           ? SU_E_NOMEM
                        : why->reason == SURETY_FILE || surety_reason_is_transport(why->reason) ? SU_E_IO
                                                                                                : SU_E_REFUSED;
    su_fail(e, kind, surety_reason_name(why->reason), "%s", why->detail);
    e->os_errno = why->os_errno;
    const char *remedy = surety_reason_remedy(why->reason);
    return remedy ? su_remedy(e, remedy) : -1;
}

bool su_is_transport(const struct su_err *e)
{
    enum surety_reason r = surety_reason_from_name(e->id ? e->id : "");
    return r < SURETY_REASON_COUNT && surety_reason_is_transport(r);
}

static int add_domain(void *v, const char *word, struct su_err *e)
{
    struct surety_error why = {0};
    return surety_verifier_add_domain(v, word, &why) ? su_fail_surety(e, &why) : 0;
}

static int add_subscription(void *v, const char *word, struct su_err *e)
{
    struct surety_error why = {0};
    return surety_verifier_add_subscription(v, word, &why) ? su_fail_surety(e, &why) : 0;
}

static int add_endpoint(void *c, const char *word, struct su_err *e)
{
    struct surety_error why = {0};
    return surety_client_add_endpoint(c, word, &why) ? su_fail_surety(e, &why) : 0;
}

static int trust(const struct su_guest_conf *c, struct surety_verifier *v, struct surety_error *why)
{
    int r = surety_verifier_add_roots_file(v, c->roots, why);
    if (!r && *c->intermediates)
        r = surety_verifier_add_intermediates_file(v, c->intermediates, why);
    if (!r && *c->crl)
        r = surety_verifier_add_crl_file(v, c->crl, why);
    return r;
}

static int expect_vm(const struct su_guest_conf *c, struct surety_verifier *v, struct surety_error *why)
{
    if (strcmp(c->vm_id, "none") == 0)
        return 0;
    if (strcmp(c->vm_id, "auto") != 0)
        return surety_verifier_set_vm_id(v, c->vm_id, why);
    int r = surety_verifier_use_dmi(v, why);
#ifndef _WIN32
    char noted[SURETY_UUID_TEXT];
    if (r && geteuid() != 0 && su_vm_id_noted(c, noted))
        r = surety_verifier_set_vm_id(v, noted, why);
#endif
    return r;
}

static bool given(const char *s)
{
    return s && *s;
}

static int expect(const struct su_guest_conf *c, const struct su_guest_ask *a, struct surety_verifier *v,
                  struct surety_error *why)
{
    const char *type = given(a->security_type) ? a->security_type : c->security_type;
    const char *cluster = given(a->cluster) ? a->cluster : c->cluster;
    unsigned flags = (c->azure ? SURETY_ALLOW_SERVER_AUTH : 0u) | (a->any_audience ? SURETY_ALLOW_ANY_AUDIENCE : 0u);
    int r = surety_verifier_set_flags(v, flags, why);
    if (!r)
        r = surety_verifier_set_skew(v, c->skew, why);
    if (!r && *cluster)
        r = surety_verifier_set_cluster(v, cluster, why);
    if (!r)
        r = surety_verifier_require_security(v, c->secure_boot || a->secure_boot, c->vtpm || a->vtpm,
                                             *type ? type : NULL, why);
    if (!r)
        r = expect_vm(c, v, why);
    surety_verifier_set_time(v, a->at);
    return r;
}

static int make_verifier(const struct su_guest_conf *c, const struct su_guest_ask *a, struct surety_verifier **out,
                         struct su_err *e)
{
    VERIFIER struct surety_verifier *v = NULL;
    struct surety_error why = {0};
    if (surety_verifier_new(&v, &why) || trust(c, v, &why) || expect(c, a, v, &why))
        return su_fail_surety(e, &why);
    if (su_each_word(c->domain, add_domain, v, e) < 0 || su_each_word(c->subscription, add_subscription, v, e) < 0)
        return -1;
    *out = su_steal(&v);
    return 0;
}

static int make_request(const struct su_guest_ask *a, struct surety_request **out, struct su_err *e)
{
    REQUEST struct surety_request *q = NULL;
    struct surety_error why = {0};
    int r = surety_request_new(&q, &why);
    if (!r && a->nonce)
        r = surety_request_set_nonce(q, a->nonce, &why);
    if (!r && a->audience && *a->audience)
        r = surety_request_set_audience(q, a->audience, &why);
    if (!r && a->key)
        r = surety_request_set_key(q, a->key, &why);
    if (!r && a->api_version)
        r = surety_request_set_api_version(q, a->api_version, &why);
    if (r)
        return su_fail_surety(e, &why);
    *out = su_steal(&q);
    return 0;
}

static int make_client(const struct su_guest_conf *c, struct surety_client **out, struct su_err *e)
{
    CLIENT struct surety_client *x = NULL;
    struct surety_error why = {0};
    if (surety_client_new(&x, &why) || surety_client_set_timeout(x, c->timeout * 1000, &why))
        return su_fail_surety(e, &why);
    if (su_each_word(c->endpoints, add_endpoint, x, e) < 0)
        return -1;
    *out = su_steal(&x);
    return 0;
}

/* "Later" is no refusal: the host limits how often a VM may ask. */
static int fetch(const struct surety_client *x, const struct surety_request *q, unsigned tries,
                 struct surety_answer **out, struct su_err *e)
{
    struct surety_error why = {0};
    for (;; tries--) {
        int r = surety_fetch(x, q, out, &why);
        if (!r)
            return 0;
        if (r != SURETY_FETCH_BUSY || tries == 0)
            return su_fail_surety(e, &why);
        sleep(why.retry_after == 0 ? 1 : why.retry_after < BUSY_WAIT_MAX ? why.retry_after : BUSY_WAIT_MAX);
    }
}

int su_guest_fetch(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_proof *out, struct su_err *e)
{
    REQUEST struct surety_request *q = NULL;
    CLIENT struct surety_client *x = NULL;
    if (make_request(a, &q, e) < 0 || make_client(c, &x, e) < 0)
        return -1;
    return fetch(x, q, a->busy_tries, &out->answer, e);
}

int su_guest_prove(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_proof *out, struct su_err *e)
{
    VERIFIER struct surety_verifier *v = NULL;
    REQUEST struct surety_request *q = NULL;
    CLIENT struct surety_client *x = NULL;
    SU_PROOF struct su_proof p = {NULL, NULL};
    struct surety_error why = {0}, ignored;
    if (make_verifier(c, a, &v, e) < 0 || make_request(a, &q, e) < 0 || make_client(c, &x, e) < 0)
        return -1;
    surety_verifier_set_max_age(v, c->max_age);
    if (fetch(x, q, a->busy_tries, &p.answer, e) < 0)
        return -1;
    int r = surety_verify(v, q, p.answer, &p.document, &why);
    /* the host's note of it is a courtesy: whether it arrives changes nothing here */
    if (c->report)
        (void)surety_report(x, q, p.answer, (enum surety_reason)r, &ignored);
    if (r)
        return su_fail_surety(e, &why);
    *out = p;
    p = (struct su_proof){NULL, NULL};
    return 0;
}

int su_guest_judge(const struct su_guest_conf *c, const struct su_guest_ask *a, struct su_bytes file,
                   struct su_proof *out, struct su_err *e)
{
    VERIFIER struct surety_verifier *v = NULL;
    REQUEST struct surety_request *q = NULL;
    SU_PROOF struct su_proof p = {NULL, NULL};
    struct surety_error why = {0};
    if (make_verifier(c, a, &v, e) < 0 || (a->nonce && make_request(a, &q, e) < 0))
        return -1;
    if (a->nonce)
        surety_verifier_set_max_age(v, 0); /* of a file somebody kept: its own end counts */
    if (surety_answer_parse(file.p, file.n, &p.answer, &why) || surety_verify(v, q, p.answer, &p.document, &why))
        return su_fail_surety(e, &why);
    *out = p;
    p = (struct su_proof){NULL, NULL};
    return 0;
}
