/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only checks want to know of a definition. */
#include "upgrade/domain_int.h"
#include "upgrade/facts.h"
#include <stdio.h>
#include <string.h>

static void read_cpu(const xmlNode *cpu, struct su_vm_extras *x)
{
    const xmlNode *model = su_dx_child(cpu, "model");
    if (model)
        su_dx_text(model, x->cpu_model, sizeof x->cpu_model);
    for (const xmlNode *n = su_dx_child(cpu, "feature"); n; n = su_dx_next(n, "feature"))
        x->cpu_without_long_mode =
            x->cpu_without_long_mode ||
            (su_dx_is(n, "name", "lm") && (su_dx_is(n, "policy", "disable") || su_dx_is(n, "policy", "forbid")));
}

/* The model of the SCSI controller that the boot disk's address names. */
static void read_scsi(const xmlNode *devices, const struct su_dom_disk *boot, struct su_vm_extras *x)
{
    uint32_t index = 0;
    for (const xmlNode *n = su_dx_child(devices, "disk"); n; n = su_dx_next(n, "disk"))
        if (su_dx_is(su_dx_child(n, "target"), "dev", boot->target) && su_dx_child(n, "address"))
            index = su_dx_number(su_dx_child(n, "address"), "controller", UINT16_MAX, 0);
    for (const xmlNode *n = su_dx_child(devices, "controller"); n; n = su_dx_next(n, "controller"))
        if (su_dx_is(n, "type", "scsi") && su_dx_number(n, "index", UINT16_MAX, 0) == index)
            (void)su_dx_attr(n, "model", x->scsi_model, sizeof x->scsi_model);
}

static uint32_t order_of(const xmlNode *device)
{
    const xmlNode *boot = su_dx_child(device, "boot");
    return boot ? su_dx_number(boot, "order", INT32_MAX, 0) : 0;
}

/* A device with this order, 0 being none, comes before the boot disk's. */
static bool before(uint32_t order, uint32_t boot_order)
{
    return order && (!boot_order || order < boot_order);
}

static bool loaded_cdrom(const struct su_dom_disk *k)
{
    return strcmp(k->device, "cdrom") == 0 && (k->source[0] || strcmp(k->type, "network") == 0);
}

/* True when devices have orders; then <os><boot dev> has none. */
static bool read_device_order(const xmlNode *devices, const struct su_domain *d, uint32_t boot_order,
                              struct su_vm_extras *x)
{
    bool ordered = boot_order > 0;
    for (const xmlNode *n = su_dx_child(devices, "interface"); n; n = su_dx_next(n, "interface")) {
        uint32_t o = order_of(n);
        x->network_first = x->network_first || before(o, boot_order);
        ordered = ordered || o;
    }
    for (uint32_t i = 0; i < d->n_disks && i < SU_DOM_DISKS; i++) {
        const struct su_dom_disk *k = &d->disk[i];
        x->cdrom_first = x->cdrom_first || (loaded_cdrom(k) && before(k->boot_order, boot_order));
        ordered = ordered || k->boot_order;
    }
    return ordered;
}

static void read_order(const xmlNode *os, const xmlNode *devices, const struct su_domain *d, uint32_t boot_order,
                       struct su_vm_extras *x)
{
    const xmlNode *first = su_dx_child(os, "boot");
    if (read_device_order(devices, d, boot_order, x) || !first)
        return;
    x->network_first = su_dx_is(first, "dev", "network");
    for (uint32_t i = 0; su_dx_is(first, "dev", "cdrom") && i < d->n_disks && i < SU_DOM_DISKS; i++)
        x->cdrom_first = x->cdrom_first || loaded_cdrom(&d->disk[i]);
}

static bool rom_file(const xmlNode *devices, const char *name)
{
    char file[8];
    for (const xmlNode *n = su_dx_child(devices, name); n; n = su_dx_next(n, name)) {
        const xmlNode *rom = su_dx_child(n, "rom");
        if (rom && su_dx_attr(rom, "file", file, sizeof file) && file[0])
            return true;
    }
    return false;
}

int su_boot_bus(struct su_bytes xml, char out[16], struct su_err *e)
{
    struct su_vm_extras x;
    SU_FREE struct su_domain *d = calloc(1, sizeof *d);
    if (!d)
        return su_fail_nomem(e, sizeof *d);
    if (su_domain_parse(xml, d, e) < 0 || su_extras_read(xml, d, &x, e) < 0)
        return -1;
    const char *bus = d->boot_disk < d->n_disks && d->boot_disk < SU_DOM_DISKS
                          ? su_worker_bus(d->disk[d->boot_disk].bus, x.scsi_model)
                          : NULL;
    snprintf(out, 16, "%s", bus ? bus : "");
    return 0;
}

int su_extras_read(struct su_bytes xml, const struct su_domain *d, struct su_vm_extras *out, struct su_err *e)
{
    struct su_vm_extras x = {0};
    char text[16] = "";
    xmlDoc *doc SU_DX_DOC = su_dx_read(xml, e);
    if (!doc)
        return -1;
    const xmlNode *root = xmlDocGetRootElement(doc), *devices = su_dx_child(root, "devices");
    const struct su_dom_disk *boot =
        d->boot_disk < d->n_disks && d->boot_disk < SU_DOM_DISKS ? &d->disk[d->boot_disk] : NULL;
    if (su_dx_child(root, "cpu"))
        read_cpu(su_dx_child(root, "cpu"), &x);
    if (boot && devices && strcmp(boot->bus, "scsi") == 0)
        read_scsi(devices, boot, &x);
    for (const xmlNode *n = su_dx_child(devices, "serial"); n; n = su_dx_next(n, "serial"))
        x.n_serials++;
    read_order(su_dx_child(root, "os"), devices, d, boot ? boot->boot_order : 0, &x);
    if (su_dx_child(root, "on_reboot"))
        su_dx_text(su_dx_child(root, "on_reboot"), text, sizeof text);
    x.reboot_destroys = strcmp(text, "destroy") == 0 || strcmp(text, "preserve") == 0;
    x.rom_bios = rom_file(devices, "hostdev") || rom_file(devices, "interface");
    *out = x;
    return 0;
}
