/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blkcopy.h"
#include <errno.h>
#include <sys/mman.h>

enum { CHUNK = 96 << 10, PAGE = 4096 };

int su_blkcopy_open(const char *name, uint64_t size, int *fd, struct su_err *e)
{
    SU_CLOSE int f = memfd_create(name, MFD_CLOEXEC);
    if (f < 0 || size > INT64_MAX || ftruncate(f, (off_t)size) < 0)
        return su_fail_os(e, "host.memory", "making a memory file of %llu bytes", (unsigned long long)size);
    *fd = f;
    f = -1;
    return 0;
}

static int put(int fd, const uint8_t *p, uint64_t off, size_t n, struct su_err *e)
{
    ssize_t done = pwrite(fd, p, n, (off_t)off);
    if (done == (ssize_t)n)
        return 0;
    errno = done < 0 ? errno : ENOSPC;
    return su_fail_os(e, "host.memory", "copying a part of a volume");
}

/* Neighbouring pages are written together. */
static int put_pages(int fd, const uint8_t *p, uint64_t off, size_t n, struct su_err *e)
{
    size_t from = 0; /* what lies between from and at is still to be written */
    for (size_t at = 0, len; at < n; at += len) {
        len = n - at < PAGE ? n - at : PAGE;
        if (!su_all_zero(p + at, len))
            continue;
        if (at > from && put(fd, p + from, off + from, at - from, e) < 0)
            return -1;
        from = at + len;
    }
    return n > from ? put(fd, p + from, off + from, n - from, e) : 0;
}

int su_blkcopy(int fd, struct su_blk *vol, uint64_t off, uint64_t n, struct su_err *e)
{
    if (off >= vol->size)
        return 0;
    n = n < vol->size - off ? n : vol->size - off;
    SU_FREE uint8_t *chunk = malloc(CHUNK);
    if (!chunk)
        return su_fail_nomem(e, CHUNK);
    for (uint64_t done = 0; done < n;) {
        size_t len = n - done < CHUNK ? (size_t)(n - done) : CHUNK;
        if (su_blk_read(vol, off + done, chunk, len, e) < 0 || put_pages(fd, chunk, off + done, len, e) < 0)
            return -1;
        done += len;
    }
    return 0;
}
