/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/tap.h - the test protocol meson reads: one line a check, the plan at the end. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_n, tap_bad;
#define ok(cond, ...) tap_ok_((cond) ? 1 : 0, #cond, __FILE__, __LINE__, "" __VA_ARGS__)
#define is_str(a, b) tap_str_((a), (b), #a, __FILE__, __LINE__)
__attribute__((format(printf, 5, 6))) static inline int tap_ok_(int good, const char *expr, const char *file, int line,
                                                                const char *fmt, ...)
{
    char note[160];
    __builtin_va_list ap;
    __builtin_va_start(ap, fmt);
    vsnprintf(note, sizeof note, fmt, ap);
    __builtin_va_end(ap);
    for (char *p = note; *p; p++) /* a check is one line */
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    printf("%s %d - %s\n", good ? "ok" : "not ok", ++tap_n, *note ? note : expr);
    if (!good) { tap_bad++; printf("# %s:%d: %s\n", file, line, expr); }
    return good;
}
static inline int tap_str_(const char *a, const char *b, const char *expr, const char *file, int line)
{
    int good = strcmp(a, b) == 0;
    if (!good) fprintf(stderr, "# got \"%s\", want \"%s\"\n", a, b);
    return tap_ok_(good, expr, file, line, "%s is \"%s\"", expr, b);
}
/* SURETY_FEW: one case in N is enough, because this program is run again with all of them (tests/meson.build). */
static inline int tap_skips(size_t i, size_t n) { return i % n != 0 && getenv("SURETY_FEW"); }
static inline int tap_done(void) { printf("1..%d\n", tap_n); return tap_bad != 0; }
