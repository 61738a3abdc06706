/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back to a restore point, and giving it up.
 *
 *   taken -> stage "going-back" -> disks, NVRAM, vTPM state -> stage "restored" -> overlays, snapshots, copies removed
 * -> no stage taken -> stage "given-up" -> disks merged, snapshots deleted -> stage "kept"
 *
 * Whoever finds a stage in the middle knows that qemu-img may have been killed at its work, and repairs first.
 * "given-up" is on disk before the first byte is merged: from there on nobody goes back to half a set. */
#include "upgrade/restore_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int gone(struct su_err *e, const char *what)
{
    su_fail(e, SU_E_MISSING, "vm.restore.gone", "the restore point is not whole any more: %.160s", what);
    return su_remedy(e, "surety vm rollback --keep-data goes back without it");
}

/* NVRAM and vTPM state ---------------------------------------------------------- */

static int replace(int to, const char *name, int dir, const char *copy, bool tree, struct su_err *e)
{
    struct su_state_budget b = SU_STATE_BUDGET;
    char tmp[SU_STATE_NAME];
    int n = snprintf(tmp, sizeof tmp, "%s.surety", name);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return su_fail(e, SU_E_RANGE, "vm.restore.path", "a name is too long");
    if (su_state_remove(to, tmp, e) < 0)
        return -1;
    if (tree ? su_state_copy_tree(dir, copy, to, tmp, 0, &b, e) < 0 : su_state_copy_file(dir, copy, to, tmp, &b, e) < 0)
        return -1;
    if (tree && su_state_remove(to, name, e) < 0) /* a directory with files in it cannot be replaced as a whole */
        return -1;
    if (renameat(to, tmp, to, name) < 0)
        return su_restore_fail_os(e, "renaming", tmp);
    return fsync(to) < 0 ? su_restore_fail_os(e, "writing", name) : 0;
}

/* place becomes what copy is; or nothing, when there was nothing. */
static int put_back(const char *place, bool had, int dir, const char *copy, bool tree, struct su_err *e)
{
    char name[SU_STATE_NAME];
    int to SU_CLOSE = -1;
    if (!*place)
        return 0;
    if (had && !su_state_exists(dir, copy))
        return gone(e, "the copy of NVRAM or vTPM state is missing");
    if (su_state_parent(place, &to, name, e) < 0)
        return -1;
    if (to < 0)
        return had ? gone(e, "the directory of NVRAM or vTPM state is missing") : 0;
    return had ? replace(to, name, dir, copy, tree, e) : su_state_remove(to, name, e);
}

struct had {
    bool nvram, tpm;
};

static int state_back(const struct su_restore *r, int dir, const struct had *h, struct su_err *e)
{
    return put_back(r->places.nvram, h->nvram, dir, SU_RESTORE_NVRAM, false, e) < 0
               ? -1
               : put_back(r->places.tpm, h->tpm, dir, SU_RESTORE_TPM, true, e);
}

int su_restore_clear_state(const struct su_restore *r, struct su_err *e)
{
    return state_back(r, -1, &(struct had){false, false}, e);
}

/* Disks ------------------------------------------------------------------------- */

/* Anything of the set's disks is still there. */
static int leftovers(const struct su_restore *r, bool *any, struct su_err *e)
{
    *any = false;
    for (uint32_t i = 0; i < r->n_disks && !*any; i++) {
        const struct su_restore_disk *d = &r->disk[i];
        char name[SU_STATE_NAME];
        int dir SU_CLOSE = -1;
        if (r->kind == SU_RESTORE_INTERNAL && su_img_has_snapshot(d->source, r->name, any, e) < 0)
            return -1;
        if (r->kind == SU_RESTORE_OVERLAY && su_state_parent(d->overlay, &dir, name, e) < 0)
            return -1;
        *any |= dir >= 0 && su_state_exists(dir, name);
    }
    return 0;
}

/* All of the set is there, before anything is changed. */
static int check_whole(const struct su_restore *r, struct su_err *e)
{
    for (uint32_t i = 0; i < r->n_disks; i++) {
        int fd SU_CLOSE = -1;
        bool has = true;
        if (su_state_open(r->disk[i].source, O_RDONLY, &fd, e) < 0)
            return -1;
        if (r->kind == SU_RESTORE_INTERNAL && su_img_has_snapshot(r->disk[i].source, r->name, &has, e) < 0)
            return -1;
        if (!has)
            return gone(e, r->disk[i].source);
    }
    return 0;
}

/* An old file that overlays lie on was not written since: it is simply used again. */
static int disks_back(const struct su_restore *r, bool cut, struct su_err *e)
{
    for (uint32_t i = 0; r->kind == SU_RESTORE_INTERNAL && i < r->n_disks; i++)
        if ((cut && su_img_repair(r->disk[i].source, e) < 0) ||
            su_img_snapshot(r->disk[i].source, SU_IMG_APPLY, r->name, e) < 0)
            return -1;
    return 0;
}

static int forget(const struct su_restore *r, int dir, bool repair, struct su_err *e)
{
    return su_restore_drop(r, dir, repair, e) < 0 ? -1 : su_stage_set(dir, r->name, SU_STAGE_NONE, e);
}

static int full_back(const struct su_restore *r, int dir, enum su_stage stage, const struct had *h, struct su_err *e)
{
    bool any = true, cut = stage == SU_STAGE_GOING;
    if (stage == SU_STAGE_NONE && leftovers(r, &any, e) < 0)
        return -1;
    if (!any)
        return 0; /* it was gone back to already */
    if (stage == SU_STAGE_RESTORED)
        return forget(r, dir, true, e);
    if (check_whole(r, e) < 0 || (!cut && su_stage_set(dir, r->name, SU_STAGE_GOING, e) < 0) ||
        disks_back(r, cut, e) < 0 || state_back(r, dir, h, e) < 0 ||
        su_stage_set(dir, r->name, SU_STAGE_RESTORED, e) < 0)
        return -1;
    return forget(r, dir, false, e);
}

/* What was kept says it better than the record, which may be older. */
static int had(const struct su_restore *r, int dir, enum su_stage stage, struct had *out, struct su_err *e)
{
    *out = (struct had){r->had_nvram, r->had_tpm};
    if (stage == SU_STAGE_NONE || stage == SU_STAGE_RESTORED)
        return 0;
    *out = (struct had){su_state_exists(dir, SU_RESTORE_NVRAM), su_state_exists(dir, SU_RESTORE_TPM)};
    if (r->taken && (out->nvram != r->had_nvram || out->tpm != r->had_tpm))
        return gone(e, "the copy of NVRAM or vTPM state is missing");
    return 0;
}

enum way {
    NOTHING, /* there is nothing to go back to, or it was gone back to */
    REMOVE,  /* not completed, or only just: nothing was done after it */
    STATE,
    ALL,
    NO_WAY
};

static enum way way_back(enum su_stage stage, bool taken, bool state_only)
{
    switch (stage) {
    case SU_STAGE_BEGUN:
        return REMOVE;
    case SU_STAGE_TAKEN:
        return !taken ? REMOVE : state_only ? STATE : ALL;
    case SU_STAGE_GIVEN_UP:
    case SU_STAGE_KEPT:
        return state_only ? STATE : NO_WAY;
    case SU_STAGE_GOING: /* half of the disks are old: no other way any more */
        return ALL;
    case SU_STAGE_RESTORED:
        return state_only ? NOTHING : ALL;
    default:
        return !taken ? NOTHING : state_only ? STATE : ALL;
    }
}

int su_restore_back(const struct su_restore *r, const char *path, bool state_only, struct su_err *e)
{
    struct su_stage_mark m;
    struct had h;
    int dir SU_CLOSE = -1;
    if (su_restore_dir(path, &dir, e) < 0 || su_stage_get(dir, r->name, &m, e) < 0)
        return -1;
    enum su_stage stage = m.other ? SU_STAGE_NONE : m.stage;
    enum way way = way_back(stage, r->taken, state_only || r->kind == SU_RESTORE_NONE);
    if (way == NO_WAY)
        return gone(e, "it was given up");
    if (way == NOTHING)
        return 0;
    if (way == REMOVE)
        return forget(r, dir, stage == SU_STAGE_BEGUN, e);
    if (had(r, dir, stage, &h, e) < 0)
        return -1;
    if (way == ALL)
        return full_back(r, dir, stage, &h, e);
    if (state_back(r, dir, &h, e) < 0)
        return -1;
    return r->kind == SU_RESTORE_NONE && !m.other ? su_stage_set(dir, r->name, SU_STAGE_RESTORED, e) : 0;
}

/* Giving it up -------------------------------------------------------------------- */

static int merge(const struct su_restore_disk *d, struct su_hv *hv, const char *uuid, bool running, struct su_err *e)
{
    char name[SU_STATE_NAME];
    int dir SU_CLOSE = -1;
    if (su_state_parent(d->overlay, &dir, name, e) < 0)
        return -1;
    if (dir < 0 || !su_state_exists(dir, name))
        return 0; /* merged already */
    if (running ? su_hv_commit_disk(hv, uuid, d->target, d->overlay, e) < 0
                : su_img_merge(d->overlay, d->source, d->format, e) < 0)
        return -1;
    return su_state_remove(dir, name, e);
}

static int give_up_disk(const struct su_restore *r, const struct su_restore_disk *d, struct su_hv *hv, const char *uuid,
                        bool running, bool cut, struct su_err *e)
{
    bool has = false;
    if (r->kind == SU_RESTORE_OVERLAY)
        return merge(d, hv, uuid, running, e);
    if (running) /* the snapshot's clusters are QEMU's own now */
        return su_hv_drop_snapshot(hv, uuid, d->target, r->name, e);
    if (r->kind != SU_RESTORE_INTERNAL)
        return 0;
    if ((cut && su_img_repair(d->source, e) < 0) || su_img_has_snapshot(d->source, r->name, &has, e) < 0)
        return -1;
    return has ? su_img_snapshot(d->source, SU_IMG_DELETE, r->name, e) : 0;
}

/* Somebody started the VM while the set was being taken: what there is of the snapshots goes, through QEMU. */
static int drop_begun(const struct su_restore *r, struct su_hv *hv, const char *uuid, int dir, struct su_err *e)
{
    for (uint32_t i = 0; i < r->n_disks; i++)
        if (su_hv_drop_snapshot(hv, uuid, r->disk[i].target, r->name, e) < 0)
            return -1;
    return su_stage_set(dir, r->name, SU_STAGE_NONE, e);
}

static int give_up(const struct su_restore *r, struct su_hv *hv, const char *uuid, bool running, int dir,
                   enum su_stage stage, struct su_err *e)
{
    bool cut = stage == SU_STAGE_GIVEN_UP, ours = cut || stage == SU_STAGE_TAKEN;
    if (stage == SU_STAGE_TAKEN && su_stage_set(dir, r->name, SU_STAGE_GIVEN_UP, e) < 0)
        return -1;
    for (uint32_t i = 0; i < r->n_disks; i++)
        if (give_up_disk(r, &r->disk[i], hv, uuid, running, cut, e) < 0)
            return -1;
    return ours ? su_stage_set(dir, r->name, SU_STAGE_KEPT, e) : 0;
}

int su_restore_commit(struct su_restore *r, struct su_hv *hv, const char *uuid, bool running, const char *path,
                      bool *changed_xml, struct su_err *e)
{
    struct su_stage_mark m;
    int dir SU_CLOSE = -1;
    if (su_restore_dir(path, &dir, e) < 0 || su_stage_get(dir, r->name, &m, e) < 0)
        return -1;
    enum su_stage stage = m.other ? SU_STAGE_NONE : m.stage;
    *changed_xml = false;
    if (stage == SU_STAGE_BEGUN && running && r->kind == SU_RESTORE_INTERNAL)
        return drop_begun(r, hv, uuid, dir, e);
    if (stage == SU_STAGE_BEGUN || stage == SU_STAGE_GOING || stage == SU_STAGE_RESTORED)
        return gone(e, "it was not completed, or gone back to");
    if (give_up(r, hv, uuid, running, dir, stage, e) < 0)
        return -1;
    r->taken = false;
    *changed_xml = r->kind == SU_RESTORE_OVERLAY && !running;
    return 0;
}
