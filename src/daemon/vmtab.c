/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmtab.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct su_vm_claim {
    char source[300];
    struct su_vm_kept *desc; /* owned */
    uint64_t round;
};

static void vm_free(struct su_vm *vm)
{
    su_buf_done(&vm->facts);
    su_buf_done(&vm->route);
    free(vm);
}

static void kept_free(struct su_vm_kept *k)
{
    su_buf_done(&k->facts);
    su_buf_done(&k->instance);
    free(k);
}

void su_vmtab_done(struct su_vmtab *t)
{
    for (size_t i = 0; i < t->n; i++)
        vm_free(t->vm[i]);
    for (size_t i = 0; i < t->n_claims; i++)
        kept_free(t->claim[i].desc);
    free(t->vm);
    free(t->claim);
    memset(t, 0, sizeof *t);
}

/* Where the UUID stands, or would stand. */
static size_t place(const struct su_vmtab *t, const char *uuid, bool *there)
{
    size_t lo = 0, hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(t->vm[mid]->uuid, uuid) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *there = lo < t->n && strcmp(t->vm[lo]->uuid, uuid) == 0;
    return lo;
}

struct su_vm *su_vmtab_find(const struct su_vmtab *t, const char *uuid)
{
    bool there;
    size_t at = place(t, uuid, &there);
    return there ? t->vm[at] : NULL;
}

int su_vmtab_lookup(const struct su_vmtab *t, const char *name, struct su_vm **out, struct su_err *e)
{
    struct su_vm *found = su_vmtab_find(t, name);
    for (size_t i = 0; i < t->n && !(found && strcmp(found->uuid, name) == 0); i++) {
        if (strcmp(t->vm[i]->name, name) != 0)
            continue;
        if (found) {
            su_fail(e, SU_E_CONFLICT, "vm.ambiguous", "several VMs are called %.120s", name);
            return su_remedy(e, "Give the UUID instead of the name");
        }
        found = t->vm[i];
    }
    if (!found) {
        su_fail(e, SU_E_MISSING, "vm.none", "there is no VM %.120s on this host", name);
        return su_remedy(e, "See: surety vm list");
    }
    *out = found;
    return 0;
}

/* One more element than n; -1 when there is no memory. */
static int grow(void **array, size_t n, size_t *cap, size_t size, struct su_err *e)
{
    if (n < *cap)
        return 0;
    size_t want = *cap ? *cap * 2 : 32;
    void *p = realloc(*array, want * size);
    if (!p)
        return su_fail_nomem(e, want * size);
    *array = p;
    *cap = want;
    return 0;
}

static int add_vm(struct su_vmtab *t, const char *uuid, struct su_err *e)
{
    bool there;
    size_t at = place(t, uuid, &there);
    if (there)
        return 0;
    if (t->n == SU_VMTAB_MAX)
        return su_fail(e, SU_E_RANGE, "vm.too-many", "more than %d VMs", SU_VMTAB_MAX);
    if (grow((void **)&t->vm, t->n, &t->cap, sizeof *t->vm, e) < 0)
        return -1;
    struct su_vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return su_fail_nomem(e, sizeof *vm);
    memcpy(vm->uuid, uuid, sizeof vm->uuid);
    memmove(t->vm + at + 1, t->vm + at, (t->n - at) * sizeof *t->vm);
    t->vm[at] = vm;
    t->n++;
    return 0;
}

static struct su_vm_claim *find_claim(struct su_vmtab *t, const char *source, const char *uuid)
{
    for (size_t i = 0; i < t->n_claims; i++)
        if (strcmp(t->claim[i].desc->uuid, uuid) == 0 && strcmp(t->claim[i].source, source) == 0)
            return &t->claim[i];
    return NULL;
}

static int make_texts(struct su_vm_kept *k, const struct su_vm_desc *d, const struct su_host_conf *c, struct su_err *e)
{
    struct su_vm_facts *facts SU_FREE = malloc(sizeof *facts);
    if (!facts)
        return su_fail_nomem(e, sizeof *facts);
    su_desc_facts(d, c, facts);
    su_vm_facts_put(&k->facts, facts);
    return su_buf_ok(&k->facts, e) < 0 ? -1 : su_desc_instance(d, c, &k->instance, e);
}

static void keep(struct su_vm_kept *k, const struct su_vm_desc *d, const struct su_host_conf *c)
{
    struct su_err ignored = {0}; /* resolving tells that they are missing */
    su_buf_done(&k->facts);
    su_buf_done(&k->instance);
    *k = (struct su_vm_kept){.running = d->running,
                             .secure_boot = d->secure_boot,
                             .vtpm = d->vtpm,
                             .custom_command = d->custom_command,
                             .vsock_device = d->vsock_device,
                             .agent_channel = d->agent_channel,
                             .vsock_later = d->vsock_later,
                             .agent_later = d->agent_later,
                             .cid = d->cid};
    memcpy(k->uuid, d->uuid, sizeof k->uuid);
    memcpy(k->name, d->name, sizeof k->name);
    memcpy(k->socket, d->socket, sizeof k->socket);
    memcpy(k->pid_file, d->pid_file, sizeof k->pid_file);
    memcpy(k->firmware, d->firmware, sizeof k->firmware);
    memcpy(k->security_type, d->security_type, sizeof k->security_type);
    if (d->running && make_texts(k, d, c, &ignored) < 0)
        su_buf_done(&k->instance);
}

int su_vmtab_claim(struct su_vmtab *t, const char *source, const struct su_vm_desc *d, const struct su_host_conf *conf,
                   struct su_err *e)
{
    struct su_vm_claim *c = find_claim(t, source, d->uuid);
    if (add_vm(t, d->uuid, e) < 0)
        return -1;
    t->dirty = true;
    if (c) {
        keep(c->desc, d, conf);
        c->round = t->round;
        return 0;
    }
    if (t->n_claims == SU_VMTAB_MAX)
        return su_fail(e, SU_E_RANGE, "vm.too-many", "more than %d VMs", SU_VMTAB_MAX);
    if (grow((void **)&t->claim, t->n_claims, &t->cap_claims, sizeof *t->claim, e) < 0)
        return -1;
    struct su_vm_kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return su_fail_nomem(e, sizeof *kept);
    keep(kept, d, conf);
    c = &t->claim[t->n_claims++];
    snprintf(c->source, sizeof c->source, "%s", source);
    c->desc = kept;
    c->round = t->round;
    return 0;
}

static void drop_claim(struct su_vmtab *t, size_t i)
{
    struct su_vm *vm = su_vmtab_find(t, t->claim[i].desc->uuid);
    if (vm && vm->desc == t->claim[i].desc) {
        vm->desc = NULL;
        vm->wanted = false;
    }
    kept_free(t->claim[i].desc);
    t->claim[i] = t->claim[--t->n_claims];
    t->ended++;
    t->dirty = true;
}

void su_vmtab_unclaim(struct su_vmtab *t, const char *source, const char *uuid)
{
    struct su_vm_claim *c = find_claim(t, source, uuid);
    if (c)
        drop_claim(t, (size_t)(c - t->claim));
}

void su_vmtab_stopped(struct su_vmtab *t, const char *source, const char *uuid)
{
    struct su_vm_claim *c = find_claim(t, source, uuid);
    if (!c)
        return;
    t->ended++;
    c->desc->running = false;
    c->desc->cid = 0;
    c->desc->secure_boot = c->desc->vtpm = false;
    c->desc->security_type[0] = 0;
    t->dirty = true;
}

uint64_t su_vmtab_begin(struct su_vmtab *t)
{
    return ++t->round;
}

void su_vmtab_end(struct su_vmtab *t, const char *source, uint64_t round)
{
    for (size_t i = 0; i < t->n_claims;)
        if (t->claim[i].round < round && strcmp(t->claim[i].source, source) == 0)
            drop_claim(t, i);
        else
            i++;
}

void su_vmtab_marks(struct su_vmtab *t, const struct su_vm_mark *m, size_t n)
{
    for (size_t i = 0; i < t->n; i++) {
        uint32_t mark = 0;
        t->vm[i]->granted = t->vm[i]->granted_later = false;
        for (size_t j = 0; j < n; j++)
            if (strcmp(m[j].uuid, t->vm[i]->uuid) == 0) {
                mark = m[j].mark;
                t->vm[i]->granted = true;
                t->vm[i]->granted_later = m[j].later;
            }
        t->dirty |= mark != t->vm[i]->mark;
        t->vm[i]->mark = mark;
    }
}

void su_vmtab_unmark(struct su_vmtab *t, const char *uuid)
{
    struct su_vm *vm = su_vmtab_find(t, uuid);
    if (vm && vm->mark) {
        vm->mark = 0;
        t->dirty = true;
    }
}

/* Resolving ---------------------------------------------------------------- */

/* A running claim counts before one that does not run. */
static void choose(struct su_vmtab *t)
{
    for (size_t i = 0; i < t->n; i++) {
        t->vm[i]->desc = NULL;
        t->vm[i]->n_claims = 0;
        t->vm[i]->problem_id[0] = t->vm[i]->problem[0] = 0;
    }
    for (size_t i = 0; i < t->n_claims; i++) {
        struct su_vm_claim *c = &t->claim[i];
        struct su_vm *vm = su_vmtab_find(t, c->desc->uuid);
        if (!vm)
            continue;
        vm->n_claims += c->desc->running;
        if (!vm->desc || (c->desc->running && !vm->desc->running)) {
            vm->desc = c->desc;
            memcpy(vm->name, c->desc->name, sizeof vm->name);
            memcpy(vm->source, c->source, sizeof vm->source);
        }
    }
}

SU_PRINTF(3, 4) static void cut_off(struct su_vm *vm, const char *id, const char *fmt, ...)
{
    va_list ap;
    if (vm->problem_id[0])
        return;
    snprintf(vm->problem_id, sizeof vm->problem_id, "%s", id);
    va_start(ap, fmt);
    vsnprintf(vm->problem, sizeof vm->problem, fmt, ap);
    va_end(ap);
}

static void collide(struct su_vm *a, struct su_vm *b, const char *id, const char *what)
{
    cut_off(a, id, "VM %.60s has the same %s: neither gets an answer", b->uuid, what);
    cut_off(b, id, "VM %.60s has the same %s: neither gets an answer", a->uuid, what);
}

static int by_cid(const void *a, const void *b)
{
    uint32_t x = (*(struct su_vm *const *)a)->desc->cid, y = (*(struct su_vm *const *)b)->desc->cid;
    return (x > y) - (x < y);
}

static int by_mark(const void *a, const void *b)
{
    uint32_t x = (*(struct su_vm *const *)a)->mark, y = (*(struct su_vm *const *)b)->mark;
    return (x > y) - (x < y);
}

static int by_socket(const void *a, const void *b)
{
    return strcmp((*(struct su_vm *const *)a)->desc->socket, (*(struct su_vm *const *)b)->desc->socket);
}

static void find_collisions(struct su_vm **run, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (run[i]->n_claims > 1)
            cut_off(run[i], "vm.uuid-collision", "%u running VMs claim this UUID: none gets an answer",
                    run[i]->n_claims);
    qsort(run, n, sizeof *run, by_cid);
    for (size_t i = 1; i < n; i++)
        if (run[i]->desc->cid && run[i]->desc->cid == run[i - 1]->desc->cid)
            collide(run[i - 1], run[i], "vm.cid-collision", "vsock context id");
    qsort(run, n, sizeof *run, by_mark);
    for (size_t i = 1; i < n; i++)
        if (run[i]->mark && run[i]->mark == run[i - 1]->mark)
            collide(run[i - 1], run[i], "vm.mark-collision", "port on the legacy network");
    qsort(run, n, sizeof *run, by_socket);
    for (size_t i = 1; i < n; i++)
        if (run[i]->desc->socket[0] && strcmp(run[i]->desc->socket, run[i - 1]->desc->socket) == 0)
            collide(run[i - 1], run[i], "vm.socket-collision", "socket");
}

static int replace(struct su_vmtab *t, struct su_buf *have, struct su_bytes made, uint64_t *rev, struct su_err *e)
{
    struct su_buf copy SU_BUF = {0};
    if (*rev && have->n == made.n && memcmp(have->p, made.p, made.n) == 0)
        return 0;
    su_buf_add(&copy, made.p, made.n);
    if (su_buf_ok(&copy, e) < 0)
        return -1;
    struct su_buf old = *have;
    *have = copy;
    copy = old;
    *rev = ++t->rev;
    return 0;
}

static int make_messages(struct su_vmtab *t, struct su_vm *vm, struct su_err *e)
{
    struct su_buf route SU_BUF = {0};
    struct su_vm_route r = {.cid = vm->desc->cid, .mark = vm->mark, .instance = su_buf_bytes(&vm->desc->instance)};
    if (!vm->desc->instance.n)
        return su_fail(e, SU_E_RANGE, "vm.instance", "the instance metadata of %s cannot be made", vm->name);
    memcpy(r.uuid, vm->uuid, sizeof r.uuid);
    memcpy(r.name, vm->desc->name, sizeof r.name);
    su_vm_route_put(&route, &r);
    return su_buf_ok(&route, e) < 0 || replace(t, &vm->facts, su_buf_bytes(&vm->desc->facts), &vm->facts_rev, e) < 0
               ? -1
               : replace(t, &vm->route, su_buf_bytes(&route), &vm->route_rev, e);
}

static bool reachable(const struct su_vm *vm)
{
    return vm->desc->cid || vm->mark || vm->desc->socket[0];
}

/* What nobody claims and nobody was told of any more. */
static void sweep(struct su_vmtab *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct su_vm *vm = t->vm[i];
        if (!vm->desc && !vm->at[SU_PEER_SIGNER].rev && !vm->at[SU_PEER_IMDS].rev)
            vm_free(vm);
        else
            t->vm[kept++] = vm;
    }
    t->n = kept;
}

/* What a peer did not take it will not take now. */
static void recall_refusal(struct su_vm *vm)
{
    if (vm->at[SU_PEER_SIGNER].refused == vm->facts_rev)
        cut_off(vm, "vm.refused", "surety-signer does not take it; its log says why");
    else if (vm->at[SU_PEER_IMDS].refused == vm->route_rev)
        cut_off(vm, "vm.refused", "surety-imds does not take it; its log says why");
}

int su_vmtab_resolve(struct su_vmtab *t, struct su_err *e)
{
    if (!t->dirty)
        return 0;
    choose(t);
    sweep(t);
    struct su_vm **run SU_FREE = calloc(t->n + 1, sizeof *run);
    size_t n = 0;
    if (!run)
        return su_fail_nomem(e, t->n * sizeof *run);
    for (size_t i = 0; i < t->n; i++)
        if (t->vm[i]->desc && t->vm[i]->desc->running)
            run[n++] = t->vm[i];
    find_collisions(run, n);
    for (size_t i = 0; i < t->n; i++)
        t->vm[i]->wanted = false;
    t->dirty = false;
    for (size_t i = 0; i < n; i++) {
        struct su_err why = {0};
        if (!run[i]->problem_id[0] && reachable(run[i])) {
            if (make_messages(t, run[i], &why) < 0)
                cut_off(run[i], why.id, "%s", why.msg);
            else
                run[i]->wanted = true;
            recall_refusal(run[i]);
        }
    }
    return 0;
}

/* Telling the peers --------------------------------------------------------- */

static enum su_vm_change signer_next(const struct su_vm *vm)
{
    const uint64_t have = vm->at[SU_PEER_SIGNER].rev;
    if (vm->wanted && have != vm->facts_rev && vm->at[SU_PEER_SIGNER].refused != vm->facts_rev)
        return SU_VM_PUT;
    return !vm->wanted && have && !vm->at[SU_PEER_IMDS].rev ? SU_VM_REMOVE : SU_VM_NOTHING;
}

static bool imds_must_drop(const struct su_vm *vm)
{
    return vm->at[SU_PEER_IMDS].rev &&
           (!vm->wanted || vm->at[SU_PEER_IMDS].cid != vm->desc->cid || vm->at[SU_PEER_IMDS].mark != vm->mark);
}

static enum su_vm_change imds_next(const struct su_vm *vm)
{
    const uint64_t have = vm->at[SU_PEER_IMDS].rev, refused = vm->at[SU_PEER_IMDS].refused;
    if (imds_must_drop(vm))
        return SU_VM_REMOVE;
    return vm->wanted && have != vm->route_rev && refused != vm->route_rev &&
                   vm->at[SU_PEER_SIGNER].rev == vm->facts_rev
               ? SU_VM_PUT
               : SU_VM_NOTHING;
}

enum su_vm_change su_vmtab_next(struct su_vmtab *t, enum su_vm_peer peer, struct su_vm **vm)
{
    static const enum su_vm_change order[] = {SU_VM_REMOVE, SU_VM_PUT};
    for (size_t k = 0; k < (t->dirty ? 1 : SU_ARRAY_LEN(order)); k++)
        for (size_t i = 0; i < t->n; i++)
            if ((peer == SU_PEER_SIGNER ? signer_next : imds_next)(t->vm[i]) == order[k]) {
                *vm = t->vm[i];
                return order[k];
            }
    return SU_VM_NOTHING;
}

void su_vmtab_sent(struct su_vm *vm, enum su_vm_peer peer, enum su_vm_change change, struct su_vm_sent *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->uuid, vm->uuid, sizeof out->uuid);
    out->change = change;
    if (change != SU_VM_PUT)
        return;
    out->rev = peer == SU_PEER_SIGNER ? vm->facts_rev : vm->route_rev;
    out->cid = vm->desc->cid;
    out->mark = vm->mark;
    if (peer == SU_PEER_IMDS) {
        vm->at[peer].rev = out->rev;
        vm->at[peer].cid = out->cid;
        vm->at[peer].mark = out->mark;
    }
}

void su_vmtab_answered(struct su_vmtab *t, enum su_vm_peer peer, const struct su_vm_sent *sent, const struct su_err *no)
{
    struct su_vm *vm = su_vmtab_find(t, sent->uuid);
    if (!vm)
        return;
    if (sent->change == SU_VM_REMOVE) { /* it does not know it: then it is gone, too */
        vm->at[peer].rev = 0;
        vm->at[peer].cid = vm->at[peer].mark = 0;
        t->dirty |= !vm->desc;
    } else if (no) {
        vm->at[peer].refused = sent->rev;
        cut_off(vm, "vm.refused", "%s does not take it: %s", peer == SU_PEER_SIGNER ? "surety-signer" : "surety-imds",
                no->msg);
    } else {
        vm->at[peer].rev = sent->rev;
    }
}

void su_vmtab_forgot(struct su_vmtab *t, enum su_vm_peer peer)
{
    for (size_t i = 0; i < t->n; i++)
        memset(&t->vm[i]->at[peer], 0, sizeof t->vm[i]->at[peer]);
    t->dirty = true;
}
