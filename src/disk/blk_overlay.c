/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blk_overlay.h"
#include "base/buf.h"
#include <string.h>

enum { PAGE = SU_OVERLAY_PAGE };

struct page {
    uint64_t no; /* offset / PAGE */
    uint8_t *bytes;
};

struct overlay {
    struct su_blk blk;
    struct su_blk *base; /* borrowed */
    struct page *page;   /* sorted by no */
    size_t n, cap;
};

/* Index of the first page whose number is at least no. */
static size_t find(const struct overlay *o, uint64_t no)
{
    size_t lo = 0, hi = o->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (o->page[mid].no < no)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The base's bytes of one page; past the end of the disk they are zero. */
static int read_base(const struct overlay *o, uint64_t no, uint8_t *buf, struct su_err *e)
{
    uint64_t off = no * PAGE, left = o->blk.size - off;
    size_t n = left < PAGE ? (size_t)left : PAGE;
    memset(buf + n, 0, PAGE - n);
    return su_blk_read(o->base, off, buf, n, e);
}

static int insert(struct overlay *o, size_t at, uint64_t no, struct su_err *e)
{
    if (o->n == SU_OVERLAY_MAX)
        return su_fail(e, SU_E_RANGE, "disk.overlay.full", "more than %d pages would change", SU_OVERLAY_MAX);
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 64;
        struct page *p = realloc(o->page, cap * sizeof *p);
        if (!p)
            return su_fail_nomem(e, cap * sizeof *p);
        o->page = p;
        o->cap = cap;
    }
    SU_FREE uint8_t *bytes = malloc(PAGE);
    if (!bytes)
        return su_fail_nomem(e, PAGE);
    if (read_base(o, no, bytes, e) < 0)
        return -1;
    memmove(o->page + at + 1, o->page + at, (o->n - at) * sizeof *o->page);
    o->page[at] = (struct page){.no = no, .bytes = su_steal(&bytes)};
    o->n++;
    return 0;
}

static int overlay_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct overlay *o = (struct overlay *)d;
    if (su_blk_read(o->base, off, buf, n, e) < 0)
        return -1;
    uint64_t end = off + n;
    for (size_t i = find(o, off / PAGE); i < o->n && o->page[i].no * PAGE < end; i++) {
        uint64_t page = o->page[i].no * PAGE;
        uint64_t from = page > off ? page : off, to = page + PAGE < end ? page + PAGE : end;
        memcpy((uint8_t *)buf + (from - off), o->page[i].bytes + (from - page), to - from);
    }
    return 0;
}

static int overlay_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct overlay *o = (struct overlay *)d;
    for (size_t done = 0; done < n;) {
        uint64_t at = off + done, no = at / PAGE;
        size_t in = (size_t)(at % PAGE), len = PAGE - in < n - done ? PAGE - in : n - done;
        size_t i = find(o, no);
        if ((i == o->n || o->page[i].no != no) && insert(o, i, no, e) < 0)
            return -1;
        memcpy(o->page[i].bytes + in, (const uint8_t *)buf + done, len);
        done += len;
    }
    return 0;
}

static int overlay_flush(struct su_blk *d, struct su_err *e)
{
    (void)d, (void)e;
    return 0;
}

static void overlay_close(struct su_blk *d)
{
    struct overlay *o = (struct overlay *)d;
    for (size_t i = 0; i < o->n; i++)
        free(o->page[i].bytes);
    free(o->page);
    free(o);
}

static const struct su_blk_ops ops = {
    .read = overlay_read, .write = overlay_write, .flush = overlay_flush, .close = overlay_close};

int su_blk_overlay_open(struct su_blk *base, struct su_blk **out, struct su_err *e)
{
    struct overlay *o = malloc(sizeof *o);
    if (!o)
        return su_fail_nomem(e, sizeof *o);
    *o = (struct overlay){.blk = {.ops = &ops, .size = base->size}, .base = base};
    *out = &o->blk;
    return 0;
}

/* A run that grows while adjacent sectors change. */
struct run {
    struct su_buf bytes;
    uint64_t off;
    su_overlay_fn *fn;
    void *arg;
};

static int emit(struct run *r, struct su_err *e)
{
    if (su_buf_ok(&r->bytes, e) < 0)
        return -1;
    int rc = r->bytes.n ? r->fn(r->arg, r->off, r->bytes.p, r->bytes.n, e) : 0;
    r->bytes.n = 0;
    return rc;
}

static int walk_page(struct overlay *o, const struct page *p, struct run *r, struct su_err *e)
{
    uint8_t old[PAGE];
    if (read_base(o, p->no, old, e) < 0)
        return -1;
    for (size_t in = 0; in < PAGE; in += SU_SECTOR) {
        uint64_t off = p->no * PAGE + in;
        if (off >= o->blk.size || memcmp(old + in, p->bytes + in, SU_SECTOR) == 0)
            continue;
        if (r->off + r->bytes.n != off) {
            if (emit(r, e) < 0)
                return -1;
            r->off = off;
        }
        uint64_t left = o->blk.size - off;
        su_buf_add(&r->bytes, p->bytes + in, left < SU_SECTOR ? (size_t)left : SU_SECTOR);
    }
    return 0;
}

static void run_done(struct run *r)
{
    su_buf_done(&r->bytes);
}

int su_blk_overlay_changes(struct su_blk *overlay, su_overlay_fn *fn, void *arg, struct su_err *e)
{
    struct overlay *o = (struct overlay *)overlay;
    SU_AUTO(run_done) struct run r = {.fn = fn, .arg = arg};
    for (size_t i = 0; i < o->n; i++)
        if (walk_page(o, &o->page[i], &r, e) < 0)
            return -1;
    return emit(&r, e);
}
