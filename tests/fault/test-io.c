/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each read, write and flush of each operation fails, once and for good. */
#include "ops.h"
#include "tests/lib/memblk.h"
#include "tests/lib/tap.h"

static unsigned long ios(const struct su_blk *d)
{
    struct su_memblk_count c = su_memblk_count(d);
    return c.reads + c.writes + c.flushes;
}

/* true: there was an I/O number k to fail on that disk. */
static bool attempt(const struct fault_op *op, bool on_journal, unsigned long k, bool *good)
{
    static struct fault_world w;
    struct su_err e = {0};
    fault_world_make(&w);
    if (op->prepare)
        op->prepare(&w);
    struct su_blk *d = on_journal ? w.journal : w.disk;
    unsigned long before = ios(d);
    su_memblk_fail(d, k);
    int rc = op->run(&w, &e);
    bool hit = ios(d) - before >= k;
    su_memblk_fail(d, 0);
    if (hit) {
        *good = rc < 0 && e.kind == SU_E_IO && strcmp(e.id, "test.io") == 0 && op->untouched(&w);
        if (*good && op->again)
            *good = op->run(&w, &e) == 0 && (!op->good || op->good(&w));
        else if (*good)
            *good = fault_recovers(&w);
        if (!*good)
            printf("# %s, %s I/O %lu: %d %s\n", op->name, on_journal ? "journal" : "disk", k, rc, e.msg);
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
        for (int journal = 0; journal < 2; journal++) {
            bool good = true, all = true;
            unsigned long k = 0;
            while (k < 1000 && attempt(&fault_ops[i], journal, ++k, &good))
                all = all && good;
            ok(all && good && k < 1000, "%s: %lu operations of the %s", fault_ops[i].name, k - 1,
               journal ? "journal" : "disk");
            total += k - 1;
        }
    }
    ok(total > 100, "%lu operations failed in all", total);
    return tap_done();
}
