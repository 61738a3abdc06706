/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back on request: at once or weeks later, with the whole set or with the layout alone. */
#include "upgrade/job_int.h"
#include <string.h>
#include <time.h>

/* Whether a guest can have written since.  We know when we started it; a NVRAM file says that somebody did. */
static bool ran_since(const struct su_run *r)
{
    const struct su_vm_record *rec = &r->rec;
    const char *nvram = rec->restore.places.nvram;
    return rec->started || r->vm.run != SU_HV_OFF || (!rec->switch_only && nvram[0] && access(nvram, F_OK) == 0);
}

static int refuse_newer(const struct su_run *r, struct su_err *e)
{
    char when[32] = "then";
    struct tm tm;
    time_t t = (time_t)(r->rec.saved ? r->rec.saved : r->rec.begun);
    if (gmtime_r(&t, &tm))
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
    (void)su_fail(e, SU_E_REFUSED, "vm.rollback.newer",
                  "%s has run since its restore point of %s: all that its disks got since would be lost", r->vm.name,
                  when);
    return su_remedy(e, "use --keep-data to take back the layout alone, or --yes to lose what is newer");
}

static int may_go_back(struct su_run *r, struct su_err *e)
{
    struct su_vm_record *rec = &r->rec;
    if (r->gone)
        return su_fail(e, SU_E_MISSING, "vm.none", "there is no VM %s", r->job->vm.name);
    if (strcmp(r->vm.name, rec->name) != 0) {
        (void)su_fail(e, SU_E_CONFLICT, "vm.renamed", "%s was named %s when it was upgraded", r->vm.name, rec->name);
        return su_remedy(e, "give it its old name for the rollback (virsh domrename)");
    }
    if (rec->keep_data && !rec->switch_only && access(rec->undo, F_OK) < 0) {
        (void)su_fail(e, SU_E_MISSING, "vm.rollback.journal", "the undo journal %s is gone", rec->undo);
        return su_remedy(e, "the layout cannot be taken back any more; where there is a backup, use that");
    }
    if (!rec->keep_data && !r->job->batch.options.yes && ran_since(r))
        return refuse_newer(r, e);
    return 0;
}

/* A guest that goes off after its time was up did what was wanted: the rollback goes on. */
static int stop_guest(struct su_run *r, struct su_err *e)
{
    const struct su_job_options *o = &r->job->batch.options;
    struct su_err_text why;
    struct su_err late = {0};
    if (su_run_stop(r, o->shutdown_timeout, r->rec.expect.agent_before, o->force, e) == 0)
        return 0;
    su_err_keep(e, &why);
    if (su_run_late(r, &why, &late) < 0)
        su_job_log(r->job, "warning", "%s", late.msg);
    else if (r->gone || r->vm.run == SU_HV_OFF)
        return 0;
    return r->note[0] ? su_context(e, "%s", r->note) : -1;
}

/* From here on whoever continues knows that it ran. */
static int stop(struct su_run *r, struct su_err *e)
{
    struct su_vm_record *rec = &r->rec;
    rec->was_running = r->vm.run != SU_HV_OFF || (rec->going && rec->was_running);
    rec->going = true;
    if (su_run_save(r, e) < 0)
        return -1;
    const struct su_state_row *row = &su_state_table[SU_VM_OFF];
    if (su_job_progress(r->job, row->step, row->percent, e) < 0)
        return -1;
    if (stop_guest(r, e) == 0)
        return 0;
    struct su_err ignored = {0};
    rec->going = false;
    if (su_run_save(r, &ignored) < 0)
        su_job_log(r->job, "warning", "%s", ignored.msg);
    return -1;
}

static int from_done(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    struct su_vm_record *rec = &r->rec;
    bool set = rec->restore.taken && rec->restore.kind != SU_RESTORE_NONE;
    rec->keep_data = r->job->batch.options.keep_data || !set;
    if (rec->keep_data && !r->job->batch.options.keep_data)
        su_job_log(r->job, "going back", "there is no restore point: the layout goes back, data written since stays");
    if (may_go_back(r, &why) < 0 || su_run_lock_disks(r, &why) < 0 || su_run_alone(r, &why) < 0 || stop(r, &why) < 0)
        return su_job_fail(r->job, &why, e);
    rec->by_request = true;
    memset(&rec->error, 0, sizeof rec->error);
    return su_run_undo_and_end(r, NULL, e);
}

/* An upgrade that was interrupted is not continued but taken back. */
static int from_unfinished(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (su_run_lock_disks(r, &why) < 0 || su_run_adopt_plan(r, &why) < 0)
        return su_job_fail(r->job, &why, e);
    r->rec.by_request = true;
    return su_run_undo_and_end(r, NULL, e);
}

static int rollback(struct su_run *r, struct su_err *e)
{
    if (!r->revision)
        return su_job_end(r->job, SU_VM_ALREADY, NULL, "was not upgraded by surety; there is nothing to take back", e);
    switch (r->rec.state) {
    case SU_VM_NEW:
    case SU_VM_UNDONE:
        return su_job_end(r->job, SU_VM_ALREADY, NULL, "is as before its upgrade already", e);
    case SU_VM_DONE:
    case SU_VM_KEPT:
        return from_done(r, e);
    case SU_VM_UNDOING:
        return su_run_undo_and_end(r, NULL, e);
    default:
        return from_unfinished(r, e);
    }
}

int su_job_rollback(struct su_job *job, struct su_err *e)
{
    return su_job_with(job, true, rollback, e);
}
