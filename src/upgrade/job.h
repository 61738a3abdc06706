/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/job.h - runs one VM's operation, and a whole batch.
 *
 * One thread a VM.  Whatever ends a job ends it in "upgraded" or "as before, running if it was running"; when bringing
 * back failed, the record stays and the next run of the batch, or suretyd at its start, tries again. */
#pragma once
#include "upgrade/record.h"
#include <stdio.h>

struct su_job {
    struct su_jobs *jobs;           /* borrowed */
    struct su_hv *hv;               /* borrowed */
    const struct su_inventory *inv; /* borrowed; NULL: read when needed */
    struct su_batch batch;          /* copy */
    struct su_batch_vm vm;          /* copy; kept up to date in the store */
    bool (*cancelled)(void *);      /* may be NULL */
    void *arg;
    FILE *log;      /* of this VM; borrowed */
    json_t *report; /* what the job found, for the batch's report; new reference when it ends */
};

/* All of it, and on stable storage: 0, or -1 with errno. */
int su_job_write(int fd, struct su_bytes b) SU_MUST_CHECK;

/* Each runs to its end and fills job->vm (outcome, id, text, remedy, summary).  -1 only when the store cannot be
 * written; nothing is left half done then either: the record says where to go on. */
int su_job_upgrade(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_rollback(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_commit(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_assess(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_verify(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_finish(struct su_job *job, struct su_err *e) SU_MUST_CHECK;
int su_job_look(struct su_job *job, struct su_err *e) SU_MUST_CHECK;

/* fleet.c: runs a batch in this process, options.batch VMs at a time (fleet_int.h says in which order).  Takes the
 * batch's lock ("job.running").  A batch that has ended is run again for VMs without a result, skipped or stuck ones.
 * on_change is called from its threads whenever a line of the batch was written; may be NULL.
 * *stop, which may be changed by a signal handler, and which may be NULL: no other VM begins, and those that have begun
 * hear of it (su_job.cancelled).
 *   SU_FLEET_STOP   the batch ends
 *   SU_FLEET_PAUSE  it does not: the next run goes on, and VMs that had to go back begin again
 * *status: su_batch_status() at the end.  The report is written before the batch ends.  -1: the store, the report or
 * libvirt failed; work that had begun waits for the next run then. */
enum { SU_FLEET_STOP = 1, SU_FLEET_PAUSE = 2 };
int su_fleet_run(struct su_jobs *j, const char *batch_id, void (*on_change)(void *arg, const struct su_batch_vm *vm),
                 void *arg, volatile int *stop, int *status, struct su_err *e) SU_MUST_CHECK;
