/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/jail.h - what surety-imds and its connector give up for good, before the first byte of a guest is read.
 *
 * Both: no new privileges, no file system (Landlock, where the kernel has it), no core dumps, and a list of system
 * calls; anything else ends the process.  surety-imds may accept and answer; it may not make sockets, connect, open
 * files or start programs.  The connector may make Unix sockets of type SEQPACKET and connect them.
 * Failures: SU_E_IO "imds.jail". */
#pragma once
#include "base/su.h"

int su_jail_imds(struct su_err *e) SU_MUST_CHECK;
int su_jail_connector(struct su_err *e) SU_MUST_CHECK;
/* To this user and its groups, when we are root.  SU_E_MISSING "imds.user". */
int su_jail_drop_user(const char *name, struct su_err *e) SU_MUST_CHECK;
