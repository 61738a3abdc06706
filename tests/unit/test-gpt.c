/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a GPT against fixed values, and damaged tables by name. */
#include "disk/gpt.h"
#include "disk/guid.h"
#include "tests/lib/memblk.h"
#include "tests/lib/promise.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"
#include <zlib.h>

enum { SECTORS = 8192 };

static void sample(struct su_gpt *g, uint64_t sectors, uint32_t ss)
{
    *g = (struct su_gpt){.sectors = sectors, .first_usable = su_gpt_first_usable(ss)};
    g->last_usable = sectors - 2 - su_gpt_table_sectors(ss);
    memset(g->disk_guid, 0xD1, 16);
    for (int i = 0; i < 3; i++) {
        struct su_gpt_entry *en = &g->entry[i == 2 ? 127 : i * 4];
        memcpy(en->type, su_gpt_type_guid(SU_GPT_LINUX_DATA), 16);
        memset(en->guid, 0xA0 + i, 16);
        en->first = g->first_usable + (uint64_t)i * 100;
        en->last = en->first + 99;
        en->attributes = UINT64_C(0x8000000000000001);
        snprintf(en->name, sizeof en->name, "part %d", i);
    }
    g->entry[127].last = g->last_usable;
}

static void put(struct su_blk *d, const struct su_gpt *g, uint32_t ss)
{
    static uint8_t table[SU_GPT_TABLE];
    struct su_err e = {0};
    uint8_t h[512], old[512] = {0};
    uint64_t last = g->sectors - 1;
    su_gpt_put_table(g, table);
    bool good = true;
    su_gpt_put_header(g, ss, SU_GPT_PRIMARY, table, h);
    good = good && su_blk_write(d, ss, h, sizeof h, &e) == 0 && su_blk_write(d, 2 * ss, table, sizeof table, &e) == 0;
    su_gpt_put_header(g, ss, SU_GPT_BACKUP, table, h);
    good = good && su_blk_write(d, last * ss, h, sizeof h, &e) == 0 &&
           su_blk_write(d, (last - su_gpt_table_sectors(ss)) * ss, table, sizeof table, &e) == 0;
    su_gpt_put_protective(g, old, h);
    if (!good || su_blk_write(d, 0, h, sizeof h, &e) < 0)
        exit(99);
}

static struct su_blk *disk_of(const struct su_gpt *g, uint32_t ss)
{
    struct su_err e = {0};
    struct su_blk *d = NULL;
    if (su_memblk_new(g->sectors * ss, &d, &e) < 0)
        exit(99);
    put(d, g, ss);
    return d;
}

/* A field of one copy's header, with the checksum put right again. */
static void poke(struct su_blk *d, uint64_t sector, unsigned at, uint64_t v, unsigned bytes)
{
    uint8_t *h = su_memblk_data(d) + sector * 512;
    for (unsigned i = 0; i < bytes; i++)
        h[at + i] = (uint8_t)(v >> 8 * i);
    memset(h + 16, 0, 4);
    su_put_le32(h + 16, (uint32_t)crc32(0, h, su_le32(h + 12) <= 512 ? su_le32(h + 12) : 92));
}

static const struct {
    const char *name;
    unsigned at, bytes;
    uint64_t v;
    bool good; /* still a table of ours */
} headers[] = {
    {"nothing changed", 20, 4, 0, true},
    {"another signature", 0, 1, 'e', false},
    {"a header of 91 bytes", 12, 4, 91, false},
    {"a header of 513 bytes", 12, 4, 513, false},
    {"a header of 2^32 - 1 bytes", 12, 4, UINT32_MAX, false},
    {"a header of 512 bytes", 12, 4, 512, true},
    {"a header that says it is elsewhere", 24, 8, 2, false},
    {"first usable inside the table", 40, 8, 33, false},
    {"first usable behind last usable", 40, 8, SECTORS - 33, false},
    {"last usable inside the backup table", 48, 8, SECTORS - 33, false},
    {"last usable past the disk", 48, 8, UINT64_MAX, false},
    {"the table inside the record", 72, 8, 1, false},
    {"the table past the disk", 72, 8, UINT64_MAX - 10, false},
    {"the table over the end", 72, 8, SECTORS - 31, false},
    {"the table where there is none", 72, 8, 200, false},
    {"127 entries", 80, 4, 127, false},
    {"129 entries", 80, 4, 129, false},
    {"2^32 - 1 entries", 80, 4, UINT32_MAX, false},
    {"entries of 256 bytes", 84, 4, 256, false},
    {"another checksum of the table", 88, 4, 12345, false},
};

static void damaged_headers(void)
{
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    sample(g, SECTORS, 512);
    for (size_t i = 0; i < SU_ARRAY_LEN(headers); i++) {
        for (int copy = 0; copy < 2; copy++) {
            struct su_err e = {0};
            unsigned copies = 99;
            SU_BLK struct su_blk *d = disk_of(g, 512);
            poke(d, copy ? SECTORS - 1 : 1, headers[i].at, headers[i].v, headers[i].bytes);
            bool good = su_gpt_read(d, 512, g + 1, &copies, &e) == 0 && memcmp(g, g + 1, sizeof *g) == 0;
            unsigned other = copy ? SU_GPT_PRIMARY : SU_GPT_BACKUP;
            ok(good && copies == (headers[i].good ? 3 : other), "%s, %s", headers[i].name, copy ? "backup" : "primary");
        }
    }
}

static void poke_entry(struct su_blk *d, unsigned entry, uint64_t first, uint64_t last)
{
    uint8_t *t = su_memblk_data(d) + 2 * 512;
    su_put_le64(t + entry * 128 + 32, first);
    su_put_le64(t + entry * 128 + 40, last);
    poke(d, 1, 88, crc32(0, t, SU_GPT_TABLE), 4);
}

static void damaged_entries(void)
{
    static const struct {
        const char *name;
        unsigned entry;
        uint64_t first, last;
        bool good;
    } bad[] = {
        {"an entry of one sector", 0, 34, 34, true},
        {"an entry that starts in the table", 0, 33, 50, false},
        {"an entry that ends before it starts", 0, 51, 50, false},
        {"an entry that ends in the backup table", 127, 300, SECTORS - 33, false},
        {"an entry that ends at the last usable sector", 127, 300, SECTORS - 34, true},
        {"an entry past the disk", 127, UINT64_MAX - 1, UINT64_MAX, false},
        {"entries that share one sector", 4, 133, 200, false},
        {"an entry inside another", 4, 50, 51, false},
        {"an entry around another", 0, 34, 233, false},
    };
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    sample(g, SECTORS, 512);
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        struct su_err e = {0};
        unsigned copies = 0;
        SU_BLK struct su_blk *d = disk_of(g, 512);
        poke_entry(d, bad[i].entry, bad[i].first, bad[i].last);
        ok(su_gpt_read(d, 512, g + 1, &copies, &e) == 0 && copies == (bad[i].good ? 3 : SU_GPT_BACKUP), "%s",
           bad[i].name);
        ok(!su_promise_gpt(g + 1, d->size, 512), "and what is read keeps the promise");
    }
}

/* Each flipped bit of header or table is noticed. */
static void any_bit(void)
{
    unsigned missed = 0;
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    sample(g, SECTORS, 512);
    SU_BLK struct su_blk *d = disk_of(g, 512);
    uint8_t *b = su_memblk_data(d);
    for (unsigned at = 512; at < 512 + 92 + SU_GPT_TABLE; at++) {
        struct su_err e = {0};
        unsigned copies = 0, off = at < 512 + 92 ? at : at + 512 - 92;
        b[off] ^= (uint8_t)(1 << at % 8);
        missed += su_gpt_read(d, 512, g + 1, &copies, &e) < 0 || copies != SU_GPT_BACKUP;
        b[off] ^= (uint8_t)(1 << at % 8);
    }
    ok(missed == 0, "%u flipped bits were missed", missed);
}

static void small_disks(void)
{
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    for (uint64_t sectors = 0; sectors < 80; sectors++) {
        struct su_err e = {0};
        unsigned copies = 99;
        SU_BLK struct su_blk *d = NULL;
        if (su_memblk_new(sectors * 512, &d, &e) < 0 || su_gpt_read(d, 512, g, &copies, &e) == 0 || copies != 99 ||
            strcmp(e.id, "disk.gpt.missing") != 0)
            ok(0, "%u empty sectors", (unsigned)sectors);
    }
    struct su_err e = {0};
    unsigned copies = 0;
    sample(g, 34 * 2, 512); /* the smallest: one usable sector at least */
    memset(g->entry, 0, sizeof g->entry);
    SU_BLK struct su_blk *d = disk_of(g, 512);
    ok(su_gpt_read(d, 512, g + 1, &copies, &e) == 0 && copies == 3, "68 sectors");
}

/* UEFI 2.10, tables 5.5 and 5.6, by hand. */
static void bytes(void)
{
    static uint8_t table[SU_GPT_TABLE], h[512];
    SU_FREE struct su_gpt *g = calloc(1, sizeof *g);
    sample(g, SECTORS, 512);
    su_gpt_put_table(g, table);
    ok(su_le64(table + 4 * 128 + 32) == 134 && su_le64(table + 4 * 128 + 40) == 233 && table[4 * 128 + 55] == 0x80,
       "entry 5");
    ok(memcmp(table + 4 * 128 + 56,
              "p\0a\0r\0t\0 \0"
              "1\0\0\0",
              14) == 0 &&
           su_all_zero(table + 128, 128),
       "name; unused");
    su_gpt_put_header(g, 512, SU_GPT_PRIMARY, table, h);
    ok(memcmp(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16) == 0 && su_all_zero(h + 20, 4) && su_all_zero(h + 92, 420),
       "header");
    ok(su_le64(h + 24) == 1 && su_le64(h + 32) == SECTORS - 1 && su_le64(h + 40) == 34 &&
           su_le64(h + 48) == SECTORS - 34,
       "places");
    ok(su_le64(h + 72) == 2 && su_le32(h + 80) == 128 && su_le32(h + 84) == 128 && h[56] == 0xD1, "table");
    su_gpt_put_header(g, 512, SU_GPT_BACKUP, table, h);
    ok(su_le64(h + 24) == SECTORS - 1 && su_le64(h + 32) == 1 && su_le64(h + 72) == SECTORS - 33, "backup");
    ok(su_gpt_first_usable(4096) == 6 && su_gpt_table_sectors(4096) == 4 && su_gpt_first_usable(512) == 34,
       "4K and 512");
    memset(g->entry[0].name, 'x', SU_GPT_NAME);
    su_gpt_put_table(g, table);
    ok(table[127] == 0 && table[126] == 'x' && table[128] == 0, "the longest name fills its field");
}

static void protective(void)
{
    SU_FREE struct su_gpt *g = calloc(1, sizeof *g);
    uint8_t old[512], new[512];
    for (int i = 0; i < 512; i++)
        old[i] = (uint8_t)(i * 7);
    sample(g, SECTORS, 512);
    su_gpt_put_protective(g, old, new);
    ok(memcmp(old, new, 446) == 0 && new[510] == 0x55 && new[511] == 0xAA, "boot code and disk id stay");
    ok(memcmp(new + 446, "\0\0\2\0\xEE\xFF\xFF\xFF\1\0\0\0\xFF\x1F\0\0", 16) == 0 && su_all_zero(new + 462, 48),
       "one slot");
    g->sectors = UINT64_C(1) << 33;
    su_gpt_put_protective(g, old, new);
    ok(su_le32(new + 458) == UINT32_MAX, "2 TiB and more");
    g->sectors = UINT64_C(1) << 32;
    su_gpt_put_protective(g, old, new);
    ok(su_le32(new + 458) == UINT32_MAX, "exactly all of it");
}

static void names(void)
{
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    struct su_err e = {0};
    unsigned copies;
    sample(g, SECTORS, 512);
    SU_BLK struct su_blk *d = disk_of(g, 512);
    uint8_t *name = su_memblk_data(d) + 1024 + 56;
    su_put_le16(name, 0x20AC);
    su_put_le16(name + 2, 0x07);
    su_put_le16(name + 4, 0x7F);
    poke_entry(d, 0, 34, 40);
    ok(su_gpt_read(d, 512, g + 1, &copies, &e) == 0 && copies == 3, "odd names");
    is_str(g[1].entry[0].name, "???t 0");
}

static void read_errors(void)
{
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    sample(g, SECTORS, 512);
    for (unsigned long k = 1; k <= 4; k++) {
        struct su_err e = {0};
        unsigned copies = 99;
        SU_BLK struct su_blk *d = disk_of(g, 512);
        su_memblk_fail(d, k);
        ok(su_gpt_read(d, 512, g + 1, &copies, &e) < 0 && copies == 99 && g[1].sectors == 0, "read %lu fails", k);
        is_str(e.id, "test.io");
    }
}

/* What sfdisk says of the bytes, when it is there. */
static void oracle(void)
{
    SU_FREE struct su_gpt *g = calloc(1, sizeof *g);
    struct su_err e = {0};
    if (!sh_have("sfdisk")) {
        ok(1, "# SKIP no sfdisk");
        return;
    }
    sample(g, SECTORS, 512);
    for (int i = 0; i < 16; i++) /* not all the same: some tools look at the variant */
        g->disk_guid[i] = g->entry[0].guid[i] = (uint8_t)(i * 3 + 1);
    SU_BLK struct su_blk *d = disk_of(g, 512);
    ok(su_memblk_save(d, sh_path("gpt"), &e) == 0 && sh("sfdisk --verify gpt") == 0, "sfdisk verifies it");
    ok(sh("sfdisk -d gpt | grep -q 'gpt5 : start= *134, size= *100,.*name=\"part 1\"'") == 0, "and reads partition 5");
    ok(sh("sfdisk -d gpt | grep -q 'gpt128 : '") == 0, "and 128");
}

int main(void)
{
    damaged_headers();
    damaged_entries();
    any_bit();
    small_disks();
    bytes();
    protective();
    names();
    read_errors();
    oracle();
    return tap_done();
}
