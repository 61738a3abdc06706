/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which volumes make up the Windows on a disk. */
#include "fs_source.h"
#include "windows_int.h"
#include <stdio.h>
#include <string.h>

int su_win_fact(const struct su_err *why, struct su_err *fact, struct su_err *e)
{
    if (why->kind == SU_E_IO || why->kind == SU_E_NOMEM) {
        *e = *why;
        return -1;
    }
    if (fact)
        *fact = *why;
    return 0;
}

bool su_win_readable(const struct su_vols *v, int vol)
{
    return vol >= 0 && v->vol[vol].fs && strcmp(v->vol[vol].what.type, "ntfs") == 0;
}

int su_win_exists(const struct su_vols *v, int vol, const char *path, bool *there, struct su_err *e)
{
    struct su_fs_node node;
    struct su_fs_stat st;
    struct su_err why = {0};
    *there = false;
    if (!su_win_readable(v, vol))
        return 0;
    struct su_fs *fs = v->vol[vol].fs;
    if (su_fs_walk(fs, fs->root, path, &node, &why) < 0 || fs->ops->stat(fs, node, &st, &why) < 0)
        return su_win_fact(&why, NULL, e);
    *there = st.kind != SU_FS_DIR; /* SU_FS_OTHER: a file that Windows keeps compressed */
    return 0;
}

bool su_win_join(const char *root, const char *tail, char out[SU_WIN_PATH])
{
    size_t a = strlen(root), b = strlen(tail);
    if (a + b >= SU_WIN_PATH)
        return false;
    memcpy(out, root, a);
    memcpy(out + a, tail, b + 1);
    return true;
}

unsigned su_win_partition_at(const struct su_win_disk *d, uint64_t offset)
{
    for (size_t i = 0; i < d->n_parts; i++)
        if (d->part[i].off == offset)
            return d->part[i].number;
    return 0;
}

/* Signs of Windows.  A data disk with NTFS has none of them. */
static int look_for_signs(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    bool encrypted = false, any_manager = false;
    for (int i = 0; i < (int)d->vols->n; i++) {
        bool manager, store, windows;
        if (su_win_exists(d->vols, i, "/bootmgr", &manager, e) < 0 ||
            su_win_exists(d->vols, i, "/Boot/BCD", &store, e) < 0 ||
            su_win_exists(d->vols, i, "/Windows" SU_WIN_CONFIG "SYSTEM", &windows, e) < 0)
            return -1;
        encrypted |= strcmp(d->vols->vol[i].what.type, "BitLocker") == 0;
        any_manager |= manager || store;
        w->found |= windows;
        if ((manager || store) && w->active && d->vols->vol[i].partition == w->active) {
            w->system = i;
            w->found = true;
        }
    }
    w->found |= encrypted && any_manager;
    return 0;
}

static void read_state(const struct su_vols *v, int vol, struct su_ntfs_state *out)
{
    if (su_win_readable(v, vol) && strcmp(v->vol[vol].fs->ops->type, "ntfs") == 0)
        (void)su_fs_ntfs_state(v->vol[vol].fs, out); /* without an answer it counts as not writable */
}

/* The machine it was made for, from the first of its loaders that can be read. */
static int read_machine(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    static const char *const loaders[] = {"/Boot/EFI/bootmgfw.efi", "/System32/winload.efi", "/System32/winload.exe"};
    for (size_t i = 0; i < SU_ARRAY_LEN(loaders) && !w->machine && su_win_readable(d->vols, w->os); i++) {
        struct su_fs *fs = d->vols->vol[w->os].fs;
        struct su_err why = {0};
        struct su_fs_source file;
        struct su_source src;
        struct su_pe pe;
        char path[SU_WIN_PATH];
        if (!su_win_join(w->root, loaders[i], path))
            continue;
        if (su_fs_source_open(fs, fs->root, path, &file, &src, &why) == 0 && su_pe_parse(&src, &pe, &why) == 0)
            w->machine = pe.machine;
        else if (su_win_fact(&why, NULL, e) < 0)
            return su_context(e, "%s", path);
    }
    return 0;
}

int su_windows_find(const struct su_win_disk *d, struct su_windows *out, struct su_err *e)
{
    SU_FREE struct su_windows *w = calloc(1, sizeof *w);
    if (!w)
        return su_fail_nomem(e, sizeof *w);
    *w = (struct su_windows){.system = -1, .os = -1, .winre = -1, .n_active = (unsigned)d->n_active};
    for (size_t i = 0; i < SU_WIN_REAGENTS; i++)
        w->reagent[i].vol = -1;
    w->active = d->n_active ? d->active[0] : 0;
    if (look_for_signs(d, w, e) < 0)
        return -1;
    if (w->found && (su_win_read_store(d, w, e) < 0 || su_win_read_hives(d, w, e) < 0 ||
                     su_win_read_winre(d, w, e) < 0 || read_machine(d, w, e) < 0))
        return su_context(e, "looking at Windows");
    read_state(d->vols, w->system, &w->system_state);
    read_state(d->vols, w->os, &w->os_state);
    *out = *w;
    return 0;
}
