/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boot stores.  First byte even: the rest is one device element, which keeps its length and all but one name.  Odd: a
 * model of objects and elements, converted, or taken for a template; a second conversion changes nothing. */
#include "guest/bcd.h"
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct su_winmap map = {.signature = 0x76A4A23D,
                               .disk_guid = {0xD1, 0x5C},
                               .esp_guid = {0xE5, 0x90},
                               .n = 2,
                               .part = {{1, 1048576, {0x9A, 1}}, {2, 608174080, {0x9A, 2}}},
                               .system = 1};

static void must(bool good)
{
    if (!good)
        abort();
}

/* Devices ----------------------------------------------------------------- */

static void check_error(const struct su_err *e)
{
    must(e->kind != SU_OK && e->id && e->msg[0]);
}

static void check_device(struct su_bytes b)
{
    enum { NAME = 72 };
    SU_BUF struct su_buf out = {0}, again = {0};
    struct su_bcd_device d;
    struct su_err e = {0};
    unsigned changed = 9, left = 9;
    int rc = su_bcd_device_parse(b, &d, &e);
    must((su_bcd_device_to_gpt(b, &map, &out, &changed, &left, &e) == 0) == (rc == 0));
    if (rc < 0) {
        check_error(&e);
        must(out.n == 0);
        return;
    }
    must(memchr(d.path, 0, sizeof d.path) && d.on <= SU_BCD_D_OTHER && d.kind <= SU_BCD_D_OTHER);
    must(out.n == b.n && changed + left <= 1 && (!changed || d.on == SU_BCD_D_MBR || d.on == SU_BCD_D_BOOT));
    size_t first = 0, last = b.n;
    while (first < b.n && out.p[first] == b.p[first])
        first++;
    while (last > first && out.p[last - 1] == b.p[last - 1])
        last--;
    must((changed != 0) == (first < last) && last - first <= NAME);
    must(su_bcd_device_to_gpt(su_buf_bytes(&out), &map, &again, &changed, &left, &e) == 0 && changed == 0);
}

/* A model out of bytes ---------------------------------------------------- */

static const char *const guids[] = {
    SU_BCD_BOOTMGR,
    SU_BCD_FWBOOTMGR,
    SU_BCD_MEMDIAG,
    SU_BCD_NTLDR,
    "{b012b84d-c47c-4ed5-b722-c0c42163e569}",
    "{0c334284-9a41-4de1-99b3-a7e87e8ff07e}",
    "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}",
    "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}",
    "{c77a2611-6d5b-11eb-9ff2-e9f459e1e130}",
    "{c77a2611-6d5b-11eb-9ff2-e9f459e1e131}",
    "{c77a2611-6d5b-11eb-9ff2-e9f459e1e132}",
};
static const uint32_t types[] = {0x10100001, 0x10100002, 0x10200003, 0x10200004, 0x10200005, 0x10300006,
                                 0x10400008, 0x20100000, 0x20200003, 0x30000000, 0x101FFFFF};
static const uint32_t ids[] = {0x11000001, 0x12000002, 0x12000004, 0x14000006, 0x14000008, 0x16000060,
                               0x21000001, 0x21000026, 0x22000002, 0x23000003, 0x24000001, 0x24000010,
                               0x25000008, 0x26000022, 0x31000003, 0x42000002, 0x47000005};

/* Data of an element: as given, or the guid of an object in UTF-16, some number of times. */
static void take_data(struct su_bytes *b, struct su_buf *bytes)
{
    uint8_t n = 0;
    uint16_t raw = 0;
    if (!su_take_u8(b, &n))
        return;
    if (n < 128 && su_take_le16(b, &raw)) {
        size_t len = raw < b->n ? raw : b->n;
        su_buf_add(bytes, b->p, len);
        su_skip(b, len);
        return;
    }
    for (uint8_t which = 0; n-- > 128 && su_take_u8(b, &which);) {
        for (const char *g = guids[which % SU_ARRAY_LEN(guids)]; *g; g++)
            su_buf_add(bytes, (char[]){*g, 0}, 2);
        su_buf_zero(bytes, 2);
    }
    su_buf_zero(bytes, n & 2);
}

static void rebase(struct su_bcd *m)
{
    size_t at = 0;
    for (size_t i = 0; m->bytes.p && i < m->n; i++)
        for (size_t k = 0; k < m->object[i].n; at += m->object[i].element[k++].data.n)
            m->object[i].element[k].data.p = m->bytes.p + at;
}

static void build(struct su_bytes b, struct su_bcd *m)
{
    uint8_t guid, type, id, reg;
    m->object = calloc(SU_ARRAY_LEN(guids) + 8, sizeof *m->object);
    must(m->object);
    while (m->n < SU_ARRAY_LEN(guids) && su_take_u8(&b, &guid) && su_take_u8(&b, &type)) {
        const char *g = guids[guid % SU_ARRAY_LEN(guids)];
        struct su_bcd_object *o = &m->object[m->n];
        if (su_bcd_find(m, g))
            continue;
        snprintf(o->guid, sizeof o->guid, "%s", g);
        o->type = types[type % SU_ARRAY_LEN(types)];
        m->n++;
        while (o->n < 12 && su_take_u8(&b, &id) && id < 0xF0 && su_take_u8(&b, &reg)) {
            struct su_bcd_element *x = &o->element[o->n];
            size_t before = m->bytes.n;
            if (su_bcd_get(o, ids[id % SU_ARRAY_LEN(ids)]))
                continue;
            x->id = ids[id % SU_ARRAY_LEN(ids)];
            x->reg_type = reg % 8;
            take_data(&b, &m->bytes);
            x->data.n = m->bytes.n - before;
            o->n++;
        }
    }
    rebase(m);
}

/* Changes applied to a model ---------------------------------------------- */

static struct su_bcd_object *find(struct su_bcd *m, const char *guid)
{
    return (struct su_bcd_object *)(uintptr_t)su_bcd_find(m, guid);
}

static void apply(struct su_bcd *m, const struct su_bcd_changes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct su_bcd_change *x = &c->change[i];
        struct su_bcd_object *o = find(m, x->guid);
        must(x->kind == SU_BCD_MARK_SYSTEM || (o != NULL) != (x->kind == SU_BCD_ADD_OBJECT));
        must(x->kind != SU_BCD_SET || x->at + x->n <= c->bytes.n);
        if (x->kind == SU_BCD_ADD_OBJECT) {
            must(m->n < SU_ARRAY_LEN(guids) + 8);
            o = &m->object[m->n++];
            *o = (struct su_bcd_object){.type = x->id};
            memcpy(o->guid, x->guid, sizeof o->guid);
        } else if (x->kind == SU_BCD_DROP_OBJECT) {
            *o = m->object[--m->n];
        } else if (x->kind != SU_BCD_MARK_SYSTEM) {
            size_t k = 0;
            while (k < o->n && o->element[k].id != x->id)
                k++;
            must(k < SU_BCD_MAX_ELEMENTS && (k < o->n || x->kind == SU_BCD_SET));
            o->n += k == o->n;
            o->element[k] = (struct su_bcd_element){x->id, x->reg_type, {c->bytes.p ? c->bytes.p + x->at : NULL, x->n}};
            if (x->kind == SU_BCD_UNSET)
                o->element[k] = o->element[--o->n];
        }
    }
}

static void check_changes(const struct su_bcd_changes *c)
{
    must(c->n <= SU_BCD_MAX_CHANGES && c->n_notes <= SU_BCD_NOTES);
    for (size_t i = 0; i < c->n_notes; i++)
        for (size_t k = 0; k < sizeof c->note[i] && c->note[i][k]; k++)
            must((unsigned char)c->note[i][k] >= ' ' && k + 1 < sizeof c->note[i]);
}

static void check_model(struct su_bytes b, bool template)
{
    SU_BCD struct su_bcd m = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0}, again = {0};
    struct su_bcd_default d;
    struct su_err e = {0};
    struct su_bcd_new what = {&map, 2, "\\Windows", "Windows 10", "en-US", 1, "\\Recovery\\Winre.wim", guids[9]};
    build(b, &m);
    if (su_bcd_default_entry(&m, &d, &e) < 0)
        check_error(&e);
    e = (struct su_err){0};
    int rc = template ? su_bcd_from_template(&m, &what, &c, &e) : su_bcd_to_efi(&m, &map, &c, &e);
    if (rc < 0) {
        check_error(&e);
        must(c.n == 0);
        return;
    }
    check_changes(&c);
    apply(&m, &c);
    must(su_bcd_to_efi(&m, &map, &again, &e) == 0 && again.n == 0 && again.devices == 0);
    if (template)
        must(su_bcd_default_entry(&m, &d, &e) == 0 && d.has_winre && d.legacy == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct su_bytes rest = {data + 1, n - 1};
    if (data[0] % 2 == 0)
        check_device(rest);
    else
        check_model(rest, data[0] & 2);
    return 0;
}
