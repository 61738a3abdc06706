/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/bcd.c - a boot store as a model, and what it starts by default. */
#include "bcd_int.h"
#include "utf16.h"
#include <inttypes.h>
#include <string.h>

enum { GUID_TEXT = 38 /* "{8-4-4-4-12}" */, ID_TEXT = 8 };

void su_bcd_done(struct su_bcd *b)
{
    free(b->object);
    su_buf_done(&b->bytes);
    *b = (struct su_bcd){0};
}

/* Names of keys ----------------------------------------------------------- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool su_bcd_guid_lower(const char *s, size_t n, char out[39])
{
    if (n != GUID_TEXT || s[0] != '{' || s[GUID_TEXT - 1] != '}')
        return false;
    for (size_t i = 1; i < GUID_TEXT - 1; i++) {
        bool dash = i == 9 || i == 14 || i == 19 || i == 24;
        if (dash ? s[i] != '-' : !is_hex(s[i]))
            return false;
    }
    for (size_t i = 0; i < GUID_TEXT; i++)
        out[i] = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] + ('a' - 'A')) : s[i];
    out[GUID_TEXT] = '\0';
    return true;
}

static bool id_parse(const char *s, uint32_t *out)
{
    uint32_t v = 0;
    for (size_t i = 0; i < ID_TEXT; i++) {
        if (!is_hex(s[i]))
            return false;
        v = v << 4 | (uint32_t)(s[i] <= '9' ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
    }
    *out = v;
    return s[ID_TEXT] == '\0';
}

/* Reading ----------------------------------------------------------------- */

struct reading {
    struct su_hive *h;
    struct su_bcd *b;
    size_t cap;
};

static int limit(struct su_err *e, const char *what, int max)
{
    return su_fail(e, SU_E_RANGE, "bcd.limit", "the boot store has more than %d %s", max, what);
}

static int read_element(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    struct reading *r = arg;
    struct su_bcd_object *o = &r->b->object[r->b->n - 1];
    struct su_bcd_element x = {0};
    size_t before = r->b->bytes.n;
    bool there = false;
    if (!id_parse(name, &x.id)) /* Windows does not look at it either */
        return 0;
    if (su_hive_get(r->h, node, "Element", &x.reg_type, &r->b->bytes, &there, e) < 0)
        return -1;
    if (!there)
        return 0;
    if (su_bcd_get(o, x.id))
        return su_fail(e, SU_E_FORMAT, "bcd.damaged", "the boot store has an element twice, %08" PRIx32 " of %s", x.id,
                       o->guid);
    if (o->n == SU_BCD_MAX_ELEMENTS)
        return limit(e, "elements in one object", SU_BCD_MAX_ELEMENTS);
    if (r->b->bytes.n > SU_BCD_MAX_BYTES)
        return limit(e, "bytes in it", SU_BCD_MAX_BYTES);
    x.data.n = r->b->bytes.n - before;
    o->element[o->n++] = x;
    return 0;
}

static struct su_bcd_object *add_object(struct reading *r, struct su_err *e)
{
    if (r->b->n == SU_BCD_MAX_OBJECTS) {
        limit(e, "objects", SU_BCD_MAX_OBJECTS);
        return NULL;
    }
    if (r->b->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        struct su_bcd_object *p = realloc(r->b->object, cap * sizeof *p);
        if (!p) {
            su_fail_nomem(e, cap * sizeof *p);
            return NULL;
        }
        r->b->object = p;
        r->cap = cap;
    }
    struct su_bcd_object *o = &r->b->object[r->b->n];
    *o = (struct su_bcd_object){0};
    return o;
}

static int read_object(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    struct reading *r = arg;
    su_hive_node description = 0, elements = 0;
    uint32_t type = 0;
    bool there = false;
    char guid[39];
    if (!su_bcd_guid_lower(name, strlen(name), guid))
        return 0;
    if (su_hive_find(r->h, node, "Description", &description, e) < 0)
        return -1;
    if (description && su_hive_get_dword(r->h, description, "Type", &type, &there, e) < 0)
        return -1;
    if (!there) /* of no type: of no use to Windows either */
        return 0;
    if (su_bcd_find(r->b, guid))
        return su_fail(e, SU_E_FORMAT, "bcd.damaged", "the boot store has the object %s twice", guid);
    struct su_bcd_object *o = add_object(r, e);
    if (!o)
        return -1;
    memcpy(o->guid, guid, sizeof guid);
    o->type = type;
    r->b->n++;
    if (su_hive_find(r->h, node, "Elements", &elements, e) < 0)
        return -1;
    return elements ? su_hive_each_key(r->h, elements, read_element, r, e) : 0;
}

/* The bytes stay where they are from now on. */
static void borrow_bytes(struct su_bcd *b)
{
    size_t at = 0;
    for (size_t i = 0; b->bytes.p && i < b->n; i++)
        for (size_t k = 0; k < b->object[i].n; k++) {
            b->object[i].element[k].data.p = b->bytes.p + at;
            at += b->object[i].element[k].data.n;
        }
}

int su_bcd_read(struct su_hive *h, struct su_bcd *out, struct su_err *e)
{
    SU_BCD struct su_bcd b = {0};
    struct reading r = {.h = h, .b = &b};
    su_hive_node objects = 0;
    if (su_hive_find(h, su_hive_root(h), "Objects", &objects, e) < 0)
        return -1;
    if (!objects)
        return su_fail(e, SU_E_FORMAT, "bcd.damaged", "the hive is no boot store: it has no key Objects");
    if (su_hive_each_key(h, objects, read_object, &r, e) < 0 || su_buf_ok(&b.bytes, e) < 0)
        return -1;
    borrow_bytes(&b);
    *out = b;
    b = (struct su_bcd){0};
    return 0;
}

/* Looking at the model ---------------------------------------------------- */

const struct su_bcd_object *su_bcd_find(const struct su_bcd *b, const char *guid)
{
    for (size_t i = 0; i < b->n; i++)
        if (su_name_is(guid, strlen(guid), b->object[i].guid))
            return &b->object[i];
    return NULL;
}

bool su_bcd_is_legacy(const struct su_bcd_object *o)
{
    enum { APPLICATION = 1, LEGACY_LOADER = 3, REAL_MODE = 4 };
    uint32_t image = o->type >> 20 & 0xF;
    return strcmp(o->guid, SU_BCD_NTLDR) == 0 ||
           (o->type >> 28 == APPLICATION && (image == LEGACY_LOADER || image == REAL_MODE));
}

const struct su_bcd_element *su_bcd_get(const struct su_bcd_object *o, uint32_t id)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->element[i].id == id)
            return &o->element[i];
    return NULL;
}

/* One character off the front, in UTF-8 as utf16.h has it; 0: the end, or a NUL.  No memory is asked for: a text that
 * could not be read would be taken for one that is not there. */
static size_t take_char(struct su_bytes *b, uint8_t out[4])
{
    uint16_t unit = 0, low = 0;
    struct su_bytes ahead;
    if (!su_take_le16(b, &unit) || unit == 0)
        return 0;
    uint32_t c = unit;
    ahead = *b;
    if ((unit & 0xFC00) == 0xD800 && su_take_le16(&ahead, &low) && (low & 0xFC00) == 0xDC00) {
        c = 0x10000 + ((unit & 0x3FFu) << 10) + (low & 0x3FFu);
        *b = ahead;
    }
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

void su_bcd_cut(struct su_bytes utf16, char *out, size_t cap)
{
    uint8_t c[4];
    size_t at = 0;
    for (size_t n; (n = take_char(&utf16, c)) > 0 && at + n < cap; at += n)
        memcpy(out + at, c, n);
    out[at] = '\0';
}

bool su_bcd_text(const struct su_bcd_object *o, uint32_t id, char *out, size_t cap)
{
    const struct su_bcd_element *x = su_bcd_get(o, id);
    out[0] = '\0';
    if (!x || x->reg_type != SU_REG_SZ)
        return false;
    su_bcd_cut(x->data, out, cap);
    return true;
}

bool su_bcd_guid(const struct su_bcd_object *o, uint32_t id, char out[39])
{
    char text[GUID_TEXT + 2];
    const struct su_bcd_element *x = su_bcd_get(o, id);
    if (!x || (x->reg_type != SU_REG_SZ && x->reg_type != SU_REG_MULTI_SZ))
        return false;
    su_bcd_cut(x->data, text, sizeof text);
    return su_bcd_guid_lower(text, strlen(text), out);
}

/* What starts by default -------------------------------------------------- */

static int no_default(struct su_err *e, const char *why)
{
    return su_fail(e, SU_E_MISSING, "bcd.default", "the boot store has no default entry that starts Windows: %s", why);
}

static int device_of(const struct su_bcd_object *o, uint32_t id, struct su_bcd_device *out, struct su_err *e)
{
    const struct su_bcd_element *x = su_bcd_get(o, id);
    if (!x)
        return no_default(e, id == SU_BCD_OS_DEVICE ? "it has no osdevice" : "it has no device");
    return su_bcd_device_parse(x->data, out, e);
}

/* The entry that starts when the system fails to; it may be missing or broken, Windows starts without it. */
static void find_winre(const struct su_bcd *b, const struct su_bcd_object *loader, struct su_bcd_default *d)
{
    struct su_err ignored = {0};
    if (!su_bcd_guid(loader, SU_BCD_RECOVERY_SEQUENCE, d->winre_guid))
        return;
    const struct su_bcd_object *o = su_bcd_find(b, d->winre_guid);
    d->has_winre = o && device_of(o, SU_BCD_DEVICE, &d->winre, &ignored) == 0;
}

int su_bcd_default_entry(const struct su_bcd *b, struct su_bcd_default *out, struct su_err *e)
{
    struct su_bcd_default d = {0};
    struct su_err ignored = {0};
    const struct su_bcd_object *manager = su_bcd_find(b, SU_BCD_BOOTMGR);
    if (!manager)
        return no_default(e, "it has no boot manager");
    if (!su_bcd_guid(manager, SU_BCD_DEFAULT, d.guid))
        return no_default(e, "the boot manager names none");
    const struct su_bcd_object *loader = su_bcd_find(b, d.guid);
    if (!loader)
        return no_default(e, "the object that the boot manager names does not exist");
    if (loader->type != SU_BCD_OS_LOADER)
        return no_default(e, "the object that the boot manager names is no loader of Windows");
    if (!su_bcd_text(loader, SU_BCD_SYSTEM_ROOT, d.root, sizeof d.root))
        return no_default(e, "it does not say where Windows lies");
    if (device_of(loader, SU_BCD_OS_DEVICE, &d.os, e) < 0 || device_of(loader, SU_BCD_DEVICE, &d.device, e) < 0)
        return -1;
    su_bcd_text(loader, SU_BCD_PATH, d.path, sizeof d.path);
    su_bcd_text(loader, SU_BCD_DESCRIPTION, d.description, sizeof d.description);
    su_bcd_text(loader, SU_BCD_LOCALE, d.locale, sizeof d.locale);
    d.has_boot = device_of(manager, SU_BCD_DEVICE, &d.boot, &ignored) == 0;
    find_winre(b, loader, &d);
    for (size_t i = 0; i < b->n; i++)
        d.legacy += su_bcd_is_legacy(&b->object[i]);
    *out = d;
    return 0;
}
