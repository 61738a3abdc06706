/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk-corpus DIR: writes seeds for the targets mbr, gpt and journal into DIR/mbr, DIR/gpt, DIR/journal. */
#include "disk/journal.h"
#include "disk/layout.h"
#include "tests/lib/mbrgen.h"
#include "tests/lib/memblk.h"
#include <stdio.h>
#include <string.h>

static const char *dir;

static void put(const char *target, const char *name, struct su_blk *d)
{
    char path[512];
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0};
    snprintf(path, sizeof path, "%s/%s/%s", dir, target, name);
    su_memblk_encode(d, &b);
    FILE *f = fopen(path, "wbe");
    if (!f || su_buf_ok(&b, &e) < 0 || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
        abort();
}

static void tables(uint64_t seed, const char *name)
{
    static struct su_mbrgen g;
    static struct su_mbr m;
    static struct su_layout l;
    static uint8_t table[SU_GPT_TABLE], h[512];
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    do
        su_mbrgen_make(&seed, &g);
    while (g.bytes > SU_MEMBLK_SPARSE_MAX || g.n < 2);
    if (su_memblk_new(g.bytes, &d, &e) < 0 || su_mbrgen_write(&seed, &g, d, &e) < 0 ||
        su_mbr_read(d, g.sector_size, &m, &e) < 0)
        abort();
    SU_BLK struct su_blk *bare = NULL; /* the records alone */
    if (su_memblk_new(g.bytes, &bare, &e) < 0)
        abort();
    memcpy(su_memblk_data(bare), su_memblk_data(d), 512);
    memset(su_memblk_data(bare), 0, 440);
    for (size_t i = 0; i < g.n_records; i++)
        memcpy(su_memblk_data(bare) + g.record[i] * g.sector_size, su_memblk_data(d) + g.record[i] * g.sector_size,
               512);
    put("mbr", name, bare);
    struct su_layout_request r = {.mbr = &m, .disk_bytes = g.bytes, .esp_bytes = SU_MIB};
    if (su_layout_make(&r, &l, &e) < 0 || l.n_problems)
        return;
    uint64_t ss = g.sector_size, last = l.gpt.sectors - 1;
    uint8_t *b = su_memblk_data(d);
    memset(b, 0, (size_t)g.bytes);
    su_gpt_put_table(&l.gpt, table);
    su_gpt_put_header(&l.gpt, g.sector_size, SU_GPT_PRIMARY, table, h);
    memcpy(b + ss, h, 512);
    memcpy(b + 2 * ss, table, sizeof table);
    su_gpt_put_header(&l.gpt, g.sector_size, SU_GPT_BACKUP, table, h);
    memcpy(b + last * ss, h, 512);
    memcpy(b + last * ss - sizeof table, table, sizeof table);
    put("gpt", name, d);
}

static int stop(void *arg, const char *why, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    return strcmp(why, arg) == 0;
}

static void journals(const char *name, const char *stop_at, uint64_t after)
{
    struct su_err e = {0};
    char at[16];
    struct su_watch w = {stop, at};
    enum su_journal_state was;
    SU_BLK struct su_blk *d = NULL, *u = NULL;
    SU_PLAN struct su_plan p = SU_PLAN_INIT;
    snprintf(at, sizeof at, "%s", stop_at);
    p.size_before = 4096;
    p.size_during = 8192;
    p.size_after = after;
    if (su_memblk_new(4096, &d, &e) < 0 || su_memblk_new(0, &u, &e) < 0 ||
        su_plan_write(&p, SU_AREA_FS, "one", 4000, "0123456789", 10, &e) < 0 ||
        su_plan_keep(&p, SU_AREA_BOOT, "two", 700, 50, &e) < 0 ||
        su_plan_write(&p, SU_AREA_FS, "three", 4090, "012345678901", 12, &e) < 0)
        abort();
    memset(su_memblk_data(d), 0x5A, 4096);
    (void)!su_journal_run(u, d, &p, (struct su_bytes){(const uint8_t *)"{}", 2}, &w, &e);
    if (strcmp(stop_at, "three") == 0 && su_journal_recover(u, d, &was, &e) < 0)
        abort();
    put("journal", name, u);
}

int main(int argc, char **argv)
{
    char name[16];
    if (argc != 2)
        return 2;
    dir = argv[1];
    for (uint64_t i = 1; i <= 12; i++) {
        snprintf(name, sizeof name, "disk%d", (int)i);
        tables(i * UINT64_C(0x9E3779B97F4A7C15), name);
    }
    journals("sealed", "two", 8192);
    journals("committed", "", 8192);
    journals("shrunk", "", 5000);
    journals("reverted", "three", 8192);
    return 0;
}
