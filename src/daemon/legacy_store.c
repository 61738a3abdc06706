/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What suretyd remembers of the legacy network: that it is wanted, and the number of each VM's port.
 *
 * Numbers are given upwards and only reused after all others were: a connection of the VM that had a number before is
 * long gone by then. */
#include "legacy_int.h"
#include <stdio.h>
#include <string.h>

#define KEY_STATE "legacy/state"
#define KEY_NEXT "legacy/next"
#define KEY_PORT "legacy/port/"
#define KEY_BEGUN "legacy/begun/"

static int get_text(struct su_legacy *l, const char *key, char *out, size_t cap, bool *there, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    struct su_err why = {0};
    *there = false;
    if (su_store_get(l->store, key, &b, NULL, &why) < 0) {
        if (why.kind == SU_E_MISSING)
            return 0;
        *e = why;
        return -1;
    }
    *there = true;
    snprintf(out, cap, "%.*s", (int)(b.n < cap ? b.n : cap - 1), su_buf_str(&b));
    return 0;
}

static int put_text(struct su_legacy *l, const char *key, const char *text, struct su_err *e)
{
    struct su_bytes v = {(const uint8_t *)text, strlen(text)};
    return su_store_put(l->store, key, v, SU_STORE_ANY, NULL, e);
}

int su_legacy_record_get(struct su_legacy *l, struct su_legacy_record *r, bool *there, struct su_err *e)
{
    char text[64] = "";
    if (get_text(l, KEY_STATE, text, sizeof text, there, e) < 0)
        return -1;
    r->fwmark_was_off = strstr(text, "fwmark-was-off") != NULL;
    return 0;
}

int su_legacy_record_put(struct su_legacy *l, const struct su_legacy_record *r, struct su_err *e)
{
    char text[64];
    snprintf(text, sizeof text, "enabled%s", r->fwmark_was_off ? " fwmark-was-off" : "");
    return put_text(l, KEY_STATE, text, e);
}

int su_legacy_enabled(struct su_legacy *l, bool *out, struct su_err *e)
{
    struct su_legacy_record r;
    return su_legacy_record_get(l, &r, out, e);
}

struct listing {
    struct su_legacy_ports *out;
    struct su_err *e;
};

static int take_number(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    (void)revision;
    struct listing *ls = arg;
    const char *uuid = key + strlen(KEY_PORT);
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)(value.n < sizeof text ? value.n : sizeof text - 1),
             value.n ? (const char *)value.p : "");
    unsigned long n = strtoul(text, NULL, 10);
    if (!su_uuid_valid(uuid) || n < 1 || n > SU_LEGACY_PORTS)
        return 0;
    return su_legacy_ports_add(ls->out, uuid, (uint32_t)n, ls->e);
}

int su_legacy_numbers(struct su_legacy *l, struct su_legacy_ports *out, struct su_err *e)
{
    struct su_err why = {0};
    struct su_legacy_ports p = {0};
    struct listing ls = {&p, &why};
    if (su_store_list(l->store, KEY_PORT, take_number, &ls, e) < 0 || why.kind) {
        if (why.kind)
            *e = why;
        su_legacy_ports_done(&p);
        return -1;
    }
    *out = p;
    return 0;
}

static bool is_used(const struct su_legacy_ports *p, uint32_t number)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->p[i].number == number)
            return true;
    return false;
}

int su_legacy_number_of(struct su_legacy *l, struct su_legacy_ports *used, const char *uuid, uint32_t *out,
                        struct su_err *e)
{
    char text[16] = "", key[sizeof KEY_PORT + SU_UUID_TEXT];
    bool there;
    for (size_t i = 0; i < used->n; i++)
        if (strcmp(used->p[i].uuid, uuid) == 0) {
            *out = used->p[i].number;
            return 0;
        }
    if (used->n >= SU_LEGACY_PORTS)
        return su_fail(e, SU_E_RANGE, "legacy.full", "%d VMs have been granted, more there cannot be", SU_LEGACY_PORTS);
    if (get_text(l, KEY_NEXT, text, sizeof text, &there, e) < 0)
        return -1;
    uint32_t n = (uint32_t)strtoul(text, NULL, 10);
    do
        n = n >= SU_LEGACY_PORTS ? 1 : n + 1;
    while (is_used(used, n));
    snprintf(text, sizeof text, "%u", (unsigned)n);
    snprintf(key, sizeof key, KEY_PORT "%s", uuid);
    /* the counter first: a number that is lost in a crash is no harm, one that is given twice is */
    if (put_text(l, KEY_NEXT, text, e) < 0 || put_text(l, key, text, e) < 0)
        return -1;
    *out = n;
    return su_legacy_ports_add(used, uuid, n, e);
}

int su_legacy_number(struct su_legacy *l, const char *uuid, uint32_t *out, struct su_err *e)
{
    SU_AUTO(su_legacy_ports_done) struct su_legacy_ports used = {0};
    return su_legacy_numbers(l, &used, e) < 0 ? -1 : su_legacy_number_of(l, &used, uuid, out, e);
}

int su_legacy_number_drop(struct su_legacy *l, const char *uuid, struct su_err *e)
{
    char key[sizeof KEY_PORT + SU_UUID_TEXT];
    snprintf(key, sizeof key, KEY_PORT "%s", uuid);
    return su_store_del(l->store, key, SU_STORE_ANY, e);
}

int su_legacy_record_drop(struct su_legacy *l, struct su_err *e)
{
    if (su_store_drop(l->store, KEY_PORT, e) < 0 || su_store_drop(l->store, KEY_BEGUN, e) < 0)
        return -1;
    return su_store_del(l->store, KEY_STATE, SU_STORE_ANY, e); /* the counter stays */
}

/* Grants under way ---------------------------------------------------------------------------------------------------
 */

int su_legacy_begin(struct su_legacy *l, const struct su_legacy_want *w, size_t n, struct su_err *e)
{
    struct su_store_write *all SU_FREE = calloc(n + 1, sizeof *all);
    char(*key)[sizeof KEY_BEGUN + SU_UUID_TEXT] SU_FREE = calloc(n + 1, sizeof *key);
    size_t many = 0;
    if (!all || !key)
        return su_fail_nomem(e, n * sizeof *all);
    for (size_t i = 0; i < n; i++) {
        if (w[i].clash[0])
            continue;
        snprintf(key[many], sizeof key[many], KEY_BEGUN "%s", w[i].uuid);
        all[many].key = key[many];
        many++;
    }
    if (many && su_store_batch(l->store, all, many, 0, e) < 0)
        return -1;
    l->granting++;
    return 0;
}

void su_legacy_granted(struct su_legacy *l, bool all)
{
    struct su_err later = {0};
    l->settled &= all;
    if (--l->granting == 0 && l->settled) /* what stays is looked at once more */
        l->settled = su_store_drop(l->store, KEY_BEGUN, &later) == 0;
}

int su_legacy_begun_drop(struct su_legacy *l, const char *uuid, struct su_err *e)
{
    char key[sizeof KEY_BEGUN + SU_UUID_TEXT];
    snprintf(key, sizeof key, KEY_BEGUN "%s", uuid);
    return su_store_del(l->store, key, SU_STORE_ANY, e);
}

struct begun {
    char (*uuid)[SU_UUID_TEXT]; /* owned */
    size_t n;
};

static int take_begun(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    struct begun *b = arg;
    const char *uuid = key + strlen(KEY_BEGUN);
    (void)revision, (void)value;
    char(*grown)[SU_UUID_TEXT] = su_uuid_valid(uuid) ? realloc(b->uuid, (b->n + 1) * sizeof *grown) : NULL;
    if (!grown)
        return 0;
    b->uuid = grown;
    memcpy(grown[b->n++], uuid, SU_UUID_TEXT);
    return 0;
}

void su_legacy_resume(struct su_legacy *l)
{
    struct begun b = {0};
    struct su_err e = {0};
    if (l->granting || l->settled)
        return;
    int rc = su_store_list(l->store, KEY_BEGUN, take_begun, &b, &e);
    for (size_t i = 0; i < b.n; i++)
        rc |= su_legacy_complete(l, b.uuid[i], &e);
    if (rc == 0 && b.n)
        rc = su_store_drop(l->store, KEY_BEGUN, &e);
    l->settled = rc == 0;
    free(b.uuid);
}
