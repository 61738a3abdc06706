/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/sandbox.h - what surety-signer gives up before it looks at any message. */
#pragma once
#include "base/su.h"

struct su_sandbox {
    const char *state;     /* written below */
    const char *key;       /* URI: a TPM's device is reachable, or the TCP port of an emulated one */
    const char *token_dir; /* written below by a PKCS#11 module; NULL: none */
};
/* No core dumps, no tracing, no new privileges; Landlock: writing only in the named places; seccomp: the listed system
 * calls alone, no network (AF_UNIX only, and TCP only for a TPM emulator: "tpm2:tcti=swtpm:..." or mssim:).  What is
 * not allowed answers EPERM.  Before there are threads. */
int su_sandbox_enter(const struct su_sandbox *b, struct su_err *e) SU_MUST_CHECK;
