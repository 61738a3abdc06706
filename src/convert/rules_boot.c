/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about Secure Boot, and about staying bootable under BIOS. */
#include "os.h"
#include "rules.h"
#include <inttypes.h>

enum { CORE_SECTORS = 48 }; /* no GRUB core with a file system in it is smaller */

static void files_found(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_err *why = &f->files_why;
    if (why->kind != SU_OK) /* one that comes without a remedy is about a file's bytes */
        su_found_as(v, SU_STOP, why->remedy ? why->id : "boot.files.unusable", why->remedy ? why->remedy : row->remedy,
                    "%s", why->msg);
    else if (!f->files.found)
        su_found(v, row, "no signed shim and GRUB for %s, neither in the guest nor on this host",
                 f->linux_.os_name[0] ? f->linux_.os_name : "this system");
}

static bool trusted(const struct su_sb_result *r)
{
    return r->verdict == SU_SB_TRUSTED_BY_FIRMWARE || r->verdict == SU_SB_TRUSTED_BY_SHIM;
}

static bool windows_starts(const struct su_winboot *b)
{
    return b->found && b->firmware_known && b->manager.verdict == SU_SB_TRUSTED_BY_FIRMWARE;
}

bool su_facts_secure_boot(const struct su_facts *f)
{
    if (f->os == &su_os_windows)
        return windows_starts(&f->winboot);
    bool ok = f->check.firmware_known && f->check.shim.verdict == SU_SB_TRUSTED_BY_FIRMWARE && trusted(&f->check.grub);
    for (size_t i = 0; i < f->check.n_kernels; i++)
        ok = ok && (!f->check.kernel[i].is_default || trusted(&f->check.kernel[i].sb));
    return ok;
}

static void firmware_keys(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (!f->check.firmware_known)
        su_found(v, row, "the firmware's keys are not known: %s is missing", f->opt->firmware_vars);
}

static void loader_trusted(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    enum su_severity s = f->opt->allow_unsigned ? SU_WARNING : SU_STOP;
    if (!f->files.found || !f->check.firmware_known)
        return;
    if (f->check.shim.verdict != SU_SB_TRUSTED_BY_FIRMWARE)
        su_found_as(v, s, row->id, row->remedy, "the firmware would not start shim (%s%s%s)",
                    su_sb_verdict_name(f->check.shim.verdict), f->check.shim.signer[0] ? ", signed by " : "",
                    f->check.shim.signer);
    if (!trusted(&f->check.grub))
        su_found_as(v, s, row->id, row->remedy, "shim would not start GRUB (%s%s%s)",
                    su_sb_verdict_name(f->check.grub.verdict), f->check.grub.signer[0] ? ", signed by " : "",
                    f->check.grub.signer);
}

static void kernels_trusted(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->check.n_kernels; i++) {
        const struct su_kernel_check *k = &f->check.kernel[i];
        if (!f->files.found || !k->present || !k->efi || trusted(&k->sb))
            continue;
        bool stop = k->is_default && !f->opt->allow_unsigned;
        su_found_as(v, stop ? SU_STOP : SU_WARNING, row->id, row->remedy, "Secure Boot would not start %s%s (%s%s%s)",
                    k->is_default ? "the default kernel " : "", k->path, su_sb_verdict_name(k->sb.verdict),
                    k->sb.signer[0] ? ", signed by " : "", k->sb.signer);
    }
}

static void modules_signed(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->n_unsigned)
        su_found(v, row, "%u kernel module(s) are not signed and will not load, %s for one", f->n_unsigned,
                 f->unsigned_module[0]);
}

static const char *why_not_dual(const struct su_facts *f)
{
    const struct su_bios_facts *b = &f->bios;
    return f->opt->dual == SU_OFF        ? "it was not asked for"
           : f->sector_size != SU_SECTOR ? "no BIOS starts a disk with 4096-byte sectors"
           : !b->grub_in_mbr             ? "the boot record is not GRUB's"
           : b->room < CORE_SECTORS      ? "there is no room before the first partition"
           : !b->files_readable          ? "the guest's own GRUB files for BIOS cannot be read"
                                         : NULL;
}

static void stays_dual(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const char *why = why_not_dual(f);
    if (why)
        su_found_as(v, f->opt->dual == SU_ON ? SU_STOP : SU_NOTE, row->id, row->remedy,
                    "after conversion the disk boots under UEFI only: %s", why);
}

const struct su_rule su_rules_boot[] = {
    {"boot.files.missing", SU_STOP, "the distribution's signed boot files are at hand",
     "put shimx64.efi, grubx64.efi and mmx64.efi of the guest's distribution into a directory and say --boot-files DIR "
     "(Debian: packages shim-signed, shim-helpers-amd64-signed, grub-efi-amd64-signed)",
     files_found},
    {"boot.firmware.vars", SU_WARNING, "the firmware's keys are known",
     "install the ovmf package, or name the VM's variable store with --firmware-vars FILE", firmware_keys},
    {"boot.secureboot.loader", SU_STOP, "the firmware starts shim, and shim starts GRUB",
     "use boot files of the guest's distribution that the firmware's keys accept (--boot-files DIR)", loader_trusted},
    {"boot.secureboot.kernel", SU_STOP, "shim accepts the signature of every kernel",
     "install the distribution's signed kernel in the guest, or say --allow-unsigned and run the VM without Secure "
     "Boot",
     kernels_trusted},
    {"boot.secureboot.modules", SU_WARNING, "every kernel module outside the kernel's own tree is signed",
     "sign the modules with a machine owner key (mokutil), or run the VM without Secure Boot", modules_signed},
    {"boot.bios", SU_NOTE, "after conversion the disk boots under BIOS and under UEFI",
     "going back to BIOS then needs surety disk rollback", stays_dual},
    {0},
};
