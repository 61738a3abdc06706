/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ops.h"
#include "disk/blk_map.h"
#include "disk/blk_overlay.h"
#include "tests/lib/memblk.h"
#include <string.h>

static uint8_t old[FAULT_DISK];

static void must(bool good)
{
    if (!good)
        abort();
}

/* An MBR with a logical partition, and behind it two copies of a GPT that only su_gpt_read() looks at. */
static void fill_disk(struct su_blk *d)
{
    static struct su_gpt g;
    static uint8_t table[SU_GPT_TABLE];
    struct su_err e = {0};
    uint8_t *b = su_memblk_data(d);
    uint64_t last = FAULT_DISK / 512 - 1;
    g = (struct su_gpt){.sectors = last + 1, .first_usable = 34, .last_usable = last - 33};
    memset(g.entry[0].type, 1, 16);
    g.entry[0].first = 40;
    g.entry[0].last = 50;
    su_gpt_put_table(&g, table);
    su_gpt_put_header(&g, 512, SU_GPT_PRIMARY, table, b + 512);
    su_gpt_put_header(&g, 512, SU_GPT_BACKUP, table, b + last * 512);
    must(su_blk_write(d, 1024, table, sizeof table, &e) == 0 &&
         su_blk_write(d, (last - 32) * 512, table, sizeof table, &e) == 0);
    static const uint8_t slots[3][16] = {
        {0, 0, 0, 0, 0x83, 0, 0, 0, 100, 0, 0, 0, 100, 0, 0, 0}, {0, 0, 0, 0, 5, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0},
        {0, 0, 0, 0, 0x82, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0}};
    memcpy(b + 446, slots, 32);
    memcpy(b + 512 * 512 + 446, slots[2], 16);
    b[510] = b[512 * 512 + 510] = 0x55;
    b[511] = b[512 * 512 + 511] = 0xAA;
}

void fault_world_make(struct fault_world *w)
{
    static uint8_t bytes[8192];
    struct su_err e = {0};
    memset(w, 0, sizeof *w);
    w->plan = SU_PLAN_INIT;
    must(su_memblk_new(FAULT_DISK, &w->disk, &e) == 0 && su_memblk_new(0, &w->journal, &e) == 0);
    fill_disk(w->disk);
    memcpy(old, su_memblk_data(w->disk), FAULT_DISK);
    memset(bytes, 0x77, sizeof bytes);
    w->plan.size_before = FAULT_DISK;
    w->plan.size_during = FAULT_DISK + 8192;
    w->plan.size_after = FAULT_DISK + 4096;
    must(su_plan_write(&w->plan, SU_AREA_FS, "fs", 9000, bytes, 3000, &e) == 0 &&
         su_plan_barrier(&w->plan, "b", &e) == 0 &&
         su_plan_write(&w->plan, SU_AREA_ESP, "esp", FAULT_DISK - 512, bytes, 1024, &e) == 0 &&
         su_plan_keep(&w->plan, SU_AREA_BOOT, "k", 100000, 1000, &e) == 0);
    w->copies = 77;
    w->was = SU_JOURNAL_COMMITTED;
    w->mbr.n = w->layout.n_problems = w->undo.n = 77;
    w->gpt.sectors = 77;
}

void fault_world_done(struct fault_world *w)
{
    if (w->undo.n != 77)
        su_journal_done(&w->undo);
    su_plan_done(&w->plan);
    su_blk_close(w->map);
    su_blk_close(w->overlay);
    su_blk_close(w->journal);
    su_blk_close(w->disk);
}

static bool disk_old(const struct fault_world *w)
{
    return w->disk->size == FAULT_DISK && memcmp(su_memblk_data(w->disk), old, FAULT_DISK) == 0;
}

static bool disk_new(const struct fault_world *w)
{
    const uint8_t *b = su_memblk_data(w->disk);
    return w->disk->size == FAULT_DISK + 4096 && b[9000] == 0x77 && b[11999] == 0x77 && b[FAULT_DISK + 511] == 0x77;
}

bool fault_recovers(struct fault_world *w)
{
    struct su_err e = {0};
    enum su_journal_state was;
    if (su_journal_recover(w->journal, w->disk, &was, &e) < 0)
        return false;
    return was == SU_JOURNAL_COMMITTED ? disk_new(w) : disk_old(w);
}

/* Rows ---------------------------------------------------------------------- */

static int run_mbr(struct fault_world *w, struct su_err *e)
{
    return su_mbr_read(w->disk, 512, &w->mbr, e);
}
static bool mbr_untouched(const struct fault_world *w)
{
    return w->mbr.n == 77;
}
static bool mbr_good(struct fault_world *w)
{
    return w->mbr.n == 2 && w->mbr.n_problems == 0;
}

static int run_gpt(struct fault_world *w, struct su_err *e)
{
    return su_gpt_read(w->disk, 512, &w->gpt, &w->copies, e);
}
static bool gpt_untouched(const struct fault_world *w)
{
    return w->gpt.sectors == 77 && w->copies == 77;
}
static bool gpt_good(struct fault_world *w)
{
    return w->copies == 3 && w->gpt.entry[0].last == 50;
}

static void prepare_layout(struct fault_world *w)
{
    struct su_err e = {0};
    must(su_mbr_read(w->disk, 512, &w->mbr, &e) == 0);
}
static int run_layout(struct fault_world *w, struct su_err *e)
{
    struct su_layout_request r = {.mbr = &w->mbr, .disk_bytes = FAULT_DISK, .can_grow = true, .esp_bytes = SU_MIB};
    return su_layout_make(&r, &w->layout, e);
}
static bool layout_untouched(const struct fault_world *w)
{
    return w->layout.n_problems == 77;
}
static bool layout_good(struct fault_world *w)
{
    return w->layout.n_problems == 0;
}

/* More steps than there is room for: each kind of step once makes the room grow. */
static int run_steps(struct fault_world *w, struct su_err *e)
{
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    p.size_before = p.size_during = p.size_after = 1 << 20;
    for (uint64_t i = 0; i < 70; i++)
        if ((i % 4 == 0 && su_plan_write(&p, SU_AREA_FS, "w", i * 10, "abc", 3, e) < 0) ||
            (i % 4 == 1 && su_plan_write_src(&p, SU_AREA_FS, "s", i * 10, 0, 3, e) < 0) ||
            (i % 4 == 2 && su_plan_barrier(&p, "b", e) < 0) ||
            (i % 4 == 3 && su_plan_keep(&p, SU_AREA_FS, "k", i * 10, 3, e) < 0)) {
            w->copies = p.n == i ? 77 : 0; /* what failed added nothing */
            return -1;
        }
    return su_plan_check(&p, e);
}
static bool copies_untouched(const struct fault_world *w)
{
    return w->copies == 77;
}

static int run_overlay_open(struct fault_world *w, struct su_err *e)
{
    return su_blk_overlay_open(w->disk, &w->overlay, e);
}
static bool overlay_untouched(const struct fault_world *w)
{
    return !w->overlay && disk_old(w);
}
static void prepare_overlay(struct fault_world *w)
{
    struct su_err e = {0};
    must(run_overlay_open(w, &e) == 0);
}
static int run_overlay_write(struct fault_world *w, struct su_err *e)
{
    for (uint64_t i = 0; i < 130; i++) /* more pages than the first room */
        if (su_blk_write(w->overlay, i * SU_OVERLAY_PAGE + 5, "x", 1, e) < 0)
            return -1;
    return su_blk_write(w->overlay, 4000, "0123456789", 10, e);
}
static bool base_old(const struct fault_world *w)
{
    return disk_old(w) && w->changes == 0;
}
static bool overlay_good(struct fault_world *w)
{
    struct su_err e = {0};
    uint8_t b[10];
    return su_blk_read(w->overlay, 4000, b, 10, &e) == 0 && memcmp(b, "0123456789", 10) == 0 && disk_old(w);
}
static void prepare_changes(struct fault_world *w)
{
    struct su_err e = {0};
    prepare_overlay(w);
    must(su_blk_write(w->overlay, 4000, "0123456789", 10, &e) == 0 &&
         su_blk_write(w->overlay, 600000, "x", 1, &e) == 0);
}
static int count_change(void *arg, uint64_t off, const uint8_t *bytes, size_t n, struct su_err *e)
{
    (void)off, (void)bytes, (void)e;
    ((struct fault_world *)arg)->changes += n;
    return 0;
}
static int run_changes(struct fault_world *w, struct su_err *e)
{
    w->changes = 0;
    return su_blk_overlay_changes(w->overlay, count_change, w, e);
}
static bool changes_good(struct fault_world *w)
{
    return w->changes == 512 + 512 && disk_old(w);
}

static const struct su_extent extents[] = {{100, 10}, {0, 50}};
static int run_map_open(struct fault_world *w, struct su_err *e)
{
    return su_blk_map_open(w->disk, extents, 2, &w->map, e);
}
static bool map_untouched(const struct fault_world *w)
{
    return !w->map && disk_old(w);
}
static void prepare_map(struct fault_world *w)
{
    struct su_err e = {0};
    must(run_map_open(w, &e) == 0);
}
static int run_map_io(struct fault_world *w, struct su_err *e)
{
    uint8_t b[60];
    return su_blk_read(w->map, 0, b, 60, e) < 0 || su_blk_write(w->map, 0, b, 60, e) < 0 || su_blk_flush(w->map, e) < 0
               ? -1
               : 0;
}

static int run_journal(struct fault_world *w, struct su_err *e)
{
    return su_journal_run(w->journal, w->disk, &w->plan, (struct su_bytes){(const uint8_t *)"meta", 4}, NULL, e);
}
static bool any(const struct fault_world *w)
{
    (void)w;
    return true; /* what a failed run or recovery leaves is fault_recovers()'s to judge */
}
static bool disk_new_after(struct fault_world *w)
{
    return disk_new(w);
}
static bool run_good(struct fault_world *w)
{
    return disk_new(w) && fault_recovers(w);
}
static void prepare_committed(struct fault_world *w)
{
    struct su_err e = {0};
    struct su_journal j = {0};
    must(run_journal(w, &e) == 0 && su_journal_open(w->journal, &j, &e) == 0);
    w->extent = j.extent[0];
    su_journal_done(&j);
}
static int run_open(struct fault_world *w, struct su_err *e)
{
    return su_journal_open(w->journal, &w->undo, e);
}
static bool undo_untouched(const struct fault_world *w)
{
    return w->undo.n == 77 && !w->undo.extent;
}
static bool undo_good(struct fault_world *w)
{
    return w->undo.n == 3 && w->undo.state == SU_JOURNAL_COMMITTED && w->undo.settled;
}
static int run_kept(struct fault_world *w, struct su_err *e)
{
    return su_journal_kept(w->journal, &w->extent, w->kept, e);
}
static bool kept_good(struct fault_world *w)
{
    return memcmp(w->kept, old + 9000, 3000) == 0;
}
static int run_spend(struct fault_world *w, struct su_err *e)
{
    return su_journal_spend(w->journal, e);
}

static int refuse(void *arg, const char *why, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    return strcmp(why, arg) == 0;
}
static void prepare_cut(struct fault_world *w)
{
    struct su_err e = {0};
    char at[] = "k";
    struct su_watch watch = {refuse, at};
    must(su_journal_run(w->journal, w->disk, &w->plan, (struct su_bytes){0}, &watch, &e) < 0);
}
static int run_recover(struct fault_world *w, struct su_err *e)
{
    return su_journal_recover(w->journal, w->disk, &w->was, e);
}
static bool was_untouched(const struct fault_world *w)
{
    return w->was == SU_JOURNAL_COMMITTED;
}
static bool recover_good(struct fault_world *w)
{
    /* a second attempt finds the mark of the first, when only its flush failed */
    return (w->was == SU_JOURNAL_SEALED || w->was == SU_JOURNAL_REVERTED) && disk_old(w);
}

const struct fault_op fault_ops[] = {
    {"su_mbr_read", NULL, run_mbr, mbr_untouched, mbr_good, true},
    {"su_gpt_read", NULL, run_gpt, gpt_untouched, gpt_good, true},
    {"su_layout_make", prepare_layout, run_layout, layout_untouched, layout_good, true},
    {"making a plan", NULL, run_steps, copies_untouched, NULL, true},
    {"su_blk_overlay_open", NULL, run_overlay_open, overlay_untouched, NULL, true},
    {"writing an overlay", prepare_overlay, run_overlay_write, base_old, overlay_good, true},
    {"su_blk_overlay_changes", prepare_changes, run_changes, disk_old, changes_good, true},
    {"su_blk_map_open", NULL, run_map_open, map_untouched, NULL, true},
    {"through a map", prepare_map, run_map_io, disk_old, NULL, true},
    {"su_journal_run", NULL, run_journal, any, run_good, false},
    {"su_journal_open", prepare_committed, run_open, undo_untouched, undo_good, true},
    {"su_journal_kept", prepare_committed, run_kept, disk_new, kept_good, true},
    {"su_journal_spend", prepare_committed, run_spend, disk_new, disk_new_after, true},
    {"su_journal_recover", prepare_cut, run_recover, was_untouched, recover_good, true},
};
const size_t fault_n_ops = SU_ARRAY_LEN(fault_ops);
