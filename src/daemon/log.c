/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"
#include "daemon/desc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool journal;

void su_log_open(void)
{
    journal = getenv("JOURNAL_STREAM") != NULL;
}

void su_log(int priority, const char *fmt, ...)
{
    char text[1200], line[1240];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    int n = journal ? snprintf(line, sizeof line, "<%d>", priority) : 0;
    su_desc_text(line + n, sizeof line - (size_t)n - 1, text, strlen(text));
    size_t len = strlen(line);
    line[len++] = '\n';
    ssize_t rc = write(STDERR_FILENO, line, len); /* one call: lines of threads do not mix */
    (void)rc;
}

void su_log_err(int priority, const char *what, const struct su_err *e)
{
    su_log(priority, "%s: %s [%s]%s%s", what, e->msg, e->id ? e->id : "?", e->remedy ? "; " : "",
           e->remedy ? e->remedy : "");
}
