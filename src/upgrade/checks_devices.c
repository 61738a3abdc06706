/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about devices: what a q35 machine with UEFI carries differently, or not at all. */
#include "upgrade/checks_int.h"
#include <inttypes.h>
#include <string.h>

static void passthrough(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.n_hostdevs_pci)
        su_check_found(v, row, "%" PRIu32 " PCI device(s) of the host are passed through: they get new addresses%s",
                       f->defined.n_hostdevs_pci,
                       su_check_secure_boot(f) ? ", and option ROMs that nobody signed do not run" : "");
}

static void rom(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.rom_bios)
        su_check_found(v, row, "a device brings a file as its option ROM, which was made for BIOS or is not signed");
}

static void usb_hostdev(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.n_hostdevs_usb)
        su_check_found(v, row, "%" PRIu32 " USB device(s) of the host are passed through; firmware sees them, too",
                       f->defined.n_hostdevs_usb);
}

static void shmem(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.n_shmem)
        su_check_found(v, row, "it shares memory with others (shmem), at a new PCI address");
}

static void tpm(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.vtpm && f->defined.tpm == SU_UNKNOWN)
        su_check_found(v, row, "it has a TPM that is no emulated TPM 2.0 (%s)",
                       f->defined.tpm_backend[0] ? f->defined.tpm_backend : "unknown");
}

static void command_line(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.qemu_commandline)
        su_check_found(v, row, "its definition gives QEMU arguments of its own, which are kept as they are");
}

static void command_line_bus(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.qemu_names_i440fx && su_check_to_q35(f))
        su_check_found(v, row, "its own arguments for QEMU name devices or buses that q35 does not have");
}

static void bridges(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.n_pci_bridges && su_check_to_q35(f))
        su_check_found(v, row, "it has %" PRIu32 " PCI bridge(s), which are planned anew", f->defined.n_pci_bridges);
}

static void nics_elsewhere(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.n_nics_elsewhere && su_check_to_q35(f))
        su_check_found(v, row, "%" PRIu32 " network card(s) sit behind a bridge, so their names in the guest change",
                       f->defined.n_nics_elsewhere);
}

static void more(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.more)
        su_check_found(v, row, "it has more than %d disks or %d network cards", SU_DOM_DISKS, SU_DOM_NICS);
}

static void floppy(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.floppy)
        su_check_found(v, row, "it has a floppy drive, from which UEFI does not boot");
}

static void ide(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.ide && su_check_to_q35(f))
        su_check_found(v, row, "its IDE drives become SATA drives: q35 has no IDE");
}

static void sound(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.isa_sound)
        su_check_found(v, row, "it has an ISA sound card, which 64-bit systems hardly drive");
}

static void hotplug(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.memory_hotplug && f->options.secure_boot)
        su_check_found(v, row, "it has memory slots; SMM needs memory of its own above what can be added");
}

static void iommu(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.iommu)
        su_check_found(v, row, "it has an IOMMU, so groups of passed-through devices change with their addresses");
}

static void serial(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.n_serials)
        su_check_found(v, row, "UEFI firmware writes its console to every serial port (%" PRIu32 ")",
                       f->extras.n_serials);
}

static void no_serial(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.n_serials == 0)
        su_check_found(v, row, "it has no serial port, so a boot that fails can only be watched on its screen");
}

static void network_first(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.network_first)
        su_check_found(v, row, "it tries the network before its disk, and UEFI's PXE waits long and boots other files");
}

static void cdrom_first(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.cdrom_first)
        su_check_found(v, row, "a CD that is in the drive comes before its disk, and may be one that UEFI boots");
}

static void reboots(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->extras.reboot_destroys)
        su_check_found(v, row,
                       "it is switched off when its guest restarts, as boot loaders do after repairing entries");
}

static void acpi(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!f->defined.acpi)
        su_check_found(v, row, "it has no ACPI, which UEFI needs, and by which a guest without agent is shut down");
}

const struct su_check su_checks_devices[] = {
    {"vm.devices.pci", SU_CHECK_WARNING, SU_FROM_XML, "no PCI device of the host is passed through",
     "see that the device has a signed UEFI option ROM, or needs none (rom bar='off')", LIMIT, passthrough},
    {"vm.devices.rom", SU_CHECK_WARNING, SU_FROM_XML, "no device brings an option ROM as a file",
     "remove <rom file='...'/>, or give a signed UEFI image", LIMIT, rom},
    {"vm.devices.usb", SU_CHECK_NOTE, SU_FROM_XML, "no USB device of the host is passed through", NULL, LIMIT,
     usb_hostdev},
    {"vm.devices.shmem", SU_CHECK_NOTE, SU_FROM_XML, "no memory is shared with others",
     "what finds it by its PCI address has to be told", LIMIT, shmem},
    {"vm.devices.tpm", SU_CHECK_STOP, SU_FROM_XML, "there is no TPM yet, or an emulated TPM 2.0",
     "remove <tpm> from the definition, or say --vtpm off; what the guest sealed with it has to be unsealed first",
     LIMIT, tpm},
    {"vm.devices.arguments", SU_CHECK_WARNING, SU_FROM_XML, "QEMU gets no arguments but libvirt's",
     "see that <qemu:commandline> fits a q35 machine with UEFI", LIMIT, command_line},
    {"vm.devices.arguments-bus", SU_CHECK_STOP, SU_FROM_XML, "no argument names buses of i440fx",
     "change <qemu:commandline>, or say --machine i440fx (UEFI and vTPM without Secure Boot)", LIMIT, command_line_bus},
    {"vm.devices.bridges", SU_CHECK_NOTE, SU_FROM_XML, "there are no PCI bridges", NULL, LIMIT, bridges},
    {"vm.devices.nics", SU_CHECK_WARNING, SU_FROM_XML, "network cards keep their slots",
     "configure the network in the guest by MAC address", ISSUE, nics_elsewhere},
    {"vm.devices.more", SU_CHECK_STOP, SU_FROM_XML, "all disks and network cards can be looked at",
     "remove disks or cards that are not needed", LIMIT, more},
    {"vm.devices.floppy", SU_CHECK_NOTE, SU_FROM_XML, "there is no floppy drive", "remove it if it is not needed",
     LIMIT, floppy},
    {"vm.devices.ide", SU_CHECK_NOTE, SU_FROM_XML, "there are no IDE drives",
     "after the upgrade see that no file in the guest names /dev/hdX", LIMIT, ide},
    {"vm.devices.sound", SU_CHECK_NOTE, SU_FROM_XML, "there is no ISA sound card", "use model ich9", LIMIT, sound},
    {"vm.devices.memory", SU_CHECK_NOTE, SU_FROM_XML, "no memory is to be added while it runs", NULL, LIMIT, hotplug},
    {"vm.devices.iommu", SU_CHECK_NOTE, SU_FROM_XML, "there is no IOMMU", NULL, LIMIT, iommu},
    {"vm.devices.serial", SU_CHECK_NOTE, SU_FROM_XML, "no serial port carries data",
     "what reads a serial port for data has to live with the firmware's text", ISSUE, serial},
    {"vm.devices.console", SU_CHECK_NOTE, SU_FROM_XML, "there is a serial port for the console",
     "add a serial port before the upgrade, so that firmware and boot loader can be watched", "good practice",
     no_serial},
    {"vm.devices.network-first", SU_CHECK_WARNING, SU_FROM_XML, "the disk is tried before the network",
     "put the disk first in the boot order", LIMIT, network_first},
    {"vm.devices.cdrom-first", SU_CHECK_WARNING, SU_FROM_XML, "the disk is tried before a CD in the drive",
     "eject the CD, or put the disk first in the boot order", LIMIT, cdrom_first},
    {"vm.devices.reboot", SU_CHECK_WARNING, SU_FROM_XML, "it goes on when its guest restarts",
     "set <on_reboot>restart</on_reboot>", ISSUE, reboots},
    {"vm.devices.acpi", SU_CHECK_WARNING, SU_FROM_XML, "it has ACPI", "libvirt adds <acpi/> with UEFI firmware", LIMIT,
     acpi},
    {0},
};
