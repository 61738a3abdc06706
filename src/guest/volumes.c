/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "volumes.h"
#include "disk/blk_map.h"
#include "fs_xfs_log.h"
#include "luks.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 3 }; /* partition, LUKS, LVM: deeper stacks are listed but not opened */

struct opener {
    struct su_vols *v;
    const struct su_secret *key;
};

static void vol_done(struct su_vol *x)
{
    su_fs_close(x->fs);
    su_blk_close(x->blk);
}

void su_vols_done(struct su_vols *v)
{
    while (v->n) /* the last ones lie inside the first ones */
        vol_done(&v->vol[--v->n]);
}

size_t su_parts_of_mbr(const struct su_mbr *m, struct su_part *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n && n < cap; i++)
        out[n++] = (struct su_part){.number = m->part[i].number,
                                    .mbr_type = m->part[i].type,
                                    .off = m->part[i].first * m->sector_size,
                                    .n = m->part[i].count * m->sector_size};
    return n;
}

size_t su_parts_of_gpt(const struct su_gpt *g, uint32_t sector_size, struct su_part *out, size_t cap)
{
    size_t n = 0;
    for (unsigned i = 0; i < SU_GPT_ENTRIES && n < cap; i++) {
        const struct su_gpt_entry *en = &g->entry[i];
        if (su_gpt_used(en))
            out[n++] = (struct su_part){
                .number = i + 1, .off = en->first * sector_size, .n = (en->last - en->first + 1) * sector_size};
    }
    return n;
}

/* Never asked to write: see the table. */
static int open_xfs(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e)
{
    (void)writable;
    return su_fs_open_xfs(blk, out, e);
}

static int open_btrfs(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e)
{
    (void)writable;
    return su_fs_open_btrfs(blk, out, e);
}

static const struct driver {
    const char *type; /* libblkid's */
    int (*open)(struct su_blk *blk, bool writable, struct su_fs **out, struct su_err *e);
    bool writable;
} drivers[] = {
    {"ext4", su_fs_open_ext, true}, {"ext3", su_fs_open_ext, true}, {"ext2", su_fs_open_ext, true},
    {"xfs", open_xfs, false},       {"btrfs", open_btrfs, false},   {"ntfs", su_fs_open_ntfs, true},
};

static const struct driver *driver_of(const struct su_vol *x)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i].type, x->what.type) == 0)
            return &drivers[i];
    return NULL;
}

/* A driver's refusal is a fact about the volume; only a host that fails is our failure. */
static int as_fact(struct su_vol *x, const struct su_err *why, struct su_err *e)
{
    if (why->kind == SU_E_NOMEM || why->kind == SU_E_IO) {
        *e = *why;
        return -1;
    }
    x->why_closed = *why;
    return 0;
}

int su_vol_open_again(const struct su_vol *x, struct su_fs **out, struct su_err *e)
{
    const struct driver *d = driver_of(x);
    if (!d)
        return su_fail(e, SU_E_MISSING, "volume.driver", "no driver for %s", x->what.type);
    return d->open(x->blk, false, out, e);
}

int su_vol_open_write(const struct su_vol *x, struct su_fs **out, struct su_err *e)
{
    const struct driver *d = driver_of(x);
    if (!d || !d->writable)
        return su_fail(e, SU_E_MISSING, "volume.driver", "no driver that writes %s", x->what.type);
    return d->open(x->blk, true, out, e);
}

static int look_at_log(struct su_vol *x, struct su_err *e)
{
    struct su_err why = {0};
    bool is_clean = true;
    if (strcmp(x->what.type, "xfs") != 0)
        return 0;
    if (su_fs_xfs_clean(x->blk, &is_clean, &why) < 0 && (why.kind == SU_E_IO || why.kind == SU_E_NOMEM))
        return *e = why, -1;
    x->log_dirty = !is_clean;
    return 0;
}

static int open_fs(struct su_vol *x, struct su_err *e)
{
    struct su_err why = {0};
    const struct driver *d = driver_of(x);
    if (!d)
        return 0;
    x->fs_writable = d->writable;
    return d->open(x->blk, false, &x->fs, &why) < 0 ? as_fact(x, &why, e) : 0;
}

static int add(struct opener *o, struct su_vol *x, unsigned depth, struct su_err *e);

static int add_luks(struct opener *o, int parent, unsigned depth, struct su_err *e)
{
    struct su_vol *p = &o->v->vol[parent], x = {.parent = parent, .partition = p->partition};
    struct su_err why = {0};
    if (!o->key) {
        (void)su_fail(&p->why_closed, SU_E_REFUSED, "volume.encrypted.luks", "%s is encrypted with LUKS", p->name);
        return su_remedy(&p->why_closed, "give its key with --key-file to let surety look inside"), 0;
    }
    if (su_blk_luks_open(p->blk, o->key, true, &x.blk, &why) < 0)
        return as_fact(p, &why, e);
    snprintf(x.name, sizeof x.name, "%.100s/luks", p->name);
    return add(o, &x, depth + 1, e);
}

static int add_lv(struct opener *o, int parent, const struct su_lvm *lvm, const struct su_lvm_lv *lv, unsigned depth,
                  struct su_err *e)
{
    struct su_vol *p = &o->v->vol[parent], x = {.parent = parent, .partition = p->partition};
    snprintf(x.lv, sizeof x.lv, "%.60s/%.60s", lvm->vg, lv->name);
    snprintf(x.name, sizeof x.name, "%s", x.lv);
    if (lv->supported) {
        if (su_blk_map_open(p->blk, lv->ext, lv->n, &x.blk, e) < 0)
            return -1;
        return add(o, &x, depth + 1, e);
    }
    (void)su_fail(&x.why_closed, SU_E_REFUSED, "volume.lvm.unsupported", "%s: %s", x.name, lv->reason);
    if (o->v->n < SU_VOLS_MAX)
        o->v->vol[o->v->n++] = x;
    return 0;
}

static int add_lvs(struct opener *o, int parent, unsigned depth, struct su_err *e)
{
    SU_AUTO(su_lvm_done) struct su_lvm lvm = {0};
    struct su_err why = {0};
    struct su_vol *p = &o->v->vol[parent];
    if (su_lvm_parse(p->blk, &lvm, &why) < 0)
        return as_fact(p, &why, e);
    for (size_t i = 0; i < lvm.n_lv; i++)
        if (lvm.lv[i].visible && add_lv(o, parent, &lvm, &lvm.lv[i], depth, e) < 0)
            return -1;
    return 0;
}

/* Takes x->blk whatever it returns. */
static int add(struct opener *o, struct su_vol *x, unsigned depth, struct su_err *e)
{
    struct su_vols *v = o->v;
    if (v->n == SU_VOLS_MAX) {
        v->full = true;
        su_blk_close(x->blk);
        return 0;
    }
    int at = (int)v->n++;
    v->vol[at] = *x;
    struct su_vol *here = &v->vol[at];
    if (su_volume_probe(here->blk, &here->what, e) < 0 || open_fs(here, e) < 0 || look_at_log(here, e) < 0)
        return su_context(e, "looking at %s", here->name);
    if (depth >= MAX_DEPTH)
        return 0;
    if (strcmp(here->what.type, "crypto_LUKS") == 0)
        return add_luks(o, at, depth, e);
    if (strcmp(here->what.type, "LVM2_member") == 0)
        return add_lvs(o, at, depth, e);
    return 0;
}

int su_vols_open(struct su_blk *disk, const struct su_part *parts, size_t n, const struct su_secret *key,
                 struct su_vols *out, struct su_err *e)
{
    SU_VOLS struct su_vols v = {0};
    struct opener o = {.v = &v, .key = key};
    for (size_t i = 0; i < n; i++) {
        struct su_vol x = {.parent = -1, .partition = parts[i].number};
        struct su_extent ext = {.off = parts[i].off, .n = parts[i].n};
        snprintf(x.name, sizeof x.name, "p%u", parts[i].number);
        if (su_blk_map_open(disk, &ext, 1, &x.blk, e) < 0)
            return su_context(e, "partition %u", parts[i].number);
        if (add(&o, &x, 1, e) < 0)
            return -1;
    }
    *out = v;
    v.n = 0;
    return 0;
}

int su_vols_by_uuid(const struct su_vols *v, const char *uuid)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->vol[i].what.uuid[0] && strcasecmp(v->vol[i].what.uuid, uuid) == 0)
            return (int)i;
    return -1;
}

int su_vols_by_label(const struct su_vols *v, const char *label)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->vol[i].what.label[0] && strcmp(v->vol[i].what.label, label) == 0)
            return (int)i;
    return -1;
}

/* Device mapper writes "vg-name/lv" as "vg--name-lv". */
static void dm_name(const char *lv, char *out, size_t cap)
{
    size_t n = 0;
    for (const char *p = lv; *p && n + 3 < cap; p++) {
        if (*p == '/') {
            out[n++] = '-';
            continue;
        }
        if (*p == '-')
            out[n++] = '-';
        out[n++] = *p;
    }
    out[n] = 0;
}

int su_vols_by_lv(const struct su_vols *v, const char *device)
{
    char dm[280];
    for (size_t i = 0; i < v->n; i++) {
        if (!v->vol[i].lv[0])
            continue;
        dm_name(v->vol[i].lv, dm, sizeof dm);
        if ((strncmp(device, "/dev/mapper/", 12) == 0 && strcmp(device + 12, dm) == 0) ||
            (strncmp(device, "/dev/", 5) == 0 && strcmp(device + 5, v->vol[i].lv) == 0))
            return (int)i;
    }
    return -1;
}

int su_vols_by_partition(const struct su_vols *v, unsigned number)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->vol[i].parent < 0 && v->vol[i].partition == number)
            return (int)i;
    return -1;
}
