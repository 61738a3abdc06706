/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blk_map.h"
#include <string.h>

struct map {
    struct su_blk blk;
    struct su_blk *base; /* borrowed */
    size_t n;
    struct su_extent ext[];
};

struct run {
    uint64_t off; /* in the base */
    size_t n;
};

/* The longest piece from off on that lies in one extent. */
static struct run locate(const struct map *m, uint64_t off, size_t n)
{
    for (size_t i = 0; i < m->n; i++) {
        if (off < m->ext[i].n) {
            uint64_t left = m->ext[i].n - off;
            return (struct run){m->ext[i].off + off, left < n ? (size_t)left : n};
        }
        off -= m->ext[i].n;
    }
    return (struct run){0};
}

static int map_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct map *m = (struct map *)d;
    for (size_t done = 0; done < n;) {
        struct run r = locate(m, off + done, n - done);
        if (su_blk_read(m->base, r.off, (uint8_t *)buf + done, r.n, e) < 0)
            return -1;
        done += r.n;
    }
    return 0;
}

static int map_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct map *m = (struct map *)d;
    for (size_t done = 0; done < n;) {
        struct run r = locate(m, off + done, n - done);
        if (su_blk_write(m->base, r.off, (const uint8_t *)buf + done, r.n, e) < 0)
            return -1;
        done += r.n;
    }
    return 0;
}

static int map_flush(struct su_blk *d, struct su_err *e)
{
    return su_blk_flush(((struct map *)d)->base, e);
}

static void map_close(struct su_blk *d)
{
    free(d);
}

static const struct su_blk_ops ops = {.read = map_read, .write = map_write, .flush = map_flush, .close = map_close};

int su_blk_map_open(struct su_blk *base, const struct su_extent *ext, size_t n, struct su_blk **out, struct su_err *e)
{
    uint64_t size = 0;
    for (size_t i = 0; i < n; i++) {
        bool fits = ext[i].n > 0 && ext[i].off <= base->size && ext[i].n <= base->size - ext[i].off;
        if (!fits || size > UINT64_MAX - ext[i].n)
            return su_fail(e, SU_E_RANGE, "disk.map.extent", "extent %zu lies outside the disk", i + 1);
        size += ext[i].n;
    }
    if (n > SIZE_MAX / sizeof *ext / 2)
        return su_fail(e, SU_E_RANGE, "disk.map.extent", "too many extents");
    struct map *m = malloc(sizeof *m + n * sizeof *ext);
    if (!m)
        return su_fail_nomem(e, n * sizeof *ext);
    *m = (struct map){.blk = {.ops = &ops, .size = size}, .base = base, .n = n};
    if (n)
        memcpy(m->ext, ext, n * sizeof *ext);
    *out = &m->blk;
    return 0;
}
