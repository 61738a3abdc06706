/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim_image.h"
#include <string.h>

struct su_sim_page {
    unsigned refs;
    uint64_t sum; /* of bytes */
    uint8_t bytes[SU_SECTOR];
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    v = (v ^ v >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return v ^ v >> 32;
}

static uint64_t page_sum(const uint8_t *p)
{
    uint64_t h = 0x51ED270B;
    for (size_t i = 0; i < SU_SECTOR; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, sizeof w);
        h = (h << 27 | h >> 37) * UINT64_C(0x9E3779B97F4A7C15) + w;
    }
    return mix(h);
}

static uint64_t slot_sum(uint64_t no, const struct su_sim_page *p)
{
    return mix(p->sum + no * UINT64_C(0x9E3779B97F4A7C15) + 1);
}

struct su_sim_page *su_sim_page_new(const uint8_t bytes[SU_SECTOR])
{
    struct su_sim_page *p = need(malloc(sizeof *p));
    p->refs = 1;
    memcpy(p->bytes, bytes, SU_SECTOR);
    p->sum = page_sum(p->bytes);
    return p;
}

void su_sim_page_drop(struct su_sim_page *p)
{
    if (p && --p->refs == 0)
        free(p);
}

void su_sim_image_init(struct su_sim_image *m, const uint8_t *base, uint64_t size)
{
    *m = (struct su_sim_image){.base = base, .base_size = base ? size : 0, .size = size};
}

void su_sim_image_done(struct su_sim_image *m)
{
    for (size_t i = 0; i < m->n; i++)
        su_sim_page_drop(m->slot[i].page);
    free(m->slot);
    *m = (struct su_sim_image){0};
}

void su_sim_image_copy(struct su_sim_image *to, const struct su_sim_image *from)
{
    *to = *from;
    to->cap = from->n;
    to->slot = from->n ? need(malloc(from->n * sizeof *to->slot)) : NULL;
    for (size_t i = 0; i < from->n; i++) {
        to->slot[i] = from->slot[i];
        to->slot[i].page->refs++;
    }
}

/* Index of the first slot whose number is at least no. */
static size_t find(const struct su_sim_image *m, uint64_t no)
{
    size_t lo = 0, hi = m->n;
    if (hi && m->slot[hi - 1].no < no)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->slot[mid].no < no)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void base_sector(const struct su_sim_image *m, uint64_t no, uint8_t out[SU_SECTOR])
{
    uint64_t off = no * SU_SECTOR, left = off < m->base_size ? m->base_size - off : 0;
    size_t n = left < SU_SECTOR ? (size_t)left : SU_SECTOR;
    if (n)
        memcpy(out, m->base + off, n);
    memset(out + n, 0, SU_SECTOR - n);
}

static void get_sector(const struct su_sim_image *m, uint64_t no, uint8_t out[SU_SECTOR])
{
    size_t i = find(m, no);
    if (i < m->n && m->slot[i].no == no)
        memcpy(out, m->slot[i].page->bytes, SU_SECTOR);
    else
        base_sector(m, no, out);
}

static void take_out(struct su_sim_image *m, size_t i)
{
    m->sum ^= slot_sum(m->slot[i].no, m->slot[i].page);
    su_sim_page_drop(m->slot[i].page);
    memmove(m->slot + i, m->slot + i + 1, (--m->n - i) * sizeof *m->slot);
}

void su_sim_image_put(struct su_sim_image *m, uint64_t no, struct su_sim_page *p)
{
    uint8_t old[SU_SECTOR];
    size_t i = find(m, no);
    bool there = i < m->n && m->slot[i].no == no;
    if (there && m->slot[i].page == p)
        return;
    base_sector(m, no, old);
    if (memcmp(old, p->bytes, SU_SECTOR) == 0) { /* same contents, same slots: what the hash stands on */
        if (there)
            take_out(m, i);
        return;
    }
    if (!there) {
        if (m->n == m->cap) {
            m->cap = m->cap ? 2 * m->cap : 16;
            m->slot = need(realloc(m->slot, m->cap * sizeof *m->slot));
        }
        memmove(m->slot + i + 1, m->slot + i, (m->n++ - i) * sizeof *m->slot);
    } else {
        m->sum ^= slot_sum(no, m->slot[i].page);
        su_sim_page_drop(m->slot[i].page);
    }
    p->refs++;
    m->slot[i] = (struct su_sim_slot){.no = no, .page = p};
    m->sum ^= slot_sum(no, p);
}

static void set_sector(struct su_sim_image *m, uint64_t no, const uint8_t bytes[SU_SECTOR])
{
    struct su_sim_page *p = su_sim_page_new(bytes);
    su_sim_image_put(m, no, p);
    su_sim_page_drop(p);
}

void su_sim_image_read(const struct su_sim_image *m, uint64_t off, void *buf, size_t n)
{
    uint8_t s[SU_SECTOR];
    for (size_t done = 0, len; done < n; done += len) {
        size_t in = (size_t)((off + done) % SU_SECTOR);
        len = SU_SECTOR - in < n - done ? SU_SECTOR - in : n - done;
        get_sector(m, (off + done) / SU_SECTOR, s);
        memcpy((uint8_t *)buf + done, s + in, len);
    }
}

void su_sim_image_write(struct su_sim_image *m, uint64_t off, const void *bytes, size_t n)
{
    uint8_t s[SU_SECTOR];
    if (off >= m->size)
        return;
    if (n > m->size - off)
        n = (size_t)(m->size - off);
    for (size_t done = 0, len; done < n; done += len) {
        size_t in = (size_t)((off + done) % SU_SECTOR);
        len = SU_SECTOR - in < n - done ? SU_SECTOR - in : n - done;
        if (len < SU_SECTOR)
            get_sector(m, (off + done) / SU_SECTOR, s);
        memcpy(s + in, (const uint8_t *)bytes + done, len);
        set_sector(m, (off + done) / SU_SECTOR, s);
    }
}

void su_sim_image_resize(struct su_sim_image *m, uint64_t size)
{
    uint8_t s[SU_SECTOR];
    size_t in = (size_t)(size % SU_SECTOR);
    if (size < m->size) {
        if (in) {
            get_sector(m, size / SU_SECTOR, s);
            memset(s + in, 0, SU_SECTOR - in);
        }
        while (m->n && m->slot[m->n - 1].no >= size / SU_SECTOR)
            take_out(m, m->n - 1);
        if (m->base_size > size)
            m->base_size = size;
        if (in)
            set_sector(m, size / SU_SECTOR, s);
    }
    m->size = size;
}

bool su_sim_image_equal(const struct su_sim_image *a, const struct su_sim_image *b)
{
    uint8_t x[SU_SECTOR], y[SU_SECTOR];
    if (a->size != b->size)
        return false;
    for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
        uint64_t na = i < a->n ? a->slot[i].no : UINT64_MAX, nb = k < b->n ? b->slot[k].no : UINT64_MAX;
        uint64_t no = na < nb ? na : nb;
        bool shared = na == nb && a->slot[i].page == b->slot[k].page;
        i += na == no;
        k += nb == no;
        if (shared)
            continue;
        get_sector(a, no, x);
        get_sector(b, no, y);
        if (memcmp(x, y, SU_SECTOR) != 0)
            return false;
    }
    uint64_t lo = a->base_size < b->base_size ? a->base_size : b->base_size;
    uint64_t hi = a->base_size < b->base_size ? b->base_size : a->base_size;
    for (uint64_t no = lo / SU_SECTOR; no * SU_SECTOR < hi && no * SU_SECTOR < a->size; no++) {
        get_sector(a, no, x);
        get_sector(b, no, y);
        if (memcmp(x, y, SU_SECTOR) != 0)
            return false;
    }
    return true;
}

uint64_t su_sim_image_hash(const struct su_sim_image *m)
{
    return m->sum ^ mix(m->size + 1) ^ mix(mix(m->base_size + 2));
}
