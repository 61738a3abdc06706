/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The port to Windows: its own boot manager on the ESP, started from the firmware's fallback path; its boot store,
 * drive letters, boot driver and recovery environment by their new names. */
#include "os_windows.h"
#include "disk/guid.h"
#include <string.h>

enum {
    TYPE_NTFS = 0x07,
    NAMES = 1 << 20, /* bytes of the ESP for directories and long names */
};
#define REUSE_MAX (1024 * SU_MIB)

unsigned su_windows_system_number(const struct su_facts *f)
{
    return f->windows.system < 0 ? 0 : f->vols.vol[f->windows.system].partition;
}

unsigned su_windows_os_number(const struct su_facts *f)
{
    return f->windows.os < 0 ? 0 : f->vols.vol[f->windows.os].partition;
}

bool su_windows_has_system_partition(const struct su_facts *f)
{
    return f->windows.system >= 0 && f->windows.os >= 0 && f->windows.system != f->windows.os;
}

char su_windows_letter(const struct su_facts *f, unsigned number)
{
    for (size_t i = 0; i < f->windows.n_letters; i++)
        if (f->windows.letter[i].number == number)
            return f->windows.letter[i].letter;
    return 0;
}

uint64_t su_windows_esp_bytes(const struct su_facts *f)
{
    const struct su_winboot *b = &f->winboot;
    if (!b->found)
        return 0;
    uint64_t waste = (uint64_t)(b->files + 1) * f->sector_size; /* of the last cluster of each file */
    return su_esp_min_size(f->sector_size, b->bytes + waste + f->store.bytes.n + NAMES);
}

static const struct su_mbr_part *mbr_part(const struct su_facts *f, unsigned number)
{
    for (size_t i = 0; i < f->mbr.n; i++)
        if (f->mbr.part[i].number == number)
            return &f->mbr.part[i];
    return NULL;
}

const char *su_windows_why_not_reuse(const struct su_facts *f)
{
    const struct su_mbr_part *p = mbr_part(f, su_windows_system_number(f));
    uint64_t size = p ? p->count * f->sector_size : 0, need = su_windows_esp_bytes(f);
    return !p                                      ? "there is no system partition"
           : !su_windows_has_system_partition(f)   ? "it holds the system itself"
           : f->windows.winre == f->windows.system ? "it holds the recovery environment"
           : size < (f->sector_size == 4096 ? 260 : 100) * SU_MIB
               ? "it is smaller than an EFI system partition has to be"
           : size > REUSE_MAX ? "it is larger than 1 GiB"
           : need > size      ? "the boot files do not fit into it"
                              : NULL;
}

/* Volumes of Windows' own that must never show up with a letter. */
static void hide(struct su_layout_request *r, unsigned number)
{
    if (number == 0 || number == r->esp_reuse || r->n_overrides == SU_LAYOUT_MAX_OVERRIDES)
        return;
    struct su_layout_override *o = &r->override[r->n_overrides++];
    *o = (struct su_layout_override){.number = number, .attributes = SU_LAYOUT_RECOVERY_ATTRIBUTES};
    memcpy(o->gpt, su_gpt_type_guid(SU_GPT_MS_RECOVERY), sizeof o->gpt);
}

static bool only_winre(const struct su_facts *f, unsigned number)
{
    const struct su_windows *w = &f->windows;
    const struct su_mbr_part *p = mbr_part(f, number);
    return p && p->type == TYPE_NTFS && w->winre_alone && !su_windows_letter(f, number);
}

static void wishes(const struct su_facts *f, struct su_layout_request *r)
{
    unsigned winre = f->windows.winre < 0 ? 0 : f->vols.vol[f->windows.winre].partition;
    r->in_order = true;
    r->msr = f->opt->msr;
    r->bios_sectors = 0;
    if (f->opt->reuse_esp && !su_windows_why_not_reuse(f))
        r->esp_reuse = su_windows_system_number(f);
    if (su_windows_has_system_partition(f))
        hide(r, su_windows_system_number(f));
    if (only_winre(f, winre))
        hide(r, winre);
}

static int read_windows(struct su_facts *f, bool *mine, struct su_err *e)
{
    unsigned active[SU_MBR_MAX_PARTS];
    struct su_win_disk d;
    su_facts_win_disk(f, active, &d);
    if (su_windows_find(&d, &f->windows, e) < 0)
        return -1;
    *mine = f->windows.found;
    return 0;
}

static int judge_windows(struct su_facts *f, struct su_err *e)
{
    unsigned active[SU_MBR_MAX_PARTS];
    struct su_win_disk d;
    su_facts_win_disk(f, active, &d);
    if (f->windows.os < 0 || !f->vols.vol[f->windows.os].fs)
        return 0;
    if (su_windows_read_versions(&d, &f->windows, e) < 0 ||
        su_winboot_find(&f->vols, &f->windows, f->opt->firmware_vars, &f->winboot, e) < 0)
        return -1;
    return f->table == SU_TABLE_MBR ? su_winstore_make(f, e) : 0;
}

static int esp_files(const struct su_facts *f, struct su_esp_list *l, struct su_err *e)
{
    if (f->store.why.kind != SU_OK)
        return *e = f->store.why, -1;
    if (!f->winboot.found || f->store.bytes.n == 0)
        return su_fail(e, SU_E_MISSING, "windows.bootfiles", "there is nothing to put on the ESP");
    if (su_winboot_read(&f->vols, &f->windows, &f->winboot, &l->win, e) < 0)
        return -1;
    for (size_t i = 0; i < l->win.n; i++)
        if (su_esp_list_put(l, l->win.file[i].path, l->win.file[i].bytes, e) < 0)
            return -1;
    return su_esp_list_put(l, "EFI/Microsoft/Boot/BCD", su_buf_bytes(&f->store.bytes), e);
}

/* MBR2GPT's own words, in its order (without the line about shrinking, which is never done). */
static const char *const *messages(const struct su_facts *f, enum su_phase p)
{
    static const char *const none[] = {NULL};
    static const char *const judge[] = {"Retrieving layout of disk",
                                        "Validating layout, disk sector size is: 512 bytes", NULL};
    static const char *const judge_4k[] = {"Retrieving layout of disk",
                                           "Validating layout, disk sector size is: 4096 bytes", NULL};
    static const char *const esp[] = {"Creating the EFI system partition", "Installing the new boot files", NULL};
    static const char *const layout[] = {"Performing the layout conversion", NULL};
    static const char *const done[] = {"Migrating default boot entry", "Fixing drive letter mapping",
                                       "Conversion completed successfully", NULL};
    static const char *const done_winre[] = {"Migrating default boot entry", "Adding recovery boot entry",
                                             "Fixing drive letter mapping", "Conversion completed successfully", NULL};
    switch (p) {
    case SU_PHASE_JUDGE:
        return f->sector_size == SU_SECTOR ? judge : judge_4k;
    case SU_PHASE_ESP:
        return esp;
    case SU_PHASE_WRITE:
        return layout;
    case SU_PHASE_DONE:
        return f->windows.winre < 0 ? done : done_winre;
    default:
        return none;
    }
}

static const struct su_rule *const rules[] = {su_rules_windows, su_rules_windows_boot, NULL};

const struct su_os_port su_os_windows = {.name = "windows",
                                         .read = read_windows,
                                         .judge = judge_windows,
                                         .layout = wishes,
                                         .rules = rules,
                                         .esp_from_disk = true,
                                         .esp = esp_files,
                                         .edits = su_windows_edits_list,
                                         .esp_bytes = su_windows_esp_bytes,
                                         .messages = messages};
