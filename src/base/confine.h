/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/confine.h - give up, for good, what reading a hostile disk does not need.
 *
 * Whoever takes over this process through a parser still may not write outside the named places,
 * trace or signal others' memory, mount, load modules or change the clock; nor may any child.
 * Three layers, each used where the kernel has it:
 *   no_new_privs  no set-uid program raises anything
 *   Landlock      writing only in the named places (Linux 5.13; landlock(7)); with it mounts and
 *                 tracing outside the domain are refused too
 *   seccomp       system calls that no step needs answer EPERM
 * Not thread safe: to be called once, before any thread or child. */
#pragma once
#include "su.h"

enum { SU_CONFINE_MAX = 16 };

struct su_confine {
    size_t n;
    struct {
        const char *path; /* borrowed */
        bool dir;         /* everything beneath may be made, written and removed; else this one file written */
    } place[SU_CONFINE_MAX];
};

/* A NULL path, and one more than fit, is left out; a path that does not exist is too. */
void su_confine_allow(struct su_confine *c, const char *path, bool dir);

/* *landlocked (may be NULL): the kernel has Landlock.  Fails only when a layer that exists cannot be put on:
 * SU_E_IO "host.confine". */
int su_confine_enter(const struct su_confine *c, bool *landlocked, struct su_err *e) SU_MUST_CHECK;
