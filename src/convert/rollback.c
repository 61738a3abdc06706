/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Back to the old table.  Boot area and tables return byte for byte.  What was edited in the guest's
 * files returns byte for byte when nothing was written there since, else by the inverse edit, so that
 * newer contents stay.  The rollback is itself a plan under a journal of its own. */
#include "disk/blk_overlay.h"
#include "guest/fs_ext.h"
#include "guest/grubcore.h"
#include "undo.h"
#include <stdio.h>
#include <string.h>

struct back {
    const struct su_options *opt;
    const char *undo;
    struct su_image image;
    struct su_blk *journal, *overlay;
    struct su_journal j;
    struct su_undo_meta meta;
    struct su_gpt gpt;
    struct su_vols vols;
    struct su_plan plan;
    unsigned edits, left;
    bool in_appliance, harmless_in_appliance; /* edits that it is to make */
    bool grub_changed;  /* the guest upgraded GRUB since: the old core does not go with its modules */
    struct su_buf core; /* a new one, for the gap; empty when none is needed or none could be made */
};

static void back_done(struct back *b)
{
    su_buf_done(&b->core);
    su_plan_done(&b->plan);
    su_vols_done(&b->vols);
    su_journal_done(&b->j);
    su_blk_close(b->overlay);
    su_blk_close(b->journal);
    su_image_done(&b->image);
}

static int open_journal(struct back *b, struct su_err *e)
{
    if (!su_undo_exists(b->undo)) {
        (void)su_fail(e, SU_E_MISSING, "undo.missing", "there is no undo journal %s", b->undo);
        return su_remedy(e, "name the file with --undo; without it the old boot area is lost, but the data is not");
    }
    if (su_undo_open(b->undo, false, &b->journal, e) < 0 || su_journal_open(b->journal, &b->j, e) < 0)
        return -1;
    if (b->j.state != SU_JOURNAL_COMMITTED)
        return su_fail(e, SU_E_CONFLICT, "undo.spent", "%s does not belong to a finished conversion", b->undo);
    return su_undo_meta_parse(su_buf_bytes(&b->j.meta), &b->meta, e);
}

static bool in_table(const struct su_gpt *g, unsigned number, uint64_t first, uint64_t last)
{
    const struct su_gpt_entry *en = &g->entry[number - 1];
    return su_gpt_used(en) && en->first == first && en->last == last;
}

/* The old table describes the disk only while no partition was moved, resized or added. */
static int check_layout(struct back *b, struct su_err *e)
{
    unsigned copies;
    uint8_t now[sizeof b->j.witness];
    size_t used = 0;
    if (su_blk_read(b->image.blk, 440, now, sizeof now, e) < 0)
        return -1;
    if (memcmp(now, b->j.witness, sizeof now) != 0) {
        (void)su_fail(e, SU_E_CONFLICT, "undo.other-disk", "%s was not made for %s", b->undo, b->opt->image);
        return su_remedy(e, "name this disk's own undo journal with --undo, or move the other one away");
    }
    if (su_gpt_read(b->image.blk, b->meta.sector_size, &b->gpt, &copies, e) < 0) {
        (void)su_context(e, "the partition table that the conversion wrote to %s", b->opt->image);
        return e->kind == SU_E_IO || e->kind == SU_E_NOMEM
                   ? -1
                   : su_remedy(e, "restore the GPT from its backup (sgdisk or gdisk), then run rollback again");
    }
    for (int i = 0; i < SU_GPT_ENTRIES; i++)
        used += su_gpt_used(&b->gpt.entry[i]);
    bool same = used == b->meta.n_parts;
    for (size_t i = 0; i < b->meta.n_parts; i++)
        same = same && in_table(&b->gpt, b->meta.part[i].number, b->meta.part[i].first, b->meta.part[i].last);
    if (same)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "rollback.layout",
                  "partitions of %s were added, removed or resized since the conversion", b->opt->image);
    return su_remedy(e, "set them back to what they were when the disk was converted, then run rollback again");
}

/* Whether every file system extent still holds exactly what the conversion wrote.  The superblock is
 * always among them, and any mount changes it. */
static int untouched(struct back *b, bool *all, struct su_err *e)
{
    size_t seen = 0;
    *all = true;
    for (size_t i = 0; i < b->j.n && *all; i++) {
        const struct su_journal_extent *x = &b->j.extent[i];
        if (x->area != SU_AREA_FS || x->n > SU_MIB * 64)
            continue;
        seen++;
        SU_FREE uint8_t *buf = malloc((size_t)x->n);
        if (!buf)
            return su_fail_nomem(e, (size_t)x->n);
        if (su_blk_read(b->image.blk, x->off, buf, (size_t)x->n, e) < 0)
            return -1;
        *all = su_journal_crc(buf, (size_t)x->n) == x->crc_new;
    }
    *all = *all && seen; /* where nothing was edited there is no telling */
    return 0;
}

static int by_name(const struct su_vols *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->vol[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The ESP's line in fstab says nofail, and a resume device that is not found is waited for and given up.  A PARTUUID
 * that is not found is a root or a mount that fails. */
static bool harmless(enum su_edit_kind k)
{
    return k != SU_EDIT_PARTUUID;
}

static int open_volumes(struct back *b, struct su_err *e)
{
    struct su_part part[SU_GPT_ENTRIES];
    struct su_ext_state state;
    size_t n = su_parts_of_gpt(&b->gpt, b->meta.sector_size, part, SU_ARRAY_LEN(part));
    su_vols_done(&b->vols);
    if (su_vols_open(b->overlay, part, n, b->opt->key, &b->vols, e) < 0)
        return -1;
    for (size_t i = 0; i < b->vols.n; i++) { /* a guest that went down hard: only a kernel replays its journal */
        struct su_vol *x = &b->vols.vol[i];
        if (x->fs && x->fs_writable && su_fs_ext_state(x->fs, &state) == 0)
            x->fs_writable = !state.needs_recovery && !state.errors;
    }
    return 0;
}

/* Volumes without any edit, whatever was tried before. */
static int start_over(struct back *b, struct su_err *e)
{
    su_vols_done(&b->vols);
    su_blk_close(su_steal(&b->overlay));
    b->left = 0;
    b->in_appliance = b->harmless_in_appliance = false;
    return su_blk_overlay_open(b->image.blk, &b->overlay, e) < 0 ? -1 : open_volumes(b, e);
}

/* x: the volume, NULL when it is not to be seen. */
static int refuse_edit(const struct back *b, size_t i, const struct su_vol *x, struct su_err *e)
{
    const char *path = b->meta.edit[i].path, *volume = b->meta.edit[i].volume;
    struct su_fs *fs = NULL;
    if (x && x->fs && strncmp(x->what.type, "ext", 3) == 0) {
        if (su_fs_open_ext(x->blk, true, &fs, e) < 0) {
            (void)su_context(e, "%s on %s must be changed back", path, volume);
            return su_remedy(e, "say --engine appliance (needs libguestfs): a kernel in there replays the journal; or "
                                "start the guest and shut it down cleanly");
        }
        su_fs_close(fs);
    }
    (void)su_fail(e, SU_E_REFUSED, "rollback.volume",
                  "%s on %s must be changed back, and surety does not write it itself", path, volume);
    return su_remedy(e, "say --engine appliance (needs libguestfs), or --key-file for an encrypted volume");
}

/* One edit by itself, on a copy that is thrown away; of what the appliance is to write, the text alone. */
static int try_edit(struct back *b, const struct su_edits *all, const struct su_edit *ed, struct su_err *e)
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
        if (su_fs_read_file(x->fs, x->fs->root, ed->path, SU_TEXT_MAX, &text, e) < 0)
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

static enum way way_to(const struct back *b, const struct su_vol *x)
{
    if (!x || !x->fs)
        return WAY_NONE;
    if (x->fs_writable)
        return WAY_NATIVE;
    return b->opt->engine == SU_ENGINE_APPLIANCE ? WAY_APPLIANCE : WAY_NONE;
}

/* Whether a harmless edit goes on the list; lean: not on the appliance's. */
static int worth_it(struct back *b, enum way way, bool lean, const struct su_edits *l, const struct su_edit *ed,
                    bool *yes, struct su_err *e)
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
static int list_edit(struct back *b, size_t i, bool lean, struct su_edits *l, struct su_err *e)
{
    enum su_edit_kind kind = b->meta.edit[i].kind;
    int vol = by_name(&b->vols, b->meta.edit[i].volume);
    const struct su_vol *x = vol < 0 ? NULL : &b->vols.vol[vol];
    enum way way = way_to(b, x);
    bool can = true;
    if (way == WAY_NONE && !harmless(kind))
        return refuse_edit(b, i, x, e);
    struct su_edit *ed = &l->edit[l->n];
    *ed = (struct su_edit){.kind = kind, .vol = vol};
    snprintf(ed->path, sizeof ed->path, "%s", b->meta.edit[i].path);
    if (harmless(kind) && worth_it(b, way, lean, l, ed, &can, e) < 0)
        return -1;
    b->in_appliance |= can && way == WAY_APPLIANCE;
    l->n += can;
    b->left += !can;
    return 0;
}

/* lean: the appliance gets nothing that can stay. */
static int take_back(struct back *b, bool lean, struct su_err *e)
{
    SU_FREE struct su_edits *l = calloc(1, sizeof *l);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    if (start_over(b, e) < 0)
        return -1;
    snprintf(l->esp_uuid, sizeof l->esp_uuid, "%s", b->meta.esp_uuid);
    snprintf(l->resume, sizeof l->resume, "%s", b->meta.resume);
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
static int undo_edits(struct back *b, struct su_err *e)
{
    if (take_back(b, false, e) == 0)
        return 0;
    if (!b->harmless_in_appliance || e->kind == SU_E_NOMEM)
        return -1;
    *e = (struct su_err){0};
    return take_back(b, true, e);
}

static int put_back(struct back *b, enum su_area area, const char *why, struct su_err *e)
{
    for (size_t i = 0; i < b->j.n; i++) {
        const struct su_journal_extent *x = &b->j.extent[i];
        if (x->area != area || x->saved == 0)
            continue;
        SU_FREE uint8_t *buf = malloc((size_t)x->saved);
        if (!buf)
            return su_fail_nomem(e, (size_t)x->saved);
        if (su_journal_kept(b->journal, x, buf, e) < 0 ||
            su_plan_write(&b->plan, area, why, x->off, buf, (size_t)x->saved, e) < 0)
            return -1;
    }
    return 0;
}

/* Sectors between the boot record and the first partition. */
static uint64_t gap_sectors(const struct back *b)
{
    uint64_t first = SU_MIB / SU_SECTOR;
    for (size_t i = 0; i < b->meta.n_parts; i++)
        if (b->meta.part[i].number != b->meta.bios_number && b->meta.part[i].first < first)
            first = b->meta.part[i].first;
    return first - 1;
}

/* Without a core that fits, the old one goes back all the same: GRUB's modules rarely part with it. */
static int renew_core(struct back *b, struct su_err *e)
{
    SU_LINUX struct su_linux l = {0};
    struct su_err why = {0};
    char print[SU_BIOS_PRINT];
    if (!b->meta.grub[0] || b->meta.sector_size != SU_SECTOR)
        return 0;
    if (su_linux_find(&b->vols, b->meta.partuuid, b->meta.n_partuuid, &l, &why) < 0 ||
        su_bios_print(&b->vols, &l, print, &why) < 0)
        return why.kind == SU_E_NOMEM ? (*e = why, -1) : 0;
    b->grub_changed = print[0] && strcmp(print, b->meta.grub) != 0;
    if (b->grub_changed && su_bios_files(&b->vols, &l) &&
        su_bios_core(&b->vols, &l, 1, gap_sectors(b), &b->core, &why) < 0 && why.kind == SU_E_NOMEM)
        return *e = why, -1;
    return 0;
}

/* Puts bytes into the writes that cover them. */
static void patch(struct su_plan *p, uint64_t off, const uint8_t *bytes, uint64_t n)
{
    for (size_t i = 0; i < p->n; i++) {
        struct su_step *s = &p->step[i];
        uint64_t from = s->off > off ? s->off : off, to = s->off + s->n < off + n ? s->off + s->n : off + n;
        if (s->kind == SU_STEP_WRITE && s->bytes && from < to)
            memcpy(s->bytes + (from - s->off), bytes + (from - off), to - from);
    }
}

static void place_core(struct back *b)
{
    uint8_t pointer[8] = {1};
    if (b->core.n == 0)
        return;
    patch(&b->plan, SU_SECTOR, b->core.p, b->core.n);
    patch(&b->plan, SU_GRUB_POINTER_AT, pointer, sizeof pointer);
}

/* Behind the old end there may be room for the backup GPT's header: it must not speak for the old disk. */
static int clear_backup(struct back *b, struct su_err *e)
{
    uint64_t ss = b->meta.sector_size, at = (b->gpt.sectors - 1) * ss;
    SU_FREE uint8_t *zero = calloc(1, ss);
    if (!zero)
        return su_fail_nomem(e, ss);
    if (at < b->j.size_before || at + ss > b->plan.size_after)
        return 0;
    return su_plan_write(&b->plan, SU_AREA_TABLE, "backup GPT", at, zero, ss, e);
}

static int make_plan(struct back *b, bool exact, struct su_err *e)
{
    struct su_plan *p = &b->plan;
    p->size_before = p->size_during = b->image.blk->size;
    /* What cannot shrink, or was made larger since, serves the old table as well. */
    p->size_after = b->image.can_grow ? b->j.size_before : p->size_before;
    int rc = exact ? put_back(b, SU_AREA_FS, "files of the guest", e) : su_plan_changes(p, b->overlay, e);
    if (rc < 0 || su_plan_barrier(p, "files of the guest are stable", e) < 0 ||
        put_back(b, SU_AREA_ESP, "what the ESP replaced", e) < 0 || put_back(b, SU_AREA_BOOT, "old boot area", e) < 0 ||
        put_back(b, SU_AREA_TABLE, "old partition table", e) < 0 || clear_backup(b, e) < 0)
        return -1;
    place_core(b);
    return su_plan_check(p, e);
}

static int run(struct back *b, const struct su_watch *watch, struct su_err *e)
{
    char path[SU_UNDO_PATH];
    SU_BLK struct su_blk *second = NULL;
    if (su_undo_rollback_path(b->undo, path, e) < 0 || su_undo_open(path, true, &second, e) < 0)
        return -1;
    if (su_journal_run(second, b->image.blk, &b->plan, (struct su_bytes){0}, watch, e) < 0)
        return su_undo_put_back(second, b->image.blk, path, e);
    if (su_journal_spend(b->journal, e) < 0)
        return -1;
    su_blk_close(su_steal(&second));
    su_blk_close(su_steal(&b->journal));
    return su_undo_remove(path, e) < 0 || su_undo_remove(b->undo, e) < 0 ? -1 : 0;
}

static int roll_back(struct back *b, const struct su_watch *watch, struct su_outcome *out, struct su_err *e)
{
    bool exact;
    struct su_outcome before;
    if (su_image_open(b->opt->image, b->opt->format, SU_BLK_WRITE, &b->image, e) < 0 ||
        su_disk_recover(b->opt, b->image.blk, b->undo, &before, e) < 0)
        return -1;
    if (before.what == SU_DONE_RECOVERED_OLD) { /* the conversion had not finished: now it never happened */
        *out = before;
        return 0;
    }
    if (open_journal(b, e) < 0 || check_layout(b, e) < 0 || untouched(b, &exact, e) < 0)
        return -1;
    if (!exact && (undo_edits(b, e) < 0 || renew_core(b, e) < 0))
        return -1;
    if (make_plan(b, exact, e) < 0 || run(b, watch, e) < 0)
        return -1;
    *out = (struct su_outcome){.what = SU_DONE_ROLLED_BACK,
                               .exact = exact && b->plan.size_after == b->j.size_before,
                               .edits = b->edits,
                               .left = b->left,
                               .written = b->image.blk->written,
                               .grub_changed = b->grub_changed,
                               .grub_renewed = b->core.n > 0};
    return 0;
}

int su_disk_rollback(const struct su_options *opt, const char *undo, const struct su_watch *watch,
                     struct su_outcome *out, struct su_err *e)
{
    struct back *b = calloc(1, sizeof *b);
    if (!b)
        return su_fail_nomem(e, sizeof *b);
    b->opt = opt;
    b->undo = undo;
    b->plan = SU_PLAN_INIT;
    int rc = roll_back(b, watch, out, e);
    back_done(b);
    free(b);
    return rc;
}
