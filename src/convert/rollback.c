/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Back to the old table.  Boot area and tables return byte for byte.  What was edited in the guest's
 * files returns byte for byte when nothing was written there since, else by the inverse edit, so that
 * newer contents stay.  The rollback is itself a plan under a journal of its own. */
#include "disk/blk_overlay.h"
#include "guest/grubcore.h"
#include "rollback_int.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void back_done(struct su_back *b)
{
    su_buf_done(&b->core);
    su_plan_done(&b->plan);
    su_vols_done(&b->vols);
    su_journal_done(&b->j);
    su_blk_close(b->overlay);
    su_blk_close(b->journal);
    su_image_done(&b->image);
}

static int open_journal(struct su_back *b, struct su_err *e)
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
static int check_layout(struct su_back *b, struct su_err *e)
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

/* Whether every file system extent still holds exactly what the conversion left.  The superblock, or NTFS's log, is
 * always among them, and any mount changes it. */
static int untouched(struct su_back *b, bool *all, struct su_err *e)
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
        *all = su_journal_crc(buf, (size_t)x->n) == (x->keep ? x->crc_old : x->crc_new);
    }
    *all = *all && seen; /* where nothing was edited there is no telling */
    return 0;
}

/* What the ESP replaced may be a partition of a GiB: it is not held in memory, but read from the journal's file when
 * its turn comes. */
static int put_back_from_file(struct su_back *b, const struct su_journal_extent *x, const char *why, struct su_err *e)
{
    if (b->plan.src_fd < 0)
        b->plan.src_fd = open(b->undo, O_RDONLY | O_CLOEXEC);
    if (b->plan.src_fd < 0)
        return su_fail_os(e, "undo.open", "opening %s", b->undo);
    return su_plan_write_src(&b->plan, x->area, why, x->off, x->data_at, x->saved, e);
}

static int put_back_one(struct su_back *b, const struct su_journal_extent *x, const char *why, struct su_err *e)
{
    SU_FREE uint8_t *buf = malloc((size_t)x->saved);
    if (!buf)
        return su_fail_nomem(e, (size_t)x->saved);
    if (su_journal_kept(b->journal, x, buf, e) < 0) /* checked in any case */
        return -1;
    return x->area == SU_AREA_ESP ? put_back_from_file(b, x, why, e)
                                  : su_plan_write(&b->plan, x->area, why, x->off, buf, (size_t)x->saved, e);
}

static int put_back(struct su_back *b, enum su_area area, const char *why, struct su_err *e)
{
    for (size_t i = 0; i < b->j.n; i++) {
        const struct su_journal_extent *x = &b->j.extent[i];
        bool same = x->keep && area == SU_AREA_FS; /* only kept to see whether it changed */
        if (x->area == area && x->saved && !same && put_back_one(b, x, why, e) < 0)
            return -1;
    }
    return 0;
}

/* Sectors between the boot record and the first partition. */
static uint64_t gap_sectors(const struct su_back *b)
{
    uint64_t first = SU_MIB / SU_SECTOR;
    for (size_t i = 0; i < b->meta.n_parts; i++)
        if (b->meta.part[i].number != b->meta.bios_number && b->meta.part[i].first < first)
            first = b->meta.part[i].first;
    return first - 1;
}

/* Without a core that fits, the old one goes back all the same: GRUB's modules rarely part with it. */
static int renew_core(struct su_back *b, struct su_err *e)
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

static void place_core(struct su_back *b)
{
    uint8_t pointer[8] = {1};
    if (b->core.n == 0)
        return;
    patch(&b->plan, SU_SECTOR, b->core.p, b->core.n);
    patch(&b->plan, SU_GRUB_POINTER_AT, pointer, sizeof pointer);
}

/* Behind the old end there may be room for the backup GPT's header: it must not speak for the old disk. */
static int clear_backup(struct su_back *b, struct su_err *e)
{
    uint64_t ss = b->meta.sector_size, at = (b->gpt.sectors - 1) * ss;
    SU_FREE uint8_t *zero = calloc(1, ss);
    if (!zero)
        return su_fail_nomem(e, ss);
    if (at < b->j.size_before || at + ss > b->plan.size_after)
        return 0;
    return su_plan_write(&b->plan, SU_AREA_TABLE, "backup GPT", at, zero, ss, e);
}

static int make_plan(struct su_back *b, bool exact, struct su_err *e)
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

static int run(struct su_back *b, const struct su_watch *watch, struct su_err *e)
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

static int roll_back(struct su_back *b, const struct su_watch *watch, struct su_outcome *out, struct su_err *e)
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
    if (!exact && (su_back_undo_edits(b, e) < 0 || renew_core(b, e) < 0))
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
    struct su_back *b = calloc(1, sizeof *b);
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
