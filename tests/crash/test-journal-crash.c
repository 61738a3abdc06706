/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans of every shape through every power cut and I/O error (tests/lib/crash.h).
 * SURETY_SEED=N changes what is sampled. */
#include "disk/journal_format.h"
#include "tests/lib/crash.h"
#include "tests/lib/tap.h"
#include <fcntl.h>
#include <inttypes.h>
#include <time.h>

enum { KIB = 1024, DISK = 24 * KIB };

static uint8_t disk[DISK + KIB], junk[8 * KIB];
static uint64_t seed = 20240229;
static const struct su_bytes meta = {(const uint8_t *)"made for the test", 17};
static unsigned long scenarios;

static void fill(uint8_t *p, size_t n, uint64_t s)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)su_sim_random(&s);
}

/* All of it, or the test itself is broken. */
static void must(int rc, const struct su_err *e)
{
    if (rc < 0) {
        printf("Bail out! %s\n", e->msg);
        exit(1);
    }
}

static void write_step(struct su_plan *p, enum su_area area, uint64_t off, size_t n)
{
    struct su_err e = {0};
    uint8_t bytes[8 * KIB];
    fill(bytes, n, off + 77);
    if (off == 0)
        memcpy(bytes + 440, disk + 440, 6); /* what journal.h asks of every plan */
    must(su_plan_write(p, area, "write", off, bytes, n, &e), &e);
}

static void keep_step(struct su_plan *p, uint64_t off, uint64_t n)
{
    struct su_err e = {0};
    must(su_plan_keep(p, SU_AREA_BOOT, "keep", off, n, &e), &e);
}

static void barrier(struct su_plan *p)
{
    struct su_err e = {0};
    must(su_plan_barrier(p, "barrier", &e), &e);
}

static void sizes(struct su_plan *p, uint64_t before, uint64_t during, uint64_t after)
{
    p->size_before = before;
    p->size_during = during;
    p->size_after = after;
}

/* As a conversion on a disk that grows: ESP, backup table, primary table, record; one write crosses the old end. */
static void plan_grow(struct su_plan *p)
{
    sizes(p, DISK, DISK + 12 * KIB, DISK + 12 * KIB);
    write_step(p, SU_AREA_ESP, DISK + KIB, 2 * KIB);
    write_step(p, SU_AREA_FS, 9 * KIB, 512);
    write_step(p, SU_AREA_TABLE, DISK - 512, KIB);
    barrier(p);
    write_step(p, SU_AREA_TABLE, DISK + 8 * KIB, KIB);
    write_step(p, SU_AREA_TABLE, DISK + 12 * KIB - 512, 512);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 512, KIB);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 0, 512);
}

/* The size stays; the new partition goes into a gap; bytes that do not change are kept too. */
static void plan_gap(struct su_plan *p)
{
    sizes(p, DISK, DISK, DISK);
    write_step(p, SU_AREA_ESP, 12 * KIB, 3 * KIB);
    keep_step(p, 2 * KIB, 3 * KIB + 100);
    barrier(p);
    write_step(p, SU_AREA_TABLE, DISK - KIB, KIB);
    write_step(p, SU_AREA_TABLE, 512, 512);
    write_step(p, SU_AREA_BOOT, KIB, 512);
    write_step(p, SU_AREA_TABLE, 0, 512);
}

/* Many writes that nothing orders, some smaller than a sector. */
static void plan_loose(struct su_plan *p)
{
    sizes(p, DISK, DISK + 4 * KIB, DISK + 2 * KIB);
    for (unsigned i = 0; i < 9; i++)
        write_step(p, SU_AREA_FS, KIB + i * 2 * KIB, i % 3 == 0 ? 100 : 512);
    write_step(p, SU_AREA_TABLE, DISK + KIB, 300);
    write_step(p, SU_AREA_TABLE, 0, 512);
    keep_step(p, DISK - 700, 600);
}

/* As a rollback: old boot area and table go back, then the disk shrinks. */
static void plan_shrink(struct su_plan *p)
{
    sizes(p, DISK, DISK, 15 * KIB + 512);
    write_step(p, SU_AREA_BOOT, 512, KIB);
    keep_step(p, DISK - KIB, KIB);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 0, 512);
}

/* Grows for the writes, and ends in between; then grows further at the end. */
static void plan_grow_shrink(struct su_plan *p)
{
    sizes(p, DISK, DISK + 4 * KIB, DISK + KIB);
    write_step(p, SU_AREA_ESP, DISK + 512, 2 * KIB);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 0, KIB);
}

static void plan_grow_twice(struct su_plan *p)
{
    sizes(p, DISK, DISK + 2 * KIB, DISK + 5 * KIB);
    write_step(p, SU_AREA_ESP, DISK + 512, KIB);
    write_step(p, SU_AREA_TABLE, 0, KIB);
}

static void plan_odd_size(struct su_plan *p)
{
    sizes(p, DISK + 100, DISK + 3 * KIB, DISK + 3 * KIB);
    write_step(p, SU_AREA_ESP, DISK, KIB);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 0, 512);
}

/* Steps larger than the pieces they are copied in, bytes from a file. */
static void plan_source(struct su_plan *p)
{
    struct su_err e = {0};
    char name[] = "/tmp/surety-crash.XXXXXX";
    sizes(p, DISK, DISK + 600 * KIB, DISK + 600 * KIB);
    p->src_fd = mkstemp(name);
    if (p->src_fd < 0 || unlink(name) < 0)
        exit(99);
    for (unsigned i = 0; i < 76; i++)
        if (pwrite(p->src_fd, junk, sizeof junk, (off_t)(i * sizeof junk)) != sizeof junk)
            exit(99);
    must(su_plan_write_src(p, SU_AREA_ESP, "from a file", DISK + KIB, 333, 270 * KIB, &e), &e);
    must(su_plan_write_src(p, SU_AREA_ESP, "from a file", 4 * KIB, 0, 700, &e), &e);
    barrier(p);
    write_step(p, SU_AREA_TABLE, 0, 512);
}

static void plan_empty(struct su_plan *p)
{
    sizes(p, DISK, DISK, DISK);
}

/* What the journal file holds before the run. */
enum stale { FRESH, JUNK, REVERTED, COMMITTED, OTHER_REVERTED, OTHER_COMMITTED, CUT_EARLY, STALES };
static const char *const stale_names[STALES] = {
    "a fresh journal",
    "a journal file of junk",
    "a spent journal of the same run",
    "the journal of the same run, committed before the disk was restored",
    "a spent journal of a run on what the disk held once",
    "a committed journal of a run on what the disk held once",
    "a journal of a run that was cut before its seal",
};

/* Runs the plan on a disk of other contents (or the same) and leaves the journal as it then is. */
static void make_stale(enum stale how, const struct su_plan *p, struct su_buf *out)
{
    static uint8_t once[DISK + KIB];
    struct su_err e = {0};
    struct su_sim_image start[SU_SIM_DISKS];
    struct su_sim w;
    bool other = how == OTHER_REVERTED || how == OTHER_COMMITTED;
    memcpy(once, disk, sizeof once);
    if (other) /* the guest has lived on since: everything but the record differs */
        fill(once + 512, sizeof once - 512, 4711);
    su_sim_image_init(&start[0], once, p->size_before);
    su_sim_image_init(&start[1], NULL, 0);
    su_sim_init(&w, start);
    int rc = su_journal_run(su_sim_blk(&w, 1), su_sim_blk(&w, 0), p, meta, NULL, &e);
    must(rc, &e);
    if (how == REVERTED || how == OTHER_REVERTED)
        must(su_journal_spend(su_sim_blk(&w, 1), &e), &e);
    su_buf_zero(out, (size_t)w.disk[1].view.size);
    must(su_buf_ok(out, &e), &e);
    su_sim_image_read(&w.disk[1].view, 0, out->p, out->n);
    if (how == CUT_EARLY)
        memset(out->p, 0, SU_JF_BODY_AT);
    su_sim_done(&w);
}

static void one(const char *name, void (*make)(struct su_plan *), enum stale stale, unsigned crashes)
{
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    SU_BUF struct su_buf old = {0};
    struct su_crash_count n;
    char why[600] = "";
    struct timespec t0, t1;
    make(&p);
    if (stale == JUNK)
        su_buf_add(&old, junk, sizeof junk);
    else if (stale != FRESH)
        make_stale(stale, &p, &old);
    struct su_crash_case c = {
        .disk = disk, .journal = old.p, .journal_size = old.n, .plan = &p, .meta = meta,
        .crashes = crashes, .all_upto = 10, .samples = 40, .torn = {16, 2, 1}, .faults = true, .seed = seed,
    };
    clock_gettime(CLOCK_MONOTONIC, &t0);
    ok(su_crash_all(&c, &n, why, sizeof why), "%s, %s", name, stale_names[stale]);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    ok(*why || (n.old_seen > 0 && n.new_seen > 0), "both outcomes were seen");
    if (*why)
        printf("# seed %" PRIu64 ": %s\n", seed, why);
    printf("# %lu operations, %lu states, %lu distinct, %lu recoveries, %lu faults, %ld ms\n", n.run_ops, n.states,
           n.judged, n.recoveries, n.faults, (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000);
    scenarios += n.states + n.faults;
}

static const struct {
    const char *name;
    void (*make)(struct su_plan *);
    unsigned crashes;
} plans[] = {
    {"growing", plan_grow, 3},
    {"into a gap", plan_gap, 3},
    {"unordered writes", plan_loose, 2},
    {"shrinking at the end", plan_shrink, 3},
    {"growing, then shrinking", plan_grow_shrink, 3},
    {"growing twice", plan_grow_twice, 3},
    {"an odd size", plan_odd_size, 3},
    {"from a source file", plan_source, 3},
    {"nothing to do", plan_empty, 3},
};

int main(void)
{
    if (getenv("SURETY_SEED"))
        seed = strtoull(getenv("SURETY_SEED"), NULL, 0) | 1;
    printf("# SURETY_SEED=%" PRIu64 "\n", seed);
    fill(disk, sizeof disk, 1);
    fill(junk, sizeof junk, 2);
    for (size_t i = 0; i < SU_ARRAY_LEN(plans); i++)
        if (!tap_skips(i, 3))
            one(plans[i].name, plans[i].make, FRESH, plans[i].crashes);
    for (int stale = JUNK; stale < STALES; stale++) {
        if (!tap_skips((size_t)stale, 4))
            one("growing", plan_grow, (enum stale)stale, 3);
        one("shrinking at the end", plan_shrink, (enum stale)stale, 3);
    }
    printf("# %lu scenarios\n", scenarios);
    return tap_done();
}
