/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A walk through the boot files, breadth first, so that a hostile tree is bounded by three numbers.
 *
 * An ESP knows no case, where NTFS may: of two names that differ in case only the first one counts, and directories
 * are one, spelled as the first. */
#include "winboot_list.h"
#include "utf16.h"
#include "windows_int.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 4, MAX_DIRS = 512, MAX_SEEN = 16384 /* entries of all directories */ };

struct dir {
    char path[SU_ESP_MAX_PATH];
    struct su_fs_node node;
    unsigned depth;
};
struct walk {
    struct su_winboot_list *l;
    struct dir *dir; /* owned; MAX_DIRS */
    size_t n_dirs, at, seen;
    bool ex; /* only names that end in _EX, which they lose, and no directories below */
};

void su_winboot_list_done(struct su_winboot_list *l)
{
    free(l->entry);
    l->entry = NULL;
}

static void walk_done(struct walk *w)
{
    free(w->dir);
}

void su_winboot_explain(struct su_err *why)
{
    if (strcmp(why->id, "fs.ntfs.compact") == 0) {
        (void)su_fail(why, SU_E_REFUSED, "windows.boot.compact", "boot files under \\Windows\\Boot are compressed");
        (void)su_remedy(why, "in the guest, run compact.exe /u /exe /s:C:\\Windows\\Boot, and shut it down fully");
    } else if (strcmp(why->id, "fs.ntfs.encrypted") == 0) {
        (void)su_fail(why, SU_E_REFUSED, "windows.boot.encrypted", "boot files under \\Windows\\Boot are encrypted");
        (void)su_remedy(why, "in the guest, run cipher.exe /d /s:C:\\Windows\\Boot, and shut it down fully");
    }
}

static int limit(struct su_winboot_list *l, const char *what)
{
    return su_fail(&l->why, SU_E_RANGE, "windows.boot.limit", "\\Windows\\Boot holds %s than boot files can be", what);
}

/* The store is written by us, and no log may lie beside it. */
static bool is_store(const struct dir *d, const char *name, size_t n)
{
    return strcmp(d->path, SU_WINBOOT_DIR) == 0 &&
           (su_name_is(name, n, "BCD") || (n > 4 && su_name_is(name, 4, "BCD.")));
}

static bool join(const struct dir *d, const char *name, size_t n, char out[SU_ESP_MAX_PATH])
{
    int len = snprintf(out, SU_ESP_MAX_PATH, "%s/%.*s", d->path, (int)n, name);
    return len > 0 && len < SU_ESP_MAX_PATH;
}

static struct su_winboot_entry *find_file(const struct su_winboot_list *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcasecmp(l->entry[i].path, path) == 0)
            return &l->entry[i];
    return NULL;
}

static const struct dir *find_dir(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->n_dirs; i++)
        if (strcasecmp(w->dir[i].path, path) == 0)
            return &w->dir[i];
    return NULL;
}

static int add_dir(struct walk *w, const char *path, struct su_fs_node node, unsigned depth)
{
    const struct dir *same = find_dir(w, path);
    if (depth > MAX_DEPTH || w->n_dirs == MAX_DIRS)
        return limit(w->l, "more directories");
    if (find_file(w->l, path)) {
        w->l->skipped++;
        return 0;
    }
    struct dir *d = &w->dir[w->n_dirs];
    *d = (struct dir){.node = node, .depth = depth};
    snprintf(d->path, sizeof d->path, "%s", same ? same->path : path);
    w->n_dirs++;
    return 0;
}

static int add_file(struct walk *w, const char *path, struct su_fs_node node, uint64_t size)
{
    struct su_winboot_list *l = w->l;
    struct su_winboot_entry *f = find_file(l, path);
    if ((f && !w->ex) || find_dir(w, path)) {
        l->skipped++;
        return 0;
    }
    if (!f && l->n == SU_WINBOOT_FILES)
        return limit(l, "more files");
    if (f)
        l->bytes -= f->size;
    if (size > SU_WINBOOT_FILE || (l->bytes += size) > SU_WINBOOT_ALL)
        return limit(l, "more bytes");
    if (!f) {
        f = &l->entry[l->n++];
        snprintf(f->path, sizeof f->path, "%s", path);
    }
    f->node = node;
    f->size = size;
    return 0;
}

/* Neither file nor directory: a link, which is left out, or a file in a form that is not read. */
static int add_other(struct walk *w, struct su_fs_node node, struct su_err *e)
{
    struct su_err why = {0};
    uint8_t byte;
    size_t got;
    if (w->l->fs->ops->read(w->l->fs, node, 0, &byte, 1, &got, &why) < 0 && why.kind == SU_E_REFUSED) {
        w->l->why = why;
        return 0;
    }
    w->l->skipped++;
    return su_win_fact(&why, NULL, e);
}

/* "bootmgfw_EX.efi" -> "bootmgfw.efi"; false: no such name. */
static bool without_ex(const char *name, size_t *n, char out[SU_ESP_MAX_PATH])
{
    size_t dot = *n;
    while (dot > 0 && name[dot - 1] != '.')
        dot--;
    size_t stem = dot > 0 ? dot - 1 : *n;
    if (stem < 4 || *n >= SU_ESP_MAX_PATH || !su_name_is(name + stem - 3, 3, "_EX"))
        return false;
    memcpy(out, name, stem - 3);
    memcpy(out + stem - 3, name + stem, *n - stem);
    *n -= 3;
    return true;
}

static int on_entry(void *arg, const char *name, size_t n, struct su_fs_node node, struct su_err *e)
{
    struct walk *w = arg;
    const struct dir *d = &w->dir[w->at];
    char path[SU_ESP_MAX_PATH], plain[SU_ESP_MAX_PATH];
    struct su_err why = {0};
    struct su_fs_stat st;
    if (++w->seen > MAX_SEEN)
        return (void)limit(w->l, "more files"), 1;
    if (w->l->fs->ops->stat(w->l->fs, node, &st, &why) < 0) {
        w->l->why = why;
        return su_win_fact(&why, NULL, e) < 0 ? -1 : 1;
    }
    if (w->ex && (st.kind == SU_FS_DIR || !without_ex(name, &n, plain)))
        return 0;
    if (w->ex)
        name = plain;
    if (!su_esp_is_name(name, n) || is_store(d, name, n) || !join(d, name, n, path)) {
        w->l->skipped++;
        return 0;
    }
    int r = st.kind == SU_FS_DIR    ? add_dir(w, path, node, d->depth + 1)
            : st.kind == SU_FS_FILE ? add_file(w, path, node, st.size)
                                    : add_other(w, node, e);
    if (r < 0 && w->l->why.kind == SU_OK)
        return -1;
    return w->l->why.kind != SU_OK;
}

/* Puts \Windows\Boot\NAME into the queue, to become `to` on the ESP. */
static int add_source(struct walk *w, const char *root, const char *name, const char *to, bool *there, struct su_err *e)
{
    char path[SU_WIN_PATH];
    struct su_err why = {0};
    struct su_fs *fs = w->l->fs;
    struct su_fs_node node;
    struct su_fs_stat st;
    *there = false;
    if (!su_win_join(root, name, path))
        return 0;
    if (su_fs_walk(fs, fs->root, path, &node, &why) < 0 || fs->ops->stat(fs, node, &st, &why) < 0) {
        if (why.kind != SU_E_MISSING)
            w->l->why = why;
        return su_win_fact(&why, NULL, e);
    }
    *there = st.kind == SU_FS_DIR;
    return *there ? add_dir(w, to, node, 0) : 0;
}

static int run(struct walk *w, struct su_err *e)
{
    for (; w->at < w->n_dirs && w->l->why.kind == SU_OK; w->at++) {
        struct su_err why = {0};
        if (w->l->fs->ops->list(w->l->fs, w->dir[w->at].node, on_entry, w, &why) == 0)
            continue;
        w->l->why = why;
        if (su_win_fact(&why, NULL, e) < 0)
            return -1;
    }
    return 0;
}

int su_winboot_list(struct su_fs *fs, const char *root, bool ex, struct su_winboot_list *out, struct su_err *e)
{
    SU_WINBOOT_LIST struct su_winboot_list l = {.fs = fs};
    SU_AUTO(walk_done) struct walk w = {.l = &l};
    bool there;
    l.entry = calloc(SU_WINBOOT_FILES, sizeof *l.entry);
    w.dir = calloc(MAX_DIRS, sizeof *w.dir);
    if (!l.entry || !w.dir)
        return su_fail_nomem(e, MAX_DIRS * sizeof *w.dir);
    if (add_source(&w, root, "/Boot/EFI", SU_WINBOOT_DIR, &there, e) < 0 ||
        add_source(&w, root, "/Boot/Fonts", SU_WINBOOT_DIR "/Fonts", &l.fonts, e) < 0 ||
        add_source(&w, root, "/Boot/Resources", SU_WINBOOT_DIR "/Resources", &l.resources, e) < 0 || run(&w, e) < 0)
        return -1;
    w.ex = ex;
    if (ex && (add_source(&w, root, "/Boot/EFI_EX", SU_WINBOOT_DIR, &there, e) < 0 ||
               add_source(&w, root, "/Boot/Fonts_EX", SU_WINBOOT_DIR "/Fonts", &there, e) < 0 || run(&w, e) < 0))
        return -1;
    if (l.why.kind != SU_OK)
        su_winboot_explain(&l.why);
    *out = l;
    l.entry = NULL;
    return 0;
}
