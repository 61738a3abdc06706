/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "memblk.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct memblk {
    struct su_blk blk;
    uint8_t *p;  /* mapped: room bytes */
    size_t room; /* largest size resize() allows */
    unsigned long fail_in;
    struct su_memblk_count count;
};

static int step(struct memblk *m, struct su_err *e)
{
    if (m->fail_in == 0 || --m->fail_in > 0)
        return 0;
    m->fail_in = 1;
    return su_fail(e, SU_E_IO, "test.io", "injected failure");
}

static int mem_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct memblk *m = (struct memblk *)d;
    m->count.reads++;
    if (step(m, e) < 0)
        return -1;
    memcpy(buf, m->p + off, n);
    return 0;
}

static int mem_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct memblk *m = (struct memblk *)d;
    m->count.writes++;
    m->count.unflushed++;
    if (step(m, e) < 0)
        return -1;
    memcpy(m->p + off, buf, n);
    return 0;
}

static int mem_flush(struct su_blk *d, struct su_err *e)
{
    struct memblk *m = (struct memblk *)d;
    m->count.flushes++;
    if (step(m, e) < 0)
        return -1;
    m->count.unflushed = 0;
    return 0;
}

static int mem_resize(struct su_blk *d, uint64_t size, struct su_err *e)
{
    struct memblk *m = (struct memblk *)d;
    if (size > m->room)
        return su_fail(e, SU_E_RANGE, "test.size", "the disk has room for %zu bytes", m->room);
    if (size < d->size)
        memset(m->p + size, 0, (size_t)(d->size - size));
    return 0;
}

static void mem_close(struct su_blk *d)
{
    struct memblk *m = (struct memblk *)d;
    munmap(m->p, m->room);
    free(m);
}

static const struct su_blk_ops rw = {
    .read = mem_read, .write = mem_write, .flush = mem_flush, .resize = mem_resize, .close = mem_close};
static const struct su_blk_ops ro = {.read = mem_read, .flush = mem_flush, .close = mem_close};

/* fd: mapped privately over the first size bytes, or -1.  Room for 1/8 more, at least 8 MiB. */
static int make(uint64_t size, int fd, struct su_blk **out, struct su_err *e)
{
    size_t room = (size_t)su_round_up(size + (size / 8 > 8 * SU_MIB ? size / 8 : 8 * SU_MIB), 4096);
    uint8_t *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return su_fail_os(e, "test.memory", "mapping %zu bytes", room);
    struct memblk *m = calloc(1, sizeof *m);
    if (!m || (fd >= 0 && size > 0 &&
               mmap(p, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, 0) != p)) {
        munmap(p, room);
        free(m);
        return su_fail_nomem(e, room);
    }
    *m = (struct memblk){.blk = {.ops = &rw, .size = size}, .p = p, .room = room};
    *out = &m->blk;
    return 0;
}

int su_memblk_new(uint64_t size, struct su_blk **out, struct su_err *e)
{
    return make(size, -1, out, e);
}

int su_memblk_load(const char *path, struct su_blk **out, struct su_err *e)
{
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return su_fail_os(e, "test.open", "%s", path);
    return make((uint64_t)st.st_size, fd, out, e);
}

int su_memblk_sparse(struct su_bytes image, struct su_blk **out, struct su_err *e)
{
    uint8_t magic[4];
    uint32_t size, off, n;
    if (!su_take(&image, magic, 4) || memcmp(magic, "SPRS", 4) != 0 || !su_take_le32(&image, &size) ||
        size > SU_MEMBLK_SPARSE_MAX)
        return su_fail(e, SU_E_FORMAT, "test.sparse", "not a sparse image");
    struct su_blk *d;
    if (make(size, -1, &d, e) < 0)
        return -1;
    while (su_take_le32(&image, &off) && su_take_le32(&image, &n)) {
        size_t have = n < image.n ? n : image.n;
        size_t fits = off >= size ? 0 : have < size - off ? have : size - off;
        memcpy(((struct memblk *)d)->p + (fits ? off : 0), image.p, fits);
        su_skip(&image, have);
    }
    *out = d;
    return 0;
}

uint8_t *su_memblk_data(struct su_blk *d)
{
    return ((struct memblk *)d)->p;
}

int su_memblk_save(struct su_blk *d, const char *path, struct su_err *e)
{
    unlink(path); /* a disk may be mapped from the file of that name */
    SU_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)d->size) < 0)
        return su_fail_os(e, "test.save", "%s", path);
    const uint8_t *p = su_memblk_data(d);
    for (uint64_t off = 0; off < d->size; off += 65536) {
        size_t n = d->size - off < 65536 ? (size_t)(d->size - off) : 65536;
        if (!su_all_zero(p + off, n) && pwrite(fd, p + off, n, (off_t)off) != (ssize_t)n)
            return su_fail_os(e, "test.save", "%s", path);
    }
    return 0;
}

void su_memblk_encode(struct su_blk *d, struct su_buf *out)
{
    enum { GRAIN = 64 };
    uint8_t head[8] = "SPRS";
    su_put_le32(head + 4, (uint32_t)d->size);
    su_buf_add(out, head, 8);
    const uint8_t *p = su_memblk_data(d);
    for (size_t off = 0, n; off < d->size; off += n) {
        for (n = 0; off + n < d->size; n += GRAIN) {
            size_t left = (size_t)d->size - off - n;
            if (su_all_zero(p + off + n, left < GRAIN ? left : GRAIN))
                break;
        }
        if (n == 0) {
            n = GRAIN;
            continue;
        }
        if (n > d->size - off)
            n = (size_t)d->size - off;
        su_put_le32(head, (uint32_t)off);
        su_put_le32(head + 4, (uint32_t)n);
        su_buf_add(out, head, 8);
        su_buf_add(out, p + off, n);
    }
}

void su_memblk_set_writable(struct su_blk *d, bool writable)
{
    d->ops = writable ? &rw : &ro;
}

void su_memblk_fail(struct su_blk *d, unsigned long n)
{
    ((struct memblk *)d)->fail_in = n;
}

struct su_memblk_count su_memblk_count(const struct su_blk *d)
{
    return ((const struct memblk *)d)->count;
}
