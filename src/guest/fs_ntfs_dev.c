/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libntfs-3g's device: our su_blk.  What leads in circles on a hostile volume ends when the allowance does. */
#include "fs_ntfs_int.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ALLOW_READS = 1 << 18, ALLOW_BYTES = 512 << 20 };

void su_ntfs_dev_begin(struct su_ntfs_dev *dev, uint64_t data)
{
    dev->bytes = ALLOW_BYTES + 4 * data;
    dev->reads = ALLOW_READS;
    dev->exhausted = false;
    dev->err = (struct su_err){0};
}

static struct su_ntfs_dev *dev_of(struct ntfs_device *d)
{
    return d->d_private;
}

static int dev_open(struct ntfs_device *d, int flags)
{
    (void)flags;
    if (!dev_of(d)->writable)
        NDevSetReadOnly(d);
    NDevSetOpen(d);
    return 0;
}

static int dev_close(struct ntfs_device *d)
{
    NDevClearOpen(d);
    return 0;
}

static int fail(int no)
{
    errno = no;
    return -1;
}

/* The part of [off, off + n) that the disk has; 0 at its end. */
static size_t clip(const struct su_ntfs_dev *dev, s64 n, s64 off)
{
    uint64_t size = dev->blk->size;
    if (n <= 0 || off < 0 || (uint64_t)off >= size)
        return 0;
    return (uint64_t)n < size - (uint64_t)off ? (size_t)n : (size_t)(size - (uint64_t)off);
}

static int read_shown(struct su_ntfs_dev *dev, uint64_t off, uint8_t *buf, size_t n)
{
    if (su_blk_read(dev->blk, off, buf, n, &dev->err) < 0)
        return fail(EIO);
    uint64_t from = off > dev->hide_at ? off : dev->hide_at, end = dev->hide_at + dev->hide_n;
    if (end > off + n)
        end = off + n;
    if (dev->hide_n == 0 || from >= end)
        return 0;
    uint64_t at = dev->show + (from - dev->hide_at);
    return su_blk_read(dev->blk, at, buf + (from - off), (size_t)(end - from), &dev->err) < 0 ? fail(EIO) : 0;
}

static s64 dev_pread(struct ntfs_device *d, void *buf, s64 count, s64 off)
{
    struct su_ntfs_dev *dev = dev_of(d);
    size_t n = clip(dev, count, off);
    if (n > dev->bytes || dev->reads == 0) {
        dev->exhausted = true;
        return fail(EIO);
    }
    dev->bytes -= n;
    dev->reads--;
    return n && read_shown(dev, (uint64_t)off, buf, n) < 0 ? -1 : (s64)n;
}

static s64 dev_pwrite(struct ntfs_device *d, const void *buf, s64 count, s64 off)
{
    struct su_ntfs_dev *dev = dev_of(d);
    size_t n = clip(dev, count, off);
    if (!dev->writable)
        return fail(EROFS);
    if (n == 0)
        return fail(EIO); /* outside: libntfs-3g would try for ever */
    return su_blk_write(dev->blk, (uint64_t)off, buf, n, &dev->err) < 0 ? fail(EIO) : (s64)n;
}

/* The library goes by offsets, but for one look whether the last sector is there. */
static s64 dev_seek(struct ntfs_device *d, s64 off, int whence)
{
    if (whence != SEEK_SET || off < 0)
        return fail(EOPNOTSUPP);
    dev_of(d)->pos = off;
    return off;
}

static s64 dev_read(struct ntfs_device *d, void *buf, s64 count)
{
    struct su_ntfs_dev *dev = dev_of(d);
    s64 n = dev_pread(d, buf, count, dev->pos);
    if (n > 0)
        dev->pos += n;
    return n;
}

static s64 dev_write(struct ntfs_device *d, const void *buf, s64 count)
{
    (void)d, (void)buf, (void)count;
    return fail(EOPNOTSUPP);
}

/* replace() flushes once, at its end. */
static int dev_sync(struct ntfs_device *d)
{
    NDevClearDirty(d);
    return 0;
}

static int dev_stat(struct ntfs_device *d, struct stat *st)
{
    *st = (struct stat){.st_mode = S_IFREG | S_IRUSR, .st_size = (off_t)dev_of(d)->blk->size};
    return 0;
}

static int dev_ioctl(struct ntfs_device *d, unsigned long request, void *arg)
{
    (void)d, (void)request, (void)arg;
    return fail(EOPNOTSUPP);
}

/* Not const: libntfs-3g takes a pointer to a writable one, but never writes. */
struct ntfs_device_operations su_ntfs_dev_ops = {
    .open = dev_open,
    .close = dev_close,
    .seek = dev_seek,
    .read = dev_read,
    .write = dev_write,
    .pread = dev_pread,
    .pwrite = dev_pwrite,
    .sync = dev_sync,
    .stat = dev_stat,
    .ioctl = dev_ioctl,
};
