/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The legacy network as the management API tells it. */
#include "legacy_json.h"
#include "base/clean.h"

json_t *su_legacy_text(const char *message)
{
    char text[sizeof((struct su_err *)0)->msg];
    su_clean(text, sizeof text, message);
    return json_string(text);
}

json_t *su_legacy_vm_json(const struct su_legacy_vm *vm, uint64_t last_request)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:I,s:s,s:I}", "name", vm->name, "uuid", vm->uuid, "state",
                     su_legacy_state_name(vm->state), "running", (int)vm->running, "mac", vm->mac, "device", vm->dev,
                     "address", vm->address, "mark", (json_int_t)vm->mark, "problem", vm->problem, "lastRequest",
                     (json_int_t)last_request);
}

static json_t *problems(const struct su_legacy_findings *f)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < f->n; i++) {
        const struct su_legacy_finding *x = &f->finding[i];
        json_t *o = json_pack("{s:s,s:o,s:s}", "id", x->id, "message", su_legacy_text(x->text), "remedy", x->remedy);
        if (json_array_append_new(list, o) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *vms(const struct su_legacy_vms *v, su_legacy_last last, void *arg)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < v->n; i++) {
        json_t *o = su_legacy_vm_json(&v->vm[i], last ? last(arg, v->vm[i].uuid) : 0);
        if (json_array_append_new(list, o) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *su_legacy_json(bool enabled, const struct su_host_conf *conf, const struct su_legacy_findings *f,
                       const struct su_legacy_vms *v, su_legacy_last last, void *arg)
{
    return json_pack("{s:b,s:s,s:s,s:[s,s],s:o,s:o}", "enabled", (int)enabled, "mode", conf->legacy_mode, "bridge",
                     conf->legacy_bridge, "addresses", SU_LEGACY_IP_IMDS, SU_LEGACY_IP_HCI, "problems", problems(f),
                     "vms", vms(v, last, arg));
}
