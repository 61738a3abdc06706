/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about the system on the disk: its boot loader, and what must be rewritten. */
#include "edits.h"
#include "rules.h"
#include <stdio.h>
#include <string.h>

static void nothing_boots(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    (void)f;
    su_found(v, row, "not a boot disk: no system and no /boot was found on it");
}

static void has_loader(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (!f->linux_.grub_found)
        su_found(v, row, "a Linux system is here, but no configuration of GRUB 2");
}

static void menu_understood(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->linux_.grub_found && f->linux_.grub_why.kind != SU_OK)
        su_found(v, row, "GRUB's menu could not be understood: %s", f->linux_.grub_why.msg);
    if (f->linux_.grub_bls)
        su_found_as(v, SU_NOTE, "linux.grub.bls", NULL,
                    "GRUB's menu comes from boot loader entry files, so the default kernel is not known in advance");
}

static void kernel_there(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->check.n_kernels; i++) {
        const struct su_kernel_check *k = &f->check.kernel[i];
        if (k->is_default && !k->present)
            su_found(v, row, "the default kernel %s does not exist", k->path);
    }
}

static void kernel_efi(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->check.n_kernels; i++) {
        const struct su_kernel_check *k = &f->check.kernel[i];
        if (k->is_default && k->present && !k->efi)
            su_found(v, row, "the default kernel %s cannot be started by 64-bit UEFI firmware", k->path);
    }
}

static void partuuids(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->linux_.n_stuck; i++) {
        const struct su_linux_stuck *s = &f->linux_.stuck[i];
        su_found_as(v, row->severity, row->id,
                    s->why.remedy ? s->why.remedy
                                  : "in the guest, make it a plain text file, or name partitions by UUID= in it",
                    "%.80s on %.40s may name partitions by PARTUUID, and cannot be rewritten: %.80s", s->path,
                    f->vols.vol[s->vol].name, s->why.msg);
    }
    for (size_t i = 0; i < f->linux_.n_refs; i++) {
        const struct su_linux_ref *r = &f->linux_.ref[i];
        if (!su_edit_possible(f, r->vol))
            su_found(v, row, "%s on %s names partitions by PARTUUID, and surety does not write %s itself", r->path,
                     f->vols.vol[r->vol].name, f->vols.vol[r->vol].what.type);
    }
}

static void fstab_esp(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_linux *l = &f->linux_;
    char uuid[16];
    su_edit_esp_uuid(f, uuid);
    if (l->fstab_why.kind != SU_OK)
        su_found_as(v, row->severity, row->id, "repair fstab in the guest, and add the line there",
                    "fstab is not understood (%.80s), so the ESP is not added; the line is: UUID=%s /boot/efi vfat "
                    "umask=0077,nofail 0 1",
                    l->fstab_why.msg, uuid);
    else if (su_fstab_find(&l->fstab, "/boot/efi"))
        su_found_as(v, SU_NOTE, "linux.fstab.efi", NULL,
                    "fstab mounts something on /boot/efi already and stays as it is");
    else if (l->found && l->root.vol < 0)
        su_found(v, row,
                 "fstab cannot be read, so the ESP is not added; the line is: UUID=%s /boot/efi vfat "
                 "umask=0077,nofail 0 1",
                 uuid);
    else if (l->found && !su_edit_possible(f, l->root.vol))
        su_found(v, row,
                 "surety does not write %s itself, so the ESP is not added to fstab; the line is: UUID=%s "
                 "/boot/efi vfat umask=0077,nofail 0 1",
                 f->vols.vol[l->root.vol].what.type, uuid);
}

static void fstab_names(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->linux_.fstab_why.kind != SU_OK)
        su_found_as(v, SU_NOTE, row->id, NULL, "fstab is not understood, so how it names volumes is not known");
    for (size_t i = 0; i < f->linux_.fstab.n; i++) {
        const struct su_fstab_entry *en = &f->linux_.fstab.entry[i];
        bool cd =
            strcmp(en->type, "iso9660") == 0 || strncmp(en->type, "udf", 3) == 0 || strncmp(en->value, "fd", 2) == 0;
        if (!cd && (en->kind == SU_SPEC_KERNEL_NAME || en->kind == SU_SPEC_PATH || en->kind == SU_SPEC_ID))
            su_found(v, row, "fstab names %.80s as %.80s, which changes with the disk's bus", en->file, en->spec);
    }
}

static void resume_baked(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (su_edit_resume(f) && !su_edit_possible(f, f->linux_.boot.vol))
        su_found(v, row, "the initramfs looks for its swap by an old PARTUUID, and GRUB's menu cannot be changed");
}

static void drivers(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_initramfs_facts *i = &f->initramfs;
    if (f->initramfs_why.kind != SU_OK)
        su_found_as(v, SU_NOTE, "linux.initramfs.closed", NULL, "the initramfs could not be looked into: %s",
                    f->initramfs_why.msg);
    else if (f->has_initramfs && !su_facts_driver(f, "virtio_blk") && !su_facts_driver(f, "ahci"))
        su_found(v, row, "the initramfs of %s has neither virtio_blk nor ahci", i->kernel);
}

static void names(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->names.n; i++)
        if (!f->names.name[i].pinned)
            su_found(v, row, "the network is configured by the name %s, which depends on the machine (%s)",
                     f->names.name[i].name, su_netname_kind_name(f->names.name[i].kind));
}

static void hibernation(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->linux_.resume[0] && strcmp(f->linux_.resume, "none") != 0)
        su_found(v, row, "the system is set up to hibernate, which Secure Boot turns off");
}

static const struct su_rule rules_no_os[] = {
    {"linux.boot.missing", SU_STOP, "the disk has a system that it boots",
     "name the disk the VM boots from; data disks need no conversion", nothing_boots},
    {0},
};
const struct su_rule *const su_rules_no_os[] = {rules_no_os, NULL};

const struct su_rule su_rules_linux[] = {
    {"linux.boot.loader", SU_STOP, "the system is started by GRUB 2",
     "if /boot is on another disk, convert that one; other boot loaders than GRUB 2 must be replaced first",
     has_loader},
    {"linux.grub.menu", SU_WARNING, "GRUB's menu is understood",
     "run update-grub in the guest; without it PCR 4 cannot be predicted", menu_understood},
    {"linux.kernel.missing", SU_STOP, "the default kernel exists", "run update-grub in the guest", kernel_there},
    {"linux.kernel.efi", SU_STOP, "the default kernel can be started by UEFI",
     "install the distribution's 64-bit kernel in the guest", kernel_efi},
    {"linux.partuuid", SU_STOP, "references by PARTUUID can be rewritten",
     "say --engine appliance (needs libguestfs), or change them to UUID= in the guest", partuuids},
    {"linux.fstab.esp", SU_WARNING, "the ESP can be added to fstab",
     "say --engine appliance (needs libguestfs), or --key-file for an encrypted root, or add the line in the guest",
     fstab_esp},
    {"linux.fstab.names", SU_WARNING, "fstab names volumes by what is on them",
     "change the entry to UUID= in the guest", fstab_names},
    {"linux.resume", SU_WARNING, "the initramfs finds its swap",
     "run update-initramfs -u in the guest after the first start", resume_baked},
    {"linux.initramfs.drivers", SU_WARNING, "the initramfs has a driver for the disk of a q35 machine",
     "set MODULES=most in /etc/initramfs-tools/initramfs.conf and run update-initramfs -u in the guest", drivers},
    {"linux.network.names", SU_WARNING, "the network does not depend on PCI slots",
     "keep the PCI slot of the network card in the new machine, or configure the network by MAC address", names},
    {"linux.hibernation", SU_NOTE, "the system does not hibernate", NULL, hibernation},
    {0},
};
