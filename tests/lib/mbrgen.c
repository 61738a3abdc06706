/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mbrgen.h"
#include "sim.h"
#include <string.h>

static uint64_t upto(uint64_t *seed, uint64_t n) /* 0 to n - 1 */
{
    return (su_sim_random(seed) >> 11) % n;
}

static bool chance(uint64_t *seed, unsigned percent)
{
    return upto(seed, 100) < percent;
}

static uint8_t some_type(uint64_t *seed, struct su_mbrgen *g)
{
    static const uint8_t known[] = {0x83, 0x83, 0x83, 0x82, 0x8E, 0xFD, 0x07, 0x0C, 0x27, 0xEF, 0xE8, 0xDA, 0x0B, 0x0E,
                                    0x01, 0x04, 0x06};
    if (chance(seed, 2)) {
        g->unknown_type = true;
        return 0x99;
    }
    return known[upto(seed, sizeof known)];
}

static void decide_size(uint64_t *seed, struct su_mbrgen *g)
{
    uint64_t mib = SU_MIB;
    switch (upto(seed, 4)) {
    case 0:
        g->bytes = 2 * mib + upto(seed, 64) * mib;
        break;
    case 1:
        g->bytes = 100 * mib + upto(seed, 4096) * mib;
        break;
    case 2:
        g->bytes = 20 * 1024 * mib;
        break;
    default:
        g->bytes = (2048 + upto(seed, 1024)) * 1024 * mib;
    }
    g->sector_size = chance(seed, 25) ? 4096 : 512;
    if (chance(seed, 20))
        g->bytes += 512 * upto(seed, 64);
    if (chance(seed, 5))
        g->bytes += upto(seed, 512);
    g->sectors = g->bytes / g->sector_size;
}

/* Where the next thing starts, from `at` on: touching, aligned, or after a gap. */
static uint64_t next_start(uint64_t *seed, uint64_t at, uint64_t left)
{
    switch (upto(seed, 4)) {
    case 0:
        return at;
    case 1:
        return su_round_up(at, 2048);
    case 2:
        return at + 63;
    default:
        return at + upto(seed, left / 4 + 1);
    }
}

static bool add(struct su_mbrgen *g, unsigned number, uint8_t type, uint64_t first, uint64_t count)
{
    if (g->n == SU_MBR_MAX_PARTS || first + count > g->sectors || first > UINT32_MAX || count == 0)
        return false;
    g->part[g->n++] = (struct su_mbr_part){.number = number, .type = type, .first = first, .count = count};
    return true;
}

/* Logical partitions in [ext_first, ext_first + ext_count): a record, a gap, the partition, and so on. */
static void decide_logicals(uint64_t *seed, struct su_mbrgen *g)
{
    uint64_t at = g->ext_first, end = g->ext_first + g->ext_count, want = upto(seed, 13);
    g->record[g->n_records++] = at;
    for (uint64_t i = 0; i < want; i++) {
        static const uint64_t gaps[] = {1, 2, 63, 2048};
        uint64_t gap = gaps[upto(seed, 4)], room = end - at;
        if (room <= gap + 8)
            return;
        uint64_t count = i + 1 == want && chance(seed, 50) ? room - gap : 1 + upto(seed, (room - gap) / (want - i));
        if (i)
            g->record[g->n_records++] = at;
        add(g, 5 + (unsigned)i, some_type(seed, g), at + gap, count);
        g->n_logical++;
        at = at + gap + count;
        if (chance(seed, 50) && end - at > 128)
            at = at + upto(seed, 128);
    }
}

void su_mbrgen_make(uint64_t *seed, struct su_mbrgen *g)
{
    static const uint64_t starts[] = {63, 2048, 34, 256, 2048, 2048};
    unsigned slot[4] = {1, 2, 3, 4}, n = (unsigned)upto(seed, 5);
    *g = (struct su_mbrgen){0};
    decide_size(seed, g);
    uint64_t reach = g->sectors < UINT32_MAX ? g->sectors : UINT32_MAX; /* what a table can speak of */
    uint64_t at = chance(seed, 10) ? 1 + upto(seed, 40) : starts[upto(seed, SU_ARRAY_LEN(starts))];
    for (unsigned i = 0; i < 4 && !chance(seed, 60); i++) { /* slots need not be in order of place */
        unsigned k = (unsigned)upto(seed, 4), t = slot[i];
        slot[i] = slot[k];
        slot[k] = t;
    }
    for (unsigned i = 0; i < n && at + 16 < reach; i++) {
        uint64_t first = i ? next_start(seed, at, reach - at) : at;
        if (first + 16 >= reach)
            break;
        bool last = i + 1 == n && chance(seed, 50);
        uint64_t count = last ? reach - first : 1 + upto(seed, (reach - first) / (n - i));
        if (g->ext_count == 0 && count > 8 && chance(seed, 40)) {
            g->ext_first = first;
            g->ext_count = count;
            g->ext_slot = slot[i];
        } else {
            add(g, slot[i], some_type(seed, g), first, count);
        }
        at = first + count;
    }
    for (size_t i = 1; i < g->n; i++) { /* by number */
        for (size_t k = i; k && g->part[k].number < g->part[k - 1].number; k--) {
            struct su_mbr_part t = g->part[k];
            g->part[k] = g->part[k - 1];
            g->part[k - 1] = t;
        }
    }
    if (g->ext_count)
        decide_logicals(seed, g);
}

static void put_slot(uint8_t *sector, unsigned i, uint8_t type, uint64_t first, uint64_t count)
{
    uint8_t *p = sector + 446 + i * 16;
    p[4] = type;
    su_put_le32(p + 8, (uint32_t)first);
    su_put_le32(p + 12, (uint32_t)count);
}

static int put_record(const struct su_mbrgen *g, size_t i, struct su_blk *disk, struct su_err *e)
{
    uint8_t s[512] = {0};
    const struct su_mbr_part *p = g->n_logical > i ? &g->part[g->n - g->n_logical + i] : NULL;
    s[510] = 0x55;
    s[511] = 0xAA;
    if (p)
        put_slot(s, 0, p->type, p->first - g->record[i], p->count);
    if (i + 1 < g->n_records)
        put_slot(s, 1, 0x05, g->record[i + 1] - g->ext_first, 100);
    return su_blk_write(disk, g->record[i] * g->sector_size, s, sizeof s, e);
}

int su_mbrgen_write(uint64_t *seed, const struct su_mbrgen *g, struct su_blk *disk, struct su_err *e)
{
    uint8_t s[512], body[512];
    static const uint8_t ext_types[] = {0x05, 0x0F, 0x85};
    for (size_t i = 0; i < sizeof s; i++)
        s[i] = (uint8_t)su_sim_random(seed);
    memcpy(body, s, sizeof s);
    memset(s + 446, 0, 64);
    s[510] = 0x55;
    s[511] = 0xAA;
    for (size_t i = 0; i < g->n && g->part[i].number <= 4; i++)
        put_slot(s, g->part[i].number - 1, g->part[i].type, g->part[i].first, g->part[i].count);
    if (g->ext_count)
        put_slot(s, g->ext_slot - 1, ext_types[upto(seed, 3)], g->ext_first, g->ext_count);
    if (su_blk_write(disk, 0, s, sizeof s, e) < 0)
        return -1;
    for (uint64_t lba = 1; lba < 40; lba += 3) /* what a boot loader may have there */
        if (su_blk_write(disk, lba * 512, body, sizeof body, e) < 0)
            return -1;
    for (size_t i = 0; i < g->n_records; i++)
        if (put_record(g, i, disk, e) < 0)
            return -1;
    for (size_t i = 0; i < g->n; i++) {
        uint64_t ends[2] = {g->part[i].first, g->part[i].first + g->part[i].count - 1};
        for (int k = 0; k < 2; k++)
            if (su_blk_write(disk, ends[k] * g->sector_size + (k ? g->sector_size - 512 : 0), body, sizeof body, e) < 0)
                return -1;
    }
    return 0;
}
