/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The edits, tried before anybody is told that the disk converts: a file may be immutable, a file system full, a text
 * one that the editors refuse. */
#include "convert.h"
#include "os.h"

/* The texts of what the appliance will edit; the files themselves only it can write. */
static int try_text(const struct su_facts *f, struct su_edits *all, const struct su_edit *ed, struct su_err *e)
{
    SU_BUF struct su_buf text = {0}, out = {0};
    const struct su_vol *x = &f->vols.vol[ed->vol];
    unsigned changed;
    if (su_edit_read(x->fs, ed, &text, e) < 0 ||
        su_edit_text(ed, all, f->partuuid, f->n_partuuid, false, su_buf_bytes(&text), &out, &changed, e) < 0)
        return su_context(e, "%s on %s", ed->path, x->name);
    return 0;
}

static int try_all(struct su_facts *f, struct su_edits *all, struct su_err *e)
{
    if (su_edits_apply(&f->vols, all, f->partuuid, f->n_partuuid, false, f->opt->now, e) < 0)
        return -1;
    for (size_t i = 0; i < all->n; i++)
        if (!f->vols.vol[all->edit[i].vol].fs_writable && try_text(f, all, &all->edit[i], e) < 0)
            return -1;
    return 0;
}

int su_edits_try(struct su_facts *f, struct su_verdict *v, struct su_err *e)
{
    struct su_err why = {0};
    if (f->edited || f->opt->shared || v->stops || f->table != SU_TABLE_MBR || !f->os || !f->os->edits)
        return 0;
    struct su_edits *all = calloc(1, sizeof *all);
    if (!all)
        return su_fail_nomem(e, sizeof *all);
    f->edits = all;
    f->os->edits(f, all);
    f->edited = true; /* even when some of them fail: the overlay has the others */
    if (try_all(f, all, &why) == 0)
        return 0;
    f->edit_why = why;
    if (why.kind == SU_E_IO || why.kind == SU_E_NOMEM)
        return *e = why, -1;
    su_found_as(v, SU_STOP, why.id, why.remedy ? why.remedy : "repair the file in the guest, then run validate again",
                "%s", why.msg);
    return v->failed ? su_fail_nomem(e, v->cap * sizeof *v->finding) : 0;
}
