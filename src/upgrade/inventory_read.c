/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All VMs of a connection, read once. */
#include "upgrade/inventory.h"
#include <stdio.h>
#include <string.h>

struct known {
    char uuid[37], name[SU_DOM_TEXT];
    bool runs, persistent;
};
struct list {
    struct known *vm; /* owned */
    size_t n, cap;
};

static void list_done(struct list *l)
{
    free(l->vm);
}

static int keep(void *arg, const struct su_hv_vm *vm)
{
    struct list *l = arg;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        void *p = reallocarray(l->vm, cap, sizeof *l->vm);
        if (!p)
            return -1;
        l->vm = p;
        l->cap = cap;
    }
    struct known *k = &l->vm[l->n++];
    *k = (struct known){.runs = vm->run != SU_HV_OFF, .persistent = vm->persistent};
    snprintf(k->uuid, sizeof k->uuid, "%s", vm->uuid);
    snprintf(k->name, sizeof k->name, "%s", vm->name);
    return 0;
}

/* A VM that was deleted meanwhile uses no disk; one whose definition is not understood may use any. */
static int add(struct su_hv *hv, const struct known *k, bool live, struct su_domain *d, struct su_inventory *inv,
               struct su_err *e)
{
    struct su_err why = {0};
    SU_BUF struct su_buf xml = {0};
    if (su_hv_xml(hv, k->uuid, live, &xml, &why) < 0) {
        if (why.kind == SU_E_MISSING || why.kind == SU_E_CONFLICT)
            return 0;
        if (why.kind == SU_E_NOMEM || (why.id && strcmp(why.id, "vm.connect") == 0)) {
            *e = why;
            return -1;
        }
        return su_inventory_add_unread(inv, k->name, k->uuid, e);
    }
    if (su_domain_parse(su_buf_bytes(&xml), d, &why) < 0)
        return su_inventory_add_unread(inv, k->name, k->uuid, e);
    if (d->more && su_inventory_add_unread(inv, k->name, k->uuid, e) < 0)
        return -1;
    return su_inventory_add(inv, d, e);
}

int su_inventory_read(struct su_hv *hv, struct su_inventory **out, struct su_err *e)
{
    SU_AUTO(list_done) struct list l = {0};
    SU_INVENTORY struct su_inventory *inv = NULL;
    SU_FREE struct su_domain *d = malloc(sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_inventory_new(&inv, e) < 0)
        return -1;
    e->kind = SU_OK;
    if (su_hv_list(hv, keep, &l, e) < 0)
        return e->kind != SU_OK ? -1 : su_fail_nomem(e, l.n * sizeof *l.vm);
    for (size_t i = 0; i < l.n; i++) {
        if (l.vm[i].persistent && add(hv, &l.vm[i], false, d, inv, e) < 0)
            return -1;
        if (l.vm[i].runs && add(hv, &l.vm[i], true, d, inv, e) < 0)
            return -1;
    }
    su_inventory_sort(inv);
    *out = su_steal(&inv);
    return 0;
}
