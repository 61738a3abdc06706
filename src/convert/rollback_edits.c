/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The edits of a conversion, taken back on files that the guest has written since.  One that must be taken back and
 * cannot be refuses the rollback; one that does no harm stays. */
#include "disk/blk_overlay.h"
#include "guest/fs_ext.h"
#include "rollback_int.h"
#include <stdio.h>
#include <string.h>

static int by_name(const struct su_vols *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->vol[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* What a guest that went down hard left behind, only a kernel of its own replays. */
static bool can_write(const struct su_vol *x)
{
    struct su_ext_state ext;
    struct su_ntfs_state ntfs;
    if (su_fs_ext_state(x->fs, &ext) == 0)
        return !ext.needs_recovery && !ext.errors;
    return su_fs_ntfs_state(x->fs, &ntfs) < 0 || ntfs.writable;
}

static int open_volumes(struct su_back *b, struct su_err *e)
{
    struct su_part part[SU_GPT_ENTRIES];
    size_t n = su_parts_of_gpt(&b->gpt, b->meta.sector_size, part, SU_ARRAY_LEN(part));
    su_vols_done(&b->vols);
    if (su_vols_open(b->overlay, part, n, b->opt->key, &b->vols, e) < 0)
        return -1;
    for (size_t i = 0; i < b->vols.n; i++) {
        struct su_vol *x = &b->vols.vol[i];
        x->fs_writable = x->fs && x->fs_writable && can_write(x);
    }
    return 0;
}

/* Volumes without any edit, whatever was tried before. */
static int start_over(struct su_back *b, struct su_err *e)
{
    su_vols_done(&b->vols);
    su_blk_close(su_steal(&b->overlay));
    b->left = 0;
    b->in_appliance = b->harmless_in_appliance = false;
    return su_blk_overlay_open(b->image.blk, &b->overlay, e) < 0 ? -1 : open_volumes(b, e);
}

/* x: the volume, NULL when it is not to be seen. */
static int refuse_edit(const struct su_back *b, size_t i, const struct su_vol *x, struct su_err *e)
{
    const char *path = b->meta.edit[i].path, *volume = b->meta.edit[i].volume;
    struct su_fs *fs = NULL;
    bool ntfs = x && strcmp(x->what.type, "ntfs") == 0;
    if (x && x->fs && (ntfs || strncmp(x->what.type, "ext", 3) == 0)) {
        if (su_vol_open_write(x, &fs, e) < 0) {
            (void)su_context(e, "%s on %s must be changed back", path, volume);
            return su_remedy(e, ntfs
                                    ? "start Windows and shut it down fully (shutdown /s /t 0), then run rollback again"
                                    : "say --engine appliance (needs libguestfs): a kernel in there replays the "
                                      "journal; or start the guest and shut it down cleanly");
        }
        su_fs_close(fs);
    }
    (void)su_fail(e, SU_E_REFUSED, "rollback.volume",
                  "%s on %s must be changed back, and surety does not write it itself", path, volume);
    return su_remedy(e, "say --engine appliance (needs libguestfs), or --key-file for an encrypted volume");
}

/* One edit by itself, on a copy that is thrown away; of what the appliance is to write, the text alone. */
static int try_edit(struct su_back *b, struct su_edits *all, const struct su_edit *ed, struct su_err *e)
{
    SU_FREE struct su_edits *one = malloc(sizeof *one);
    SU_FREE struct su_vols *v = calloc(1, sizeof *v); /* borrows all it holds */
    SU_BLK struct su_blk *scratch = NULL;
    SU_BUF struct su_buf text = {0}, out = {0};
    unsigned changed;
    if (!one || !v)
        return su_fail_nomem(e, sizeof *one + sizeof *v);
    const struct su_vol *x = &b->vols.vol[ed->vol];
    *one = *all;
    one->n = 1;
    one->edit[0] = *ed;
    one->edit[0].vol = 0;
    if (!x->fs_writable) {
        if (su_edit_read(x->fs, ed, &text, e) < 0)
            return e->kind == SU_E_MISSING ? 0 : -1;
        return su_edit_text(ed, one, b->meta.partuuid, b->meta.n_partuuid, true, su_buf_bytes(&text), &out, &changed,
                            e);
    }
    if (su_blk_overlay_open(x->blk, &scratch, e) < 0)
        return -1;
    v->n = 1;
    v->vol[0] = *x;
    v->vol[0].blk = scratch;
    return su_edits_apply(v, one, b->meta.partuuid, b->meta.n_partuuid, true, b->opt->now, e);
}

enum way { WAY_NONE, WAY_NATIVE, WAY_APPLIANCE };

static enum way way_to(const struct su_back *b, const struct su_vol *x)
{
    if (!x || !x->fs)
        return WAY_NONE;
    if (x->fs_writable)
        return WAY_NATIVE;
    if (strcmp(x->what.type, "ntfs") == 0) /* what keeps us from writing it keeps its kernel, too */
        return WAY_NONE;
    return b->opt->engine == SU_ENGINE_APPLIANCE ? WAY_APPLIANCE : WAY_NONE;
}

/* Whether a harmless edit goes on the list; lean: not on the appliance's. */
static int worth_it(struct su_back *b, enum way way, bool lean, struct su_edits *l, const struct su_edit *ed, bool *yes,
                    struct su_err *e)
{
    struct su_err why = {0};
    *yes = way == WAY_NATIVE || (way == WAY_APPLIANCE && !lean);
    if (*yes && try_edit(b, l, ed, &why) < 0) {
        if (why.kind == SU_E_NOMEM)
            return *e = why, -1;
        *yes = false;
    }
    b->harmless_in_appliance |= *yes && way == WAY_APPLIANCE;
    return 0;
}

/* Appends edit i, unless it is a harmless one that cannot be taken back. */
static int list_edit(struct su_back *b, size_t i, bool lean, struct su_edits *l, struct su_err *e)
{
    enum su_edit_kind kind = b->meta.edit[i].kind;
    int vol = by_name(&b->vols, b->meta.edit[i].volume);
    const struct su_vol *x = vol < 0 ? NULL : &b->vols.vol[vol];
    enum way way = way_to(b, x);
    bool can = true;
    if (way == WAY_NONE && !su_edit_harmless(kind))
        return refuse_edit(b, i, x, e);
    struct su_edit *ed = &l->edit[l->n];
    *ed = (struct su_edit){.kind = kind, .vol = vol};
    snprintf(ed->path, sizeof ed->path, "%s", b->meta.edit[i].path);
    if (su_edit_harmless(kind) && worth_it(b, way, lean, l, ed, &can, e) < 0)
        return -1;
    b->in_appliance |= can && way == WAY_APPLIANCE;
    l->n += can;
    b->left += !can;
    return 0;
}

/* lean: the appliance gets nothing that can stay. */
static int take_back(struct su_back *b, bool lean, struct su_err *e)
{
    SU_FREE struct su_edits *l = calloc(1, sizeof *l);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    if (start_over(b, e) < 0)
        return -1;
    *l = b->meta.how;
    for (size_t i = 0; i < b->meta.n_edits; i++)
        if (list_edit(b, i, lean, l, e) < 0)
            return -1;
    b->edits = (unsigned)l->n;
    struct su_appliance job = {.name = b->opt->image,
                               .image = &b->image,
                               .overlay = b->overlay,
                               .vols = &b->vols,
                               .edits = l,
                               .map = b->meta.partuuid,
                               .n_map = b->meta.n_partuuid,
                               .undo = true};
    if (b->in_appliance && su_appliance_edit(&job, e) < 0)
        return su_context(e, "editing in the appliance");
    b->harmless_in_appliance = false;
    if (su_edits_apply(&b->vols, l, b->meta.partuuid, b->meta.n_partuuid, true, b->opt->now, e) == 0)
        return b->in_appliance ? open_volumes(b, e) : 0; /* what is read from now on is what was written */
    return e->remedy ? -1 : su_remedy(e, "see to it that the file can be changed, then run rollback again");
}

/* An appliance that fails says little about which edit it was: then only those are made that must be. */
int su_back_undo_edits(struct su_back *b, struct su_err *e)
{
    if (take_back(b, false, e) == 0)
        return 0;
    if (!b->harmless_in_appliance || e->kind == SU_E_NOMEM)
        return -1;
    *e = (struct su_err){0};
    return take_back(b, true, e);
}
