/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A value is within its bound and no longer than its text; a failure has a name and leaves the output alone. */
#include "guest/shellvars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    if (su_shellvars_get((struct su_bytes){data, n}, "ID", &out, &e) < 0) {
        if (!e.id || out.n != 0)
            abort();
        return 0;
    }
    if (out.n > SU_SHELLVARS_VALUE_MAX || out.n > n)
        abort();
    return 0;
}
