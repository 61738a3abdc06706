/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a module file, and as the end of one. */
#include "must.h"
#include "guest/modsig.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_bytes b = {data, n};
    struct su_modsig s = {0};
    struct su_err e = {0};
    if (su_modsig_tail(b, n, &s, &e) == 0) {
        MUST(s.is_signed ? s.length > 0 && s.length < n : s.length == 0);
        for (const char *p = s.issuer; *p; p++)
            MUST(*p >= ' ' && *p <= '~');
    } else {
        MUST(e.kind == SU_E_FORMAT && strcmp(e.id, "modsig.damaged") == 0);
    }
    if (su_modsig_read(su_pull_bytes(&b), &s, &e) < 0)
        MUST(e.kind != SU_OK && e.id);
    return 0;
}
