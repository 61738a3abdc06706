/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/fleet.c - what a batch reaches of the world: one connection and one inventory for all of its VMs. */
#include "upgrade/fleet_int.h"
#include <string.h>

struct world {
    struct su_hv *hv;
    struct su_inventory *inv;
};

static int (*const operations[SU_OP_COUNT])(struct su_job *, struct su_err *) = {
    [SU_OP_ASSESS] = su_job_assess,     [SU_OP_UPGRADE] = su_job_upgrade, [SU_OP_VERIFY] = su_job_verify,
    [SU_OP_ROLLBACK] = su_job_rollback, [SU_OP_COMMIT] = su_job_commit,   [SU_OP_FINISH] = su_job_finish,
    [SU_OP_LOOK] = su_job_look,
};

static void world_done(struct world *w)
{
    su_inventory_free(&w->inv);
    su_hv_close(&w->hv);
}

static int world_open(void *arg, const struct su_batch *b, struct su_err *e)
{
    struct world *w = arg;
    if (su_hv_open(b->connect[0] ? b->connect : NULL, &w->hv, e) < 0)
        return -1;
    if (b->op != SU_OP_ASSESS && b->op != SU_OP_UPGRADE && b->op != SU_OP_LOOK)
        return 0;
    return su_inventory_read(w->hv, &w->inv, e);
}

struct adding {
    int (*add)(void *, const char *name, const char *uuid);
    void *to;
    const char *batch;
    bool failed;
};

static int add_vm(void *arg, const struct su_hv_vm *vm)
{
    struct adding *a = arg;
    a->failed = a->add(a->to, vm->name, vm->uuid) < 0;
    return a->failed ? -1 : 0;
}

static int world_list(void *arg, int (*add)(void *, const char *name, const char *uuid), void *to, struct su_err *e)
{
    struct world *w = arg;
    struct adding a = {.add = add, .to = to};
    int rc = su_hv_list(w->hv, add_vm, &a, e);
    return a.failed ? su_fail_nomem(e, sizeof(struct su_batch_vm)) : rc;
}

static int add_record(void *arg, const struct su_vm_record *r)
{
    static const unsigned at_rest = 1U << SU_VM_DONE | 1U << SU_VM_UNDONE | 1U << SU_VM_KEPT;
    struct adding *a = arg;
    if (strcmp(r->batch, a->batch) != 0 || (!r->going && (at_rest >> r->state & 1)))
        return 0;
    a->failed = a->add(a->to, r->name, r->uuid) < 0;
    return a->failed ? -1 : 0;
}

static int world_unfinished(void *arg, struct su_jobs *j, const char *id,
                            int (*add)(void *, const char *name, const char *uuid), void *to, struct su_err *e)
{
    struct adding a = {.add = add, .to = to, .batch = id};
    (void)arg;
    int rc = su_record_each(j, add_record, &a, e);
    return a.failed ? su_fail_nomem(e, sizeof(struct su_batch_vm)) : rc;
}

static int world_run(void *arg, struct su_job *job, struct su_err *e)
{
    struct world *w = arg;
    job->hv = w->hv;
    job->inv = w->inv;
    return operations[job->batch.op](job, e);
}

int su_fleet_run(struct su_jobs *j, const char *batch_id, void (*on_change)(void *arg, const struct su_batch_vm *vm),
                 void *arg, volatile int *stop, int *status, struct su_err *e)
{
    struct world w SU_AUTO(world_done) = {NULL, NULL};
    struct su_fleet_world port = {&w, world_open, world_list, world_unfinished, world_run};
    return su_fleet_run_in(&port, j, batch_id, on_change, arg, stop, status, e);
}
