/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads libvirt's domain XML.  libvirt checked its form, but names, metadata and paths in it come from whoever may
 * define domains. */
#include "base/clean.h"
#include "desc.h"
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

enum { MAX_XML = 1 << 20, MAX_CHILDREN = 4096 };
#define QEMU_NS "http://libvirt.org/schemas/domain/qemu/1.0"
#define OSINFO_NS "http://libosinfo.org/xmlns/libvirt/domain/1.0"

static bool named(const xmlNode *n, const char *name)
{
    return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

static bool in_ns(const xmlNode *n, const char *href)
{
    return n->ns ? href && n->ns->href && strcmp((const char *)n->ns->href, href) == 0 : href == NULL;
}

/* The i-th child element of that name in libvirt's own (no) namespace. */
static const xmlNode *child_nth(const xmlNode *of, const char *name, unsigned i)
{
    unsigned seen = 0;
    for (const xmlNode *n = of ? of->children : NULL; n && seen < MAX_CHILDREN; n = n->next, seen++)
        if (named(n, name) && in_ns(n, NULL) && i-- == 0)
            return n;
    return NULL;
}

static const xmlNode *child(const xmlNode *of, const char *name)
{
    return child_nth(of, name, 0);
}

static void attr(const xmlNode *n, const char *name, char *out, size_t cap)
{
    xmlChar *v = n ? xmlGetNoNsProp((xmlNode *)n, (const xmlChar *)name) : NULL;
    out[0] = 0;
    if (v)
        su_clean(out, cap, (const char *)v);
    xmlFree(v);
}

static bool attr_is(const xmlNode *n, const char *name, const char *value)
{
    char v[64];
    attr(n, name, v, sizeof v);
    return strcmp(v, value) == 0;
}

static void content(const xmlNode *n, char *out, size_t cap)
{
    xmlChar *v = n ? xmlNodeGetContent(n) : NULL;
    out[0] = 0;
    if (v)
        su_clean(out, cap, (const char *)v);
    xmlFree(v);
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long v = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    return *text >= '0' && *text <= '9' && errno == 0 && *end == 0 && v <= max ? v : 0;
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + ('a' - 'A'));
}

static bool mac_valid(const char *s)
{
    for (unsigned i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return false;
    return s[17] == 0;
}

/* "yes", "no" or "" of <os><firmware><feature name=... enabled=...>. */
static void firmware_feature(const xmlNode *os, const char *name, char out[8])
{
    const xmlNode *fw = child(os, "firmware"), *f;
    out[0] = 0;
    for (unsigned i = 0; i < 16 && (f = child_nth(fw, "feature", i)); i++)
        if (attr_is(f, "name", name))
            attr(f, "enabled", out, 8);
}

/* The variables must be out of the guest's reach (pflash, secure, SMM) and have been made with keys enrolled.  What is
 * not said does not count: an image that libvirt chose by itself, or that is named by path, may be without keys. */
static bool reads_secure_boot(const xmlNode *root)
{
    const xmlNode *os = child(root, "os"), *loader = child(os, "loader"), *smm = child(child(root, "features"), "smm");
    char keys[8], boot[8];
    firmware_feature(os, "enrolled-keys", keys);
    firmware_feature(os, "secure-boot", boot);
    return loader && attr_is(loader, "secure", "yes") && attr_is(loader, "type", "pflash") && smm &&
           !attr_is(smm, "state", "off") && strcmp(keys, "yes") == 0 && strcmp(boot, "no") != 0;
}

static bool reads_vtpm(const xmlNode *devices)
{
    const xmlNode *backend = child(child(devices, "tpm"), "backend");
    return backend && (attr_is(backend, "type", "emulator") || attr_is(backend, "type", "external")) &&
           (attr_is(backend, "version", "2.0") ||
            (attr_is(backend, "type", "external") && attr_is(backend, "version", "")));
}

static void read_firmware(const xmlNode *root, struct su_vm_desc *d)
{
    const xmlNode *os = child(root, "os"), *loader = child(os, "loader");
    bool uefi = (os && attr_is(os, "firmware", "efi")) || (loader && attr_is(loader, "type", "pflash"));
    snprintf(d->firmware, sizeof d->firmware, "%s", uefi ? "uefi" : "bios");
}

static void read_security(const xmlNode *root, bool live, struct su_vm_desc *d)
{
    unsigned seen = 0;
    read_firmware(root, d);
    for (const xmlNode *n = root->children; n && seen < MAX_CHILDREN; n = n->next, seen++)
        if (n->type == XML_ELEMENT_NODE && in_ns(n, QEMU_NS) && (named(n, "commandline") || named(n, "override")))
            d->custom_command = true;
    if (!live || d->custom_command)
        return;
    d->secure_boot = reads_secure_boot(root);
    d->vtpm = reads_vtpm(child(root, "devices"));
    if (d->secure_boot && d->vtpm)
        snprintf(d->security_type, sizeof d->security_type, "TrustedLaunch");
}

static void read_nic(const xmlNode *n, struct su_vm_desc *d)
{
    if (d->n_nics == SU_DESC_NICS)
        return;
    struct su_desc_nic *nic = &d->nic[d->n_nics];
    const xmlNode *source = child(n, "source");
    attr(child(n, "mac"), "address", nic->mac, sizeof nic->mac);
    lower(nic->mac);
    if (!mac_valid(nic->mac))
        return;
    attr(child(n, "target"), "dev", nic->target, sizeof nic->target);
    attr(source, "bridge", nic->bridge, sizeof nic->bridge);
    attr(source, "network", nic->network, sizeof nic->network);
    d->n_nics++;
}

static void read_disk(const xmlNode *n, struct su_vm_desc *d)
{
    char device[16];
    attr(n, "device", device, sizeof device);
    if (d->n_disks == SU_DESC_DISKS || (device[0] && strcmp(device, "disk") != 0))
        return;
    attr(child(n, "target"), "dev", d->disk[d->n_disks], sizeof d->disk[0]);
    if (d->disk[d->n_disks][0])
        d->n_disks++;
}

static bool is_agent(const xmlNode *channel)
{
    const xmlNode *target = child(channel, "target");
    return target && attr_is(target, "type", "virtio") && attr_is(target, "name", "org.qemu.guest_agent.0");
}

static void read_devices(const xmlNode *devices, bool live, struct su_vm_desc *d)
{
    char cid[16];
    unsigned seen = 0;
    for (const xmlNode *n = devices ? devices->children : NULL; n && seen < MAX_CHILDREN; n = n->next, seen++) {
        if (!in_ns(n, NULL))
            continue;
        if (named(n, "interface"))
            read_nic(n, d);
        else if (named(n, "disk"))
            read_disk(n, d);
        else if (named(n, "channel"))
            d->agent_channel |= is_agent(n);
        else if (named(n, "vsock"))
            d->vsock_device = true;
    }
    attr(child(child(devices, "vsock"), "cid"), "address", cid, sizeof cid);
    if (live)
        d->cid = (uint32_t)number(cid, UINT32_MAX - 1);
    if (d->cid <= 2) /* the hypervisor, the loopback and the host are nobody's VM */
        d->cid = 0;
    for (unsigned i = 0; !live && i < d->n_nics; i++)
        d->nic[i].target[0] = 0;
}

static bool base64_valid(const char *s)
{
    size_t n = strlen(s), body = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return n % 4 == 0 && n - body <= 2 && strspn(s + body, "=") == n - body;
}

static void read_user_data(const xmlNode *n, struct su_vm_desc *d)
{
    xmlChar *v = xmlNodeGetContent(n);
    size_t at = 0;
    for (const char *s = (const char *)v; s && *s; s++) {
        if (strchr(" \t\r\n", *s))
            continue;
        if (at == SU_DESC_USER_DATA) {
            at = 0;
            break;
        }
        d->user_data[at++] = *s;
    }
    d->user_data[at] = 0;
    if (!base64_valid(d->user_data))
        d->user_data[0] = 0;
    xmlFree(v);
}

static void read_address(const xmlNode *n, struct su_vm_desc *d)
{
    char mac[18];
    attr(n, "mac", mac, sizeof mac);
    lower(mac);
    for (unsigned i = 0; i < d->n_nics; i++)
        if (strcmp(d->nic[i].mac, mac) == 0) {
            attr(n, "ip", d->nic[i].ip, sizeof d->nic[i].ip);
            attr(n, "prefix", d->nic[i].prefix, sizeof d->nic[i].prefix);
            attr(n, "public", d->nic[i].public_ip, sizeof d->nic[i].public_ip);
        }
}

static void read_own(const xmlNode *n, struct su_vm_desc *d)
{
    if (named(n, "location"))
        content(n, d->location, sizeof d->location);
    else if (named(n, "resource-group"))
        content(n, d->resource_group, sizeof d->resource_group);
    else if (named(n, "admin-user"))
        content(n, d->admin_user, sizeof d->admin_user);
    else if (named(n, "vm-size"))
        content(n, d->vm_size, sizeof d->vm_size);
    else if (named(n, "user-data"))
        read_user_data(n, d);
    else if (named(n, "address"))
        read_address(n, d);
    else if (named(n, "tag") && d->n_tags < SU_DESC_TAGS) {
        attr(n, "name", d->tag[d->n_tags].name, sizeof d->tag[0].name);
        content(n, d->tag[d->n_tags].value, sizeof d->tag[0].value);
        d->n_tags += d->tag[d->n_tags].name[0] != 0;
    } else if (named(n, "public-key") && d->n_keys < SU_DESC_KEYS) {
        attr(n, "path", d->key[d->n_keys].path, sizeof d->key[0].path);
        content(n, d->key[d->n_keys].data, sizeof d->key[0].data);
        d->n_keys += d->key[d->n_keys].data[0] != 0;
    }
}

static void read_osinfo(const xmlNode *osinfo, struct su_vm_desc *d)
{
    char id[256];
    for (const xmlNode *n = osinfo->children; n; n = n->next)
        if (named(n, "os")) {
            attr(n, "id", id, sizeof id);
            snprintf(d->os_type, sizeof d->os_type, "%s", strstr(id, "microsoft.com/win") ? "Windows" : "Linux");
            return;
        }
}

static void read_metadata(const xmlNode *metadata, struct su_vm_desc *d)
{
    unsigned seen = 0;
    for (const xmlNode *n = metadata ? metadata->children : NULL; n && seen < MAX_CHILDREN; n = n->next, seen++) {
        if (named(n, "libosinfo") && in_ns(n, OSINFO_NS))
            read_osinfo(n, d);
        if (!named(n, "vm") || !in_ns(n, SU_DOMAIN_NS))
            continue;
        for (const xmlNode *c = n->children; c && seen < MAX_CHILDREN; c = c->next, seen++)
            if (in_ns(c, SU_DOMAIN_NS))
                read_own(c, d);
    }
}

static void read_size(const xmlNode *root, struct su_vm_desc *d)
{
    static const struct {
        const char *unit;
        uint64_t kib;
    } units[] = {{"KiB", 1}, {"", 1}, {"k", 1}, {"MiB", 1024}, {"M", 1024}, {"GiB", 1 << 20}, {"G", 1 << 20}};
    const xmlNode *memory = child(root, "memory");
    char text[24], unit[8];
    content(child(root, "vcpu"), text, sizeof text);
    d->vcpus = (uint32_t)number(text, 1 << 16);
    content(memory, text, sizeof text);
    attr(memory, "unit", unit, sizeof unit);
    for (size_t i = 0; i < SU_ARRAY_LEN(units); i++)
        if (strcmp(unit, units[i].unit) == 0)
            d->memory_mib = number(text, UINT64_C(1) << 40) * units[i].kib / 1024;
}

static int read_domain(const xmlNode *root, bool live, struct su_vm_desc *d, struct su_err *e)
{
    if (!root || !named(root, "domain"))
        return su_fail(e, SU_E_FORMAT, "vm.xml", "this is not a domain's XML");
    content(child(root, "uuid"), d->uuid, sizeof d->uuid);
    content(child(root, "name"), d->name, sizeof d->name);
    lower(d->uuid);
    if (!su_uuid_valid(d->uuid) || !d->name[0])
        return su_fail(e, SU_E_FORMAT, "vm.xml", "the domain's XML has no UUID or no name");
    d->running = live;
    read_security(root, live, d);
    read_devices(child(root, "devices"), live, d);
    read_metadata(child(root, "metadata"), d);
    read_size(root, d);
    return 0;
}

static void free_docp(xmlDoc **doc)
{
    if (*doc)
        xmlFreeDoc(*doc);
}

int su_desc_from_xml(struct su_bytes xml, bool live, struct su_vm_desc *out, struct su_err *e)
{
    if (xml.n > MAX_XML)
        return su_fail(e, SU_E_RANGE, "vm.xml-size", "the domain's XML has %zu bytes", xml.n);
    struct su_vm_desc *d SU_FREE = calloc(1, sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    xmlDoc *doc SU_AUTO(free_docp) = xmlReadMemory((const char *)xml.p, (int)xml.n, "domain.xml", NULL,
                                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                                       XML_PARSE_COMPACT | XML_PARSE_NOCDATA);
    if (!doc)
        return su_fail(e, SU_E_FORMAT, "vm.xml", "the domain's XML cannot be parsed");
    if (doc->intSubset) /* libvirt never writes one; entities stay out */
        return su_fail(e, SU_E_FORMAT, "vm.xml", "the domain's XML has a document type declaration");
    if (read_domain(xmlDocGetRootElement(doc), live, d, e) < 0)
        return -1;
    *out = *d;
    return 0;
}
