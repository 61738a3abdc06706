/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A benefit's file: taken whole, or refused with nothing changed; then a VM is judged by it. */
#include "benefit/benefit.h"
#include <string.h>

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            abort();                                                                                                   \
    } while (0)

static const struct su_benefit_facts vms[] = {
    {.now = 0},
    {.os = {.id = "windows", .version = "2012r2", .name = "Windows Server 2012 R2", .build = 9600}, .legacy = true},
    {.os = {.id = "debian", .version = "12.4", .name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
     .vsock = true,
     .last_verified = 5,
     .now = 6},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_benefit b, mark;
    struct su_err e = {0};
    bool off = false;
    memset(&b, 0x5a, sizeof b);
    mark = b;
    if (su_benefit_parse("x", (struct su_bytes){data, n}, "f", &b, &off, &e) < 0) {
        MUST(memcmp(&b, &mark, sizeof b) == 0 && e.id && memchr(e.msg, 0, sizeof e.msg));
        return 0;
    }
    MUST(b.title[0] && b.n_builds <= SU_BENEFIT_BUILDS && b.transport < SU_BENEFIT_TRANSPORTS);
    for (size_t i = 0; i < SU_ARRAY_LEN(vms); i++) {
        struct su_benefit_verdict v = su_benefit_judge(&b, &vms[i]);
        MUST(v.status < SU_BENEFIT_STATUSES && v.action < SU_BENEFIT_ACTIONS);
        MUST(v.action == SU_BENEFIT_NOTHING || v.status == SU_BENEFIT_INACTIVE || v.status == SU_BENEFIT_UNKNOWN);
    }
    return 0;
}
