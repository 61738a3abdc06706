/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/connector.h - a child that can do one thing: connect to the signer's socket and hand the connection over.
 *
 * So the process that reads what guests send can be left without socket(2) and connect(2): a TCP connection of a
 * guest could otherwise be dissolved and pointed elsewhere.  The child reads nothing but single bytes of ours. */
#pragma once
#include "base/su.h"

/* Forks.  *fd: our end, not blocking; the child ends when it is closed.  path is copied. */
int su_connector_start(const char *path, int *fd, struct su_err *e) SU_MUST_CHECK;
bool su_connector_ask(int fd);
/* false: nothing there yet.  *out: the connection, not blocking, or -1 when it could not be made. */
bool su_connector_take(int fd, int *out);
