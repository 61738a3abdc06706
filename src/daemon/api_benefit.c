/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/benefits and /v1/summary: what the VMs have of being on a trusted host, and what is to be done. */
#include "daemon/api_int.h"
#include <stdio.h>
#include <string.h>

enum { ATTENTION = 100 }; /* entries of the list */

/* A VM ------------------------------------------------------------------------------ */

/* What a VM that is off will have of Secure Boot and vTPM is known when it runs; that it can have them, UEFI tells. */
void su_api_benefit_facts(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, struct su_benefit_facts *f)
{
    const struct su_guest_os *os = su_guests_find(d, vm->uuid);
    const struct su_vm_kept *desc = vm->desc;
    const bool runs = desc && desc->running;
    *f = (struct su_benefit_facts){.legacy = vm->granted,
                                   .legacy_later = vm->granted_later && runs,
                                   .vsock_off = !d->facts.vsock_wanted && !(desc && desc->socket[0]),
                                   .foreign = strcmp(vm->source, "libvirt") != 0,
                                   .stopped = !runs,
                                   .server_off = d->state.status != SU_SERVER_ACTIVE,
                                   .last_verified = vm->last_verified,
                                   .runs_since = vm->runs_since,
                                   .now = now};
    if (os)
        f->os = *os;
    if (desc) {
        f->agent_later = desc->agent_later && runs;
        f->vsock_later = desc->vsock_later && runs;
        f->agent_channel = desc->agent_channel || desc->agent_later;
        f->vsock = desc->vsock_device || desc->cid || desc->vsock_later;
        bool may = !runs && strcmp(desc->firmware, "uefi") == 0;
        f->secure_boot = desc->secure_boot || may;
        f->vtpm = desc->vtpm || may;
    }
}

static json_t *os_json(const struct su_guest_os *os)
{
    if (!os->id[0])
        return json_null();
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:o,s:s,s:o}", "id", os->id, "version", os->version, "name", os->name,
                     "edition", os->edition, "build", (json_int_t)os->build, "revision",
                     os->revision_known ? json_integer(os->revision) : json_null(), "source", os->source, "at",
                     su_api_when(os->at));
}

static json_t *verdict_json(const struct su_benefit *b, struct su_benefit_verdict v)
{
    return json_pack("{s:s,s:s,s:o}", "id", b->id, "status", su_benefit_status_name(v.status), "action",
                     su_api_words(su_benefit_action_name(v.action)));
}

/* The worst of all; nothing to have is not applicable. */
static enum su_benefit_status worst_of(const struct su_daemon *d, const struct su_benefit_facts *f)
{
    enum su_benefit_status worst = SU_BENEFIT_NOT_APPLICABLE;
    for (size_t i = 0; i < d->benefits.n; i++) {
        struct su_benefit_verdict v = su_benefit_judge(&d->benefits.row[i], f);
        worst = v.status < worst ? v.status : worst;
    }
    return worst;
}

static int get_vm_benefits(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    struct su_vm *vm;
    struct su_benefit_facts f;
    if (su_guests_refresh(d, e) < 0)
        return -1;
    SU_HOLD(&d->lock);
    if (su_vmtab_lookup(&d->vms, q->param[0], &vm, e) < 0)
        return -1;
    su_api_benefit_facts(d, vm, su_now(), &f);
    json_t *list = json_array();
    for (size_t i = 0; i < d->benefits.n; i++) {
        struct su_benefit_verdict v = su_benefit_judge(&d->benefits.row[i], &f);
        json_t *row = verdict_json(&d->benefits.row[i], v);
        (void)json_object_set_new(row, "title", json_string(d->benefits.row[i].title));
        (void)json_object_set_new(row, "todo", su_api_words(v.todo));
        (void)json_array_append_new(list, row);
    }
    return su_api_answer(json_pack("{s:s,s:s,s:o,s:o,s:s,s:o}", "uuid", vm->uuid, "name", vm->name, "os",
                                   os_json(&f.os), "benefits", list, "benefit_status",
                                   su_benefit_status_name(worst_of(d, &f)), "lastVerified",
                                   su_api_when(vm->last_verified)),
                         a, e);
}

/* Benefits --------------------------------------------------------------------------- */

static json_t *builds_json(const struct su_benefit *b)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < b->n_builds; i++) {
        char text[32];
        snprintf(text, sizeof text, "%u.%u", b->min_build[i].build, b->min_build[i].revision);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *counts_json(const unsigned count[SU_BENEFIT_STATUSES])
{
    json_t *o = json_object();
    for (unsigned i = 0; i < SU_BENEFIT_STATUSES; i++)
        (void)json_object_set_new(o, su_benefit_status_name((enum su_benefit_status)i), json_integer(count[i]));
    return o;
}

/* list: the VMs go there; may be NULL */
static json_t *benefit_json(const struct su_daemon *d, const struct su_benefit *b, json_t *list)
{
    unsigned count[SU_BENEFIT_STATUSES] = {0};
    uint64_t now = su_now();
    for (size_t i = 0; i < d->vms.n; i++) {
        const struct su_vm *vm = d->vms.vm[i];
        struct su_benefit_facts f;
        if (!vm->desc)
            continue;
        su_api_benefit_facts(d, vm, now, &f);
        struct su_benefit_verdict v = su_benefit_judge(b, &f);
        count[v.status]++;
        if (list)
            (void)json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o,s:o}", "uuid", vm->uuid, "name", vm->name,
                                                        "status", su_benefit_status_name(v.status), "action",
                                                        su_api_words(su_benefit_action_name(v.action)), "os",
                                                        os_json(&f.os)));
    }
    json_t *eligible = json_pack("{s:s,s:s,s:s,s:I}", "os", b->os, "version", b->version, "edition", b->edition,
                                 "buildFrom", (json_int_t)b->build_from);
    json_t *require = json_pack("{s:s,s:b,s:b,s:o}", "transport", su_benefit_transport_name(b->transport), "secureBoot",
                                b->secure_boot, "vTpm", b->vtpm, "minBuild", builds_json(b));
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "id", b->id, "title", b->title, "description", b->description,
                     "source", b->own ? "own" : "shipped", "eligible", eligible, "require", require, "counts",
                     counts_json(count));
}

static int get_benefits(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    (void)q;
    if (su_guests_refresh(d, e) < 0)
        return -1;
    json_t *list = json_array(), *problems = json_array();
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < d->benefits.n; i++)
        (void)json_array_append_new(list, benefit_json(d, &d->benefits.row[i], NULL));
    for (size_t i = 0; i < d->benefits.n_problems; i++)
        (void)json_array_append_new(
            problems, json_pack("{s:s,s:s}", "id", d->benefits.problem[i].id, "text", d->benefits.problem[i].text));
    return su_api_answer(json_pack("{s:o,s:o}", "benefits", list, "problems", problems), a, e);
}

static int get_benefit(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    if (su_guests_refresh(d, e) < 0)
        return -1;
    SU_HOLD(&d->lock);
    const struct su_benefit *b = su_benefits_find(&d->benefits, q->param[0]);
    if (!b) {
        su_fail(e, SU_E_MISSING, "benefit.none", "there is no benefit %.64s", q->param[0]);
        return su_remedy(e, "See: surety benefit list");
    }
    json_t *vms = json_array(), *o = benefit_json(d, b, vms);
    (void)json_object_set_new(o, "vms", vms);
    return su_api_answer(o, a, e);
}

/* The summary --------------------------------------------------------------------------- */

struct summary {
    unsigned vms, running, status[SU_BENEFIT_STATUSES], action[SU_BENEFIT_ACTIONS];
    json_t *attention;
};

static void attend(struct summary *s, const char *kind, const char *id, const char *name, const char *text,
                   const char *remedy)
{
    if (json_array_size(s->attention) < ATTENTION)
        (void)json_array_append_new(s->attention, json_pack("{s:s,s:s,s:s,s:s,s:o}", "kind", kind, "id", id, "name",
                                                            name, "text", text, "remedy", su_api_words(remedy)));
}

static void count_vm(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, const json_t *upgrades,
                     struct summary *s)
{
    struct su_benefit_facts f;
    bool needed[SU_BENEFIT_ACTIONS] = {false};
    const char *state = su_api_text(json_object_get(upgrades, vm->uuid), "state");
    su_api_benefit_facts(d, vm, now, &f);
    s->vms++;
    s->running += vm->desc->running;
    s->status[worst_of(d, &f)]++;
    for (size_t i = 0; i < d->benefits.n; i++)
        needed[su_benefit_judge(&d->benefits.row[i], &f).action] = true;
    for (unsigned i = 0; i < SU_BENEFIT_ACTIONS; i++)
        s->action[i] += needed[i];
    if (vm->problem_id[0])
        attend(s, "vm", vm->problem_id, vm->name, vm->problem, NULL);
    if (strcmp(state, "undoing") == 0)
        attend(s, "vm", "vm.upgrade.undoing", vm->name, "An upgrade is being taken back, or could not be",
               "See: surety vm show, surety job list");
}

static void count_actions(struct summary *s)
{
    char text[160];
    for (unsigned i = 1; i < SU_BENEFIT_ACTIONS; i++) {
        enum su_benefit_action action = (enum su_benefit_action)i;
        if (!s->action[i])
            continue;
        snprintf(text, sizeof text, "%u %s: %s", s->action[i], s->action[i] == 1 ? "VM" : "VMs",
                 su_benefit_action_sentence(action));
        attend(s, "benefit", su_benefit_action_name(action), "", text, NULL);
    }
}

static json_t *servers_json(const struct su_daemon *d)
{
    json_t *o = json_object();
    for (unsigned i = SU_SERVER_ACTIVE; i < SU_SERVER_STATUSES; i++)
        (void)json_object_set_new(o, su_server_status_name((uint8_t)i), json_integer(d->state.status == i));
    return o;
}

static int get_summary(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    json_t *upgrades SU_JSON = NULL, *attention SU_JSON = json_array();
    struct summary s = {.attention = attention};
    uint64_t now = su_now();
    (void)q;
    if (su_api_upgrades(d, &upgrades, e) < 0 || su_guests_refresh(d, e) < 0)
        return -1;
    SU_HOLD(&d->lock);
    su_daemon_state(d);
    if (d->state.status != SU_SERVER_ACTIVE)
        attend(&s, "server", d->state.why.id, d->conf.host, d->state.why.text, d->state.why.remedy);
    for (unsigned i = 0; i < d->state.n_warnings; i++)
        attend(&s, "server", d->state.warning[i].id, d->conf.host, d->state.warning[i].text,
               d->state.warning[i].remedy);
    for (size_t i = 0; i < d->vms.n; i++)
        if (d->vms.vm[i]->desc)
            count_vm(d, d->vms.vm[i], now, upgrades, &s);
    count_actions(&s);
    json_t *vms = counts_json(s.status);
    (void)json_object_set_new(vms, "total", json_integer(s.vms));
    (void)json_object_set_new(vms, "running", json_integer(s.running));
    return su_api_answer(
        json_pack("{s:o,s:o,s:O}", "servers", servers_json(d), "vms", vms, "needs_attention", s.attention), a, e);
}

/* data/openapi.json, embedded when it is built. */
extern const char su_openapi_text[];
extern const size_t su_openapi_size;

static int get_openapi(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    (void)ctx, (void)q;
    su_buf_add(&a->body, su_openapi_text, su_openapi_size);
    return su_buf_ok(&a->body, e);
}

const struct su_http_route su_api_benefit_routes[] = {
    {"GET", "/v1/benefits", 0, get_benefits, 0},
    {"GET", "/v1/benefits/{}", 0, get_benefit, 0},
    {"GET", "/v1/vms/{}/benefits", 0, get_vm_benefits, 0},
    {"GET", "/v1/summary", 0, get_summary, 0},
    {"GET", "/v1/openapi.json", SU_API_EVERYBODY, get_openapi, 0},
    {"GET", "/metrics", SU_API_EVERYBODY, su_api_metrics, 0},
};
const size_t su_api_n_benefit_routes = SU_ARRAY_LEN(su_api_benefit_routes);
