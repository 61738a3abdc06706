/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/vms/NAME/actions: what a benefit asks for, done to one VM.
 *
 * {"action":"add-vsock"} answers {"action","changed","next"}: next is when it counts: "now", "start" (the VM's next
 * start) or "job" (when the job of member "job" has ended). */
#include "daemon/api_int.h"
#include "jobs/batch.h"
#include <stdio.h>
#include <string.h>

static int answer(const char *action, bool changed, const char *next, struct su_http_response *a, struct su_err *e)
{
    return su_api_answer(json_pack("{s:s,s:b,s:s}", "action", action, "changed", changed, "next", next), a, e);
}

static int add_device(struct su_daemon *d, const struct su_http_request *q, const char *action, enum su_vm_device what,
                      struct su_http_response *a, struct su_err *e)
{
    bool changed, live;
    if (su_virt_add_device(d, q->param[0], what, &changed, &live, e) < 0)
        return -1;
    return answer(action, changed, live ? "now" : "start", a, e);
}

static int add_vsock(struct su_daemon *d, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    return add_device(d, q, "add-vsock", SU_VM_DEVICE_VSOCK, a, e);
}

static int add_channel(struct su_daemon *d, const struct su_http_request *q, struct su_http_response *a,
                       struct su_err *e)
{
    return add_device(d, q, "agent-channel", SU_VM_DEVICE_AGENT, a, e);
}

/* One that cannot take a card while it runs gets it with its next start. */
static int grant(struct su_daemon *d, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    bool changed = false;
    json_t *vm SU_JSON = NULL;
    int rc = su_virt_legacy_grant(d, q->param[0], false, &vm, &changed, e);
    if (rc < 0 && strcmp(e->id, "legacy.poweroff") == 0)
        rc = su_virt_legacy_grant(d, q->param[0], true, &vm, &changed, e);
    if (rc < 0)
        return -1;
    bool now = strcmp(su_api_text(vm, "state"), "connected") == 0;
    return answer("legacy-network", changed, now ? "now" : "start", a, e);
}

static int look(struct su_daemon *d, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_batch b = {.op = SU_OP_LOOK};
    struct su_batch_vm vm = {.secure_boot = -1};
    struct su_vm *found;
    {
        SU_HOLD(&d->lock);
        if (su_vmtab_lookup(&d->vms, q->param[0], &found, e) < 0)
            return -1;
        snprintf(vm.name, sizeof vm.name, "%s", found->uuid);
    }
    su_job_options_default(&b.options);
    if (su_api_begin(d, q, &b, &vm, 1, e) < 0)
        return -1;
    return su_api_answer(json_pack("{s:s,s:b,s:s,s:s}", "action", "look", "changed", 1, "next", "job", "job", b.id), a,
                         e);
}

static const struct {
    const char *name;
    int (*run)(struct su_daemon *, const struct su_http_request *, struct su_http_response *, struct su_err *);
} actions[] = {{"add-vsock", add_vsock}, {"agent-channel", add_channel}, {"legacy-network", grant}, {"look", look}};

int su_api_act(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    if (su_api_body(q, &o, e) < 0)
        return -1;
    const char *name = su_api_text(o, "action");
    for (size_t i = 0; i < SU_ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        int rc = actions[i].run(ctx, q, a, e);
        su_api_log(q, name, q->param[0], rc, e);
        return rc;
    }
    return su_fail(e, SU_E_USAGE, "api.body", "action is none of add-vsock, agent-channel, legacy-network, look");
}
