/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/sh.h - external tools as image makers and oracles, in a scratch directory of the test. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char sh_dir[128];

__attribute__((unused)) static void sh_cleanup_(void)
{
    char cmd[160];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", sh_dir);
    if (!getenv("KEEP") && system(cmd) != 0)
        fprintf(stderr, "# could not remove %s\n", sh_dir);
}

/* The scratch directory, made at the first call and removed at exit (KEEP=1 keeps it): in $TMPDIR, else
 * in memory, because image makers and checkers sync a lot. */
__attribute__((unused)) static const char *sh_tmp(void)
{
    if (!*sh_dir) {
        const char *tmp = getenv("TMPDIR"), *top = tmp ? tmp : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        int n = snprintf(sh_dir, sizeof sh_dir, "%s/surety-test.XXXXXX", top);
        if (n >= (int)sizeof sh_dir || !mkdtemp(sh_dir)) {
            perror("mkdtemp");
            exit(99);
        }
        atexit(sh_cleanup_);
    }
    return sh_dir;
}

/* Runs a shell command in the scratch directory, system directories in PATH, output to ./log.
 * Its exit status; on failure the output goes to stdout as TAP comments. */
__attribute__((unused, format(printf, 1, 2))) static int sh(const char *fmt, ...)
{
    char cmd[4096];
    int n = snprintf(cmd, sizeof cmd, "cd '%s' && PATH=$PATH:/usr/sbin:/sbin LC_ALL=C && { ", sh_tmp());
    va_list ap;
    va_start(ap, fmt);
    n += vsnprintf(cmd + n, sizeof cmd - (size_t)n, fmt, ap);
    va_end(ap);
    snprintf(cmd + n, sizeof cmd - (size_t)n, "; } >log 2>&1 </dev/null");
    fflush(stdout);
    int status = system(cmd);
    if (status != 0 && getenv("VERBOSE")) {
        snprintf(cmd, sizeof cmd, "sed 's/^/# /' '%s/log'", sh_tmp());
        status |= system(cmd) ? 1 : 0;
    }
    return status;
}

__attribute__((unused, format(printf, 1, 2))) static const char *sh_path(const char *fmt, ...)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];
    int n = snprintf(p, 256, "%s/", sh_tmp());
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p + n, 256 - (size_t)n, fmt, ap);
    va_end(ap);
    return p;
}

__attribute__((unused)) static bool sh_have(const char *tool)
{
    return sh("command -v %s", tool) == 0;
}
