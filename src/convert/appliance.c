/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slow engine: what the native drivers cannot write is written by a real kernel in libguestfs's
 * appliance, on a throw-away overlay over the image.  What differs afterwards becomes writes of the
 * plan like any other, so it is journalled and undone like any other.  Texts are edited here, by the
 * same functions as natively; the appliance only puts the new bytes into the files. */
#include "base/child.h"
#include "base/tmpdir.h"
#include "convert.h"
#include "disk/blk_nbd.h"
#include "disk/blk_overlay.h"
#include "guest/fs_ext.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    APPLIANCE_TIMEOUT_MS = 600 * 1000, /* emulated, it starts in 15 s; loaded machines take longer */
    MAP_MAX = 16 << 20,
    COPY = 64 * 1024,
    MAX_ENV = 8,
};

struct appliance {
    const struct su_appliance *job; /* borrowed */
    struct su_tmpdir dir;
    char overlay[300];
};

static bool needs_appliance(const struct su_appliance *job, const struct su_edit *ed)
{
    return !job->vols->vol[ed->vol].fs_writable;
}

/* Base of the overlay: our image, whose lock is held by us for as long as this runs. */
static json_t *base_node(const struct su_appliance *job)
{
    const struct su_image *im = job->image;
    if (im->kind == SU_IMAGE_NBD)
        return json_pack("{s:s,s:{s:s,s:s}}", "driver", "raw", "file", "driver", "nbd", "uri", job->name);
    return json_pack("{s:s,s:{s:s,s:s,s:s}}", "driver", im->format, "file", "driver",
                     im->kind == SU_IMAGE_DEVICE ? "host_device" : "file", "filename", im->path, "locking", "off");
}

static int make_overlay(struct appliance *a, struct su_err *e)
{
    char size[32];
    json_t *node = base_node(a->job);
    SU_FREE char *base = node ? json_dumps(node, JSON_COMPACT) : NULL;
    json_decref(node);
    SU_BUF struct su_buf ref = {0};
    su_buf_printf(&ref, "json:%s", base ? base : "");
    if (!base || su_buf_ok(&ref, e) < 0)
        return su_fail_nomem(e, 512);
    snprintf(size, sizeof size, "%" PRIu64, a->job->image->blk->size);
    snprintf(a->overlay, sizeof a->overlay, "%s/overlay.qcow2", a->dir.path);
    const char *argv[] = {
        "qemu-img", "create",         "-q",       "-u",
        "-f",       "qcow2",          "-F",       a->job->image->kind == SU_IMAGE_NBD ? "raw" : a->job->image->format,
        "-b",       su_buf_str(&ref), a->overlay, size,
        NULL};
    return su_child_run(&(struct su_child){.argv = argv}, NULL, e);
}

/* Where the appliance sees the volume; its disk is sda. */
static int device_of(const struct su_vols *vols, const struct su_vol *x, char *out, size_t cap, struct su_err *e)
{
    bool locked = false; /* LUKS, which the appliance gets no key for */
    for (int p = x->parent; p >= 0; p = vols->vol[p].parent)
        locked = locked || strcmp(vols->vol[p].what.type, "crypto_LUKS") == 0;
    if (x->lv[0] && !locked)
        snprintf(out, cap, "/dev/%s", x->lv);
    else if (x->parent < 0)
        snprintf(out, cap, "/dev/sda%u", x->partition);
    else
        return su_fail(e, SU_E_REFUSED, "appliance.volume", "the appliance does not open %s", x->name);
    return 0;
}

static void close_fs(struct su_fs **fs)
{
    su_fs_close(*fs);
}

/* Paths go into guestfish's little language: only what needs no quoting. */
static bool plain(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.@-+")] == 0;
}

/* What only a mount replays.  Texts are read here, and would be older ones. */
static int needs_replay(const struct su_vol *x, bool *yes, struct su_err *e)
{
    enum { BTRFS_LOG_ROOT = 0x10060 }; /* of the superblock: where the log tree begins, 0 for none */
    struct su_ext_state ext;
    uint8_t log_root[8] = {0};
    if (strncmp(x->what.type, "ext", 3) == 0 && su_fs_ext_state(x->fs, &ext) == 0)
        *yes = ext.needs_recovery;
    else if (strcmp(x->what.type, "btrfs") == 0 && su_blk_read(x->blk, BTRFS_LOG_ROOT, log_root, 8, e) < 0)
        return -1;
    else
        *yes = x->log_dirty || su_le64(log_root) != 0;
    return 0;
}

/* The text of one file after all its edits, the first of which is at index first. */
static int add_upload(struct appliance *a, size_t first, struct su_buf *script, struct su_err *e)
{
    const struct su_edit *one = &a->job->edits->edit[first];
    const struct su_vol *x = &a->job->vols->vol[one->vol];
    SU_AUTO(close_fs) struct su_fs *fs = NULL;
    SU_BUF struct su_buf text = {0};
    unsigned all_changed = 0;
    char name[32];
    if (!plain(one->path))
        return su_fail(e, SU_E_REFUSED, "appliance.path", "the name %s is not plain enough", one->path);
    if (su_vol_open_again(x, &fs, e) < 0) /* x->fs may be older than a replayed journal */
        return -1;
    if (su_fs_read_file(fs, fs->root, one->path, SU_TEXT_MAX, &text, e) < 0)
        return a->job->undo && e->kind == SU_E_MISSING ? 0 : -1;
    size_t n = a->job->edits->n;
    for (size_t i = 0; i < n; i++) { /* the way back is the way, backwards */
        const struct su_edit *ed = &a->job->edits->edit[a->job->undo ? n - 1 - i : i];
        SU_BUF struct su_buf next = {0};
        unsigned changed;
        if (ed->vol != one->vol || strcmp(ed->path, one->path) != 0)
            continue;
        if (su_edit_text(ed, a->job->edits, a->job->map, a->job->n_map, a->job->undo, su_buf_bytes(&text), &next,
                         &changed, e) < 0)
            return -1;
        all_changed |= changed;
        struct su_buf old = text;
        text = next;
        next = old;
    }
    if (!all_changed)
        return 0;
    snprintf(name, sizeof name, "file%zu", first);
    su_buf_printf(script, "upload %s/%s %s\n", a->dir.path, name, one->path);
    return su_tmpdir_put(&a->dir, name, 0600, su_buf_bytes(&text), e);
}

/* Edits of one file are made together, when the first of them comes up. */
static bool edited_before(const struct appliance *a, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (a->job->edits->edit[k].vol == a->job->edits->edit[i].vol &&
            strcmp(a->job->edits->edit[k].path, a->job->edits->edit[i].path) == 0)
            return true;
    return false;
}

/* The commands for one volume.  edit: else it is mounted, if it needs that, and no more. */
static int write_volume(struct appliance *a, int vol, bool edit, bool *mounted, struct su_buf *script, struct su_err *e)
{
    const struct su_vol *x = &a->job->vols->vol[vol];
    char device[200];
    *mounted = false;
    for (size_t i = 0; i < a->job->edits->n; i++) {
        const struct su_edit *ed = &a->job->edits->edit[i];
        bool wanted = ed->vol == vol && needs_appliance(a->job, ed) && !edited_before(a, i);
        if (wanted && !edit && needs_replay(x, &wanted, e) < 0)
            return -1;
        if (!wanted)
            continue;
        if (!*mounted && device_of(a->job->vols, x, device, sizeof device, e) < 0)
            return -1;
        if (!*mounted)
            su_buf_printf(script, "mount-options %s %s /\n", strcmp(x->what.type, "btrfs") == 0 ? "subvolid=5" : "rw",
                          device);
        *mounted = true;
        if (edit && add_upload(a, i, script, e) < 0)
            return -1;
    }
    if (*mounted)
        su_buf_text(script, "umount /\n");
    return 0;
}

/* *any: there is something to do. */
static int write_script(struct appliance *a, bool edit, bool *any, struct su_buf *script, struct su_err *e)
{
    *any = false;
    su_buf_text(script, "run\n");
    for (size_t vol = 0; vol < a->job->vols->n; vol++) {
        bool mounted;
        if (write_volume(a, (int)vol, edit, &mounted, script, e) < 0)
            return -1;
        *any |= mounted;
    }
    return su_buf_ok(script, e);
}

static int run_guestfish(struct appliance *a, const struct su_buf *script, struct su_err *e)
{
    static const char *const passed[] = {"LIBGUESTFS_PATH", "LIBGUESTFS_CACHEDIR", "LIBGUESTFS_HV", "TMPDIR", "HOME"};
    char vars[SU_ARRAY_LEN(passed) + 2][320];
    const char *env[MAX_ENV] = {0};
    size_t n = 0;
    const char *backend = getenv("LIBGUESTFS_BACKEND"), *settings = getenv("LIBGUESTFS_BACKEND_SETTINGS");
    snprintf(vars[n], sizeof vars[0], "LIBGUESTFS_BACKEND=%.200s", backend ? backend : "direct");
    env[n] = vars[n], n++;
    snprintf(vars[n], sizeof vars[0], "LIBGUESTFS_BACKEND_SETTINGS=%.200s", settings ? settings : "force_tcg");
    env[n] = vars[n], n++;
    for (size_t i = 0; i < SU_ARRAY_LEN(passed); i++) {
        const char *value = getenv(passed[i]);
        if (!value)
            continue;
        snprintf(vars[n], sizeof vars[0], "%s=%.280s", passed[i], value);
        env[n] = vars[n], n++;
    }
    const char *argv[] = {"guestfish", "--rw", "--format=qcow2", "-a", a->overlay, NULL};
    struct su_child spec = {.argv = argv, .env = env, .input = su_buf_bytes(script), .own_group = true};
    spec.timeout_ms = APPLIANCE_TIMEOUT_MS;
    return su_child_run(&spec, NULL, e);
}

/* Copies what differs in one range from the appliance's overlay to ours. */
static int take_range(struct su_blk *from, struct su_blk *to, uint64_t off, uint64_t n, uint8_t *buf, struct su_err *e)
{
    uint8_t *old = buf + COPY;
    uint64_t end = off + n < to->size ? off + n : to->size;
    for (; off < end;) {
        size_t len = end - off < COPY ? (size_t)(end - off) : COPY;
        if (su_blk_read(from, off, buf, len, e) < 0 || su_blk_read(to, off, old, len, e) < 0)
            return -1;
        for (size_t at = 0; at < len; at += SU_OVERLAY_PAGE) {
            size_t page = len - at < SU_OVERLAY_PAGE ? len - at : SU_OVERLAY_PAGE;
            if (memcmp(buf + at, old + at, page) != 0 && su_blk_write(to, off + at, buf + at, page, e) < 0)
                return -1;
        }
        off += len;
    }
    return 0;
}

static int take_changes(struct appliance *a, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    SU_BLK struct su_blk *from = NULL;
    SU_FREE uint8_t *buf = malloc(2 * COPY);
    const char *argv[] = {"qemu-img", "map", "-U", "--output=json", a->overlay, NULL};
    if (!buf)
        return su_fail_nomem(e, 2 * COPY);
    if (su_child_run(&(struct su_child){.argv = argv, .max_out = MAP_MAX}, &text, e) < 0 ||
        su_blk_qsd_open(a->overlay, "qcow2", SU_BLK_READ, &from, e) < 0)
        return -1;
    json_t *list = json_loadb(su_buf_str(&text), text.n, 0, NULL), *o;
    size_t i;
    int rc = json_is_array(list) ? 0 : su_fail(e, SU_E_FORMAT, "appliance.map", "qemu-img map did not print a list");
    json_array_foreach(list, i, o)
    {
        uint64_t off = (uint64_t)json_integer_value(json_object_get(o, "start"));
        uint64_t n = (uint64_t)json_integer_value(json_object_get(o, "length"));
        if (rc == 0 && json_integer_value(json_object_get(o, "depth")) == 0)
            rc = take_range(from, a->job->overlay, off, n, buf, e);
    }
    json_decref(list);
    return rc;
}

/* The journals that a guest left behind are replayed first, so that its newest texts are edited. */
static int edit_all(struct appliance *a, struct su_err *e)
{
    SU_BUF struct su_buf replay = {0}, script = {0};
    bool any = false;
    if (make_overlay(a, e) < 0 || (a->job->undo && write_script(a, false, &any, &replay, e) < 0))
        return -1;
    if (any && (run_guestfish(a, &replay, e) < 0 || take_changes(a, e) < 0))
        return -1;
    if (write_script(a, true, &any, &script, e) < 0 || run_guestfish(a, &script, e) < 0)
        return -1;
    return take_changes(a, e);
}

int su_appliance_edit(const struct su_appliance *job, struct su_err *e)
{
    struct appliance a = {.job = job, .dir = SU_TMPDIR_NONE};
    bool any = false;
    for (size_t i = 0; i < job->edits->n; i++)
        any = any || needs_appliance(job, &job->edits->edit[i]);
    if (!any)
        return 0;
    int rc = su_tmpdir_make(&a.dir, 64 * SU_MIB, e);
    if (rc == 0)
        rc = edit_all(&a, e);
    su_tmpdir_remove(&a.dir);
    return rc;
}
