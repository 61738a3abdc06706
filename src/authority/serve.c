/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "serve.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char pkixcmp[] = "application/pkixcmp";

/* With or without parameters. */
static bool is_type(const char *have, const char *want)
{
    size_t n = strlen(want);
    return have && strncasecmp(have, want, n) == 0 && (have[n] == 0 || have[n] == ';' || have[n] == ' ');
}

static int problem(struct su_http_response *r, unsigned status, const struct su_err *e)
{
    r->type = "application/problem+json";
    r->status = su_http_problem(e, status, &r->body);
    return 0;
}

static int post_cmp(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    struct su_authority_server *s = ctx;
    struct su_authority_outcome o;
    if (!is_type(su_http_header(q, "Content-Type"), pkixcmp)) {
        su_fail(e, SU_E_USAGE, "authority.type", "the body is to be %s", pkixcmp);
        return problem(r, 415, e);
    }
    if (su_authority_cmp(s->a, q->param[0], q->body, &r->body, &o, e) < 0) {
        r->body.n = 0;
        snprintf(o.text, sizeof o.text, "%s", e->msg);
        o.id = e->id;
        s->log(q->param[0], q->peer, &o);
        return e->kind == SU_E_MISSING ? problem(r, 404, e) : e->kind == SU_E_FORMAT ? problem(r, 400, e) : -1;
    }
    s->log(q->param[0], q->peer, &o);
    r->type = pkixcmp;
    r->status = o.unavailable ? 503 : 200;
    return 0;
}

static int sent(struct su_http_response *r, const char *type, int rc, struct su_err *e)
{
    if (rc == 0)
        r->type = type;
    else if (e->kind != SU_E_MISSING)
        return problem(r, 503, e);
    return rc;
}

static int get_bundle(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    (void)q;
    return sent(r, "application/x-pem-file", su_authority_bundle(((struct su_authority_server *)ctx)->a, &r->body, e),
                e);
}

static int get_issuing_pem(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    (void)q;
    struct su_authority_server *s = ctx;
    return sent(r, "application/x-pem-file", su_authority_issuing_pem(s->a, &r->body, e), e);
}

static int get_issuing(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    (void)q;
    struct su_authority_server *s = ctx;
    return sent(r, "application/pkix-cert", su_authority_issuing_der(s->a, 0, &r->body, e), e);
}

static int get_crl(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    (void)q;
    struct su_authority_server *s = ctx;
    return sent(r, "application/pkix-crl", su_authority_crl(s->a, 0, &r->body, e), e);
}

/* "N.crt" */
static unsigned number_of(const char *name, const char *ending)
{
    size_t n = strspn(name, "0123456789");
    return n > 0 && n < 5 && name[0] != '0' && strcmp(name + n, ending) == 0 ? (unsigned)strtoul(name, NULL, 10)
                                                                             : UINT32_MAX;
}

static int get_issuing_n(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    struct su_authority_server *s = ctx;
    unsigned n = number_of(q->param[0], ".crt");
    return sent(r, "application/pkix-cert", su_authority_issuing_der(s->a, n, &r->body, e), e);
}

static int get_crl_n(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    struct su_authority_server *s = ctx;
    unsigned n = number_of(q->param[0], ".crl");
    return sent(r, "application/pkix-crl", su_authority_crl(s->a, n, &r->body, e), e);
}

static int get_health(void *ctx, const struct su_http_request *q, struct su_http_response *r, struct su_err *e)
{
    (void)q;
    struct su_authority_server *s = ctx;
    return sent(r, "application/json", su_authority_health(s->a, &r->body, e), e);
}

const struct su_http_route su_authority_routes[] = {
    {"POST", "/pkix/{}", 0, post_cmp},
    {"POST", "/.well-known/cmp/p/{}", 0, post_cmp},
    {"GET", "/bundle.pem", 0, get_bundle},
    {"GET", "/issuing.crt", 0, get_issuing},
    {"GET", "/issuing.pem", 0, get_issuing_pem},
    {"GET", "/issuing/{}", 0, get_issuing_n},
    {"GET", "/crl", 0, get_crl},
    {"GET", "/crl/{}", 0, get_crl_n},
    {"GET", "/healthz", 0, get_health},
};
const size_t su_n_authority_routes = SU_ARRAY_LEN(su_authority_routes);
