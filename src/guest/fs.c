/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs.h"
#include <inttypes.h>
#include <string.h>

void su_fs_close(struct su_fs *fs)
{
    if (fs)
        fs->ops->close(fs);
}

enum { MAX_STEPS = 256 }; /* names looked up in one walk: links may make a short path very long */

/* A walk under way.  up[] holds the directories from the base to where we are, because ".." must
 * lead back the way the walk came and not where a hostile directory points. */
struct walk {
    struct su_fs *fs;
    struct su_fs_node up[SU_FS_MAX_DEPTH + 1];
    unsigned depth; /* up[depth] is the current directory */
    unsigned links, steps;
    char rest[SU_FS_MAX_PATH + 1]; /* what is still to be walked */
};

/* The name may come out of a guest's link: nothing in it may act on a terminal. */
static int missing(const char *name, size_t len, const char *why, struct su_err *e)
{
    char safe[65];
    size_t n = len < sizeof safe - 1 ? len : sizeof safe - 1;
    for (size_t i = 0; i < n; i++)
        safe[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    safe[n] = '\0';
    return su_fail(e, SU_E_MISSING, "fs.missing", "\"%s\" %s", safe, why);
}

/* Puts target before what is left of the path. */
static int follow(struct walk *w, struct su_fs_node link, const char *rest, struct su_err *e)
{
    char next[SU_FS_MAX_PATH + 1];
    if (++w->links > SU_FS_MAX_LINKS)
        return su_fail(e, SU_E_FORMAT, "fs.link.loop", "more than %d symbolic links in a path", SU_FS_MAX_LINKS);
    if (w->fs->ops->readlink(w->fs, link, next, sizeof next, e) < 0)
        return -1;
    size_t head = strnlen(next, sizeof next), tail = strlen(rest);
    if (head == 0 || head + tail > SU_FS_MAX_PATH)
        return su_fail(e, SU_E_FORMAT, "fs.link", "a symbolic link makes a path of %zu bytes", head + tail);
    memcpy(next + head, rest, tail + 1);
    memcpy(w->rest, next, head + tail + 1);
    if (next[0] == '/')
        w->depth = 0;
    return 0;
}

/* One name in the current directory.  *leaf is set when it is no directory and the path ends here. */
static int enter(struct walk *w, const char *name, size_t len, bool *leaf, struct su_fs_node *out, struct su_err *e)
{
    const char *rest = name + len;
    struct su_fs_node node;
    struct su_fs_stat st;
    if (++w->steps > MAX_STEPS)
        return su_fail(e, SU_E_RANGE, "fs.path.depth", "a path has more than %d names", MAX_STEPS);
    if (w->fs->ops->lookup(w->fs, w->up[w->depth], name, len, &node, e) < 0)
        return e->kind == SU_E_MISSING ? missing(name, len, "does not exist", e) : -1;
    if (w->fs->ops->stat(w->fs, node, &st, e) < 0)
        return -1;
    if (st.kind == SU_FS_LINK)
        return follow(w, node, rest, e);
    if (st.kind != SU_FS_DIR) {
        if (*rest)
            return missing(name, len, "is not a directory", e);
        *leaf = true;
        *out = node;
        return 0;
    }
    if (w->depth == SU_FS_MAX_DEPTH)
        return su_fail(e, SU_E_RANGE, "fs.path.depth", "a path leads through more than %d directories",
                       SU_FS_MAX_DEPTH);
    w->up[++w->depth] = node;
    memmove(w->rest, rest, strlen(rest) + 1);
    return 0;
}

int su_fs_walk(struct su_fs *fs, struct su_fs_node base, const char *path, struct su_fs_node *out, struct su_err *e)
{
    if (path[0] != '/')
        return su_fail(e, SU_E_USAGE, "fs.path", "a path inside a file system starts with \"/\"");
    size_t size = strlen(path);
    if (size > SU_FS_MAX_PATH)
        return su_fail(e, SU_E_RANGE, "fs.path.length", "a path of %zu bytes is longer than %d", size, SU_FS_MAX_PATH);
    struct walk w = {.fs = fs, .up = {base}};
    struct su_fs_node end;
    bool leaf = false;
    memcpy(w.rest, path, size + 1);
    while (!leaf) {
        char *name = w.rest + strspn(w.rest, "/");
        size_t len = strcspn(name, "/");
        if (len == 0)
            break;
        bool dot = len == 1 && name[0] == '.', dotdot = len == 2 && name[0] == '.' && name[1] == '.';
        if (dot || dotdot) {
            w.depth -= dotdot && w.depth > 0;
            memmove(w.rest, name + len, strlen(name + len) + 1);
        } else if (enter(&w, name, len, &leaf, &end, e) < 0) {
            return -1;
        }
    }
    *out = leaf ? end : w.up[w.depth];
    return 0;
}

/* Whether the driver knows what the thing is, and why it is not read: a file that Windows compressed, say. */
static bool is_refused(struct su_fs *fs, struct su_fs_node node, struct su_err *e)
{
    struct su_err why = {0};
    uint8_t byte;
    size_t got;
    if (fs->ops->read(fs, node, 0, &byte, 1, &got, &why) == 0 || why.kind != SU_E_REFUSED)
        return false;
    *e = why;
    return true;
}

int su_fs_read_file(struct su_fs *fs, struct su_fs_node base, const char *path, size_t max, struct su_buf *out,
                    struct su_err *e)
{
    struct su_fs_node node;
    struct su_fs_stat st;
    if (su_fs_walk(fs, base, path, &node, e) < 0 || fs->ops->stat(fs, node, &st, e) < 0)
        return -1;
    if (st.kind == SU_FS_OTHER && is_refused(fs, node, e))
        return -1;
    if (st.kind != SU_FS_FILE)
        return missing(path, strlen(path), "is not a regular file", e);
    if (st.size > max)
        return su_fail(e, SU_E_RANGE, "fs.file.size", "a file of %" PRIu64 " bytes is larger than %zu", st.size, max);
    size_t size = (size_t)st.size, got = 0, before = out->n;
    if (!su_buf_room(out, size))
        return su_fail_nomem(e, size);
    bool good = size == 0 || fs->ops->read(fs, node, 0, out->p + before, size, &got, e) == 0;
    out->n = before + (good ? got : 0);
    out->p[out->n] = 0;
    return good ? 0 : -1;
}
