/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libvirt's XML and the output of "ip -j" say about the legacy network. */
#include "legacy_plan.h"
#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_XML = 8 << 20 };

static void doc_freep(xmlDoc **d)
{
    xmlFreeDoc(*d);
}
#define XML_DOC SU_AUTO(doc_freep)

static int parse(const char *xml, xmlDoc **out, struct su_err *e)
{
    size_t n = strlen(xml);
    xmlDoc *d = n > MAX_XML ? NULL
                            : xmlReadMemory(xml, (int)n, "libvirt.xml", NULL,
                                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!d || !xmlDocGetRootElement(d)) {
        xmlFreeDoc(d);
        return su_fail(e, SU_E_FORMAT, "legacy.xml", "libvirt's XML cannot be read");
    }
    *out = d;
    return 0;
}

static bool named(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

static xmlNode *child(const xmlNode *n, const char *name)
{
    for (xmlNode *c = n ? n->children : NULL; c; c = c->next)
        if (named(c, name))
            return c;
    return NULL;
}

/* "" when there is no such element or attribute; borrowed. */
static const char *attr(const xmlNode *n, const char *name)
{
    for (const xmlAttr *a = n ? n->properties : NULL; a; a = a->next)
        if (strcmp((const char *)a->name, name) == 0)
            return a->children && a->children->content ? (const char *)a->children->content : "";
    return "";
}

static const char *text(const xmlNode *n)
{
    return n && n->children && n->children->content ? (const char *)n->children->content : "";
}

static void copy(char *to, size_t cap, const char *from)
{
    snprintf(to, cap, "%s", from);
}

/* Domains -----------------------------------------------------------------------------------------------------------
 */

static bool granted(const xmlNode *domain)
{
    const xmlNode *m = child(domain, "metadata");
    for (const xmlNode *c = m ? m->children : NULL; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && c->ns && c->ns->href &&
            strcmp((const char *)c->ns->href, SU_LEGACY_METADATA) == 0)
            return true;
    return false;
}

static bool on_network(const xmlNode *interface)
{
    return strcmp(attr(child(interface, "source"), "network"), SU_LEGACY_NAME) == 0;
}

/* Buses and slots that are taken, as the addresses of a running domain tell. */
struct pci {
    bool taken[256];     /* a bus has a device */
    bool slot[32];       /* of bus 0 */
    bool bridge;         /* pci-bridge or the like: room we do not count */
    unsigned ports[256]; /* buses behind a pcie-root-port */
    unsigned n_ports;
};

static void walk_pci(const xmlNode *devices, struct pci *p)
{
    for (const xmlNode *d = devices ? devices->children : NULL; d; d = d->next) {
        const xmlNode *a = child(d, "address");
        if (a && strcmp(attr(a, "type"), "pci") == 0) {
            unsigned long bus = strtoul(attr(a, "bus"), NULL, 16), slot = strtoul(attr(a, "slot"), NULL, 16);
            p->taken[bus & 255] = true;
            if (bus == 0)
                p->slot[slot & 31] = true;
        }
        if (!named(d, "controller") || strcmp(attr(d, "type"), "pci") != 0)
            continue;
        const char *model = attr(d, "model");
        if (strcmp(model, "pcie-root-port") == 0 && p->n_ports < SU_ARRAY_LEN(p->ports))
            p->ports[p->n_ports++] = (unsigned)strtoul(attr(d, "index"), NULL, 10) & 255;
        else if (strcmp(model, "pci-bridge") == 0 || strcmp(model, "pcie-switch-downstream-port") == 0)
            p->bridge = true;
    }
}

static const char *no_hotplug(const xmlNode *domain)
{
    const char *machine = attr(child(child(domain, "os"), "type"), "machine");
    bool q35 = strstr(machine, "q35") != NULL;
    bool i440fx = strncmp(machine, "pc-i440fx", 9) == 0 || strcmp(machine, "pc") == 0;
    struct pci p = {0};
    walk_pci(child(domain, "devices"), &p);
    if (i440fx) {
        if (!child(child(domain, "features"), "acpi"))
            return "an i440fx machine without ACPI takes no devices while it runs";
        for (size_t i = 1; i < SU_ARRAY_LEN(p.slot); i++)
            if (!p.slot[i])
                return NULL;
        return p.bridge ? NULL : "every PCI slot of its i440fx machine is taken";
    }
    if (q35 && !p.bridge) {
        for (unsigned i = 0; i < p.n_ports; i++)
            if (!p.taken[p.ports[i]])
                return NULL;
        return "its q35 machine has no free PCIe root port";
    }
    return strcmp(machine, "microvm") == 0 ? "a microvm takes no devices while it runs" : NULL;
}

static bool plain_word(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static void read_interfaces(const xmlNode *devices, struct su_legacy_dom *d)
{
    for (const xmlNode *i = devices ? devices->children : NULL; i; i = i->next) {
        if (!named(i, "interface"))
            continue;
        const char *model = attr(child(i, "model"), "type");
        if (!*d->model && !on_network(i) && plain_word(model))
            copy(d->model, sizeof d->model, model);
        if (!on_network(i))
            continue;
        d->interfaces++;
        copy(d->dev, sizeof d->dev, attr(child(i, "target"), "dev"));
        copy(d->mac, sizeof d->mac, attr(child(i, "mac"), "address"));
        d->filtered = strcmp(attr(child(i, "filterref"), "filter"), SU_LEGACY_NAME) == 0;
    }
    if (!*d->model)
        copy(d->model, sizeof d->model, "virtio");
}

int su_legacy_dom_read(const char *xml, struct su_legacy_dom *out, struct su_err *e)
{
    XML_DOC xmlDoc *doc = NULL;
    if (parse(xml, &doc, e) < 0)
        return -1;
    const xmlNode *root = xmlDocGetRootElement(doc);
    struct su_legacy_dom d = {.granted = granted(root), .no_hotplug = no_hotplug(root)};
    copy(d.uuid, sizeof d.uuid, text(child(root, "uuid")));
    copy(d.name, sizeof d.name, text(child(root, "name")));
    if (!su_uuid_valid(d.uuid))
        return su_fail(e, SU_E_FORMAT, "legacy.xml", "libvirt's XML of a domain has no UUID");
    read_interfaces(child(root, "devices"), &d);
    char dev[SU_LEGACY_DEV], mac[SU_LEGACY_MAC];
    su_legacy_dev_of(d.uuid, dev);
    su_legacy_mac_of(d.uuid, mac);
    d.right = d.interfaces == 1 && d.filtered && strcmp(d.dev, dev) == 0 && strcmp(d.mac, mac) == 0;
    *out = d;
    return 0;
}

int su_legacy_dom_cards(const char *xml, su_legacy_card each, void *arg, struct su_err *e)
{
    XML_DOC xmlDoc *doc = NULL;
    if (parse(xml, &doc, e) < 0)
        return -1;
    const xmlNode *devices = child(xmlDocGetRootElement(doc), "devices");
    for (const xmlNode *i = devices ? devices->children : NULL; i; i = i->next)
        if (named(i, "interface"))
            each(arg, attr(child(i, "target"), "dev"), on_network(i) ? attr(child(i, "mac"), "address") : "");
    return 0;
}

/* Networks and filters ----------------------------------------------------------------------------------------------
 */

static const char *wrong_ips(const xmlNode *net)
{
    unsigned imds = 0, hci = 0, other = 0, dhcp = 0;
    for (const xmlNode *c = net->children; c; c = c->next) {
        if (!named(c, "ip"))
            continue;
        bool prefix = strcmp(attr(c, "prefix"), "16") == 0 || strcmp(attr(c, "netmask"), "255.255.0.0") == 0;
        bool is_imds = strcmp(attr(c, "address"), SU_LEGACY_IP_IMDS) == 0 && prefix;
        bool is_hci = strcmp(attr(c, "address"), SU_LEGACY_IP_HCI) == 0 && prefix;
        imds += is_imds;
        hci += is_hci;
        other += !is_imds && !is_hci;
        dhcp += child(c, "dhcp") != NULL;
    }
    if (dhcp)
        return "it has a DHCP server";
    return imds == 1 && hci == 1 && !other ? NULL : "its addresses are others";
}

int su_legacy_network_read(const char *xml, const char *bridge, const char **wrong, struct su_err *e)
{
    XML_DOC xmlDoc *doc = NULL;
    if (parse(xml, &doc, e) < 0)
        return -1;
    const xmlNode *net = xmlDocGetRootElement(doc);
    if (strcmp(text(child(net, "uuid")), SU_LEGACY_NETWORK_UUID) != 0)
        *wrong = "surety did not make it";
    else if (strcmp(attr(child(net, "bridge"), "name"), bridge) != 0)
        *wrong = "its bridge has another name";
    else if (child(net, "forward"))
        *wrong = "it forwards to other networks";
    else if (strcmp(attr(child(net, "port"), "isolated"), "yes") != 0)
        *wrong = "its ports are not isolated";
    else if (strcmp(attr(child(net, "mac"), "address"), SU_LEGACY_BRIDGE_MAC) != 0)
        *wrong = "its bridge has another MAC address";
    else if (strcmp(attr(child(net, "dns"), "enable"), "no") != 0)
        *wrong = "it has a DNS server";
    else if (child(net, "route") || child(net, "portgroup") || child(net, "virtualport") || child(net, "vlan"))
        *wrong = "it has routes, port groups or VLANs";
    else
        *wrong = wrong_ips(net);
    return 0;
}

int su_legacy_port_owner(const char *xml, char out[SU_UUID_TEXT], struct su_err *e)
{
    XML_DOC xmlDoc *doc = NULL;
    if (parse(xml, &doc, e) < 0)
        return -1;
    const char *uuid = text(child(child(xmlDocGetRootElement(doc), "owner"), "uuid"));
    copy(out, SU_UUID_TEXT, su_uuid_valid(uuid) ? uuid : "");
    return 0;
}

/* One line per rule, with what it says in the order we write it: libvirt adds defaults and reorders attributes. */
static void rule_line(const xmlNode *rule, struct su_buf *out)
{
    static const char *const wanted[] = {"match",        "srcmacaddr", "arpsrcmacaddr", "arpsrcipaddr",
                                         "arpdstipaddr", "srcipaddr",  "srcipmask",     "dstipaddr",
                                         "dstipmask",    "protocol",   "dstportstart",  "srcportstart"};
    su_buf_printf(out, "%s %s %s", attr(rule, "action"), attr(rule, "direction"), attr(rule, "priority"));
    for (const xmlNode *c = rule->children; c; c = c->next) {
        if (c->type != XML_ELEMENT_NODE)
            continue;
        su_buf_printf(out, " %s", (const char *)c->name);
        for (size_t i = 0; i < SU_ARRAY_LEN(wanted); i++)
            if (*attr(c, wanted[i]))
                su_buf_printf(out, " %s=%s", wanted[i], attr(c, wanted[i]));
    }
    su_buf_text(out, "\n");
}

static int filter_lines(const char *xml, struct su_buf *out, struct su_err *e)
{
    XML_DOC xmlDoc *doc = NULL;
    if (parse(xml, &doc, e) < 0)
        return -1;
    const xmlNode *root = xmlDocGetRootElement(doc);
    su_buf_printf(out, "%s %s\n", text(child(root, "uuid")), attr(root, "chain"));
    for (const xmlNode *r = root->children; r; r = r->next) {
        if (named(r, "rule"))
            rule_line(r, out);
        else if (named(r, "filterref"))
            su_buf_printf(out, "filterref %s\n", attr(r, "filter"));
    }
    return su_buf_ok(out, e);
}

int su_legacy_filter_same(const char *xml, bool *out, struct su_err *e)
{
    SU_BUF struct su_buf want = {0}, is = {0}, ours = {0};
    su_legacy_filter_xml(&ours);
    if (su_buf_ok(&ours, e) < 0 || filter_lines(su_buf_str(&ours), &want, e) < 0 || filter_lines(xml, &is, e) < 0)
        return -1;
    *out = want.n == is.n && memcmp(want.p, is.p, want.n) == 0;
    return 0;
}
