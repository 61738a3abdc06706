/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables by name: what is read from them, and which problems they have. */
#include "disk/mbr.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"
#include "tests/lib/tap.h"

enum { SECTORS = 8192 };

struct rec {
    uint64_t at; /* sector the record is in */
    unsigned slot;
    uint8_t boot, type;
    uint32_t first, count;
};

struct want {
    unsigned number;
    uint8_t type;
    uint64_t first, count;
};

static const struct {
    const char *name;
    struct rec rec[12];
    int unsigned_at; /* this record has no 55 AA; 0: all have */
    struct want part[8];
    struct su_mbr_problem problem[4];
    size_t n_problems;
} cases[] = {
    {.name = "an empty table"},
    {.name = "one partition, active, to the last sector",
     .rec = {{0, 0, 0x80, 0x83, 63, SECTORS - 63}},
     .part = {{1, 0x83, 63, SECTORS - 63}}},
    {.name = "slots out of order of place",
     .rec = {{0, 0, 0, 0x83, 4096, 100}, {0, 3, 0, 0x07, 2048, 100}},
     .part = {{1, 0x83, 4096, 100}, {4, 0x07, 2048, 100}}},
    {.name = "touching partitions",
     .rec = {{0, 0, 0, 0x83, 64, 100}, {0, 1, 0, 0x82, 164, 100}},
     .part = {{1, 0x83, 64, 100}, {2, 0x82, 164, 100}}},
    {.name = "an entry of no sectors, and one of type 0, are unused",
     .rec = {{0, 0, 0, 0x83, 64, 0}, {0, 1, 0, 0, 64, 10}}},
    {.name = "logical partitions, as Linux counts them",
     .rec = {{0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0x83, 63, 100}, {2048, 1, 0, 0x05, 1000, 200},
             {3048, 0, 0, 0x82, 1, 99}},
     .part = {{5, 0x83, 2111, 100}, {6, 0x82, 3049, 99}}},
    {.name = "a logical entry with a length but no type, which systems number differently",
     .rec = {{0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0, 63, 100}, {2048, 1, 0, 0x05, 1000, 200},
             {3048, 0, 0, 0x82, 1, 99}},
     .part = {{5, 0x82, 3049, 99}},
     .problem = {{SU_MBR_CHAIN_BAD, 0, 0}}, .n_problems = 1},
    {.name = "type 85, type 0F, and an empty first logical",
     .rec = {{0, 0, 0, 0x85, 2048, 4096}, {2048, 1, 0, 0x0F, 1000, 200}, {3048, 0, 0, 0x8E, 2, 50}},
     .part = {{5, 0x8E, 3050, 50}}},
    {.name = "an extended partition without logical ones", .rec = {{0, 2, 0, 0x0F, 2048, 4096}}},
    {.name = "a partition at sector 0",
     .rec = {{0, 0, 0, 0x83, 0, 10}}, .part = {{1, 0x83, 0, 10}}, .problem = {{SU_MBR_OUTSIDE, 1, 0}}, .n_problems = 1},
    {.name = "a partition one sector past the end",
     .rec = {{0, 0, 0, 0x83, 64, SECTORS - 63}},
     .part = {{1, 0x83, 64, SECTORS - 63}}, .problem = {{SU_MBR_OUTSIDE, 1, 0}}, .n_problems = 1},
    {.name = "a partition that starts past the end",
     .rec = {{0, 1, 0, 0x83, SECTORS + 1, 1}},
     .part = {{2, 0x83, SECTORS + 1, 1}}, .problem = {{SU_MBR_OUTSIDE, 2, 0}}, .n_problems = 1},
    {.name = "the largest numbers",
     .rec = {{0, 0, 0, 0x83, UINT32_MAX, UINT32_MAX}},
     .part = {{1, 0x83, UINT32_MAX, UINT32_MAX}}, .problem = {{SU_MBR_OUTSIDE, 1, 0}}, .n_problems = 1},
    {.name = "overlap by one sector",
     .rec = {{0, 0, 0, 0x83, 64, 101}, {0, 1, 0, 0x83, 164, 100}},
     .part = {{1, 0x83, 64, 101}, {2, 0x83, 164, 100}}, .problem = {{SU_MBR_OVERLAP, 1, 2}}, .n_problems = 1},
    {.name = "one inside another, in the other order",
     .rec = {{0, 0, 0, 0x83, 200, 10}, {0, 1, 0, 0x83, 164, 100}},
     .part = {{1, 0x83, 200, 10}, {2, 0x83, 164, 100}}, .problem = {{SU_MBR_OVERLAP, 1, 2}}, .n_problems = 1},
    {.name = "a primary over a logical",
     .rec = {{0, 0, 0, 0x83, 2150, 10}, {0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0x83, 63, 100}},
     .part = {{1, 0x83, 2150, 10}, {5, 0x83, 2111, 100}}, .problem = {{SU_MBR_OVERLAP, 1, 5}}, .n_problems = 1},
    {.name = "a primary over an extended record",
     .rec = {{0, 0, 0, 0x83, 2000, 49}, {0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0x83, 63, 100}},
     .part = {{1, 0x83, 2000, 49}, {5, 0x83, 2111, 100}}, .problem = {{SU_MBR_ON_RECORD, 1, 0}}, .n_problems = 1},
    {.name = "a logical on its own record",
     .rec = {{0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0x83, 0, 100}},
     .part = {{5, 0x83, 2048, 100}},
     .problem = {{SU_MBR_NOT_INSIDE, 5, 0}, {SU_MBR_ON_RECORD, 5, 0}}, .n_problems = 2},
    {.name = "a logical past the end of the extended partition",
     .rec = {{0, 1, 0, 0x05, 2048, 100}, {2048, 0, 0, 0x83, 1, 100}},
     .part = {{5, 0x83, 2049, 100}}, .problem = {{SU_MBR_NOT_INSIDE, 5, 0}}, .n_problems = 1},
    {.name = "a logical that just fits", .rec = {{0, 1, 0, 0x05, 2048, 100}, {2048, 0, 0, 0x83, 1, 99}},
     .part = {{5, 0x83, 2049, 99}}},
    {.name = "a chain that returns to its start",
     .rec = {{0, 1, 0, 0x05, 2048, 4096}, {2048, 0, 0, 0x83, 1, 10}, {2048, 1, 0, 0x05, 100, 20},
             {2148, 0, 0, 0x83, 1, 10}, {2148, 1, 0, 0x05, 0, 20}},
     .part = {{5, 0x83, 2049, 10}, {6, 0x83, 2149, 10}}, .problem = {{SU_MBR_CHAIN_LOOP, 0, 0}}, .n_problems = 1},
    {.name = "a link out of the extended partition",
     .rec = {{0, 1, 0, 0x05, 2048, 100}, {2048, 1, 0, 0x05, 100, 20}},
     .problem = {{SU_MBR_CHAIN_BAD, 0, 0}}, .n_problems = 1},
    {.name = "a link out of the disk",
     .rec = {{0, 1, 0, 0x05, 8000, 192}, {8000, 1, 0, 0x05, 0xFFFFFFFF, 20}},
     .problem = {{SU_MBR_CHAIN_BAD, 0, 0}}, .n_problems = 1},
    {.name = "a record without signature",
     .rec = {{0, 1, 0, 0x05, 2048, 100}, {2048, 0, 0, 0x83, 1, 20}}, .unsigned_at = 2048,
     .problem = {{SU_MBR_CHAIN_BAD, 0, 0}}, .n_problems = 1},
    {.name = "two extended partitions",
     .rec = {{0, 0, 0, 0x05, 2048, 100}, {0, 2, 0, 0x0F, 4096, 100}},
     .problem = {{SU_MBR_TWO_EXTENDED, 1, 3}}, .n_problems = 1},
    {.name = "an extended partition past the end",
     .rec = {{0, 3, 0, 0x05, 8000, 193}}, .problem = {{SU_MBR_OUTSIDE, 4, 0}}, .n_problems = 1},
    {.name = "an extended partition at sector 0", .rec = {{0, 0, 0, 0x05, 0, 100}},
     .problem = {{SU_MBR_OUTSIDE, 1, 0}}, .n_problems = 1},
};

static struct su_blk *disk_of(const struct rec *rec, size_t n, int unsigned_at)
{
    struct su_err e = {0};
    struct su_blk *d = NULL;
    if (su_memblk_new(SECTORS * 512, &d, &e) < 0)
        exit(99);
    uint8_t *b = su_memblk_data(d);
    su_put_le32(b + 440, 0x12345678);
    b[510] = 0x55;
    b[511] = 0xAA;
    for (size_t i = 0; i < n && rec[i].count + rec[i].type; i++) {
        uint8_t *s = b + rec[i].at * 512, *p = s + 446 + rec[i].slot * 16;
        p[0] = rec[i].boot;
        p[4] = rec[i].type;
        su_put_le32(p + 8, rec[i].first);
        su_put_le32(p + 12, rec[i].count);
        if (su_mbr_type_is_extended(rec[i].type) && rec[i].at == 0 && (uint64_t)rec[i].first + 1 < SECTORS) {
            b[rec[i].first * 512ull + 510] = 0x55;
            b[rec[i].first * 512ull + 511] = 0xAA;
        }
        s[510] = (uint8_t)((int)rec[i].at == unsigned_at && unsigned_at ? 0 : 0x55);
        s[511] = 0xAA;
    }
    return d;
}

static void tables(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(cases); i++) {
        struct su_err e = {0};
        struct su_mbr m = {0};
        SU_BLK struct su_blk *d = disk_of(cases[i].rec, SU_ARRAY_LEN(cases[i].rec), cases[i].unsigned_at);
        bool good = su_mbr_read(d, 512, &m, &e) == 0 && m.n_problems == cases[i].n_problems && m.disk_id == 0x12345678;
        size_t n = 0;
        while (cases[i].part[n].number)
            n++;
        good = good && m.n == n && !su_promise_mbr(&m, d->size);
        for (size_t k = 0; good && k < n; k++)
            good = m.part[k].number == cases[i].part[k].number && m.part[k].type == cases[i].part[k].type &&
                   m.part[k].first == cases[i].part[k].first && m.part[k].count == cases[i].part[k].count;
        for (size_t k = 0; good && k < m.n_problems; k++)
            good = m.problem[k].what == cases[i].problem[k].what && m.problem[k].a == cases[i].problem[k].a &&
                   m.problem[k].b == cases[i].problem[k].b;
        ok(good, "%s", cases[i].name);
        for (size_t k = 0; !good && k < m.n_problems; k++)
            printf("# problem %d %u %u\n", (int)m.problem[k].what, m.problem[k].a, m.problem[k].b);
    }
}

/* 61 logical partitions, one in a record, are one more than are read. */
static void long_chain(unsigned logicals)
{
    struct su_err e = {0};
    struct su_mbr m = {0};
    struct rec first = {0, 0, 0, 0x05, 2048, 4096};
    SU_BLK struct su_blk *d = disk_of(&first, 1, 0);
    for (unsigned i = 0; i < logicals; i++) {
        uint8_t *s = su_memblk_data(d) + (2048 + i * 8) * 512;
        s[446 + 4] = 0x83;
        su_put_le32(s + 446 + 8, 1);
        su_put_le32(s + 446 + 12, 7);
        if (i + 1 < logicals) {
            s[462 + 4] = 0x05;
            su_put_le32(s + 462 + 8, (i + 1) * 8);
            su_put_le32(s + 462 + 12, 8);
        }
        s[510] = 0x55;
        s[511] = 0xAA;
    }
    ok(su_mbr_read(d, 512, &m, &e) == 0, "a chain of %u", logicals);
    if (logicals <= SU_MBR_MAX_LOGICAL)
        ok(m.n_problems == 0 && m.n == logicals && m.part[m.n - 1].number == 4 + logicals, "is read");
    else
        ok(m.n_problems == 1 && m.problem[0].what == SU_MBR_CHAIN_LONG, "is too long, which is said once");
}

static void not_a_table(void)
{
    static const struct {
        const char *name;
        unsigned at;
        uint8_t byte;
    } bad[] = {
        {"no 55", 510, 0}, {"no AA", 511, 0}, {"a boot flag of 01", 446, 1}, {"a boot flag of 81", 446 + 48, 0x81}};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_err e = {0};
        struct su_mbr m = {.n = 77};
        SU_BLK struct su_blk *d = disk_of(cases[1].rec, 1, 0);
        su_memblk_data(d)[bad[i].at] = bad[i].byte;
        ok(su_mbr_read(d, 512, &m, &e) < 0 && e.kind == SU_E_FORMAT && m.n == 77, "%s", bad[i].name);
        is_str(e.id, "disk.mbr.missing");
    }
    struct su_err e = {0};
    struct su_mbr m = {.n = 77};
    SU_BLK struct su_blk *d = NULL;
    ok(su_memblk_new(511, &d, &e) == 0 && su_mbr_read(d, 512, &m, &e) < 0 && m.n == 77, "a disk of 511 bytes");
    is_str(e.id, "disk.mbr.missing");
}

static void kinds(void)
{
    struct su_err e = {0};
    struct su_mbr m = {0};
    struct rec gpt = {0, 0, 0, 0xEE, 1, SECTORS - 1}, hybrid[] = {{0, 0, 0, 0x83, 64, 10}, {0, 3, 0, 0xEE, 1, 60}};
    SU_BLK struct su_blk *a = disk_of(&gpt, 1, 0), *b = disk_of(hybrid, 2, 0), *c = disk_of(cases[1].rec, 1, 0);
    ok(su_mbr_read(a, 512, &m, &e) == 0 && m.protective, "protective");
    ok(su_mbr_read(b, 512, &m, &e) == 0 && m.protective, "hybrid counts as protective");
    ok(su_mbr_read(c, 512, &m, &e) == 0 && !m.protective && m.part[0].active, "active");
    ok(memcmp(m.sector, su_memblk_data(c), 512) == 0, "the record itself");
    su_put_le32(su_memblk_data(c) + 446 + 8, 63);
    su_put_le32(su_memblk_data(c) + 446 + 12, SECTORS / 8 - 63);
    ok(su_mbr_read(c, 4096, &m, &e) == 0 && m.n_problems == 0 && m.part[0].count == SECTORS / 8 - 63, "4K sectors");
    su_put_le32(su_memblk_data(c) + 446 + 12, SECTORS / 8 - 62);
    ok(su_mbr_read(c, 4096, &m, &e) == 0 && m.n_problems == 1 && m.problem[0].what == SU_MBR_OUTSIDE,
       "4K, one too many");
    ok(su_mbr_type_is_extended(5) && su_mbr_type_is_extended(0xF) && su_mbr_type_is_extended(0x85) &&
       !su_mbr_type_is_extended(0x83) && !su_mbr_type_is_extended(0), "container types");
}

/* 4K sectors: records of the chain are where their sector says. */
static void chain_4k(void)
{
    struct su_err e = {0};
    struct su_mbr m = {0};
    struct rec r[] = {{0, 0, 0, 0x0F, 256, 512},
                      {256 * 8, 0, 0, 0x83, 1, 10},
                      {256 * 8, 1, 0, 5, 100, 50},
                      {356 * 8, 0, 0, 0x82, 1, 20}};
    SU_BLK struct su_blk *d = disk_of(r, 4, 0);
    ok(su_mbr_read(d, 4096, &m, &e) == 0 && m.n == 2 && m.n_problems == 0, "a chain in 4K sectors");
    ok(m.part[1].number == 6 && m.part[1].first == 357 && m.part[1].count == 20, "its second logical");
}

static void read_errors(void)
{
    for (unsigned long k = 1; k <= 3; k++) {
        struct su_err e = {0};
        struct su_mbr m = {.n = 77};
        SU_BLK struct su_blk *d = disk_of(cases[5].rec, 4, 0);
        su_memblk_fail(d, k);
        ok(su_mbr_read(d, 512, &m, &e) < 0 && m.n == 77, "read %lu fails", k);
        is_str(e.id, "test.io");
    }
}

int main(void)
{
    tables();
    long_chain(60);
    long_chain(61);
    long_chain(100);
    not_a_table();
    kinds();
    chain_4k();
    read_errors();
    return tap_done();
}
