/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/vms/NAME/actions: what a benefit asks for, done to one VM.
 *
 * {"action":"add-vsock"} answers {"action","changed","next"}: next is when it counts: "now", "start" (the VM's next
 * start) or "job" (when the job of member "job" has ended). */
#include "daemon/api_int.h"
#include "jobs/batch.h"
#include <stdio.h>
#include <string.h>

static int answer(struct su_api_change *c, bool changed, const char *next, const char *job, struct su_err *e)
{
    json_t *o = json_pack("{s:s,s:b,s:s}", "action", c->action, "changed", (int)changed, "next", next);
    if (o && job && json_object_set_new(o, "job", json_string(job)) < 0)
        json_decref(su_steal(&o));
    if (job)
        snprintf(c->detail, sizeof c->detail, "Job %s", job);
    else if (!changed)
        snprintf(c->detail, sizeof c->detail, "There was nothing to do");
    else if (strcmp(next, "start") == 0)
        snprintf(c->detail, sizeof c->detail, "It counts from the VM's next start on");
    return su_api_answer(o, c->a, e);
}

static int add_device(struct su_api_change *c, enum su_vm_device what, struct su_err *e)
{
    bool changed, live;
    if (su_virt_add_device(c->d, c->on, what, &changed, &live, e) < 0)
        return -1;
    return answer(c, changed, live ? "now" : "start", NULL, e);
}

static int add_vsock(struct su_api_change *c, struct su_err *e)
{
    return add_device(c, SU_VM_DEVICE_VSOCK, e);
}

static int add_channel(struct su_api_change *c, struct su_err *e)
{
    return add_device(c, SU_VM_DEVICE_AGENT, e);
}

/* One that cannot take a card while it runs gets it with its next start. */
static int grant(struct su_api_change *c, struct su_err *e)
{
    bool changed = false;
    json_t *vm SU_JSON = NULL;
    int rc = su_virt_legacy_grant(c->d, c->on, false, &vm, &changed, e);
    if (rc < 0 && strcmp(e->id, "legacy.poweroff") == 0)
        rc = su_virt_legacy_grant(c->d, c->on, true, &vm, &changed, e);
    if (rc < 0)
        return -1;
    bool now = strcmp(su_api_text(vm, "state"), "connected") == 0;
    return answer(c, changed, now ? "now" : "start", NULL, e);
}

static int look(struct su_api_change *c, struct su_err *e)
{
    struct su_batch b = {.op = SU_OP_LOOK};
    struct su_batch_vm vm = {.secure_boot = -1};
    char uuid[SU_UUID_TEXT];
    struct su_vm *found;
    {
        SU_HOLD(&c->d->lock);
        if (su_vmtab_lookup(&c->d->vms, c->on, &found, e) < 0)
            return -1;
        memcpy(uuid, found->uuid, sizeof uuid);
    }
    snprintf(vm.name, sizeof vm.name, "%s", uuid);
    su_job_options_default(&b.options);
    return su_api_begin(c->d, c->q->uid, &b, &vm, 1, e) < 0 ? -1 : answer(c, true, "job", b.id, e);
}

static const struct {
    const char *name;
    int (*run)(struct su_api_change *, struct su_err *);
} actions[] = {{"add-vsock", add_vsock}, {"agent-channel", add_channel}, {"legacy-network", grant}, {"look", look}};

int su_api_act(struct su_api_change *c, struct su_err *e)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, su_api_text(c->o, "action")) == 0) {
            c->action = actions[i].name;
            return actions[i].run(c, e);
        }
    return su_fail(e, SU_E_USAGE, "api.body", "action is none of add-vsock, agent-channel, legacy-network, look");
}
