/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd_change.c - lists of changes to a boot store: made by the converters, put into the hive. */
#include "bcd_int.h"
#include "utf16.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void su_bcd_changes_done(struct su_bcd_changes *c)
{
    free(c->change);
    su_buf_done(&c->bytes);
    *c = (struct su_bcd_changes){0};
}

/* Making ------------------------------------------------------------------ */

int su_bcd_change(struct su_bcd_changes *c, struct su_bcd_change what, struct su_bytes data, struct su_err *e)
{
    if (c->n == SU_BCD_MAX_CHANGES)
        return su_fail(e, SU_E_RANGE, "bcd.limit", "the boot store would need more than %d changes",
                       SU_BCD_MAX_CHANGES);
    if (c->n % 64 == 0) { /* full */
        struct su_bcd_change *p = realloc(c->change, (c->n + 64) * sizeof *p);
        if (!p)
            return su_fail_nomem(e, (c->n + 64) * sizeof *p);
        c->change = p;
    }
    what.at = c->bytes.n;
    what.n = data.n;
    su_buf_add(&c->bytes, data.p, data.n);
    if (su_buf_ok(&c->bytes, e) < 0)
        return -1;
    c->change[c->n++] = what;
    return 0;
}

static struct su_bcd_change change_of(enum su_bcd_change_kind kind, const char *guid, uint32_t id, uint32_t reg_type)
{
    struct su_bcd_change what = {.kind = kind, .id = id, .reg_type = reg_type};
    snprintf(what.guid, sizeof what.guid, "%s", guid);
    return what;
}

int su_bcd_set(struct su_bcd_changes *c, const char *guid, uint32_t id, uint32_t reg_type, struct su_bytes data,
               struct su_err *e)
{
    return su_bcd_change(c, change_of(SU_BCD_SET, guid, id, reg_type), data, e);
}

int su_bcd_unset(struct su_bcd_changes *c, const char *guid, uint32_t id, struct su_err *e)
{
    return su_bcd_change(c, change_of(SU_BCD_UNSET, guid, id, 0), (struct su_bytes){0}, e);
}

int su_bcd_add_object(struct su_bcd_changes *c, const char *guid, uint32_t type, struct su_err *e)
{
    return su_bcd_change(c, change_of(SU_BCD_ADD_OBJECT, guid, type, 0), (struct su_bytes){0}, e);
}

int su_bcd_drop_object(struct su_bcd_changes *c, const char *guid, struct su_err *e)
{
    return su_bcd_change(c, change_of(SU_BCD_DROP_OBJECT, guid, 0, 0), (struct su_bytes){0}, e);
}

static int set_units(struct su_bcd_changes *c, const char *guid, uint32_t id, uint32_t reg_type, const char *text,
                     unsigned nuls, struct su_err *e)
{
    SU_BUF struct su_buf units = {0};
    if (su_utf8_to_utf16(text, strlen(text), &units, e) < 0)
        return -1;
    su_buf_zero(&units, nuls * sizeof(uint16_t));
    if (su_buf_ok(&units, e) < 0)
        return -1;
    return su_bcd_set(c, guid, id, reg_type, su_buf_bytes(&units), e);
}

int su_bcd_set_text(struct su_bcd_changes *c, const char *guid, uint32_t id, const char *text, unsigned nuls,
                    struct su_err *e)
{
    return set_units(c, guid, id, SU_REG_SZ, text, nuls, e);
}

int su_bcd_set_guid(struct su_bcd_changes *c, const char *guid, uint32_t id, const char *which, struct su_err *e)
{
    bool list = su_bcd_format(id) == SU_BCD_F_OBJECTS;
    return set_units(c, guid, id, list ? SU_REG_MULTI_SZ : SU_REG_SZ, which, list ? 2 : 1, e);
}

int su_bcd_set_integer(struct su_bcd_changes *c, const char *guid, uint32_t id, uint64_t v, struct su_err *e)
{
    uint8_t b[8];
    su_put_le64(b, v);
    return su_bcd_set(c, guid, id, SU_REG_BINARY, (struct su_bytes){b, sizeof b}, e);
}

int su_bcd_set_boolean(struct su_bcd_changes *c, const char *guid, uint32_t id, bool v, struct su_err *e)
{
    uint8_t b = v ? 1 : 0;
    return su_bcd_set(c, guid, id, SU_REG_BINARY, (struct su_bytes){&b, 1}, e);
}

int su_bcd_set_partition(struct su_bcd_changes *c, const char *guid, uint32_t id, const uint8_t disk[16],
                         const uint8_t partition[16], struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    su_bcd_device_make(disk, partition, &b);
    return su_buf_ok(&b, e) < 0 ? -1 : su_bcd_set(c, guid, id, SU_REG_BINARY, su_buf_bytes(&b), e);
}

int su_bcd_add_fwbootmgr(struct su_bcd_changes *c, struct su_err *e)
{
    if (su_bcd_add_object(c, SU_BCD_FWBOOTMGR, SU_BCD_FIRMWARE_MANAGER, e) < 0 ||
        su_bcd_set_guid(c, SU_BCD_FWBOOTMGR, SU_BCD_DISPLAY_ORDER, SU_BCD_BOOTMGR, e) < 0)
        return -1;
    return su_bcd_set_integer(c, SU_BCD_FWBOOTMGR, SU_BCD_TIMEOUT, 0, e);
}

void su_bcd_note(struct su_bcd_changes *c, const char *fmt, ...)
{
    if (c->n_notes == SU_BCD_NOTES) {
        snprintf(c->note[SU_BCD_NOTES - 1], sizeof c->note[0], "and more of that kind");
        return;
    }
    char *note = c->note[c->n_notes++];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(note, sizeof c->note[0], fmt, ap);
    va_end(ap);
    for (char *p = note; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            *p = '?';
    if (n < (int)sizeof c->note[0])
        return;
    size_t end = sizeof c->note[0] - 1; /* cut: not inside a character */
    while (end > 0 && (note[end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && (note[end - 1] & 0x80))
        note[end - 1] = '\0';
}

void su_bcd_filter_list(struct su_bytes list, su_bcd_keep_fn *keep, const void *arg, struct su_buf *out, unsigned *kept,
                        unsigned *dropped)
{
    *kept = *dropped = 0;
    while (list.n >= 2 && su_le16(list.p) != 0) {
        size_t n = 0;
        while (n + 2 <= list.n && su_le16(list.p + n) != 0)
            n += 2;
        char text[64], guid[39];
        su_bcd_cut((struct su_bytes){list.p, n}, text, sizeof text);
        bool is_guid = n == 2 * (sizeof guid - 1) && su_bcd_guid_lower(text, strlen(text), guid);
        if (is_guid && !keep(arg, guid)) {
            ++*dropped;
        } else {
            ++*kept;
            su_buf_add(out, list.p, n);
            su_buf_zero(out, 2);
        }
        su_skip(&list, n + 2 <= list.n ? n + 2 : list.n);
    }
    su_buf_zero(out, 2);
}

/* Putting into the hive --------------------------------------------------- */

static int child(struct su_hive *h, su_hive_node parent, const char *name, bool make, su_hive_node *out,
                 struct su_err *e)
{
    if (su_hive_find(h, parent, name, out, e) < 0)
        return -1;
    return *out || !make ? 0 : su_hive_add_key(h, parent, name, out, e);
}

static int set_dword(struct su_hive *h, su_hive_node n, const char *name, uint32_t v, struct su_err *e)
{
    uint8_t b[4];
    su_put_le32(b, v);
    return su_hive_set(h, n, name, SU_REG_DWORD, (struct su_bytes){b, sizeof b}, e);
}

static int description(struct su_hive *h, su_hive_node *out, struct su_err *e)
{
    return child(h, su_hive_root(h), "Description", true, out, e);
}

static int mark_system(struct su_hive *h, struct su_err *e)
{
    static const char name[] = "BCD00000000";
    SU_BUF struct su_buf units = {0};
    su_hive_node d = 0;
    if (su_utf8_to_utf16(name, strlen(name), &units, e) < 0)
        return -1;
    su_buf_zero(&units, sizeof(uint16_t));
    if (su_buf_ok(&units, e) < 0 || description(h, &d, e) < 0 ||
        su_hive_set(h, d, "KeyName", SU_REG_SZ, su_buf_bytes(&units), e) < 0)
        return -1;
    if (description(h, &d, e) < 0 || set_dword(h, d, "System", 1, e) < 0)
        return -1;
    return description(h, &d, e) < 0 ? -1 : set_dword(h, d, "TreatAsSystem", 1, e);
}

static int add_object(struct su_hive *h, const struct su_bcd_change *x, struct su_err *e)
{
    su_hive_node objects = 0, object = 0, desc = 0, elements = 0;
    if (child(h, su_hive_root(h), "Objects", true, &objects, e) < 0 ||
        child(h, objects, x->guid, true, &object, e) < 0 || child(h, object, "Elements", true, &elements, e) < 0)
        return -1;
    char path[64];
    snprintf(path, sizeof path, "Objects\\%s", x->guid);
    if (su_hive_find(h, su_hive_root(h), path, &object, e) < 0 || child(h, object, "Description", true, &desc, e) < 0)
        return -1;
    return set_dword(h, desc, "Type", x->id, e);
}

static int set_element(struct su_hive *h, const struct su_bcd_change *x, struct su_bytes data, struct su_err *e)
{
    char path[64], id[16];
    su_hive_node object = 0, elements = 0, element = 0;
    snprintf(path, sizeof path, "Objects\\%s", x->guid);
    snprintf(id, sizeof id, "%08" PRIx32, x->id);
    if (su_hive_find(h, su_hive_root(h), path, &object, e) < 0)
        return -1;
    if (!object)
        return su_fail(e, SU_E_FORMAT, "bcd.damaged", "the boot store has no object %s", x->guid);
    if (child(h, object, "Elements", true, &elements, e) < 0 || child(h, elements, id, true, &element, e) < 0)
        return -1;
    return su_hive_set(h, element, "Element", x->reg_type, data, e);
}

/* A key below Objects; it may be gone already. */
static int drop(struct su_hive *h, const char *path, struct su_err *e)
{
    su_hive_node n = 0;
    if (su_hive_find(h, su_hive_root(h), path, &n, e) < 0)
        return -1;
    return n ? su_hive_delete_key(h, n, e) : 0;
}

static int apply(struct su_hive *h, const struct su_bcd_change *x, struct su_bytes data, struct su_err *e)
{
    char path[96];
    switch (x->kind) {
    case SU_BCD_SET:
        return set_element(h, x, data, e);
    case SU_BCD_UNSET:
        snprintf(path, sizeof path, "Objects\\%s\\Elements\\%08" PRIx32, x->guid, x->id);
        return drop(h, path, e);
    case SU_BCD_ADD_OBJECT:
        return add_object(h, x, e);
    case SU_BCD_DROP_OBJECT:
        snprintf(path, sizeof path, "Objects\\%s", x->guid);
        return drop(h, path, e);
    case SU_BCD_MARK_SYSTEM:
        return mark_system(h, e);
    }
    return 0;
}

int su_bcd_apply(struct su_hive *h, const struct su_bcd_changes *c, struct su_err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct su_bcd_change *x = &c->change[i];
        if (apply(h, x, (struct su_bytes){c->bytes.p ? c->bytes.p + x->at : NULL, x->n}, e) < 0)
            return -1;
    }
    return 0;
}
