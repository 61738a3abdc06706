/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether two definitions mean the same VM. */
#include "domain_int.h"
#include <string.h>

/* What does not count: surety's own record, names that libvirt gives by itself, an empty <metadata>. */
static bool counts(const xmlNode *n)
{
    if (n->type == XML_TEXT_NODE)
        return !xmlIsBlankNode((xmlNode *)n);
    if (n->type != XML_ELEMENT_NODE || su_dx_in(n, SU_UPGRADE_NS))
        return false;
    if (su_dx_named(n, "alias")) {
        char name[8];
        su_dx_attr(n, "name", name, sizeof name);
        return strncmp(name, "ua-", 3) == 0; /* the user's own */
    }
    if (!su_dx_named(n, "metadata"))
        return true;
    for (const xmlNode *c = n->children; c; c = c->next)
        if (counts(c))
            return true;
    return false;
}

static const xmlNode *counting(const xmlNode *n)
{
    while (n && !counts(n))
        n = n->next;
    return n;
}

static bool same_text(const xmlChar *a, const xmlChar *b)
{
    return xmlStrEqual(a ? a : (const xmlChar *)"", b ? b : (const xmlChar *)"");
}

static bool same_ns(const xmlNs *a, const xmlNs *b)
{
    return same_text(a ? a->href : NULL, b ? b->href : NULL);
}

static bool skipped(const xmlAttr *a)
{
    return !a->parent->parent->parent && xmlStrEqual(a->name, (const xmlChar *)"id"); /* of a running domain */
}

/* Every attribute of a is one of b. */
static bool within(const xmlNode *a, const xmlNode *b)
{
    for (xmlAttr *p = a->properties; p; p = p->next) {
        const xmlChar *href = p->ns ? p->ns->href : NULL;
        xmlChar *v = href ? xmlGetNsProp((xmlNode *)a, p->name, href) : xmlGetNoNsProp((xmlNode *)a, p->name);
        xmlChar *w = href ? xmlGetNsProp((xmlNode *)b, p->name, href) : xmlGetNoNsProp((xmlNode *)b, p->name);
        bool same = skipped(p) || (v && w && xmlStrEqual(v, w));
        xmlFree(v);
        xmlFree(w);
        if (!same)
            return false;
    }
    return true;
}

static bool same_node(const xmlNode *a, const xmlNode *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == XML_TEXT_NODE)
        return same_text(a->content, b->content);
    if (!xmlStrEqual(a->name, b->name) || !same_ns(a->ns, b->ns) || !within(a, b) || !within(b, a))
        return false;
    const xmlNode *c = counting(a->children), *d = counting(b->children);
    while (c && d && same_node(c, d)) { /* as deep as the parser lets a tree be: 256 */
        c = counting(c->next);
        d = counting(d->next);
    }
    return !c && !d;
}

int su_domain_same(struct su_bytes a, struct su_bytes b, bool *same, struct su_err *e)
{
    xmlDoc *x SU_DX_DOC = su_dx_read(a, e);
    xmlDoc *y SU_DX_DOC = x ? su_dx_read(b, e) : NULL;
    if (!x || !y)
        return -1;
    *same = same_node(xmlDocGetRootElement(x), xmlDocGetRootElement(y));
    return 0;
}
