/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about the VM as libvirt has it: what it is, and what holds it now. */
#include "upgrade/checks_int.h"
#include <inttypes.h>
#include <string.h>

static void already(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->same_already)
        su_check_found(v, row, "%s is Trusted Launch already: UEFI%s%s", f->vm.name,
                       f->options.secure_boot ? ", Secure Boot" : "", f->options.vtpm ? ", vTPM" : "");
}
const struct su_check su_check_already = {"vm.already",
                                          SU_CHECK_NOTE,
                                          SU_FROM_XML,
                                          "the VM is not Trusted Launch yet",
                                          "nothing has to be done; surety vm verify proves it",
                                          "prerequisite",
                                          already};

static void remote(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!f->local)
        su_check_found(v, row, "libvirt runs on another host, where its disks are");
}

static void persistent(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!f->vm.persistent)
        su_check_found(v, row, "it is a transient domain: its definition ends when it stops");
}

static void virt_type(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const good[] = {"kvm", "qemu", "test"};
    for (size_t i = 0; i < SU_ARRAY_LEN(good); i++)
        if (strcmp(f->defined.virt_type, good[i]) == 0)
            return;
    su_check_found(v, row, "its hypervisor is %s", f->defined.virt_type);
}

static void os_type(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (strcmp(f->defined.os_type, "hvm") != 0 || f->defined.xen)
        su_check_found(v, row, "it is no fully virtualized machine of QEMU (%s%s)", f->defined.os_type,
                       f->defined.xen ? ", Xen" : "");
}

static void arch(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (strcmp(f->defined.arch, "x86_64") != 0)
        su_check_found(v, row, "its architecture is %s, and an upgrade does not change that", f->defined.arch);
}

static void machine(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.chipset == SU_CHIPSET_OTHER)
        su_check_found(v, row, "its machine type is %s", f->defined.machine);
}

static void machine_asked(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->options.machine == SU_MACHINE_I440FX && f->defined.chipset == SU_CHIPSET_Q35)
        su_check_found(v, row, "--machine i440fx was asked for, and it is a q35 machine");
}

static void secure_boot_off(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_secure_boot(f))
        su_check_found(v, row, "it gets UEFI without Secure Boot%s: nothing stops boot kits",
                       f->options.secure_boot ? ", which i440fx machines cannot have" : "");
}

static void vtpm_off(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!f->options.vtpm)
        su_check_found(v, row, "it gets no vTPM%s",
                       f->options.secure_boot ? ": nothing measures what it boots"
                                              : ", and no Secure Boot: UEFI alone adds no security");
}

static void kernel_boot(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.kernel_boot)
        su_check_found(v, row, "it starts a kernel of the host (direct kernel boot), which bypasses Secure Boot");
}

static void launch_security(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->defined.launch_security)
        su_check_found(v, row, "it has launch security (SEV or the like), which is measured with its own firmware");
}

static void run_state(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.run == SU_HV_PAUSED)
        su_check_found(v, row, "it is paused, so its guest cannot shut down");
    else if (f->vm.run == SU_HV_BUSY)
        su_check_found(v, row, "it is shutting down, migrating or crashed");
    else if (v->at_rest && f->vm.run != SU_HV_OFF)
        su_check_found(v, row, "somebody started it meanwhile");
}

static void managed_save(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.managed_save)
        su_check_found(v, row, "its memory is saved on disk (managed save), and fits only the machine it came from");
}

static void updated(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->live && f->vm.updated)
        su_check_found(v, row, "its definition was changed since it was started; the changed one is what is upgraded");
}

static void job(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.job)
        su_check_found(v, row, "a job of libvirt runs on it: a backup, a block job or a migration");
}

static void snapshots(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.snapshots > 0)
        su_check_found(v, row, "it has snapshots: going back to one is going back to the BIOS machine of its time");
    else if (f->vm.snapshots < 0)
        su_check_skip(v, true);
}

static void checkpoints(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.checkpoints > 0)
        su_check_found(v, row,
                       "it has checkpoints of incremental backups, which do not see what changes while it is off");
    else if (f->vm.checkpoints < 0)
        su_check_skip(v, true);
}

static void autostart(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->vm.autostart)
        su_check_found(v, row, "libvirt starts it by itself when the host starts, also in the middle of an upgrade");
}

static void unfinished(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const ended[] = {"", "upgraded"};
    if (su_check_skip(v, v->at_rest)) /* it is this upgrade's own mark */
        return;
    for (size_t i = 0; i < SU_ARRAY_LEN(ended); i++)
        if (strcmp(f->defined.upgrade_state, ended[i]) == 0)
            return;
    su_check_found(v, row, "an upgrade of it did not end (%s)", f->defined.upgrade_state);
}

static void memory(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    enum { LEAST_MIB = 64, GOOD_MIB = 512 /* measured with OVMF 2022.11: 48 MiB do not start */ };
    uint64_t mib = f->defined.memory_kib >> 10;
    if (mib < LEAST_MIB)
        su_check_found(v, row, "it has %" PRIu64 " MiB of memory, and UEFI firmware with SMM needs %d", mib, LEAST_MIB);
    else if (mib < GOOD_MIB)
        su_check_found_as(v, row, SU_CHECK_WARNING,
                          "it has %" PRIu64 " MiB of memory; UEFI firmware keeps about 20 MiB, and GRUB unpacks there",
                          mib);
}

static void vcpus(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    enum { APIC = 255, TSEG_FITS = 128 };
    const uint64_t tseg_memory_kib = UINT64_C(1) << 30; /* 1 TiB */
    if (f->defined.vcpus > APIC && !f->defined.iommu)
        su_check_found(v, row, "it has %" PRIu32 " vCPUs; on q35 more than %d need an IOMMU with eim", f->defined.vcpus,
                       APIC);
    else if (su_check_secure_boot(f) && (f->defined.vcpus > TSEG_FITS || f->defined.memory_kib > tseg_memory_kib))
        su_check_found_as(v, row, SU_CHECK_WARNING,
                          "with %" PRIu32 " vCPUs and so much memory the SMM memory of 16 MiB may be too small",
                          f->defined.vcpus);
}

static void cpu(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const no_long_mode[] = {"486",   "pentium", "pentium2", "pentium3", "qemu32",
                                               "kvm32", "coreduo", "n270",     "athlon"};
    for (size_t i = 0; i < SU_ARRAY_LEN(no_long_mode); i++)
        if (strcmp(f->extras.cpu_model, no_long_mode[i]) == 0) {
            su_check_found(v, row, "its CPU model %s has no 64-bit mode", no_long_mode[i]);
            return;
        }
    if (f->extras.cpu_without_long_mode)
        su_check_found(v, row, "its CPU's 64-bit mode (lm) is switched off");
}

static void transform(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    (void)row;
    if (f->transform_why.kind != SU_OK)
        su_check_say(v, &(struct su_check_said){.id = f->transform_why.id,
                                                .text = f->transform_why.msg,
                                                .remedy = f->transform_why.remedy,
                                                .severity = SU_CHECK_STOP,
                                                .source = SU_FROM_XML});
    for (unsigned i = 0; i < f->notes.n && i < SU_NOTES_MAX; i++)
        su_check_say(v, &(struct su_check_said){.id = f->notes.note[i].id,
                                                .text = f->notes.note[i].text,
                                                .severity = f->notes.note[i].lost ? SU_CHECK_WARNING : SU_CHECK_NOTE,
                                                .source = SU_FROM_XML});
}

const struct su_check su_checks_vm[] = {
    {"vm.remote", SU_CHECK_STOP, SU_FROM_LIBVIRT, "libvirt runs on this host, where the disks are",
     "run surety on the host of the VM", PRE, remote},
    {"vm.persistent", SU_CHECK_STOP, SU_FROM_LIBVIRT, "the VM has a persistent definition",
     "make it persistent: virsh dumpxml NAME > FILE, then virsh define FILE", PRE, persistent},
    {"vm.virt-type", SU_CHECK_STOP, SU_FROM_XML, "the hypervisor is QEMU, with KVM or without",
     "move the VM to KVM first", PRE, virt_type},
    {"vm.os-type", SU_CHECK_STOP, SU_FROM_XML, "it is a fully virtualized machine", "move the VM to KVM first", PRE,
     os_type},
    {"vm.arch", SU_CHECK_STOP, SU_FROM_XML, "the architecture is x86_64",
     "an upgrade keeps the architecture: install a new 64-bit VM", PRE, arch},
    {"vm.machine", SU_CHECK_STOP, SU_FROM_XML, "the machine type is i440fx (pc) or q35",
     "change the machine type to pc or q35 first", PRE, machine},
    {"vm.machine.asked", SU_CHECK_STOP, SU_FROM_XML, "the machine asked for can be had", "leave --machine out", LIMIT,
     machine_asked},
    {"vm.secure-boot.off", SU_CHECK_WARNING, SU_FROM_NOTHING, "Secure Boot is to be on",
     "leave --secure-boot off out, unless the guest needs kernels or drivers that nobody signed", PRACTICE,
     secure_boot_off},
    {"vm.vtpm.off", SU_CHECK_WARNING, SU_FROM_NOTHING, "the vTPM is to be there", "leave --vtpm off out", PRACTICE,
     vtpm_off},
    {"vm.kernel-boot", SU_CHECK_STOP, SU_FROM_XML, "it boots from its disk",
     "remove <kernel>, <initrd> and <cmdline> from the definition, and see that it boots from its disk", LIMIT,
     kernel_boot},
    {"vm.launch-security", SU_CHECK_STOP, SU_FROM_XML, "it has no launch security of its own",
     "confidential VMs have a firmware of their own, and need no upgrade", LIMIT, launch_security},
    {"vm.run-state", SU_CHECK_STOP, SU_FROM_LIBVIRT, "the VM runs, or is off",
     "resume it or shut it off, then ask again", PRE, run_state},
    {"vm.managed-save", SU_CHECK_STOP, SU_FROM_LIBVIRT, "there is no saved memory of the VM",
     "start it and shut it down, or give the memory up: virsh managedsave-remove NAME", LIMIT, managed_save},
    {"vm.updated", SU_CHECK_WARNING, SU_FROM_LIBVIRT, "the VM runs as it is defined",
     "compare virsh dumpxml NAME with virsh dumpxml --inactive NAME", PRACTICE, updated},
    {"vm.job", SU_CHECK_STOP, SU_FROM_LIBVIRT, "no job of libvirt runs on the VM",
     "wait for it, or end it: virsh domjobinfo NAME, virsh domjobabort NAME", PRE, job},
    {"vm.snapshots", SU_CHECK_WARNING, SU_FROM_LIBVIRT, "the VM has no snapshots",
     "delete the snapshots that are not needed any more: virsh snapshot-list NAME", LIMIT, snapshots},
    {"vm.checkpoints", SU_CHECK_STOP, SU_FROM_LIBVIRT, "the VM has no checkpoints of incremental backups",
     "delete them (virsh checkpoint-list NAME, checkpoint-delete), upgrade, then begin with a full backup", PRE,
     checkpoints},
    {"vm.autostart", SU_CHECK_NOTE, SU_FROM_LIBVIRT, "libvirt does not start the VM by itself",
     "do not restart the host during an upgrade, or say virsh autostart --disable NAME until it is done", PRACTICE,
     autostart},
    {"vm.unfinished", SU_CHECK_WARNING, SU_FROM_XML, "no upgrade of the VM is unfinished",
     "surety goes on where it stopped; see surety job list", PRE, unfinished},
    {"vm.memory", SU_CHECK_STOP, SU_FROM_XML, "the memory is enough for UEFI", "give the VM 512 MiB or more", PRE,
     memory},
    {"vm.vcpus", SU_CHECK_STOP, SU_FROM_XML, "the vCPUs are not too many for q35 and SMM",
     "add <iommu model='intel'> with eim='on', or give the VM fewer vCPUs; for SMM set <tseg> to 48 MiB", LIMIT, vcpus},
    {"vm.cpu", SU_CHECK_STOP, SU_FROM_XML, "the CPU has a 64-bit mode",
     "choose another CPU model, for example qemu64 or host-model", PRE, cpu},
    {"vm.transform", SU_CHECK_STOP, SU_FROM_XML, "the definition can be carried over", NULL, LIMIT, transform},
    {0},
};
