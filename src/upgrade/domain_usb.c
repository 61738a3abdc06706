/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB controllers of PIIX and ICH9, and what else is left of i440fx and only said. */
#include "domain_int.h"
#include <stdio.h>
#include <string.h>

static bool old_usb(const xmlNode *n)
{
    static const char *const old[] = {"",           "piix3-uhci", "piix4-uhci", "ich9-ehci1",
                                      "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "ich9-uhci4",
                                      "ich9-uhci5", "ich9-uhci6", "ehci",       NULL};
    char model[24];
    su_dx_attr(n, "model", model, sizeof model);
    return su_dx_is(n, "type", "usb") && su_dx_one_of(model, old);
}

static bool companion(const xmlNode *n)
{
    return su_dx_child(n, "master") != NULL;
}

/* An EHCI controller with its companions is one controller, and one bus. */
void su_dx_usb(struct su_dx *x)
{
    for (xmlNode *n = su_dx_child(x->devices, "controller"), *next; n; n = next) {
        char model[24], index[12];
        next = su_dx_next(n, "controller");
        if (!old_usb(n))
            continue;
        if (companion(n)) {
            su_dx_drop(n);
            continue;
        }
        su_dx_attr(n, "model", model, sizeof model);
        su_dx_attr(n, "index", index, sizeof index);
        su_dx_set(x, n, "model", "qemu-xhci");
        su_dx_set(x, n, "ports", "15");
        su_dx_drop_all(n, "address");
        su_dx_note(x, "vm.xml.usb", true, "the USB controller %s (%s) becomes qemu-xhci", index,
                   model[0] ? model : "piix3-uhci");
    }
}

static void note_qemu(struct su_dx *x)
{
    if (x->was->qemu_names_i440fx)
        su_dx_note(
            x, "vm.xml.qemu", true,
            "the arguments of qemu:commandline name parts of i440fx: QEMU will not start until they are changed");
    else if (x->was->qemu_commandline)
        su_dx_note(x, "vm.xml.qemu", false, "the arguments of qemu:commandline are kept as they are");
}

static void note_scsi(struct su_dx *x)
{
    for (const xmlNode *n = su_dx_child(x->devices, "controller"); n; n = su_dx_next(n, "controller")) {
        bool lsi = su_dx_is(n, "model", "lsilogic") || su_dx_is(n, "model", "auto");
        if (su_dx_is(n, "type", "scsi") && lsi) {
            su_dx_note(x, "vm.xml.scsi", true,
                       "UEFI firmware seldom has a driver for lsilogic: it may not boot from its disks");
            return;
        }
    }
}

void su_dx_leftovers(struct su_dx *x)
{
    note_qemu(x);
    note_scsi(x);
    if (x->was->floppy)
        su_dx_note(x, "vm.xml.floppy", true, "the floppy drive stays, but UEFI firmware cannot boot from it");
}
