/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "layout.h"
#include "guid.h"
#include <stdio.h>
#include <string.h>

#define ESP_NAME "EFI system partition"

enum { MSR_BYTES = 16 << 20, MSR_NUMBER = 13 /* until the entries are put in order */ };

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
    {0x27, SU_GPT_MS_RECOVERY, SU_LAYOUT_RECOVERY_ATTRIBUTES},
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

/* What partition p becomes; false: nothing that is known. */
static bool becomes(const struct su_layout_request *r, const struct su_mbr_part *p, struct su_type_row *t)
{
    if (p->number == r->esp_reuse) {
        *t = (struct su_type_row){.mbr = p->type};
        memcpy(t->gpt, su_gpt_type_guid(SU_GPT_ESP), sizeof t->gpt);
        return true;
    }
    for (size_t i = 0; i < r->n_overrides; i++) {
        if (r->override[i].number == p->number) {
            *t = (struct su_type_row){.mbr = p->type, .attributes = r->override[i].attributes};
            memcpy(t->gpt, r->override[i].gpt, sizeof t->gpt);
            return true;
        }
    }
    return su_layout_type(p->type, r->map, r->n_map, t);
}

static void place_old(const struct su_layout_request *r, struct su_layout *l)
{
    for (size_t i = 0; i < r->mbr->n; i++) {
        const struct su_mbr_part *p = &r->mbr->part[i];
        struct su_type_row t;
        if (!becomes(r, p, &t)) {
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
        l->number_of[p->number] = (uint8_t)p->number;
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

/* New partitions ----------------------------------------------------------- */

/* Where they go on a disk that grows: behind all that was there. */
struct space {
    uint64_t align, esp, msr; /* sectors; esp, msr 0: not wanted */
    uint64_t end;             /* first aligned sector behind the old disk */
};

static struct space space_for(const struct su_layout_request *r)
{
    uint32_t ss = r->mbr->sector_size;
    struct space s = {
        .align = SU_LAYOUT_ALIGN / ss, .esp = r->esp_reuse ? 0 : r->esp_bytes / ss, .msr = r->msr ? MSR_BYTES / ss : 0};
    s.end = su_round_up(su_round_up(r->disk_bytes, ss) / ss, s.align);
    return s;
}

/* The backup table fits behind the last partition as the disk is. */
static bool tail_is_free(const struct su_layout_request *r)
{
    uint32_t ss = r->mbr->sector_size;
    uint64_t sectors = r->disk_bytes / ss, need = su_gpt_table_sectors(ss) + 1;
    for (size_t i = 0; i < r->mbr->n; i++)
        if (r->mbr->part[i].first + r->mbr->part[i].count + need > sectors)
            return false;
    return r->disk_bytes % ss == 0;
}

static uint64_t sectors_after(const struct su_layout_request *r, const struct space *s)
{
    bool more = s->esp || s->msr || !tail_is_free(r);
    return r->can_grow && more ? s->end + s->esp + s->msr + s->align : r->disk_bytes / r->mbr->sector_size;
}

static void place_esp(const struct su_layout_request *r, const struct space *s, struct su_layout *l)
{
    uint64_t first = r->can_grow ? s->end : find_gap(&l->gpt, s->esp, s->align);
    if (r->esp_reuse) {
        l->esp_number = r->esp_reuse <= SU_GPT_ENTRIES ? l->number_of[r->esp_reuse] : 0;
        l->esp_reused = l->esp_number != 0;
        if (l->esp_reused)
            snprintf(l->gpt.entry[l->esp_number - 1].name, SU_GPT_NAME + 1, "%s", ESP_NAME);
        else
            problem(l, SU_LAYOUT_ROOM, r->esp_reuse, 0);
    } else if (first) {
        l->esp_number = place_new(l, SU_LAYOUT_ESP_NUMBER, SU_GPT_ESP, ESP_NAME, first, s->esp);
    } else {
        problem(l, SU_LAYOUT_ROOM, 0, 0);
    }
}

/* Nothing needs it, so one for which there is no room is left out. */
static void place_msr(const struct su_layout_request *r, const struct space *s, struct su_layout *l)
{
    uint64_t first = s->msr == 0 ? 0 : r->can_grow ? s->end + s->esp : find_gap(&l->gpt, s->msr, s->align);
    if (first && free_number(&l->gpt, MSR_NUMBER))
        l->msr_number = place_new(l, MSR_NUMBER, SU_GPT_MS_RESERVED, "Microsoft reserved partition", first, s->msr);
}

/* Order -------------------------------------------------------------------- */

/* Entries by place, without gaps.  Their GUIDs were given before, so they do not depend on it. */
static int put_in_order(struct su_layout *l, struct su_err *e)
{
    uint8_t now[SU_GPT_ENTRIES + 1] = {0};
    SU_FREE struct su_gpt_entry *sorted = calloc(SU_GPT_ENTRIES, sizeof *sorted);
    if (!sorted)
        return su_fail_nomem(e, SU_GPT_ENTRIES * sizeof *sorted);
    for (unsigned i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *en = &l->gpt.entry[i];
        unsigned rank = 0; /* two that begin at one place only appear where the old table was not sound */
        for (unsigned k = 0; k < SU_GPT_ENTRIES; k++)
            if (su_gpt_used(&l->gpt.entry[k]))
                rank += l->gpt.entry[k].first < en->first || (l->gpt.entry[k].first == en->first && k < i);
        if (!su_gpt_used(en))
            continue;
        sorted[rank] = *en;
        now[i + 1] = (uint8_t)(rank + 1);
    }
    memcpy(l->gpt.entry, sorted, sizeof l->gpt.entry);
    for (unsigned i = 0; i <= SU_GPT_ENTRIES; i++)
        l->number_of[i] = now[l->number_of[i]];
    l->esp_number = now[l->esp_number];
    l->bios_number = now[l->bios_number];
    l->msr_number = now[l->msr_number];
    return 0;
}

int su_layout_make(const struct su_layout_request *r, struct su_layout *out, struct su_err *e)
{
    SU_FREE struct su_layout *l = calloc(1, sizeof *l);
    uint32_t ss = r->mbr->sector_size;
    uint64_t table = su_gpt_table_sectors(ss);
    struct space s = space_for(r);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    uint64_t sectors = sectors_after(r, &s);
    l->gpt.sectors = sectors;
    l->gpt.first_usable = su_gpt_first_usable(ss);
    l->gpt.last_usable = sectors > 2 + table ? sectors - 2 - table : 0;
    l->disk_bytes = r->can_grow ? sectors * ss : r->disk_bytes;
    place_old(r, l);
    place_esp(r, &s, l);
    place_bios_boot(r, l);
    place_msr(r, &s, l);
    if (give_guids(r, &l->gpt, e) < 0 || (r->in_order && put_in_order(l, e) < 0))
        return -1;
    *out = *l;
    return 0;
}
