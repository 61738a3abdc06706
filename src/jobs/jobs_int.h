/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/jobs_int.h - what the files of this directory share: records as JSON, names of keys and files. */
#pragma once
#include "jobs/batch.h"

enum { JOBS_KEY = 64 };

/* An ID comes from people and becomes part of keys and file names.  SU_E_MISSING "job.none" when it is none. */
int jobs_check_id(const char *id, struct su_err *e) SU_MUST_CHECK;
int jobs_none(const char *id, struct su_err *e); /* -1: there is no such job */
void jobs_batch_key(char out[JOBS_KEY], const char *id);
void jobs_line_key(char out[JOBS_KEY], const char *id, uint32_t index);

/* A record's text; owned, NULL: out of memory. */
char *jobs_batch_text(const struct su_batch *b);
char *jobs_line_text(const struct su_batch_vm *vm);
/* SU_E_FORMAT "job.record"; *out is untouched then. */
int jobs_batch_parse(struct su_bytes text, struct su_batch *out, struct su_err *e) SU_MUST_CHECK;
int jobs_line_parse(struct su_bytes text, struct su_batch_vm *out, struct su_err *e) SU_MUST_CHECK;

/* Removes the locks of VMs and disks that were made before, and that nobody has. */
void jobs_trim_locks(struct su_jobs *j, uint64_t before);
