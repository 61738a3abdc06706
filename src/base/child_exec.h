/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/child_exec.h - private to child*.c: what happens between fork and exec.
 *
 * Everything that allocates or looks something up is done before the fork; here only async-signal-safe calls
 * are made, so the parent may have threads. */
#pragma once
#include "child.h"

/* Where tools are looked for after $PATH, and the PATH they get themselves. */
#define SU_CHILD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct su_child_setup {
    const struct su_child *spec;
    const char *path; /* absolute */
    char *const *env;
    int in, out, err; /* above 2 */
    int report;       /* above 2, close-on-exec: gets a struct su_child_report if exec is not reached */
    int death_signal;
    pid_t parent;
};

struct su_child_report {
    int os_errno;
    int step; /* index for su_child_step_name */
};

_Noreturn void su_child_exec(const struct su_child_setup *s);
const char *su_child_step_name(int step); /* static */
