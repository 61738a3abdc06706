/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mbr.h"
#include <string.h>

enum { TABLE_AT = 446, SLOT = 16, TYPE_PROTECTIVE = 0xEE };

struct slot {
    uint8_t boot, type;
    uint32_t first, count;
};

/* Where the walk along the extended records stands. */
struct chain {
    struct su_blk *disk;
    struct su_mbr *m;
    uint64_t at[SU_MBR_MAX_LOGICAL + 1]; /* records visited, in order */
    size_t n;
};

bool su_mbr_type_is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0F || type == 0x85;
}

static struct slot slot_at(const uint8_t *sector, int i)
{
    const uint8_t *p = sector + TABLE_AT + i * SLOT;
    return (struct slot){.boot = p[0], .type = p[4], .first = su_le32(p + 8), .count = su_le32(p + 12)};
}

static bool signed_55aa(const uint8_t *sector)
{
    return sector[510] == 0x55 && sector[511] == 0xAA;
}

static void problem(struct su_mbr *m, enum su_mbr_trouble what, unsigned a, unsigned b)
{
    for (size_t i = 0; i < m->n_problems; i++)
        if (m->problem[i].what == what && m->problem[i].a == a && m->problem[i].b == b)
            return;
    if (m->n_problems < SU_MBR_MAX_PROBLEMS)
        m->problem[m->n_problems++] = (struct su_mbr_problem){.what = what, .a = a, .b = b};
}

static void add_part(struct su_mbr *m, unsigned number, struct slot s, uint64_t base)
{
    m->part[m->n++] = (struct su_mbr_part){
        .number = number, .type = s.type, .active = s.boot == 0x80, .first = base + s.first, .count = s.count};
}

static bool used(struct slot s)
{
    return s.type != 0 && s.count != 0;
}

static bool visited(const struct chain *c, uint64_t lba)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->at[i] == lba)
            return true;
    return false;
}

static void add_logical(struct su_mbr *m, struct slot s, uint64_t record)
{
    unsigned number = m->n ? m->part[m->n - 1].number + 1 : 0;
    if (number <= SU_MBR_PRIMARIES)
        number = SU_MBR_PRIMARIES + 1;
    if (number > SU_MBR_MAX_PARTS)
        problem(m, SU_MBR_CHAIN_LONG, 0, 0);
    else
        add_part(m, number, s, record);
}

/* Reads the record at lba and adds its logical partition; *next is 0 at the end of the chain. */
static int chain_step(struct chain *c, uint64_t lba, uint64_t *next, struct su_err *e)
{
    struct su_mbr *m = c->m;
    uint8_t s[SU_SECTOR];
    *next = 0;
    bool inside = lba - m->ext_first < m->ext_count && lba < c->disk->size / m->sector_size;
    if (!inside || visited(c, lba) || c->n > SU_MBR_MAX_LOGICAL) {
        problem(m, !inside ? SU_MBR_CHAIN_BAD : visited(c, lba) ? SU_MBR_CHAIN_LOOP : SU_MBR_CHAIN_LONG, 0, 0);
        return 0;
    }
    if (su_blk_read(c->disk, lba * m->sector_size, s, sizeof s, e) < 0)
        return su_context(e, "reading an extended boot record");
    if (!signed_55aa(s)) {
        problem(m, SU_MBR_CHAIN_BAD, 0, 0);
        return 0;
    }
    c->at[c->n++] = lba;
    for (int i = 0; i < SU_MBR_PRIMARIES; i++) {
        struct slot t = slot_at(s, i);
        if (t.type == 0 && t.count != 0) /* Linux counts it as a partition, others do not */
            problem(m, SU_MBR_CHAIN_BAD, 0, 0);
        if (!used(t))
            continue;
        if (su_mbr_type_is_extended(t.type)) {
            if (*next == 0)
                *next = m->ext_first + t.first;
            continue;
        }
        add_logical(m, t, lba);
    }
    return 0;
}

static int read_chain(struct chain *c, struct su_err *e)
{
    uint64_t lba = c->m->ext_first, next;
    do {
        if (chain_step(c, lba, &next, e) < 0)
            return -1;
        lba = next;
    } while (lba);
    return 0;
}

static bool inside_disk(const struct su_mbr_part *p, uint64_t sectors)
{
    return p->first > 0 && p->first <= sectors && p->count <= sectors - p->first;
}

static void check_parts(const struct chain *c, uint64_t sectors)
{
    struct su_mbr *m = c->m;
    for (size_t i = 0; i < m->n; i++) {
        const struct su_mbr_part *p = &m->part[i];
        if (!inside_disk(p, sectors))
            problem(m, SU_MBR_OUTSIDE, p->number, 0);
        bool in_ext = p->first > m->ext_first && p->first + p->count <= m->ext_first + m->ext_count;
        if (p->number > SU_MBR_PRIMARIES && !in_ext)
            problem(m, SU_MBR_NOT_INSIDE, p->number, 0);
        for (size_t k = 0; k < i; k++) {
            const struct su_mbr_part *q = &m->part[k];
            if (p->first < q->first + q->count && q->first < p->first + p->count)
                problem(m, SU_MBR_OVERLAP, q->number, p->number);
        }
        for (size_t k = 0; k < c->n; k++)
            if (c->at[k] - p->first < p->count)
                problem(m, SU_MBR_ON_RECORD, p->number, 0);
    }
    if (m->ext_slot && (m->ext_first == 0 || m->ext_first + m->ext_count > sectors))
        problem(m, SU_MBR_OUTSIDE, m->ext_slot, 0);
}

static void take_primaries(struct su_mbr *m)
{
    for (int i = 0; i < SU_MBR_PRIMARIES; i++) {
        struct slot s = slot_at(m->sector, i);
        if (s.type == TYPE_PROTECTIVE)
            m->protective = true;
        if (!used(s))
            continue;
        if (!su_mbr_type_is_extended(s.type)) {
            add_part(m, (unsigned)i + 1, s, 0);
        } else if (m->ext_slot) {
            problem(m, SU_MBR_TWO_EXTENDED, m->ext_slot, (unsigned)i + 1);
        } else {
            m->ext_slot = (unsigned)i + 1;
            m->ext_first = s.first;
            m->ext_count = s.count;
        }
    }
}

static bool is_table(const uint8_t *sector)
{
    if (!signed_55aa(sector))
        return false;
    for (int i = 0; i < SU_MBR_PRIMARIES; i++)
        if (slot_at(sector, i).boot & 0x7F)
            return false;
    return true;
}

int su_mbr_read(struct su_blk *disk, uint32_t sector_size, struct su_mbr *out, struct su_err *e)
{
    struct su_mbr m = {.sector_size = sector_size};
    struct chain c = {.disk = disk, .m = &m};
    if (disk->size < sector_size)
        return su_fail(e, SU_E_FORMAT, "disk.mbr.missing", "the disk is smaller than one sector");
    if (su_blk_read(disk, 0, m.sector, sizeof m.sector, e) < 0)
        return su_context(e, "reading the boot record");
    if (!is_table(m.sector))
        return su_fail(e, SU_E_FORMAT, "disk.mbr.missing", "sector 0 holds no partition table");
    m.disk_id = su_le32(m.sector + 440);
    take_primaries(&m);
    if (m.ext_slot && !m.protective && read_chain(&c, e) < 0)
        return -1;
    check_parts(&c, disk->size / sector_size);
    *out = m;
    return 0;
}
