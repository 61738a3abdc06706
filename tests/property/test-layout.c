/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random legacy disks, converted and taken back: numbers, places and types are kept, contents never move, and
 * the promises of mbr.h, layout.h and gpt.h hold.  SURETY_SEED=N reruns the one disk of that seed. */
#include "disk/guid.h"
#include "disk/journal.h"
#include "tests/lib/mbrgen.h"
#include "tests/lib/promise.h"
#include "tests/lib/sim.h"
#include "tests/lib/tap.h"
#include <inttypes.h>

enum { DISKS = 1500, GARBAGE = 20000 };

static const char *broken; /* the first promise that was */
static uint64_t now;       /* the seed at work */
static unsigned long converted, refused, grown;

#define NEED(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond) && !broken) {                                                                                      \
            broken = #cond;                                                                                            \
            printf("# SURETY_SEED=%" PRIu64 " line %d: %s\n", now, __LINE__, #cond);                                   \
        }                                                                                                              \
    } while (0)
#define KEPT(expr)                                                                                                     \
    do {                                                                                                               \
        const char *why_ = (expr);                                                                                     \
        if (why_ && !broken) {                                                                                         \
            broken = why_;                                                                                             \
            printf("# SURETY_SEED=%" PRIu64 " line %d: %s\n", now, __LINE__, why_);                                    \
        }                                                                                                              \
    } while (0)

static void read_back(const struct su_mbrgen *g, const struct su_mbr *m)
{
    NEED(m->n_problems == 0 && !m->protective && m->n == g->n && m->sector_size == g->sector_size);
    NEED(m->ext_slot == g->ext_slot && m->ext_first == g->ext_first && m->ext_count == g->ext_count);
    for (size_t i = 0; i < g->n && i < m->n; i++) {
        const struct su_mbr_part *a = &g->part[i], *b = &m->part[i];
        NEED(a->number == b->number && a->type == b->type && a->first == b->first && a->count == b->count);
    }
}

/* The first aligned place where the ESP fits between the partitions, found the slow way; 0: none. */
static uint64_t expected_gap(const struct su_mbrgen *g, const struct su_layout *l, uint64_t count)
{
    uint64_t align = SU_MIB / g->sector_size, best = 0;
    for (size_t i = 0; i <= g->n; i++) { /* a gap begins at the front, or where a partition ends */
        uint64_t at = i < g->n ? g->part[i].first + g->part[i].count : l->gpt.first_usable;
        at = (at + align - 1) / align * align;
        bool fits = at >= l->gpt.first_usable && at + count - 1 <= l->gpt.last_usable;
        for (size_t k = 0; k < g->n; k++)
            fits = fits && (g->part[k].first + g->part[k].count <= at || at + count <= g->part[k].first);
        if (fits && (best == 0 || at < best))
            best = at;
    }
    return best;
}

static bool has(const struct su_layout *l, enum su_layout_trouble what)
{
    for (size_t i = 0; i < l->n_problems; i++)
        if (l->problem[i].what == what)
            return true;
    return false;
}

/* Problems are there exactly when there is reason. */
static void right_problems(const struct su_mbrgen *g, const struct su_layout_request *r, const struct su_layout *l)
{
    bool head = false, tail = false, placed = true;
    uint64_t table = 16384 / g->sector_size;
    for (size_t i = 0; i < g->n; i++) {
        if (g->part[i].type == 0x99) {
            placed = false;
            continue;
        }
        head = head || g->part[i].first < 2 + table;
        tail = tail || (!r->can_grow && g->part[i].first + g->part[i].count > g->sectors - 1 - table);
    }
    NEED(has(l, SU_LAYOUT_TYPE) == g->unknown_type);
    NEED(has(l, SU_LAYOUT_HEAD) == head && has(l, SU_LAYOUT_TAIL) == tail && !has(l, SU_LAYOUT_SLOTS));
    if (r->can_grow || r->esp_reuse)
        NEED(!has(l, SU_LAYOUT_ROOM) || g->unknown_type);
    else if (placed)
        NEED(has(l, SU_LAYOUT_ROOM) == (expected_gap(g, l, r->esp_bytes / g->sector_size) == 0));
    if (l->n_problems == 0 && !r->can_grow && !r->esp_reuse)
        NEED(l->gpt.entry[l->esp_number - 1].first == expected_gap(g, l, r->esp_bytes / g->sector_size));
}

static void right_types(const struct su_mbr *m, const struct su_layout_request *r, const struct su_layout *l)
{
    for (size_t i = 0; i < m->n; i++) {
        struct su_type_row row;
        const struct su_gpt_entry *en = &l->gpt.entry[l->number_of[m->part[i].number] - 1];
        if (m->part[i].number == r->esp_reuse)
            continue;
        NEED(su_layout_type(m->part[i].type, NULL, 0, &row) && memcmp(row.gpt, en->type, 16) == 0);
        NEED(en->attributes == row.attributes);
        NEED((m->part[i].type != 0x82 || su_gpt_type_find(en->type) == SU_GPT_LINUX_SWAP) &&
             (m->part[i].type != 0x8E || su_gpt_type_find(en->type) == SU_GPT_LINUX_LVM) &&
             (m->part[i].type != 0x83 || su_gpt_type_find(en->type) == SU_GPT_LINUX_DATA));
    }
}

/* Steps as a conversion has them: ESP, backup copy, primary copy, protective record. */
static void make_plan(const struct su_mbrgen *g, const struct su_mbr *m, const struct su_layout *l, struct su_plan *p)
{
    static uint8_t table[SU_GPT_TABLE], head[2][4096], record[512], esp[2048];
    struct su_err e = {0};
    uint64_t ss = g->sector_size, last = l->gpt.sectors - 1, first_part = SU_LAYOUT_ALIGN / ss;
    const struct su_gpt_entry *en = &l->gpt.entry[l->esp_number - 1];
    memset(esp, 0xE5, sizeof esp);
    memset(head, 0, sizeof head);
    su_gpt_put_table(&l->gpt, table);
    su_gpt_put_header(&l->gpt, g->sector_size, SU_GPT_BACKUP, table, head[0]);
    su_gpt_put_header(&l->gpt, g->sector_size, SU_GPT_PRIMARY, table, head[1]);
    su_gpt_put_protective(&l->gpt, m->sector, record);
    for (size_t i = 0; i < m->n; i++)
        first_part = m->part[i].first < first_part ? m->part[i].first : first_part;
    uint64_t esp_end = (en->last + 1) * ss, gap = l->gpt.first_usable;
    p->size_before = g->bytes;
    p->size_during = p->size_after = l->disk_bytes;
    NEED(su_plan_write(p, SU_AREA_ESP, "esp", en->first * ss, esp, sizeof esp, &e) == 0);
    NEED(su_plan_write(p, SU_AREA_ESP, "esp end", esp_end - 2048, esp, sizeof esp, &e) == 0);
    NEED(su_plan_write(p, SU_AREA_TABLE, "backup", (last - 16384 / ss) * ss, table, sizeof table, &e) == 0);
    NEED(su_plan_write(p, SU_AREA_TABLE, "backup header", last * ss, head[0], (size_t)ss, &e) == 0);
    NEED(su_plan_barrier(p, "backup copy", &e) == 0);
    NEED(su_plan_write(p, SU_AREA_TABLE, "primary", 2 * ss, table, sizeof table, &e) == 0);
    NEED(su_plan_write(p, SU_AREA_TABLE, "primary header", ss, head[1], (size_t)ss, &e) == 0);
    if (gap < first_part && en->first >= first_part)
        NEED(su_plan_keep(p, SU_AREA_BOOT, "boot gap", gap * ss, (first_part - gap) * ss, &e) == 0);
    NEED(su_plan_barrier(p, "primary copy", &e) == 0);
    NEED(su_plan_write(p, SU_AREA_TABLE, "record", 0, record, sizeof record, &e) == 0);
    NEED(su_plan_check(p, &e) == 0);
}

/* Whatever differs lies outside every old partition but the one that becomes the ESP. */
static void contents_stay(const struct su_mbrgen *g, unsigned but, const struct su_sim_image *a,
                          const struct su_sim_image *b)
{
    const struct su_sim_image *both[] = {a, b};
    for (int w = 0; w < 2; w++) {
        for (size_t i = 0; i < both[w]->n; i++) {
            uint8_t x[SU_SECTOR] = {0}, y[SU_SECTOR] = {0};
            uint64_t off = both[w]->slot[i].no * SU_SECTOR, lba = off / g->sector_size;
            su_sim_image_read(a, off, x, sizeof x);
            su_sim_image_read(b, off, y, sizeof y);
            for (size_t k = 0; k < g->n && memcmp(x, y, sizeof x) != 0; k++)
                NEED(g->part[k].number == but || lba < g->part[k].first || lba - g->part[k].first >= g->part[k].count);
        }
    }
}

static void gpt_reads_back(struct su_sim *w, const struct su_mbrgen *g, const struct su_layout *l)
{
    struct su_blk *d = su_sim_blk(w, SU_SIM_DISK);
    struct su_err e = {0};
    SU_FREE struct su_gpt *got = calloc(1, sizeof *got);
    SU_FREE struct su_mbr *m = calloc(1, sizeof *m);
    unsigned copies = 0;
    uint8_t bad = 0;
    if (!got || !m)
        exit(99);
    NEED(su_gpt_read(d, g->sector_size, got, &copies, &e) == 0 && copies == (SU_GPT_PRIMARY | SU_GPT_BACKUP));
    NEED(memcmp(got, &l->gpt, sizeof *got) == 0);
    KEPT(su_promise_gpt(got, d->size, g->sector_size));
    NEED(su_mbr_read(d, g->sector_size, m, &e) == 0 && m->protective);
    uint64_t primary = g->sector_size + 56, backup = (l->gpt.sectors - 1) * g->sector_size + 56;
    NEED(su_blk_read(d, primary, &bad, 1, &e) == 0);
    bad ^= 0x10;
    NEED(su_blk_write(d, primary, &bad, 1, &e) == 0);
    memset(got, 0, sizeof *got);
    NEED(su_gpt_read(d, g->sector_size, got, &copies, &e) == 0 && copies == SU_GPT_BACKUP);
    NEED(memcmp(got, &l->gpt, sizeof *got) == 0);
    NEED(su_blk_write(d, backup, &bad, 1, &e) == 0); /* the same GUID byte: no longer what the checksum says */
    NEED(su_gpt_read(d, g->sector_size, got, &copies, &e) < 0 && strcmp(e.id, "disk.gpt.missing") == 0);
    bad ^= 0x10;
    NEED(su_blk_write(d, primary, &bad, 1, &e) == 0 && su_blk_write(d, backup, &bad, 1, &e) == 0);
}

/* What a rollback does: every kept byte goes back, then the size. */
static void roll_back(struct su_sim *w, const struct su_sim_image *before)
{
    struct su_blk *d = su_sim_blk(w, SU_SIM_DISK), *u = su_sim_blk(w, SU_SIM_JOURNAL);
    SU_JOURNAL struct su_journal j = {0};
    struct su_err e = {0};
    NEED(su_journal_open(u, &j, &e) == 0 && j.state == SU_JOURNAL_COMMITTED);
    KEPT(su_promise_journal(&j, u->size));
    for (size_t i = 0; i < j.n; i++) {
        SU_FREE uint8_t *kept = malloc((size_t)j.extent[i].saved + 1);
        NEED(kept && su_journal_kept(u, &j.extent[i], kept, &e) == 0);
        NEED(su_blk_write(d, j.extent[i].off, kept, (size_t)j.extent[i].saved, &e) == 0);
    }
    NEED(su_blk_resize(d, j.size_before, &e) == 0 && su_blk_flush(d, &e) == 0);
    NEED(su_sim_image_equal(&w->disk[SU_SIM_DISK].stable, before));
}

static void convert(const struct su_mbrgen *g, const struct su_mbr *m, unsigned reuse, const struct su_layout *l,
                    const struct su_sim_image state[SU_SIM_DISKS], uint64_t *seed)
{
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    struct su_err e = {0};
    enum su_journal_state was;
    make_plan(g, m, l, &p);
    SU_SIM struct su_sim w;
    su_sim_init(&w, state);
    int rc = su_journal_run(su_sim_blk(&w, 1), su_sim_blk(&w, 0), &p, (struct su_bytes){0}, NULL, &e);
    if (rc < 0)
        printf("# %s\n", e.msg);
    NEED(rc == 0);
    contents_stay(g, reuse, &state[0], &w.disk[0].stable);
    gpt_reads_back(&w, g, l);
    roll_back(&w, &state[0]);
    SU_SIM struct su_sim cut;
    su_sim_init(&cut, state);
    cut.fail_at = 1 + su_sim_random(seed) % 30;
    if (su_journal_run(su_sim_blk(&cut, 1), su_sim_blk(&cut, 0), &p, (struct su_bytes){0}, NULL, &e) < 0) {
        NEED(su_journal_recover(su_sim_blk(&cut, 1), su_sim_blk(&cut, 0), &was, &e) == 0);
        NEED(was == SU_JOURNAL_COMMITTED || su_sim_image_equal(&cut.disk[0].stable, &state[0]));
    }
    converted++;
    grown += l->disk_bytes != g->bytes;
}

/* Order is a matter of the table alone: every partition has the GUID that it would have without. */
static void same_guids(const struct su_layout_request *r, const struct su_layout *l)
{
    struct su_err e = {0};
    SU_FREE struct su_layout *other = calloc(1, sizeof *other);
    struct su_layout_request q = *r;
    q.in_order = !r->in_order;
    NEED(other && su_layout_make(&q, other, &e) == 0);
    for (size_t i = 0; i < r->mbr->n; i++) {
        unsigned n = r->mbr->part[i].number;
        NEED(memcmp(l->gpt.entry[l->number_of[n] - 1].guid, other->gpt.entry[other->number_of[n] - 1].guid, 16) == 0);
    }
    NEED(memcmp(l->gpt.entry[l->esp_number - 1].guid, other->gpt.entry[other->esp_number - 1].guid, 16) == 0);
}

static void one_disk(uint64_t seed)
{
    struct su_mbrgen g;
    struct su_mbr m = {0};
    struct su_err e = {0};
    SU_FREE struct su_layout *l = calloc(2, sizeof *l);
    now = seed;
    seed = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    su_mbrgen_make(&seed, &g);
    struct su_sim_image state[SU_SIM_DISKS];
    su_sim_image_init(&state[0], NULL, g.bytes);
    su_sim_image_init(&state[1], NULL, 0);
    SU_SIM struct su_sim w;
    su_sim_init(&w, state);
    if (!l)
        exit(99);
    NEED(su_mbrgen_write(&seed, &g, su_sim_blk(&w, 0), &e) == 0 && su_blk_flush(su_sim_blk(&w, 0), &e) == 0);
    NEED(su_mbr_read(su_sim_blk(&w, 0), g.sector_size, &m, &e) == 0);
    read_back(&g, &m);
    KEPT(su_promise_mbr(&m, g.bytes));
    struct su_layout_request r = {.mbr = &m, .disk_bytes = g.bytes, .can_grow = su_sim_random(&seed) >> 63,
        .esp_bytes = (1 + su_sim_random(&seed) % 100) * SU_MIB, .bios_sectors = su_sim_random(&seed) >> 63 ? 57 : 0};
    uint64_t way = su_sim_random(&seed) >> 58;
    r.in_order = way & 1;
    r.msr = way & 2;
    const struct su_mbr_part *part = m.n ? &m.part[way % m.n] : NULL;
    r.esp_reuse = (way & 12) == 12 && part && part->count * m.sector_size >= 8192 && part->type != 0x99
                      ? part->number
                      : 0;
    NEED(su_layout_make(&r, l, &e) == 0 && su_layout_make(&r, l + 1, &e) == 0);
    NEED(memcmp(l, l + 1, sizeof *l) == 0); /* same facts, same layout */
    KEPT(su_promise_layout(&r, l));
    right_problems(&g, &r, l);
    if (l->n_problems) {
        refused++;
    } else {
        right_types(&m, &r, l);
        same_guids(&r, l);
        su_sim_image_done(&state[0]);
        su_sim_image_copy(&state[0], &w.disk[0].stable);
        convert(&g, &m, r.esp_reuse, l, state, &seed);
    }
    su_sim_image_done(&state[0]);
}

/* Tables of noise that look like tables: never a crash, never a broken promise. */
static void garbage(uint64_t seed)
{
    static uint8_t disk[64 * 512];
    struct su_mbr m = {0};
    struct su_err e = {0};
    now = seed;
    seed = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    memset(disk, 0, sizeof disk);
    for (size_t s = 0; s < sizeof disk; s += 512) {
        for (int i = 0; i < 4; i++) {
            uint64_t r = su_sim_random(&seed);
            static const uint8_t types[] = {0, 0, 0x83, 0x82, 0x05, 0x0F, 0x83, 0x05};
            disk[s + 446 + i * 16 + 4] = s && i > 1 ? 0 : types[r & 7];
            disk[s + 446 + i * 16 + 8] = (uint8_t)(r >> 8 & 31);
            disk[s + 446 + i * 16 + 12] = (uint8_t)(r >> 16 & 15);
            if ((r >> 60) == 0)
                disk[s + 446 + i * 16 + 15] = (uint8_t)(r >> 24);
        }
        disk[s + 510] = 0x55;
        disk[s + 511] = (uint8_t)(su_sim_random(&seed) >> 60 ? 0xAA : 0);
    }
    struct su_sim_image state[SU_SIM_DISKS];
    su_sim_image_init(&state[0], disk, sizeof disk);
    su_sim_image_init(&state[1], NULL, 0);
    SU_SIM struct su_sim w;
    su_sim_init(&w, state);
    if (su_mbr_read(su_sim_blk(&w, 0), 512, &m, &e) < 0)
        return;
    KEPT(su_promise_mbr(&m, sizeof disk));
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = sizeof disk, .can_grow = seed & 2, .esp_bytes = SU_MIB};
    NEED(l && su_layout_make(&r, l, &e) == 0);
    if (m.n_problems == 0 && !m.protective)
        KEPT(su_promise_layout(&r, l));
}

int main(void)
{
    const char *only = getenv("SURETY_SEED");
    uint64_t first = only ? strtoull(only, NULL, 0) : 1;
    printf("# seeds from %" PRIu64 "\n", first);
    for (uint64_t i = 0; i < (only ? 1 : DISKS) && !broken; i++)
        if (!tap_skips(i, 6))
            one_disk(first + i);
    ok(!broken, "random disks: %s", broken ? broken : "all promises kept");
    for (uint64_t i = 0; i < (only ? 1 : GARBAGE) && !broken; i++)
        if (!tap_skips(i, 6))
            garbage(first + i);
    ok(!broken, "random garbage: %s", broken ? broken : "all promises kept");
    unsigned long disks = DISKS / (tap_skips(1, 6) ? 6 : 1);
    ok(only || (converted > disks / 4 && refused > disks / 20 && grown > disks / 8), "all kinds were seen");
    printf("# %lu converted (%lu of them grown), %lu refused\n", converted, grown, refused);
    return tap_done();
}
