/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/golden.h - outputs compared with files under tests/golden; UPDATE_GOLDEN=1 rewrites those instead.
 * Tests run in the source directory. */
#pragma once
#include "tests/lib/files.h"
#include "tests/lib/tap.h"

static inline bool golden_input(const char *name, struct su_buf *out)
{
    return files_read("tests/golden", name, out);
}

/* One check: got is what the file holds. */
static inline void golden_is(const char *name, struct su_bytes got)
{
    SU_BUF struct su_buf want = {0};
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "wbe");
        ok(f && fwrite(got.p, 1, got.n, f) == got.n && fclose(f) == 0, "%s rewritten", name);
        return;
    }
    bool good = golden_input(name, &want) && want.n == got.n && (got.n == 0 || memcmp(want.p, got.p, got.n) == 0);
    ok(good, "as in %s", name);
    size_t at = 0;
    while (!good && at < want.n && at < got.n && want.p[at] == got.p[at])
        at++;
    if (!good)
        printf("# %zu bytes, want %zu; they differ at byte %zu\n", got.n, want.n, at);
}
