/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/job_int.h - what the files of the job share: one run over one VM.
 *
 *   job.c           begin, end, log, progress, records, locks
 *   job_look.c      what is found now, and whether it agrees with the record
 *   job_plan.c      checked: facts, checks, plan, expectations
 *   job_dryrun.c    the plan, shown
 *   job_stop.c      shutting down, and metadata
 *   job_steps.c     the steps from stopped to done
 *   job_undo.c      the table of steps back
 *   job_upgrade.c   the table of steps, and who goes which way
 *   job_rollback.c, job_commit.c, job_other.c       the other operations */
#pragma once
#include "upgrade/job.h"

struct su_run {
    struct su_job *job;
    struct su_vm_record rec;
    uint64_t revision;        /* of rec in the store; 0: it is not there */
    struct su_vm_record *old; /* owned: what was there when a new upgrade began; NULL */
    bool kept;                /* rec is to be kept: it is written at every step */
    char dir[SU_DOM_PATH];
    int vm_lock;
    unsigned n_locks;
    int disk_lock[SU_DOM_DISKS + 1];
    struct su_vm_facts *facts;
    struct su_buf after; /* the new definition; owned */
    struct su_check_verdict verdict;
    struct su_hv_vm vm; /* as last looked */
    bool gone;          /* undefined meanwhile */
    bool theirs;        /* runs because somebody else started it: it is left running */
    bool replaced;      /* its definition was somebody else's; it is in DIR/replaced.xml */
    struct su_verified verified;
    char note[240]; /* what has to be said beside the summary */
};

static inline void su_job_json_freep(json_t **j)
{
    json_decref(*j);
}
#define SU_JSON SU_AUTO(su_job_json_freep)

/* job.c -------------------------------------------------------------------- */

/* An operation: the VM is found, locked, its directory made, its record read when there is one; then work. */
int su_job_with(struct su_job *job, bool lock, int (*work)(struct su_run *r, struct su_err *e),
                struct su_err *e) SU_MUST_CHECK;
/* The end of an operation on a VM that is not there. */
int su_run_none(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
/* Owned, with nothing read or locked yet; NULL: no memory. */
struct su_run *su_run_new(struct su_job *job, struct su_err *e);
void su_run_free(struct su_run **r);
#define SU_RUN SU_AUTO(su_run_free)

/* The VM of the job, begun: step "checking"; and its end.  why: NULL or why it is not well. */
int su_job_begin(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_end(struct su_job *job, enum su_vm_outcome o, const struct su_err_text *why, const char *summary,
               struct su_err *e) SU_MUST_CHECK;
/* An operation that ends with an error of the world: failed, nothing was changed. */
int su_job_fail(struct su_job *job, const struct su_err *why, struct su_err *e) SU_MUST_CHECK;
void su_err_keep(const struct su_err *why, struct su_err_text *out);
int su_job_progress(struct su_job *job, const char *step, unsigned percent, struct su_err *e) SU_MUST_CHECK;
void su_job_log(struct su_job *job, const char *step, const char *fmt, ...) SU_PRINTF(3, 4);
void su_job_report(struct su_job *job, const char *member, json_t *value); /* takes the reference */
bool su_job_cancelled(const struct su_job *job);

int su_run_save(struct su_run *r, struct su_err *e) SU_MUST_CHECK; /* the record, durably */
int su_run_move(struct su_run *r, enum su_vm_state to, struct su_err *e) SU_MUST_CHECK;
/* Every disk of the set, and the boot disk, in the order of their keys. */
int su_run_lock_disks(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
void su_run_report(struct su_run *r); /* the record's part of the report */

/* Files of the VM's directory: whole, durable, private. */
int su_run_put_file(const struct su_run *r, const char *name, struct su_bytes b, struct su_err *e) SU_MUST_CHECK;
int su_run_get_file(const struct su_run *r, const char *name, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
bool su_run_has_file(const struct su_run *r, const char *name);
int su_run_rename_file(const struct su_run *r, const char *from, const char *to, struct su_err *e) SU_MUST_CHECK;
void su_run_drop_file(const struct su_run *r, const char *name);

/* job_look.c --------------------------------------------------------------- */

/* Refreshes r->vm; a VM that is not there any more is no failure but r->gone. */
int su_run_look(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
enum su_defined { SU_DEFINED_BEFORE, SU_DEFINED_AFTER, SU_DEFINED_OTHER, SU_DEFINED_GONE };
int su_run_defined(struct su_run *r, enum su_defined *out, struct su_err *e) SU_MUST_CHECK;
/* What is found goes with the record, so that an unfinished upgrade may go on.  "vm.changed", "vm.gone". */
int su_run_agrees(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
/* Before a step that needs the guest off: somebody may have started it.  "vm.started". */
int su_run_is_off(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
/* Before files are merged, put back or removed long after the upgrade: no other VM has come to use them meanwhile, as a
 * clone on top of them, for one.  "vm.restore.shared". */
int su_run_alone(struct su_run *r, struct su_err *e) SU_MUST_CHECK;

/* job_plan.c --------------------------------------------------------------- */

enum su_planned { SU_PLANNED, SU_PLAN_ALREADY, SU_PLAN_STOPS };
int su_run_facts(struct su_run *r, bool before, struct su_err *e) SU_MUST_CHECK;
/* Fills the record and r->after; writes nothing. */
int su_run_plan(struct su_run *r, enum su_planned *out, struct su_err *e) SU_MUST_CHECK;
/* The definitions are kept beside those of an earlier upgrade; when the record says "checked", they take their place as
 * before.xml and after.xml, and the earlier journal goes. */
int su_run_keep_plan(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_run_adopt_plan(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
/* The first finding that stops. */
void su_run_first_stop(const struct su_check_verdict *v, struct su_err_text *out);
int su_run_stops(const struct su_run *r, struct su_err *e) SU_MUST_CHECK; /* the same as an error; else 0 */
void su_run_worker(struct su_run *r, struct su_worker *w, char *key, size_t cap);

/* job_dryrun.c: the plan goes into the report, without passwords. */
int su_run_show_plan(struct su_run *r, struct su_err *e) SU_MUST_CHECK;

/* job_finish.c: what was printed goes into the log and the report, with the commands when it failed. */
int su_run_finish(struct su_run *r, const char *os_id, struct su_err *e) SU_MUST_CHECK;
void su_run_finish_report(struct su_run *r, const char *os_id, bool good, struct su_bytes printed);

/* job_stop.c --------------------------------------------------------------- */

/* The agent, then ACPI, each half of timeout_s; without an agent ACPI has all of it.  Then SU_E_REFUSED "vm.shutdown",
 * unless force. */
int su_run_stop(struct su_run *r, uint32_t timeout_s, bool agent, bool force, struct su_err *e) SU_MUST_CHECK;
/* why: how su_run_stop() ended.  A guest that was asked to shut down and took too long may still do it: it is waited
 * for a minute more.  r->vm tells whether it is off now; else r->note says that it may be yet. */
int su_run_late(struct su_run *r, const struct su_err_text *why, struct su_err *e) SU_MUST_CHECK;
/* <surety:upgrade state="..."/>; state NULL: removed. */
int su_run_mark(struct su_run *r, const char *state, struct su_err *e) SU_MUST_CHECK;

/* job_steps.c -------------------------------------------------------------- */

int su_step_off(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_step_save(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_step_convert(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_step_redefine(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
/* Pure: of places, what the new firmware must not find.  A TPM of its own stays, with what the guest sealed to it, and
 * so do variables that the new definition goes on with. */
void su_run_state_left(const struct su_domain *was, const struct su_domain *will, struct su_hv_places *places);
int su_step_start(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_step_verify(struct su_run *r, struct su_err *e) SU_MUST_CHECK;
int su_step_done(struct su_run *r, struct su_err *e) SU_MUST_CHECK;

/* job_undo.c --------------------------------------------------------------- */

/* Goes back, from where it stood; the record is UNDONE at the end, or stays UNDOING.  Returns the failure of a step
 * back.  why: what is recorded as the cause; NULL: the record has it, or it was asked for. */
int su_run_undo(struct su_run *r, const struct su_err *why, struct su_err *e) SU_MUST_CHECK;
/* The same, and the end of the job. */
int su_run_undo_and_end(struct su_run *r, const struct su_err *why, struct su_err *e) SU_MUST_CHECK;
