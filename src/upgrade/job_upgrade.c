/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The upgrade: a table of steps, run from where the record stands; whatever fails before "done" goes back. */
#include "base/clock.h"
#include "upgrade/job_int.h"
#include <string.h>

/* The step that leads to each state.  What was checked is checked before there is a record. */
static int (*const steps[SU_VM_STATES])(struct su_run *r, struct su_err *e) = {
    [SU_VM_OFF] = su_step_off,           [SU_VM_SAVED] = su_step_save,
    [SU_VM_CONVERTED] = su_step_convert, [SU_VM_REDEFINED] = su_step_redefine,
    [SU_VM_STARTED] = su_step_start,     [SU_VM_VERIFIED] = su_step_verify,
    [SU_VM_DONE] = su_step_done,
};

static int run_step(struct su_run *r, enum su_vm_state to, struct su_err *e)
{
    int64_t begun = su_monotonic_us();
    const struct su_state_row *row = &su_state_table[to];
    if (to <= SU_VM_CONVERTED && su_job_cancelled(r->job))
        return su_fail(e, SU_E_CONFLICT, "job.cancelled", "the batch was cancelled");
    if (su_job_progress(r->job, row->step, su_state_table[to - 1].percent, e) < 0)
        return -1;
    r->rec.going = true;
    if (su_run_save(r, e) < 0)
        return -1;
    su_job_log(r->job, row->step, "begins");
    if (steps[to](r, e) < 0)
        return -1;
    r->rec.step_us[to] += (uint64_t)(su_monotonic_us() - begun);
    if (su_run_move(r, to, e) < 0)
        return -1;
    su_job_log(r->job, row->step, "%s after %.3f s", row->name, (double)(su_monotonic_us() - begun) / 1e6);
    return su_job_progress(r->job, row->step, row->percent, e);
}

static int forward(struct su_run *r, struct su_err *e)
{
    while (r->rec.state < SU_VM_DONE)
        if (run_step(r, r->rec.state + 1, e) < 0)
            return -1;
    return 0;
}

/* The end -------------------------------------------------------------------- */

static bool proved(const struct su_verified *v, const char *id)
{
    for (unsigned i = 0; i < v->n; i++)
        if (strcmp(v->row[i].id, id) == 0)
            return v->row[i].proof == SU_PROOF_YES;
    return false;
}

static int end_upgraded(struct su_run *r, struct su_err *e)
{
    char summary[240];
    const struct su_vm_record *rec = &r->rec;
    const struct su_verified *v = &r->verified;
    int n = snprintf(summary, sizeof summary, "upgraded: Secure Boot %s, vTPM %s",
                     rec->expect.secure_boot ? "on" : "off", rec->expect.vtpm ? "present" : "absent");
    if (!rec->started)
        n += snprintf(summary + n, sizeof summary - (size_t)n, "; not started, so not verified: run surety vm verify");
    else if (proved(v, "verify.pcr4"))
        n += snprintf(summary + n, sizeof summary - (size_t)n, ", PCR 4 as predicted");
    if (rec->started && v->open)
        n += snprintf(summary + n, sizeof summary - (size_t)n, "; could not be proved from here: %u", v->open);
    if (r->note[0])
        snprintf(summary + n, sizeof summary - (size_t)n, "; %.100s", r->note);
    su_run_report(r);
    return su_job_end(r->job, SU_VM_OK, NULL, summary, e);
}

/* The store cannot be written: nothing can be recorded, so nothing more is done. */
static bool store_failed(const struct su_err *why)
{
    return why->id && strncmp(why->id, "store.", 6) == 0;
}

static int go_on(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (forward(r, &why) == 0)
        return end_upgraded(r, e);
    if (store_failed(&why)) {
        *e = why;
        return -1;
    }
    return su_run_undo_and_end(r, &why, e);
}

/* The beginning -------------------------------------------------------------- */

static int end_planned(struct su_run *r, enum su_planned p, struct su_err *e)
{
    struct su_err_text stop;
    if (p == SU_PLAN_ALREADY)
        return su_job_end(r->job, SU_VM_ALREADY, NULL, "is Trusted Launch already", e);
    su_run_first_stop(&r->verdict, &stop);
    return su_job_end(r->job, SU_VM_STOPPED, &stop, "cannot be upgraded as it is; nothing was changed", e);
}

/* A VM that was upgraded keeps its way back: a second upgrade would throw it away. */
static int keeps_old_way_back(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    if (!r->old || r->old->state != SU_VM_DONE)
        return 0;
    (void)su_fail(&why, SU_E_CONFLICT, "vm.restore-point", "%s was upgraded before, and has a restore point of that",
                  r->vm.name);
    (void)su_remedy(&why,
                    "run surety vm rollback, or give the restore point up with surety vm commit; then upgrade again");
    return su_job_fail(r->job, &why, e) < 0 ? -1 : 1;
}

static int start_anew(struct su_run *r, struct su_err *e)
{
    if (r->revision) {
        r->old = malloc(sizeof *r->old);
        if (!r->old)
            return su_fail_nomem(e, sizeof *r->old);
        *r->old = r->rec;
    }
    memset(&r->rec, 0, sizeof r->rec);
    r->rec.options = r->job->batch.options;
    if (r->job->vm.secure_boot >= 0)
        r->rec.options.secure_boot = r->job->vm.secure_boot != 0;
    if (r->rec.options.machine == SU_MACHINE_I440FX)
        r->rec.options.secure_boot = false;
    r->kept = false;
    return 0;
}

static int end_dry_run(struct su_run *r, struct su_err *e)
{
    if (su_run_show_plan(r, e) < 0)
        return -1;
    return su_job_end(r->job, SU_VM_OK, NULL, "can be upgraded; the plan is in the report; nothing was changed", e);
}

/* From nothing to "checked".  1: the job has ended. */
static int check(struct su_run *r, struct su_err *e)
{
    enum su_planned p;
    struct su_err why = {0};
    int64_t begun = su_monotonic_us();
    int rc;
    if (su_run_plan(r, &p, &why) < 0)
        return su_job_fail(r->job, &why, e) < 0 ? -1 : 1;
    if (p != SU_PLANNED)
        return end_planned(r, p, e) < 0 ? -1 : 1;
    if ((rc = keeps_old_way_back(r, e)) != 0)
        return rc;
    if (r->rec.options.dry_run)
        return end_dry_run(r, e) < 0 ? -1 : 1;
    if (su_run_lock_disks(r, &why) < 0 || su_run_keep_plan(r, &why) < 0)
        return su_job_fail(r->job, &why, e) < 0 ? -1 : 1;
    r->rec.step_us[SU_VM_CHECKED] = (uint64_t)(su_monotonic_us() - begun);
    su_job_log(r->job, su_state_table[SU_VM_CHECKED].step, "checked: %u warnings", r->verdict.warnings);
    return su_run_move(r, SU_VM_CHECKED, e);
}

/* What an earlier upgrade left may still be in the way, and must not be taken for this one's: no way back from here. */
static int adopt_and_go_on(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    return su_run_adopt_plan(r, &why) < 0 ? su_job_fail(r->job, &why, e) : go_on(r, e);
}

static int begin(struct su_run *r, struct su_err *e)
{
    int rc = start_anew(r, e);
    if (rc == 0)
        rc = check(r, e);
    return rc < 0 ? -1 : rc > 0 ? 0 : adopt_and_go_on(r, e);
}

/* A runner before us was interrupted. */
static int go_on_or_back(struct su_run *r, struct su_err *e)
{
    struct su_err why = {0};
    su_job_log(r->job, "begin", "an upgrade was interrupted at \"%s\"%s", su_state_table[r->rec.state].name,
               r->rec.going ? ", in the step after it" : "");
    if (r->rec.state == SU_VM_UNDOING)
        return su_run_undo_and_end(r, NULL, e);
    if (su_run_lock_disks(r, &why) < 0 || su_run_adopt_plan(r, &why) < 0)
        return su_job_fail(r->job, &why, e);
    if (su_run_agrees(r, &why) < 0)
        return su_run_undo_and_end(r, &why, e);
    return go_on(r, e);
}

static bool unfinished(const struct su_run *r)
{
    return r->revision && r->rec.state != SU_VM_NEW && r->rec.state != SU_VM_DONE && r->rec.state != SU_VM_UNDONE &&
           r->rec.state != SU_VM_KEPT;
}

static int upgrade(struct su_run *r, struct su_err *e)
{
    if (unfinished(r))
        return go_on_or_back(r, e);
    return r->gone ? su_run_none(r, e) : begin(r, e);
}

int su_job_upgrade(struct su_job *job, struct su_err *e)
{
    return su_job_with(job, true, upgrade, e);
}
