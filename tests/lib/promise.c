/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "promise.h"
#include <string.h>

static bool overlap(uint64_t a, uint64_t na, uint64_t b, uint64_t nb)
{
    return a < b ? b - a < na : a - b < nb;
}

static const char *mbr_part(const struct su_mbr *m, size_t i, uint64_t sectors)
{
    const struct su_mbr_part *p = &m->part[i];
    if (p->type == 0 || su_mbr_type_is_extended(p->type) || p->count == 0)
        return "mbr: an entry that is no partition";
    if (p->first == 0 || p->first >= sectors || p->count > sectors - p->first)
        return "mbr: a partition outside the disk";
    if (p->number == 0 || (i && p->number <= m->part[i - 1].number))
        return "mbr: numbers not unique and ascending";
    if (p->number > 4 && (!m->ext_slot || p->first < m->ext_first || p->first - m->ext_first >= m->ext_count ||
                          p->count > m->ext_count - (p->first - m->ext_first)))
        return "mbr: a logical partition outside the extended one";
    for (size_t k = 0; k < i; k++)
        if (overlap(p->first, p->count, m->part[k].first, m->part[k].count))
            return "mbr: partitions overlap";
    return NULL;
}

const char *su_promise_mbr(const struct su_mbr *m, uint64_t disk_bytes)
{
    const char *broken = NULL;
    if (m->n > SU_MBR_MAX_PARTS || m->n_problems > SU_MBR_MAX_PROBLEMS || m->ext_slot > 4)
        return "mbr: counts out of range";
    for (size_t i = 0; i < m->n_problems; i++)
        if (m->problem[i].what >= SU_MBR_TROUBLES)
            return "mbr: an unnamed problem";
    for (size_t i = 0; i < m->n && !broken && m->n_problems == 0 && !m->protective; i++)
        broken = mbr_part(m, i, disk_bytes / m->sector_size);
    return broken;
}

const char *su_promise_gpt(const struct su_gpt *g, uint64_t disk_bytes, uint32_t sector_size)
{
    uint64_t sectors = disk_bytes / sector_size, table = sector_size == 4096 ? 4 : 32;
    if (g->sectors != sectors)
        return "gpt: the table is for another disk";
    if (g->first_usable < 2 + table || g->last_usable < g->first_usable || g->last_usable >= sectors - 1 - table)
        return "gpt: no room for both tables";
    for (int i = 0; i < SU_GPT_ENTRIES; i++) {
        const struct su_gpt_entry *a = &g->entry[i];
        if (su_all_zero(a->type, 16))
            continue;
        if (a->first > a->last || a->first < g->first_usable || a->last > g->last_usable)
            return "gpt: an entry outside the usable range";
        for (int k = 0; k < i; k++)
            if (!su_all_zero(g->entry[k].type, 16) && a->first <= g->entry[k].last && g->entry[k].first <= a->last)
                return "gpt: entries overlap";
        if (strlen(a->name) > SU_GPT_NAME)
            return "gpt: a name without end";
    }
    return NULL;
}

/* The old partition that became this number. */
static const struct su_mbr_part *old_part(const struct su_layout_request *r, const struct su_layout *l, unsigned number)
{
    for (size_t i = 0; i < r->mbr->n; i++)
        if (l->number_of[r->mbr->part[i].number] == number)
            return &r->mbr->part[i];
    return NULL;
}

static const char *layout_esp(const struct su_layout_request *r, const struct su_gpt_entry *en,
                              const struct su_mbr_part *p)
{
    static const uint8_t esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                    0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
    uint64_t ss = r->mbr->sector_size;
    if (memcmp(en->type, esp, 16) != 0 || (p ? p->number : 0) != r->esp_reuse || en->attributes)
        return "layout: the ESP is not one";
    if (!p && ((en->last - en->first + 1) * ss != r->esp_bytes || en->first * ss % (1 << 20) != 0))
        return "layout: the ESP has another size or is not aligned";
    return NULL;
}

static const char *layout_entry(const struct su_layout_request *r, const struct su_layout *l, unsigned number)
{
    static const uint8_t msr[16] = {0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d,
                                    0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15, 0xae};
    const struct su_gpt_entry *en = &l->gpt.entry[number - 1];
    const struct su_mbr_part *p = old_part(r, l, number);
    bool used = !su_all_zero(en->type, 16);
    uint64_t ss = r->mbr->sector_size;
    if (p && (!used || en->first != p->first || en->last != p->first + p->count - 1))
        return "layout: a partition moved";
    if (p && !r->in_order && p->number != number)
        return "layout: a partition got another number";
    if (used && su_all_zero(en->guid, 16))
        return "layout: a partition without a GUID";
    if (used && number > 1 && r->in_order && l->gpt.entry[number - 2].first >= en->first)
        return "layout: the order is not the disk's";
    if (number == l->esp_number)
        return used ? layout_esp(r, en, p) : "layout: the ESP is not there";
    if (number == l->bios_number)
        return !used || p || memcmp(en->type, "Hah!IdontNeedEFI", 16) != 0 || en->last - en->first + 1 < r->bios_sectors
                   ? "layout: the BIOS boot partition is not one, or too small"
                   : NULL;
    if (number == l->msr_number)
        return !used || p || !r->msr || memcmp(en->type, msr, 16) != 0 || (en->last - en->first + 1) * ss != 16 << 20
                   ? "layout: the reserved partition is not one"
                   : NULL;
    return used && !p ? "layout: a partition from nowhere" : NULL;
}

/* Every old partition has its number, and in_order there are no gaps. */
static const char *layout_numbers(const struct su_layout_request *r, const struct su_layout *l)
{
    unsigned last = 0, used = 0;
    for (size_t i = 0; i < r->mbr->n; i++)
        if (l->number_of[r->mbr->part[i].number] == 0)
            return "layout: a partition is gone";
    for (unsigned i = 0; i < SU_GPT_ENTRIES; i++) {
        bool one = !su_all_zero(l->gpt.entry[i].type, 16);
        used += one;
        last = one ? i + 1 : last;
    }
    return r->in_order && used != last ? "layout: numbers with a gap" : NULL;
}

const char *su_promise_layout(const struct su_layout_request *r, const struct su_layout *l)
{
    const char *broken = NULL;
    if (l->n_problems > SU_LAYOUT_MAX_PROBLEMS)
        return "layout: counts out of range";
    for (size_t i = 0; i < l->n_problems; i++)
        if (l->problem[i].what >= SU_LAYOUT_TROUBLES)
            return "layout: an unnamed problem";
    if (l->n_problems)
        return NULL;
    if (r->can_grow ? l->disk_bytes < r->disk_bytes : l->disk_bytes != r->disk_bytes)
        return "layout: the disk gets another size than allowed";
    if (l->esp_number == 0 || l->esp_number > SU_GPT_ENTRIES || l->bios_number > SU_GPT_ENTRIES)
        return "layout: no ESP";
    broken = layout_numbers(r, l);
    for (unsigned number = 1; number <= SU_GPT_ENTRIES && !broken; number++)
        broken = layout_entry(r, l, number);
    return broken ? broken : su_promise_gpt(&l->gpt, l->disk_bytes, r->mbr->sector_size);
}

const char *su_promise_journal(const struct su_journal *j, uint64_t journal_bytes)
{
    if (j->state > SU_JOURNAL_REVERTED || j->n > 4096 || (j->settled && j->state != SU_JOURNAL_COMMITTED))
        return "journal: state or count out of range";
    if (j->state == SU_JOURNAL_NONE)
        return j->n || j->extent || j->meta.n || j->size_before ? "journal: no seal, but contents" : NULL;
    if (j->size_during < j->size_before)
        return "journal: sizes make no sense";
    for (size_t i = 0; i < j->n; i++) {
        const struct su_journal_extent *x = &j->extent[i];
        if (x->off > j->size_during || x->n > j->size_during - x->off)
            return "journal: an extent outside the disk";
        if (x->saved > x->n || x->data_at > journal_bytes || x->saved > journal_bytes - x->data_at)
            return "journal: kept bytes outside the journal";
        if (x->saved && (x->off > j->size_before || x->saved > j->size_before - x->off))
            return "journal: bytes are kept that never were";
        if (x->area >= SU_AREAS)
            return "journal: an unnamed area";
    }
    return NULL;
}
