/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"
#include "instance.h"
#include <string.h>

int64_t su_bucket_take(struct su_bucket *b, uint32_t rate, uint32_t burst, int64_t now_us)
{
    rate = rate ? rate : 1;
    burst = burst ? burst : 1;
    /* a token each step microseconds; burst of them make the bucket full */
    int64_t step = 1000000 / rate, room = step * burst;
    if (b->full_at < now_us)
        b->full_at = now_us;
    int64_t wait = b->full_at + step - (now_us + room);
    if (wait > 0)
        return wait;
    b->full_at += step;
    return 0;
}

static unsigned hash_number(uint32_t v)
{
    return (v * 2654435761U) >> 22;
}

static unsigned hash_uuid(const char *s)
{
    uint32_t h = 2166136261U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619U;
    return hash_number(h);
}

struct su_imds_vm *su_imds_by_uuid(const struct su_imds_state *s, const char *uuid)
{
    struct su_imds_vm *v = s->uuid[hash_uuid(uuid)];
    while (v && strcmp(v->uuid, uuid) != 0)
        v = v->next_uuid;
    return v;
}

struct su_imds_vm *su_imds_by_cid(const struct su_imds_state *s, uint32_t cid)
{
    struct su_imds_vm *v = cid ? s->cid[hash_number(cid)] : NULL;
    while (v && v->cid != cid)
        v = v->next_cid;
    return v;
}

struct su_imds_vm *su_imds_by_mark(const struct su_imds_state *s, uint32_t mark)
{
    struct su_imds_vm *v = mark ? s->mark[hash_number(mark)] : NULL;
    while (v && v->mark != mark)
        v = v->next_mark;
    return v;
}

static void set_cid(struct su_imds_state *s, struct su_imds_vm *vm, uint32_t cid)
{
    for (struct su_imds_vm **p = &s->cid[hash_number(vm->cid)]; vm->cid && *p; p = &(*p)->next_cid)
        if (*p == vm) {
            *p = vm->next_cid;
            break;
        }
    vm->cid = cid;
    if (!cid)
        return;
    vm->next_cid = s->cid[hash_number(cid)];
    s->cid[hash_number(cid)] = vm;
}

static void set_mark(struct su_imds_state *s, struct su_imds_vm *vm, uint32_t mark)
{
    for (struct su_imds_vm **p = &s->mark[hash_number(vm->mark)]; vm->mark && *p; p = &(*p)->next_mark)
        if (*p == vm) {
            *p = vm->next_mark;
            break;
        }
    vm->mark = mark;
    if (!mark)
        return;
    vm->next_mark = s->mark[hash_number(mark)];
    s->mark[hash_number(mark)] = vm;
}

static void drop(struct su_imds_state *s, struct su_imds_vm *vm)
{
    if (vm->conns && s->hooks.drop)
        s->hooks.drop(s->hooks.ctx, vm);
}

static void forget(struct su_imds_state *s, struct su_imds_vm *vm)
{
    drop(s, vm);
    set_cid(s, vm, 0);
    set_mark(s, vm, 0);
    struct su_imds_vm **p = &s->uuid[hash_uuid(vm->uuid)];
    while (*p != vm)
        p = &(*p)->next_uuid;
    *p = vm->next_uuid;
    s->n_vms--;
    free(vm->instance);
    free(vm);
}

static void forget_host(struct su_imds_state *s)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(s->tail); i++) {
        free(s->tail[i]);
        s->tail[i] = NULL;
        s->tail_n[i] = 0;
    }
    free(s->not_serving);
    s->not_serving = NULL;
    s->told = false;
    s->host = (struct su_imds_host){0};
}

void su_imds_state_clear(struct su_imds_state *s)
{
    if (s->hooks.unlisten_all)
        s->hooks.unlisten_all(s->hooks.ctx);
    for (size_t i = 0; i < SU_IMDS_HASH; i++)
        while (s->uuid[i])
            forget(s, s->uuid[i]);
    forget_host(s);
}

static struct su_imds_vm *new_vm(struct su_imds_state *s, const struct su_vm_route *r, struct su_err *e)
{
    if (s->n_vms == SU_IMDS_MAX_VMS) {
        su_fail(e, SU_E_RANGE, "imds.vms", "more than %d VMs", SU_IMDS_MAX_VMS);
        return NULL;
    }
    struct su_imds_vm *vm = calloc(1, sizeof *vm);
    if (!vm) {
        su_fail_nomem(e, sizeof *vm);
        return NULL;
    }
    memcpy(vm->uuid, r->uuid, sizeof vm->uuid);
    vm->id = ++s->last_id;
    vm->next_uuid = s->uuid[hash_uuid(vm->uuid)];
    s->uuid[hash_uuid(vm->uuid)] = vm;
    s->n_vms++;
    return vm;
}

int su_imds_vm_put(struct su_imds_state *s, const struct su_vm_route *r, struct su_err *e)
{
    if (su_instance_check(r->instance, e) < 0)
        return -1;
    SU_FREE char *instance = malloc(r->instance.n);
    if (!instance)
        return su_fail_nomem(e, r->instance.n);
    memcpy(instance, r->instance.p, r->instance.n);
    struct su_imds_vm *vm = su_imds_by_uuid(s, r->uuid);
    if (!vm && !(vm = new_vm(s, r, e)))
        return -1;
    struct su_imds_vm *had_cid = su_imds_by_cid(s, r->cid), *had_mark = su_imds_by_mark(s, r->mark);
    if (had_cid && had_cid != vm) {
        drop(s, had_cid);
        set_cid(s, had_cid, 0);
    }
    if (had_mark && had_mark != vm) {
        drop(s, had_mark);
        set_mark(s, had_mark, 0);
    }
    if (vm->cid != r->cid || vm->mark != r->mark)
        drop(s, vm); /* its connections were recognised by something that is no longer so */
    set_cid(s, vm, r->cid);
    set_mark(s, vm, r->mark);
    free(vm->instance);
    vm->instance = su_steal(&instance);
    vm->instance_n = r->instance.n;
    return 0;
}

int su_imds_vm_del(struct su_imds_state *s, const char *uuid, struct su_err *e)
{
    struct su_imds_vm *vm = su_imds_by_uuid(s, uuid);
    if (!vm)
        return su_fail(e, SU_E_MISSING, "imds.vm", "no VM %s", uuid);
    forget(s, vm);
    return 0;
}

void su_imds_nonce_issued(struct su_imds_vm *vm, const char *nonce, int64_t now_us)
{
    unsigned i = vm->next_nonce++ % SU_IMDS_NONCES;
    vm->nonce[i].us = now_us;
    size_t n = strnlen(nonce, SU_NONCE_MAX);
    memcpy(vm->nonce[i].text, nonce, n);
    vm->nonce[i].text[n] = '\0';
}

bool su_imds_nonce_known(const struct su_imds_vm *vm, const char *nonce, int64_t now_us)
{
    for (unsigned i = 0; i < SU_IMDS_NONCES; i++)
        if (*vm->nonce[i].text && strcmp(vm->nonce[i].text, nonce) == 0 &&
            now_us - vm->nonce[i].us <= (int64_t)SU_IMDS_NONCE_MS * 1000)
            return true;
    return false;
}
