/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blk.h"
#include <inttypes.h>

/* Every adapter gets its bounds checked here, once. */
static int check(const struct su_blk *d, uint64_t off, size_t n, struct su_err *e)
{
    if (off > d->size || n > d->size - off)
        return su_fail(e, SU_E_RANGE, "disk.range", "%zu bytes at %" PRIu64 " exceed the disk of %" PRIu64 " bytes", n,
                       off, d->size);
    return 0;
}

int su_blk_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    if (check(d, off, n, e) < 0)
        return -1;
    return n == 0 ? 0 : d->ops->read(d, off, buf, n, e);
}

int su_blk_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    if (!d->ops->write)
        return su_fail(e, SU_E_REFUSED, "disk.read-only", "the disk is open read-only");
    if (check(d, off, n, e) < 0)
        return -1;
    if (n && d->ops->write(d, off, buf, n, e) < 0)
        return -1;
    d->written += n;
    return 0;
}

int su_blk_flush(struct su_blk *d, struct su_err *e)
{
    return d->ops->flush ? d->ops->flush(d, e) : 0;
}

bool su_blk_can_resize(const struct su_blk *d)
{
    return d->ops->resize != NULL;
}

int su_blk_resize(struct su_blk *d, uint64_t size, struct su_err *e)
{
    if (!d->ops->resize)
        return su_fail(e, SU_E_REFUSED, "disk.resize.unsupported", "this kind of disk cannot change its size");
    if (size == d->size)
        return 0;
    if (d->ops->resize(d, size, e) < 0)
        return -1;
    d->size = size;
    return 0;
}

void su_blk_close(struct su_blk *d)
{
    if (d)
        d->ops->close(d);
}
