/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Windows on a disk for people.  Whatever came from the guest passes su_print_safe(). */
#include "disk_show.h"
#include <string.h>

static const char *name_of(const struct su_facts *f, int vol)
{
    return vol < 0 ? "-" : f->vols.vol[vol].name;
}

static void print_system(const struct su_facts *f, FILE *out)
{
    const struct su_windows *w = &f->windows;
    char text[160], version[96] = "";
    if (w->version.build)
        snprintf(version, sizeof version, ", build %u.%u", w->version.build, w->version.ubr);
    snprintf(text, sizeof text, "%s%s%s%s", w->version.product[0] ? w->version.product : "Windows", version,
             w->machine ? ", " : "", su_machine_name(w->machine));
    su_print_field(out, "system", text);
    if (w->settings.computer[0])
        su_print_field(out, "computer name", w->settings.computer);
}

static void print_places(const struct su_facts *f, FILE *out)
{
    const struct su_windows *w = &f->windows;
    char text[SU_WIN_PATH + 200];
    if (f->table == SU_TABLE_MBR)
        su_print_field(out, "started from", name_of(f, w->system));
    snprintf(text, sizeof text, "%s%s%s%s", name_of(f, w->os), w->os < 0 ? "" : " in ", w->os < 0 ? "" : w->root,
             w->bitlocker_os ? ", encrypted with BitLocker" : "");
    su_print_field(out, "Windows", text);
    for (size_t i = 0; i < w->n_letters; i++)
        fprintf(out, "  %-14s %c: is partition %u\n", i ? "" : "drive letters", w->letter[i].letter,
                w->letter[i].number);
    if (w->winre_path[0]) {
        snprintf(text, sizeof text, "%s on %s%s", w->winre_path, name_of(f, w->winre),
                 w->winre < 0     ? ", not on this disk"
                 : !w->winre_file ? ", which is not there"
                                  : "");
        su_print_field(out, "recovery", text);
    } else if (f->table == SU_TABLE_MBR) {
        su_print_field(out, "recovery", "no boot entry");
    }
}

static void print_store(const struct su_facts *f, FILE *out)
{
    const struct su_windows *w = &f->windows;
    char text[400];
    if (f->table != SU_TABLE_MBR)
        return; /* the one that counts is on the ESP */
    if (w->has_entry)
        snprintf(text, sizeof text, "\"%s\", %s%s", w->entry.description, w->entry.root,
                 w->store.replayed ? ", completed from its logs" : "");
    else
        snprintf(text, sizeof text, "%s", w->store_rebuilt ? "will be made from BCD-Template" : "-");
    su_print_field(out, "boot entry", text);
    if (w->store_why.kind != SU_OK)
        su_print_field(out, "", w->store_why.msg);
    for (size_t i = 0; i < f->store.n_notes; i++)
        su_print_field(out, "", f->store.note[i]);
}

/* Only where there is something to say. */
static void print_hive(FILE *out, const char *name, const struct su_win_hive *h)
{
    char text[320];
    if (h->why.kind != SU_OK)
        snprintf(text, sizeof text, "%s: %s", name, h->why.msg);
    else
        snprintf(text, sizeof text, "%s: completed from its logs, %u entries", name, h->replayed);
    if (h->why.kind != SU_OK || h->replayed)
        su_print_field(out, "registry", text);
}

static void print_drivers(const struct su_winsystem *s, FILE *out)
{
    fprintf(out, "  %-14s", "boot drivers");
    for (int b = 0; b < SU_WINBUS_COUNT; b++)
        if (s->bus[b] == SU_WINSTART_BOOT)
            fprintf(out, " %s", su_winbus_name((enum su_winbus)b));
    for (int b = 0; b < SU_WINBUS_COUNT; b++)
        if (s->bus[b] == SU_WINSTART_LATER)
            fprintf(out, " %s(not at boot)", su_winbus_name((enum su_winbus)b));
    fputc('\n', out);
}

static void print_state(const struct su_facts *f, int vol, const struct su_ntfs_state *s, FILE *out)
{
    char text[200];
    snprintf(text, sizeof text, "%s:%s%s%s%s", name_of(f, vol), s->hibernated ? " hibernated" : "",
             s->dirty ? " asks for chkdsk" : "", s->log_dirty ? " not shut down cleanly" : "",
             s->mirror_differs ? " damaged" : "");
    if (vol >= 0 && (s->hibernated || s->dirty || s->log_dirty || s->mirror_differs))
        su_print_field(out, "health", text);
}

static void print_boot_files(const struct su_winboot *b, FILE *out)
{
    char text[SU_WIN_PATH + sizeof b->why.msg + 16];
    fputc('\n', out);
    if (!b->found) {
        su_print_field(out, "boot files", b->why.kind != SU_OK ? b->why.msg : "-");
        return;
    }
    if (b->why.kind != SU_OK)
        snprintf(text, sizeof text, "%s: %s", b->from, b->why.msg);
    else
        snprintf(text, sizeof text, "%s, %zu files, %.1f MiB", b->from, b->files, (double)b->bytes / (double)SU_MIB);
    su_print_field(out, "boot files", text);
    su_print_signature(out, "boot manager", "", &b->manager);
    if (b->has_ex)
        su_print_signature(out, "", b->ex ? "the one of 2011" : "the one of 2023", &b->manager_ex);
}

void su_print_windows(const struct su_facts *f, FILE *out)
{
    const struct su_windows *w = &f->windows;
    fputc('\n', out);
    print_system(f, out);
    print_places(f, out);
    print_store(f, out);
    if (w->system_hive.loaded)
        print_drivers(&w->settings, out);
    print_hive(out, "SYSTEM", &w->system_hive);
    print_hive(out, "SOFTWARE", &w->software_hive);
    print_state(f, w->os, &w->os_state, out);
    if (w->system != w->os)
        print_state(f, w->system, &w->system_state, out);
    if (w->settings.fast_startup)
        su_print_field(out, "Fast Startup", "switched on");
    print_boot_files(&f->winboot, out);
}
