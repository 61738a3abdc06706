/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/loop.h - the event loop: two listening sockets, connections, what threads say, signals. */
#pragma once
#include "signer.h"
#include <sys/types.h>

struct su_loop_options {
    int sign, control; /* listening sockets, borrowed */
    uid_t sign_uid;    /* who may connect to sign.sock beside root and us; (uid_t)-1: nobody */
    void (*ready)(void);
};
/* Until SIGTERM or SIGINT, which must be blocked already. */
int su_loop_run(struct su_signer *s, const struct su_loop_options *o, struct su_err *e) SU_MUST_CHECK;
