/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/job.h - what the commands that start, watch and show work on VMs share.
 *
 * A job is looked at through a port: suretyd's API, or the store itself (--local).  Both give jobs/view.h's object. */
#pragma once
#include "cli/api.h"
#include "jobs/view.h"

struct su_job_port {
    /* *out: a new reference; at once when its "change" is not since (NULL: whatever it is), else after wait_ms. */
    int (*look)(void *arg, const char *since, unsigned wait_ms, json_t **out, struct su_err *e);
    int (*report)(void *arg, json_t **out, struct su_err *e); /* jobs/view.h's su_jobs_report() */
    /* Between two looks; ends early when there is nothing more to come. */
    void (*rest)(void *arg, unsigned ms);
    /* Asked by signals.  pause: this process is to end (SIGTERM, SIGHUP), the job is not.  NULL: it goes on without us.
     */
    void (*stop)(void *arg, bool pause);
    void *arg;
};

/* suretyd */
struct su_job_api {
    const struct su_args *a; /* borrowed: --socket */
    char id[SU_BATCH_ID];
};
struct su_job_port su_job_port_api(struct su_job_api *of);
/* su_api_call(), whose remedy for a suretyd that is not there is --local, too. */
int su_job_call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                json_t **out, struct su_err *e) SU_MUST_CHECK;

/* The store: the job runs in this process, or in another one. */
const char *su_job_state_dir(const struct su_args *a); /* borrowed */
int su_job_local_open(const struct su_args *a, struct su_jobs *out, struct su_err *e) SU_MUST_CHECK;
struct su_job_local;
/* run: the job is run by threads of this process.  j is borrowed. */
int su_job_local_start(struct su_jobs *j, const char *id, bool run, struct su_job_local **out,
                       struct su_err *e) SU_MUST_CHECK;
/* Waits for the threads. */
void su_job_local_freep(struct su_job_local **l);
#define SU_JOB_LOCAL SU_AUTO(su_job_local_freep)
struct su_job_port su_job_port_local(struct su_job_local *l);

/* Until it has ended, with progress on stderr unless quiet.  *out: as it is at the end, new reference; or, after
 * Ctrl-C, as it is then: "state" is not "ended". */
int su_job_watch(const struct su_job_port *p, bool quiet, json_t **out, struct su_err *e) SU_MUST_CHECK;

/* The end of a job for people or as JSON; the exit status, or -1.  verbose: every finding. */
int su_job_print_end(const struct su_args *a, const struct su_job_port *p, const json_t *view, struct su_err *e);
/* The VM's part of a report, borrowed; NULL. */
const json_t *su_job_report_of(const json_t *report, const json_t *vm);
bool su_job_ended(const json_t *view);
