/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/files.h - real files for unit tests: whole contents, and where the cache and the shared data lie. */
#pragma once
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>

/* $SURETY_CACHE (default /var/cache/surety-test) + "/" + name, appended to out; false when it cannot be read. */
static inline bool files_read(const char *dir, const char *name, struct su_buf *out)
{
    char path[512];
    static char chunk[65536];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return false;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        su_buf_add(out, chunk, n);
    bool good = !ferror(f) && !out->failed;
    fclose(f);
    return good;
}

static inline const char *files_cache(void)
{
    const char *dir = getenv("SURETY_CACHE");
    return dir ? dir : "/var/cache/surety-test";
}

static inline const char *files_shared(void)
{
    const char *dir = getenv("SURETY_SHARED");
    return dir ? dir : "../shared";
}
