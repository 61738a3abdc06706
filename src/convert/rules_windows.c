/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about Windows as it lies on the disk: those of MBR2GPT, each by its name, and the state it was left in. */
#include "disk/guid.h"
#include "os_windows.h"
#include <inttypes.h>
#include <string.h>

#define SHUTDOWN "start Windows and shut it down fully: shutdown /s /t 0"

static const char *vol_name(const struct su_facts *f, int vol)
{
    return vol < 0 ? "-" : f->vols.vol[vol].name;
}

/* What only says that the guest runs is no reason to stop while it does. */
static enum su_severity unless_shared(const struct su_facts *f, enum su_severity s)
{
    return f->opt->shared ? SU_NOTE : s;
}

/* The partition table -------------------------------------------------------- */

/* Then BitLocker is the reason why nothing is found there. */
static bool active_encrypted(const struct su_facts *f)
{
    int vol = f->windows.active ? su_vols_by_partition(&f->vols, f->windows.active) : -1;
    return vol >= 0 && strcmp(f->vols.vol[vol].what.type, "BitLocker") == 0;
}

static void one_active(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    if (w->n_active == 0)
        su_found(v, row, "no partition is marked active, so the system partition is not known");
    else if (w->n_active > 1)
        su_found(v, row, "%u partitions are marked active, partition %u first", w->n_active, w->active);
    else if (w->system < 0 && !active_encrypted(f))
        su_found(v, row, "the active partition %u has neither a boot manager nor a boot store", w->active);
}

static void primaries(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    unsigned n = f->mbr.ext_slot != 0;
    for (size_t i = 0; i < f->mbr.n; i++)
        n += f->mbr.part[i].number <= SU_MBR_PRIMARIES;
    if (n > 3)
        su_found(v, row, "%u primary partitions: accepted, a GPT has room for all", n);
}

static void logical(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    unsigned n = 0;
    for (size_t i = 0; i < f->mbr.n; i++)
        n += f->mbr.part[i].number > SU_MBR_PRIMARIES;
    if (f->mbr.ext_slot)
        su_found(v, row, "%u logical partition(s): accepted, they become partitions like the others", n);
}

/* The boot store -------------------------------------------------------------- */

static void store_usable(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    const struct su_err *why = &w->store_why;
    if (why->kind != SU_OK && w->store_rebuilt)
        su_found_as(v, SU_WARNING, why->id,
                    "look at the start menu after the first start; entries of the old store are not in the new one",
                    "%.150s; a new store is made from BCD-Template", why->msg);
    else if (why->kind != SU_OK && w->candidates > 1)
        su_found_as(v, SU_STOP, why->id, why->remedy, "%.150s, and %u volumes hold a Windows", why->msg, w->candidates);
    else if (why->kind != SU_OK)
        su_found_as(v, SU_STOP, why->id, why->remedy ? why->remedy : row->remedy, "%.150s%s", why->msg,
                    w->candidates == 1 && !w->template_hive.loaded ? ", and no BCD-Template to make a new one from"
                                                                   : "");
    else if (w->os < 0)
        su_found(v, row, "the boot store names no system on this disk");
}

static void store_converts(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_err *why = &f->store.why;
    if (why->kind != SU_OK)
        su_found_as(v, SU_STOP, row->id, why->remedy ? why->remedy : row->remedy,
                    "the boot store cannot be converted: %.200s", why->msg);
    for (size_t i = 0; i < f->store.n_notes; i++)
        su_found(v, row, "boot store: %s", f->store.note[i]);
}

/* Volumes --------------------------------------------------------------------- */

static void volume_ids(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    if (w->os < 0 || !w->system_hive.loaded)
        return;
    if (!su_windows_letter(f, su_windows_os_number(f)))
        su_found(v, row, "no drive letter is on record for %s, which holds the system: Windows will choose one",
                 vol_name(f, w->os));
}

static void letter_goes(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    char letter = su_windows_letter(f, su_windows_system_number(f));
    if (su_windows_has_system_partition(f) && letter)
        su_found(v, row, "the system partition %s loses its drive letter %c:", vol_name(f, f->windows.system), letter);
}

/* --map, or a type of the OS's own that means something else. */
static void type_stays(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    unsigned os = su_windows_os_number(f), now = os ? f->layout.number_of[os] : 0;
    if (f->layout.n_problems || now == 0)
        return;
    if (memcmp(f->layout.gpt.entry[now - 1].type, su_gpt_type_guid(SU_GPT_MS_BASIC), 16) != 0)
        su_found(v, row,
                 "%s, which holds the system, would become a partition of a type that Windows does not start from",
                 vol_name(f, f->windows.os));
}

static void hide_note(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (su_windows_has_system_partition(f) && !f->layout.esp_reused)
        su_found(v, row, "the old system partition %s stays, hidden, so that the disk can go back to BIOS",
                 vol_name(f, f->windows.system));
}

/* Says of an NTFS volume that is dirty; returns whether it is. */
static bool is_dirty(const struct su_facts *f, const struct su_vol *x, const struct su_ntfs_state *st,
                     enum su_severity s, const struct su_rule *row, struct su_verdict *v)
{
    const char *what = st->dirty            ? "is marked for a check of its file system"
                       : st->log_dirty      ? "was not shut down cleanly"
                       : st->mirror_differs ? "has a file table that differs from its copy"
                                            : NULL;
    if (what)
        su_found_as(v, unless_shared(f, s), row->id, row->remedy, "%s %s", x->name, what);
    return what;
}

/* The system may lie on the system partition: then there is one volume. */
static void clean(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_windows *w = &f->windows;
    if (w->os >= 0 && f->vols.vol[w->os].fs)
        is_dirty(f, &f->vols.vol[w->os], &w->os_state, SU_STOP, row, v);
    if (w->system >= 0 && w->system != w->os && f->vols.vol[w->system].fs)
        is_dirty(f, &f->vols.vol[w->system], &w->system_state, SU_STOP, row, v);
}

static bool sleeps(const struct su_facts *f)
{
    return f->windows.os_state.hibernated || f->windows.system_state.hibernated;
}

static void hibernated(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (sleeps(f) && !f->windows.settings.fast_startup)
        su_found(v, row, "Windows is hibernated: hiberfil.sys holds a system that is to wake up");
}

static void fast_startup(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (sleeps(f) && f->windows.settings.fast_startup)
        su_found(v, row, "Windows is hibernated, or was shut down with Fast Startup: hiberfil.sys holds a system");
}

static void fast_startup_on(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    if (!sleeps(f) && f->windows.settings.fast_startup)
        su_found(v, row, "Fast Startup is on; a plain shut down will hibernate the system");
}

static void other_volumes(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    for (size_t i = 0; i < f->vols.n; i++) {
        const struct su_vol *x = &f->vols.vol[i];
        struct su_ntfs_state st;
        if ((int)i == f->windows.os || (int)i == f->windows.system || f->windows.os < 0 ||
            (f->windows.active && x->partition == f->windows.active))
            continue;
        if (strcmp(x->what.type, "BitLocker") == 0)
            su_found_as(v, SU_WARNING, row->id,
                        "have its recovery key at hand, or turn BitLocker off there until the first start",
                        "%s, a data volume, is encrypted with BitLocker, and may ask for its key", x->name);
        else if (x->fs && su_fs_ntfs_state(x->fs, &st) == 0)
            is_dirty(f, x, &st, SU_WARNING, row, v);
    }
}

/* Registry -------------------------------------------------------------------- */

/* A hive that was not written to its end, Windows completes when it shuts down; another one it does not start with. */
static const char *hive_remedy(const struct su_win_hive *s, const struct su_rule *row)
{
    if (s->why.remedy)
        return s->why.remedy;
    if (s->why.id && strcmp(s->why.id, "hive.damaged") == 0)
        return "repair Windows first: chkdsk, then its SYSTEM hive from a restore point or a backup";
    return row->remedy;
}

static void hives(const struct su_facts *f, const struct su_rule *row, struct su_verdict *v)
{
    const struct su_win_hive *s = &f->windows.system_hive, *o = &f->windows.software_hive;
    if (f->windows.os < 0 || !f->vols.vol[f->windows.os].fs)
        return;
    if (!s->loaded)
        su_found_as(v, unless_shared(f, SU_STOP), s->why.id ? s->why.id : row->id, hive_remedy(s, row),
                    "the hive %s cannot be used: %.120s", s->path, s->why.msg);
    else if (s->replayed)
        su_found_as(v, SU_NOTE, row->id, NULL, "the SYSTEM hive was completed from its logs, %u entries", s->replayed);
    if (o->there && !o->loaded)
        su_found_as(v, SU_NOTE, row->id, NULL, "the version of Windows is not known: %.160s", o->why.msg);
}

#define KEEP_LETTERS "a drive letter is set in Windows' disk management, before or after"

const struct su_rule su_rules_windows[] = {
    {"windows.active", SU_STOP, "one partition is active, and it is the system partition",
     "mark the partition with \\bootmgr and \\Boot\\BCD active, in Windows' disk management or with diskpart",
     one_active, "V4", SU_MBR2GPT_LAYOUT},
    {"windows.primaries", SU_OK_NOTE, "there are at most 3 primary partitions", NULL, primaries, "V3",
     SU_MBR2GPT_LAYOUT},
    {"windows.logical", SU_OK_NOTE, "there are no logical partitions", NULL, logical, "V5", SU_MBR2GPT_LAYOUT},
    {"windows.store", SU_STOP, "the boot store's default entry is a Windows on this disk",
     "repair the boot store in the guest: bcdboot C:\\Windows /f BIOS", store_usable, "V6", SU_MBR2GPT_LAYOUT},
    {"windows.store.notes", SU_WARNING, "every entry of the boot store goes with UEFI",
     "look at the start menu after the first start (bcdedit /enum all)", store_converts},
    {"windows.volume-ids", SU_WARNING, "the system's volume has its drive letter on record", KEEP_LETTERS, volume_ids,
     "V7", SU_MBR2GPT_LAYOUT},
    {"windows.letter", SU_NOTE, "the system partition has no drive letter", KEEP_LETTERS, letter_goes},
    {"windows.type", SU_STOP, "the system's partition becomes one of Microsoft basic data",
     "leave its MBR type out of --map, or map it to ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", type_stays, "V8",
     SU_MBR2GPT_LAYOUT},
    {"windows.hidden", SU_NOTE, "no system partition stays behind", NULL, hide_note},
    {"windows.dirty", SU_STOP, "the volumes that Windows starts from were shut down cleanly",
     "start Windows, let chkdsk run, and shut it down fully: shutdown /s /t 0", clean},
    {"windows.hibernated", SU_STOP, "Windows is not hibernated", SHUTDOWN, hibernated},
    {"windows.faststartup", SU_STOP, "Windows was not shut down with Fast Startup",
     SHUTDOWN " (which ends Fast Startup's sleep); to be rid of it: powercfg /h off", fast_startup},
    {"windows.faststartup-on", SU_NOTE, "Fast Startup is off", "shut Windows down with: shutdown /s /t 0",
     fast_startup_on},
    {"windows.hive", SU_STOP, "the SYSTEM hive is complete", SHUTDOWN, hives},
    {"windows.data", SU_WARNING, "other volumes are in order",
     "start Windows, let chkdsk run on that volume, and shut it down fully", other_volumes},
    {0},
};
