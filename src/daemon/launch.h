/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/launch.h - starting `surety job run ID` where systemd does not start it as a unit.
 *
 * A runner needs what suretyd gives up at its start: capabilities, and system calls.  So a small process is forked
 * before that.  It takes IDs of batches from suretyd, nothing else, and starts the one program with them, each in a
 * session of its own; what it started outlives it and suretyd. */
#pragma once
#include "base/su.h"

/* Before any thread, and before su_harden().  surety: absolute path of the program.  *fd: to it; it ends when the last
 * copy is closed.  SU_E_IO "daemon.launch". */
int su_launcher_start(const char *surety, const char *state_dir, int *fd, struct su_err *e) SU_MUST_CHECK;
/* One at a time.  Returns when the program runs.  SU_E_IO "daemon.launch". */
int su_launcher_ask(int fd, const char *id, struct su_err *e) SU_MUST_CHECK;
