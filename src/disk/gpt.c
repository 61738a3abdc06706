/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gpt.h"
#include <string.h>
#include <zlib.h>

enum {
    HEADER_SIZE = 92,
    HEADER_CRC_AT = 16,
    MAX_HEADER_SIZE = SU_SECTOR, /* a longer header would run into fields no specification defines */
};

static const char magic[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0, p, (uInt)n);
}

uint64_t su_gpt_table_sectors(uint32_t sector_size)
{
    return (SU_GPT_TABLE + sector_size - 1) / sector_size;
}

uint64_t su_gpt_first_usable(uint32_t sector_size)
{
    return 2 + su_gpt_table_sectors(sector_size);
}

bool su_gpt_used(const struct su_gpt_entry *en)
{
    return !su_all_zero(en->type, sizeof en->type);
}

static void take_entry(const uint8_t *p, struct su_gpt_entry *en)
{
    memcpy(en->type, p, 16);
    memcpy(en->guid, p + 16, 16);
    en->first = su_le64(p + 32);
    en->last = su_le64(p + 40);
    en->attributes = su_le64(p + 48);
    for (int i = 0; i < SU_GPT_NAME; i++) {
        uint16_t u = su_le16(p + 56 + 2 * i);
        en->name[i] = (char)(u == 0 || (u >= 0x20 && u < 0x7F) ? u : '?');
    }
    en->name[SU_GPT_NAME] = 0;
}

static bool entries_fit(const struct su_gpt *g)
{
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *a = &g->entry[i];
        if (!su_gpt_used(a))
            continue;
        if (a->first < g->first_usable || a->last > g->last_usable || a->first > a->last)
            return false;
        for (int k = 0; k < i; k++) {
            const struct su_gpt_entry *b = &g->entry[k];
            if (su_gpt_used(b) && a->first <= b->last && b->first <= a->last)
                return false;
        }
    }
    return true;
}

/* What a header says about where it and its table are; false when it cannot be one of ours. */
static bool header_sane(const uint8_t *h, uint64_t self, uint64_t sectors, uint32_t sector_size, struct su_gpt *g)
{
    uint8_t copy[MAX_HEADER_SIZE];
    uint32_t size = su_le32(h + 12);
    if (memcmp(h, magic, sizeof magic) != 0 || size < HEADER_SIZE || size > MAX_HEADER_SIZE)
        return false;
    memcpy(copy, h, size);
    su_put_le32(copy + HEADER_CRC_AT, 0);
    if (crc_of(copy, size) != su_le32(h + HEADER_CRC_AT) || su_le64(h + 24) != self)
        return false;
    if (su_le32(h + 80) != SU_GPT_ENTRIES || su_le32(h + 84) != SU_GPT_ENTRY)
        return false;
    uint64_t table = su_gpt_table_sectors(sector_size);
    g->first_usable = su_le64(h + 40);
    g->last_usable = su_le64(h + 48);
    g->sectors = sectors;
    memcpy(g->disk_guid, h + 56, 16);
    return g->first_usable >= 2 + table && g->first_usable <= g->last_usable && g->last_usable < sectors - 1 - table;
}

static int read_copy(struct su_blk *disk, uint32_t sector_size, uint64_t self, struct su_gpt *g, bool *valid,
                     struct su_err *e)
{
    uint8_t h[SU_SECTOR];
    uint64_t sectors = disk->size / sector_size, table = su_gpt_table_sectors(sector_size);
    *valid = false;
    if (su_blk_read(disk, self * sector_size, h, sizeof h, e) < 0)
        return -1;
    if (!header_sane(h, self, sectors, sector_size, g))
        return 0;
    uint64_t at = su_le64(h + 72);
    if (at < 2 || at > sectors || table > sectors - at)
        return 0;
    SU_FREE uint8_t *t = malloc(SU_GPT_TABLE);
    if (!t)
        return su_fail_nomem(e, SU_GPT_TABLE);
    if (su_blk_read(disk, at * sector_size, t, SU_GPT_TABLE, e) < 0)
        return -1;
    if (crc_of(t, SU_GPT_TABLE) != su_le32(h + 88))
        return 0;
    for (int i = 0; i < SU_GPT_ENTRIES; i++)
        take_entry(t + (size_t)i * SU_GPT_ENTRY, &g->entry[i]);
    *valid = entries_fit(g);
    return 0;
}

int su_gpt_read(struct su_blk *disk, uint32_t sector_size, struct su_gpt *out, unsigned *copies, struct su_err *e)
{
    uint64_t sectors = disk->size / sector_size;
    bool primary = false, backup = false;
    SU_FREE struct su_gpt *g = calloc(2, sizeof *g);
    if (!g)
        return su_fail_nomem(e, 2 * sizeof *g);
    if (sectors >= 2 * su_gpt_first_usable(sector_size)) {
        if (read_copy(disk, sector_size, 1, &g[0], &primary, e) < 0 ||
            read_copy(disk, sector_size, sectors - 1, &g[1], &backup, e) < 0)
            return su_context(e, "reading the GPT");
    }
    if (!primary && !backup)
        return su_fail(e, SU_E_FORMAT, "disk.gpt.missing", "the disk has no valid GPT");
    *out = primary ? g[0] : g[1];
    *copies = (primary ? SU_GPT_PRIMARY : 0u) | (backup ? SU_GPT_BACKUP : 0u);
    return 0;
}

void su_gpt_put_table(const struct su_gpt *g, uint8_t table[SU_GPT_TABLE])
{
    memset(table, 0, SU_GPT_TABLE);
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *en = &g->entry[i];
        uint8_t *p = table + (size_t)i * SU_GPT_ENTRY;
        if (!su_gpt_used(en))
            continue;
        memcpy(p, en->type, 16);
        memcpy(p + 16, en->guid, 16);
        su_put_le64(p + 32, en->first);
        su_put_le64(p + 40, en->last);
        su_put_le64(p + 48, en->attributes);
        for (int k = 0; k < SU_GPT_NAME && en->name[k]; k++)
            su_put_le16(p + 56 + 2 * k, (uint8_t)en->name[k]);
    }
}

void su_gpt_put_header(const struct su_gpt *g, uint32_t sector_size, enum su_gpt_copies which,
                       const uint8_t table[SU_GPT_TABLE], uint8_t h[SU_SECTOR])
{
    uint64_t last = g->sectors - 1;
    bool backup = which == SU_GPT_BACKUP;
    memset(h, 0, SU_SECTOR);
    memcpy(h, magic, sizeof magic);
    su_put_le32(h + 8, 0x00010000);
    su_put_le32(h + 12, HEADER_SIZE);
    su_put_le64(h + 24, backup ? last : 1);
    su_put_le64(h + 32, backup ? 1 : last);
    su_put_le64(h + 40, g->first_usable);
    su_put_le64(h + 48, g->last_usable);
    memcpy(h + 56, g->disk_guid, 16);
    su_put_le64(h + 72, backup ? last - su_gpt_table_sectors(sector_size) : 2);
    su_put_le32(h + 80, SU_GPT_ENTRIES);
    su_put_le32(h + 84, SU_GPT_ENTRY);
    su_put_le32(h + 88, crc_of(table, SU_GPT_TABLE));
    su_put_le32(h + HEADER_CRC_AT, crc_of(h, HEADER_SIZE));
}

void su_gpt_put_protective(const struct su_gpt *g, const uint8_t old[SU_SECTOR], uint8_t out[SU_SECTOR])
{
    uint64_t span = g->sectors - 1;
    memcpy(out, old, SU_SECTOR);
    uint8_t *slot = out + 446;
    memset(slot, 0, 64);
    slot[2] = 2; /* starts at head 0, sector 2, cylinder 0: sector 1 of the disk */
    slot[4] = 0xEE;
    memset(slot + 5, 0xFF, 3);
    su_put_le32(slot + 8, 1);
    su_put_le32(slot + 12, span > UINT32_MAX ? UINT32_MAX : (uint32_t)span);
    out[510] = 0x55;
    out[511] = 0xAA;
}
