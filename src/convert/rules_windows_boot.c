/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about how Windows will start: boot files, Secure Boot, drivers, recovery. */
#include "os_windows.h"
#include <stdio.h>
#include <string.h>

enum { MACHINE_X64 = 0x8664, MACHINE_X86 = 0x014C, MACHINE_ARM64 = 0xAA64, BUILD_WINDOWS_8 = 9200 };

static bool readable(const struct su_facts *f)
{
    return f->windows.os >= 0 && f->vols.vol[f->windows.os].fs;
}

static void of_64_bits(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    uint16_t m = f->windows.machine;
    if (!readable(f) || m == 0 || m == MACHINE_X64)
        return;
    su_found(v, row, "this Windows is for %s machines, and 64-bit x86 firmware cannot start it",
             m == MACHINE_X86     ? "32-bit x86"
             : m == MACHINE_ARM64 ? "ARM"
                                  : "other");
}

static void boot_files(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_winboot *b = &f->winboot;
    if (!readable(f))
        return;
    if (b->why.kind != SU_OK)
        su_found_as(v, SU_STOP, b->why.id, b->why.remedy ? b->why.remedy : row->remedy, "%s", b->why.msg);
    else if (!b->found)
        su_found(v, row, "there is no boot manager for UEFI, %s/Boot/EFI/bootmgfw.efi", f->windows.root);
}

static void names_fit(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (f->winboot.skipped)
        su_found(v, row, "%u boot file(s) of %s have names that do not go onto an ESP, and stay away",
                 f->winboot.skipped, f->winboot.from);
}

static void new_enough(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    if (!readable(f) || w->version.build == 0 || w->version.build >= BUILD_WINDOWS_8)
        return;
    su_found_as(v, f->opt->allow_unsigned ? SU_WARNING : SU_STOP, row->id, row->remedy,
                "%s (build %u) is older than Windows 8 and does not start with Secure Boot",
                w->version.product[0] ? w->version.product : "this Windows", w->version.build);
}

static void manager_trusted(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_winboot *b = &f->winboot;
    if (!b->found || b->machine != MACHINE_X64)
        return;
    if (!b->firmware_known)
        su_found_as(v, SU_WARNING, "boot.firmware.vars",
                    "install the ovmf package, or name the VM's variable store with --firmware-vars FILE",
                    "the firmware's keys are not known: %s is missing", f->opt->firmware_vars);
    else if (b->manager.verdict != SU_SB_TRUSTED_BY_FIRMWARE)
        su_found_as(v, f->opt->allow_unsigned ? SU_WARNING : SU_STOP, row->id, row->remedy,
                    "the firmware would not start %s/bootmgfw.efi with Secure Boot (%s%s%s)", b->from,
                    su_sb_verdict_name(b->manager.verdict), b->manager.signer[0] ? ", signed by " : "",
                    b->manager.signer);
    else if (b->ex)
        su_found_as(v, SU_NOTE, row->id, NULL, "the boot files are those of %s, signed with the newer key", b->from);
}

/* "ide, sata": the buses whose driver starts at boot. */
static const char *buses_that_start(const struct su_winsystem *s, char out[64])
{
    struct su_buf list = {0};
    for (int b = 0; b < SU_WINBUS_COUNT; b++)
        if (s->bus[b] == SU_WINSTART_BOOT)
            su_buf_printf(&list, "%s%s", list.n ? ", " : "", su_winbus_name((enum su_winbus)b));
    snprintf(out, 64, "%s", list.n ? su_buf_str(&list) : "");
    su_buf_done(&list);
    return out;
}

static void wanted_bus(const struct su_facts *f, const struct su_rule *row, enum su_winbus bus, struct su_verdict *v)
{
    const char *name = su_winbus_name(bus);
    switch (f->windows.settings.bus[bus]) {
    case SU_WINSTART_BOOT:
        break;
    case SU_WINSTART_LATER:
        su_found_as(v, SU_NOTE, row->id, NULL,
                    "the driver for %s is installed, and will be started at boot from now on", name);
        break;
    case SU_WINSTART_ABSENT:
        su_found(v, row, "no driver for %s is installed, so Windows would not start from it", name);
        break;
    case SU_WINSTART_UNKNOWN:
        su_found_as(v, SU_WARNING, row->id, row->remedy, "whether a driver for %s starts at boot is not known", name);
        break;
    }
}

static void driver_starts(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    char list[64];
    if (!f->windows.system_hive.loaded)
        return;
    for (int b = 0; f->opt->boot_bus && b < SU_WINBUS_COUNT; b++)
        if (strcmp(su_winbus_name((enum su_winbus)b), f->opt->boot_bus) == 0)
            wanted_bus(f, row, (enum su_winbus)b, v);
    if (f->opt->boot_bus)
        return;
    if (buses_that_start(&f->windows.settings, list)[0])
        su_found_as(v, SU_NOTE, row->id, "say --boot-bus BUS when the disk will be on another bus",
                    "Windows starts from a disk on: %s", list);
    else
        su_found_as(v, SU_WARNING, row->id, row->remedy, "no driver for a disk is seen to start at boot");
}

static void recovery(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    if (w->has_entry && w->entry.has_winre && w->winre < 0)
        su_found(v, row, "the recovery environment is not on this disk, so its boot entry leads nowhere");
    else if (w->winre >= 0 && !w->winre_file)
        su_found(v, row, "the boot store names a recovery environment, but %s has no %s", f->vols.vol[w->winre].name,
                 w->winre_path[0] ? w->winre_path : "such file");
    for (size_t i = 0; i < SU_WIN_REAGENTS; i++)
        if (w->reagent[i].vol >= 0 && w->reagent[i].why.kind != SU_OK)
            su_found(v, row, "%.100s stays as it is: %.120s", w->reagent[i].path, w->reagent[i].why.msg);
}

static void reuse(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const char *why = f->opt->reuse_esp && f->windows.os >= 0 ? su_windows_why_not_reuse(f) : NULL;
    if (why)
        su_found(v, row, "the system partition cannot become the EFI system partition: %s", why);
}

static void esp_large_enough(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    uint64_t need = su_windows_esp_bytes(f), size = su_facts_esp_bytes(f);
    if (!f->layout.esp_reused && need > size)
        su_found(v, row, "the boot files need an EFI system partition of at least %u MiB", (unsigned)(need / SU_MIB));
}

static void only_uefi(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    su_found_as(v, f->opt->dual == SU_ON ? SU_STOP : SU_NOTE, row->id, row->remedy,
                "after conversion the disk boots under UEFI only: Windows starts from a GPT in no other way");
}

const struct su_rule su_rules_windows_boot[] = {
    {"windows.bits", SU_STOP, "Windows is of 64 bits",
     "install Windows anew, in its edition for 64-bit x86 machines (x64)", of_64_bits},
    {"windows.bootfiles", SU_STOP, "Windows has its boot files for UEFI",
     "restore them in the guest: sfc /scannow, or DISM /Online /Cleanup-Image /RestoreHealth", boot_files},
    {"windows.names", SU_WARNING, "every boot file has a name that goes onto an ESP", NULL, names_fit},
    {"windows.esp", SU_STOP, "the boot files fit into the EFI system partition", "say a larger --esp-size, or none",
     esp_large_enough},
    {"windows.old", SU_STOP, "Windows is 8, Server 2012 or newer",
     "upgrade Windows first, or say --allow-unsigned and run the VM without Secure Boot", new_enough},
    {"windows.secureboot", SU_STOP, "the firmware's keys accept the boot manager",
     "install the guest's updates, or a firmware whose keys accept it (--firmware-vars), or say --allow-unsigned and "
     "run the VM without Secure Boot",
     manager_trusted},
    {"windows.driver", SU_STOP, "the driver for the bus it will boot from starts at boot",
     "install the driver in the guest first (virtio-win for virtio and scsi), or name another bus", driver_starts},
    {"windows.winre", SU_WARNING, "the recovery environment is where the boot store says",
     "run reagentc /disable and reagentc /enable in the guest after the first start", recovery},
    {"windows.reuse", SU_STOP, "--reuse-esp is possible, or not asked for", "leave --reuse-esp away", reuse},
    {"windows.bios", SU_NOTE, "it is known what the disk boots under",
     "going back to BIOS then needs surety disk rollback", only_uefi},
    {0},
};
