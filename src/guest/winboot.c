/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "winboot.h"
#include "firmware_keys.h"
#include "fs_source.h"
#include "winboot_list.h"
#include "windows_int.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One of the two sets, as its boot manager shows it. */
struct set {
    const char *dir, *manager;
    bool there;
    struct su_fs_node node;
    struct su_err why; /* kind != SU_OK: it is there and cannot be read */
    uint16_t machine;
    struct su_sb_result sb;
};

static int check_manager(struct set *s, struct su_source *src, const struct su_sb_keys *keys, struct su_err *e)
{
    struct su_pe pe;
    if (su_pe_parse(src, &pe, e) < 0 || su_sb_check(src, keys, &s->sb, e) < 0)
        return -1;
    s->machine = pe.machine;
    return 0;
}

static int look_at_set(struct su_fs *fs, const char *root, const struct su_sb_keys *keys, struct set *s,
                       struct su_err *e)
{
    char dir[SU_WIN_PATH], path[SU_WIN_PATH];
    struct su_err why = {0};
    struct su_fs_source file;
    struct su_source src;
    if (!su_win_join(root, s->dir, dir) || !su_win_join(dir, s->manager, path))
        return 0;
    if (su_fs_source_open(fs, fs->root, path, &file, &src, &why) < 0) {
        s->there = why.kind != SU_E_MISSING;
        return su_win_fact(&why, s->there ? &s->why : NULL, e);
    }
    s->there = true;
    s->node = file.node;
    if (check_manager(s, &src, keys, &why) == 0)
        return 0;
    s->sb = (struct su_sb_result){.verdict = SU_SB_DAMAGED, .why = why.id};
    return su_win_fact(&why, &s->why, e);
}

/* The first that the firmware accepts, else the first. */
static const struct set *choose(const struct set set[2])
{
    for (int i = 0; i < 2; i++)
        if (set[i].there && set[i].why.kind == SU_OK && set[i].sb.verdict == SU_SB_TRUSTED_BY_FIRMWARE)
            return &set[i];
    return set[0].there || !set[1].there ? &set[0] : &set[1];
}

static void missing(struct su_err *why)
{
    (void)su_fail(why, SU_E_MISSING, "windows.boot.missing",
                  "there is no \\Windows\\Boot\\EFI\\bootmgfw.efi, which starts Windows under UEFI");
    (void)su_remedy(why, "in the guest, run sfc /scannow or DISM /Online /Cleanup-Image /RestoreHealth");
}

/* What was judged is what will be copied: a name is found without a look at its case, and by its 8.3 form. */
static void same_manager(const struct su_winboot_list *l, struct su_fs_node judged, struct su_err *why)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcasecmp(l->entry[i].path, SU_WINBOOT_MANAGER) == 0 && l->entry[i].node.ino == judged.ino)
            return;
    (void)su_fail(
        why, SU_E_FORMAT, "windows.boot.manager",
        "the boot manager under \\Windows\\Boot has its name only in 8.3 form, or shares it with another file");
    (void)su_remedy(why, "leave one bootmgfw.efi there; in the guest, run sfc /scannow");
}

static int count_files(struct su_fs *fs, const char *root, struct su_fs_node judged, struct su_winboot *b,
                       struct su_err *e)
{
    SU_WINBOOT_LIST struct su_winboot_list l = {0};
    if (su_winboot_list(fs, root, b->ex, &l, e) < 0)
        return -1;
    if (l.why.kind == SU_OK)
        same_manager(&l, judged, &l.why);
    if (b->why.kind == SU_OK)
        b->why = l.why;
    b->skipped = (unsigned)l.skipped;
    b->fonts = l.fonts;
    b->resources = l.resources;
    b->files = l.n;
    b->bytes = l.bytes;
    for (size_t i = 0; i < l.n; i++)
        if (strcasecmp(l.entry[i].path, SU_WINBOOT_MANAGER) == 0) {
            b->files++; /* the copy that firmware looks for */
            b->bytes += l.entry[i].size;
        }
    return 0;
}

/* The firmware starts the boot manager, and that one the loader: the store names winload.exe's twin from now on. */
static int check_loader(const struct su_vols *v, const struct su_windows *w, struct su_winboot *b, struct su_err *e)
{
    char path[SU_WIN_PATH];
    bool there = false;
    if (su_win_join(w->root, "/System32/winload.efi", path) && su_win_exists(v, w->os, path, &there, e) < 0)
        return su_context(e, "%s", path);
    if (there || b->why.kind != SU_OK)
        return 0;
    (void)su_fail(&b->why, SU_E_MISSING, "windows.boot.loader",
                  "there is no \\Windows\\System32\\winload.efi, which loads Windows under UEFI");
    (void)su_remedy(&b->why, "in the guest, run sfc /scannow or DISM /Online /Cleanup-Image /RestoreHealth");
    return 0;
}

int su_winboot_find(const struct su_vols *v, const struct su_windows *w, const char *vars, struct su_winboot *out,
                    struct su_err *e)
{
    SU_FIRMWARE_KEYS struct su_firmware_keys keys = {0};
    struct set set[2] = {{.dir = "/Boot/EFI", .manager = "/bootmgfw.efi"},
                         {.dir = "/Boot/EFI_EX", .manager = "/bootmgfw_EX.efi"}};
    struct su_winboot b = {0};
    if (!su_win_readable(v, w->os)) {
        *out = b;
        return 0;
    }
    struct su_fs *fs = v->vol[w->os].fs;
    if (vars && su_firmware_keys_read(vars, &keys, e) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (look_at_set(fs, w->root, &keys.keys, &set[i], e) < 0)
            return su_context(e, "\\Windows%s", set[i].dir);
    const struct set *use = choose(set), *other = use == &set[0] ? &set[1] : &set[0];
    b.found = use->there;
    b.why = use->why;
    b.ex = use == &set[1];
    b.has_ex = set[1].there;
    b.machine = use->machine;
    b.manager = use->sb;
    b.manager_ex = other->sb;
    b.firmware_known = keys.known;
    snprintf(b.firmware, sizeof b.firmware, "%s", vars ? vars : "");
    if (!su_win_join(w->root, use->dir, b.from) || !b.found)
        missing(&b.why);
    else if (b.why.kind != SU_OK)
        su_winboot_explain(&b.why);
    if (b.found && count_files(fs, w->root, use->node, &b, e) < 0)
        return su_context(e, "%s", b.from);
    if (b.found && check_loader(v, w, &b, e) < 0)
        return -1;
    *out = b;
    return 0;
}

/* Reading -------------------------------------------------------------------- */

void su_winfiles_done(struct su_winfiles *l)
{
    free(l->file);
    free(l->own);
    *l = (struct su_winfiles){0};
}

/* The path, with its NUL, and the bytes of one file to *at, which moves on. */
static int read_file(struct su_fs *fs, const struct su_winboot_entry *en, uint8_t **at, struct su_esp_file *out,
                     struct su_err *e)
{
    size_t len = strlen(en->path) + 1, size = (size_t)en->size, got = 0;
    memcpy(*at, en->path, len);
    *out = (struct su_esp_file){.path = (const char *)*at, .bytes = {*at + len, size}};
    if (size && fs->ops->read(fs, en->node, 0, *at + len, size, &got, e) < 0) {
        su_winboot_explain(e);
        return su_context(e, "%s", en->path);
    }
    if (got != size)
        return su_fail(e, SU_E_FORMAT, "fs.file.short", "%s ends early", en->path);
    *at += len + size;
    return 0;
}

static int read_files(struct su_fs *fs, const struct su_winboot_list *l, struct su_winfiles *out, struct su_err *e)
{
    size_t room = (size_t)l->bytes + 1;
    bool manager = false;
    for (size_t i = 0; i < l->n; i++)
        room += strlen(l->entry[i].path) + 1;
    out->file = calloc(l->n + 1, sizeof *out->file);
    out->own = malloc(room);
    if (!out->file || !out->own)
        return su_fail_nomem(e, room);
    uint8_t *at = out->own;
    for (size_t i = 0; i < l->n; i++) {
        if (read_file(fs, &l->entry[i], &at, &out->file[out->n], e) < 0)
            return -1;
        if (!manager && strcasecmp(l->entry[i].path, SU_WINBOOT_MANAGER) == 0) {
            manager = true; /* the same bytes twice: esp.h stores them once on the way */
            out->file[l->n] = (struct su_esp_file){.path = SU_WINBOOT_FALLBACK, .bytes = out->file[i].bytes};
        }
        out->n++;
    }
    out->n += manager;
    return 0;
}

int su_winboot_read(const struct su_vols *v, const struct su_windows *w, const struct su_winboot *b,
                    struct su_winfiles *out, struct su_err *e)
{
    SU_WINBOOT_LIST struct su_winboot_list l = {0};
    SU_WINFILES struct su_winfiles files = {0};
    if (b->why.kind != SU_OK || !su_win_readable(v, w->os)) {
        if (b->why.kind != SU_OK)
            *e = b->why;
        else
            missing(e);
        return -1;
    }
    struct su_fs *fs = v->vol[w->os].fs;
    if (su_winboot_list(fs, w->root, b->ex, &l, e) < 0)
        return su_context(e, "%s", b->from);
    if (l.why.kind != SU_OK) {
        *e = l.why;
        return -1;
    }
    if (read_files(fs, &l, &files, e) < 0)
        return -1;
    *out = files;
    files = (struct su_winfiles){0};
    return 0;
}
