/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fs-corpus xfs|btrfs|ntfs IMAGE PATH... >CORPUS-FILE: the sparse image of those bytes of a real volume that
 * the driver reads, all of the files at the PATHs among them.  What it never looks at (log, free space,
 * allocation trees) is left out.  Of NTFS also what it takes to write the files, but not $UpCase (fuzz-ntfs.c). */
#include "disk/blk_overlay.h"
#include "fs_check.h"
#include "tests/lib/memblk.h"

struct traced {
    struct su_blk blk;
    struct su_blk *from, *to;
};

static int traced_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct traced *t = (struct traced *)d;
    if (su_blk_read(t->from, off, buf, n, e) < 0)
        return -1;
    memcpy(su_memblk_data(t->to) + off, buf, n);
    return 0;
}

static int open_ntfs(struct su_blk *d, struct su_fs **out, struct su_err *e)
{
    return su_fs_open_ntfs(d, true, out, e);
}

static const struct {
    const char *name;
    int (*open)(struct su_blk *d, struct su_fs **out, struct su_err *e);
} drivers[] = {{"xfs", su_fs_open_xfs}, {"btrfs", su_fs_open_btrfs}, {"ntfs", open_ntfs}};

static int open_fs(const char *name, struct su_blk *d, struct su_fs **out, struct su_err *e)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(drivers); i++)
        if (strcmp(name, drivers[i].name) == 0)
            return drivers[i].open(d, out, e);
    return su_fail(e, SU_E_USAGE, "fs.type", "no driver for %s", name);
}

/* Reads the file, and grows it where the driver can. */
static int use(struct su_fs *fs, const char *path, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    struct su_fs_node n;
    if (su_fs_read_file(fs, fs->root, path, 1 << 20, &text, e) < 0 || su_fs_walk(fs, fs->root, path, &n, e) < 0)
        return -1;
    if (!fs->ops->replace)
        return 0;
    su_buf_zero(&text, 70000);
    return fs->ops->replace(fs, n, text.p, text.n, 1700000000, e);
}

/* Zeros what looks like a table of upper case letters: 0, 1, 2, ... */
static void drop_upcase(struct su_blk *d)
{
    uint8_t *p = su_memblk_data(d);
    for (uint64_t at = 0; at + 131072 <= d->size; at += 512)
        if (su_le16(p + at) == 0 && su_le16(p + at + 2) == 1 && su_le16(p + at + 2 * 'a') == 'A')
            memset(p + at, 0, 131072);
}

int main(int argc, char **argv)
{
    static const struct su_blk_ops ops = {.read = traced_read};
    SU_BLK struct su_blk *overlay = NULL;
    SU_BLK struct su_blk *from = NULL, *to = NULL;
    SU_BUF struct su_buf out = {0};
    struct su_fs *fs = NULL;
    struct su_err e = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: fs-corpus xfs|btrfs|ntfs IMAGE PATH... >CORPUS-FILE\n");
        return 2;
    }
    if (su_memblk_load(argv[2], &from, &e) < 0 || su_memblk_new(from->size, &to, &e) < 0) {
        fprintf(stderr, "fs-corpus: %s\n", e.msg);
        return 1;
    }
    struct traced t = {{.ops = &ops, .size = from->size}, from, to};
    if (su_blk_overlay_open(&t.blk, &overlay, &e) < 0 || open_fs(argv[1], overlay, &fs, &e) < 0) {
        fprintf(stderr, "fs-corpus: %s\n", e.msg);
        return 1;
    }
    fs_check_all(fs);
    for (int i = 3; i < argc; i++) {
        if (use(fs, argv[i], &e) < 0) {
            fprintf(stderr, "fs-corpus: %s: %s\n", argv[i], e.msg);
            return 1;
        }
    }
    su_fs_close(fs);
    if (strcmp(argv[1], "ntfs") == 0)
        drop_upcase(to);
    su_memblk_encode(to, &out);
    return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
}
