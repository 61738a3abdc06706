/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about the host.  On libvirt's test driver no guest runs, so there they say nothing. */
#include "upgrade/checks_int.h"
#include <string.h>

static bool no_caps(const struct su_vm_facts *f, struct su_check_verdict *v)
{
    return su_check_skip(v, f->test_driver || !f->caps.known);
}

static void caps(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, f->test_driver) && !f->caps.known)
        su_check_found(v, row, "libvirt does not say what this host can");
}

static void q35(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_caps(f, v) && f->options.machine == SU_MACHINE_Q35 && !f->caps.q35)
        su_check_found(v, row, "this host's QEMU has no q35 machine");
}

static void efi(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_caps(f, v) && !f->caps.efi)
        su_check_found(v, row, "libvirt finds no UEFI firmware on this host");
}

static void secure_boot(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_caps(f, v) && su_check_secure_boot(f) && !f->caps.secure_boot)
        su_check_found(v, row, "libvirt finds no UEFI firmware with Secure Boot on this host");
}

static void tpm(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_caps(f, v) && f->options.vtpm && !f->caps.tpm_emulator)
        su_check_found(v, row, "this host's libvirt or QEMU cannot emulate a TPM");
}

static void tpm_crb(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_caps(f, v) && f->options.vtpm && f->defined.tpm == SU_NO && !f->caps.tpm_crb)
        su_check_found(v, row, "this host's QEMU has no tpm-crb device");
}

static void swtpm(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, f->test_driver || !f->local || !f->options.vtpm) && !f->host.swtpm)
        su_check_found(v, row, "swtpm is not installed");
}

static void swtpm_setup(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, f->test_driver || !f->local || !f->options.vtpm) && !f->host.swtpm_setup)
        su_check_found(v, row, "swtpm_setup is not installed, so no new vTPM can be made");
}

static void qemu_img(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, f->test_driver || !f->local || f->restore == SU_RESTORE_NONE) && !f->host.qemu_img)
        su_check_found(v, row, "qemu-img is not installed, so no restore point can be taken");
}

static bool no_firmware(const struct su_vm_facts *f, struct su_check_verdict *v)
{
    return su_check_skip(v, f->test_driver || !f->local);
}

static void descriptor(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!no_firmware(f, v) && !f->host.descriptor)
        su_check_found(v, row, "no firmware descriptor on this host offers UEFI for this machine%s",
                       su_check_secure_boot(f) ? " with Secure Boot, SMM and enrolled keys" : "");
}

static void loader(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, no_firmware(f, v) || !f->host.descriptor) && !f->host.loader)
        su_check_found(v, row, "the firmware %s cannot be read", f->host.loader_file);
}

static void nvram_template(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, no_firmware(f, v) || !f->host.descriptor) && !f->host.nvram_template)
        su_check_found(v, row, "the template of the UEFI variables %s cannot be read", f->host.template_file);
}

#define OVMF "install the Debian package ovmf (edk2-ovmf elsewhere), then restart libvirtd"

const struct su_check su_checks_host[] = {
    {"vm.host.caps", SU_CHECK_UNKNOWN, SU_FROM_LIBVIRT, "libvirt says what this host can",
     "see what virsh domcapabilities says", PRE, caps},
    {"vm.host.q35", SU_CHECK_STOP, SU_FROM_LIBVIRT, "this host's QEMU has q35 machines",
     "install a newer QEMU, or move the VM to another host", PRE, q35},
    {"vm.host.uefi", SU_CHECK_STOP, SU_FROM_LIBVIRT, "this host has UEFI firmware", OVMF, PRE, efi},
    {"vm.host.secure-boot", SU_CHECK_STOP, SU_FROM_LIBVIRT, "this host has UEFI firmware with Secure Boot", OVMF, PRE,
     secure_boot},
    {"vm.host.tpm", SU_CHECK_STOP, SU_FROM_LIBVIRT, "this host can emulate a TPM",
     "install the Debian packages swtpm and swtpm-tools, then restart libvirtd", PRE, tpm},
    {"vm.host.tpm-crb", SU_CHECK_STOP, SU_FROM_LIBVIRT, "this host's QEMU has the tpm-crb device",
     "install a newer QEMU", PRE, tpm_crb},
    {"vm.host.swtpm", SU_CHECK_STOP, SU_FROM_HOST, "swtpm is installed", "install the Debian package swtpm", PRE,
     swtpm},
    {"vm.host.swtpm-setup", SU_CHECK_STOP, SU_FROM_HOST, "swtpm_setup is installed",
     "install the Debian package swtpm-tools", PRE, swtpm_setup},
    {"vm.host.qemu-img", SU_CHECK_STOP, SU_FROM_HOST, "qemu-img is installed",
     "install the Debian package qemu-utils, or say --restore-point none", PRE, qemu_img},
    {"vm.host.firmware", SU_CHECK_STOP, SU_FROM_HOST, "a firmware descriptor offers what is asked for", OVMF, PRE,
     descriptor},
    {"vm.host.loader", SU_CHECK_STOP, SU_FROM_HOST, "the firmware's file can be read", OVMF, PRE, loader},
    {"vm.host.nvram-template", SU_CHECK_STOP, SU_FROM_HOST, "the template of the UEFI variables can be read", OVMF, PRE,
     nvram_template},
    {0},
};
