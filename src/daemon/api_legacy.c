/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/legacy: the network for VMs without vsock. */
#include "daemon/api_int.h"
#include <stdio.h>
#include <string.h>

int su_api_legacy(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    json_t *o = NULL;
    (void)q;
    return su_virt_legacy_show(ctx, &o, e) < 0 ? -1 : su_api_answer(o, a, e);
}

static bool flag(const struct su_api_change *c, const char *name)
{
    return json_is_true(json_object_get(c->o, name));
}

/* {"changed", "vm"}: takes vm, which may be NULL. */
static int answer(struct su_api_change *c, bool changed, json_t *vm, struct su_err *e)
{
    json_t *o = json_pack("{s:b}", "changed", (int)changed);
    if (o && vm && json_object_set(o, "vm", vm) < 0)
        json_decref(su_steal(&o));
    json_decref(vm);
    if (!changed)
        snprintf(c->detail, sizeof c->detail, "There was nothing to do");
    return su_api_answer(o, c->a, e);
}

/* {"grantVms":true}: the VMs that have no other way, too; one that cannot be put there keeps no other from it. */
int su_api_legacy_enable(struct su_api_change *c, struct su_err *e)
{
    bool changed = false;
    json_t *granted = NULL, *failed = NULL;
    if (su_virt_legacy_enable(c->d, &changed, e) < 0)
        return -1;
    if (!flag(c, "grantVms"))
        return answer(c, changed, NULL, e);
    if (su_virt_legacy_grant_all(c->d, &granted, &failed, e) < 0)
        return -1;
    snprintf(c->detail, sizeof c->detail, "VMs that were put on it: %zu; that could not be: %zu",
             json_array_size(granted), json_array_size(failed));
    changed |= json_array_size(granted) > 0;
    return su_api_answer(json_pack("{s:b,s:o,s:o}", "changed", (int)changed, "granted", granted, "failed", failed),
                         c->a, e);
}

int su_api_legacy_disable(struct su_api_change *c, struct su_err *e)
{
    bool changed = false;
    return su_virt_legacy_disable(c->d, flag(c, "removeVms"), &changed, e) < 0 ? -1 : answer(c, changed, NULL, e);
}

/* Each of several VMs has a record of its own in the audit log; those of one result. */
static bool tell_each(struct su_api_change *c, const json_t *list)
{
    bool changed = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *vm = json_array_get(list, i);
        const char *id = su_api_text(vm, "id");
        const bool same = !id[0] && !json_is_true(json_object_get(vm, "changed"));
        const char *uuid = su_api_text(vm, "uuid"), *name = su_api_text(vm, "name");
        const struct su_audit_act a = {.uid = c->q->uid,
                                       .action = c->action,
                                       .on = uuid[0] ? uuid : name,
                                       .name = uuid[0] ? name : "",
                                       .result = id[0] ? id : "ok",
                                       .detail = same ? "There was nothing to do" : su_api_text(vm, "detail")};
        su_audit_did(c->d, &a);
        changed |= !id[0] && !same;
    }
    return changed;
}

enum { AT_ONCE = 256 };

/* {"vms":[...]}: one that cannot be put there keeps no other from it. */
static int grant_these(struct su_api_change *c, const json_t *vms, struct su_err *e)
{
    json_t *granted = NULL, *failed = NULL;
    bool fits = json_is_array(vms) && json_array_size(vms) > 0 && json_array_size(vms) <= AT_ONCE;
    for (size_t i = 0; fits && i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        fits = json_string_length(vm) > 0 && strlen(json_string_value(vm)) == json_string_length(vm);
    }
    if (!fits || c->on[0])
        return su_fail(e, SU_E_USAGE, "api.body", "vms is no list of 1 to %d names, or vm is there, too", AT_ONCE);
    if (su_virt_legacy_grant_these(c->d, vms, flag(c, "configOnly"), &granted, &failed, e) < 0)
        return -1;
    const bool changed = tell_each(c, granted);
    (void)tell_each(c, failed);
    snprintf(c->detail, sizeof c->detail, "VMs that were put on it: %zu; that could not be: %zu",
             json_array_size(granted), json_array_size(failed));
    return su_api_answer(json_pack("{s:b,s:o,s:o}", "changed", (int)changed, "granted", granted, "failed", failed),
                         c->a, e);
}

int su_api_legacy_grant(struct su_api_change *c, struct su_err *e)
{
    bool changed = false;
    json_t *vm = NULL;
    const json_t *vms = json_object_get(c->o, "vms");
    snprintf(c->on, sizeof c->on, "%s", su_api_text(c->o, "vm"));
    if (vms)
        return grant_these(c, vms, e);
    if (!c->on[0])
        return su_fail(e, SU_E_USAGE, "api.body", "vm is missing");
    if (su_virt_legacy_grant(c->d, c->on, flag(c, "configOnly"), &vm, &changed, e) < 0)
        return -1;
    return answer(c, changed, vm, e);
}

int su_api_legacy_revoke(struct su_api_change *c, struct su_err *e)
{
    bool changed = false;
    json_t *vm = NULL;
    return su_virt_legacy_revoke(c->d, c->on, &vm, &changed, e) < 0 ? -1 : answer(c, changed, vm, e);
}
