/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads libvirt's XML: bounded, and without fetching anything. */
#include "upgrade/hv_xml.h"
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

xmlDocPtr su_hv_xml_doc(const char *text)
{
    size_t n = strlen(text);
    if (n > SU_DOMAIN_XML)
        return NULL;
    return xmlReadMemory(text, (int)n, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

xmlNodePtr su_hv_xml_child(xmlNodePtr node, const char *name)
{
    xmlNodePtr c = node ? node->children : NULL;
    while (c && (c->type != XML_ELEMENT_NODE || strcmp((const char *)c->name, name) != 0))
        c = c->next;
    return c;
}

static void copy(xmlChar *text, char *out, size_t cap)
{
    size_t n = text ? strlen((const char *)text) : 0;
    if (n >= cap)
        n = 0;
    if (n)
        memcpy(out, text, n);
    out[n] = 0;
    xmlFree(text);
}

void su_hv_xml_attr(xmlNodePtr node, const char *name, char *out, size_t cap)
{
    copy(node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL, out, cap);
}

bool su_hv_xml_attr_is(xmlNodePtr node, const char *name, const char *value)
{
    char text[64];
    su_hv_xml_attr(node, name, text, sizeof text);
    return strcmp(text, value) == 0;
}

void su_hv_xml_text(xmlNodePtr node, char *out, size_t cap)
{
    copy(node ? xmlNodeGetContent(node) : NULL, out, cap);
}

static void read_disk(xmlNodePtr node, struct su_hv_disk *out)
{
    xmlNodePtr source = su_hv_xml_child(node, "source");
    su_hv_xml_attr(su_hv_xml_child(node, "target"), "dev", out->target, sizeof out->target);
    su_hv_xml_attr(source, "index", out->index, sizeof out->index);
    su_hv_xml_attr(source, "file", out->source, sizeof out->source);
    if (!*out->source)
        su_hv_xml_attr(source, "dev", out->source, sizeof out->source);
}

int su_hv_disks_read(virDomainPtr dom, struct su_hv_disks *out, struct su_err *e)
{
    char *text SU_FREE = virDomainGetXMLDesc(dom, 0);
    if (!text)
        return su_hv_fail(e, "the XML", dom);
    xmlDocPtr doc = su_hv_xml_doc(text);
    struct su_hv_disks d = {.disk = calloc(SU_DOM_DISKS, sizeof *d.disk)};
    xmlNodePtr devices = doc ? su_hv_xml_child(xmlDocGetRootElement(doc), "devices") : NULL;
    if (!d.disk || !devices) {
        bool memory = !d.disk;
        su_hv_disks_done(&d);
        xmlFreeDoc(doc);
        return memory ? su_fail_nomem(e, SU_DOM_DISKS * sizeof *d.disk)
                      : su_fail(e, SU_E_FORMAT, "vm.xml", "libvirt's XML of the VM cannot be read");
    }
    for (xmlNodePtr c = devices->children; c && d.n < SU_DOM_DISKS; c = c->next)
        if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, "disk") == 0)
            read_disk(c, &d.disk[d.n++]);
    xmlFreeDoc(doc);
    *out = d;
    return 0;
}

void su_hv_disks_done(struct su_hv_disks *d)
{
    free(d->disk);
    d->disk = NULL;
    d->n = 0;
}
