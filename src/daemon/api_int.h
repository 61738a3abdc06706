/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/api_int.h - what the handlers of the management API share. */
#pragma once
#include "daemon/api_json.h"
#include "net/httpd.h"

enum { SU_API_EVERYBODY = 1 }; /* flag of a row: not for managers alone */

/* Takes o, which may be NULL: out of memory. */
int su_api_answer(json_t *o, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
/* The request's body: an object, {} when there is none.  New reference. */
int su_api_body(const struct su_http_request *q, json_t **out, struct su_err *e) SU_MUST_CHECK;
const char *su_api_text(const json_t *o, const char *name); /* borrowed; "": not there, or no text */
/* *out of a query: a number from least to most, most when it is more; as it was when it is not there. */
int su_api_number(const struct su_http_request *q, const char *name, uint64_t least, uint64_t most, uint64_t *out,
                  struct su_err *e) SU_MUST_CHECK;
/* By UUID or name, of the table; name may be NULL.  Without lock. */
bool su_api_vm_uuid(struct su_daemon *d, const char *vm, char uuid[SU_UUID_TEXT], char name[SU_VM_NAME]);
void su_api_freep(json_t **o);
#define SU_JSON SU_AUTO(su_api_freep)

/* api_change.c: a call that changes something, for managers alone, and its row of the table. */
struct su_api_change {
    struct su_daemon *d;
    const struct su_http_request *q;
    struct su_http_response *a;
    const json_t *o;    /* the body: an object, {} when there is none */
    const char *action; /* static, for the audit log */
    char on[1024];      /* what it is done to: a VM by UUID or name, a job; at first the path's parameter, or "" */
    char detail[256];   /* a sentence for the audit log, when it went well */
};
struct su_api_change_row {
    const char *method, *path;
    const char *action;
    const char *body; /* members that there may be: "NAME:s NAME:b NAME", texts, booleans, anything; NULL: none */
    int (*run)(struct su_api_change *c, struct su_err *e);
    size_t max_body; /* 0: the server's */
};
struct su_http_route su_api_change_route(const struct su_api_change_row *row);

/* api_document.c, api_actions.c, api_legacy.c, api_jobs.c: rows' handlers */
int su_api_document(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_act(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_legacy(void *ctx, const struct su_http_request *q, struct su_http_response *a,
                  struct su_err *e) SU_MUST_CHECK;
int su_api_legacy_enable(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_legacy_disable(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_legacy_grant(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_legacy_revoke(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
enum { SU_API_JOB_BODY = 1 << 20 }; /* as a CSV file may be */
int su_api_job_begin(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_job_cancel(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;
int su_api_job_run(struct su_api_change *c, struct su_err *e) SU_MUST_CHECK;

/* api_benefit.c */
extern const struct su_http_route su_api_benefit_routes[];
extern const size_t su_api_n_benefit_routes;

/* api_jobs.c */
extern const struct su_http_route su_api_job_routes[];
extern const size_t su_api_n_job_routes;
struct su_batch;
struct su_batch_vm;
/* Makes the job and starts its runner; fills b as su_batch_make() does, and UUIDs and names of vms, which may be named
 * by either. */
int su_api_begin(struct su_daemon *d, uid_t uid, struct su_batch *b, struct su_batch_vm *vms, size_t n,
                 struct su_err *e) SU_MUST_CHECK;
/* {UUID: {"state", "job"}} of every VM that surety has worked on; shared, not to be changed.  Without lock: it may read
 * the store. */
int su_api_upgrades(struct su_daemon *d, json_t **out, struct su_err *e) SU_MUST_CHECK;
/* The job from now on, as a stream of lines. */
int su_api_events(struct su_daemon *d, const char *id, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
/* metrics.c */
int su_api_metrics(void *ctx, const struct su_http_request *q, struct su_http_response *a,
                   struct su_err *e) SU_MUST_CHECK;
/* jobs/view.h's su_jobs_report(), as a stream. */
int su_api_report(struct su_jobs *j, const char *id, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
