/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vms.h"
#include <string.h>
#include <sys/random.h>

enum { FIRST_BUCKETS = 256 };
struct su_vm_entry {
    struct su_vm_entry *next;
    char uuid[SU_UUID_TEXT];
    uint16_t n;
    uint8_t body[];
};

/* FNV-1a with a seed; what comes in is from suretyd alone. */
static size_t slot(const struct su_vms *t, const char *uuid)
{
    uint64_t h = t->seed;
    for (size_t i = 0; i < SU_UUID_TEXT - 1; i++)
        h = (h ^ (uint8_t)uuid[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32) & (t->buckets - 1);
}

int su_vms_init(struct su_vms *t, struct su_err *e)
{
    *t = (struct su_vms){.buckets = FIRST_BUCKETS};
    if (getrandom(&t->seed, sizeof t->seed, 0) != sizeof t->seed)
        return su_fail_os(e, "sign.random", "no random bytes");
    t->bucket = calloc(t->buckets, sizeof *t->bucket);
    return t->bucket ? 0 : su_fail_nomem(e, t->buckets * sizeof *t->bucket);
}

void su_vms_clear(struct su_vms *t)
{
    for (size_t i = 0; i < t->buckets && t->bucket; i++)
        for (struct su_vm_entry *v; (v = t->bucket[i]);) {
            t->bucket[i] = v->next;
            free(v);
        }
    t->n = 0;
}

void su_vms_done(struct su_vms *t)
{
    su_vms_clear(t);
    free(t->bucket);
    *t = (struct su_vms){0};
}

static struct su_vm_entry **find(const struct su_vms *t, const char *uuid)
{
    struct su_vm_entry **pp = &t->bucket[slot(t, uuid)];
    while (*pp && strcmp((*pp)->uuid, uuid) != 0)
        pp = &(*pp)->next;
    return pp;
}

/* Twice the buckets; without memory for them the chains get longer, no more. */
static void grow(struct su_vms *t)
{
    struct su_vms g = *t;
    g.buckets *= 2;
    g.bucket = calloc(g.buckets, sizeof *g.bucket);
    if (!g.bucket)
        return;
    for (size_t i = 0; i < t->buckets; i++)
        for (struct su_vm_entry *v; (v = t->bucket[i]);) {
            t->bucket[i] = v->next;
            struct su_vm_entry **to = &g.bucket[slot(&g, v->uuid)];
            v->next = *to;
            *to = v;
        }
    free(t->bucket);
    *t = g;
}

int su_vms_put(struct su_vms *t, struct su_bytes body, struct su_err *e)
{
    struct su_vm_facts f;
    struct su_bytes rest = body;
    if (!su_vm_facts_take(&rest, &f) || rest.n || body.n > UINT16_MAX)
        return su_fail(e, SU_E_FORMAT, "sign.body", "these are no facts of a VM");
    struct su_vm_entry **at = find(t, f.uuid), *old = *at;
    if (!old && t->n >= SU_VMS_MAX)
        return su_fail(e, SU_E_RANGE, "sign.vms", "more than %d VMs", SU_VMS_MAX);
    struct su_vm_entry *v = malloc(sizeof *v + body.n);
    if (!v)
        return su_fail_nomem(e, sizeof *v + body.n);
    memcpy(v->uuid, f.uuid, sizeof v->uuid);
    v->n = (uint16_t)body.n;
    memcpy(v->body, body.p, body.n);
    v->next = old ? old->next : NULL;
    *at = v;
    free(old);
    if (!old && ++t->n > t->buckets)
        grow(t);
    return 0;
}

void su_vms_del(struct su_vms *t, const char *uuid)
{
    struct su_vm_entry **at = find(t, uuid), *v = *at;
    if (!v)
        return;
    *at = v->next;
    free(v);
    t->n--;
}

bool su_vms_get(const struct su_vms *t, const char *uuid, struct su_vm_facts *out)
{
    const struct su_vm_entry *v = *find(t, uuid);
    if (!v)
        return false;
    struct su_bytes body = {v->body, v->n};
    return su_vm_facts_take(&body, out);
}
