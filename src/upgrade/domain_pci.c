/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PCI of i440fx becomes that of q35.
 *
 * libvirt gives every device a new address on a port of its own.  Network cards are the exception: guests call them by
 * their slot (ens3), so each keeps its slot number, on the bus of a bridge that has slots: a pcie-to-pci-bridge behind
 * a pcie-root-port.  The indexes of all controllers are written down, so that the bus of the cards is known. */
#include "domain_int.h"
#include <stdio.h>
#include <string.h>

enum {
    BRIDGE_PORT = 1,
    BRIDGE_BUS = 2,
    SLOTS = 32,
    FIRST_FREE_SLOT = 3,
    SPARE_PORTS = 4,
    MAX_PORTS = 200,
    MAX_GROUPS = 32
};

struct slots {
    const xmlNode *card[SLOTS]; /* borrowed; [0] is not used */
    uint32_t cards;
};

/* Controllers ---------------------------------------------------------------- */

static void drop_controllers(struct su_dx *x)
{
    for (xmlNode *n = su_dx_child(x->devices, "controller"), *next; n; n = next) {
        char model[32];
        next = su_dx_next(n, "controller");
        if (!su_dx_is(n, "type", "pci"))
            continue;
        su_dx_attr(n, "model", model, sizeof model);
        if (strcmp(model, "pci-root") != 0)
            su_dx_note(x, "vm.xml.pci-bridge", true,
                       "the PCI controller %s is not carried: its devices are placed anew", model);
        su_dx_drop(n);
    }
}

static xmlNode *add_controller(struct su_dx *x, xmlNode *before, uint32_t index, const char *model)
{
    char text[16];
    xmlNode *n = su_dx_add(x, x->devices, "controller");
    snprintf(text, sizeof text, "%u", index);
    su_dx_set(x, n, "type", "pci");
    su_dx_set(x, n, "index", text);
    su_dx_set(x, n, "model", model);
    if (n && before)
        xmlAddPrevSibling(before, n);
    return n;
}

/* Where libvirt prints controllers: after the disks. */
static xmlNode *after_disks(const struct su_dx *x)
{
    xmlNode *n = x->devices->children;
    while (n && (n->type != XML_ELEMENT_NODE || su_dx_named(n, "emulator") || su_dx_named(n, "disk")))
        n = n->next;
    return n;
}

static void add_controllers(struct su_dx *x, bool bridge, uint32_t ports)
{
    uint32_t index = 1;
    xmlNode *before = after_disks(x);
    add_controller(x, before, 0, "pcie-root");
    if (bridge) {
        add_controller(x, before, BRIDGE_PORT, "pcie-root-port");
        xmlNode *b = add_controller(x, before, BRIDGE_BUS, "pcie-to-pci-bridge");
        if (b)
            su_dx_set_pci(x, b, (struct su_dx_pci){.bus = BRIDGE_PORT}, false);
        index = BRIDGE_BUS + 1;
    }
    for (uint32_t i = 0; i < ports && !x->failed; i++)
        add_controller(x, before, index + i, "pcie-root-port");
}

/* Network cards -------------------------------------------------------------- */

/* On the PCI bus, or about to be: no USB card, none that is passed through. */
static bool on_bridge(const xmlNode *nic)
{
    const xmlNode *a = su_dx_child(nic, "address");
    return !su_dx_passthrough_nic(nic) && !su_dx_is(su_dx_child(nic, "model"), "type", "usb-net") &&
           (!a || su_dx_is(a, "type", "pci"));
}

static bool plain_slot(struct su_dx_pci at)
{
    return at.has && !at.domain && !at.bus && !at.function && at.slot;
}

static void place(struct su_dx *x, xmlNode *nic, struct slots *s, uint32_t slot)
{
    s->card[slot] = nic;
    s->cards++;
    su_dx_set_pci(x, nic, (struct su_dx_pci){.bus = BRIDGE_BUS, .slot = slot}, false);
    if (su_dx_child(nic, "acpi"))
        su_dx_note(x, "vm.xml.nic-index", true,
                   "the network card in slot %u has an ACPI index: behind a bridge its name in the guest may change",
                   slot);
}

static void place_plain(struct su_dx *x, struct slots *s)
{
    for (xmlNode *n = su_dx_child(x->devices, "interface"); n; n = su_dx_next(n, "interface")) {
        struct su_dx_pci at = su_dx_pci(n);
        if (on_bridge(n) && plain_slot(at) && !s->card[at.slot])
            place(x, n, s, at.slot);
    }
}

static uint32_t free_slot(const struct slots *s, uint32_t wish)
{
    if (wish && !s->card[wish])
        return wish;
    for (uint32_t i = FIRST_FREE_SLOT; i < SLOTS; i++)
        if (!s->card[i])
            return i;
    return 0;
}

/* Cards of another bus, further functions of a slot, and cards without an address. */
static void place_other(struct su_dx *x, xmlNode *nic, struct slots *s)
{
    struct su_dx_pci at = su_dx_pci(nic);
    char mac[18];
    uint32_t slot = free_slot(s, at.has ? at.slot : 0);
    su_dx_attr(su_dx_child(nic, "mac"), "address", mac, sizeof mac);
    char where[48] = "on a port of its own";
    if (slot) {
        place(x, nic, s, slot);
        snprintf(where, sizeof where, "in slot %u of the bridge", slot);
    } else {
        su_dx_drop_all(nic, "address");
    }
    if (at.has)
        su_dx_note(x, "vm.xml.nic-name", true,
                   "the network card %s was at %04x:%02x:%02x.%x and is now %s: its name in the guest may change", mac,
                   at.domain, at.bus, at.slot, at.function, where);
    else
        su_dx_note(x, "vm.xml.nic-name", true,
                   "the definition does not say where the network card %s is: %s its name in the guest may change", mac,
                   where);
}

static bool placed(const struct slots *s, const xmlNode *nic)
{
    for (uint32_t i = 1; i < SLOTS; i++)
        if (s->card[i] == nic)
            return true;
    return false;
}

static uint32_t place_cards(struct su_dx *x)
{
    struct slots s = {0};
    place_plain(x, &s);
    for (xmlNode *n = su_dx_child(x->devices, "interface"); n && !x->failed; n = su_dx_next(n, "interface"))
        if (on_bridge(n) && !placed(&s, n))
            place_other(x, n, &s);
    return s.cards;
}

/* Everything else ------------------------------------------------------------ */

/* Kinds of devices that libvirt puts on ports of their own; the others are part of the root complex, or go on a bridge.
 */
static bool wants_port(const xmlNode *n)
{
    static const struct {
        const char *name, *key, *value; /* of an attribute; key NULL: any */
    } rows[] = {
        {"controller", "model", "virtio-scsi"},
        {"controller", "model", "virtio-non-transitional"},
        {"controller", "type", "virtio-serial"},
        {"controller", "model", "qemu-xhci"},
        {"controller", "model", "nec-xhci"},
        {"rng", NULL, NULL},
        {"memballoon", "model", "virtio"},
        {"hostdev", "type", "pci"},
        {"hostdev", "type", "mdev"},
        {"hostdev", "type", "scsi_host"},
        {"interface", "type", "hostdev"},
        {"vsock", NULL, NULL},
        {"filesystem", NULL, NULL},
        {"input", "bus", "virtio"},
        {"crypto", NULL, NULL},
    };
    if (su_dx_named(n, "disk"))
        return su_dx_is(su_dx_child(n, "target"), "bus", "virtio");
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        if (su_dx_named(n, rows[i].name) && (!rows[i].key || su_dx_is(n, rows[i].key, rows[i].value)))
            return true;
    return false;
}

static bool is_card(const xmlNode *n)
{
    return su_dx_named(n, "interface") && on_bridge(n);
}

static void note_passthrough(struct su_dx *x, const xmlNode *n)
{
    struct su_dx_pci at = su_dx_pci(n);
    bool nic = su_dx_named(n, "interface");
    if (!nic && !(su_dx_named(n, "hostdev") && (su_dx_is(n, "type", "pci") || su_dx_is(n, "type", "mdev"))))
        return;
    su_dx_note(x, nic ? "vm.xml.nic-name" : "vm.xml.hostdev", true,
               "the %s that is passed through was at %04x:%02x:%02x.%x in the guest and gets a PCIe port: %s",
               nic ? "network card" : "device", at.domain, at.bus, at.slot, at.function,
               nic ? "its name in the guest changes" : "settings that name its address change");
}

/* Functions of one slot that were passed through (a graphics card and its sound) stay together, on one port. */
struct group {
    struct su_dx_pci at;
    uint32_t members;
    bool first; /* function 0 is there */
};

static bool same_slot(struct su_dx_pci a, struct su_dx_pci b)
{
    return a.domain == b.domain && a.bus == b.bus && a.slot == b.slot;
}

static struct group *group_of(struct group *g, uint32_t n, struct su_dx_pci at)
{
    for (uint32_t i = 0; i < n; i++)
        if (at.has && same_slot(g[i].at, at))
            return &g[i];
    return NULL;
}

static uint32_t find_groups(const struct su_dx *x, struct group *g)
{
    uint32_t n = 0;
    for (const xmlNode *d = su_dx_child(x->devices, "hostdev"); d; d = su_dx_next(d, "hostdev")) {
        struct su_dx_pci at = su_dx_pci(d);
        struct group *of = group_of(g, n, at);
        if (!of && at.has && n < MAX_GROUPS) {
            of = &g[n++];
            *of = (struct group){.at = at};
        }
        if (of) {
            of->members++;
            of->first |= at.function == 0;
        }
    }
    return n;
}

/* Gives each group of several its port; the number of ports. */
static uint32_t place_groups(struct su_dx *x, uint32_t first_port)
{
    struct group g[MAX_GROUPS];
    uint32_t port[MAX_GROUPS] = {0}, n = find_groups(x, g), used = 0;
    for (uint32_t i = 0; i < n; i++)
        if (g[i].members > 1 && g[i].first)
            port[i] = first_port + used++;
    for (xmlNode *d = su_dx_child(x->devices, "hostdev"); d; d = su_dx_next(d, "hostdev")) {
        struct su_dx_pci at = su_dx_pci(d);
        const struct group *of = group_of(g, n, at);
        if (!of || !port[of - g])
            continue;
        note_passthrough(x, d);
        su_dx_set_pci(x, d, (struct su_dx_pci){.bus = port[of - g], .function = at.function}, at.function == 0);
        d->_private = x; /* placed */
    }
    return used;
}

/* Drops the addresses that are libvirt's to give; the number of ports that it will need. */
static uint32_t free_addresses(struct su_dx *x)
{
    uint32_t ports = 0;
    for (xmlNode *n = x->devices->children; n; n = n->next) {
        xmlNode *a = su_dx_child(n, "address");
        if (n->type != XML_ELEMENT_NODE || n->_private || is_card(n))
            continue;
        note_passthrough(x, n);
        ports += ports < MAX_PORTS && wants_port(n);
        if (a && su_dx_is(a, "type", "pci"))
            su_dx_drop(a);
    }
    return ports;
}

static void note_virtio(struct su_dx *x)
{
    for (const xmlNode *n = su_dx_child(x->devices, "disk"); n; n = su_dx_next(n, "disk"))
        if (su_dx_is(su_dx_child(n, "target"), "bus", "virtio") && !su_dx_is(n, "model", "virtio-transitional")) {
            su_dx_note(x, "vm.xml.virtio", false,
                       "virtio devices are on PCI Express now and speak virtio 1.0 only: Linux before 4.0 cannot");
            return;
        }
}

void su_dx_pci_plan(struct su_dx *x)
{
    drop_controllers(x);
    bool bridge = place_cards(x) > 0;
    uint32_t first = bridge ? BRIDGE_BUS + 1 : 1, groups = place_groups(x, first);
    uint32_t singles = free_addresses(x);
    add_controllers(x, bridge, groups + singles + SPARE_PORTS);
    note_virtio(x);
}
