/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses the kind of file: what comes out is bounded, unique and printable. */
#include "must.h"
#include "guest/netnames.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_netnames l = {0};
    if (n == 0)
        return 0;
    su_netnames_add(&l, data[0] % SU_NETFILE_COUNT, (struct su_bytes){data + 1, n - 1});
    MUST(l.n <= SU_NETNAMES_MAX && (!l.more || l.n == SU_NETNAMES_MAX));
    for (unsigned i = 0; i < l.n; i++) {
        const struct su_netname *m = &l.name[i];
        MUST(memchr(m->name, 0, sizeof m->name) && m->name[0]);
        MUST(m->pinned || m->kind != SU_NETNAME_STABLE);
        for (const char *p = m->name; *p; p++)
            MUST(*p > ' ' && *p <= '~');
        for (unsigned k = 0; k < i; k++)
            MUST(strcmp(l.name[k].name, m->name) != 0);
    }
    return 0;
}
