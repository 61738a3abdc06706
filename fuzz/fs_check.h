/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz/fs_check.h - walks what a file system driver shows and aborts where a promise of guest/fs.h is broken. */
#pragma once
#include "guest/fs.h"
#include "must.h"
#include <string.h>

enum { FS_CHECK_NODES = 48, FS_CHECK_ENTRIES = 1000, FS_CHECK_BYTES = 70000 };

/* Nodes still to be looked at, found by list() and lookup(). */
struct fs_check {
    struct su_fs *fs;
    struct su_fs_node todo[FS_CHECK_NODES];
    char last[256]; /* the name listed last */
    size_t last_len, n, entries;
};

static int fs_check_failed(int rc, const struct su_err *e)
{
    MUST(rc == 0 || rc == -1);
    MUST(rc == 0 || (e->kind != SU_OK && e->id && (!strncmp(e->id, "fs.", 3) || e->kind == SU_E_NOMEM)));
    return rc;
}

static int fs_check_entry(void *arg, const char *name, size_t len, struct su_fs_node node, struct su_err *e)
{
    struct fs_check *c = arg;
    (void)e;
    MUST(len > 0 && len <= 255 && !memchr(name, '/', len) && !memchr(name, '\0', len));
    MUST(!(len == 1 && name[0] == '.') && !(len == 2 && name[0] == '.' && name[1] == '.'));
    memcpy(c->last, name, len);
    c->last_len = len;
    if (c->n < FS_CHECK_NODES)
        c->todo[c->n++] = node;
    return ++c->entries == FS_CHECK_ENTRIES;
}

static void fs_check_read(struct su_fs *fs, struct su_fs_node n, uint64_t size, uint64_t off)
{
    static uint8_t buf[FS_CHECK_BYTES];
    size_t got = sizeof buf + 1;
    struct su_err e = {0};
    if (fs_check_failed(fs->ops->read(fs, n, off, buf, sizeof buf, &got, &e), &e) < 0) {
        MUST(got == sizeof buf + 1);
        return;
    }
    MUST(got == (off >= size ? 0 : size - off < sizeof buf ? size - off : sizeof buf));
}

static void fs_check_link(struct su_fs *fs, struct su_fs_node n, uint64_t size)
{
    char buf[SU_FS_MAX_PATH + 1];
    struct su_err e = {0};
    if (fs_check_failed(fs->ops->readlink(fs, n, buf, sizeof buf, &e), &e) < 0)
        return;
    MUST(strnlen(buf, sizeof buf) == size && size < sizeof buf);
    MUST(fs->ops->readlink(fs, n, buf, (size_t)size, &e) < 0 && !strcmp(e.id, "fs.link"));
}

static void fs_check_dir(struct fs_check *c, struct su_fs_node n)
{
    struct su_err e = {0};
    struct su_fs_node found;
    c->last_len = c->entries = 0;
    (void)fs_check_failed(c->fs->ops->list(c->fs, n, fs_check_entry, c, &e), &e);
    if (c->last_len > 0)
        (void)fs_check_failed(c->fs->ops->lookup(c->fs, n, c->last, c->last_len, &found, &e), &e);
    e = (struct su_err){0};
    MUST(fs_check_failed(c->fs->ops->lookup(c->fs, n, "..", 2, &found, &e), &e) < 0);
}

static void fs_check_all(struct su_fs *fs)
{
    struct fs_check c = {.fs = fs, .todo = {fs->root}, .n = 1};
    struct su_err e = {0};
    struct su_fs_node node;
    for (size_t i = 0; i < c.n; i++) {
        struct su_fs_stat st;
        if (fs_check_failed(fs->ops->stat(fs, c.todo[i], &st, &e), &e) < 0)
            continue;
        MUST(st.kind <= SU_FS_OTHER && st.size <= INT64_MAX);
        fs_check_read(fs, c.todo[i], st.size, 0);
        if (st.kind == SU_FS_FILE) {
            fs_check_read(fs, c.todo[i], st.size, st.size / 2 + 1);
            fs_check_read(fs, c.todo[i], st.size, UINT64_MAX);
        } else if (st.kind == SU_FS_LINK) {
            fs_check_link(fs, c.todo[i], st.size);
        } else if (st.kind == SU_FS_DIR) {
            fs_check_dir(&c, c.todo[i]);
        }
    }
    SU_BUF struct su_buf text = {0};
    if (fs_check_failed(su_fs_read_file(fs, fs->root, "/etc/fstab", 4096, &text, &e), &e) == 0)
        MUST(text.n <= 4096 && text.p[text.n] == 0);
    (void)fs_check_failed(su_fs_walk(fs, fs->root, "/link/../a", &node, &e), &e);
}
