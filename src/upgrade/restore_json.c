/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restore points as JSON, strictly: what is not as it was written is refused. */
#include "upgrade/restore_int.h"
#include <string.h>

static const char *const kinds[] = {
    [SU_RESTORE_AUTO] = NULL,
    [SU_RESTORE_OVERLAY] = "overlay",
    [SU_RESTORE_INTERNAL] = "internal",
    [SU_RESTORE_NONE] = "none",
};

static const struct member {
    const char *name;
    size_t offset, size;
    bool path; /* absolute, or "" */
} members[] = {
#define M(m, path)                                                                                                     \
    {                                                                                                                  \
#m, offsetof(struct su_restore_disk, m), sizeof(((struct su_restore_disk *)0)->m), path                        \
    }
    M(target, false), M(format, false), M(source, true), M(overlay, true), M(key, false),
};

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "vm.restore.record", "the record of a restore point is damaged: %s", what);
}

static void json_freep(json_t **j)
{
    json_decref(*j);
}

static json_t *disk_json(const struct su_restore_disk *d)
{
    json_t *o = json_object();
    for (size_t i = 0; o && i < SU_ARRAY_LEN(members); i++)
        if (json_object_set_new(o, members[i].name, json_string((const char *)d + members[i].offset)) < 0) {
            json_decref(o);
            return NULL;
        }
    return o;
}

json_t *su_restore_json(const struct su_restore *r)
{
    json_t *disks SU_AUTO(json_freep) = json_array();
    if (r->kind >= SU_ARRAY_LEN(kinds) || r->n_disks > SU_DOM_DISKS)
        return NULL;
    for (uint32_t i = 0; i < r->n_disks; i++)
        if (json_array_append_new(disks, disk_json(&r->disk[i])) < 0)
            return NULL;
    return json_pack("{s:s, s:b, s:s, s:b, s:b, s:s, s:s, s:O}", "kind", kinds[r->kind] ? kinds[r->kind] : "", "taken",
                     r->taken, "name", r->name, "had_nvram", r->had_nvram, "had_tpm", r->had_tpm, "nvram",
                     r->places.nvram, "tpm", r->places.tpm, "disks", disks);
}

static int copy_text(const char *s, char *out, size_t cap, bool path, struct su_err *e)
{
    size_t n = strlen(s);
    if (n >= cap || (path && n && s[0] != '/'))
        return bad(e, "a text");
    memcpy(out, s, n + 1);
    return 0;
}

static int parse_disk(const json_t *o, struct su_restore_disk *out, struct su_err *e)
{
    if (!json_is_object(o) || json_object_size(o) != SU_ARRAY_LEN(members))
        return bad(e, "a disk");
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++) {
        const struct member *m = &members[i];
        const char *s = json_string_value(json_object_get(o, m->name));
        if (!s || copy_text(s, (char *)out + m->offset, m->size, m->path, e) < 0)
            return bad(e, m->name);
    }
    return *out->target && *out->source ? 0 : bad(e, "a disk without a name");
}

static int parse_kind(const char *s, enum su_restore_kind *out, struct su_err *e)
{
    for (unsigned i = 0; i < SU_ARRAY_LEN(kinds); i++)
        if (strcmp(s, kinds[i] ? kinds[i] : "") == 0) {
            *out = i;
            return 0;
        }
    return bad(e, "kind");
}

static int parse(const json_t *o, struct su_restore *r, struct su_err *e)
{
    const char *kind, *name, *nvram, *tpm;
    json_t *disks;
    int taken, had_nvram, had_tpm;
    if (json_unpack((json_t *)o, "{s:s, s:b, s:s, s:b, s:b, s:s, s:s, s:o !}", "kind", &kind, "taken", &taken, "name",
                    &name, "had_nvram", &had_nvram, "had_tpm", &had_tpm, "nvram", &nvram, "tpm", &tpm, "disks",
                    &disks) < 0)
        return bad(e, "a member");
    if (parse_kind(kind, &r->kind, e) < 0 || copy_text(name, r->name, sizeof r->name, false, e) < 0 ||
        copy_text(nvram, r->places.nvram, sizeof r->places.nvram, true, e) < 0 ||
        copy_text(tpm, r->places.tpm, sizeof r->places.tpm, true, e) < 0)
        return -1;
    r->taken = taken;
    r->had_nvram = had_nvram;
    r->had_tpm = had_tpm;
    if (!json_is_array(disks) || json_array_size(disks) > SU_DOM_DISKS)
        return bad(e, "disks");
    for (; r->n_disks < json_array_size(disks); r->n_disks++)
        if (parse_disk(json_array_get(disks, r->n_disks), &r->disk[r->n_disks], e) < 0)
            return -1;
    return r->kind != SU_RESTORE_AUTO || (!r->taken && r->n_disks == 0) ? 0 : bad(e, "kind");
}

int su_restore_parse(const json_t *o, struct su_restore *out, struct su_err *e)
{
    struct su_restore *r SU_FREE = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    if (parse(o, r, e) < 0)
        return -1;
    *out = *r;
    return 0;
}
