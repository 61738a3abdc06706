/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "memfs.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_PATH = 256 };
struct node {
    char path[MAX_PATH]; /* "" is the root */
    enum su_fs_kind kind;
    bool gone;
    struct su_buf bytes;
    enum su_kind fail;
    const char *id;
};
struct memfs {
    struct su_fs fs;
    struct node *node;
    size_t n;
};

static unsigned long fail_in, asked;

unsigned long memfs_fail_in(unsigned long n)
{
    unsigned long before = asked;
    asked = 0;
    fail_in = n;
    return before;
}

static int ask(struct su_err *e)
{
    asked++;
    return fail_in && asked >= fail_in ? su_fail(e, SU_E_IO, "test.io", "question %lu", asked) : 0;
}

static struct node *of(struct su_fs *fs, struct su_fs_node n)
{
    return &((struct memfs *)fs)->node[n.ino];
}

/* A node by its path, made when add is set. */
static struct node *at(struct memfs *m, const char *path, size_t len, bool add)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->node[i].gone && strlen(m->node[i].path) == len && strncasecmp(m->node[i].path, path, len) == 0)
            return &m->node[i];
    if (!add)
        return NULL;
    size_t up = len;
    while (up > 0 && path[up - 1] != '/')
        up--;
    if (len > 0)
        at(m, path, up - 1, true);
    m->node = realloc(m->node, (m->n + 1) * sizeof *m->node);
    if (!m->node || len >= MAX_PATH)
        abort();
    struct node *d = &m->node[m->n++];
    *d = (struct node){.kind = SU_FS_DIR};
    memcpy(d->path, path, len);
    return d;
}

static int mem_stat(struct su_fs *fs, struct su_fs_node n, struct su_fs_stat *out, struct su_err *e)
{
    if (ask(e) < 0)
        return -1;
    *out = (struct su_fs_stat){.kind = of(fs, n)->kind, .size = of(fs, n)->bytes.n};
    return 0;
}

static int mem_lookup(struct su_fs *fs, struct su_fs_node dir, const char *name, size_t len, struct su_fs_node *out,
                      struct su_err *e)
{
    char path[2 * MAX_PATH];
    struct memfs *m = (struct memfs *)fs;
    if (ask(e) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/%.*s", of(fs, dir)->path, (int)len, name);
    const struct node *d = at(m, path, strlen(path), false);
    if (!d)
        return su_fail(e, SU_E_MISSING, "fs.missing", "no %s", path);
    out->ino = (uint64_t)(d - m->node);
    out->tree = 0;
    return 0;
}

static int mem_list(struct su_fs *fs, struct su_fs_node dir, su_fs_entry_fn *fn, void *arg, struct su_err *e)
{
    struct memfs *m = (struct memfs *)fs;
    size_t len = strlen(of(fs, dir)->path);
    if (ask(e) < 0)
        return -1;
    if (of(fs, dir)->fail)
        return su_fail(e, of(fs, dir)->fail, of(fs, dir)->id, "%s", of(fs, dir)->path);
    for (size_t i = 0; i < m->n; i++) {
        const char *p = m->node[i].path;
        if (m->node[i].gone || strncasecmp(p, of(fs, dir)->path, len) != 0 || p[len] != '/' || strchr(p + len + 1, '/'))
            continue;
        int r = fn(arg, p + len + 1, strlen(p + len + 1), (struct su_fs_node){.ino = i}, e);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    return 0;
}

static int mem_read(struct su_fs *fs, struct su_fs_node n, uint64_t off, void *buf, size_t len, size_t *got,
                    struct su_err *e)
{
    const struct node *d = of(fs, n);
    if (ask(e) < 0)
        return -1;
    if (d->fail)
        return su_fail(e, d->fail, d->id, "%s", d->path);
    size_t left = off < d->bytes.n ? d->bytes.n - (size_t)off : 0;
    *got = len < left ? len : left;
    if (*got)
        memcpy(buf, d->bytes.p + off, *got);
    return 0;
}

static int mem_readlink(struct su_fs *fs, struct su_fs_node n, char *buf, size_t cap, struct su_err *e)
{
    (void)buf, (void)cap;
    return su_fail(e, SU_E_FORMAT, "fs.link", "%s is no link", of(fs, n)->path);
}

static void mem_close(struct su_fs *fs)
{
    struct memfs *m = (struct memfs *)fs;
    for (size_t i = 0; i < m->n; i++)
        su_buf_done(&m->node[i].bytes);
    free(m->node);
    free(m);
}

static const struct su_fs_ops ops = {.type = "memfs",
                                     .stat = mem_stat,
                                     .lookup = mem_lookup,
                                     .list = mem_list,
                                     .read = mem_read,
                                     .readlink = mem_readlink,
                                     .close = mem_close};

struct su_fs *memfs_new(void)
{
    struct memfs *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->fs.ops = &ops;
    at(m, "", 0, true);
    return &m->fs;
}

static struct node *make(struct su_fs *fs, const char *path)
{
    return at((struct memfs *)fs, path, strlen(path), true);
}

void memfs_add(struct su_fs *fs, const char *path, struct su_bytes bytes)
{
    struct node *d = make(fs, path);
    d->kind = SU_FS_FILE;
    d->bytes.n = 0;
    su_buf_add(&d->bytes, bytes.p, bytes.n);
    if (d->bytes.failed)
        abort();
}

void memfs_text(struct su_fs *fs, const char *path, const char *text)
{
    memfs_add(fs, path, (struct su_bytes){(const uint8_t *)text, strlen(text)});
}

void memfs_kind(struct su_fs *fs, const char *path, enum su_fs_kind kind)
{
    make(fs, path)->kind = kind;
}

void memfs_fail(struct su_fs *fs, const char *path, enum su_kind kind, const char *id)
{
    struct node *d = make(fs, path);
    d->fail = kind;
    d->id = id;
}

void memfs_remove(struct su_fs *fs, const char *path)
{
    struct memfs *m = (struct memfs *)fs;
    size_t len = strlen(path);
    for (size_t i = 0; i < m->n; i++)
        if (strncasecmp(m->node[i].path, path, len) == 0 && (!m->node[i].path[len] || m->node[i].path[len] == '/'))
            m->node[i].gone = true;
}
