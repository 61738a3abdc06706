/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli/vm.h - the verbs of "surety vm". */
#pragma once
#include "cli/job.h"

int su_vm_list(const struct su_args *a, struct su_err *e);
int su_vm_show(const struct su_args *a, struct su_err *e);
/* From libvirt itself. */
int su_vm_list_local(const struct su_args *a, struct su_err *e);
int su_vm_show_local(const struct su_args *a, struct su_err *e);
int su_vm_operate(const struct su_args *a, enum su_op op, struct su_err *e);
/* Watches, and says how to watch again when it was left. */
int su_vm_watch(const struct su_args *a, const struct su_job_port *p, const char *id, json_t **view, struct su_err *e);
