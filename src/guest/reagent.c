/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/reagent.c - ReAgent.xml, read and rewritten in place.
 *
 * Whatever the encoding, the text is taken as UTF-8 and put back as it was.  libxml2 says what the elements are; a
 * small scanner finds where in the text they stand, and both must agree, element by element.  The result is read once
 * more before it counts. */
#include "reagent.h"
#include "disk/guid.h"
#include "utf16.h"
#include <inttypes.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CHILDREN = 256, GUID_BRACED = 38, NUMBER = 24 };
static const char bom[] = "\xEF\xBB\xBF";

static int damaged(struct su_err *e, const char *why)
{
    return su_fail(e, SU_E_FORMAT, "reagent.damaged", "ReAgent.xml cannot be used: %s", why);
}

/* Text -------------------------------------------------------------------- */

static bool is_utf16(struct su_bytes text)
{
    return text.n >= 2 && ((text.p[0] == 0xFF && text.p[1] == 0xFE) || (text.p[0] == '<' && text.p[1] == 0));
}

static int to_utf8(struct su_bytes text, struct su_buf *out, struct su_err *e)
{
    if (text.n > SU_REAGENT_MAX)
        return damaged(e, "it is too long");
    if (is_utf16(text) && text.n % 2 != 0)
        return damaged(e, "it ends inside a character");
    if (is_utf16(text))
        su_utf16_to_utf8(text, false, out);
    else
        su_buf_add(out, text.p, text.n);
    if (su_buf_ok(out, e) < 0)
        return -1;
    if (out->n == 0 || memchr(out->p, 0, out->n))
        return damaged(e, "it is no text");
    /* entities and their declarations have no place in it, and much room for mischief */
    if (strstr(su_buf_str(out), "<!DOCTYPE") || strstr(su_buf_str(out), "<!ENTITY"))
        return damaged(e, "it has a document type");
    return 0;
}

static void free_docp(xmlDoc **doc)
{
    xmlFreeDoc(*doc);
}

static xmlDoc *parse(const struct su_buf *text, struct su_err *e)
{
    size_t skip = strncmp(su_buf_str(text), bom, 3) == 0 ? 3 : 0;
    int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC;
    xmlDoc *doc = xmlReadMemory((const char *)text->p + skip, (int)(text->n - skip), "ReAgent.xml", "UTF-8", options);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    if (root && strcmp((const char *)root->name, "WindowsRE") == 0 && !doc->intSubset)
        return doc;
    damaged(e, doc ? "it is another document" : "it is not well-formed");
    xmlFreeDoc(doc);
    return NULL;
}

/* Where things stand ------------------------------------------------------ */

enum attr { A_ID, A_OFFSET, A_GUID, A_PATH, N_ATTRS };
static const char *const attr_name[N_ATTRS] = {"id", "offset", "guid", "path"};

struct place {
    size_t at, n; /* of the value, without its quotes; at 0: there is none */
};

/* A start tag. */
struct tag {
    size_t name, name_n;
    struct place attr[N_ATTRS];
    bool closed; /* "/>" */
};

struct scan {
    const char *s; /* well-formed, says libxml2 */
    size_t n, at;
    int depth;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t past(const struct scan *x, size_t at, const char *end)
{
    const char *p = strstr(x->s + at, end);
    return p ? (size_t)(p - x->s) + strlen(end) : x->n;
}

static size_t name_end(const struct scan *x, size_t at)
{
    while (at < x->n && !is_space(x->s[at]) && !strchr("=/>", x->s[at]))
        at++;
    return at;
}

static size_t spaces_end(const struct scan *x, size_t at)
{
    while (at < x->n && is_space(x->s[at]))
        at++;
    return at;
}

/* One attribute, its name at *at; false: it is none. */
static bool scan_attr(const struct scan *x, size_t *at, struct tag *t)
{
    size_t name = *at, end = name_end(x, name), quote = spaces_end(x, end);
    if (end == name || quote >= x->n || x->s[quote] != '=')
        return false;
    quote = spaces_end(x, quote + 1);
    if (quote >= x->n || (x->s[quote] != '"' && x->s[quote] != '\''))
        return false;
    const char *close = memchr(x->s + quote + 1, x->s[quote], x->n - quote - 1);
    if (!close)
        return false;
    for (size_t i = 0; i < N_ATTRS; i++)
        if (strlen(attr_name[i]) == end - name && memcmp(x->s + name, attr_name[i], end - name) == 0)
            t->attr[i] = (struct place){quote + 1, (size_t)(close - x->s) - quote - 1};
    *at = spaces_end(x, (size_t)(close - x->s) + 1);
    return true;
}

static bool scan_tag(struct scan *x, struct tag *t)
{
    *t = (struct tag){.name = x->at + 1};
    size_t at = name_end(x, t->name);
    t->name_n = at - t->name;
    at = spaces_end(x, at);
    while (at < x->n && x->s[at] != '/' && x->s[at] != '>')
        if (!scan_attr(x, &at, t))
            return false;
    t->closed = at < x->n && x->s[at] == '/';
    x->at = at + t->closed + 1;
    return x->at <= x->n;
}

/* The next child of the root; false: there is no more. */
static bool scan_child(struct scan *x, struct tag *t)
{
    static const struct {
        const char *start, *end;
    } skip[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"</", ">"}};
    while (x->at < x->n) {
        const char *p = strchr(x->s + x->at, '<');
        size_t i = 0;
        if (!p)
            return false;
        x->at = (size_t)(p - x->s);
        while (i < SU_ARRAY_LEN(skip) && strncmp(p, skip[i].start, strlen(skip[i].start)) != 0)
            i++;
        if (i < SU_ARRAY_LEN(skip)) {
            x->depth -= p[1] == '/';
            x->at = past(x, x->at + strlen(skip[i].start), skip[i].end);
            continue;
        }
        if (!scan_tag(x, t))
            return false;
        bool child = x->depth == 1;
        x->depth += !t->closed;
        if (child)
            return true;
    }
    return false;
}

static const xmlNode *element_from(const xmlNode *n)
{
    while (n && n->type != XML_ELEMENT_NODE)
        n = n->next;
    return n;
}

/* libxml2 and the scanner speak of the same element. */
static bool same_element(const struct scan *x, const struct tag *t, const xmlNode *n)
{
    size_t len = strlen((const char *)n->name);
    return !n->ns && len == t->name_n && memcmp(x->s + t->name, n->name, len) == 0;
}

/* Values ------------------------------------------------------------------ */

static void free_xmlp(xmlChar **p)
{
    xmlFree(*p);
}

/* An attribute's value, "" when it has none, or a longer one. */
static const char *value(const xmlNode *n, const char *name, char *out, size_t cap)
{
    xmlChar *v SU_AUTO(free_xmlp) = xmlGetNoNsProp(n, (const xmlChar *)name);
    snprintf(out, cap, "%s", v && strlen((const char *)v) < cap ? (const char *)v : "");
    return out;
}

/* Digits alone, no sign, no blanks; false: no number, or a larger one. */
static bool number(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    if (!*s || strlen(s) > 19)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *out = v;
    return true;
}

/* A signature in decimal; a negative one is the same 32 bits read as a signed number. */
static bool signature(const char *s, uint32_t *out)
{
    uint64_t v = 0;
    bool negative = *s == '-';
    if (!number(s + negative, &v) || v > UINT32_MAX || (negative && v > UINT32_C(1) << 31))
        return false;
    *out = negative ? (uint32_t)(0 - v) : (uint32_t)v;
    return true;
}

static bool guid_value(const char *s, uint8_t out[16])
{
    struct su_err ignored = {0};
    bool braced = s[0] == '{' && strlen(s) == GUID_BRACED && s[GUID_BRACED - 1] == '}';
    return su_guid_parse(s + braced, braced ? GUID_BRACED - 2 : strlen(s), out, &ignored) == 0;
}

struct location {
    char path[512];
    uint32_t id;
    uint64_t offset;
    uint8_t guid[16];
};

/* False: the element is no location, or one that makes no sense. */
static bool location(const xmlNode *n, struct location *l)
{
    char id[NUMBER], offset[NUMBER], guid[NUMBER + GUID_BRACED];
    value(n, "path", l->path, sizeof l->path);
    return signature(value(n, "id", id, sizeof id), &l->id) &&
           number(value(n, "offset", offset, sizeof offset), &l->offset) &&
           guid_value(value(n, "guid", guid, sizeof guid), l->guid);
}

/* Rewriting --------------------------------------------------------------- */

static bool to_be_changed(const struct location *l, const struct su_winmap *m, bool back)
{
    if (back)
        return memcmp(l->guid, m->disk_guid, sizeof l->guid) == 0;
    if (!su_all_zero(l->guid, sizeof l->guid))
        return false;
    if (l->id != 0)
        return l->id == m->signature;
    return *l->path && su_winmap_by_offset(m, m->signature, l->offset) != NULL;
}

/* The attribute as it stands is what libxml2 reads: no references in it. */
static bool plain(const struct scan *x, const struct place *p, const xmlNode *n, const char *name)
{
    char v[64];
    value(n, name, v, sizeof v);
    return p->at > 0 && strlen(v) == p->n && memcmp(x->s + p->at, v, p->n) == 0;
}

struct rewriting {
    const struct scan *x;
    const struct su_winmap *m;
    bool back;
    struct su_buf *out;
    size_t copied; /* of the text, so far */
};

static void put_value(struct rewriting *r, const struct place *p, const char *v)
{
    su_buf_add(r->out, r->x->s + r->copied, p->at - r->copied);
    su_buf_text(r->out, v);
    r->copied = p->at + p->n;
}

static int rewrite_location(struct rewriting *r, const struct tag *t, const xmlNode *n, struct su_err *e)
{
    static const uint8_t none[16];
    const struct place *id = &t->attr[A_ID], *guid = &t->attr[A_GUID];
    char id_text[NUMBER], guid_text[SU_GUID_TEXT], braced[SU_GUID_TEXT + 2];
    if (!plain(r->x, id, n, "id") || !plain(r->x, guid, n, "guid"))
        return damaged(e, "a location is written in an unusual way");
    snprintf(id_text, sizeof id_text, "%" PRIu32, r->back ? r->m->signature : 0);
    su_guid_text(r->back ? none : r->m->disk_guid, guid_text);
    bool has_braces = r->x->s[guid->at] == '{';
    snprintf(braced, sizeof braced, has_braces ? "{%s}" : "%s", guid_text);
    if (id->at < guid->at) {
        put_value(r, id, id_text);
        put_value(r, guid, braced);
    } else {
        put_value(r, guid, braced);
        put_value(r, id, id_text);
    }
    return 0;
}

/* One pass over the elements; out gets the text with what is to be changed. */
static int rewrite(const struct su_buf *text, const struct su_winmap *m, bool back, struct su_buf *out,
                   unsigned *changed, struct su_err *e)
{
    xmlDoc *doc SU_AUTO(free_docp) = parse(text, e);
    if (!doc)
        return -1;
    struct scan x = {su_buf_str(text), text->n, 0, 0};
    struct rewriting r = {.x = &x, .m = m, .back = back, .out = out};
    const xmlNode *n = element_from(xmlDocGetRootElement(doc)->children);
    struct tag t;
    unsigned count = 0;
    *changed = 0;
    for (; scan_child(&x, &t); n = element_from(n->next)) {
        struct location l;
        if (++count > MAX_CHILDREN)
            return damaged(e, "it has too many elements");
        if (!n || !same_element(&x, &t, n))
            return damaged(e, "its elements are written in an unusual way");
        if (!location(n, &l) || !to_be_changed(&l, m, back))
            continue;
        if (rewrite_location(&r, &t, n, e) < 0)
            return -1;
        ++*changed;
    }
    if (n)
        return damaged(e, "its elements are written in an unusual way");
    su_buf_add(out, x.s + r.copied, x.n - r.copied);
    return su_buf_ok(out, e);
}

int su_reagent_rewrite(struct su_bytes text, const struct su_winmap *m, bool back, struct su_buf *out,
                       unsigned *changed, struct su_err *e)
{
    SU_BUF struct su_buf before = {0}, after = {0}, again = {0};
    unsigned n = 0, more = 0;
    if (to_utf8(text, &before, e) < 0 || rewrite(&before, m, back, &after, &n, e) < 0)
        return -1;
    if (n > 0 && rewrite(&after, m, back, &again, &more, e) < 0)
        return -1;
    if (more > 0)
        return damaged(e, "its locations are written in an unusual way");
    if (n == 0)
        su_buf_add(out, text.p, text.n);
    else if (!is_utf16(text))
        su_buf_add(out, after.p, after.n);
    else if (su_utf8_to_utf16(su_buf_str(&after), after.n, out, e) < 0)
        return -1;
    if (su_buf_ok(out, e) < 0)
        return -1;
    *changed = n;
    return 0;
}

/* Reading ----------------------------------------------------------------- */

static void read_element(const xmlNode *n, struct su_reagent *r)
{
    char v[64];
    struct location l;
    uint8_t guid[16];
    const char *name = (const char *)n->name;
    if (strcmp(name, "InstallState") == 0) {
        r->enabled = strcmp(value(n, "state", v, sizeof v), "1") == 0;
    } else if (strcmp(name, "WinreBCD") == 0 && guid_value(value(n, "id", v, sizeof v), guid)) {
        char text[SU_GUID_TEXT];
        su_guid_text(guid, text);
        snprintf(r->bcd_guid, sizeof r->bcd_guid, "{%s}", text);
    } else if (strcmp(name, "WinreLocation") == 0 && location(n, &l)) {
        value(n, "path", r->path, sizeof r->path);
        r->offset = l.offset;
        r->id = l.id;
        memcpy(r->guid, l.guid, sizeof r->guid);
    }
}

int su_reagent_read(struct su_bytes text, struct su_reagent *out, struct su_err *e)
{
    SU_BUF struct su_buf utf8 = {0};
    struct su_reagent r = {0};
    if (to_utf8(text, &utf8, e) < 0)
        return -1;
    xmlDoc *doc SU_AUTO(free_docp) = parse(&utf8, e);
    if (!doc)
        return -1;
    for (const xmlNode *n = element_from(xmlDocGetRootElement(doc)->children); n; n = element_from(n->next))
        read_element(n, &r);
    *out = r;
    return 0;
}
