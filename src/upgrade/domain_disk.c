/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks: sources that change, and IDE, which q35 does not have. */
#include "domain_int.h"
#include <stdio.h>
#include <string.h>

/* Sources ------------------------------------------------------------------- */

static xmlNode *disk_of(const struct su_dx *x, const char *target)
{
    xmlNode *n = su_dx_child(x->devices, "disk");
    while (n && !su_dx_is(su_dx_child(n, "target"), "dev", target))
        n = su_dx_next(n, "disk");
    return n;
}

static int change_source(struct su_dx *x, const char *target, const char *path, const char *format, struct su_err *e)
{
    xmlNode *disk = disk_of(x, target), *source = su_dx_child(disk, "source");
    if (!source)
        return su_fail(e, SU_E_MISSING, "vm.xml.source", "the domain has no disk '%s', or it has no source", target);
    bool file = su_dx_is(disk, "type", "file"), block = su_dx_is(disk, "type", "block");
    if ((!file && !block) || su_dx_child(source, "slices") || su_dx_child(source, "encryption"))
        return su_fail(e, SU_E_REFUSED, "vm.xml.source",
                       "the source of disk '%s' is no plain file or device, and is not replaced", target);
    su_dx_set(x, disk, "type", "file");
    su_dx_drop_attr(source, "dev");
    su_dx_drop_attr(source, "index");
    su_dx_set(x, source, "file", path);
    su_dx_drop_all(disk, "backingStore"); /* what was said is of the old file */
    xmlNode *driver = su_dx_child(disk, "driver");
    if (!driver) {
        driver = su_dx_add(x, disk, "driver");
        su_dx_set(x, driver, "name", "qemu");
    }
    su_dx_set(x, driver, "type", format);
    return 0;
}

int su_dx_sources(struct su_dx *x, struct su_err *e)
{
    for (uint32_t i = 0; i < x->target->n_sources; i++)
        if (change_source(x, x->target->source[i].target, x->target->source[i].source, x->target->source[i].format, e) <
            0)
            return -1;
    return x->failed ? su_fail_nomem(e, 0) : 0;
}

/* IDE ----------------------------------------------------------------------- */

/* AHCI controllers have 6 ports; libvirt numbers disks by their names: sda is port 0 of controller 0. */
enum { SATA_PORTS = 6, SATA_MAX = 26 * 27 };

struct sata {
    bool name[SATA_MAX], port[SATA_MAX];
};

static void take(bool *taken, uint32_t i)
{
    if (i < SATA_MAX)
        taken[i] = true;
}

/* Names and ports that other disks have. */
static void survey(const struct su_dx *x, struct sata *s)
{
    for (const xmlNode *n = su_dx_child(x->devices, "disk"); n; n = su_dx_next(n, "disk")) {
        const xmlNode *target = su_dx_child(n, "target"), *a = su_dx_child(n, "address");
        char dev[16];
        su_dx_attr(target, "dev", dev, sizeof dev);
        uint32_t i = su_dx_disk_index(dev, "sd");
        take(s->name, i);
        if (!su_dx_is(target, "bus", "sata"))
            continue;
        uint32_t controller = su_dx_number(a, "controller", SATA_MAX, 0), unit = su_dx_number(a, "unit", SATA_MAX, 0);
        take(s->port, a ? controller * SATA_PORTS + unit : i);
    }
}

static void set_drive(struct su_dx *x, xmlNode *disk, uint32_t port)
{
    char text[16];
    su_dx_drop_all(disk, "address");
    xmlNode *a = su_dx_add(x, disk, "address");
    su_dx_set(x, a, "type", "drive");
    snprintf(text, sizeof text, "%u", port / SATA_PORTS);
    su_dx_set(x, a, "controller", text);
    su_dx_set(x, a, "bus", "0");
    su_dx_set(x, a, "target", "0");
    snprintf(text, sizeof text, "%u", port % SATA_PORTS);
    su_dx_set(x, a, "unit", text);
}

static bool is_ide(const xmlNode *disk)
{
    return su_dx_is(su_dx_child(disk, "target"), "bus", "ide");
}

static uint32_t ide_order(const xmlNode *disk)
{
    char dev[16];
    su_dx_attr(su_dx_child(disk, "target"), "dev", dev, sizeof dev);
    return su_dx_disk_index(dev, "hd");
}

/* The IDE disk with the lowest name, of equal ones the first. */
static xmlNode *lowest_ide(const struct su_dx *x)
{
    xmlNode *best = NULL;
    for (xmlNode *n = su_dx_child(x->devices, "disk"); n; n = su_dx_next(n, "disk"))
        if (is_ide(n) && (!best || ide_order(n) < ide_order(best)))
            best = n;
    return best;
}

static void to_sata(struct su_dx *x, xmlNode *disk, struct sata *s, uint32_t *from)
{
    xmlNode *target = su_dx_child(disk, "target");
    char old[16], name[16];
    uint32_t i = *from;
    while (i < SATA_MAX - 1 && (s->name[i] || s->port[i]))
        i++;
    s->name[i] = s->port[i] = true;
    *from = i;
    su_dx_attr(target, "dev", old, sizeof old);
    su_dx_disk_name("sd", i, name);
    su_dx_set(x, target, "dev", name);
    su_dx_set(x, target, "bus", "sata");
    set_drive(x, disk, i);
    su_dx_drop_all(disk, "geometry"); /* of a BIOS disk; only IDE had it */
    su_dx_note(x, "vm.xml.bus", true, "%s %s is on IDE, which q35 does not have: it becomes %s on SATA",
               su_dx_is(disk, "device", "cdrom") ? "CD-ROM" : "disk", old, name);
}

/* What <boot dev> means: the first device of a kind. */
static xmlNode *first_of_kind(const struct su_dx *x, const char *dev)
{
    static const struct {
        const char *dev, *element, *device[2];
    } kinds[] = {
        {"hd", "disk", {"disk", "lun"}},
        {"cdrom", "disk", {"cdrom", "cdrom"}},
        {"fd", "disk", {"floppy", "floppy"}},
        {"network", "interface", {NULL, NULL}},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++) {
        xmlNode *n = strcmp(dev, kinds[i].dev) == 0 ? su_dx_child(x->devices, kinds[i].element) : NULL;
        for (; n; n = su_dx_next(n, kinds[i].element))
            if (!kinds[i].device[0] || su_dx_is(n, "device", kinds[i].device[0]) ||
                su_dx_is(n, "device", kinds[i].device[1]))
                return n;
    }
    return NULL;
}

/* libvirt sorts the disks of a bus by name, and boots from the first one: say which that was. */
static void pin_boot(struct su_dx *x)
{
    char order[12], dev[12];
    unsigned n = 0;
    for (xmlNode *b = su_dx_child(x->os, "boot"), *next; b; b = next) {
        next = su_dx_next(b, "boot");
        su_dx_attr(b, "dev", dev, sizeof dev);
        xmlNode *device = first_of_kind(x, dev);
        if (device && !su_dx_child(device, "boot")) {
            snprintf(order, sizeof order, "%u", ++n);
            su_dx_set(x, su_dx_add(x, device, "boot"), "order", order);
        }
        su_dx_drop(b);
    }
    if (n)
        su_dx_note(x, "vm.xml.boot", false, "the boot order is said device by device now, and is the same");
}

void su_dx_ide(struct su_dx *x)
{
    struct sata *s SU_FREE = calloc(1, sizeof *s);
    uint32_t from = 0;
    if (!s) {
        x->failed = true;
        return;
    }
    survey(x, s);
    bool others = memchr(s->port, true, sizeof s->port) != NULL;
    unsigned moved = 0;
    if (others && lowest_ide(x))
        pin_boot(x);
    for (xmlNode *disk; !x->failed && moved < SU_DOM_DISKS && (disk = lowest_ide(x)); moved++) /* libvirt allows 4 */
        to_sata(x, disk, s, &from);
    if (others && moved)
        su_dx_note(x, "vm.xml.bus-order", true,
                   "disks of IDE and of SATA are now on one bus: the guest may count them otherwise");
    for (xmlNode *n = su_dx_child(x->devices, "controller"), *next; n; n = next) {
        next = su_dx_next(n, "controller");
        if (su_dx_is(n, "type", "ide"))
            su_dx_drop(n);
    }
}
