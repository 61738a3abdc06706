/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim.h"
#include <string.h>

uint64_t su_sim_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * UINT64_C(0x2545F4914F6CDD1D);
}

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

/* -1: this operation fails, in the way w->how. */
static int tick(struct su_sim *w, struct su_err *e)
{
    return ++w->op == w->fail_at ? su_fail(e, SU_E_IO, "test.io", "injected failure of operation %lu", w->op) : 0;
}

static struct su_sim_op *add(struct su_sim *w)
{
    if (w->n_pending == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 16;
        w->pending = need(realloc(w->pending, w->cap * sizeof *w->pending));
    }
    return &w->pending[w->n_pending++];
}

static void op_done(struct su_sim_op *o)
{
    for (size_t i = 0; i < o->n_pages; i++)
        su_sim_page_drop(o->page[i]);
    free(o->page);
    free(o->bytes);
}

static void added(struct su_sim *w)
{
    if (w->hook)
        w->hook(w->arg, w);
}

static int sim_read(struct su_blk *b, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct su_sim_disk *d = (struct su_sim_disk *)b;
    if (tick(d->world, e) < 0)
        return -1;
    su_sim_image_read(&d->view, off, buf, n);
    return 0;
}

static void make_pages(struct su_sim_op *o)
{
    uint64_t first = su_round_up(o->off, SU_SECTOR) / SU_SECTOR, end = (o->off + o->n) / SU_SECTOR;
    if (first >= end)
        return;
    o->page_no = first;
    o->n_pages = (size_t)(end - first);
    o->page = need(malloc(o->n_pages * sizeof *o->page));
    for (size_t i = 0; i < o->n_pages; i++)
        o->page[i] = su_sim_page_new(o->bytes + (first * SU_SECTOR - o->off) + i * SU_SECTOR);
}

/* The whole write, untorn. */
static void apply_write(struct su_sim_image *m, const struct su_sim_op *o)
{
    uint64_t pages_at = o->page_no * SU_SECTOR, pages_end = pages_at + o->n_pages * SU_SECTOR;
    if (o->n_pages == 0 || pages_end > m->size) {
        su_sim_image_write(m, o->off, o->bytes, o->n);
        return;
    }
    su_sim_image_write(m, o->off, o->bytes, (size_t)(pages_at - o->off));
    for (size_t i = 0; i < o->n_pages; i++)
        su_sim_image_put(m, o->page_no + i, o->page[i]);
    su_sim_image_write(m, pages_end, o->bytes + (pages_end - o->off), (size_t)(o->off + o->n - pages_end));
}

static int sim_write(struct su_blk *b, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct su_sim_disk *d = (struct su_sim_disk *)b;
    struct su_sim *w = d->world;
    int rc = tick(w, e);
    if (rc < 0 && w->how != SU_SIM_DIRTY)
        return -1;
    struct su_sim_op *o = add(w);
    *o = (struct su_sim_op){.disk = (int)(d - w->disk), .off = off, .n = n, .bytes = need(malloc(n))};
    memcpy(o->bytes, buf, n);
    make_pages(o);
    apply_write(&d->view, o);
    added(w);
    return rc;
}

static int sim_resize(struct su_blk *b, uint64_t size, struct su_err *e)
{
    struct su_sim_disk *d = (struct su_sim_disk *)b;
    struct su_sim *w = d->world;
    if (tick(w, e) < 0)
        return -1;
    *add(w) = (struct su_sim_op){.disk = (int)(d - w->disk), .resize = true, .off = size};
    su_sim_image_resize(&d->view, size);
    added(w);
    return 0;
}

/* What is pending for one disk becomes stable, or (lost) its writes are forgotten. */
static void settle_disk(struct su_sim *w, int disk, bool lost)
{
    size_t left = 0;
    for (size_t i = 0; i < w->n_pending; i++) {
        struct su_sim_op *o = &w->pending[i];
        if (o->disk != disk || (lost && o->resize)) {
            w->pending[left++] = *o;
            continue;
        }
        if (o->resize)
            su_sim_image_resize(&w->disk[disk].stable, o->off);
        else if (!lost)
            apply_write(&w->disk[disk].stable, o);
        op_done(o);
    }
    w->n_pending = left;
}

static int sim_flush(struct su_blk *b, struct su_err *e)
{
    struct su_sim_disk *d = (struct su_sim_disk *)b;
    struct su_sim *w = d->world;
    int rc = tick(w, e);
    if (rc == 0 || w->how != SU_SIM_CLEAN)
        settle_disk(w, (int)(d - w->disk), rc < 0 && w->how == SU_SIM_LOST);
    return rc;
}

static void sim_close(struct su_blk *b)
{
    (void)b;
}

static const struct su_blk_ops ops = {
    .read = sim_read, .write = sim_write, .flush = sim_flush, .resize = sim_resize, .close = sim_close};

void su_sim_init(struct su_sim *w, const struct su_sim_image state[SU_SIM_DISKS])
{
    *w = (struct su_sim){0};
    for (int i = 0; i < SU_SIM_DISKS; i++) {
        w->disk[i].blk = (struct su_blk){.ops = &ops, .size = state[i].size};
        su_sim_image_copy(&w->disk[i].stable, &state[i]);
        su_sim_image_copy(&w->disk[i].view, &state[i]);
    }
    w->disk[0].world = w->disk[1].world = w;
}

void su_sim_done(struct su_sim *w)
{
    for (size_t i = 0; i < w->n_pending; i++)
        op_done(&w->pending[i]);
    free(w->pending);
    for (int i = 0; i < SU_SIM_DISKS; i++) {
        su_sim_image_done(&w->disk[i].stable);
        su_sim_image_done(&w->disk[i].view);
    }
    *w = (struct su_sim){0};
}

struct su_blk *su_sim_blk(struct su_sim *w, int disk)
{
    return &w->disk[disk].blk;
}

/* Some bytes of the sector at [at, at + n) of the write: a run of them, or each by the toss of a coin. */
static void apply_torn_sector(struct su_sim_image *m, const struct su_sim_op *o, size_t at, size_t n, uint64_t *seed)
{
    uint64_t r = su_sim_random(seed);
    size_t from = 0, to = n;
    if ((r & 7) == 0) {
        for (size_t i = 0; i < n; i++)
            if (su_sim_random(seed) >> 63)
                su_sim_image_write(m, o->off + at + i, o->bytes + at + i, 1);
        return;
    }
    if (r & 8)
        from = (size_t)(r >> 8 & 0xFFFFF) % n;
    if (r & 16)
        to = from + (size_t)(r >> 32) % (n - from + 1);
    su_sim_image_write(m, o->off + at + from, o->bytes + at + from, to - from);
}

static void apply_torn(struct su_sim_image *m, const struct su_sim_op *o, uint64_t *seed)
{
    for (size_t at = 0, n; at < o->n; at += n) {
        size_t in = (size_t)((o->off + at) % SU_SECTOR);
        n = SU_SECTOR - in < o->n - at ? SU_SECTOR - in : o->n - at;
        apply_torn_sector(m, o, at, n, seed);
    }
}

void su_sim_settle(const struct su_sim *w, const bool *keep, uint64_t *seed, struct su_sim_image out[SU_SIM_DISKS])
{
    for (int i = 0; i < SU_SIM_DISKS; i++)
        su_sim_image_copy(&out[i], &w->disk[i].stable);
    for (size_t i = 0; i < w->n_pending; i++) {
        const struct su_sim_op *o = &w->pending[i];
        if (!keep[i])
            continue;
        if (o->resize)
            su_sim_image_resize(&out[o->disk], o->off);
        else if (*seed)
            apply_torn(&out[o->disk], o, seed);
        else
            apply_write(&out[o->disk], o);
    }
}
