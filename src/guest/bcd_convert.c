/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd_convert.c - from a store for BIOS to the same store for UEFI (reference: upgrade.md 4.3).
 *
 * Elements are compared before they are changed, so that a store which is one for UEFI already gets no changes. */
#include "bcd_int.h"
#include "utf16.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char bootmgr_path[] = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi";
static const char memtest_path[] = "\\EFI\\Microsoft\\Boot\\memtest.efi";

struct converting {
    const struct su_bcd *b;
    const struct su_winmap *m;
    struct su_bcd_changes *out;
};

static bool is_windows_application(const struct su_bcd_object *o)
{
    return (o->type & 0xFFF00000) == 0x10200000;
}

/* What people call an entry. */
static const char *label(const struct su_bcd_object *o, char *buf, size_t cap)
{
    char text[72];
    if (su_bcd_text(o, SU_BCD_DESCRIPTION, text, sizeof text) && *text)
        snprintf(buf, cap, "\"%s\" %s", text, o->guid);
    else
        snprintf(buf, cap, "%s", o->guid);
    return buf;
}
enum { LABEL = 128 };

/* Sets an element unless it holds that already. */
static int put(struct converting *c, const struct su_bcd_object *o, uint32_t id, uint32_t reg_type,
               struct su_bytes data, struct su_err *e)
{
    const struct su_bcd_element *x = su_bcd_get(o, id);
    if (x && x->reg_type == reg_type && x->data.n == data.n && (data.n == 0 || memcmp(x->data.p, data.p, data.n) == 0))
        return 0;
    return su_bcd_set(c->out, o->guid, id, reg_type, data, e);
}

/* Devices ----------------------------------------------------------------- */

static bool names_other_disk(const struct converting *c, struct su_bytes data)
{
    struct su_bcd_device d;
    struct su_err ignored = {0};
    return su_bcd_device_parse(data, &d, &ignored) == 0 && d.on == SU_BCD_D_MBR && d.signature != c->m->signature;
}

/* Why a device element keeps a name that means nothing any more; NULL: it does not. */
static const char *why_left(const struct converting *c, struct su_bytes data, unsigned changed, unsigned left)
{
    struct su_bcd_device d;
    struct su_err ignored = {0};
    if (left)
        return "names a place on this disk where no partition starts";
    if (changed || su_bcd_device_parse(data, &d, &ignored) < 0)
        return NULL;
    if (d.on == SU_BCD_D_BOOT)
        return "names the partition that starts the disk, which is not known";
    return names_other_disk(c, data) ? "names a partition of another disk" : NULL;
}

static int convert_device(struct converting *c, const struct su_bcd_object *o, const struct su_bcd_element *x,
                          struct su_err *e)
{
    SU_BUF struct su_buf data = {0};
    struct su_err why = {0};
    char who[LABEL];
    unsigned changed = 0, left = 0;
    if (su_bcd_device_to_gpt(x->data, c->m, &data, &changed, &left, &why) < 0) {
        if (why.kind != SU_E_FORMAT) {
            *e = why;
            return -1;
        }
        su_bcd_note(c->out, "%s is left as it is in %08" PRIx32 ": %s", label(o, who, sizeof who), x->id, why.msg);
        return 0;
    }
    const char *left_why = why_left(c, x->data, changed, left);
    if (left_why)
        su_bcd_note(c->out, "%s is left as it is in %08" PRIx32 ": it %s", label(o, who, sizeof who), x->id, left_why);
    if (!changed)
        return 0;
    c->out->devices++;
    return put(c, o, x->id, x->reg_type, su_buf_bytes(&data), e);
}

static int convert_devices(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    for (size_t i = 0; i < o->n; i++)
        if (su_bcd_format(o->element[i].id) == SU_BCD_F_DEVICE && convert_device(c, o, &o->element[i], e) < 0)
            return -1;
    return 0;
}

/* What the firmware's side of the boot loader starts itself lies on the ESP. */
static int move_to_esp(struct converting *c, const struct su_bcd_object *o, const char *path, unsigned nuls,
                       struct su_err *e)
{
    SU_BUF struct su_buf device = {0};
    char text[256];
    su_bcd_device_make(c->m->disk_guid, c->m->esp_guid, &device);
    if (su_buf_ok(&device, e) < 0)
        return -1;
    size_t before = c->out->n;
    if (put(c, o, SU_BCD_DEVICE, SU_REG_BINARY, su_buf_bytes(&device), e) < 0)
        return -1;
    c->out->devices += c->out->n > before;
    if (su_bcd_text(o, SU_BCD_PATH, text, sizeof text) && su_winpath_is(text, path))
        return 0;
    return su_bcd_set_text(c->out, o->guid, SU_BCD_PATH, path, nuls, e);
}

/* The loaders' names ------------------------------------------------------ */

static bool unit_is(const uint8_t *p, char c)
{
    uint16_t u = su_le16(p);
    return u == (uint16_t)c || (c >= 'a' && c <= 'z' && u == (uint16_t)(c - 'a' + 'A'));
}

/* Does the path, n units long, end in "\" and name? */
static bool path_ends(const uint8_t *p, size_t n, const char *name)
{
    size_t len = strlen(name);
    if (n <= len || !unit_is(p + 2 * (n - len - 1), '\\'))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!unit_is(p + 2 * (n - len + i), name[i]))
            return false;
    return true;
}

/* winload.exe becomes winload.efi in whatever directory; the case of the letters and what follows the text stays. */
static int convert_path(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    static const char *const names[] = {"winload.exe", "winresume.exe"};
    const struct su_bcd_element *x = su_bcd_get(o, SU_BCD_PATH);
    size_t n = 0;
    if (!x || x->reg_type != SU_REG_SZ)
        return 0;
    while (2 * n + 2 <= x->data.n && su_le16(x->data.p + 2 * n) != 0)
        n++;
    bool found = false;
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        found |= path_ends(x->data.p, n, names[i]);
    if (!found)
        return 0;
    SU_BUF struct su_buf data = {0};
    su_buf_add(&data, x->data.p, x->data.n);
    if (su_buf_ok(&data, e) < 0)
        return -1;
    uint8_t *last = data.p + 2 * (n - 2); /* "xe" becomes "fi" */
    for (size_t i = 0; i < 2; i++)
        su_put_le16(last + 2 * i, (uint16_t)("fi"[i] - (su_le16(last + 2 * i) < 'a' ? 'a' - 'A' : 0)));
    return su_bcd_set(c->out, o->guid, SU_BCD_PATH, x->reg_type, su_buf_bytes(&data), e);
}

static bool is_winpe(const struct su_bcd_object *o)
{
    const struct su_bcd_element *x = su_bcd_get(o, SU_BCD_WINPE);
    return x && x->data.n > 0 && x->data.p[0] != 0;
}

/* Objects ----------------------------------------------------------------- */

static int convert_application(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    static const uint8_t yes = 1;
    char who[LABEL];
    const struct su_bcd_element *device = su_bcd_get(o, SU_BCD_DEVICE);
    if (device && names_other_disk(c, device->data)) {
        su_bcd_note(c->out, "%s is left as it is: it lies on another disk", label(o, who, sizeof who));
        return 0;
    }
    if (convert_devices(c, o, e) < 0 || convert_path(c, o, e) < 0)
        return -1;
    bool isolated = o->type == SU_BCD_RESUME || (o->type == SU_BCD_OS_LOADER && !is_winpe(o));
    return isolated ? put(c, o, SU_BCD_ISOLATED_CONTEXT, SU_REG_BINARY, (struct su_bytes){&yes, 1}, e) : 0;
}

static int convert_object(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    enum { FIRMWARE_ENTRY = 0x101FFFFF };
    if (strcmp(o->guid, SU_BCD_BOOTMGR) == 0)
        return move_to_esp(c, o, bootmgr_path, 2, e);
    if (o->type == SU_BCD_MEMORY_TEST)
        return move_to_esp(c, o, memtest_path, 1, e);
    if (o->type == SU_BCD_FIRMWARE_MANAGER || o->type == FIRMWARE_ENTRY)
        return 0; /* the firmware's own, and Windows makes them again */
    return is_windows_application(o) ? convert_application(c, o, e) : convert_devices(c, o, e);
}

/* References to what is dropped ------------------------------------------- */

static bool stays(const void *arg, const char *guid)
{
    const struct su_bcd_object *o = su_bcd_find(arg, guid);
    return !o || !su_bcd_is_legacy(o);
}

/* The default entry was dropped: the first loader that is shown. */
static bool next_default(const struct su_bcd *b, const struct su_bcd_object *manager, char out[39])
{
    const struct su_bcd_element *x = su_bcd_get(manager, SU_BCD_DISPLAY_ORDER);
    enum { WIDTH = 39 * 2 }; /* bytes of one in the list, with its NUL */
    for (size_t at = 0; x && at + WIDTH <= x->data.n; at += WIDTH) {
        char text[64];
        su_bcd_cut((struct su_bytes){x->data.p + at, WIDTH}, text, sizeof text);
        const struct su_bcd_object *o = su_bcd_find(b, text);
        if (o && o->type == SU_BCD_OS_LOADER) {
            snprintf(out, 39, "%s", o->guid);
            return true;
        }
    }
    return false;
}

static int convert_reference(struct converting *c, const struct su_bcd_object *o, const struct su_bcd_element *x,
                             struct su_err *e)
{
    char guid[39];
    bool manager = strcmp(o->guid, SU_BCD_BOOTMGR) == 0;
    if (!su_bcd_guid(o, x->id, guid) || stays(c->b, guid))
        return 0;
    if (manager && x->id == SU_BCD_DEFAULT && next_default(c->b, o, guid))
        return su_bcd_set_guid(c->out, o->guid, x->id, guid, e);
    return su_bcd_unset(c->out, o->guid, x->id, e);
}

static int convert_list(struct converting *c, const struct su_bcd_object *o, const struct su_bcd_element *x,
                        struct su_err *e)
{
    SU_BUF struct su_buf list = {0};
    unsigned kept = 0, dropped = 0;
    su_bcd_filter_list(x->data, stays, c->b, &list, &kept, &dropped);
    if (su_buf_ok(&list, e) < 0)
        return -1;
    if (dropped == 0)
        return 0;
    return kept ? su_bcd_set(c->out, o->guid, x->id, x->reg_type, su_buf_bytes(&list), e)
                : su_bcd_unset(c->out, o->guid, x->id, e);
}

static int convert_references(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct su_bcd_element *x = &o->element[i];
        enum su_bcd_format f = su_bcd_format(x->id);
        if (f == SU_BCD_F_OBJECT && convert_reference(c, o, x, e) < 0)
            return -1;
        if (f == SU_BCD_F_OBJECTS && convert_list(c, o, x, e) < 0)
            return -1;
    }
    return 0;
}

static int drop_legacy(struct converting *c, const struct su_bcd_object *o, struct su_err *e)
{
    char who[LABEL];
    su_bcd_note(c->out, "%s is left out: only a BIOS can start it", label(o, who, sizeof who));
    return su_bcd_drop_object(c->out, o->guid, e);
}

int su_bcd_to_efi(const struct su_bcd *b, const struct su_winmap *m, struct su_bcd_changes *out, struct su_err *e)
{
    SU_BCD_CHANGES struct su_bcd_changes changes = {0};
    struct converting c = {.b = b, .m = m, .out = &changes};
    const struct su_bcd_object *manager = su_bcd_find(b, SU_BCD_BOOTMGR);
    if (!manager || su_bcd_is_legacy(manager))
        return su_fail(e, SU_E_MISSING, "bcd.default", "the boot store has no boot manager");
    for (size_t i = 0; i < b->n; i++) {
        const struct su_bcd_object *o = &b->object[i];
        int rc = su_bcd_is_legacy(o) ? drop_legacy(&c, o, e) : convert_object(&c, o, e);
        if (rc < 0 || (!su_bcd_is_legacy(o) && convert_references(&c, o, e) < 0))
            return -1;
    }
    const struct su_bcd_object *firmware = su_bcd_find(b, SU_BCD_FWBOOTMGR);
    if ((!firmware || su_bcd_is_legacy(firmware)) && su_bcd_add_fwbootmgr(&changes, e) < 0)
        return -1;
    *out = changes;
    changes = (struct su_bcd_changes){0};
    return 0;
}
