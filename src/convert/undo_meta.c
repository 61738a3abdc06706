/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON description in a conversion's journal: written here, read here. */
#include "undo.h"
#include <stdio.h>
#include <string.h>

enum { META_VERSION = 1 };

static json_t *partuuids(const struct su_facts *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n_partuuid; i++) {
        char guid[SU_GUID_TEXT];
        su_guid_text(f->partuuid[i].guid, guid);
        json_array_append_new(list, json_pack("{s:i,s:s}", "slot", f->partuuid[i].slot, "guid", guid));
    }
    return list;
}

static json_t *parts(const struct su_layout *l)
{
    json_t *list = json_array();
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *en = &l->gpt.entry[i];
        if (su_gpt_used(en))
            json_array_append_new(list, json_pack("{s:i,s:I,s:I}", "number", i + 1, "first", (json_int_t)en->first,
                                                  "last", (json_int_t)en->last));
    }
    return list;
}

/* How the volume will be called: partitions may have other numbers in the new table. */
static void new_name(const struct su_vol *x, const struct su_layout *l, char out[160])
{
    snprintf(out, 160, "%s", x->name);
    if (x->parent < 0 && l->number_of[x->partition] && l->number_of[x->partition] != x->partition)
        snprintf(out, 160, "p%u", l->number_of[x->partition]);
}

/* NULL when one of the names cannot be written down. */
static json_t *edits(const struct su_facts *f, const struct su_conversion *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->edits.n; i++) {
        const struct su_edit *ed = &c->edits.edit[i];
        char name[160];
        new_name(&f->vols.vol[ed->vol], &c->layout, name);
        if (json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "kind", su_edit_kind_name(ed->kind), "volume", name,
                                                  "path", ed->path)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *windows(const struct su_edits *l)
{
    char guid[SU_GUID_TEXT], disk[SU_GUID_TEXT], esp[SU_GUID_TEXT];
    json_t *list = json_array();
    for (size_t i = 0; i < l->map.n; i++) {
        su_guid_text(l->map.part[i].guid, guid);
        json_array_append_new(list, json_pack("{s:i,s:I,s:s}", "number", (int)l->map.part[i].number, "offset",
                                              (json_int_t)l->map.part[i].offset, "guid", guid));
    }
    su_guid_text(l->map.disk_guid, disk);
    su_guid_text(l->map.esp_guid, esp);
    return json_pack("{s:I,s:s,s:s,s:i,s:i,s:s#,s:s,s:o}", "signature", (json_int_t)l->map.signature, "disk", disk,
                     "esp", esp, "system", (int)l->map.system, "os", (int)l->os_number, "letters", l->letter,
                     (int)l->n_letters, "driver", l->driver, "parts", list);
}

json_t *su_conversion_meta(const struct su_facts *f, const struct su_conversion *c)
{
    char disk_id[9];
    snprintf(disk_id, sizeof disk_id, "%08x", f->mbr.disk_id);
    json_t *o = json_pack("{s:i,s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:s,s:o,s:o,s:o}", "version", META_VERSION, "surety",
                          SURETY_VERSION, "disk_id", disk_id, "sector_size", (int)f->sector_size, "esp",
                          (int)c->layout.esp_number, "bios", (int)c->layout.bios_number, "esp_uuid", c->edits.esp_uuid,
                          "resume", c->edits.resume, "grub", f->bios.print, "parts", parts(&c->layout), "partuuid",
                          partuuids(f), "edits", edits(f, c));
    if (o && c->edits.map.n && json_object_set_new(o, "windows", windows(&c->edits)) < 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static int bad(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "undo.damaged", "the undo journal's description has no good %s", what);
}

static bool copy_text(json_t *o, const char *key, char *out, size_t cap)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s || strlen(s) >= cap)
        return false;
    snprintf(out, cap, "%s", s);
    return true;
}

static int take_parts(json_t *list, struct su_undo_meta *m, struct su_err *e)
{
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        if (m->n_parts == SU_ARRAY_LEN(m->part))
            return bad(e, "list of partitions");
        m->part[m->n_parts].number = (unsigned)json_integer_value(json_object_get(o, "number"));
        m->part[m->n_parts].first = (uint64_t)json_integer_value(json_object_get(o, "first"));
        m->part[m->n_parts].last = (uint64_t)json_integer_value(json_object_get(o, "last"));
        if (m->part[m->n_parts].number - 1 >= SU_GPT_ENTRIES)
            return bad(e, "list of partitions");
        m->n_parts++;
    }
    return m->n_parts ? 0 : bad(e, "list of partitions");
}

static int take_partuuids(json_t *list, uint32_t disk_id, struct su_undo_meta *m, struct su_err *e)
{
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        const char *guid = json_string_value(json_object_get(o, "guid"));
        struct su_partuuid p = {.disk_id = disk_id, .slot = (uint8_t)json_integer_value(json_object_get(o, "slot"))};
        if (m->n_partuuid == SU_ARRAY_LEN(m->partuuid) || !guid || su_guid_parse(guid, strlen(guid), p.guid, e) < 0)
            return bad(e, "list of PARTUUIDs");
        m->partuuid[m->n_partuuid++] = p;
    }
    return 0;
}

static int take_edits(json_t *list, struct su_undo_meta *m, struct su_err *e)
{
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        const char *kind = json_string_value(json_object_get(o, "kind"));
        int k = 0;
        while (kind && k < SU_EDIT_KINDS && strcmp(kind, su_edit_kind_name((enum su_edit_kind)k)) != 0)
            k++;
        if (!kind || k == SU_EDIT_KINDS || m->n_edits == SU_ARRAY_LEN(m->edit) ||
            !copy_text(o, "volume", m->edit[m->n_edits].volume, sizeof m->edit[0].volume) ||
            !copy_text(o, "path", m->edit[m->n_edits].path, sizeof m->edit[0].path))
            return bad(e, "list of edits");
        m->edit[m->n_edits++].kind = (enum su_edit_kind)k;
    }
    return 0;
}

static bool take_guid(json_t *o, const char *key, uint8_t out[SU_GUID_SIZE])
{
    struct su_err why = {0};
    const char *s = json_string_value(json_object_get(o, key));
    return s && su_guid_parse(s, strlen(s), out, &why) == 0;
}

static bool take_map(json_t *list, struct su_winmap *m)
{
    json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        struct su_winmap_part p = {.number = (unsigned)json_integer_value(json_object_get(o, "number")),
                                   .offset = (uint64_t)json_integer_value(json_object_get(o, "offset"))};
        if (m->n == SU_WINMAP_MAX || !take_guid(o, "guid", p.guid))
            return false;
        m->part[m->n++] = p;
    }
    return m->n > 0;
}

/* Absent in the journals of other systems, and of earlier versions. */
static int take_windows(json_t *o, struct su_edits *how, struct su_err *e)
{
    char letters[SU_MOUNTED_MAX_LETTERS + 1] = "";
    how->bus = -1;
    if (!o)
        return 0;
    how->map.signature = (uint32_t)json_integer_value(json_object_get(o, "signature"));
    how->map.system = (unsigned)json_integer_value(json_object_get(o, "system"));
    how->os_number = (unsigned)json_integer_value(json_object_get(o, "os"));
    if (!take_guid(o, "disk", how->map.disk_guid) || !take_guid(o, "esp", how->map.esp_guid) ||
        !take_map(json_object_get(o, "parts"), &how->map) || !copy_text(o, "letters", letters, sizeof letters) ||
        !copy_text(o, "driver", how->driver, sizeof how->driver))
        return bad(e, "names of Windows");
    how->n_letters = strlen(letters);
    memcpy(how->letter, letters, how->n_letters);
    return 0;
}

int su_undo_meta_parse(struct su_bytes text, struct su_undo_meta *out, struct su_err *e)
{
    SU_AUTO(su_json_decrefp) json_t *o = json_loadb((const char *)text.p, text.n, 0, NULL);
    SU_FREE struct su_undo_meta *m = calloc(1, sizeof *m);
    char id[9] = "";
    if (!m)
        return su_fail_nomem(e, sizeof *m);
    if (!json_is_object(o) || json_integer_value(json_object_get(o, "version")) != META_VERSION)
        return bad(e, "version");
    m->sector_size = (uint32_t)json_integer_value(json_object_get(o, "sector_size"));
    m->esp_number = (unsigned)json_integer_value(json_object_get(o, "esp"));
    m->bios_number = (unsigned)json_integer_value(json_object_get(o, "bios"));
    if ((m->sector_size != 512 && m->sector_size != 4096) || !copy_text(o, "disk_id", id, sizeof id) ||
        !copy_text(o, "esp_uuid", m->how.esp_uuid, sizeof m->how.esp_uuid) ||
        !copy_text(o, "resume", m->how.resume, sizeof m->how.resume) || !copy_text(o, "grub", m->grub, sizeof m->grub))
        return bad(e, "fields");
    if (take_parts(json_object_get(o, "parts"), m, e) < 0 ||
        take_partuuids(json_object_get(o, "partuuid"), (uint32_t)strtoul(id, NULL, 16), m, e) < 0 ||
        take_edits(json_object_get(o, "edits"), m, e) < 0 ||
        take_windows(json_object_get(o, "windows"), &m->how, e) < 0)
        return -1;
    *out = *m;
    return 0;
}
