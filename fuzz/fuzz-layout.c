/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests made of numbers: partitions that do not overlap, on disks of any size.  The promise of layout.h, and
 * the same answer twice. */
#include "must.h"
#include "tests/lib/promise.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Only what su_mbr_read() would let through. */
static void add(struct su_mbr *m, uint64_t sectors, uint8_t gap, uint8_t type, uint32_t first, uint32_t count)
{
    unsigned number = (m->n ? m->part[m->n - 1].number : 0) + 1 + gap % 4;
    bool fits = first > 0 && count > 0 && first < sectors && count <= sectors - first;
    for (size_t i = 0; i < m->n; i++)
        fits = fits && (first >= m->part[i].first + m->part[i].count || m->part[i].first >= (uint64_t)first + count);
    if (fits && type && !su_mbr_type_is_extended(type) && m->n < SU_MBR_MAX_PARTS)
        m->part[m->n++] = (struct su_mbr_part){.number = number, .type = type, .first = first, .count = count};
}

/* false: too short to be a request. */
static bool take(struct su_bytes *b, struct su_mbr *m, struct su_type_row *row, struct su_layout_request *r)
{
    uint8_t flags, gap, type;
    uint16_t esp, bios;
    uint32_t first, count;
    uint64_t bytes;
    if (!su_take_u8(b, &flags) || !su_take_le64(b, &bytes) || !su_take_le16(b, &esp) || !su_take_le16(b, &bios) ||
        !su_take_u8(b, &row->mbr) || esp == 0)
        return false;
    bytes &= (UINT64_C(1) << 50) - 1;
    m->sector_size = flags & 1 ? 4096 : 512;
    while (su_take_u8(b, &gap) && su_take_u8(b, &type) && su_take_le32(b, &first) && su_take_le32(b, &count))
        add(m, bytes / m->sector_size, gap, type, first, count);
    *r = (struct su_layout_request){.mbr = m, .disk_bytes = bytes, .can_grow = flags & 2 && bytes, .bios_sectors = bios,
        .esp_bytes = (uint64_t)esp * m->sector_size, .map = row, .n_map = flags & 4 ? 1 : 0};
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct su_layout l[2];
    static struct su_mbr m;
    struct su_bytes b = {data, n};
    struct su_type_row row = {.gpt = {1}};
    struct su_layout_request r;
    struct su_err e = {0};
    m = (struct su_mbr){0};
    if (!take(&b, &m, &row, &r))
        return 0;
    MUST(su_layout_make(&r, &l[0], &e) == 0 && su_layout_make(&r, &l[1], &e) == 0);
    MUST(!su_promise_layout(&r, &l[0]) && memcmp(&l[0], &l[1], sizeof l[0]) == 0);
    return 0;
}
