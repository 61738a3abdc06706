/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about the boot disk: its file, who else uses it, whether it can be kept and changed. */
#include "upgrade/checks_int.h"
#include <inttypes.h>
#include <string.h>

static const struct su_disk_use *use_or_skip(const struct su_vm_facts *f, struct su_check_verdict *v)
{
    const struct su_disk_use *u = su_check_boot_use(f);
    (void)su_check_skip(v, !u);
    return u;
}

static void known(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_boot_disk(f))
        su_check_found(v, row, "it is not clear which disk it boots from");
}

static void local(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (!su_check_skip(v, !d) && !d->source[0])
        su_check_found(v, row, "its boot disk %s (%s) is no file or device of this host", d->target, d->type);
}

static void is_disk(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (!su_check_skip(v, !d) && strcmp(d->device, "disk") != 0)
        su_check_found(v, row, "it boots from %s, which is a %s", d->target, d->device);
}

static void exists(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (!su_check_skip(v, !d || !d->source[0]) && !su_check_boot_use(f))
        su_check_found(v, row, "its boot disk %s is not there", d->source);
}

static void readable(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && !u->readable)
        su_check_found(v, row, "its boot disk %s cannot be read", su_check_boot_disk(f)->source);
}

static void read_only(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (d && d->read_only)
        su_check_found(v, row, "its boot disk %s is read-only", d->target);
}

static void transient(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (d && d->transient)
        su_check_found(v, row, "its boot disk %s is transient: what is written to it is thrown away", d->target);
}

static void shareable(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (d && d->shareable)
        su_check_found(v, row, "its boot disk %s is shareable: others may write to it", d->target);
}

static void used_by_other(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->used_by_other)
        su_check_found(v, row, "its boot disk is a disk of %s, too", u->other);
    else if (u && u->used_twice)
        su_check_found(v, row, "its boot disk is attached to it twice");
}

static void base_of_other(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->base_of_other)
        su_check_found(v, row, "a disk of %s lies on its boot disk, and would be destroyed with it", u->other);
}

static void inventory(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->unread_vms)
        su_check_found(v, row, "the disks of %u other VMs are not known, for one of %s: they could share this one's",
                       f->unread_vms, f->unread_vm);
}

static void nvram(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->nvram_vm[0])
        su_check_found(v, row, "the file for its UEFI variables is that of %s", f->nvram_vm);
}

static void data_shared(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    for (uint32_t i = 0; i < f->defined.n_disks && i < SU_DOM_DISKS; i++) {
        const struct su_dom_disk *d = &f->defined.disk[i];
        bool written = i != f->defined.boot_disk && !d->read_only && strcmp(d->device, "disk") == 0;
        if (written && (d->shareable || f->use[i].used_by_other || f->use[i].base_of_other))
            su_check_found(v, row, "its disk %s is used by others%s%s, so no restore point covers it", d->target,
                           f->use[i].other[0] ? ", for one by " : "", f->use[i].other);
    }
}

static void chain(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->head_unknown)
        su_check_found_as(v, row, SU_CHECK_STOP, "its boot disk is said to be qcow2, and its header is none");
    else if (u && u->chain_unknown)
        su_check_found(v, row, "what lies below its boot disk could not be followed to its end%s%s",
                       u->backing_file[0] ? ": " : "", u->backing_file);
}

static void overlay(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->backing)
        su_check_found(v, row, "its boot disk is an overlay on %s; only the overlay is changed", u->backing_file);
}

static void format(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const good[] = {"raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc", "qed"};
    const struct su_disk_use *u = use_or_skip(f, v);
    for (size_t i = 0; u && i < SU_ARRAY_LEN(good); i++)
        if (strcmp(u->format, good[i]) == 0)
            return;
    if (u)
        su_check_found(v, row, "the format of its boot disk is %s", u->format);
}

static void qcow2_v2(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (su_check_skip(v, !su_check_converts(f)) || !u || !u->compat_v2)
        return;
    if (u->internal_snapshots || f->options.restore == SU_RESTORE_INTERNAL)
        su_check_found(v, row, "its boot disk is a qcow2 of version 2%s, which cannot grow while it has snapshots",
                       u->internal_snapshots ? " with snapshots" : ", and --restore-point internal makes one");
}

static void internal_snapshots(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->internal_snapshots)
        su_check_found(v, row, "its boot disk holds %" PRIu32 " snapshot(s); they keep the old layout and size",
                       u->internal_snapshots);
}

static void encrypted(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->encrypted)
        su_check_found(v, row, "its boot disk is encrypted by QEMU");
}

static void data_file(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (u && u->data_file)
        su_check_found(v, row, "its boot disk keeps its data in another file, which nothing here looks after");
}

static void dirty(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_disk_use *u = use_or_skip(f, v);
    if (!su_check_skip(v, f->live) && u && u->dirty)
        su_check_found(v, row, "its boot disk's image was not closed, or is marked corrupt");
}

static void locked(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, f->live || f->vm.run != SU_HV_OFF)) /* its own QEMU holds it */
        return;
    for (uint32_t i = 0; i < f->defined.n_disks && i < SU_DOM_DISKS; i++)
        if (f->use[i].locked && !f->defined.disk[i].shareable && strcmp(f->defined.disk[i].device, "disk") == 0)
            su_check_found(v, row, "the VM is off, and another program holds the lock of its disk %s",
                           f->defined.disk[i].target);
}

static void space(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    enum { LEAST_MIB = 64, GOOD_MIB = 1024 };
    const struct su_disk_use *u = use_or_skip(f, v);
    if (!u || su_check_skip(v, u->block))
        return;
    uint64_t mib = u->free_space / SU_MIB;
    if (mib < LEAST_MIB)
        su_check_found(v, row, "the file system of its boot disk has %" PRIu64 " MiB left", mib);
    else if (mib < GOOD_MIB && f->restore != SU_RESTORE_NONE)
        su_check_found_as(v, row, SU_CHECK_WARNING,
                          "the file system of its boot disk has %" PRIu64
                          " MiB left, which all that is written until the commit has to fit into",
                          mib);
}

static void restore(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (f->restore_why.kind != SU_OK && su_check_boot_use(f))
        su_check_say(v, &(struct su_check_said){.id = f->restore_why.id ? f->restore_why.id : row->id,
                                                .text = f->restore_why.msg,
                                                .remedy = f->restore_why.remedy ? f->restore_why.remedy : row->remedy,
                                                .severity = row->severity,
                                                .source = row->source});
}

static bool may_be_copy(const struct su_vm_facts *f, uint32_t i)
{
    const struct su_dom_disk *d = &f->defined.disk[i];
    const struct su_disk_use *boot = &f->use[f->defined.boot_disk], *u = &f->use[i];
    bool same_base = u->backing_file[0] && strcmp(u->backing_file, boot->backing_file) == 0;
    return i != f->defined.boot_disk && strcmp(d->device, "disk") == 0 && u->exists &&
           ((u->virtual_size && u->virtual_size == boot->virtual_size) || same_base);
}

/* Linux takes the first file system with the UUID it looks for, whatever disk it is on. */
static void copies(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!use_or_skip(f, v))
        return;
    for (uint32_t i = 0; i < f->defined.n_disks && i < SU_DOM_DISKS; i++)
        if (may_be_copy(f, i))
            su_check_found(v, row,
                           "disk %s is as large as the boot disk; if it is a copy of it, both have the same UUIDs, and "
                           "the guest may take its root from the copy",
                           f->defined.disk[i].target);
}

static void growth(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_converts(f) && strcmp(f->disk.table, "gpt") != 0)
        su_check_found(v, row,
                       "the EFI system partition is put behind the last partition, which then cannot be "
                       "extended in place");
}

static void gpt(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, !f->disk.looked || !su_check_converts(f)) && strcmp(f->disk.table, "gpt") == 0)
        su_check_found(v, row,
                       "the disk has a GPT already and stays as it is: it must hold an EFI system partition "
                       "with a boot loader");
}

static void looked(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, f->disk.looked || (!f->asked.disk && !v->at_rest) || !su_check_boot_use(f)))
        return;
    su_check_found(v, row, "the disk could not be looked into: %s",
                   f->disk.why.msg[0] ? f->disk.why.msg : "nobody asked");
}

const struct su_check su_checks_disk[] = {
    {"vm.disk.boot", SU_CHECK_STOP, SU_FROM_XML, "it is known which disk it boots from",
     "say so in the definition: <boot order='1'/> on that disk", PRE, known},
    {"vm.disk.kind", SU_CHECK_STOP, SU_FROM_XML, "it boots from a hard disk",
     "put the disk with the system first in the boot order", PRE, is_disk},
    {"vm.disk.local", SU_CHECK_STOP, SU_FROM_XML, "the boot disk is a file or device of this host",
     "copy it to this host (qemu-img convert), or attach it as a block device", LIMIT, local},
    {"vm.disk.missing", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk is there", "mount or activate what it lies on", PRE,
     exists},
    {"vm.disk.readable", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk can be read", "run surety as root", PRE, readable},
    {"vm.disk.read-only", SU_CHECK_STOP, SU_FROM_XML, "the boot disk may be written", "remove <readonly/>", LIMIT,
     read_only},
    {"vm.disk.transient", SU_CHECK_STOP, SU_FROM_XML, "what is written to the boot disk stays", "remove <transient/>",
     LIMIT, transient},
    {"vm.disk.shareable", SU_CHECK_STOP, SU_FROM_XML, "the boot disk is not shareable", "remove <shareable/>", LIMIT,
     shareable},
    {"vm.disk.used", SU_CHECK_STOP, SU_FROM_LIBVIRT, "no other VM uses the boot disk", "give each VM a disk of its own",
     LIMIT, used_by_other},
    {"vm.disk.base", SU_CHECK_STOP, SU_FROM_LIBVIRT, "no other disk lies on the boot disk",
     "make the other disk independent: virsh blockpull, or qemu-img rebase -b ''", LIMIT, base_of_other},
    {"vm.inventory", SU_CHECK_WARNING, SU_FROM_LIBVIRT, "the disks of all other VMs are known",
     "see that virsh dumpxml shows them, and that they are disks of their own", LIMIT, inventory},
    {"vm.nvram.used", SU_CHECK_STOP, SU_FROM_LIBVIRT, "no other VM keeps its UEFI variables where this one would",
     "name another file for them in the other VM's <nvram>, and move them there while it is off", LIMIT, nvram},
    {"vm.disk.data-shared", SU_CHECK_NOTE, SU_FROM_LIBVIRT, "no data disk is shared with others", NULL, LIMIT,
     data_shared},
    {"vm.disk.chain", SU_CHECK_WARNING, SU_FROM_HOST, "the chain of files below the boot disk is known",
     "see qemu-img info --backing-chain", LIMIT, chain},
    {"vm.disk.overlay", SU_CHECK_NOTE, SU_FROM_HOST, "the boot disk stands alone", NULL, LIMIT, overlay},
    {"vm.disk.format", SU_CHECK_STOP, SU_FROM_XML, "the boot disk's format can be written",
     "convert it: qemu-img convert -O qcow2", LIMIT, format},
    {"vm.disk.qcow2-v2", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk can grow",
     "run, with the VM off: qemu-img amend -o compat=1.1", ISSUE, qcow2_v2},
    {"vm.disk.snapshots", SU_CHECK_NOTE, SU_FROM_HOST, "the boot disk holds no snapshots",
     "delete those that are not needed", LIMIT, internal_snapshots},
    {"vm.disk.encrypted", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk is not encrypted by QEMU",
     "copy it into an image without encryption, upgrade, then encrypt it again", PRE, encrypted},
    {"vm.disk.data-file", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk holds its data itself",
     "copy it into an image that does: qemu-img convert -O qcow2", LIMIT, data_file},
    {"vm.disk.dirty", SU_CHECK_STOP, SU_FROM_HOST, "the boot disk's image is sound",
     "run, with the VM off: qemu-img check IMAGE, and read its report", PRE, dirty},
    {"vm.disk.locked", SU_CHECK_STOP, SU_FROM_HOST, "no other program writes the VM's disks",
     "end the program: a backup, qemu-nbd, or a VM that libvirt does not know", PRE, locked},
    {"vm.disk.space", SU_CHECK_STOP, SU_FROM_HOST, "there is room beside the boot disk",
     "free some space, or say --overlay-dir", PRE, space},
    {"vm.restore.possible", SU_CHECK_STOP, SU_FROM_HOST, "a restore point can be taken",
     "say --restore-point overlay or none", PRACTICE, restore},
    {"vm.disk.copies", SU_CHECK_WARNING, SU_FROM_HOST, "no other disk looks like a copy of the boot disk",
     "detach the copy; surety vm verify compares root's disk with that of the EFI system partition", ISSUE, copies},
    {"vm.disk.growth", SU_CHECK_NOTE, SU_FROM_NOTHING, "the last partition can be extended later",
     "extend the system's volume before the upgrade if it will need more", PRACTICE, growth},
    {"vm.disk.gpt", SU_CHECK_WARNING, SU_FROM_DISK, "the disk is to be converted",
     "see surety disk inspect; when it does not boot under UEFI, all is put back", LIMIT, gpt},
    {"vm.disk.looked", SU_CHECK_UNKNOWN, SU_FROM_DISK, "the disk was looked into",
     "see what surety disk inspect says with the VM off", PRE, looked},
    {0},
};
