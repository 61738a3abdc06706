/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/qmp.h - ask a QEMU process over its monitor protocol (QMP), one command at a time. */
#pragma once
#include "base/su.h"
#include <jansson.h>

/* Runs command and waits, at most 30 s, for its answer; events in between are dropped.  arguments is
 * taken, and may be NULL.  fd is a connected stream socket.  answer may be NULL; else it is owned by the
 * caller.  Fails with "qmp.failed" (the message is QEMU's) or "qmp.lost". */
int su_qmp_run(int fd, const char *command, json_t *arguments, json_t **answer, struct su_err *e) SU_MUST_CHECK;

/* Takes the greeting and leaves the negotiation mode. */
int su_qmp_hello(int fd, struct su_err *e) SU_MUST_CHECK;
