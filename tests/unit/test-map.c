/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/blk_map.h"
#include "tests/lib/memblk.h"
#include "tests/lib/tap.h"

static void maps(struct su_blk *base)
{
    static const struct su_extent ext[] = {{1000, 10}, {0, 5}, {4091, 5}};
    struct su_err e = {0};
    uint8_t b[20] = {0};
    SU_BLK struct su_blk *m = NULL;
    ok(su_blk_map_open(base, ext, 3, &m, &e) == 0 && m->size == 20 && !su_blk_can_resize(m), "three extents");
    ok(su_blk_read(m, 0, b, 20, &e) == 0 && b[0] == (uint8_t)(1000 * 7) && b[9] == (uint8_t)(1009 * 7) && b[10] == 0 &&
           b[14] == 28 && b[15] == (uint8_t)(4091 * 7) && b[19] == (uint8_t)(4095 * 7), "read across all");
    ok(su_blk_write(m, 8, "abcdefghi", 9, &e) == 0, "written across all");
    uint8_t *d = su_memblk_data(base);
    ok(memcmp(d + 1008, "ab", 2) == 0 && memcmp(d, "cdefg", 5) == 0 && memcmp(d + 4091, "hi", 2) == 0,
       "where they belong");
    ok(d[1010] == (uint8_t)(1010 * 7) && d[5] == 35, "and nowhere else");
    ok(su_blk_read(m, 19, b, 2, &e) < 0 && su_blk_write(m, 20, b, 1, &e) < 0 && su_blk_read(m, 20, b, 0, &e) == 0,
       "the end");
    is_str(e.id, "disk.range");
    ok(su_blk_resize(m, 30, &e) < 0 && strcmp(e.id, "disk.resize.unsupported") == 0, "fixed");
    ok(su_blk_flush(m, &e) == 0 && su_memblk_count(base).flushes == 1 && su_memblk_count(base).unflushed == 0,
       "flush goes through");
    for (unsigned long k = 1; k <= 3; k++) {
        su_memblk_fail(base, k);
        ok(su_blk_read(m, 0, b, 20, &e) < 0 && strcmp(e.id, "test.io") == 0, "read %lu fails", k);
        su_memblk_fail(base, k);
        ok(su_blk_write(m, 0, b, 20, &e) < 0, "write %lu fails", k);
    }
    su_memblk_fail(base, 1);
    ok(su_blk_flush(m, &e) < 0, "flush fails");
    su_memblk_fail(base, 0);
}

static void refused(struct su_blk *base)
{
    static const struct {
        const char *name;
        struct su_extent ext[2];
        size_t n;
        bool good;
    } cases[] = {
        {"no extents", {{0, 0}}, 0, true},
        {"all of it", {{0, 4096}}, 1, true},
        {"the same bytes twice", {{0, 4096}, {0, 4096}}, 2, true},
        {"an empty extent", {{0, 1}, {7, 0}}, 2, false},
        {"one byte past the end", {{1, 4096}}, 1, false},
        {"from past the end", {{4097, 1}}, 1, false},
        {"a length that wraps", {{4096, UINT64_MAX}}, 1, false},
        {"an offset that wraps", {{UINT64_MAX, 2}}, 1, false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        struct su_err e = {0};
        SU_BLK struct su_blk *m = NULL;
        ok((su_blk_map_open(base, cases[i].ext, cases[i].n, &m, &e) == 0) == cases[i].good && !m == !cases[i].good,
           "%s", cases[i].name);
        if (!cases[i].good)
            is_str(e.id, "disk.map.extent");
    }
    struct su_err e = {0};
    struct su_blk *m = NULL;
    static const struct su_extent one = {0, 1};
    su_memblk_set_writable(base, false);
    ok(su_blk_map_open(base, &one, 1, &m, &e) == 0 && su_blk_write(m, 0, "x", 1, &e) < 0, "a base that is read-only");
    is_str(e.id, "disk.read-only");
    su_blk_close(m);
    su_blk_close(NULL);
}

int main(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *base = NULL;
    if (su_memblk_new(4096, &base, &e) < 0)
        return 99;
    for (int i = 0; i < 4096; i++)
        su_memblk_data(base)[i] = (uint8_t)(i * 7);
    maps(base);
    refused(base);
    return tap_done();
}
