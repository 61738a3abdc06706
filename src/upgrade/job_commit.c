/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The restore point is given up; the VM goes on as it is.  The undo journal stays, so that the layout alone can still
 * be taken back. */
#include "upgrade/job_int.h"
#include <string.h>

/* A VM that is off gets the sources that it had; a running one was told by libvirt. */
static int old_sources(struct su_run *r, struct su_err *e)
{
    const struct su_restore *set = &r->rec.restore;
    SU_BUF struct su_buf now = {0}, out = {0};
    SU_FREE struct su_domain_target *t = calloc(1, sizeof *t);
    if (!t)
        return su_fail_nomem(e, sizeof *t);
    for (uint32_t i = 0; i < set->n_disks; i++) {
        t->source[i].target = set->disk[i].target;
        t->source[i].source = set->disk[i].source;
        t->source[i].format = set->disk[i].format;
    }
    t->n_sources = set->n_disks;
    if (su_hv_xml(r->job->hv, r->vm.uuid, false, &now, e) < 0 || su_domain_sources(su_buf_bytes(&now), t, &out, e) < 0)
        return -1;
    return su_hv_define(r->job->hv, su_buf_bytes(&out), e);
}

static void old_image(struct su_vm_record *rec)
{
    for (uint32_t i = 0; i < rec->restore.n_disks; i++) {
        const struct su_restore_disk *d = &rec->restore.disk[i];
        if (strcmp(d->target, rec->boot_target) != 0)
            continue;
        snprintf(rec->image, sizeof rec->image, "%s", d->source);
        snprintf(rec->format, sizeof rec->format, "%s", d->format);
    }
}

static int give_up(struct su_run *r, struct su_err *e)
{
    struct su_vm_record *rec = &r->rec;
    bool changed = false, off = r->vm.run == SU_HV_OFF;
    if (su_run_lock_disks(r, e) < 0 || su_run_alone(r, e) < 0)
        return -1;
    if (su_restore_commit(&rec->restore, r->job->hv, rec->uuid, !off, r->dir, &changed, e) < 0)
        return -1;
    if (changed && off && old_sources(r, e) < 0)
        return -1;
    rec->restore.taken = false;
    old_image(rec);
    return su_run_move(r, SU_VM_KEPT, e);
}

static int commit(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (r->gone)
        return su_run_none(r, e);
    bool had = r->rec.restore.taken && r->rec.restore.kind != SU_RESTORE_NONE;
    if (give_up(r, &why) < 0) {
        struct su_err_text text;
        su_err_keep(&why, &text);
        return su_job_end(r->job, SU_VM_FAILED, &text, "the restore point is still there; run the command again", e);
    }
    if (su_run_mark(r, "upgraded", &why) < 0)
        su_job_log(r->job, "warning", "its metadata could not be written: %s", why.msg);
    su_run_report(r);
    return su_job_end(r->job, SU_VM_OK, NULL,
                      had ? "the restore point is given up; the layout alone can still be taken back"
                          : "there was no restore point beside the undo journal, which stays",
                      e);
}

static int commit_if_any(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (!r->revision || r->rec.state == SU_VM_UNDONE || r->rec.state == SU_VM_KEPT)
        return su_job_end(r->job, SU_VM_ALREADY, NULL, "has no restore point of surety", e);
    if (r->rec.state == SU_VM_DONE && !r->rec.going)
        return commit(r, e);
    (void)su_fail(&why, SU_E_CONFLICT, "vm.unfinished", "%s has an operation that was interrupted", r->rec.name);
    (void)su_remedy(&why, "run surety vm upgrade to go on with it, or surety vm rollback to take it back");
    return su_job_fail(r->job, &why, e);
}

int su_job_commit(struct su_job *job, struct su_err *e)
{
    return su_job_with(job, true, commit_if_any, e);
}
