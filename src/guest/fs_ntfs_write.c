/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS: new contents for a file.  The change is a function of the volume, the contents and the time given: libntfs-3g
 * reads a clock only where it is asked to set times, and here it is not. */
#include "fs_ntfs_int.h"
#include <inttypes.h>
#include <string.h>

enum { PIECE = 4096, CHUNK = 256 << 10 };

#define EPOCH INT64_C(11644473600) /* seconds from 1601 to 1970 */

struct job {
    struct su_ntfs *x;
    ntfs_inode *ni;
    ntfs_attr *na;
    const uint8_t *buf;
    size_t len;
    bool differs; /* in the part that old and new contents share */
    uint8_t *old; /* CHUNK bytes */
};

/* Calls of libntfs-3g ------------------------------------------------------*/

static int write_range(struct job *j, size_t at, size_t end, struct su_err *e)
{
    while (at < end) {
        errno = 0;
        s64 got = ntfs_attr_pwrite(j->na, (s64)at, (s64)(end - at), j->buf + at);
        if (got <= 0 || (uint64_t)got > end - at)
            return su_ntfs_fail(j->x, "writing a file", e);
        at += (size_t)got;
    }
    return 0;
}

static int read_old(struct job *j, size_t at, size_t n, struct su_err *e)
{
    for (size_t done = 0; done < n;) {
        errno = 0;
        s64 got = ntfs_attr_pread(j->na, (s64)(at + done), (s64)(n - done), j->old + done);
        if (got <= 0 || (uint64_t)got > n - done)
            return su_ntfs_fail(j->x, "reading a file", e);
        done += (size_t)got;
    }
    return 0;
}

/* Writing --------------------------------------------------------------------*/

/* Writes the pieces of [at, at + n) that differ from j->old; without write it only looks whether there are any. */
static int pieces(struct job *j, size_t at, size_t n, bool write, struct su_err *e)
{
    for (size_t i = 0; i < n; i += PIECE) {
        size_t k = n - i < PIECE ? n - i : PIECE;
        if (memcmp(j->old + i, j->buf + at + i, k) == 0)
            continue;
        j->differs = true;
        if (!write)
            return 0;
        if (write_range(j, at + i, at + i + k, e) < 0)
            return -1;
    }
    return 0;
}

/* The part that old and new contents share. */
static int compare(struct job *j, size_t shared, bool write, struct su_err *e)
{
    for (size_t at = 0; at < shared; at += CHUNK) {
        size_t n = shared - at < CHUNK ? shared - at : CHUNK;
        if (read_old(j, at, n, e) < 0 || pieces(j, at, n, write, e) < 0)
            return -1;
        if (j->differs && !write)
            return 0;
    }
    return 0;
}

static int write_contents(struct job *j, size_t before, struct su_err *e)
{
    size_t shared = before < j->len ? before : j->len;
    errno = 0;
    if (before != j->len && ntfs_attr_truncate_solid(j->na, (s64)j->len) != 0)
        return su_ntfs_fail(j->x, "changing a file's length", e);
    if (j->differs && compare(j, shared, true, e) < 0)
        return -1;
    return write_range(j, shared, j->len, e);
}

/* The records libntfs-3g keeps open; the last ones it would write when it closes the volume. */
static int sync_volume(struct su_ntfs *x, struct su_err *e)
{
    ntfs_inode *const kept[] = {x->vol->lcnbmp_ni, x->vol->mft_ni, x->vol->mftmirr_ni, x->vol->vol_ni};
    for (size_t i = 0; i < SU_ARRAY_LEN(kept); i++) {
        errno = 0;
        if (kept[i] && NInoDirty(kept[i]) && ntfs_inode_sync(kept[i]) != 0)
            return su_ntfs_fail(x, "writing the file system's own files", e);
    }
    return su_blk_flush(x->dev.blk, e);
}

static int set_times(struct su_ntfs *x, ntfs_inode *ni, int64_t now, struct su_err *e)
{
    ntfs_time t = cpu_to_sle64((now + EPOCH) * 10000000);
    ni->last_data_change_time = ni->last_mft_change_time = t;
    NInoSetDirty(ni);
    NInoFileNameSetDirty(ni);
    NVolSetCaseSensitive(x->vol); /* names that differ only by case are two entries of the directory */
    errno = 0;
    int r = ntfs_inode_sync(ni) != 0 ? su_ntfs_fail(x, "writing a file's record", e) : 0;
    NVolClearCaseSensitive(x->vol);
    return r;
}

static int run_job(struct job *j, int64_t now, struct su_err *e)
{
    struct su_ntfs *x = j->x;
    size_t before = (size_t)j->na->data_size;
    if (compare(j, before < j->len ? before : j->len, false, e) < 0)
        return -1;
    if (!j->differs && before == j->len)
        return 0;
    if (su_ntfs_check_runs(x, j->na, e) < 0)
        return -1;
    x->broken = true;
    if (write_contents(j, before, e) < 0 || set_times(x, j->ni, now, e) < 0 || sync_volume(x, e) < 0)
        return -1;
    x->broken = false;
    return 0;
}

static int check_data(const ntfs_attr *na, struct su_err *e)
{
    if (na->data_flags & ATTR_COMPRESSION_MASK)
        return su_fail(e, SU_E_REFUSED, "fs.ntfs.compressed", "the file is compressed by NTFS");
    if (na->data_flags & ATTR_IS_SPARSE)
        return su_fail(e, SU_E_REFUSED, "fs.ntfs.sparse", "the file has holes");
    if (na->data_size > SU_NTFS_REPLACE_MAX)
        return su_fail(e, SU_E_RANGE, "fs.ntfs.size", "a file of %" PRId64 " bytes is too large to be replaced",
                       (int64_t)na->data_size);
    return 0;
}

static int with_inode(struct su_ntfs *x, ntfs_inode *ni, struct job *j, int64_t now, struct su_err *e)
{
    if (su_ntfs_check_file(x, ni, e) < 0)
        return -1;
    j->ni = ni;
    j->na = su_ntfs_data(x, ni, e);
    if (!j->na)
        return -1;
    int r = check_data(j->na, e) < 0 ? -1 : run_job(j, now, e);
    ntfs_attr_close(j->na);
    return r;
}

int su_ntfs_replace(struct su_fs *fs, struct su_fs_node n, const void *buf, size_t len, int64_t now, struct su_err *e)
{
    struct su_ntfs *x = su_ntfs_of(fs, 2 * SU_NTFS_REPLACE_MAX);
    if (x->broken)
        return su_fail(e, SU_E_CONFLICT, "fs.ntfs.broken", "an earlier change of this NTFS volume was not finished");
    if (len > SU_NTFS_REPLACE_MAX || now < 0 || now > INT64_C(1) << 37)
        return su_fail(e, SU_E_RANGE, "fs.ntfs.size", "%zu bytes are too many for one file", len);
    SU_FREE uint8_t *old = malloc(CHUNK);
    if (!old)
        return su_fail_nomem(e, CHUNK);
    ntfs_inode *ni = su_ntfs_inode(x, n, e);
    if (!ni)
        return -1;
    struct job j = {.x = x, .buf = buf, .len = len, .old = old};
    int r = with_inode(x, ni, &j, now, e);
    if (x->broken) { /* nothing of the rest either */
        x->dev.writable = false;
        su_ntfs_forget(ni);
    }
    if (ntfs_inode_close(ni) != 0 && r == 0)
        r = su_ntfs_fail(x, "closing a file", e);
    return r;
}
