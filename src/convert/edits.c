/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edits.h"
#include "guest/esp.h"
#include "guest/grubenv.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILE = SU_TEXT_MAX };

static int read_text(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e)
{
    return su_fs_read_file(fs, fs->root, ed->path, MAX_FILE, out, e);
}

static const struct {
    const char *name;
    bool harmless; /* the ESP's line in fstab says nofail, a resume device that is not found is given up, and a
                    * recovery environment that is not found is missed only when it is called */
    int (*read)(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e);
} kinds[] = {
    [SU_EDIT_ESP] = {"fstab", true, read_text},
    [SU_EDIT_PARTUUID] = {"partuuid", false, read_text}, /* one that is not found is a root or a mount that fails */
    [SU_EDIT_RESUME] = {"resume", true, read_text},
    [SU_EDIT_RESUME_DEFAULTS] = {"resume-defaults", true, read_text},
    [SU_EDIT_SYSTEM_HIVE] = {"system-hive", false, su_edit_hive_read}, /* C: could become another volume's letter */
    [SU_EDIT_REAGENT] = {"reagent", true, read_text},
};
_Static_assert(SU_ARRAY_LEN(kinds) == SU_EDIT_KINDS, "an edit without a row");

const char *su_edit_kind_name(enum su_edit_kind k)
{
    return k < SU_EDIT_KINDS ? kinds[k].name : "?";
}

bool su_edit_harmless(enum su_edit_kind k)
{
    return k < SU_EDIT_KINDS && kinds[k].harmless;
}

int su_edit_read(struct su_fs *fs, const struct su_edit *ed, struct su_buf *out, struct su_err *e)
{
    if (ed->kind >= SU_EDIT_KINDS)
        return su_fail(e, SU_E_USAGE, "edit.kind", "no such edit");
    return kinds[ed->kind].read(fs, ed, out, e);
}

bool su_edit_possible(const struct su_facts *f, int vol)
{
    if (vol < 0 || !f->vols.vol[vol].fs)
        return false;
    return f->vols.vol[vol].fs_writable || f->opt->engine == SU_ENGINE_APPLIANCE;
}

uint32_t su_edit_esp_id(const struct su_facts *f)
{
    uint32_t id = su_le32(f->layout.gpt.disk_guid);
    return id ? id : 1;
}

void su_edit_esp_uuid(const struct su_facts *f, char out[16])
{
    su_esp_uuid(su_edit_esp_id(f), out);
}

/* The entry of the map that text names as PARTUUID=<disk id>-<slot>; NULL: none. */
static const struct su_partuuid *named_in(const struct su_facts *f, const char *text)
{
    char old[SU_PARTUUID_MBR_TEXT];
    const char *at = strncasecmp(text, "PARTUUID=", 9) == 0 ? text + 9 : NULL;
    for (size_t i = 0; at && i < f->n_partuuid; i++) {
        su_partuuid_mbr_text(f->partuuid[i].disk_id, f->partuuid[i].slot, old);
        if (strcasecmp(at, old) == 0)
            return &f->partuuid[i];
    }
    return NULL;
}

static const struct su_partuuid *baked_resume(const struct su_facts *f)
{
    return f->has_initramfs ? named_in(f, f->initramfs.resume) : NULL;
}

bool su_edit_resume(const struct su_facts *f)
{
    return baked_resume(f) && !strstr(f->linux_.cmdline, "resume=");
}

static void add(struct su_edits *l, enum su_edit_kind kind, int vol, const char *dir, const char *name)
{
    if (l->n == SU_EDITS_MAX)
        return;
    struct su_edit *ed = &l->edit[l->n];
    *ed = (struct su_edit){.kind = kind, .vol = vol};
    int n = snprintf(ed->path, sizeof ed->path, "%s%s", dir, name);
    l->n += n > 0 && (size_t)n < sizeof ed->path; /* they fit: su_linux_ref has the same bound, the rest is short */
}

static void list_resume(const struct su_facts *f, struct su_edits *l)
{
    const struct su_linux *x = &f->linux_;
    char guid[SU_GUID_TEXT];
    if (!su_edit_resume(f))
        return;
    su_guid_text(baked_resume(f)->guid, guid);
    snprintf(l->resume, sizeof l->resume, "resume=PARTUUID=%s", guid);
    if (su_edit_possible(f, x->boot.vol))
        add(l, SU_EDIT_RESUME, x->boot.vol, x->grub_dir, "/grub.cfg");
    if (su_edit_possible(f, x->root.vol))
        add(l, SU_EDIT_RESUME_DEFAULTS, x->root.vol, x->root.prefix, "/etc/default/grub");
}

void su_edits_list(const struct su_facts *f, struct su_edits *out)
{
    const struct su_linux *x = &f->linux_;
    *out = (struct su_edits){0};
    su_edit_esp_uuid(f, out->esp_uuid);
    for (size_t i = 0; i < x->n_refs; i++)
        if (su_edit_possible(f, x->ref[i].vol))
            add(out, SU_EDIT_PARTUUID, x->ref[i].vol, "", x->ref[i].path);
    list_resume(f, out);
    if (x->fstab_path[0] && !su_fstab_find(&x->fstab, "/boot/efi") && su_edit_possible(f, x->root.vol))
        add(out, SU_EDIT_ESP, x->root.vol, "", x->fstab_path);
}

static int partuuid_text(const struct su_edit *ed, const struct su_partuuid *map, size_t n, bool undo,
                         struct su_bytes text, struct su_buf *out, unsigned *changed, struct su_err *e)
{
    enum su_partuuid_way way = undo ? SU_PARTUUID_TO_MBR : SU_PARTUUID_TO_GPT;
    size_t len = strlen(ed->path);
    bool env = len > 8 && strcmp(ed->path + len - 8, "/grubenv") == 0;
    return env ? su_grubenv_rewrite(text, way, map, n, out, changed, e)
               : su_partuuid_rewrite(text, way, map, n, out, changed, e);
}

int su_edit_text(const struct su_edit *ed, struct su_edits *all, const struct su_partuuid *map, size_t n, bool undo,
                 struct su_bytes text, struct su_buf *out, unsigned *changed, struct su_err *e)
{
    *changed = 0;
    switch (ed->kind) {
    case SU_EDIT_ESP:
        if (undo)
            return su_fstab_remove_esp(text, all->esp_uuid, out, changed, e);
        *changed = 1;
        return su_fstab_add_esp(text, all->esp_uuid, out, e);
    case SU_EDIT_PARTUUID:
        return partuuid_text(ed, map, n, undo, text, out, changed, e);
    case SU_EDIT_RESUME:
        return undo ? su_grubcfg_remove_argument(text, all->resume, out, changed, e)
                    : su_grubcfg_add_argument(text, all->resume, out, changed, e);
    case SU_EDIT_RESUME_DEFAULTS:
        return undo ? su_grub_defaults_remove_argument(text, all->resume, out, changed, e)
                    : su_grub_defaults_add_argument(text, all->resume, out, changed, e);
    case SU_EDIT_SYSTEM_HIVE:
        return su_edit_hive(all, undo, text, out, changed, e);
    case SU_EDIT_REAGENT:
        return su_reagent_rewrite(text, &all->map, undo, out, changed, e);
    case SU_EDIT_KINDS:
        break;
    }
    return su_fail(e, SU_E_USAGE, "edit.kind", "no such edit");
}

/* On the way back a file may have gone: then there is nothing to take back. */
static int apply_one(struct su_fs *fs, const struct su_edit *ed, struct su_edits *all, const struct su_partuuid *map,
                     size_t n, bool undo, int64_t now, struct su_err *e)
{
    SU_BUF struct su_buf text = {0}, out = {0};
    struct su_fs_node node;
    unsigned changed = 0;
    if (su_fs_walk(fs, fs->root, ed->path, &node, e) < 0)
        return undo && e->kind == SU_E_MISSING ? 0 : -1;
    if (su_edit_read(fs, ed, &text, e) < 0 ||
        su_edit_text(ed, all, map, n, undo, su_buf_bytes(&text), &out, &changed, e) < 0)
        return -1;
    return changed ? fs->ops->replace(fs, node, out.p, out.n, now, e) : 0;
}

static int apply_volume(struct su_vols *v, int vol, struct su_edits *all, const struct su_partuuid *map, size_t n,
                        bool undo, int64_t now, struct su_err *e)
{
    struct su_fs *fs = NULL;
    int rc = 0;
    for (size_t i = 0; i < all->n && rc == 0; i++) {
        const struct su_edit *ed = &all->edit[undo ? all->n - 1 - i : i]; /* the way back is the way, backwards */
        if (ed->vol != vol)
            continue;
        if (!fs && su_vol_open_write(&v->vol[vol], &fs, e) < 0)
            return su_context(e, "opening %s to change it", v->vol[vol].name);
        rc = apply_one(fs, ed, all, map, n, undo, now, e);
        if (rc < 0)
            (void)su_context(e, "%s on %s", ed->path, v->vol[vol].name);
    }
    su_fs_close(fs);
    return rc;
}

int su_edits_apply(struct su_vols *v, struct su_edits *all, const struct su_partuuid *map, size_t n, bool undo,
                   int64_t now, struct su_err *e)
{
    all->now = now;
    for (size_t vol = 0; vol < v->n; vol++)
        if (v->vol[vol].fs && v->vol[vol].fs_writable && apply_volume(v, (int)vol, all, map, n, undo, now, e) < 0)
            return -1;
    return 0;
}
