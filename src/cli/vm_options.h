/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/vm_options.h - options of work on VMs as the command line has them: a row for each of su_job_option_rows
 * (jobs/options.h), which tests/unit/cli holds to it, and those of the command itself. */
#pragma once
#include "base/buf.h"
#include "base/cmdline.h"
#include "jobs/options.h"

/* For the rows of verbs: end with NULL. */
extern const struct su_option *const su_vm_options_assess[],
    *const su_vm_options_upgrade[], *const su_vm_options_verify[], *const su_vm_options_rollback[],
                                                                       *const su_vm_options_commit[],
                                                                           *const su_vm_options_finish[],
                                                                               *const su_vm_options_look[];

/* What was typed, as jobs/options.h wants it: new reference, only what was given.  Paths are made absolute.
 * SU_E_USAGE "cli.option.value". */
int su_vm_options_json(const struct su_args *a, enum su_op op, json_t **out, struct su_err *e) SU_MUST_CHECK;
