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
/* The same, with fields of its own in the journal ("SURETY_...", journald.fields(7)); a field without value is left
 * out.  At most SU_LOG_FIELDS. */
struct su_log_field {
    const char *name, *value;
};
enum { SU_LOG_FIELDS = 16 };
void su_log_fields(int priority, const struct su_log_field *f, size_t n, const char *fmt, ...) SU_PRINTF(4, 5);
