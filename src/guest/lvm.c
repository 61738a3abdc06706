/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lvm.h"
#include "lvm_int.h"
#include <inttypes.h>
#include <string.h>

enum {
    LABEL_SECTORS = 4, /* the label is in one of these */
    MDA_HEADER = 512,
    RLOCN_IGNORED = 1,
};

/* The CRC-32 of IEEE 802.3 (reflected), with LVM's own start value and no final inversion. */
static uint32_t lvm_crc(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return crc;
}

static const uint32_t CRC_START = 0xf597a6cf;

/* Label and header -----------------------------------------------------------*/

/* One entry of the lists of areas; an offset of 0 ends a list. */
static bool take_area(struct su_bytes *in, struct su_extent *out)
{
    return su_take_le64(in, &out->off) && su_take_le64(in, &out->n);
}

static int add_area(struct su_lvm_areas *a, struct su_extent x, struct su_err *e)
{
    if (x.off > a->size || x.n > a->size - x.off || x.n < 2 * MDA_HEADER || x.off < a->head_end)
        return su_fail(e, SU_E_FORMAT, "lvm.header", "a metadata area of LVM leaves the physical volume");
    if (a->n == SU_LVM_MAX_AREAS)
        return su_fail(e, SU_E_FORMAT, "lvm.header", "more than %d metadata areas", SU_LVM_MAX_AREAS);
    a->area[a->n++] = x;
    return 0;
}

static int read_areas(struct su_bytes in, struct su_lvm_areas *a, struct su_err *e)
{
    uint64_t device_size;
    struct su_extent x = {0};
    bool ok = su_take(&in, a->uuid, sizeof a->uuid) && su_take_le64(&in, &device_size);
    do /* data areas: the text tells the same more precisely */
        ok = ok && take_area(&in, &x);
    while (ok && x.off);
    while (ok && (ok = take_area(&in, &x)) && x.off)
        if (add_area(a, x, e) < 0)
            return -1;
    if (!ok)
        return su_fail(e, SU_E_FORMAT, "lvm.header", "the header of the physical volume does not end in its sector");
    return 0;
}

static int read_label(struct su_blk *pv, struct su_lvm_areas *a, struct su_err *e)
{
    uint8_t head[LABEL_SECTORS * SU_SECTOR];
    if (pv->size < sizeof head)
        return su_fail(e, SU_E_FORMAT, "lvm.label", "too small for a physical volume of LVM");
    if (su_blk_read(pv, 0, head, sizeof head, e) < 0)
        return -1;
    for (uint64_t s = 0; s < LABEL_SECTORS; s++) {
        const uint8_t *l = head + s * SU_SECTOR;
        if (memcmp(l, "LABELONE", 8) != 0 || memcmp(l + 24, "LVM2 001", 8) != 0 || su_le64(l + 8) != s)
            continue;
        uint32_t at = su_le32(l + 20);
        if (su_le32(l + 16) != lvm_crc(CRC_START, l + 20, SU_SECTOR - 20))
            return su_fail(e, SU_E_FORMAT, "lvm.label.checksum", "the LVM label's checksum does not match");
        if (at < 32 || at > SU_SECTOR)
            return su_fail(e, SU_E_FORMAT, "lvm.label", "the LVM label points outside its sector");
        *a = (struct su_lvm_areas){.size = pv->size, .head_end = sizeof head};
        return read_areas((struct su_bytes){l + at, SU_SECTOR - at}, a, e);
    }
    return su_fail(e, SU_E_FORMAT, "lvm.label", "no LVM label");
}

/* Metadata areas -------------------------------------------------------------*/

struct text_at {
    uint64_t off, n; /* in the area; the text may wrap around behind the area's header */
    uint32_t crc;
};

/* n = 0: the area holds nothing, or is not in use. */
static int read_mda_header(struct su_blk *pv, struct su_extent area, struct text_at *out, struct su_err *e)
{
    uint8_t h[MDA_HEADER];
    if (su_blk_read(pv, area.off, h, sizeof h, e) < 0)
        return -1;
    if (memcmp(h + 4, " LVM2 x[5A%r0N*>", 16) != 0 || su_le32(h + 20) != 1)
        return su_fail(e, SU_E_FORMAT, "lvm.mda", "not a metadata area of LVM2");
    if (su_le32(h) != lvm_crc(CRC_START, h + 4, sizeof h - 4))
        return su_fail(e, SU_E_FORMAT, "lvm.mda.checksum", "the checksum of a metadata area of LVM does not match");
    if (su_le64(h + 24) != area.off || su_le64(h + 32) != area.n)
        return su_fail(e, SU_E_FORMAT, "lvm.mda", "a metadata area of LVM is not where it says");
    const uint8_t *r = h + 40;
    struct text_at t = {su_le64(r), su_le64(r + 8), su_le32(r + 16)};
    if (t.off == 0 || su_le32(r + 20) & RLOCN_IGNORED) {
        *out = (struct text_at){0};
        return 0;
    }
    if (t.n == 0 || t.n > SU_LVM_TEXT_MAX || t.n > area.n - MDA_HEADER || t.off < MDA_HEADER || t.off >= area.n)
        return su_fail(e, SU_E_FORMAT, "lvm.mda", "the LVM metadata does not fit its area");
    *out = t;
    return 0;
}

static int read_text(struct su_blk *pv, struct su_extent area, struct text_at t, uint8_t *buf, struct su_err *e)
{
    uint64_t head = area.n - t.off < t.n ? area.n - t.off : t.n;
    if (su_blk_read(pv, area.off + t.off, buf, (size_t)head, e) < 0 ||
        su_blk_read(pv, area.off + MDA_HEADER, buf + head, (size_t)(t.n - head), e) < 0)
        return -1;
    if (lvm_crc(CRC_START, buf, (size_t)t.n) != t.crc)
        return su_fail(e, SU_E_FORMAT, "lvm.text.checksum", "the checksum of the LVM metadata does not match");
    return 0;
}

/* One area: *out is filled only when it holds metadata; *found tells. */
static int read_mda(struct su_blk *pv, const struct su_lvm_areas *a, size_t i, struct su_lvm *out, bool *found,
                    struct su_err *e)
{
    struct text_at t = {0};
    if (read_mda_header(pv, a->area[i], &t, e) < 0)
        return -1;
    *found = t.n > 0;
    if (!*found)
        return 0;
    SU_FREE uint8_t *text = malloc((size_t)t.n);
    if (!text)
        return su_fail_nomem(e, (size_t)t.n);
    if (read_text(pv, a->area[i], t, text, e) < 0)
        return -1;
    struct su_lvm_tree tree SU_AUTO(su_lvm_tree_done) = {0};
    if (su_lvm_text_parse((struct su_bytes){text, (size_t)t.n}, &tree, e) < 0)
        return -1;
    return su_lvm_read_vg(&tree, a, out, e);
}

int su_lvm_parse(struct su_blk *pv, struct su_lvm *out, struct su_err *e)
{
    struct su_lvm_areas a;
    struct su_err bad = {0};
    SU_LVM struct su_lvm best = {0};
    bool any = false;
    if (read_label(pv, &a, e) < 0)
        return -1;
    for (size_t i = 0; i < a.n; i++) {
        SU_LVM struct su_lvm l = {0};
        bool found = false;
        if (read_mda(pv, &a, i, &l, &found, &bad) < 0) {
            if (bad.kind == SU_E_IO || bad.kind == SU_E_NOMEM)
                return *e = bad, -1;
            continue; /* the other copy may be whole */
        }
        if (found && (!any || l.seqno > best.seqno)) {
            struct su_lvm old = best;
            best = l;
            l = old; /* freed here */
            any = true;
        }
    }
    if (!any && bad.kind != SU_OK)
        return *e = bad, -1;
    if (!any)
        return su_fail(e, SU_E_MISSING, "lvm.vg.none",
                       "the physical volume belongs to no volume group, or keeps no copy of its metadata");
    *out = best;
    best = (struct su_lvm){0};
    return 0;
}

void su_lvm_done(struct su_lvm *l)
{
    for (size_t i = 0; l->lv && i < l->n_lv; i++)
        free(l->lv[i].ext);
    free(l->lv);
    free(l->pv);
    *l = (struct su_lvm){0};
}
