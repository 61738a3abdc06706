/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XML of the same VM as Trusted Launch: who can be carried, and the steps in their order. */
#include "domain_int.h"
#include <stdio.h>
#include <string.h>

static int refuse(const struct su_domain *d, struct su_err *e)
{
    static const char *const types[] = {"kvm", "qemu", "test", NULL};
    if (!su_dx_one_of(d->virt_type, types))
        return su_fail(e, SU_E_REFUSED, "vm.xml.type", "a domain of type '%s' cannot have UEFI and a vTPM",
                       d->virt_type);
    if (strcmp(d->os_type, "hvm") != 0)
        return su_fail(e, SU_E_REFUSED, "vm.xml.os", "a domain with the OS type '%s' has no firmware", d->os_type);
    if (strcmp(d->arch, "x86_64") != 0)
        return su_fail(e, SU_E_REFUSED, "vm.xml.arch", "the architecture is '%s', and only x86_64 is upgraded",
                       d->arch);
    if (d->chipset == SU_CHIPSET_OTHER)
        return su_fail(e, SU_E_REFUSED, "vm.xml.machine", "the machine type '%s' is neither i440fx nor q35",
                       d->machine);
    if (d->launch_security)
        return su_fail(e, SU_E_REFUSED, "vm.xml.launch-security",
                       "the domain has launchSecurity: its firmware is part of what is measured and cannot be changed");
    return 0;
}

static void change_machine(struct su_dx *x)
{
    su_dx_set(x, su_dx_child(x->os, "type"), "machine", "q35");
    su_dx_note(x, "vm.xml.machine", false, "the machine %s becomes q35", x->was->machine[0] ? x->was->machine : "pc");
    su_dx_ide(x);
    su_dx_usb(x);
    su_dx_pci_plan(x);
    su_dx_leftovers(x);
}

static void open_nodes(struct su_dx *x)
{
    x->root = xmlDocGetRootElement(x->doc);
    x->os = su_dx_ensure(x, x->root, "os");
    x->devices = su_dx_ensure(x, x->root, "devices");
    x->features = su_dx_child(x->root, "features");
    if (x->features || x->failed)
        return;
    x->features = su_dx_add(x, x->root, "features"); /* its place is after <os> */
    if (x->features)
        xmlAddNextSibling(x->os, x->features);
}

static int transform(struct su_dx *x, struct su_err *e)
{
    const struct su_domain *was = x->was;
    x->to_q35 = was->chipset == SU_CHIPSET_I440FX && x->target->machine == SU_MACHINE_Q35;
    x->switched = x->target->secure_boot && (x->to_q35 || was->chipset == SU_CHIPSET_Q35);
    if (su_dx_sources(x, e) < 0) /* first: targets are named as they were */
        return -1;
    open_nodes(x);
    if (x->failed)
        return su_fail_nomem(e, 0);
    if (x->target->secure_boot && !x->switched)
        su_dx_note(x, "vm.xml.secure-boot", true,
                   "an i440fx machine has no Secure Boot: UEFI and the vTPM are all it gets");
    if (x->to_q35)
        change_machine(x);
    su_dx_firmware(x);
    if (x->target->vtpm)
        su_dx_tpm(x);
    return 0;
}

/* Reads, lets edit() work, and writes. */
static int work(struct su_bytes xml, const struct su_domain_target *t, bool upgrade, struct su_buf *out,
                struct su_domain_notes *notes, struct su_err *e)
{
    struct su_domain_notes *said SU_FREE = calloc(1, sizeof *said);
    struct su_domain *was SU_FREE = calloc(1, sizeof *was);
    if (!was || !said)
        return su_fail_nomem(e, sizeof *was);
    xmlDoc *doc SU_DX_DOC = su_dx_read(xml, e);
    if (!doc || su_dx_facts(doc, was, e) < 0 || (upgrade && refuse(was, e) < 0))
        return -1;
    struct su_dx x = {.doc = doc, .root = xmlDocGetRootElement(doc), .was = was, .target = t, .notes = said};
    x.devices = su_dx_child(x.root, "devices");
    if ((upgrade ? transform(&x, e) : su_dx_sources(&x, e)) < 0 || su_dx_write(&x, out, e) < 0)
        return -1;
    if (notes)
        *notes = *said;
    return 0;
}

int su_domain_upgrade(struct su_bytes xml, const struct su_domain_target *t, struct su_buf *out,
                      struct su_domain_notes *notes, struct su_err *e)
{
    return work(xml, t, true, out, notes, e);
}

int su_domain_sources(struct su_bytes xml, const struct su_domain_target *t, struct su_buf *out, struct su_err *e)
{
    return work(xml, t, false, out, NULL, e);
}
