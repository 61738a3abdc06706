/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts and verdicts for people.  Whatever came from the guest passes su_print_safe(). */
#include "disk_show.h"
#include <inttypes.h>
#include <string.h>

void su_print_field(FILE *out, const char *name, const char *value)
{
    fprintf(out, "  %-14s ", name);
    su_print_safe(value, out);
    fputc('\n', out);
}

static void size_text(uint64_t bytes, char *out, size_t cap)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t u = 0;
    double v = (double)bytes;
    for (; v >= 1024 && u + 1 < SU_ARRAY_LEN(units); u++)
        v /= 1024;
    snprintf(out, cap, v < 10 && u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void print_table(const struct su_facts *f, FILE *out)
{
    static const char *const tables[] = {[SU_TABLE_NONE] = "none", [SU_TABLE_MBR] = "MBR", [SU_TABLE_GPT] = "GPT"};
    char size[32];
    size_text(f->image.blk->size, size, sizeof size);
    fprintf(out, "%s: %s, %s, %" PRIu32 "-byte sectors%s, partition table %s\n", f->opt->image, f->image.format, size,
            f->sector_size, f->sector_size_guessed && f->sector_size != 512 ? " (found by trying)" : "",
            tables[f->table]);
    if (f->table == SU_TABLE_MBR)
        fprintf(out, "  %-14s %08" PRIx32 "\n", "disk id", f->mbr.disk_id);
}

static const struct su_part *part_of(const struct su_facts *f, const struct su_vol *x)
{
    for (size_t i = 0; i < f->n_parts; i++)
        if (f->part[i].number == x->partition && x->parent < 0)
            return &f->part[i];
    return NULL;
}

static void print_volumes(const struct su_facts *f, FILE *out)
{
    if (f->vols.n)
        fprintf(out, "\n  %-22s %-5s %14s %10s  %-12s %s\n", "VOLUME", "TYPE", "FIRST SECTOR", "SIZE", "CONTENTS",
                "UUID");
    for (size_t i = 0; i < f->vols.n; i++) {
        const struct su_vol *x = &f->vols.vol[i];
        const struct su_part *p = part_of(f, x);
        char size[32] = "-", type[8] = "", first[24] = "";
        if (x->blk)
            size_text(x->blk->size, size, sizeof size);
        if (p && f->table == SU_TABLE_MBR)
            snprintf(type, sizeof type, "%02x", p->mbr_type);
        if (p)
            snprintf(first, sizeof first, "%" PRIu64, p->off / f->sector_size);
        fprintf(out, "  %s%-*s %-5s %14s %10s  %-12s ", x->parent < 0 ? "" : "  ", x->parent < 0 ? 22 : 20, x->name,
                type, first, size,
                x->what.ambiguous ? "(ambiguous)"
                : x->what.type[0] ? x->what.type
                                  : "-");
        su_print_safe(x->what.uuid, out);
        fputc('\n', out);
    }
    if (f->vols.full)
        fprintf(out, "  ... and more\n");
}

static void print_initramfs(const struct su_facts *f, FILE *out)
{
    fprintf(out, "  %-14s", "initramfs");
    for (int d = 0; d < SU_DRIVER_COUNT; d++)
        if (f->initramfs.driver[d] == SU_DRIVER_MODULE || f->initramfs.driver[d] == SU_DRIVER_BUILTIN)
            fprintf(out, " %s%s", su_driver_name((enum su_driver)d),
                    f->initramfs.driver[d] == SU_DRIVER_BUILTIN ? "(built in)" : "");
    fprintf(out, "%s%s\n", f->initramfs.lvm ? " lvm" : "", f->initramfs.cryptsetup ? " cryptsetup" : "");
}

static void print_linux(const struct su_facts *f, FILE *out)
{
    const struct su_linux *l = &f->linux_;
    fprintf(out, "\n");
    su_print_field(out, "system", l->os_name[0] ? l->os_name : "Linux (its root cannot be read)");
    if (l->hostname[0])
        su_print_field(out, "host name", l->hostname);
    su_print_field(out, "root", l->root.vol < 0 ? "-" : f->vols.vol[l->root.vol].name);
    if (l->grub_found) {
        fprintf(out, "  %-14s GRUB 2 in ", "boot loader");
        su_print_safe(l->grub_dir, out);
        fprintf(out, " on %s%s\n", f->vols.vol[l->boot.vol].name, f->bios.grub_in_mbr ? ", started from the MBR" : "");
        su_print_field(out, "default", l->title);
        su_print_field(out, "command line", l->cmdline);
    }
    if (l->resume[0])
        su_print_field(out, "resume", l->resume);
    for (size_t i = 0; i < l->fstab.n; i++)
        if (strcmp(l->fstab.entry[i].type, "swap") == 0)
            su_print_field(out, "swap", l->fstab.entry[i].spec);
    if (f->has_initramfs)
        print_initramfs(f, out);
    for (size_t i = 0; i < f->names.n; i++)
        su_print_field(out, "network name", f->names.name[i].name);
    for (size_t i = 0; i < l->n_refs; i++) {
        fprintf(out, "  %-14s %u in ", "PARTUUID", l->ref[i].count);
        su_print_safe(l->ref[i].path, out);
        fprintf(out, " on %s\n", f->vols.vol[l->ref[i].vol].name);
    }
}

void su_print_signature(FILE *out, const char *name, const char *path, const struct su_sb_result *r)
{
    fprintf(out, "  %-14s ", name);
    su_print_safe(path, out);
    fprintf(out, "%s%s", *path ? ": " : "", su_sb_verdict_name(r->verdict));
    fprintf(out, r->signer[0] ? " (" : "");
    su_print_safe(r->signer, out);
    fprintf(out, r->signer[0] ? ")\n" : "\n");
}

static void print_secure_boot(const struct su_facts *f, FILE *out)
{
    fprintf(out, "\n");
    if (f->files.found) {
        fprintf(out, "  %-14s %s, for EFI/%s\n", "boot files", f->files.origin, f->files.vendor);
        su_print_signature(out, "shim", "", &f->check.shim);
        su_print_signature(out, "GRUB", "", &f->check.grub);
    }
    for (size_t i = 0; i < f->check.n_kernels; i++)
        su_print_signature(out, "kernel", f->check.kernel[i].path, &f->check.kernel[i].sb);
    if (f->check.has_pcr4) {
        fprintf(out, "  %-14s ", "PCR 4");
        for (size_t i = 0; i < sizeof f->check.pcr4; i++)
            fprintf(out, "%02x", f->check.pcr4[i]);
        fprintf(out, "\n");
    }
}

static void print_changes(const struct su_facts *f, FILE *out)
{
    char size[32], esp_size[32];
    if (f->table != SU_TABLE_MBR || f->layout.n_problems || f->mbr.n_problems || !f->os)
        return;
    const struct su_gpt_entry *esp = &f->layout.gpt.entry[f->layout.esp_number - 1];
    size_text(f->layout.disk_bytes, size, sizeof size);
    size_text((esp->last - esp->first + 1) * f->sector_size, esp_size, sizeof esp_size);
    fprintf(out, "\n  would become   GPT, %s, EFI system partition %u of %s at sector %" PRIu64 "\n", size,
            f->layout.esp_number, esp_size, esp->first);
}

void su_print_facts(const struct su_facts *f, FILE *out)
{
    print_table(f, out);
    print_volumes(f, out);
    if (f->os == &su_os_linux) {
        print_linux(f, out);
        print_secure_boot(f, out);
    } else if (f->os == &su_os_windows) {
        su_print_windows(f, out);
    }
    print_changes(f, out);
    fprintf(out, "\n");
}

void su_print_verdict(const struct su_verdict *v, bool all, FILE *out)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct su_finding *f = &v->finding[i];
        if (f->severity == SU_OK_NOTE && !all)
            continue;
        fprintf(out, "%-8s %-28s ", su_severity_name(f->severity), f->id);
        su_print_safe(f->msg, out);
        if (f->mbr2gpt)
            fprintf(out, " (MBR2GPT: %s, %d)", f->mbr2gpt, f->code);
        fputc('\n', out);
        if (f->remedy && f->severity != SU_OK_NOTE)
            fprintf(out, "%-8s %-28s -> %s\n", "", "", f->remedy);
    }
}
