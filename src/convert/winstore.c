/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The boot store for the ESP.  It is made before anybody is told that the disk converts, because what must be dropped
 * from it is for the operator to know; it only goes to the new ESP, the old one stays where and as it is. */
#include "os_windows.h"
#include <stdio.h>
#include <string.h>

/* Fills what in from the facts.  root and winre_path: for the strings. */
static void describe(const struct su_facts *f, struct su_bcd_new *what, char root[SU_WIN_PATH])
{
    const struct su_windows *w = &f->windows;
    snprintf(root, SU_WIN_PATH, "%s", w->root);
    for (char *s = root; *s; s++)
        *s = *s == '/' ? '\\' : *s;
    *what = (struct su_bcd_new){.map = &f->winmap,
                                .os = su_windows_os_number(f),
                                .root = root,
                                .description = w->settings.server ? "Windows Server" : "Windows",
                                .locale = "en-US"};
    if (w->version.product[0])
        what->description = w->version.product;
}

/* Without a store ReAgent.xml alone tells of the recovery environment. */
static void describe_winre(const struct su_facts *f, struct su_bcd_new *what, char path[SU_WIN_PATH + 16])
{
    const struct su_reagent *r = &f->windows.reagent[0].what;
    const struct su_winmap_part *p = su_winmap_by_offset(&f->winmap, r->id, r->offset);
    if (f->windows.reagent[0].vol < 0 || f->windows.reagent[0].why.kind != SU_OK || !r->enabled || !r->path[0] || !p)
        return;
    snprintf(path, SU_WIN_PATH + 16, "%s\\Winre.wim", r->path);
    what->winre = p->number;
    what->winre_path = path;
    what->winre_guid = r->bcd_guid;
}

static int changes_for(const struct su_facts *f, const struct su_bcd *model, struct su_bcd_changes *out,
                       struct su_err *e)
{
    char root[SU_WIN_PATH], winre[SU_WIN_PATH + 16];
    struct su_bcd_new what;
    if (!f->windows.store_rebuilt)
        return su_bcd_to_efi(model, &f->winmap, out, e);
    describe(f, &what, root);
    describe_winre(f, &what, winre);
    return su_bcd_from_template(model, &what, out, e);
}

static int make(struct su_facts *f, struct su_bytes hive, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd model = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    SU_BUF struct su_buf bytes = {0};
    if (su_hive_open(hive, true, &h, e) < 0 || su_bcd_read(h, &model, e) < 0 || changes_for(f, &model, &c, e) < 0 ||
        su_bcd_apply(h, &c, e) < 0 || su_hive_save(h, f->opt->now, &bytes, e) < 0)
        return -1;
    f->store = (struct su_store_facts){.bytes = bytes, .devices = c.devices, .n_notes = c.n_notes};
    bytes = (struct su_buf){0};
    memcpy(f->store.note, c.note, sizeof f->store.note);
    return 0;
}

int su_winstore_make(struct su_facts *f, struct su_err *e)
{
    const struct su_windows *w = &f->windows;
    const struct su_win_hive *from = w->store_rebuilt ? &w->template_hive : &w->store;
    int vol = w->store_rebuilt ? w->os : w->system;
    struct su_win_hive what;
    struct su_err why = {0};
    SU_BUF struct su_buf hive = {0};
    if (vol < 0 || w->os < 0 || !from->loaded || !f->vols.vol[vol].fs || f->layout.n_problems)
        return 0; /* the rules say why */
    if (su_win_hive_read(f->vols.vol[vol].fs, from->path, SU_BCD_MAX_STORE, &what, &hive, e) < 0)
        return -1;
    if (!what.loaded)
        why = what.why;
    else if (make(f, su_buf_bytes(&hive), &why) == 0)
        return 0;
    if (why.kind == SU_E_IO || why.kind == SU_E_NOMEM)
        return *e = why, -1;
    f->store.why = why;
    return 0;
}
