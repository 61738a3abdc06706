/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking a restore point.
 *
 *   stage "begun" -> definition, NVRAM, vTPM state, disks -> stage "taken"
 *
 * Until "taken" is on disk the VM has not run on any of it, so whatever was begun is thrown away and made anew. */
#include "upgrade/restore_int.h"
#include <string.h>

/* Removing what was begun ------------------------------------------------------- */

static int remove_path(const char *path, struct su_err *e)
{
    char name[SU_STATE_NAME];
    int dir SU_CLOSE = -1;
    if (su_state_parent(path, &dir, name, e) < 0)
        return -1;
    return dir < 0 ? 0 : su_state_remove(dir, name, e);
}

static int drop_snapshot(const struct su_restore_disk *d, const char *name, bool repair, struct su_err *e)
{
    bool has = false;
    if (repair && su_img_repair(d->source, e) < 0)
        return -1;
    if (su_img_has_snapshot(d->source, name, &has, e) < 0)
        return -1;
    return has ? su_img_snapshot(d->source, SU_IMG_DELETE, name, e) : 0;
}

static int drop_disk(const struct su_restore *r, const struct su_restore_disk *d, bool repair, struct su_err *e)
{
    if (r->kind == SU_RESTORE_OVERLAY)
        return remove_path(d->overlay, e);
    return r->kind == SU_RESTORE_INTERNAL ? drop_snapshot(d, r->name, repair, e) : 0;
}

int su_restore_drop(const struct su_restore *r, int dir, bool repair, struct su_err *e)
{
    struct su_err later;
    int bad = 0; /* the first error counts, but the rest is tried, too */
    for (uint32_t i = 0; i < r->n_disks; i++)
        bad |= drop_disk(r, &r->disk[i], repair, bad ? &later : e);
    bad |= su_state_remove(dir, SU_RESTORE_NVRAM, bad ? &later : e);
    bad |= su_state_remove(dir, SU_RESTORE_TPM, bad ? &later : e);
    return bad;
}

/* Taking ------------------------------------------------------------------------ */

/* Nothing of ours is there yet, so a file or a snapshot of that name is somebody else's. */
static int check_free(const struct su_restore *r, struct su_err *e)
{
    for (uint32_t i = 0; i < r->n_disks; i++) {
        const struct su_restore_disk *d = &r->disk[i];
        char name[SU_STATE_NAME];
        int dir SU_CLOSE = -1;
        bool there = false;
        if (r->kind == SU_RESTORE_INTERNAL && su_img_has_snapshot(d->source, r->name, &there, e) < 0)
            return -1;
        if (r->kind == SU_RESTORE_OVERLAY && su_state_parent(d->overlay, &dir, name, e) < 0)
            return -1;
        if (r->kind == SU_RESTORE_OVERLAY && dir < 0)
            return su_fail(e, SU_E_MISSING, "vm.restore.path", "the directory of %.150s does not exist", d->overlay);
        if (there || (dir >= 0 && su_state_exists(dir, name)))
            return su_fail(e, SU_E_CONFLICT, "vm.restore.exists", "%.120s: there is a restore point %s already",
                           d->source, r->name);
    }
    return 0;
}

/* *had: whether there was something to keep. */
static int keep(const char *place, bool tree, int dir, const char *as, bool *had, struct su_err *e)
{
    struct su_state_budget b = SU_STATE_BUDGET;
    char name[SU_STATE_NAME];
    int from SU_CLOSE = -1;
    *had = false;
    if (!*place)
        return 0;
    if (su_state_parent(place, &from, name, e) < 0)
        return -1;
    if (from < 0 || !su_state_exists(from, name))
        return 0;
    *had = true;
    if (tree ? su_state_copy_tree(from, name, dir, as, 0, &b, e) < 0
             : su_state_copy_file(from, name, dir, as, &b, e) < 0)
        return su_context(e, "%.100s", place);
    return 0;
}

static int take_disk(const struct su_restore *r, const struct su_restore_disk *d, struct su_err *e)
{
    return r->kind == SU_RESTORE_OVERLAY ? su_img_overlay(d->source, d->format, d->overlay, e)
                                         : su_img_snapshot(d->source, SU_IMG_CREATE, r->name, e);
}

static int take(struct su_restore *r, int dir, struct su_bytes xml, struct su_err *e)
{
    if (su_state_write(dir, SU_RESTORE_XML, xml, e) < 0 ||
        keep(r->places.nvram, false, dir, SU_RESTORE_NVRAM, &r->had_nvram, e) < 0 ||
        keep(r->places.tpm, true, dir, SU_RESTORE_TPM, &r->had_tpm, e) < 0)
        return -1;
    for (uint32_t i = 0; i < r->n_disks; i++)
        if (take_disk(r, &r->disk[i], e) < 0)
            return -1;
    return su_stage_set(dir, r->name, SU_STAGE_TAKEN, e);
}

static bool is_in_use(enum su_stage stage)
{
    return stage == SU_STAGE_TAKEN || stage == SU_STAGE_GOING || stage == SU_STAGE_GIVEN_UP;
}

/* What an older set left here, which is not needed any more; and what we had begun. */
static int begin(const struct su_restore *r, int dir, struct su_err *e)
{
    struct su_stage_mark m;
    if (su_stage_get(dir, r->name, &m, e) < 0)
        return -1;
    bool in_use = is_in_use(m.stage);
    if (m.other && in_use) {
        su_fail(e, SU_E_CONFLICT, "vm.restore.exists", "the VM has a restore point of an earlier upgrade");
        return su_remedy(e, "surety vm rollback goes back to it, surety vm commit gives it up");
    }
    if (!m.other && (in_use || m.stage == SU_STAGE_RESTORED || m.stage == SU_STAGE_KEPT))
        return su_fail(e, SU_E_CONFLICT, "vm.restore.gone", "the restore point %s was used up", r->name);
    bool begun = !m.other && m.stage == SU_STAGE_BEGUN;
    if (begun && su_restore_drop(r, dir, true, e) < 0)
        return -1;
    if (check_free(r, e) < 0 || su_state_remove(dir, SU_RESTORE_NVRAM, e) < 0 ||
        su_state_remove(dir, SU_RESTORE_TPM, e) < 0)
        return -1;
    return su_stage_set(dir, r->name, SU_STAGE_BEGUN, e);
}

int su_restore_take(struct su_restore *r, const char *path, struct su_bytes xml, struct su_err *e)
{
    struct su_restore *t SU_FREE = malloc(sizeof *t);
    struct su_stage_mark m;
    int dir SU_CLOSE = -1;
    if (!t)
        return su_fail_nomem(e, sizeof *t);
    *t = *r;
    if (su_restore_dir(path, &dir, e) < 0 || su_stage_get(dir, r->name, &m, e) < 0)
        return -1;
    if (!m.other && m.stage == SU_STAGE_TAKEN) { /* cut after that */
        r->had_nvram = su_state_exists(dir, SU_RESTORE_NVRAM);
        r->had_tpm = su_state_exists(dir, SU_RESTORE_TPM);
        r->taken = true;
        return 0;
    }
    if (begin(t, dir, e) < 0)
        return -1;
    if (take(t, dir, xml, e) < 0) {
        struct su_err later; /* when this fails, too, the stage stays "begun", and the next call tries again */
        if (su_restore_drop(t, dir, false, &later) == 0)
            (void)!su_stage_set(dir, t->name, SU_STAGE_NONE, &later);
        return -1;
    }
    t->taken = true;
    *r = *t;
    return 0;
}
