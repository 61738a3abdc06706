/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM as the API says it, written straight as text: a host has a thousand of them, and pages ask every few seconds. */
#include "daemon/api_json.h"
#include <stdio.h>
#include <string.h>

/* ,"name": */
static void member(struct su_buf *b, const char *name)
{
    if (b->n && b->p[b->n - 1] != '{')
        su_buf_add(b, ",", 1);
    su_buf_add(b, "\"", 1);
    su_buf_text(b, name);
    su_buf_add(b, "\":", 2);
}

static void text(struct su_buf *b, const char *name, const char *value)
{
    member(b, name);
    su_buf_json(b, value);
}

/* "": null */
static void words(struct su_buf *b, const char *name, const char *value)
{
    if (value && value[0])
        text(b, name, value);
    else {
        member(b, name);
        su_buf_text(b, "null");
    }
}

static void flag(struct su_buf *b, const char *name, bool value)
{
    member(b, name);
    su_buf_text(b, value ? "true" : "false");
}

static void number(struct su_buf *b, const char *name, uint64_t value)
{
    char digits[24], *p = digits + sizeof digits;
    member(b, name);
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    su_buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

static void when(struct su_buf *b, const char *name, uint64_t t)
{
    char at[SU_TIME_TEXT];
    su_time_text(t, at);
    words(b, name, at);
}

/* What to say of a VM in a word: "Active" means that it was verified lately, not that it could be. */
static const char *status(const struct su_vm *vm, uint64_t now)
{
    if (vm->problem_id[0])
        return "Error";
    if (!vm->desc || !vm->desc->running)
        return "Stopped";
    if (!vm->wanted)
        return "Inactive";
    if (su_benefit_verified(vm->last_verified, vm->runs_since, now))
        return "Active";
    return vm->last_document ? "Documented" : "Ready";
}

static void put_problem(struct su_buf *b, const struct su_vm *vm)
{
    member(b, "problem");
    if (!vm->problem_id[0]) {
        su_buf_text(b, "null");
        return;
    }
    su_buf_add(b, "{", 1);
    text(b, "id", vm->problem_id);
    text(b, "text", vm->problem);
    su_buf_add(b, "}", 1);
}

static void put_transports(struct su_buf *b, const struct su_vm *vm)
{
    const struct {
        const char *name;
        bool there;
    } all[] = {{"\"vsock\"", vm->wanted && vm->desc->cid},
               {"\"http\"", vm->wanted && vm->mark},
               {"\"unix\"", vm->wanted && vm->desc->socket[0]}};
    const char *comma = "[";
    member(b, "transports");
    for (size_t i = 0; i < SU_ARRAY_LEN(all); i++)
        if (all[i].there) {
            su_buf_text(b, comma);
            su_buf_text(b, all[i].name);
            comma = ",";
        }
    su_buf_text(b, *comma == '[' ? "[]" : "]");
}

static void put_security(struct su_buf *b, const struct su_vm_kept *d)
{
    member(b, "security");
    su_buf_add(b, "{", 1);
    flag(b, "secureBoot", d && d->secure_boot);
    text(b, "securityType", d ? d->security_type : "");
    flag(b, "vTpm", d && d->vtpm);
    flag(b, "customCommand", d && d->custom_command);
    su_buf_add(b, "}", 1);
}

static void put_upgrade(struct su_buf *b, const json_t *upgrade)
{
    const char *state = json_string_value(json_object_get(upgrade, "state"));
    const char *job = json_string_value(json_object_get(upgrade, "job"));
    member(b, "upgrade");
    if (!state || !job) {
        su_buf_text(b, "null");
        return;
    }
    su_buf_add(b, "{", 1);
    text(b, "state", state);
    text(b, "job", job);
    su_buf_add(b, "}", 1);
}

static void put_os(struct su_buf *b, const struct su_guest_os *os)
{
    member(b, "os");
    if (!os->id[0]) {
        su_buf_text(b, "null");
        return;
    }
    su_buf_add(b, "{", 1);
    text(b, "id", os->id);
    text(b, "version", os->version);
    text(b, "name", os->name);
    text(b, "edition", os->edition);
    number(b, "build", os->build);
    if (os->revision_known)
        number(b, "revision", os->revision);
    else
        words(b, "revision", NULL);
    text(b, "source", os->source);
    when(b, "at", os->at);
    su_buf_add(b, "}", 1);
}

static void put_benefits(struct su_buf *b, const struct su_daemon *d, const struct su_benefit_facts *f)
{
    enum su_benefit_status worst = SU_BENEFIT_NOT_APPLICABLE;
    member(b, "benefits");
    su_buf_add(b, "[", 1);
    for (size_t i = 0; i < d->benefits.n; i++) {
        struct su_benefit_verdict v = su_benefit_judge(&d->benefits.row[i], f);
        worst = v.status < worst ? v.status : worst;
        su_buf_text(b, i ? ",{" : "{");
        text(b, "id", d->benefits.row[i].id);
        text(b, "status", su_benefit_status_name(v.status));
        words(b, "action", su_benefit_action_name(v.action));
        su_buf_add(b, "}", 1);
    }
    su_buf_add(b, "]", 1);
    text(b, "benefit_status", su_benefit_status_name(worst)); /* the worst of all; nothing to have is not applicable */
}

static void put_vm(struct su_buf *b, const struct su_daemon *d, const struct su_vm *vm, uint64_t now,
                   const json_t *upgrades)
{
    const struct su_vm_kept *desc = vm->desc;
    struct su_benefit_facts f;
    su_api_benefit_facts(d, vm, now, &f);
    su_buf_add(b, "{", 1);
    text(b, "uuid", vm->uuid);
    text(b, "name", vm->name);
    text(b, "source", vm->source);
    flag(b, "running", desc && desc->running);
    text(b, "status", status(vm, now));
    put_problem(b, vm);
    put_transports(b, vm);
    flag(b, "served", vm->wanted && vm->at[SU_PEER_IMDS].rev == vm->route_rev);
    number(b, "cid", desc ? desc->cid : 0);
    number(b, "mark", vm->mark);
    put_security(b, desc);
    when(b, "lastDocument", vm->last_document);
    when(b, "lastVerified", vm->last_verified);
    words(b, "lastResult", vm->last_result);
    words(b, "firmware", desc ? desc->firmware : "");
    put_upgrade(b, json_object_get(upgrades, vm->uuid));
    put_benefits(b, d, &f);
    put_os(b, &f.os);
    flag(b, "agentChannel", f.agent_channel);
    flag(b, "vsock", f.vsock);
    flag(b, "legacy", f.legacy);
    su_buf_add(b, "}", 1);
}

json_t *su_api_vm(const struct su_daemon *d, const struct su_vm *vm, uint64_t now, const json_t *upgrades)
{
    struct su_buf b SU_BUF = {0};
    put_vm(&b, d, vm, now, upgrades);
    return b.failed ? NULL : json_loadb((const char *)b.p, b.n, 0, NULL);
}

int su_api_vms(const struct su_daemon *d, const json_t *upgrades, struct su_buf *out, struct su_err *e)
{
    uint64_t now = su_now();
    const char *comma = "";
    su_buf_text(out, "{\"vms\":[");
    for (size_t i = 0; i < d->vms.n; i++) {
        if (!d->vms.vm[i]->desc)
            continue;
        su_buf_text(out, comma);
        put_vm(out, d, d->vms.vm[i], now, upgrades);
        comma = ",";
    }
    su_buf_text(out, "]}\n");
    return su_buf_ok(out, e);
}
