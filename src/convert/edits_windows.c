/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The edits of Windows: its SYSTEM hive and the descriptions of its recovery environment. */
#include "os_windows.h"
#include <stdio.h>
#include <string.h>

/* As Windows would load it: its logs count, and are without effect once it is complete. */
int su_edit_hive_read(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e)
{
    struct su_win_hive what;
    if (su_win_hive_read(fs, ed->path, SU_REGF_MAX, &what, out, e) < 0)
        return -1;
    return what.loaded ? 0 : (*e = what.why, -1);
}

static int forward(struct su_hive *h, struct su_edits *all, unsigned *changed, struct su_err *e)
{
    struct su_mounted_change m = {0};
    SU_BUF struct su_buf was = {0};
    bool driver = false;
    if (su_mounted_to_gpt(h, &all->map, all->os_number, &m, e) < 0)
        return -1;
    if (all->bus >= 0 && su_winsystem_boot_driver(h, (enum su_winbus)all->bus, &driver, &was, e) < 0)
        return -1;
    if (su_buf_ok(&was, e) < 0)
        return -1;
    if (was.n >= sizeof all->driver)
        return su_fail(e, SU_E_RANGE, "windows.driver", "the boot driver's services have too long names");
    all->n_letters = m.n_letters;
    memcpy(all->letter, m.letter, sizeof all->letter);
    snprintf(all->driver, sizeof all->driver, "%s", driver ? su_buf_str(&was) : "");
    *changed = m.renamed + m.n_letters + driver;
    return 0;
}

static int back(struct su_hive *h, const struct su_edits *all, unsigned *changed, struct su_err *e)
{
    struct su_mounted_change m = {0};
    bool driver = false;
    if (su_mounted_to_mbr(h, &all->map, all->letter, all->n_letters, &m, e) < 0)
        return -1;
    if (all->driver[0] && su_winsystem_driver_back(h, all->driver, &driver, e) < 0)
        return -1;
    *changed = m.renamed + m.n_letters + driver;
    return 0;
}

int su_edit_hive(struct su_edits *all, bool undo, struct su_bytes hive, struct su_buf *out, unsigned *changed,
                 struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    if (su_hive_open(hive, true, &h, e) < 0 || (undo ? back(h, all, changed, e) : forward(h, all, changed, e)) < 0)
        return -1;
    return *changed ? su_hive_save(h, all->now, out, e) : 0;
}

/* A volume whose files can be changed now. */
static bool can_write(const struct su_facts *f, int vol)
{
    struct su_ntfs_state st;
    const struct su_vol *x = vol < 0 ? NULL : &f->vols.vol[vol];
    return x && x->fs && x->fs_writable && su_fs_ntfs_state(x->fs, &st) == 0 && st.writable;
}

static void add(struct su_edits *l, enum su_edit_kind kind, int vol, const char *path)
{
    struct su_edit *ed = &l->edit[l->n++];
    *ed = (struct su_edit){.kind = kind, .vol = vol};
    snprintf(ed->path, sizeof ed->path, "%s", path);
}
_Static_assert(SU_WIN_REAGENTS + 1 < (int)SU_EDITS_MAX && (int)SU_WIN_PATH <= (int)SU_LINUX_PATH, "they fit");

static int bus_by_name(const char *name)
{
    for (int b = 0; name && b < SU_WINBUS_COUNT; b++)
        if (strcmp(su_winbus_name((enum su_winbus)b), name) == 0)
            return b;
    return -1;
}

void su_windows_edits_list(const struct su_facts *f, struct su_edits *out)
{
    const struct su_windows *w = &f->windows;
    *out =
        (struct su_edits){.map = f->winmap, .os_number = su_windows_os_number(f), .bus = bus_by_name(f->opt->boot_bus)};
    su_edit_esp_uuid(f, out->esp_uuid);
    if (w->os >= 0)
        add(out, SU_EDIT_SYSTEM_HIVE, w->os, w->system_hive.path);
    for (size_t i = 0; i < SU_WIN_REAGENTS; i++) {
        const struct su_win_reagent *r = &w->reagent[i];
        bool lost = f->layout.esp_reused && r->vol == w->system; /* that volume is to be no more */
        if (can_write(f, r->vol) && r->why.kind == SU_OK && !lost)
            add(out, SU_EDIT_REAGENT, r->vol, r->path);
    }
}
