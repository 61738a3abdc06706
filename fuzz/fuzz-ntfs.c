/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTFS from hostile bytes (a sparse image, tests/lib/memblk.h): the promises of guest/fs.h hold, a reader writes
 * nothing, and a replaced file reads back or the failure has a name.  Where the image has zeros in place of $UpCase
 * (128 KiB that would drown all other bytes), the usual table is put there. */
#include "fs_check.h"
#include "guest/fs_ntfs_int.h"
#include "tests/lib/memblk.h"
#include <ntfs-3g/unistr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { UPCASE = 65536 };

/* libntfs-3g does not free everything when it cannot open a volume. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libntfs-3g\n";
}

/* The first run of the table's data, when the record of $UpCase is as usual. */
static uint8_t *upcase_place(struct su_blk *d, const struct su_ntfs_geometry *g)
{
    uint8_t *r = su_memblk_data(d) + g->mft + 10 * g->record;
    uint64_t lcn = 0;
    for (uint32_t at = su_le16(r + 20); at + 80 < g->record && su_le32(r + at + 4) > 0; at += su_le32(r + at + 4)) {
        const uint8_t *a = r + at, *run = a + su_le16(a + 32);
        if (su_le32(a) != 0x80 || su_le16(a + 32) > 72)
            continue;
        for (unsigned i = 0; i < run[0] >> 4 && i < 4; i++)
            lcn |= (uint64_t)run[1 + (run[0] & 15) + i] << 8 * i;
        return lcn * g->cluster + 2 * UPCASE <= d->size && lcn > 0 ? su_memblk_data(d) + lcn * g->cluster : NULL;
    }
    return NULL;
}

static void put_upcase(struct su_blk *d)
{
    struct su_ntfs_geometry g;
    struct su_err e = {0};
    if (su_ntfs_check(d, &g, &e) < 0)
        return;
    uint8_t *p = upcase_place(d, &g);
    if (p && su_all_zero(p, 2 * UPCASE))
        ntfs_upcase_table_build((ntfschar *)(void *)p, 2 * UPCASE);
}

struct search {
    struct su_fs *fs;
    struct su_fs_node dir, file;
};

static int find_file(void *arg, const char *name, size_t len, struct su_fs_node n, struct su_err *e)
{
    struct search *s = arg;
    struct su_fs_stat st;
    struct su_err mine = {0};
    (void)name, (void)len, (void)e;
    if (s->fs->ops->stat(s->fs, n, &st, &mine) < 0)
        return 0;
    if (st.kind == SU_FS_DIR)
        s->dir = n;
    else if (st.kind == SU_FS_FILE)
        s->file = n;
    return 0;
}

static void replace(struct su_fs *fs, struct su_fs_node n, size_t len)
{
    static uint8_t text[70000] = "boot";
    static uint8_t back[sizeof text];
    struct su_err e = {0};
    size_t got = 0;
    if (fs_check_failed(fs->ops->replace(fs, n, text, len, 1700000000, &e), &e) < 0)
        return;
    if (fs->ops->read(fs, n, 0, back, sizeof back, &got, &e) == 0) /* else the file lay over its own record */
        MUST(got <= sizeof back);
}

static void write_some(struct su_blk *d, size_t salt)
{
    static const size_t lengths[] = {0, 20, 700, 5000, 70000};
    struct su_err e = {0};
    struct search s = {0};
    if (su_fs_open_ntfs(d, true, &s.fs, &e) < 0) {
        MUST(e.kind != SU_OK && e.id);
        return;
    }
    (void)s.fs->ops->list(s.fs, s.fs->root, find_file, &s, &e);
    if (s.file.ino)
        for (size_t i = 0; i < SU_ARRAY_LEN(lengths); i++)
            replace(s.fs, s.file, lengths[(i + salt) % SU_ARRAY_LEN(lengths)]);
    s.file.ino = 0;
    if (s.dir.ino && s.fs->ops->list(s.fs, s.dir, find_file, &s, &e) == 0 && s.file.ino)
        replace(s.fs, s.file, 3000);
    su_fs_close(s.fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    struct su_ntfs_state st;
    if (su_memblk_sparse((struct su_bytes){data, n}, &d, &e) < 0)
        return 0;
    put_upcase(d);
    unsigned long before = su_memblk_count(d).writes;
    if (fs_check_failed(su_fs_open_ntfs(d, false, &fs, &e), &e) < 0) {
        MUST(!fs);
        return 0;
    }
    MUST(su_fs_ntfs_state(fs, &st) == 0 && st.log_at <= d->size && st.log_n <= d->size - st.log_at);
    fs_check_all(fs);
    su_fs_close(fs);
    MUST(su_memblk_count(d).writes == before);
    write_some(d, n);
    return 0;
}

/* Mutations -------------------------------------------------------------------*/

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

/* A structure with a magic word somewhere in the image; 0: none was met. */
static size_t pick_structure(const uint8_t *data, size_t n, unsigned *seed)
{
    for (unsigned i = 0; i < 200; i++) {
        size_t at = 8 + draw(seed, (unsigned)(n - 64));
        for (size_t k = 0; k < 4096 && at + k + 64 < n; k++)
            if (memcmp(data + at + k, "FILE", 4) == 0 || memcmp(data + at + k, "INDX", 4) == 0)
                return at + k;
    }
    return 0;
}

/* A few bytes inside of records, mostly where the numbers are: elsewhere almost every change only spoils the frame. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
    static const uint8_t odd[] = {0,    1,    2,    4,    8,    0x10, 0x18, 0x20, 0x30, 0x38, 0x40,
                                  0x48, 0x50, 0x7f, 0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xfe, 0xff};
    if (n < 4096 || draw(&seed, 50) == 0)
        return LLVMFuzzerMutate(data, n, max);
    for (unsigned i = 0, times = 1 + draw(&seed, 4); i < times; i++) {
        size_t at = pick_structure(data, n, &seed);
        at += 16 + draw(&seed, draw(&seed, 2) ? 496 : 1000);
        if (at >= n)
            continue;
        switch (draw(&seed, 4)) {
        case 0:
            data[at] ^= (uint8_t)(1u << draw(&seed, 8));
            break;
        case 1:
            data[at] = (uint8_t)draw(&seed, 256);
            break;
        default:
            data[at] = odd[draw(&seed, sizeof odd)];
        }
    }
    return n;
}
#endif
