/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written on top is read; what changed comes out as runs; the base stays. */
#include "disk/blk_overlay.h"
#include "tests/lib/memblk.h"
#include "tests/lib/tap.h"

enum { SIZE = 64 * 1024 + 300 };

struct runs {
    uint64_t off[64], end;
    size_t n[64], count, stop_at;
    uint8_t bytes[SIZE];
    bool bad;
};

static int collect(void *arg, uint64_t off, const uint8_t *bytes, size_t n, struct su_err *e)
{
    struct runs *r = arg;
    if (r->count == r->stop_at)
        return su_fail(e, SU_E_CONFLICT, "test.stop", "stop");
    r->bad = r->bad || n == 0 || (r->count && off <= r->end) || off % SU_SECTOR || off + n > SIZE;
    r->off[r->count % 64] = off;
    r->n[r->count++ % 64] = n;
    r->end = off + n;
    if (!r->bad)
        memcpy(r->bytes + off, bytes, n);
    return 0;
}

static void edges(void)
{
    static struct runs r;
    struct su_err e = {0};
    uint8_t b[10000];
    SU_BLK struct su_blk *base = NULL, *o = NULL;
    ok(su_memblk_new(SIZE, &base, &e) == 0 && su_blk_overlay_open(base, &o, &e) == 0 && o->size == SIZE, "open");
    uint8_t *d = su_memblk_data(base);
    for (size_t i = 0; i < SIZE; i++)
        d[i] = (uint8_t)(i * 31 >> 3);
    r = (struct runs){.stop_at = 99};
    ok(su_blk_overlay_changes(o, collect, &r, &e) == 0 && r.count == 0, "no changes");
    memset(b, 0xFF, sizeof b);
    ok(su_blk_write(o, 4090, b, 12, &e) == 0 && su_blk_write(o, SIZE - 5, b, 5, &e) == 0 &&
           su_blk_write(o, 20000, d + 20000, 6000, &e) == 0 && su_blk_write(o, 0, b, 1, &e) == 0,
       "writes across pages, at both ends, and of what is there");
    ok(su_blk_write(o, SIZE - 5, b, 6, &e) < 0 && su_blk_read(o, SIZE, b, 1, &e) < 0, "never past the end");
    ok(su_memblk_count(base).writes == 0 && su_blk_flush(o, &e) == 0 && su_memblk_count(base).flushes == 0,
       "base untouched");
    r = (struct runs){.stop_at = 99};
    ok(su_blk_overlay_changes(o, collect, &r, &e) == 0 && !r.bad && r.count == 3, "%zu runs", r.count);
    ok(r.off[0] == 0 && r.n[0] == 512 && r.off[1] == 3584 && r.n[1] == 1024, "runs grow over the page's border");
    ok(r.off[2] == SIZE / 512 * 512 && r.n[2] == SIZE % 512, "the last one ends with the disk");
    r = (struct runs){.stop_at = 1};
    ok(su_blk_overlay_changes(o, collect, &r, &e) < 0 && strcmp(e.id, "test.stop") == 0 && r.count == 1, "stopped");
    ok(su_blk_read(o, 4085, b, 30, &e) == 0 && b[4] == d[4089] && b[5] == 0xFF && b[16] == 0xFF && b[17] == d[4102],
       "mixed read");
    su_memblk_fail(base, 1);
    ok(su_blk_write(o, 40960, b, 1, &e) < 0 && su_blk_read(o, 0, b, 1, &e) < 0, "the base fails");
    ok(su_blk_overlay_changes(o, collect, &r, &e) < 0, "and in the walk");
}

/* Against a plain copy of the disk. */
static void random_writes(void)
{
    static struct runs r;
    static uint8_t model[SIZE], got[SIZE];
    struct su_err e = {0};
    uint64_t s = 99;
    unsigned bad = 0;
    SU_BLK struct su_blk *base = NULL, *o = NULL;
    ok(su_memblk_new(SIZE, &base, &e) == 0 && su_blk_overlay_open(base, &o, &e) == 0, "open");
    for (int i = 0; i < 400; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        size_t off = (s >> 33) % SIZE, n = (s >> 20) % 5000 % (SIZE - off);
        for (size_t k = 0; k < n; k++)
            model[off + k] = (uint8_t)(s >> (k & 31));
        bad += su_blk_write(o, off, model + off, n, &e) < 0;
        off = (s >> 13) % SIZE;
        n = (s >> 40) % (SIZE - off);
        bad += su_blk_read(o, off, got, n, &e) < 0 || memcmp(got, model + off, n) != 0;
    }
    ok(bad == 0, "400 random writes and reads");
    r = (struct runs){.stop_at = 1000};
    ok(su_blk_overlay_changes(o, collect, &r, &e) == 0 && !r.bad && memcmp(r.bytes, model, SIZE) == 0,
       "changes are the difference");
}

static void full(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *base = NULL, *o = NULL;
    ok(su_memblk_new((SU_OVERLAY_MAX + 1ull) * SU_OVERLAY_PAGE, &base, &e) == 0 &&
           su_blk_overlay_open(base, &o, &e) == 0,
       "open");
    int rc = 0;
    for (uint64_t i = 0; i < SU_OVERLAY_MAX; i++) /* from the back: pages are kept in order */
        rc |= su_blk_write(o, (SU_OVERLAY_MAX - i) * SU_OVERLAY_PAGE, "x", 1, &e);
    ok(rc == 0 && su_blk_write(o, 0, "x", 1, &e) < 0 && e.kind == SU_E_RANGE, "one page too many");
    is_str(e.id, "disk.overlay.full");
    ok(su_blk_write(o, SU_OVERLAY_PAGE + 7, "y", 1, &e) == 0, "pages that are there can change");
}

int main(void)
{
    edges();
    random_writes();
    full();
    return tap_done();
}
