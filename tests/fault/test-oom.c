/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each allocation fails once; linked with --wrap for malloc, calloc and realloc. */
#include "oom.h"
#include "ops.h"
#include "tests/lib/tap.h"

/* true: allocation k was there to fail. */
static bool attempt(const struct fault_op *op, unsigned long k, bool *good)
{
    static struct fault_world w;
    struct su_err e = {0};
    fault_world_make(&w);
    if (op->prepare)
        op->prepare(&w);
    fail_in = k;
    int rc = op->run(&w, &e);
    bool hit = fail_in == 0;
    fail_in = 0;
    if (hit) {
        *good = rc < 0 && e.kind == SU_E_NOMEM && e.id && op->untouched(&w);
        if (*good && op->again)
            *good = op->run(&w, &e) == 0 && (!op->good || op->good(&w));
        else if (*good)
            *good = fault_recovers(&w);
        if (!*good)
            printf("# %s, allocation %lu: %d %s\n", op->name, k, rc, e.msg);
    } else {
        *good = rc == 0 && (!op->good || op->good(&w));
    }
    fault_world_done(&w);
    return hit;
}

int main(void)
{
    unsigned long total = 0;
    for (size_t i = 0; i < fault_n_ops; i++) {
        bool good = true, all = true;
        unsigned long k = 0;
        while (k < 1000 && attempt(&fault_ops[i], ++k, &good))
            all = all && good;
        ok(all && good && k < 1000, "%s: %lu allocations", fault_ops[i].name, k - 1);
        total += k - 1;
    }
    ok(total > 20, "%lu allocations failed in all", total);
    return tap_done();
}
