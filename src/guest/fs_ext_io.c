/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libext2fs' view of the disk.  Every block is bounds-checked here, and every block counts: a
 * directory or extent tree that leads in circles ends when the allowance does. */
#include "fs_ext_int.h"
#include <errno.h>
#include <string.h>

enum { CACHE_BYTES = 256 << 10, CACHE_MAX = 64 };

struct su_ext_io {
    struct su_blk *blk; /* borrowed */
    bool writable;
    uint64_t allowance; /* blocks left to read */
    bool exhausted;
    struct su_err err; /* kind SU_OK: none */
    struct struct_io_stats stats;
    uint64_t tag[CACHE_MAX]; /* block number + 1; 0: empty */
    uint8_t *cache;          /* owned; slots blocks */
    size_t slots;
};

/* The manager's open() gets a name only; libext2fs calls it from within ext2fs_open2(). */
static _Thread_local struct su_ext_io *opening;

static struct su_ext_io *io_of(io_channel ch)
{
    return ch->private_data;
}

static void forget(struct su_ext_io *io, uint64_t first, uint64_t n)
{
    for (size_t i = 0; i < CACHE_MAX; i++)
        if (io->tag[i] && io->tag[i] - 1 >= first && io->tag[i] - 1 - first < n)
            io->tag[i] = 0;
}

static errcode_t io_set_blksize(io_channel ch, int size)
{
    struct su_ext_io *io = io_of(ch);
    if (size == ch->block_size && io->cache)
        return 0;
    if (size < 1024 || size > 65536)
        return EXT2_ET_CORRUPT_SUPERBLOCK;
    size_t slots = CACHE_BYTES / (size_t)size < CACHE_MAX ? CACHE_BYTES / (size_t)size : CACHE_MAX;
    uint8_t *cache = malloc(slots * (size_t)size);
    if (!cache)
        return EXT2_ET_NO_MEMORY;
    free(io->cache);
    io->cache = cache;
    io->slots = slots;
    forget(io, 0, UINT64_MAX);
    ch->block_size = size;
    return 0;
}

static struct struct_io_manager manager;

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
    (void)flags;
    struct struct_io_channel *ch = calloc(1, sizeof *ch);
    if (!ch || !(ch->name = strdup(name))) {
        free(ch);
        return EXT2_ET_NO_MEMORY;
    }
    ch->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    ch->manager = &manager;
    ch->refcount = 1;
    ch->private_data = opening;
    *out = ch;
    return 0;
}

static errcode_t io_close(io_channel ch)
{
    if (--ch->refcount > 0)
        return 0;
    free(ch->name);
    free(ch);
    return 0;
}

struct span {
    uint64_t off;
    size_t n;
};

/* count as in libext2fs: blocks, or bytes when negative.  False when the disk ends before. */
static bool span_of(io_channel ch, uint64_t block, int count, struct span *out)
{
    struct su_ext_io *io = io_of(ch);
    uint64_t bs = (uint64_t)ch->block_size;
    uint64_t n = count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * bs;
    if (block > io->blk->size / bs || n > io->blk->size - block * bs)
        return false;
    *out = (struct span){block * bs, (size_t)n};
    return true;
}

static errcode_t io_read(io_channel ch, unsigned long long block, int count, void *buf)
{
    struct su_ext_io *io = io_of(ch);
    struct span s;
    if (!span_of(ch, block, count, &s))
        return EXT2_ET_SHORT_READ;
    uint64_t blocks = s.n / (uint64_t)ch->block_size + 1;
    if (blocks > io->allowance) {
        io->exhausted = true;
        return EXT2_ET_SHORT_READ;
    }
    io->allowance -= blocks;
    bool cached = count == 1 && io->cache;
    size_t slot = cached ? (size_t)(block % io->slots) : 0;
    if (cached && io->tag[slot] == block + 1) {
        memcpy(buf, io->cache + slot * s.n, s.n);
        return 0;
    }
    if (su_blk_read(io->blk, s.off, buf, s.n, &io->err) < 0)
        return EXT2_ET_SHORT_READ;
    io->stats.bytes_read += s.n;
    if (cached) {
        memcpy(io->cache + slot * s.n, buf, s.n);
        io->tag[slot] = block + 1;
    }
    return 0;
}

static errcode_t put(struct su_ext_io *io, struct span s, int block_size, const void *buf)
{
    if (!io->writable)
        return EXT2_ET_RO_FILSYS;
    uint64_t bs = (uint64_t)block_size;
    forget(io, s.off / bs, (s.n + s.off % bs) / bs + 1);
    if (su_blk_write(io->blk, s.off, buf, s.n, &io->err) < 0)
        return EXT2_ET_SHORT_WRITE;
    io->stats.bytes_written += s.n;
    return 0;
}

static errcode_t io_write(io_channel ch, unsigned long long block, int count, const void *buf)
{
    struct span s;
    return span_of(ch, block, count, &s) ? put(io_of(ch), s, ch->block_size, buf) : EXT2_ET_SHORT_WRITE;
}

static errcode_t io_write_byte(io_channel ch, unsigned long off, int n, const void *buf)
{
    struct su_ext_io *io = io_of(ch);
    if (n < 0 || off > io->blk->size || (uint64_t)n > io->blk->size - off)
        return EXT2_ET_SHORT_WRITE;
    return put(io, (struct span){off, (size_t)n}, ch->block_size, buf);
}

static errcode_t io_read32(io_channel ch, unsigned long block, int count, void *buf)
{
    return io_read(ch, block, count, buf);
}

static errcode_t io_write32(io_channel ch, unsigned long block, int count, const void *buf)
{
    return io_write(ch, block, count, buf);
}

static errcode_t io_flush(io_channel ch)
{
    struct su_ext_io *io = io_of(ch);
    if (!io->writable)
        return 0;
    return su_blk_flush(io->blk, &io->err) < 0 ? EXT2_ET_SHORT_WRITE : 0;
}

static errcode_t io_get_stats(io_channel ch, io_stats *out)
{
    io_of(ch)->stats.num_fields = 2;
    *out = &io_of(ch)->stats;
    return 0;
}

/* Not const: libext2fs takes a pointer to a writable one, but never writes. */
static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "surety block port",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read32,
    .write_blk = io_write32,
    .read_blk64 = io_read,
    .write_blk64 = io_write,
    .write_byte = io_write_byte,
    .flush = io_flush,
    .get_stats = io_get_stats,
};

struct su_ext_io *su_ext_io_new(struct su_blk *blk, bool writable)
{
    struct su_ext_io *io = calloc(1, sizeof *io);
    if (io)
        *io = (struct su_ext_io){.blk = blk, .writable = writable, .allowance = SU_EXT_MAX_READS};
    return io;
}

void su_ext_io_free(struct su_ext_io *io)
{
    if (io)
        free(io->cache);
    free(io);
}

errcode_t su_ext_io_open(struct su_ext_io *io, int flags, ext2_filsys *out)
{
    opening = io;
    return ext2fs_open2("surety", NULL, flags, 0, 0, &manager, out);
}

void su_ext_io_begin(struct su_ext_io *io)
{
    io->allowance = SU_EXT_MAX_READS;
    io->exhausted = false;
    io->err = (struct su_err){0};
}

bool su_ext_io_error(struct su_ext_io *io, struct su_err *e)
{
    if (io->err.kind == SU_OK)
        return false;
    *e = io->err;
    return true;
}

bool su_ext_io_exhausted(const struct su_ext_io *io)
{
    return io->exhausted;
}
