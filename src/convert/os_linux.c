/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Linux port: GRUB 2 as it is, started by the distribution's signed shim and GRUB. */
#include "guest/grubcore.h"
#include "os.h"
#include <string.h>

static int read_bios(struct su_facts *f, struct su_err *e)
{
    struct su_bios_facts *b = &f->bios;
    b->grub_in_mbr = su_grub_is_boot_sector(f->mbr.sector);
    b->room = su_layout_bios_room(&f->mbr);
    b->files_readable = f->linux_.grub_found && su_bios_files(&f->vols, &f->linux_);
    return su_bios_print(&f->vols, &f->linux_, b->print, e);
}

static int read_linux(struct su_facts *f, bool *mine, struct su_err *e)
{
    if (su_linux_find(&f->vols, f->partuuid, f->n_partuuid, &f->linux_, e) < 0)
        return -1;
    *mine = f->linux_.found;
    if (*mine && su_bootfiles_find(&f->vols, &f->linux_, f->opt->boot_files, &f->files, &f->files_why) < 0 &&
        f->files_why.kind == SU_E_NOMEM)
        return *e = f->files_why, -1;
    return 0;
}

static int check_boot(struct su_facts *f, struct su_err *e)
{
    return su_bootcheck(&f->vols, &f->linux_, &f->files, f->opt->firmware_vars, &f->check, e);
}

static int judge_linux(struct su_facts *f, struct su_err *e)
{
    return su_facts_read_tree(f, check_boot, e) < 0 ? -1 : read_bios(f, e);
}

/* The signed files at the place firmware looks by itself, and again in the distribution's directory,
 * where its own packages update them; and a stub that finds the guest's grub.cfg. */
static int esp_files(const struct su_facts *f, struct su_esp_list *l, struct su_err *e)
{
    const struct su_bootfiles *b = &f->files;
    if (!b->found || !f->linux_.grub_found)
        return su_fail(e, SU_E_MISSING, "boot.files.missing", "there is nothing to put on the ESP");
    const struct su_vol *boot = &f->vols.vol[f->linux_.boot.vol];
    struct su_bytes shim = su_buf_bytes(&b->shim), grub = su_buf_bytes(&b->grub), mm = su_buf_bytes(&b->mm);
    if (su_grub_stub(boot->what.uuid, f->linux_.grub_dir, &l->own, e) < 0)
        return -1;
    if (su_esp_list_add(l, "BOOT", "BOOTX64.EFI", shim, e) < 0 ||
        su_esp_list_add(l, "BOOT", "grubx64.efi", grub, e) < 0 || su_esp_list_add(l, "BOOT", "mmx64.efi", mm, e) < 0 ||
        su_esp_list_add(l, b->vendor, "shimx64.efi", shim, e) < 0 ||
        su_esp_list_add(l, b->vendor, "grubx64.efi", grub, e) < 0 ||
        su_esp_list_add(l, b->vendor, "mmx64.efi", mm, e) < 0)
        return -1;
    return su_esp_list_add(l, b->vendor, "grub.cfg", su_buf_bytes(&l->own), e);
}

static const struct su_rule *const rules[] = {su_rules_linux, su_rules_boot, NULL};

const struct su_os_port su_os_linux = {.name = "linux",
                                       .read = read_linux,
                                       .judge = judge_linux,
                                       .rules = rules,
                                       .esp = esp_files,
                                       .edits = su_edits_list};
