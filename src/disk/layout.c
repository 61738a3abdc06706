/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "layout.h"
#include "guid.h"
#include <stdio.h>
#include <string.h>

/* MBR2GPT's row for recovery partitions: required by the platform, no drive letter. */
#define RECOVERY_ATTRIBUTES UINT64_C(0x8000000000000001)

static const struct {
    uint8_t mbr;
    enum su_gpt_type gpt;
    uint64_t attributes;
} types[] = {
    {0x82, SU_GPT_LINUX_SWAP, 0},
    {0x83, SU_GPT_LINUX_DATA, 0},
    {0x8E, SU_GPT_LINUX_LVM, 0},
    {0xFD, SU_GPT_LINUX_RAID, 0},
    {0xE8, SU_GPT_LINUX_DATA, 0}, /* LUKS: its own GPT type is newer than many tools */
    {0xDA, SU_GPT_LINUX_DATA, 0},
    {0xEF, SU_GPT_ESP, 0},
    {0x27, SU_GPT_MS_RECOVERY, RECOVERY_ATTRIBUTES},
    {0x01, SU_GPT_MS_BASIC, 0},
    {0x04, SU_GPT_MS_BASIC, 0},
    {0x06, SU_GPT_MS_BASIC, 0},
    {0x07, SU_GPT_MS_BASIC, 0},
    {0x0B, SU_GPT_MS_BASIC, 0},
    {0x0C, SU_GPT_MS_BASIC, 0},
    {0x0E, SU_GPT_MS_BASIC, 0},
};

bool su_layout_type(uint8_t mbr, const struct su_type_row *map, size_t n_map, struct su_type_row *out)
{
    for (size_t i = 0; i < n_map; i++) {
        if (map[i].mbr == mbr) {
            *out = map[i];
            return true;
        }
    }
    for (size_t i = 0; i < SU_ARRAY_LEN(types); i++) {
        if (types[i].mbr == mbr) {
            *out = (struct su_type_row){.mbr = mbr, .attributes = types[i].attributes};
            memcpy(out->gpt, su_gpt_type_guid(types[i].gpt), sizeof out->gpt);
            return true;
        }
    }
    return false;
}

static void problem(struct su_layout *l, enum su_layout_trouble what, unsigned part, uint8_t type)
{
    if (l->n_problems < SU_LAYOUT_MAX_PROBLEMS)
        l->problem[l->n_problems++] = (struct su_layout_problem){.what = what, .part = part, .type = type};
}

/* What every derived GUID of this disk starts from: the facts that make it this disk. */
static int disk_namespace(const struct su_layout_request *r, uint8_t ns[16], struct su_err *e)
{
    static const uint8_t surety[16] = {0x2b, 0x0e, 0x51, 0x7a, 0x93, 0x1f, 0x4c, 0x8d,
                                       0xb6, 0x64, 0x0d, 0x55, 0xf1, 0x7e, 0xc9, 0x30};
    uint8_t facts[12 + SU_MBR_MAX_PARTS * 16 + 32];
    size_t n = 12;
    su_put_le32(facts, r->mbr->disk_id);
    su_put_le64(facts + 4, r->disk_bytes);
    for (size_t i = 0; i < r->mbr->n; i++, n += 16) {
        su_put_le64(facts + n, r->mbr->part[i].first);
        su_put_le64(facts + n + 8, r->mbr->part[i].count);
    }
    if (r->random) {
        memcpy(facts + n, r->random, 32);
        n += 32;
    }
    return su_guid_derive(surety, (struct su_bytes){facts, n}, ns, e);
}

static int give_guids(const struct su_layout_request *r, struct su_gpt *g, struct su_err *e)
{
    uint8_t ns[16];
    if (disk_namespace(r, ns, e) < 0 ||
        su_guid_derive(ns, (struct su_bytes){(const uint8_t *)"disk", 4}, g->disk_guid, e) < 0)
        return -1;
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "part%d", i + 1);
        if (su_gpt_used(&g->entry[i]) &&
            su_guid_derive(ns, (struct su_bytes){(const uint8_t *)name, (size_t)n}, g->entry[i].guid, e) < 0)
            return -1;
    }
    return 0;
}

static void place_old(const struct su_layout_request *r, struct su_layout *l)
{
    for (size_t i = 0; i < r->mbr->n; i++) {
        const struct su_mbr_part *p = &r->mbr->part[i];
        struct su_type_row t;
        if (!su_layout_type(p->type, r->map, r->n_map, &t)) {
            problem(l, SU_LAYOUT_TYPE, p->number, p->type);
            continue;
        }
        if (p->number > SU_GPT_ENTRIES) {
            problem(l, SU_LAYOUT_SLOTS, p->number, p->type);
            continue;
        }
        struct su_gpt_entry *en = &l->gpt.entry[p->number - 1];
        *en = (struct su_gpt_entry){.first = p->first, .last = p->first + p->count - 1, .attributes = t.attributes};
        memcpy(en->type, t.gpt, sizeof en->type);
        if (p->first < l->gpt.first_usable)
            problem(l, SU_LAYOUT_HEAD, p->number, p->type);
        if (en->last > l->gpt.last_usable)
            problem(l, SU_LAYOUT_TAIL, p->number, p->type);
    }
}

/* The wanted number, or the first free one after it, or before it; 0 when all are taken. */
static unsigned free_number(const struct su_gpt *g, unsigned wanted)
{
    for (unsigned i = 0; i < SU_GPT_ENTRIES; i++) {
        unsigned number = (wanted - 1 + i) % SU_GPT_ENTRIES + 1;
        if (!su_gpt_used(&g->entry[number - 1]))
            return number;
    }
    return 0;
}

static unsigned place_new(struct su_layout *l, unsigned wanted, enum su_gpt_type type, const char *name, uint64_t first,
                          uint64_t count)
{
    unsigned number = free_number(&l->gpt, wanted);
    if (number == 0) {
        problem(l, SU_LAYOUT_SLOTS, 0, 0);
        return 0;
    }
    struct su_gpt_entry *en = &l->gpt.entry[number - 1];
    *en = (struct su_gpt_entry){.first = first, .last = first + count - 1};
    memcpy(en->type, su_gpt_type_guid(type), sizeof en->type);
    snprintf(en->name, sizeof en->name, "%s", name);
    return number;
}

/* Where the last entry in the way of [at, at + count) ends; 0 when that range is free. */
static uint64_t blocked_until(const struct su_gpt *g, uint64_t at, uint64_t count)
{
    uint64_t until = 0;
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *en = &g->entry[i];
        if (su_gpt_used(en) && en->first < at + count && at <= en->last && en->last + 1 > until)
            until = en->last + 1;
    }
    return until;
}

/* First aligned gap of count sectors; 0 when there is none. */
static uint64_t find_gap(const struct su_gpt *g, uint64_t count, uint64_t align)
{
    uint64_t at = su_round_up(g->first_usable, align);
    while (at <= g->last_usable && count <= g->last_usable - at + 1) {
        uint64_t until = blocked_until(g, at, count);
        if (until == 0)
            return at;
        at = su_round_up(until, align);
    }
    return 0;
}

uint64_t su_layout_bios_room(const struct su_mbr *m)
{
    uint64_t from = su_gpt_first_usable(m->sector_size), to = SU_LAYOUT_ALIGN / SU_SECTOR;
    for (size_t i = 0; i < m->n; i++)
        if (m->part[i].first < to)
            to = m->part[i].first;
    return m->sector_size != SU_SECTOR || to <= from ? 0 : to - from;
}

static void place_bios_boot(const struct su_layout_request *r, struct su_layout *l)
{
    uint64_t room = su_layout_bios_room(r->mbr), first = l->gpt.first_usable;
    bool taken = room && blocked_until(&l->gpt, first, room) != 0;
    if (r->bios_sectors == 0 || r->bios_sectors > room || taken)
        return;
    l->bios_number = place_new(l, SU_LAYOUT_BIOS_NUMBER, SU_GPT_BIOS_BOOT, "BIOS boot partition", first, room);
}

int su_layout_make(const struct su_layout_request *r, struct su_layout *out, struct su_err *e)
{
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    uint32_t ss = r->mbr->sector_size;
    uint64_t align = SU_LAYOUT_ALIGN / ss, esp = r->esp_bytes / ss, table = su_gpt_table_sectors(ss);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    uint64_t esp_first = su_round_up(su_round_up(r->disk_bytes, ss) / ss, align);
    uint64_t sectors = r->can_grow ? esp_first + esp + align : r->disk_bytes / ss;
    l->gpt.sectors = sectors;
    l->gpt.first_usable = su_gpt_first_usable(ss);
    l->gpt.last_usable = sectors > 2 + table ? sectors - 2 - table : 0;
    l->disk_bytes = r->can_grow ? sectors * ss : r->disk_bytes;
    place_old(r, l);
    if (!r->can_grow)
        esp_first = find_gap(&l->gpt, esp, align);
    if (esp_first)
        l->esp_number = place_new(l, SU_LAYOUT_ESP_NUMBER, SU_GPT_ESP, "EFI system partition", esp_first, esp);
    else
        problem(l, SU_LAYOUT_ROOM, 0, 0);
    place_bios_boot(r, l);
    if (give_guids(r, &l->gpt, e) < 0)
        return -1;
    *out = *l;
    return 0;
}
