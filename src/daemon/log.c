/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"
#include "base/clean.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static bool journal;

void su_log_open(void)
{
    journal = getenv("JOURNAL_STREAM") != NULL;
}

static void put(int priority, const char *text)
{
    char line[1240];
    int n = journal ? snprintf(line, sizeof line, "<%d>", priority) : 0;
    su_clean(line + n, sizeof line - (size_t)n - 1, text);
    size_t len = strlen(line);
    line[len++] = '\n';
    ssize_t rc = write(STDERR_FILENO, line, len); /* one call: lines of threads do not mix */
    (void)rc;
}

void su_log(int priority, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(priority, text);
}

void su_log_fields(int priority, const struct su_log_field *f, size_t n, const char *fmt, ...)
{
    char text[1200], field[SU_LOG_FIELDS + 2][1240];
    struct iovec v[SU_LOG_FIELDS + 2];
    int used = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(field[used++], sizeof field[0], "PRIORITY=%d", priority);
    snprintf(field[used], sizeof field[0], "MESSAGE=");
    su_clean(field[used] + 8, sizeof field[0] - 8, text);
    used++;
    for (size_t i = 0; i < n && i < SU_LOG_FIELDS; i++) {
        if (!f[i].value || !f[i].value[0])
            continue;
        int at = snprintf(field[used], 64, "%s=", f[i].name);
        su_clean(field[used] + at, sizeof field[0] - (size_t)at, f[i].value);
        used++;
    }
    for (int i = 0; i < used; i++)
        v[i] = (struct iovec){field[i], strlen(field[i])};
    if (!journal || sd_journal_sendv(v, used) < 0)
        put(priority, text);
}

void su_log_err(int priority, const char *what, const struct su_err *e)
{
    su_log(priority, "%s: %s [%s]%s%s", what, e->msg, e->id ? e->id : "?", e->remedy ? "; " : "",
           e->remedy ? e->remedy : "");
}
