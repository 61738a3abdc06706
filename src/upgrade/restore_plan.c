/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What belongs to a restore point, of which kind it is, and whether there is room.  Looks at file systems, writes
 * nothing. */
#include "upgrade/restore_int.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What a conversion and a first boot may add to a disk that keeps its old state: an ESP's content, tables, and the
 * qcow2 clusters around them. */
enum { ROOM_MIB = 64 };
#define REMEDY_NONE "use --restore-point none and take your own backup first"

static bool in_set(const struct su_dom_disk *d)
{
    return (strcmp(d->device, "disk") == 0 || strcmp(d->device, "lun") == 0) && !d->read_only && !d->shareable &&
           !d->transient;
}

/* NULL: such a restore point can be had of this disk. */
struct no {
    const char *id, *why, *remedy;
};
#define NO(...) ((struct no){__VA_ARGS__})

static struct no no_file(const struct su_dom_disk *d, const struct su_disk_use *u)
{
    if (strcmp(d->type, "file") != 0 || !*d->source || u->block)
        return NO("vm.restore.block", "is no file on this host", REMEDY_NONE);
    if (!u->exists)
        return NO("vm.restore.gone", "does not exist", NULL);
    if (u->used_by_other || u->used_twice)
        return NO("vm.restore.shared", "is used by another disk, too", REMEDY_NONE);
    if (strcmp(u->format, "qcow2") != 0 && strcmp(u->format, "raw") != 0)
        return NO("vm.restore.format", "is neither raw nor qcow2", REMEDY_NONE);
    if (u->encrypted)
        return NO("vm.restore.format", "is an encrypted qcow2 file", REMEDY_NONE);
    if (u->data_file)
        return NO("vm.restore.format", "keeps its data in another file", REMEDY_NONE);
    return NO(NULL);
}

static struct no no_internal(const struct su_dom_disk *d, const struct su_disk_use *u)
{
    struct no n = no_file(d, u);
    if (n.id)
        return n;
    if (strcmp(u->format, "qcow2") != 0 || u->compat_v2 || u->head_unknown)
        return NO("vm.restore.format", "cannot hold snapshots (qcow2 of version 3 can)", "use --restore-point overlay");
    if (u->base_of_other)
        return NO("vm.restore.shared", "is the base of another disk", REMEDY_NONE);
    return NO(NULL);
}

static int refuse(const struct su_dom_disk *d, struct no n, struct su_err *e)
{
    su_fail(e, SU_E_REFUSED, n.id, "disk %s (%.120s) %s: no restore point can be taken", d->target,
            *d->source ? d->source : d->type, n.why);
    return su_remedy(e, n.remedy);
}

static int choose(const struct su_domain *d, const struct su_disk_use *use, enum su_restore_kind asked,
                  enum su_restore_kind *kind, struct su_err *e)
{
    bool internal = asked == SU_RESTORE_AUTO || asked == SU_RESTORE_INTERNAL;
    for (uint32_t i = 0; internal && i < d->n_disks; i++) {
        struct no n = in_set(&d->disk[i]) ? no_internal(&d->disk[i], &use[i]) : NO(NULL);
        if (n.id && asked == SU_RESTORE_INTERNAL)
            return refuse(&d->disk[i], n, e);
        internal = !n.id;
    }
    for (uint32_t i = 0; !internal && asked != SU_RESTORE_NONE && i < d->n_disks; i++) {
        struct no n = in_set(&d->disk[i]) ? no_file(&d->disk[i], &use[i]) : NO(NULL);
        if (n.id)
            return refuse(&d->disk[i], n, e);
    }
    *kind = asked == SU_RESTORE_NONE ? SU_RESTORE_NONE : internal ? SU_RESTORE_INTERNAL : SU_RESTORE_OVERLAY;
    return 0;
}

static int overlay_path(const struct su_domain *d, const struct su_dom_disk *disk, const char *overlay_dir,
                        const struct su_restore *r, char *out, size_t cap, struct su_err *e)
{
    int n = *overlay_dir ? snprintf(out, cap, "%s/%s-%s.%s.qcow2", overlay_dir, d->name, disk->target, r->name)
                         : snprintf(out, cap, "%s.%s.qcow2", disk->source, r->name);
    const char *name = strrchr(out, '/');
    if (n < 0 || (size_t)n >= cap || !name || strlen(name + 1) >= SU_STATE_NAME - 8 ||
        (*overlay_dir && strchr(d->name, '/')))
        return su_fail(e, SU_E_REFUSED, "vm.restore.path", "the path of an overlay for %.120s is too long",
                       disk->source);
    return 0;
}

static int add_disk(const struct su_domain *d, const struct su_dom_disk *disk, const struct su_disk_use *use,
                    const char *overlay_dir, struct su_restore *r, struct su_err *e)
{
    struct su_restore_disk *out = &r->disk[r->n_disks++];
    if (disk->source[0] != '/')
        return su_fail(e, SU_E_REFUSED, "vm.restore.path", "the path of disk %s is not absolute", disk->target);
    memcpy(out->target, disk->target, sizeof out->target);
    memcpy(out->format, use->format, sizeof out->format);
    memcpy(out->source, disk->source, sizeof out->source);
    memcpy(out->key, use->key, sizeof out->key);
    return r->kind == SU_RESTORE_OVERLAY ? overlay_path(d, disk, overlay_dir, r, out->overlay, sizeof out->overlay, e)
                                         : 0;
}

/* Room ----------------------------------------------------------------------- */

/* The path without its last part, or "/". */
static void directory_of(const char *path, char *out, size_t cap)
{
    const char *slash = strrchr(path, '/');
    int n = slash && slash > path ? (int)(slash - path) : 1;
    snprintf(out, cap, "%.*s", n, slash && slash > path ? path : "/");
}

static const char *grows(const struct su_restore_disk *d)
{
    return *d->overlay ? d->overlay : d->source;
}

static int check_room(const struct su_restore *r, struct su_err *e)
{
    dev_t dev[SU_DOM_DISKS];
    for (uint32_t i = 0; i < r->n_disks; i++) {
        char where[SU_DOM_PATH];
        struct stat st;
        struct statvfs fs;
        unsigned same = 1;
        directory_of(grows(&r->disk[i]), where, sizeof where);
        if (stat(where, &st) < 0 || statvfs(where, &fs) < 0) {
            (void)su_restore_fail_os(e, "looking at", where);
            return su_remedy(e, "name a directory that exists with --overlay-dir, or leave that out");
        }
        dev[i] = st.st_dev;
        for (uint32_t k = 0; k < i; k++)
            same += dev[k] == st.st_dev;
        uint64_t has = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (has >= same * ROOM_MIB * SU_MIB)
            continue;
        su_fail(e, SU_E_IO, "vm.restore.space",
                "%.100s has %llu MiB left; a restore point for %u disks there needs %u MiB", where,
                (unsigned long long)(has / SU_MIB), same, same * ROOM_MIB);
        return su_remedy(e, "make room, or name another place with --overlay-dir");
    }
    return 0;
}

int su_restore_plan(const struct su_domain *d, const struct su_disk_use *use, const struct su_job_options *opt,
                    const struct su_hv_places *places, const char *batch, struct su_restore *out, struct su_err *e)
{
    struct su_restore *r SU_FREE = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    int n = snprintf(r->name, sizeof r->name, "surety-%s", batch);
    if (n < 0 || (size_t)n >= sizeof r->name || strspn(batch, "0123456789abcdefABCDEF-") != strlen(batch))
        return su_fail(e, SU_E_USAGE, "vm.restore.name", "\"%.40s\" names no batch", batch);
    if (d->more)
        return su_fail(e, SU_E_REFUSED, "vm.restore.disks", "the VM has more than %d disks", SU_DOM_DISKS);
    if (choose(d, use, opt->restore, &r->kind, e) < 0)
        return -1;
    r->places = *places;
    for (uint32_t i = 0; r->kind != SU_RESTORE_NONE && i < d->n_disks; i++)
        if (in_set(&d->disk[i]) && add_disk(d, &d->disk[i], &use[i], opt->overlay_dir, r, e) < 0)
            return -1;
    if (check_room(r, e) < 0)
        return -1;
    *out = *r;
    return 0;
}
