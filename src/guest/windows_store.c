/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The boot store, and the volume its default entry names.
 *
 * What is wrong with it is a finding with an id of its own, in store_why.  A store that is missing, damaged or was not
 * written completely is the only reason to look for the system instead. */
#include "utf16.h"
#include "windows_int.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STORE "/Boot/BCD"
#define REPAIR "repair the boot store in the guest, with bcdboot C:\\Windows /f BIOS, then shut it down"

/* A finding is no failure: always 0. */
#define FOUND(w, kind, id, remedy, ...)                                                                                \
    ((void)su_fail(&(w)->store_why, kind, id, __VA_ARGS__), (void)su_remedy(&(w)->store_why, remedy), 0)

/* Looking for a system ------------------------------------------------------ */

/* Volumes with a file at root + tail.  *vol: the last one. */
static int count_with(const struct su_vols *v, const char *root, const char *const *tails, size_t n, unsigned *count,
                      int *vol, struct su_err *e)
{
    *count = 0;
    for (int i = 0; i < (int)v->n; i++) {
        bool all = su_win_readable(v, i);
        for (size_t k = 0; k < n && all; k++) {
            char path[SU_WIN_PATH];
            if (!su_win_join(root, tails[k], path))
                return 0;
            if (su_win_exists(v, i, path, &all, e) < 0)
                return -1;
        }
        if (all) {
            ++*count;
            *vol = i;
        }
    }
    return 0;
}

static const char *const signs[] = {SU_WIN_CONFIG "SYSTEM", "/Boot/EFI/bootmgfw.efi"};

static int look_for_system(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    int vol = -1;
    if (count_with(d->vols, "/Windows", signs, SU_ARRAY_LEN(signs), &w->candidates, &vol, e) < 0)
        return -1;
    if (w->candidates == 1) {
        w->os = vol;
        snprintf(w->root, sizeof w->root, "/Windows");
    }
    return 0;
}

/* What the default entry names ---------------------------------------------- */

static int by_offset(const struct su_win_disk *d, struct su_windows *w, uint64_t offset, int *vol)
{
    unsigned number = su_win_partition_at(d, offset);
    if (number)
        *vol = su_vols_by_partition(d->vols, number);
    if (*vol < 0)
        return FOUND(w, SU_E_MISSING, "windows.store.partition", REPAIR,
                     "the boot store looks for the system %" PRIu64 " bytes into the disk, where no partition begins",
                     offset);
    return 0;
}

static int by_search(const struct su_win_disk *d, struct su_windows *w, int *vol, struct su_err *e)
{
    unsigned n;
    int found = -1;
    if (count_with(d->vols, w->root, signs, 1, &n, &found, e) < 0)
        return -1;
    if (n != 1)
        return FOUND(w, SU_E_MISSING, "windows.store.locate", REPAIR,
                     "the boot store lets the system be searched for, and it is on %u volumes", n);
    *vol = found;
    return 0;
}

static int strange_device(struct su_windows *w)
{
    return FOUND(w, SU_E_FORMAT, "windows.store.device", REPAIR,
                 "the boot store names the system by a device that is not understood");
}

/* The volume a device element means; *vol stays -1 with a finding. */
static int resolve(const struct su_win_disk *d, struct su_windows *w, const struct su_bcd_device *dev, int *vol,
                   struct su_err *e)
{
    switch (dev->kind) {
    case SU_BCD_D_MBR:
        return by_offset(d, w, dev->offset, vol);
    case SU_BCD_D_BOOT:
        *vol = w->system;
        return 0;
    case SU_BCD_D_LOCATE:
        return by_search(d, w, vol, e);
    case SU_BCD_D_FILE:
        return FOUND(w, SU_E_REFUSED, "windows.store.vhd", "convert the virtual hard disk that holds the system",
                     "the system starts from a virtual hard disk inside a file");
    case SU_BCD_D_GPT:
        return FOUND(w, SU_E_REFUSED, "windows.store.disk", REPAIR,
                     "the boot store names a partition of another disk, which has a GPT");
    default:
        return strange_device(w);
    }
}

/* The loader, what it loads, and the boot manager are on this disk; else a finding. */
static void check_disk(const struct su_win_disk *d, struct su_windows *w)
{
    const struct su_bcd_device *of[] = {&w->entry.os, &w->entry.device}, *boot = &w->entry.boot;
    for (size_t i = 0; i < SU_ARRAY_LEN(of) && w->store_why.kind == SU_OK; i++)
        if (of[i]->kind == SU_BCD_D_MBR && of[i]->signature != d->signature)
            (void)FOUND(w, SU_E_REFUSED, "windows.store.disk",
                        "convert the disk that holds the system, with its system partition on it; or " REPAIR,
                        "the default boot entry is on a disk with signature %08" PRIx32 ", this one has %08" PRIx32,
                        of[i]->signature, d->signature);
    if (w->store_why.kind == SU_OK && w->entry.has_boot && boot->kind == SU_BCD_D_MBR &&
        boot->signature != d->signature)
        (void)FOUND(w, SU_E_REFUSED, "windows.store.signatures", REPAIR,
                    "the boot store names two disks: its boot manager is on %08" PRIx32 ", this disk is %08" PRIx32,
                    boot->signature, d->signature);
}

/* The volume can be read, and the system is there. */
static int check_volume(const struct su_win_disk *d, struct su_windows *w, int vol, struct su_err *e)
{
    const struct su_vol *x = &d->vols->vol[vol];
    char path[SU_WIN_PATH];
    bool there = false;
    if (strcmp(x->what.type, "BitLocker") == 0) {
        w->os = vol;
        w->bitlocker_os = w->by_store = true;
        return 0;
    }
    if (!su_win_readable(d->vols, vol))
        return FOUND(w, SU_E_REFUSED, "windows.store.volume", REPAIR,
                     "the boot store names %s, which is no NTFS volume that can be read%s%.120s", x->name,
                     x->why_closed.kind ? ": " : "", x->why_closed.kind ? x->why_closed.msg : "");
    if (su_win_join(w->root, signs[0], path) && su_win_exists(d->vols, vol, path, &there, e) < 0)
        return -1;
    if (!there)
        return FOUND(w, SU_E_MISSING, "windows.store.root", REPAIR, "the boot store names %s, where there is no %.100s",
                     x->name, w->entry.root);
    w->os = vol;
    w->by_store = true;
    return 0;
}

static int follow_entry(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    struct su_err why = {0};
    int vol = -1;
    if (su_winpath(w->entry.root, w->root, sizeof w->root, &why) < 0) {
        w->root[0] = 0;
        return FOUND(w, SU_E_FORMAT, "windows.store.root", REPAIR,
                     "the default boot entry does not say in which directory the system is");
    }
    check_disk(d, w);
    if (w->store_why.kind == SU_OK && resolve(d, w, &w->entry.os, &vol, e) < 0)
        return -1;
    return vol < 0 ? 0 : check_volume(d, w, vol, e);
}

/* Reading it ----------------------------------------------------------------- */

static int damaged(struct su_windows *w, const struct su_err *why, struct su_err *e)
{
    bool dirty = why->id && strcmp(why->id, "hive.dirty") == 0;
    if (su_win_fact(why, NULL, e) < 0)
        return -1;
    if (dirty)
        return FOUND(w, SU_E_REFUSED, "windows.store.dirty", "start the guest and shut it down fully",
                     "the boot store was not written completely, and its logs do not complete it");
    return FOUND(w, SU_E_FORMAT, "windows.store.damaged", REPAIR, "the boot store is damaged: %.160s", why->msg);
}

/* There is something in the partition that nobody can look into. */
static bool is_closed(const struct su_win_disk *d, unsigned number)
{
    int vol = number ? su_vols_by_partition(d->vols, number) : -1;
    return vol >= 0 && (strcmp(d->vols->vol[vol].what.type, "BitLocker") == 0 ||
                        (strcmp(d->vols->vol[vol].what.type, "ntfs") == 0 && !d->vols->vol[vol].fs));
}

/* A finding, or the default entry. */
static int read_entry(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    SU_BUF struct su_buf bytes = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd model = {0};
    struct su_err why = {0};
    struct su_fs *fs = w->system < 0 ? NULL : d->vols->vol[w->system].fs;
    if (fs && su_win_hive_read(fs, STORE, SU_BCD_MAX_STORE, &w->store, &bytes, e) < 0)
        return -1;
    if (!fs && is_closed(d, w->active))
        return FOUND(w, SU_E_REFUSED, "windows.store.volume", "turn BitLocker off, or repair the volume with chkdsk",
                     "the active partition %u cannot be read, and so the boot store", w->active);
    if (!fs || !w->store.there)
        return FOUND(w, SU_E_MISSING, "windows.store.missing", REPAIR,
                     "there is no boot store \\Boot\\BCD on the active partition");
    if (!w->store.loaded)
        return damaged(w, &w->store.why, e);
    if (su_hive_open(su_buf_bytes(&bytes), false, &h, &why) < 0 || su_bcd_read(h, &model, &why) < 0)
        return damaged(w, &why, e);
    if (su_bcd_default_entry(&model, &w->entry, &why) == 0) {
        w->has_entry = true;
        return 0;
    }
    if (su_win_fact(&why, NULL, e) < 0)
        return -1;
    if (strcmp(why.id, "bcd.device") == 0)
        return strange_device(w);
    return FOUND(w, SU_E_MISSING, "windows.store.default", REPAIR, "the boot store has no default entry for Windows");
}

bool su_win_store_unusable(const struct su_windows *w)
{
    static const char *const ids[] = {"windows.store.missing", "windows.store.damaged", "windows.store.dirty"};
    for (size_t i = 0; i < SU_ARRAY_LEN(ids); i++)
        if (w->store_why.kind != SU_OK && strcmp(w->store_why.id, ids[i]) == 0)
            return true;
    return false;
}

int su_win_read_store(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    if (read_entry(d, w, e) < 0)
        return su_context(e, "the boot store");
    if (w->has_entry)
        return follow_entry(d, w, e);
    /* for those who look at it also where the store cannot be read */
    return su_win_store_unusable(w) || w->system < 0 ? look_for_system(d, w, e) : 0;
}
