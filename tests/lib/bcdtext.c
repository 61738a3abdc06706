/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bcdtext.h"
#include "disk/guid.h"
#include "guest/utf16.h"
#include "tests/lib/hivegen.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bcdtext: %s\n", what);
    abort();
}

/* Tokens ------------------------------------------------------------------ */

struct line {
    const char *p; /* ends with newline or NUL */
    char token[1200];
};

static const char *next(struct line *l)
{
    while (*l->p == ' ')
        l->p++;
    bool quoted = *l->p == '"';
    const char *from = l->p + quoted;
    size_t n = strcspn(from, quoted ? "\"\n" : " \n");
    must(n < sizeof l->token, "a long token");
    memcpy(l->token, from, n);
    l->token[n] = '\0';
    l->p = from + n + (quoted && from[n] == '"');
    return l->token;
}

static bool more(const struct line *l)
{
    const char *p = l->p + strspn(l->p, " ");
    return *p != '\n' && *p != '\0';
}

static void guid_of(const char *text, uint8_t out[16])
{
    struct su_err e;
    bool braced = *text == '{';
    must(su_guid_parse(text + braced, strlen(text) - 2 * braced, out, &e) == 0, text);
}

static void add_guid(struct su_buf *b, const char *text)
{
    uint8_t g[16];
    guid_of(text, g);
    su_buf_add(b, g, sizeof g);
}

static void add32(struct su_buf *b, uint32_t v)
{
    uint8_t p[4];
    su_put_le32(p, v);
    su_buf_add(b, p, sizeof p);
}

static void add64(struct su_buf *b, uint64_t v)
{
    add32(b, (uint32_t)v);
    add32(b, (uint32_t)(v >> 32));
}

static void add_units(struct su_buf *b, const char *text, unsigned nuls)
{
    struct su_err e;
    must(su_utf8_to_utf16(text, strlen(text), b, &e) == 0, text);
    su_buf_zero(b, 2 * nuls);
}

/* From text --------------------------------------------------------------- */

static void head(struct su_buf *b, uint32_t type, uint32_t flags)
{
    add32(b, type);
    add32(b, flags);
    add64(b, 0); /* length: see close_head() */
}

static void close_head(struct su_buf *b, size_t at)
{
    su_put_le32(b->p + at + 8, (uint32_t)(b->n - at));
}

static void device(struct line *l, uint32_t flags, struct su_buf *b);

static void file_of(struct line *l, const char *path, struct su_buf *b)
{
    size_t at = b->n;
    add32(b, 1);
    add64(b, (uint64_t)5 << 32);
    device(l, 0, b);
    add_units(b, path, 1);
    su_put_le32(b->p + at + 4, (uint32_t)(b->n - at));
}

static void partition(struct line *l, bool gpt, struct su_buf *b)
{
    char first[64], second[64];
    snprintf(first, sizeof first, "%.63s", next(l));
    snprintf(second, sizeof second, "%.63s", next(l));
    if (gpt)
        add_guid(b, second);
    else
        add64(b, strtoull(second, NULL, 10)), add64(b, 0);
    add64(b, gpt ? 0 : (uint64_t)1 << 32);
    if (gpt)
        add_guid(b, first);
    else
        add64(b, strtoull(first, NULL, 16)), add64(b, 0);
    su_buf_zero(b, 16);
}

static void search(struct line *l, bool by_path, struct su_buf *b)
{
    char what[600];
    snprintf(what, sizeof what, "%.599s", next(l));
    size_t at = b->n;
    add32(b, by_path ? 1 : 0);
    add32(b, by_path ? 0 : (uint32_t)strtoul(what, NULL, 16));
    add32(b, 0);
    add_units(b, by_path ? what : "", 1);
    if (!more(l))
        return;
    su_put_le32(b->p + at + 8, (uint32_t)(b->n - at + 16));
    device(l, 0, b);
}

static void device(struct line *l, uint32_t flags, struct su_buf *b)
{
    char kind[16], path[1200];
    snprintf(kind, sizeof kind, "%.15s", next(l));
    size_t at = b->n;
    bool is_mbr = strcmp(kind, "mbr") == 0, is_gpt = strcmp(kind, "gpt") == 0, is_search = strcmp(kind, "search") == 0;
    bool ramdisk = strcmp(kind, "ramdisk") == 0, file = strcmp(kind, "file") == 0;
    bool searches = is_search || strcmp(kind, "locate") == 0, local = ramdisk || file || strcmp(kind, "vhd") == 0;
    bool boot = strcmp(kind, "boot") == 0;
    must(is_mbr || is_gpt || searches || local || boot, kind);
    head(b, is_mbr || is_gpt ? 6 : searches ? 8 : local ? 0 : 5, flags);
    if (boot)
        su_buf_zero(b, 56);
    if (is_mbr || is_gpt)
        partition(l, is_gpt, b);
    if (searches)
        search(l, is_search, b);
    if (local) {
        add32(b, ramdisk ? 3 : file ? 5 : 6);
        if (ramdisk || file)
            snprintf(path, sizeof path, "%s", next(l));
        if (!file)
            su_buf_zero(b, 20);
        if (ramdisk || file)
            file_of(l, path, b);
        else
            device(l, 0, b);
    }
    close_head(b, at);
}

static void add_hex(struct line *l, uint32_t *reg_type, struct su_buf *b)
{
    *reg_type = (uint32_t)strtoul(next(l), NULL, 10);
    for (const char *p = next(l); *p; p += 2) {
        unsigned v = 0;
        must(sscanf(p, "%2x", &v) == 1, p);
        uint8_t byte = (uint8_t)v;
        su_buf_add(b, &byte, 1);
    }
}

static void add_texts(struct line *l, bool list, struct su_buf *b)
{
    unsigned nuls = list ? 1 : 0;
    while (more(l)) {
        next(l);
        if (*l->token == '+')
            nuls += (unsigned)atol(l->token + 1);
        else
            add_units(b, l->token, 1);
    }
    su_buf_zero(b, 2 * nuls);
}

static void add_device(struct line *l, struct su_buf *b)
{
    struct line ahead = *l;
    bool options = strcmp(next(&ahead), "options") == 0;
    if (options) {
        next(l);
        add_guid(b, next(l));
    } else {
        su_buf_zero(b, 16);
    }
    device(l, options, b);
}

void bcdtext_value(uint32_t id, const char *text, uint32_t *reg_type, struct su_buf *out)
{
    struct line l = {.p = text};
    struct line ahead = l;
    enum su_bcd_format f = su_bcd_format(id);
    if (strcmp(next(&ahead), "hex") == 0) {
        add_hex(&ahead, reg_type, out);
        return;
    }
    *reg_type = f == SU_BCD_F_STRING || f == SU_BCD_F_OBJECT ? SU_REG_SZ
                : f == SU_BCD_F_OBJECTS                      ? SU_REG_MULTI_SZ
                                                             : SU_REG_BINARY;
    if (f == SU_BCD_F_DEVICE)
        add_device(&l, out);
    else if (*reg_type != SU_REG_BINARY)
        add_texts(&l, f == SU_BCD_F_OBJECTS, out);
    else if (f == SU_BCD_F_BOOLEAN)
        su_buf_add(out, strcmp(next(&l), "true") == 0 ? "\1" : "\0", 1);
    else
        while (more(&l))
            add64(out, strtoull(next(&l), NULL, f == SU_BCD_F_INTEGERS ? 16 : 10));
    must(out->n > 0 || f == SU_BCD_F_OBJECTS, text);
}

void bcdtext_map(const char *text, struct su_winmap *out)
{
    *out = (struct su_winmap){0};
    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        struct line l = {.p = p};
        next(&l);
        if (strcmp(l.token, "map") == 0) {
            out->signature = (uint32_t)strtoul(next(&l), NULL, 16);
            guid_of(next(&l), out->disk_guid);
            guid_of(next(&l), out->esp_guid);
            out->system = (unsigned)atol(next(&l));
        } else if (strcmp(l.token, "part") == 0) {
            struct su_winmap_part *x = &out->part[out->n++];
            x->number = (unsigned)atol(next(&l));
            x->offset = strtoull(next(&l), NULL, 10);
            guid_of(next(&l), x->guid);
        }
    }
}

static su_hive_node key(struct su_hive *h, su_hive_node parent, const char *name)
{
    struct su_err e = {0};
    su_hive_node n = 0;
    must(su_hive_find(h, parent, name, &n, &e) == 0, e.msg);
    must(n || su_hive_add_key(h, parent, name, &n, &e) == 0, e.msg);
    return n;
}

static void add_object(struct su_hive *h, struct line *l, char guid[39])
{
    struct su_err e = {0};
    uint8_t type[4];
    snprintf(guid, 39, "%.38s", l->token);
    su_hive_node o = key(h, key(h, su_hive_root(h), "Objects"), guid), d = key(h, o, "Description");
    su_put_le32(type, (uint32_t)strtoul(next(l), NULL, 16));
    must(su_hive_set(h, d, "Type", SU_REG_DWORD, (struct su_bytes){type, 4}, &e) == 0, e.msg);
    key(h, key(h, key(h, su_hive_root(h), "Objects"), guid), "Elements");
}

static void add_element(struct su_hive *h, struct line *l, const char *guid)
{
    SU_BUF struct su_buf data = {0};
    struct su_err e = {0};
    uint32_t type = 0;
    su_hive_node o = key(h, key(h, su_hive_root(h), "Objects"), guid);
    su_hive_node x = key(h, key(h, o, "Elements"), l->token);
    bcdtext_value((uint32_t)strtoul(l->token, NULL, 16), l->p, &type, &data);
    must(su_hive_set(h, x, "Element", type, su_buf_bytes(&data), &e) == 0, e.msg);
}

void bcdtext_hive(const char *text, struct su_buf *out)
{
    SU_BUF struct su_buf empty = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    char guid[39] = "";
    hivegen(&empty, 3);
    must(su_hive_open(su_buf_bytes(&empty), true, &h, &e) == 0, e.msg);
    key(h, su_hive_root(h), "Objects");
    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        struct line l = {.p = p};
        next(&l);
        if (*l.token == '{')
            add_object(h, &l, guid);
        else if (*p == ' ' && *l.token)
            add_element(h, &l, guid);
    }
    must(su_hive_save(h, 0, out, &e) == 0, e.msg);
}

/* To text ----------------------------------------------------------------- */

static void show_guid(struct su_buf *out, const char *before, const uint8_t *g, const char *after)
{
    char t[SU_GUID_TEXT];
    su_guid_text(g, t);
    su_buf_printf(out, "%s%s%s", before, t, after);
}

/* Quoted; false: not to be shown so. */
static bool show_text(struct su_buf *out, struct su_bytes utf16)
{
    SU_BUF struct su_buf t = {0};
    su_utf16_to_utf8(utf16, true, &t);
    su_buf_printf(out, " \"%s\"", su_buf_str(&t));
    return !strchr(su_buf_str(&t), '"') && !strchr(su_buf_str(&t), '\n');
}

static bool show_device(struct su_buf *out, struct su_bytes d);

static bool show_file(struct su_buf *out, const char *kind, struct su_bytes f)
{
    if (f.n < 28 || su_le32(f.p + 20) > f.n - 12)
        return false;
    size_t inner = su_le32(f.p + 20);
    su_buf_text(out, kind);
    bool good = show_text(out, (struct su_bytes){f.p + 12 + inner, f.n - 12 - inner});
    return good && show_device(out, (struct su_bytes){f.p + 12, inner});
}

static bool show_local(struct su_buf *out, struct su_bytes d)
{
    uint32_t kind = d.n >= 20 ? su_le32(d.p + 16) : 0;
    if (kind == 3 && d.n >= 40)
        return show_file(out, " ramdisk", (struct su_bytes){d.p + 40, d.n - 40});
    if (kind == 5)
        return show_file(out, " file", (struct su_bytes){d.p + 20, d.n - 20});
    su_buf_text(out, " vhd");
    return kind == 6 && d.n >= 40 && show_device(out, (struct su_bytes){d.p + 40, d.n - 40});
}

static bool show_search(struct su_buf *out, struct su_bytes d)
{
    if (d.n < 28)
        return false;
    uint32_t parent = su_le32(d.p + 24);
    if (su_le32(d.p + 16) == 0)
        su_buf_printf(out, " locate %08" PRIx32, su_le32(d.p + 20));
    else
        su_buf_text(out, " search");
    if (su_le32(d.p + 16) != 0 && !show_text(out, (struct su_bytes){d.p + 28, d.n - 28}))
        return false;
    if (parent == 0)
        return true;
    return parent < d.n && show_device(out, (struct su_bytes){d.p + parent, d.n - parent});
}

/* One descriptor; what it shows wrongly, the way back tells. */
static bool show_device(struct su_buf *out, struct su_bytes d)
{
    if (d.n < 16)
        return false;
    uint32_t type = su_le32(d.p);
    if (type == 8)
        return show_search(out, d);
    if (type == 0)
        return show_local(out, d);
    if (d.n != 72 || (type != 5 && type != 6))
        return false;
    if (type == 5) {
        su_buf_text(out, " boot");
    } else if (su_le32(d.p + 36) == 0) {
        show_guid(out, " gpt ", d.p + 40, " ");
        show_guid(out, "", d.p + 16, "");
    } else {
        su_buf_printf(out, " mbr %08" PRIx32 " %" PRIu64, su_le32(d.p + 40), su_le64(d.p + 16));
    }
    return true;
}

static bool show_texts(struct su_buf *out, struct su_bytes d, bool quoted)
{
    unsigned extra = 0;
    while (d.n >= 2 && su_le16(d.p) != 0) {
        SU_BUF struct su_buf t = {0};
        su_utf16_to_utf8(d, true, &t);
        su_buf_printf(out, quoted ? " \"%s\"" : " %s", su_buf_str(&t));
        while (d.n >= 2 && su_le16(d.p) != 0)
            su_skip(&d, 2);
        su_skip(&d, d.n < 2 ? d.n : 2);
    }
    for (; d.n >= 2; extra++)
        su_skip(&d, 2);
    if (extra > (quoted ? 0 : 1))
        su_buf_printf(out, " +%u", extra);
    return true;
}

static bool show_value(struct su_buf *out, uint32_t id, struct su_bytes d)
{
    enum su_bcd_format f = su_bcd_format(id);
    if (f == SU_BCD_F_DEVICE && d.n < 32)
        return false;
    if (f == SU_BCD_F_DEVICE) {
        if (!su_all_zero(d.p, 16))
            show_guid(out, " options {", d.p, "}");
        return show_device(out, (struct su_bytes){d.p + 16, d.n - 16});
    }
    if (f == SU_BCD_F_STRING || f == SU_BCD_F_OBJECT || f == SU_BCD_F_OBJECTS)
        return show_texts(out, d, f == SU_BCD_F_STRING);
    if (f == SU_BCD_F_BOOLEAN)
        su_buf_text(out, d.n == 1 && d.p[0] == 1 ? " true" : " false");
    for (size_t i = 0; f != SU_BCD_F_BOOLEAN && i + 8 <= d.n; i += 8)
        su_buf_printf(out, f == SU_BCD_F_INTEGERS ? " %" PRIx64 : " %" PRIu64, su_le64(d.p + i));
    return true;
}

static void dump_element(struct su_buf *out, const struct su_bcd_element *x)
{
    SU_BUF struct su_buf text = {0}, back = {0};
    uint32_t type = 0;
    su_buf_printf(out, "  %08" PRIx32, x->id);
    bool good = show_value(&text, x->id, x->data) && text.n > 0;
    if (good)
        bcdtext_value(x->id, su_buf_str(&text), &type, &back);
    good = good && type == x->reg_type && back.n == x->data.n && memcmp(back.p, x->data.p, back.n) == 0;
    if (good)
        su_buf_text(out, su_buf_str(&text));
    else
        su_buf_printf(out, " hex %" PRIu32 " ", x->reg_type);
    for (size_t i = 0; !good && i < x->data.n; i++)
        su_buf_printf(out, "%02x", x->data.p[i]);
    su_buf_text(out, "\n");
}

void bcdtext_dump(const struct su_bcd *b, struct su_buf *out)
{
    const char *last = "";
    for (size_t round = 0; round < b->n; round++) {
        const struct su_bcd_object *o = NULL;
        for (size_t i = 0; i < b->n; i++)
            if (strcmp(b->object[i].guid, last) > 0 && (!o || strcmp(b->object[i].guid, o->guid) < 0))
                o = &b->object[i];
        if (!o)
            return;
        su_buf_printf(out, "%s %08" PRIx32 "\n", o->guid, o->type);
        last = o->guid;
        for (uint64_t from = 0; from <= UINT32_MAX;) {
            const struct su_bcd_element *x = NULL;
            for (size_t i = 0; i < o->n; i++)
                if (o->element[i].id >= from && (!x || o->element[i].id < x->id))
                    x = &o->element[i];
            if (!x)
                break;
            dump_element(out, x);
            from = (uint64_t)x->id + 1;
        }
    }
}
