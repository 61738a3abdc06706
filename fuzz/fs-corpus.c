/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fs-corpus xfs|btrfs IMAGE PATH... >CORPUS-FILE: the sparse image of those bytes of a real volume that
 * the driver reads, all of the files at the PATHs among them.  What it never looks at (log, free space,
 * allocation trees) is left out. */
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

int main(int argc, char **argv)
{
    static const struct su_blk_ops ops = {.read = traced_read};
    SU_BLK struct su_blk *from = NULL, *to = NULL;
    SU_BUF struct su_buf out = {0};
    struct su_fs *fs = NULL;
    struct su_err e = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: fs-corpus xfs|btrfs IMAGE PATH... >CORPUS-FILE\n");
        return 2;
    }
    if (su_memblk_load(argv[2], &from, &e) < 0 || su_memblk_new(from->size, &to, &e) < 0) {
        fprintf(stderr, "fs-corpus: %s\n", e.msg);
        return 1;
    }
    struct traced t = {{.ops = &ops, .size = from->size}, from, to};
    if ((strcmp(argv[1], "xfs") ? su_fs_open_btrfs : su_fs_open_xfs)(&t.blk, &fs, &e) < 0) {
        fprintf(stderr, "fs-corpus: %s\n", e.msg);
        return 1;
    }
    fs_check_all(fs);
    for (int i = 3; i < argc; i++) {
        SU_BUF struct su_buf text = {0};
        if (su_fs_read_file(fs, fs->root, argv[i], 1 << 20, &text, &e) < 0) {
            fprintf(stderr, "fs-corpus: %s: %s\n", argv[i], e.msg);
            return 1;
        }
    }
    su_fs_close(fs);
    su_memblk_encode(to, &out);
    return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
}
