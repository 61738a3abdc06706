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
uint64_t su_api_number(const char *text);                   /* of a query; NULL and nonsense: 0 */
void su_api_log(const struct su_http_request *q, const char *what, const char *on, int rc, const struct su_err *e);
void su_api_freep(json_t **o);
#define SU_JSON SU_AUTO(su_api_freep)

/* api_benefit.c */
extern const struct su_http_route su_api_benefit_routes[];
extern const size_t su_api_n_benefit_routes;

/* api_jobs.c */
extern const struct su_http_route su_api_job_routes[];
extern const size_t su_api_n_job_routes;
struct su_batch;
struct su_batch_vm;
/* Makes the job and starts its runner; fills b as su_batch_make() does. */
int su_api_begin(struct su_daemon *d, const struct su_http_request *q, struct su_batch *b,
                 const struct su_batch_vm *vms, size_t n, struct su_err *e) SU_MUST_CHECK;
/* api_actions.c */
int su_api_act(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
/* {UUID: {"state", "job"}} of every VM that surety has worked on.  Without lock: it reads the store. */
int su_api_upgrades(struct su_daemon *d, json_t **out, struct su_err *e) SU_MUST_CHECK;
/* The job from now on, as a stream of lines. */
int su_api_events(struct su_daemon *d, const char *id, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
/* metrics.c */
int su_api_metrics(void *ctx, const struct su_http_request *q, struct su_http_response *a,
                   struct su_err *e) SU_MUST_CHECK;
/* jobs/view.h's su_jobs_report(), as a stream. */
int su_api_report(struct su_jobs *j, const char *id, struct su_http_response *a, struct su_err *e) SU_MUST_CHECK;
