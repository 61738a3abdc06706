/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert/espjob.h - the ESP's contents, made in a thread while other things are looked at.
 *
 * They depend on the first half of the facts alone, and making them mostly waits for mkfs.fat and mcopy.
 * The thread reads of the facts only what su_facts_judge() does not change. */
#pragma once
#include "facts.h"

struct su_esp_job;

/* NULL when there is nothing to make (not a disk that converts) or no memory: finish then makes it itself. f is
 * borrowed until the job is finished or dropped. */
struct su_esp_job *su_esp_job_start(const struct su_facts *f);

/* Takes job, which may be NULL.  *fd is owned by the caller; *content: bytes of the files on it. */
int su_esp_job_finish(struct su_esp_job *job, const struct su_facts *f, int *fd, uint64_t *content,
                      struct su_err *e) SU_MUST_CHECK;

/* For the cleanup attribute: waits for a job that nobody finished, and throws its work away. */
void su_esp_job_drop(struct su_esp_job **job);
#define SU_ESP_JOB SU_AUTO(su_esp_job_drop)
