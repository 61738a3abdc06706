/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a request that was judged to its answer. */
#include "instance.h"
#include "server.h"
#include "wire/versions.h"
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JSON "application/json; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"
#define XML "text/xml; charset=utf-8"

enum { NOT_SERVING_RETRY = 10 };

/* NULL: no memory. */
static struct MHD_Response *with_headers(struct MHD_Response *r, const char *type)
{
    if (!r)
        return NULL;
    if ((type && MHD_add_response_header(r, "Content-Type", type) != MHD_YES) ||
        MHD_add_response_header(r, "Cache-Control", "no-store") != MHD_YES) {
        MHD_destroy_response(r);
        return NULL;
    }
    return r;
}

/* Takes body, when mode says so.  NULL: no memory. */
static struct MHD_Response *make(void *body, size_t n, enum MHD_ResponseMemoryMode mode, const char *type)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, body, mode);
    if (!r && mode == MHD_RESPMEM_MUST_FREE)
        free(body);
    return with_headers(r, type);
}

static struct MHD_Response *make_refusal(const struct su_refusal *why)
{
    char body[512], seconds[16];
    int n = snprintf(body, sizeof body, "{\"error\":\"%s\"%s}", why->error, why->also ? why->also : "");
    struct MHD_Response *r = make(body, (size_t)n, MHD_RESPMEM_MUST_COPY, JSON);
    if (!r)
        return NULL;
    snprintf(seconds, sizeof seconds, "%u", why->retry);
    if (why->retry)
        MHD_add_response_header(r, "Retry-After", seconds);
    if (why->status == 405)
        MHD_add_response_header(r, "Allow", why == &su_refusals[SU_NOT_POST] ? "POST" : "GET");
    return r;
}

static void ready(struct su_imds_conn *k, unsigned status, struct MHD_Response *r, bool owned, const char *result)
{
    k->answer = r;
    k->answer_owned = owned;
    k->status = status;
    k->result = result;
}

void su_answer_refusal(struct su_server *s, struct su_imds_conn *k, const struct su_refusal *why)
{
    size_t i = (size_t)(why - su_refusals);
    if (!s->refusal[i])
        s->refusal[i] = make_refusal(why);
    if (!s->refusal[i]) {
        su_conn_kill(s, k); /* no memory even for the reason */
        return;
    }
    ready(k, why->status, s->refusal[i], false, why->id);
}

static void answer_or_no_memory(struct su_server *s, struct su_imds_conn *k, struct MHD_Response *r)
{
    if (r)
        ready(k, 200, r, true, "ok");
    else
        su_answer_refusal(s, k, &su_refusals[SU_NO_MEMORY]);
}

static void answer_buf(struct su_server *s, struct su_imds_conn *k, struct su_buf *b, const char *type)
{
    struct su_err e = {0};
    struct MHD_Response *r = NULL;
    if (su_buf_ok(b, &e) == 0)
        r = make(su_steal(&b->p), b->n, MHD_RESPMEM_MUST_FREE, type);
    *b = (struct su_buf){.p = b->p};
    su_buf_done(b);
    answer_or_no_memory(s, k, r);
}

static void answer_versions(struct su_server *s, struct su_imds_conn *k)
{
    struct su_buf b = {0};
    if (!s->versions) {
        for (unsigned i = 0; i < su_n_api_versions; i++)
            su_buf_printf(&b, "%s\"%s\"", i ? "," : "{\"apiVersions\":[", su_api_versions[i]);
        su_buf_text(&b, "]}");
        answer_buf(s, k, &b, JSON);
        if (k->status == 200)
            s->versions = k->answer;
    }
    if (s->versions)
        ready(k, 200, s->versions, false, "ok");
}

static void answer_instance(struct su_server *s, struct su_imds_conn *k, const struct su_imds_vm *vm)
{
    struct su_buf b = {0};
    struct su_bytes json = {(const uint8_t *)vm->instance, vm->instance_n};
    const struct su_refusal *why = su_instance_answer(json, &k->q, &b);
    if (why) {
        su_buf_done(&b);
        su_answer_refusal(s, k, why);
        return;
    }
    if (!b.p) /* a leaf of no text */
        su_buf_text(&b, "");
    answer_buf(s, k, &b, k->q.text ? TEXT : JSON);
}

/* Agents that were told (DHCP option 245) that the "wire server" is here wait at boot until it answers these three.
 * They get a goal state without extensions and certificates, which asks nothing of them. */
static void answer_wire(struct su_server *s, struct su_imds_conn *k, const struct su_imds_vm *vm)
{
    static const char head[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    struct su_buf b = {0};
    su_buf_text(&b, head);
    if (k->q.route == SU_ROUTE_WIRE_VERSIONS)
        su_buf_text(&b, "<Versions><Preferred><Version>2012-11-30</Version></Preferred>"
                        "<Supported><Version>2012-11-30</Version></Supported></Versions>");
    else if (k->q.route == SU_ROUTE_WIRE_GOAL)
        su_buf_printf(&b,
                      "<GoalState><Version>2012-11-30</Version><Incarnation>1</Incarnation><Machine>"
                      "<ExpectedState>Started</ExpectedState><StopRolesDeadlineHint>300000</StopRolesDeadlineHint>"
                      "<ExpectHealthReport>FALSE</ExpectHealthReport></Machine><Container><ContainerId>%s"
                      "</ContainerId><RoleInstanceList><RoleInstance><InstanceId>%s</InstanceId>"
                      "<State>Started</State><Configuration></Configuration></RoleInstance></RoleInstanceList>"
                      "</Container></GoalState>",
                      vm->uuid, vm->uuid);
    else
        b.n = 0; /* health: heard, and nothing to say */
    answer_buf(s, k, &b, XML);
}

static void answer_report(struct su_server *s, struct su_imds_conn *k, struct su_imds_vm *vm)
{
    if (!su_imds_nonce_known(vm, k->q.nonce, s->now_us)) {
        su_answer_refusal(s, k, &su_refusals[SU_NOT_ISSUED]);
        return;
    }
    answer_or_no_memory(s, k, make("", 0, MHD_RESPMEM_PERSISTENT, NULL));
    if (k->status == 200)
        k->status = 204;
}

static void answer_not_serving(struct su_server *s, struct su_imds_conn *k)
{
    char seconds[16];
    struct MHD_Response *r = make(s->state.not_serving, strlen(s->state.not_serving), MHD_RESPMEM_MUST_COPY, JSON);
    answer_or_no_memory(s, k, r);
    if (!r)
        return;
    k->status = s->state.host.status;
    k->result = "host.not-serving";
    snprintf(seconds, sizeof seconds, "%d", NOT_SERVING_RETRY);
    if (k->status != 500)
        MHD_add_response_header(r, "Retry-After", seconds);
}

/* The question goes to the signer; the answer comes in su_answer_signed(). */
static void ask_signer(struct su_server *s, struct su_imds_conn *k, const struct su_imds_vm *vm)
{
    struct su_sign_request r;
    memcpy(r.uuid, vm->uuid, sizeof r.uuid);
    memcpy(r.nonce, k->q.nonce, sizeof r.nonce);
    memcpy(r.audience, k->q.audience, sizeof r.audience);
    memcpy(r.thumbprint, k->q.key, sizeof r.thumbprint);
    r.version = (uint16_t)k->q.version;
    if (!su_signer_ask(&s->signer, su_conns_ask(&s->conns, k), &r)) {
        k->seq = 0;
        su_answer_refusal(s, k, &su_refusals[SU_NO_SIGNER]);
        return;
    }
    su_conns_phase(&s->conns, k, SU_PHASE_SIGN, s->now_us);
}

static void answer_document(struct su_server *s, struct su_imds_conn *k, const struct su_imds_vm *vm)
{
    if (!s->state.told)
        su_answer_refusal(s, k, &su_refusals[SU_NO_HOST]);
    else if (!s->state.host.serving)
        answer_not_serving(s, k);
    else
        ask_signer(s, k, vm);
}

/* Documents have a bucket of their own; everything else, and every refusal, is paid from the other.  Who has emptied
 * that too waits a second for each answer, so that asking faster gains nothing and costs the others nothing. */
static bool may_ask(struct su_server *s, struct su_imds_conn *k, struct su_imds_vm *vm, const struct su_refusal *why)
{
    bool document = !why && k->q.route == SU_ROUTE_DOCUMENT;
    uint32_t rate = s->state.told ? s->state.host.rate : 0, burst = s->state.told ? s->state.host.burst : 0;
    if (document && su_bucket_take(&vm->documents, rate, burst, s->now_us) == 0)
        return true;
    bool in_time = su_bucket_take(&vm->others, SU_IMDS_RATE, SU_IMDS_BURST, s->now_us) == 0;
    if (in_time && !document)
        return true;
    su_answer_refusal(s, k, &su_refusals[SU_TOO_MANY]);
    if (!in_time && !k->dead)
        su_conns_phase(&s->conns, k, SU_PHASE_PEN, s->now_us);
    return false;
}

void su_answer(struct su_server *s, struct su_imds_conn *k, const struct su_refusal *why)
{
    struct su_imds_vm *vm = su_conn_vm(k);
    s->requests++;
    if (!vm) {
        su_conn_kill(s, k);
        return;
    }
    if (!may_ask(s, k, vm, why))
        return;
    if (why) {
        su_answer_refusal(s, k, why);
        return;
    }
    switch (k->q.route) {
    case SU_ROUTE_VERSIONS:
        answer_versions(s, k);
        break;
    case SU_ROUTE_INSTANCE:
        answer_instance(s, k, vm);
        break;
    case SU_ROUTE_DOCUMENT:
        answer_document(s, k, vm);
        break;
    case SU_ROUTE_REPORT:
        answer_report(s, k, vm);
        break;
    default:
        answer_wire(s, k, vm);
        break;
    }
}

/* Bodies of documents that were sent, for the next ones: to the allocator they are large, and it tidies up for each. */
enum { BODY_BYTES = 8 << 10, SPARES = 16 };
static void *spare[SPARES];
static unsigned n_spare;

static void put_back(void *body)
{
    if (n_spare < SPARES)
        spare[n_spare++] = body;
    else
        free(body);
}

/* {"encoding":"pkcs7","signature":"...","surety":{...}}: the signature is encoded in place. */
static struct MHD_Response *make_document(const struct su_server *s, const struct su_imds_conn *k, struct su_bytes der)
{
    static const char head[] = "{\"encoding\":\"pkcs7\",\"signature\":\"";
    size_t n = sizeof head - 1, tail = s->state.tail_n[k->transport];
    size_t all = n + (der.n + 2) / 3 * 4 + tail;
    char *body = all > BODY_BYTES ? malloc(all) : n_spare ? spare[--n_spare] : malloc(BODY_BYTES);
    if (!body)
        return NULL;
    memcpy(body, head, n);
    n += su_base64_put(der.p, der.n, body + n);
    memcpy(body + n, s->state.tail[k->transport], tail);
    struct MHD_Response *r = all > BODY_BYTES ? MHD_create_response_from_buffer(all, body, MHD_RESPMEM_MUST_FREE)
                                              : MHD_create_response_from_buffer_with_free_callback(all, body, put_back);
    if (!r)
        free(body);
    return with_headers(r, JSON);
}

void su_answer_signed(void *server, uint32_t seq, const struct su_signer_answer *a)
{
    struct su_server *s = server;
    struct su_imds_conn *k = su_conns_asker(&s->conns, seq);
    struct su_imds_vm *vm = k ? su_conn_vm(k) : NULL;
    if (!vm) /* it was answered by the clock, or is gone */
        return;
    k->seq = 0;
    if (!a->ok)
        su_answer_refusal(s, k,
                          &su_refusals[a->error.kind == SU_E_MISSING || a->error.kind == SU_E_CONFLICT ||
                                               a->error.kind == SU_E_IO || a->error.kind == SU_E_REFUSED
                                           ? SU_NO_SIGNER
                                           : SU_SIGNER_FAILED]);
    else if (!s->state.told || (*k->q.nonce && strcmp(k->q.nonce, a->reply.nonce) != 0))
        su_answer_refusal(s, k, &su_refusals[SU_SIGNER_FAILED]);
    else {
        answer_or_no_memory(s, k, make_document(s, k, a->reply.der));
        su_imds_nonce_issued(vm, a->reply.nonce, s->now_us);
        s->documents++;
    }
    su_http_wake(s, k);
}

void su_answer_signer_gone(void *server)
{
    struct su_server *s = server;
    struct su_imds_conn *k, *next;
    for (k = s->conns.first[SU_PHASE_SIGN]; k; k = next) {
        next = k->next;
        k->seq = 0;
        if (k->dead || k->answer)
            continue;
        su_answer_refusal(s, k, &su_refusals[SU_NO_SIGNER]);
        su_http_wake(s, k);
    }
}

void su_answer_audit(struct su_server *s, struct su_imds_conn *k)
{
    struct su_imds_audit a;
    struct timespec t;
    bool document = k->q.route == SU_ROUTE_DOCUMENT, report = k->q.route == SU_ROUTE_REPORT && k->status == 204;
    if (k->status >= 400)
        s->refused++;
    clock_gettime(CLOCK_REALTIME, &t);
    a.time_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    a.kind = report ? SU_AUDIT_VERIFIED : document ? SU_AUDIT_DOCUMENT : SU_AUDIT_REQUEST;
    a.transport = k->transport;
    a.status = (uint16_t)k->status;
    memcpy(a.uuid, k->vm ? k->vm->uuid : "", k->vm ? sizeof a.uuid : 1);
    memcpy(a.peer, k->peer, sizeof a.peer);
    su_audit_path(k->target, a.path, sizeof a.path);
    su_audit_hash(k->q.nonce, a.nonce_hash);
    memcpy(a.audience, document ? k->q.audience : "", document ? sizeof a.audience : 1);
    snprintf(a.result, sizeof a.result, "%s", report ? k->q.result : k->result);
    su_audit_put(&s->audit, s->control.fd, &a);
}

void su_answer_done(struct su_server *s)
{
    for (int i = 0; i < SU_REFUSALS; i++)
        if (s->refusal[i])
            MHD_destroy_response(s->refusal[i]);
    if (s->versions)
        MHD_destroy_response(s->versions);
    while (n_spare)
        free(spare[--n_spare]);
}
