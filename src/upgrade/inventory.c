/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of who uses which disk: one entry for each disk of each VM, and for each file below it, in order of the
 * files' identity. */
#include "upgrade/inventory_int.h"
#include <stdio.h>
#include <string.h>

enum { UUID = 37 };

struct entry {
    uint64_t dev, ino;
    uint32_t vm;
    bool base; /* it lies below a disk of vm */
    char target[16];
};
struct vm {
    char uuid[UUID], name[SU_DOM_TEXT];
    char *nvram; /* owned; NULL: none */
};
struct su_inventory {
    size_t n, cap, n_vms, cap_vms, n_unread, cap_unread;
    struct entry *entry;
    struct vm *vm;
    struct vm *unread;
};

static int grow(void **list, size_t n, size_t *cap, size_t size, struct su_err *e)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *p = reallocarray(*list, more, size);
    if (!p)
        return su_fail_nomem(e, more * size);
    *list = p;
    *cap = more;
    return 0;
}

int su_inventory_new(struct su_inventory **out, struct su_err *e)
{
    struct su_inventory *inv = calloc(1, sizeof *inv);
    if (!inv)
        return su_fail_nomem(e, sizeof *inv);
    *out = inv;
    return 0;
}

void su_inventory_free(struct su_inventory **inv)
{
    if (!*inv)
        return;
    free((*inv)->entry);
    for (size_t i = 0; i < (*inv)->n_vms; i++)
        free((*inv)->vm[i].nvram);
    free((*inv)->vm);
    free((*inv)->unread);
    free(*inv);
    *inv = NULL;
}

static int add_entry(struct su_inventory *inv, const struct su_inventory_id *id, bool base, const char *target,
                     struct su_err *e)
{
    if (grow((void **)&inv->entry, inv->n, &inv->cap, sizeof *inv->entry, e) < 0)
        return -1;
    struct entry *en = &inv->entry[inv->n++];
    *en = (struct entry){.dev = id->dev, .ino = id->ino, .vm = (uint32_t)(inv->n_vms - 1), .base = base};
    snprintf(en->target, sizeof en->target, "%s", target);
    return 0;
}

static int add_disk(struct su_inventory *inv, const struct su_dom_disk *d, struct su_err *e)
{
    struct su_inventory_id id[SU_CHAIN_MAX + 1];
    struct su_disk_use use;
    size_t n;
    su_inventory_chain(d->source, d->format, &use, id, &n);
    for (size_t i = 0; i < n; i++)
        if (add_entry(inv, &id[i], i > 0, d->target, e) < 0)
            return -1;
    return 0;
}

int su_inventory_add(struct su_inventory *inv, const struct su_domain *d, struct su_err *e)
{
    if (grow((void **)&inv->vm, inv->n_vms, &inv->cap_vms, sizeof *inv->vm, e) < 0)
        return -1;
    struct vm *vm = &inv->vm[inv->n_vms++];
    snprintf(vm->uuid, sizeof vm->uuid, "%s", d->uuid);
    snprintf(vm->name, sizeof vm->name, "%s", d->name);
    vm->nvram = d->nvram[0] ? strdup(d->nvram) : NULL;
    if (d->nvram[0] && !vm->nvram)
        return su_fail_nomem(e, sizeof d->nvram);
    for (uint32_t i = 0; i < d->n_disks && i < SU_DOM_DISKS; i++)
        if (d->disk[i].source[0] && add_disk(inv, &d->disk[i], e) < 0)
            return -1;
    return 0;
}

int su_inventory_add_unread(struct su_inventory *inv, const char *name, const char *uuid, struct su_err *e)
{
    if (inv->n_unread && strcmp(inv->unread[inv->n_unread - 1].uuid, uuid) == 0)
        return 0;
    if (grow((void **)&inv->unread, inv->n_unread, &inv->cap_unread, sizeof *inv->unread, e) < 0)
        return -1;
    struct vm *vm = &inv->unread[inv->n_unread++];
    snprintf(vm->uuid, sizeof vm->uuid, "%s", uuid);
    snprintf(vm->name, sizeof vm->name, "%s", name);
    return 0;
}

uint32_t su_inventory_unread(const struct su_inventory *inv, const char *uuid, char name[SU_DOM_TEXT])
{
    uint32_t n = 0;
    name[0] = 0;
    for (size_t i = 0; i < inv->n_unread; i++)
        if (strcmp(inv->unread[i].uuid, uuid) != 0 && n++ == 0)
            snprintf(name, SU_DOM_TEXT, "%s", inv->unread[i].name);
    return n;
}

static int order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

void su_inventory_sort(struct su_inventory *inv)
{
    if (inv->n)
        qsort(inv->entry, inv->n, sizeof *inv->entry, order);
}

static const struct entry *first_of(const struct su_inventory *inv, uint64_t dev, uint64_t ino)
{
    const struct entry key = {.dev = dev, .ino = ino};
    size_t low = 0, high = inv->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (order(&inv->entry[mid], &key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return inv->entry + low;
}

/* VMs are read twice when they run, so the same disk of the same VM may stand there more than once. */
static void compare(const struct su_inventory *inv, const struct entry *en, const char *uuid, const char *target,
                    struct su_disk_use *out)
{
    const struct vm *vm = &inv->vm[en->vm];
    bool own = strcmp(vm->uuid, uuid) == 0;
    if (en->base)
        out->base_of_other = true;
    else if (!own)
        out->used_by_other = true;
    else if (strcmp(en->target, target) != 0)
        out->used_twice = true;
    else
        return;
    if (!out->other[0] || !own)
        snprintf(out->other, sizeof out->other, "%s", vm->name);
}

void su_inventory_look(const struct su_inventory *inv, const char *uuid, const struct su_dom_disk *d,
                       struct su_disk_use *out)
{
    su_inventory_file(d->source, d->format, out);
    if (!inv || !out->exists || inv->n == 0)
        return;
    const struct entry *end = inv->entry + inv->n;
    for (const struct entry *en = first_of(inv, out->dev, out->ino);
         en < end && en->dev == out->dev && en->ino == out->ino; en++)
        compare(inv, en, uuid, d->target, out);
}

bool su_inventory_other(const struct su_inventory *inv, const char *uuid, const char *path, char name[SU_DOM_TEXT])
{
    struct su_disk_use use;
    const struct vm *found = NULL;
    for (size_t i = 0; i < inv->n_vms; i++)
        if (inv->vm[i].nvram && strcmp(inv->vm[i].nvram, path) == 0 && strcmp(inv->vm[i].uuid, uuid) != 0)
            found = &inv->vm[i];
    su_inventory_file(path, "raw", &use);
    for (size_t i = use.exists && inv->n ? (size_t)(first_of(inv, use.dev, use.ino) - inv->entry) : inv->n;
         i < inv->n && inv->entry[i].dev == use.dev && inv->entry[i].ino == use.ino; i++)
        if (strcmp(inv->vm[inv->entry[i].vm].uuid, uuid) != 0)
            found = &inv->vm[inv->entry[i].vm];
    snprintf(name, SU_DOM_TEXT, "%s", found ? found->name : "");
    return found != NULL;
}
