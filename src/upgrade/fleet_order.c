/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/fleet_order.c - which VM is next, and why not; pure. */
#include "upgrade/fleet_int.h"

bool su_order_again(enum su_vm_outcome o)
{
    return !su_vm_outcome_final(o) || o == SU_VM_SKIPPED || o == SU_VM_STUCK;
}

static bool good(enum su_vm_outcome o)
{
    return o == SU_VM_OK || o == SU_VM_ALREADY;
}

static void add_group(struct su_order *o, const struct su_batch *b, const struct su_batch_vm *vms, const bool *first,
                      uint32_t n, bool wanted)
{
    for (uint32_t i = 0; i < n; i++)
        if (first[i] == wanted && (first[i] || su_order_again(vms[i].outcome)))
            o->item[o->n++] = (struct su_order_item){i, first[i], i < b->options.canary};
}

int su_order_make(const struct su_batch *b, const struct su_batch_vm *vms, const bool *first, uint32_t n,
                  struct su_order *out, struct su_err *e)
{
    bool changes = b->op != SU_OP_ASSESS && b->op != SU_OP_VERIFY && b->op != SU_OP_LOOK;
    struct su_order o = {.limit = changes && !b->options.keep_going ? b->options.max_failures : 0};
    o.item = calloc(n + 1, sizeof *o.item);
    if (!o.item)
        return su_fail_nomem(e, n * sizeof *o.item);
    add_group(&o, b, vms, first, n, true);
    add_group(&o, b, vms, first, n, false);
    for (uint32_t i = 0; i < o.n; i++)
        o.canaries += o.item[i].canary;
    for (uint32_t i = 0; i < n && i < b->options.canary; i++)
        o.canary_bad |= !first[i] && !su_order_again(vms[i].outcome) && !good(vms[i].outcome);
    *out = o;
    return 0;
}

void su_order_done(struct su_order *o)
{
    free(o->item);
    *o = (struct su_order){.item = NULL};
}

static bool too_many(const struct su_order *o)
{
    return o->limit > 0 && o->failures >= o->limit;
}

enum su_order_answer su_order_take(struct su_order *o, bool cancelled, uint32_t *index)
{
    if (o->next == o->n)
        return SU_ORDER_END;
    const struct su_order_item *item = &o->item[o->next];
    if (!item->first) {
        if (cancelled || o->canary_bad || too_many(o))
            return SU_ORDER_END;
        if (!item->canary && o->canaries > 0)
            return SU_ORDER_WAIT;
    }
    *index = item->index;
    o->next++;
    return SU_ORDER_TAKE;
}

void su_order_end(struct su_order *o, uint32_t index, enum su_vm_outcome outcome)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (o->item[i].index == index && o->item[i].canary) {
            o->canaries--;
            o->canary_bad |= !good(outcome);
        }
    o->failures += outcome == SU_VM_FAILED || outcome == SU_VM_STUCK;
}

void su_order_why(const struct su_order *o, struct su_batch_vm *vm)
{
    static const struct {
        const char *id, *text, *remedy;
    } why[] = {
        {"job.canary", "a VM that was to go first did not end well",
         "See what the report says about the first VMs, then begin a new batch with the others"},
        {"job.max-failures", "too many VMs of this batch failed before",
         "See what the report says about them, then run this batch again: surety job run ID"},
        {"job.cancelled", "the batch was cancelled before this VM's turn",
         "Run this batch again to go on: surety job run ID"},
    };
    size_t i = o->canary_bad ? 0 : too_many(o) ? 1 : 2;
    snprintf(vm->id, sizeof vm->id, "%s", why[i].id);
    snprintf(vm->text, sizeof vm->text, "%s", why[i].text);
    snprintf(vm->remedy, sizeof vm->remedy, "%s", why[i].remedy);
}
