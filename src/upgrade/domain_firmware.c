/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UEFI, Secure Boot and the TPM: the part of the XML that makes Trusted Launch.  libvirt chooses the firmware by what
 * it can do (<os firmware='efi'> with features), so that paths of one distribution are not written into definitions. */
#include "domain_int.h"
#include <string.h>

static void feature(struct su_dx *x, const char *name, bool on)
{
    xmlNode *f = su_dx_feature(x->os, name);
    if (!f) {
        f = su_dx_add(x, su_dx_ensure(x, x->os, "firmware"), "feature");
        su_dx_set(x, f, "enabled", on ? "yes" : "no");
        su_dx_set(x, f, "name", name);
    }
    su_dx_set(x, f, "enabled", on ? "yes" : "no");
}

/* What the old firmware was made of.  Variables belong to the build that they were made for. */
static void drop_firmware(struct su_dx *x)
{
    const xmlNode *bios = su_dx_child(x->os, "bios");
    if (su_dx_is(bios, "useserial", "yes") || (bios && su_dx_attr(bios, "rebootTimeout", (char[16]){0}, 16)))
        su_dx_note(x, "vm.xml.bios", true, "settings of SeaBIOS (serial output, reboot timeout) do not exist in UEFI");
    if (x->was->loader[0])
        su_dx_note(x, "vm.xml.loader", false, "the fixed firmware %.160s gives way to what libvirt selects",
                   x->was->loader);
    if (x->was->firmware == SU_FIRMWARE_UEFI)
        su_dx_note(
            x, "vm.xml.nvram", true,
            "the UEFI variables start anew from the template: boot entries and settings of the old ones are gone");
    su_dx_drop_all(x->os, "bios");
    su_dx_drop_all(x->os, "loader");
    su_dx_drop_all(x->os, "nvram");
}

/* libvirt's schema wants <firmware> and <loader> between <type> and the rest, in this order. */
static void put_in_order(struct su_dx *x)
{
    static const char *const order[] = {"loader", "firmware", "type"};
    for (size_t i = 0; i < SU_ARRAY_LEN(order); i++) {
        xmlNode *n = su_dx_child(x->os, order[i]);
        if (n && x->os->children != n)
            xmlAddPrevSibling(x->os->children, n);
    }
}

static void select_firmware(struct su_dx *x)
{
    drop_firmware(x);
    su_dx_set(x, x->os, "firmware", "efi");
    feature(x, "secure-boot", x->switched);
    feature(x, "enrolled-keys", x->switched);
    if (x->switched)
        su_dx_set(x, su_dx_add(x, x->os, "loader"), "secure", "yes");
    put_in_order(x);
}

static bool secure_already(const struct su_dx *x)
{
    const struct su_domain *d = x->was;
    return d->loader_secure == SU_YES && d->smm && d->secure_boot_feature != SU_NO &&
           !su_dx_is(su_dx_feature(x->os, "enrolled-keys"), "enabled", "no");
}

void su_dx_firmware(struct su_dx *x)
{
    bool uefi = x->was->firmware == SU_FIRMWARE_UEFI;
    if (x->switched ? !(uefi && secure_already(x)) : !uefi)
        select_firmware(x);
    else if (x->to_q35)
        su_dx_note(x, "vm.xml.nvram", false,
                   "the UEFI variables stay; boot entries that name PCI devices will not fit");
    su_dx_ensure(x, x->features, "acpi"); /* UEFI and the TPM are described in its tables */
    if (x->switched && !x->was->smm)
        su_dx_set(x, su_dx_ensure(x, x->features, "smm"), "state", "on");
}

/* TPM ------------------------------------------------------------------------- */

static void add_tpm(struct su_dx *x)
{
    xmlNode *tpm = su_dx_add(x, x->devices, "tpm");
    su_dx_set(x, tpm, "model", "tpm-crb");
    xmlNode *backend = su_dx_add(x, tpm, "backend");
    su_dx_set(x, backend, "type", "emulator");
    su_dx_set(x, backend, "version", "2.0");
    su_dx_set(x, backend, "persistent_state", "yes"); /* survives an undefine that is followed by a define */
}

void su_dx_tpm(struct su_dx *x)
{
    if (x->was->tpm == SU_YES)
        return;
    for (xmlNode *n = su_dx_child(x->devices, "tpm"), *next; n; n = next) {
        next = su_dx_next(n, "tpm");
        if (!su_dx_is(su_dx_child(n, "backend"), "type", "emulator")) {
            su_dx_note(x, "vm.xml.tpm", true, "the TPM of the host that is passed through is kept: there is no vTPM");
            return; /* a domain has one TPM */
        }
    }
    if (x->was->tpm == SU_UNKNOWN)
        su_dx_note(x, "vm.xml.tpm", true,
                   "the TPM 1.2 becomes a TPM 2.0: what the guest sealed to it cannot be read any more");
    su_dx_drop_all(x->devices, "tpm");
    add_tpm(x);
}
