/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mounted.h"
#include "utf16.h"
#include <string.h>

#define KEY "MountedDevices"
#define LETTER "\\DosDevices\\?:"
#define DMIO "DMIO:ID:"

enum { MBR_NAME = 12, GPT_NAME = 24, GUID_AT = sizeof(DMIO) - 1, LETTER_AT = sizeof(LETTER) - 3 };

/* One value that names a partition of some disk. */
struct entry {
    char *name; /* owned */
    uint32_t type;
    size_t n;
    uint8_t data[GPT_NAME];
};

struct entries {
    struct entry *v;
    size_t n, cap;
};

static void entries_done(struct entries *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].name);
    free(l->v);
}

static int keep(void *arg, const char *name, uint32_t type, struct su_bytes data, struct su_err *e)
{
    struct entries *l = arg;
    if (data.n != MBR_NAME && (data.n != GPT_NAME || memcmp(data.p, DMIO, GUID_AT) != 0))
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        struct entry *v = realloc(l->v, cap * sizeof *v);
        if (!v)
            return su_fail_nomem(e, cap * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    struct entry *x = &l->v[l->n];
    *x = (struct entry){.name = strdup(name), .type = type, .n = data.n};
    if (!x->name)
        return su_fail_nomem(e, strlen(name) + 1);
    memcpy(x->data, data.p, data.n);
    l->n++;
    return 0;
}

/* *key is 0 when the hive has no MountedDevices. */
static int read_entries(struct su_hive *h, su_hive_node *key, struct entries *l, struct su_err *e)
{
    if (su_hive_find(h, su_hive_root(h), KEY, key, e) < 0)
        return -1;
    return *key ? su_hive_each_value(h, *key, keep, l, e) : 0;
}

/* 'A' to 'Z', or 0 for a value that names no letter. */
static char letter_of(const char *name)
{
    char c = strlen(name) == sizeof LETTER - 1 ? name[LETTER_AT] : '\0', wanted[] = LETTER;
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    wanted[LETTER_AT] = c;
    return c >= 'A' && c <= 'Z' && su_name_is(name, strlen(name), wanted) ? c : '\0';
}

static int rename_to(struct su_hive *h, su_hive_node key, const struct entry *x, const uint8_t *data, size_t n,
                     struct su_mounted_change *c, struct su_err *e)
{
    c->renamed++;
    return su_hive_set(h, key, x->name, x->type, (struct su_bytes){data, n}, e);
}

static int entry_to_gpt(struct su_hive *h, su_hive_node key, const struct entry *x, const struct su_winmap *m,
                        unsigned os_number, struct su_mounted_change *c, struct su_err *e)
{
    uint8_t data[GPT_NAME] = DMIO;
    if (x->n != MBR_NAME || su_le32(x->data) != m->signature)
        return 0;
    const struct su_winmap_part *p = su_winmap_by_offset(m, m->signature, su_le64(x->data + 4));
    if (!p) {
        c->strangers++;
        return 0;
    }
    char letter = letter_of(x->name);
    if (letter && p->number == m->system && m->system != os_number && c->n_letters < SU_MOUNTED_MAX_LETTERS) {
        c->letter[c->n_letters++] = letter;
        return su_hive_unset(h, key, x->name, e);
    }
    memcpy(data + GUID_AT, p->guid, sizeof p->guid);
    return rename_to(h, key, x, data, sizeof data, c, e);
}

int su_mounted_to_gpt(struct su_hive *h, const struct su_winmap *m, unsigned os_number, struct su_mounted_change *out,
                      struct su_err *e)
{
    SU_AUTO(entries_done) struct entries l = {0};
    struct su_mounted_change c = {0};
    su_hive_node key = 0;
    if (read_entries(h, &key, &l, e) < 0)
        return -1;
    for (size_t i = 0; i < l.n; i++)
        if (entry_to_gpt(h, key, &l.v[i], m, os_number, &c, e) < 0)
            return -1;
    *out = c;
    return 0;
}

static void mbr_name(uint32_t signature, uint64_t offset, uint8_t out[MBR_NAME])
{
    su_put_le32(out, signature);
    su_put_le64(out + 4, offset);
}

static int entry_to_mbr(struct su_hive *h, su_hive_node key, const struct entry *x, const struct su_winmap *m,
                        struct su_mounted_change *c, struct su_err *e)
{
    uint8_t data[MBR_NAME];
    if (x->n != GPT_NAME)
        return 0;
    const struct su_winmap_part *p = su_winmap_by_guid(m, x->data + GUID_AT);
    if (!p) {
        c->strangers += memcmp(x->data + GUID_AT, m->esp_guid, sizeof m->esp_guid) == 0;
        return 0;
    }
    mbr_name(m->signature, p->offset, data);
    return rename_to(h, key, x, data, sizeof data, c, e);
}

static int give_letter(struct su_hive *h, su_hive_node key, const struct su_winmap *m, char letter,
                       struct su_mounted_change *c, struct su_err *e)
{
    const struct su_winmap_part *p = su_winmap_by_number(m, m->system);
    uint8_t data[MBR_NAME];
    char name[] = LETTER;
    bool taken = false;
    name[LETTER_AT] = letter;
    if (!p || !letter_of(name) || c->n_letters == SU_MOUNTED_MAX_LETTERS)
        return 0;
    if (su_hive_get(h, key, name, NULL, NULL, &taken, e) < 0)
        return -1;
    if (taken)
        return 0;
    mbr_name(m->signature, p->offset, data);
    c->letter[c->n_letters++] = letter;
    return su_hive_set(h, key, name, SU_REG_BINARY, (struct su_bytes){data, sizeof data}, e);
}

int su_mounted_to_mbr(struct su_hive *h, const struct su_winmap *m, const char *letters, size_t n_letters,
                      struct su_mounted_change *out, struct su_err *e)
{
    SU_AUTO(entries_done) struct entries l = {0};
    struct su_mounted_change c = {0};
    su_hive_node key = 0;
    if (read_entries(h, &key, &l, e) < 0)
        return -1;
    /* letters first: it is looked whether they are free, and each look writes what was changed before it */
    for (size_t i = 0; key && i < n_letters; i++)
        if (give_letter(h, key, m, letters[i], &c, e) < 0)
            return -1;
    for (size_t i = 0; i < l.n; i++)
        if (entry_to_mbr(h, key, &l.v[i], m, &c, e) < 0)
            return -1;
    *out = c;
    return 0;
}

int su_mounted_letter(struct su_hive *h, uint32_t signature, uint64_t offset, char *out, struct su_err *e)
{
    SU_AUTO(entries_done) struct entries l = {0};
    uint8_t wanted[MBR_NAME];
    su_hive_node key = 0;
    char first = '\0';
    if (read_entries(h, &key, &l, e) < 0)
        return -1;
    mbr_name(signature, offset, wanted);
    for (size_t i = 0; i < l.n && !first; i++)
        if (l.v[i].n == MBR_NAME && memcmp(l.v[i].data, wanted, MBR_NAME) == 0)
            first = letter_of(l.v[i].name);
    *out = first;
    return 0;
}
