/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/log.h - one line each on stderr, with the priority that sd-daemon(3) defines when the journal reads it.
 * What is not printable ASCII or UTF-8 becomes '?', so that a line stays one.  Thread safe. */
#pragma once
#include "base/su.h"
#include <syslog.h>

void su_log_open(void);
void su_log(int priority /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */, const char *fmt, ...)
    SU_PRINTF(2, 3);
void su_log_err(int priority, const char *what, const struct su_err *e);
