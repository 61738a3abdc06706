/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recovery environment: where the boot store says it is, and what ReAgent.xml says of it. */
#include "utf16.h"
#include "windows_int.h"
#include <stdio.h>
#include <string.h>

static int winre_volume(const struct su_win_disk *d, const struct su_windows *w)
{
    const struct su_bcd_device *re = &w->entry.winre;
    unsigned number;
    if (re->kind != SU_BCD_D_RAMDISK)
        return -1;
    if (re->on == SU_BCD_D_BOOT)
        return w->system;
    if (re->on != SU_BCD_D_MBR || re->signature != d->signature)
        return -1;
    number = su_win_partition_at(d, re->offset);
    return number ? su_vols_by_partition(d->vols, number) : -1;
}

static int read_reagent(const struct su_win_disk *d, int vol, const char *path, struct su_win_reagent *out,
                        struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    struct su_err why = {0};
    if (!su_win_readable(d->vols, vol))
        return 0;
    struct su_fs *fs = d->vols->vol[vol].fs;
    if (su_fs_read_file(fs, fs->root, path, SU_REAGENT_MAX, &text, &why) < 0 && why.kind == SU_E_MISSING)
        return 0;
    out->vol = vol;
    snprintf(out->path, sizeof out->path, "%s", path);
    if (why.kind == SU_OK && su_reagent_read(su_buf_bytes(&text), &out->what, &why) == 0)
        return 0;
    return su_win_fact(&why, &out->why, e);
}

/* Without a store, what ReAgent.xml beside the system says. */
static int volume_of_reagent(const struct su_win_disk *d, const struct su_win_reagent *r)
{
    if (r->vol < 0 || r->why.kind != SU_OK || !r->what.enabled || r->what.id != d->signature || !r->what.path[0])
        return -1;
    unsigned number = su_win_partition_at(d, r->what.offset);
    return number ? su_vols_by_partition(d->vols, number) : -1;
}

static int find_winre(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    struct su_err why = {0};
    char path[SU_WIN_PATH + 16];
    if (w->has_entry && w->entry.has_winre) {
        w->winre = winre_volume(d, w);
        snprintf(path, sizeof path, "%.*s", SU_WIN_PATH, w->entry.winre.path);
    } else {
        w->winre = w->has_entry ? -1 : volume_of_reagent(d, &w->reagent[0]);
        snprintf(path, sizeof path, "%s\\Winre.wim", w->reagent[0].what.path);
        if (w->winre < 0)
            return 0;
    }
    if (su_winpath(path, w->winre_path, sizeof w->winre_path, &why) < 0) {
        w->winre_path[0] = 0;
        return 0;
    }
    return su_win_exists(d->vols, w->winre, w->winre_path, &w->winre_file, e);
}

/* What Windows itself keeps on every volume, or beside the recovery environment. */
static int look_for_others(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    static const char *const known[] = {"Recovery", "System Volume Information"};
    bool *alone = arg;
    (void)node;
    (void)e;
    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++)
        if (su_name_is(name, len, known[i]))
            return 0;
    *alone = name[0] == '$'; /* of the file system, and the bin */
    return *alone ? 0 : 1;
}

static int read_alone(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    struct su_err why = {0};
    bool alone = true;
    if (!w->winre_file || w->winre == w->os || w->winre == w->system || !su_win_readable(d->vols, w->winre))
        return 0;
    struct su_fs *fs = d->vols->vol[w->winre].fs;
    if (fs->ops->list(fs, fs->root, look_for_others, &alone, &why) < 0)
        return su_win_fact(&why, NULL, e);
    w->winre_alone = alone;
    return 0;
}

int su_win_read_winre(const struct su_win_disk *d, struct su_windows *w, struct su_err *e)
{
    char path[SU_WIN_PATH], dir[SU_WIN_PATH];
    if (w->root[0] && su_win_join(w->root, "/System32/Recovery/ReAgent.xml", path) &&
        read_reagent(d, w->os, path, &w->reagent[0], e) < 0)
        return su_context(e, "%s", path);
    if (find_winre(d, w, e) < 0 || read_alone(d, w, e) < 0)
        return su_context(e, "the recovery environment");
    const char *slash = strrchr(w->winre_path, '/');
    if (!slash)
        return 0;
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - w->winre_path), w->winre_path);
    if (su_win_join(dir, "/ReAgent.xml", path) && read_reagent(d, w->winre, path, &w->reagent[1], e) < 0)
        return su_context(e, "%s", path);
    return 0;
}
