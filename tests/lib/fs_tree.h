/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/fs_tree.h - questions the file system tests ask of a driver. */
#pragma once
#include "guest/fs.h"
#include "tests/lib/memblk.h"
#include "tests/lib/tap.h"

static struct su_err tree_err;

typedef int tree_open_fn(struct su_blk *, struct su_fs **, struct su_err *);

/* A volume out of the fuzz corpus; NULL is a failed check. */
__attribute__((unused)) static struct su_blk *tree_corpus(const char *path)
{
    static uint8_t buf[1 << 16];
    struct su_blk *d = NULL;
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(buf, 1, sizeof buf, f) : 0;
    if (f)
        fclose(f);
    if (su_memblk_sparse((struct su_bytes){buf, n}, &d, &tree_err) < 0)
        ok(0, "%s: %s", path, tree_err.msg);
    return d;
}

__attribute__((unused)) static bool tree_has(struct su_fs *fs, const char *path, const void *want, size_t n)
{
    SU_BUF struct su_buf b = {0};
    tree_err = (struct su_err){0};
    if (su_fs_read_file(fs, fs->root, path, 64 << 20, &b, &tree_err) < 0) {
        printf("# %s: %s: %s\n", path, tree_err.id, tree_err.msg);
        return false;
    }
    return b.n == n && (n == 0 || memcmp(b.p, want, n) == 0);
}

/* In pieces of an odd size, it is the same file. */
__attribute__((unused)) static bool tree_pieces(struct su_fs *fs, const char *path, const uint8_t *want, size_t n)
{
    enum { PIECE = 3001 };
    struct su_fs_node node;
    uint8_t buf[PIECE];
    size_t at = 0, got = PIECE;
    if (su_fs_walk(fs, fs->root, path, &node, &tree_err) < 0)
        return false;
    for (; got == PIECE; at += got)
        if (fs->ops->read(fs, node, at, buf, PIECE, &got, &tree_err) < 0 || got > n - at || memcmp(buf, want + at, got))
            return false;
    return at == n;
}

__attribute__((unused)) static bool tree_link(struct su_fs *fs, const char *dir, const char *name, const char *want)
{
    char buf[SU_FS_MAX_PATH + 1];
    struct su_fs_node node;
    return su_fs_walk(fs, fs->root, dir, &node, &tree_err) == 0 &&
           fs->ops->lookup(fs, node, name, strlen(name), &node, &tree_err) == 0 &&
           fs->ops->readlink(fs, node, buf, sizeof buf, &tree_err) == 0 && strcmp(buf, want) == 0 &&
           fs->ops->readlink(fs, node, buf, strlen(want) + 1, &tree_err) == 0 && strcmp(buf, want) == 0 &&
           fs->ops->readlink(fs, node, buf, strlen(want), &tree_err) < 0 && strcmp(tree_err.id, "fs.link") == 0;
}

struct tree_count_ {
    struct su_fs *fs;
    struct su_fs_node dir;
    int n, stop_at;
};

__attribute__((unused)) static int tree_entry_(void *arg, const char *name, size_t len, struct su_fs_node node,
                                               struct su_err *e)
{
    struct tree_count_ *c = arg;
    struct su_fs_node found;
    if (c->fs->ops->lookup(c->fs, c->dir, name, len, &found, e) < 0)
        return -1;
    if (found.ino != node.ino || found.tree != node.tree)
        return su_fail(e, SU_E_FORMAT, "test.lookup", "lookup finds another node than list");
    return ++c->n == c->stop_at;
}

/* Entries of a directory, each found by lookup as well; -1 on failure.  stop_at: 0, or where to stop. */
__attribute__((unused)) static int tree_count(struct su_fs *fs, const char *path, int stop_at)
{
    struct tree_count_ c = {.fs = fs, .stop_at = stop_at};
    tree_err = (struct su_err){0};
    if (su_fs_walk(fs, fs->root, path, &c.dir, &tree_err) < 0 ||
        fs->ops->list(fs, c.dir, tree_entry_, &c, &tree_err) < 0) {
        printf("# %s: %s: %s\n", path, tree_err.id, tree_err.msg);
        return -1;
    }
    return c.n;
}

/* The id of the first failure when everything that the rows of damage are about is used; "" when nothing fails. */
__attribute__((unused)) static const char *tree_first_error(tree_open_fn *open, struct su_blk *d)
{
    static const char *const paths[] = {"/etc/fstab", "/tree",   "/many/none", "/gone/none",
                                        "/numbers",   "/inline", "/long"};
    struct su_fs *fs = NULL;
    const char *id = "";
    tree_err = (struct su_err){0};
    if (open(d, &fs, &tree_err) < 0)
        return fs ? "fs is set" : tree_err.id;
    for (size_t i = 0; i < SU_ARRAY_LEN(paths) && !*id; i++) {
        SU_BUF struct su_buf b = {0};
        if (su_fs_read_file(fs, fs->root, paths[i], 64 << 20, &b, &tree_err) < 0 && tree_err.kind != SU_E_MISSING)
            id = tree_err.id;
    }
    su_fs_close(fs);
    return id;
}

/* What every image holds; gone < 0: one of mkfs, without the directory gone. */
__attribute__((unused)) static void tree_check_common(struct su_fs *fs, const char *what, const char *fstab, int many,
                                                      int gone, int pieces)
{
    char slow[1001];
    snprintf(slow, sizeof slow, "%0*d", gone < 0 ? 300 : 1000, 7);
    ok(tree_has(fs, "/etc/fstab", fstab, strlen(fstab)), "%s: a small file", what);
    ok(tree_has(fs, "/link", fstab, strlen(fstab)), "%s: through a link", what);
    ok(tree_link(fs, "/", "long", slow), "%s: a long link", what);
    ok(tree_count(fs, "/many", 0) == many, "%s: a long directory", what);
    ok(tree_count(fs, "/many", 7) == 7, "%s: stopped", what);
    if (gone >= 0)
        ok(tree_count(fs, "/gone", 0) == gone, "%s: a directory with gaps", what);
    if (pieces > 0) {
        size_t n = (size_t)pieces * 8192 + 1;
        SU_FREE uint8_t *want = calloc(1, n);
        for (int i = 1; i <= pieces; i++)
            want[(size_t)i * 8192] = 'x';
        ok(tree_has(fs, "/tree", want, n), "%s: a file in pieces", what);
        ok(tree_pieces(fs, "/tree", want, n), "%s: read bit by bit", what);
    }
}
