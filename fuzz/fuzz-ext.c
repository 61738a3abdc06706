/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ext2/3/4 from hostile bytes (a sparse image, tests/lib/memblk.h): whatever the file system says, names
 * are names, reads stay in their buffers, nothing is written by a reader, a walk ends, and a
 * replaced file reads back or the failure has a name. */
#include "guest/fs_ext.h"
#include "tests/lib/memblk.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                                       \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

struct walk {
    struct su_fs *fs;
    struct su_fs_node dir[16], file;
    size_t dirs, seen;
};

static void visit_file(struct walk *w, struct su_fs_node n, const struct su_fs_stat *st)
{
    struct su_err e = {0};
    char link[256];
    uint8_t buf[3000];
    size_t got = 0;
    uint64_t off[] = {0, 4095, st->size / 2, st->size - 1};
    for (size_t i = 0; i < 4 && st->kind == SU_FS_FILE; i++) {
        if (w->fs->ops->read(w->fs, n, off[i], buf, sizeof buf, &got, &e) < 0)
            CHECK(e.kind != SU_OK && e.id);
        else
            CHECK(got == (off[i] >= st->size ? 0 : st->size - off[i] < sizeof buf ? st->size - off[i] : sizeof buf));
    }
    if (st->kind == SU_FS_LINK && w->fs->ops->readlink(w->fs, n, link, sizeof link, &e) == 0)
        CHECK(strlen(link) == st->size && st->size > 0);
    if (st->kind == SU_FS_FILE && w->file.ino == 0)
        w->file = n;
}

static int visit(void *arg, const char *name, size_t len, struct su_fs_node n, struct su_err *e)
{
    struct walk *w = arg;
    struct su_fs_stat st;
    struct su_err mine = {0};
    (void)e;
    CHECK(len > 0 && len < 256 && !memchr(name, 0, len) && !memchr(name, '/', len) && n.tree == 0);
    if (++w->seen > 40)
        return 1;
    if (w->fs->ops->stat(w->fs, n, &st, &mine) < 0) {
        CHECK(mine.kind != SU_OK && mine.id);
        return 0;
    }
    if (st.kind == SU_FS_DIR && w->dirs < 16)
        w->dir[w->dirs++] = n;
    else
        visit_file(w, n, &st);
    return 0;
}

static void replace(struct su_fs *fs, struct su_fs_node n, size_t len)
{
    static const char text[20000] = "root=UUID=1";
    struct su_err e = {0};
    struct su_fs_stat st;
    if (fs->ops->replace(fs, n, text, len, 1700000000, &e) < 0)
        CHECK(e.kind != SU_OK && e.id);
    else if (fs->ops->stat(fs, n, &st, &e) == 0) /* else the file lay over its own inode */
        CHECK(st.size == len || st.kind != SU_FS_FILE || len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    struct su_fs *fs = NULL;
    if (su_memblk_sparse((struct su_bytes){data, n}, &d, &e) < 0)
        return 0;
    if (su_fs_open_ext(d, false, &fs, &e) < 0) {
        CHECK(e.kind != SU_OK && e.id && !fs);
        return 0;
    }
    struct walk w = {.fs = fs, .dir = {fs->root}, .dirs = 1};
    for (size_t i = 0; i < w.dirs; i++)
        if (fs->ops->list(fs, w.dir[i], visit, &w, &e) < 0)
            CHECK(e.kind != SU_OK && e.id);
    su_fs_close(fs);
    CHECK(su_memblk_count(d).writes == 0);
    if (su_fs_open_ext(d, true, &fs, &e) < 0)
        return 0;
    static const size_t lengths[] = {0, 20, 700, 5000, 20000};
    for (size_t i = 0; i < SU_ARRAY_LEN(lengths) && w.file.ino; i++)
        replace(fs, w.file, lengths[(i + n) % SU_ARRAY_LEN(lengths)]);
    su_fs_close(fs);
    return 0;
}
