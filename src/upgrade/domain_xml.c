/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and editing a domain's tree.  libvirt checked the form of what it printed, but names, metadata and paths come
 * from whoever may define domains. */
#include "domain_int.h"
#include <ctype.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlsave.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void su_dx_free(xmlDoc **doc)
{
    if (*doc)
        xmlFreeDoc(*doc);
}

static bool is_text(const xmlNode *n, bool blank)
{
    return n->type == XML_TEXT_NODE && (xmlIsBlankNode((xmlNode *)n) != 0) == blank;
}

/* Drops the white space between elements, so that writing can indent anew, and empty texts.  The parser's own way
 * keeps some of it, and a text written twice would not be the same.  As deep as the parser lets a tree be: 256. */
static void drop_blanks(xmlNode *of)
{
    bool mixed = false, leaf = true;
    for (const xmlNode *n = of->children; n; n = n->next) {
        mixed |= is_text(n, false);
        leaf &= n->type == XML_TEXT_NODE;
    }
    for (xmlNode *n = of->children, *next; n; n = next) {
        next = n->next;
        if (is_text(n, true) && ((!mixed && !leaf) || !n->content || !*n->content))
            su_dx_drop(n);
        else if (n->type == XML_ELEMENT_NODE)
            drop_blanks(n);
    }
}

xmlDoc *su_dx_read(struct su_bytes xml, struct su_err *e)
{
    if (xml.n == 0 || xml.n > SU_DOMAIN_XML) {
        su_fail(e, SU_E_RANGE, "vm.xml-size", "the domain's XML has %zu bytes", xml.n);
        return NULL;
    }
    /* Before the parser sees it: no entities.  Escaped text cannot hold these characters. */
    if (memmem(xml.p, xml.n, "<!DOCTYPE", 9) || memchr(xml.p, 0, xml.n)) {
        su_fail(e, SU_E_FORMAT, "vm.xml", "the domain's XML has a document type declaration or a NUL byte");
        return NULL;
    }
    xmlDoc *doc SU_DX_DOC =
        xmlReadMemory((const char *)xml.p, (int)xml.n, "domain.xml", "UTF-8",
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!root || doc->intSubset || !su_dx_named(root, "domain")) {
        su_fail(e, SU_E_FORMAT, "vm.xml", root ? "this is not a domain's XML" : "the domain's XML cannot be parsed");
        return NULL;
    }
    drop_blanks(root);
    return su_steal(&doc);
}

bool su_dx_in(const xmlNode *n, const char *href)
{
    return n->ns ? href && n->ns->href && strcmp((const char *)n->ns->href, href) == 0 : href == NULL;
}

bool su_dx_named(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0 && su_dx_in(n, NULL);
}

static xmlNode *first_named(xmlNode *n, const char *name)
{
    while (n && !su_dx_named(n, name))
        n = n->next;
    return n;
}

xmlNode *su_dx_child(const xmlNode *of, const char *name)
{
    return of ? first_named(of->children, name) : NULL;
}

xmlNode *su_dx_next(const xmlNode *n, const char *name)
{
    return first_named(n->next, name);
}

xmlNode *su_dx_path(const xmlNode *of, const char *a, const char *b)
{
    return su_dx_child(su_dx_child(of, a), b);
}

/* XML has no control characters below blank but three; those of 0x7F to 0x9F it has. */
static bool shown(const unsigned char *s)
{
    return s[0] >= 0x20 && s[0] != 0x7F && !(s[0] == 0xC2 && s[1] < 0xA0);
}

static void copy_text(char *out, size_t cap, const char *text, size_t n)
{
    size_t len = n < cap ? n : cap - 1;
    while (len < n && len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) /* not in the middle of a character */
        len--;
    memcpy(out, text, len);
    out[len] = 0;
    for (char *s = out; *s; s++)
        if (!shown((const unsigned char *)s)) {
            if ((unsigned char)*s == 0xC2)
                s[1] = '?';
            *s = '?';
        }
}

static void copy_path(char *out, size_t cap, const char *text)
{
    bool good = text[0] == '/' && strlen(text) < cap;
    for (const char *s = text; good && *s; s++)
        good = shown((const unsigned char *)s);
    snprintf(out, cap, "%s", good ? text : "");
}

static xmlChar *get(const xmlNode *n, const char *name)
{
    return n ? xmlGetNoNsProp((xmlNode *)n, (const xmlChar *)name) : NULL;
}

bool su_dx_attr(const xmlNode *n, const char *name, char *out, size_t cap)
{
    xmlChar *v = get(n, name);
    copy_text(out, cap, v ? (const char *)v : "", v ? strlen((const char *)v) : 0);
    xmlFree(v);
    return v != NULL;
}

bool su_dx_is(const xmlNode *n, const char *name, const char *value)
{
    xmlChar *v = get(n, name);
    bool same = v && strcmp((const char *)v, value) == 0;
    xmlFree(v);
    return same;
}

void su_dx_attr_path(const xmlNode *n, const char *name, char *out, size_t cap)
{
    xmlChar *v = get(n, name);
    copy_path(out, cap, v ? (const char *)v : "");
    xmlFree(v);
}

/* The trimmed text of n, in *owned. */
static struct su_bytes trimmed(const xmlNode *n, xmlChar **owned)
{
    xmlChar *v = *owned = n ? xmlNodeGetContent(n) : NULL;
    size_t len = v ? strlen((const char *)v) : 0;
    while (len && strchr(" \t\r\n", v[len - 1]))
        len--;
    while (len && strchr(" \t\r\n", *v))
        v++, len--;
    if (*owned)
        v[len] = 0;
    return (struct su_bytes){v, len};
}

void su_dx_text(const xmlNode *n, char *out, size_t cap)
{
    xmlChar *owned;
    struct su_bytes t = trimmed(n, &owned);
    copy_text(out, cap, t.p ? (const char *)t.p : "", t.n);
    xmlFree(owned);
}

void su_dx_text_path(const xmlNode *n, char *out, size_t cap)
{
    xmlChar *owned;
    struct su_bytes t = trimmed(n, &owned);
    copy_path(out, cap, t.p ? (const char *)t.p : "");
    xmlFree(owned);
}

enum su_tri su_dx_yes(const xmlNode *n, const char *name)
{
    return su_dx_is(n, name, "yes") ? SU_YES : su_dx_is(n, name, "no") ? SU_NO : SU_UNKNOWN;
}

uint32_t su_dx_number(const xmlNode *n, const char *name, uint32_t max, uint32_t fallback)
{
    char text[24], *end;
    su_dx_attr(n, name, text, sizeof text);
    if (text[0] < '0' || text[0] > '9')
        return fallback;
    errno = 0;
    unsigned long long v = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
    return errno == 0 && *end == 0 && v <= max ? (uint32_t)v : fallback;
}

bool su_dx_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list != NULL;
}

xmlNode *su_dx_feature(const xmlNode *os, const char *name)
{
    xmlNode *f = su_dx_path(os, "firmware", "feature");
    while (f && !su_dx_is(f, "name", name))
        f = su_dx_next(f, "feature");
    return f;
}

uint32_t su_dx_disk_index(const char *target, const char *prefix)
{
    size_t skip = strlen(prefix), n = strlen(target);
    uint32_t i = 0;
    if (strncmp(target, prefix, skip) != 0 || n == skip || n > skip + 4)
        return UINT32_MAX;
    for (const char *s = target + skip; *s; s++) {
        if (*s < 'a' || *s > 'z')
            return UINT32_MAX;
        i = i * 26 + (uint32_t)(*s - 'a') + 1;
    }
    return i - 1;
}

void su_dx_disk_name(const char *prefix, uint32_t i, char out[16])
{
    char letters[8];
    size_t at = sizeof letters - 1;
    letters[at] = 0;
    for (i++; i && at > 0; i = (i - 1) / 26)
        letters[--at] = (char)('a' + (i - 1) % 26);
    snprintf(out, 16, "%s%s", prefix, letters + at);
}

struct su_dx_pci su_dx_pci(const xmlNode *device)
{
    const xmlNode *a = su_dx_child(device, "address");
    struct su_dx_pci at = {.has = a && su_dx_is(a, "type", "pci")};
    if (!at.has)
        return at;
    at.domain = su_dx_number(a, "domain", 0xFFFF, 0);
    at.bus = su_dx_number(a, "bus", 0xFF, 0);
    at.slot = su_dx_number(a, "slot", 0x1F, 0);
    at.function = su_dx_number(a, "function", 7, 0);
    at.has = at.domain || at.bus || at.slot || at.function || su_dx_is(a, "slot", "0x00");
    return at; /* <address type='pci'/> alone: libvirt is to choose */
}

bool su_dx_passthrough_nic(const xmlNode *interface)
{
    return su_dx_is(interface, "type", "hostdev");
}

static bool only_blanks(const xmlNode *of)
{
    const xmlNode *n = of->children;
    while (n && is_text(n, true))
        n = n->next;
    return !n;
}

/* Editing ------------------------------------------------------------------ */

xmlNode *su_dx_add(struct su_dx *x, xmlNode *parent, const char *name)
{
    xmlNode *n = parent ? xmlNewDocNode(x->doc, NULL, (const xmlChar *)name, NULL) : NULL;
    while (n && parent->children && only_blanks(parent)) /* not alone any more: see drop_blanks() */
        su_dx_drop(parent->children);
    if (!n || !xmlAddChild(parent, n)) {
        x->failed = true;
        xmlFreeNode(n);
        return NULL;
    }
    return n;
}

xmlNode *su_dx_ensure(struct su_dx *x, xmlNode *parent, const char *name)
{
    xmlNode *n = su_dx_child(parent, name);
    return n ? n : su_dx_add(x, parent, name);
}

void su_dx_set(struct su_dx *x, xmlNode *n, const char *name, const char *value)
{
    if (!n || !xmlSetProp(n, (const xmlChar *)name, (const xmlChar *)value))
        x->failed = true;
}

void su_dx_set_text(struct su_dx *x, xmlNode *n, const char *text)
{
    xmlNode *t = n ? xmlNewDocText(x->doc, (const xmlChar *)text) : NULL;
    if (!t) {
        x->failed = true;
        return;
    }
    while (n->children)
        su_dx_drop(n->children);
    if (!xmlAddChild(n, t)) {
        xmlFreeNode(t);
        x->failed = true;
    }
}

void su_dx_drop(xmlNode *n)
{
    if (n) {
        xmlUnlinkNode(n);
        xmlFreeNode(n);
    }
}

void su_dx_drop_all(xmlNode *parent, const char *name)
{
    for (xmlNode *n = su_dx_child(parent, name), *next; n; n = next) {
        next = su_dx_next(n, name);
        su_dx_drop(n);
    }
}

void su_dx_drop_attr(xmlNode *n, const char *name)
{
    xmlUnsetProp(n, (const xmlChar *)name);
}

void su_dx_set_pci(struct su_dx *x, xmlNode *device, struct su_dx_pci at, bool multifunction)
{
    char text[16];
    su_dx_drop_all(device, "address");
    xmlNode *a = su_dx_add(x, device, "address");
    su_dx_set(x, a, "type", "pci");
    snprintf(text, sizeof text, "0x%04x", at.domain);
    su_dx_set(x, a, "domain", text);
    snprintf(text, sizeof text, "0x%02x", at.bus);
    su_dx_set(x, a, "bus", text);
    snprintf(text, sizeof text, "0x%02x", at.slot);
    su_dx_set(x, a, "slot", text);
    snprintf(text, sizeof text, "0x%x", at.function);
    su_dx_set(x, a, "function", text);
    if (multifunction)
        su_dx_set(x, a, "multifunction", "on");
}

/* One element a line, indented by two blanks, as libvirt does it. */
int su_dx_write(const struct su_dx *x, struct su_buf *out, struct su_err *e)
{
    xmlBuffer *b = x->failed ? NULL : xmlBufferCreate();
    xmlSaveCtxt *save = b ? xmlSaveToBuffer(b, "UTF-8", XML_SAVE_NO_DECL | XML_SAVE_FORMAT) : NULL;
    long rc = save ? xmlSaveTree(save, xmlDocGetRootElement(x->doc)) : -1;
    if (save && xmlSaveClose(save) < 0)
        rc = -1;
    size_t n = b ? (size_t)xmlBufferLength(b) : 0, before = out->n;
    int r = 0;
    if (rc < 0 || n == 0) {
        r = su_fail_nomem(e, n);
    } else if (n >= SU_DOMAIN_XML) {
        r = su_fail(e, SU_E_RANGE, "vm.xml-size", "the new XML of the domain would have %zu bytes", n);
    } else {
        su_buf_add(out, xmlBufferContent(b), n);
        su_buf_text(out, "\n");
        r = su_buf_ok(out, e);
        if (r < 0)
            out->n = before;
    }
    if (b)
        xmlBufferFree(b);
    return r;
}

void su_dx_note(struct su_dx *x, const char *id, bool lost, const char *fmt, ...)
{
    va_list ap;
    if (!x->notes || x->notes->n == SU_NOTES_MAX)
        return;
    unsigned i = x->notes->n++;
    x->notes->note[i].id = id;
    x->notes->note[i].lost = lost;
    va_start(ap, fmt);
    vsnprintf(x->notes->note[i].text, sizeof x->notes->note[i].text, fmt, ap);
    va_end(ap);
}
