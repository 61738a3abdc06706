/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/view.h - a batch and its VMs as one JSON object: what the API answers, and what people watch.
 *
 * su_batch_json() and beside it:
 *   "vms"     su_batch_vm_json() of each, in their order, and beside it "log", the path of its log
 *   "counts"  {"ok":1, ...}: how many have each outcome that occurs
 *   "status"  su_batch_status() of a batch that has ended; else null
 *   "change"  16 hex digits; another one when anything above has changed
 * Thread safe where a store is. */
#pragma once
#include "jobs/batch.h"

/* *out is a new reference.  SU_E_MISSING "job.none". */
int su_jobs_view(struct su_jobs *j, const char *id, json_t **out, struct su_err *e) SU_MUST_CHECK;
/* The report of a batch, of STATE/jobs/report: {"report": its JSON or null, "text": for people, "path": of the text}.
 * SU_E_MISSING "job.none", "job.report" (there is none yet). */
int su_jobs_report(struct su_jobs *j, const char *id, json_t **out, struct su_err *e) SU_MUST_CHECK;
/* The same for one who passes it on and need not hold it: *head is its beginning, *fd the file with the value of
 * "report", which the caller closes, of *size bytes; behind it comes a "}".  head is the caller's to free, also on
 * failure. */
int su_jobs_report_open(struct su_jobs *j, const char *id, struct su_buf *head, int *fd, uint64_t *size,
                        struct su_err *e) SU_MUST_CHECK;
/* Whether this has the form of a batch's ID; others are not looked for. */
bool su_batch_id_valid(const char *id);
