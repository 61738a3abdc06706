/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cache.h"
#include <string.h>

void su_cache_put(struct su_cache *c, struct su_bytes request, struct su_bytes answer, uint64_t now)
{
    unsigned i = c->next++ % SU_CACHE_ENTRIES;
    c->entry[i].until = 0;
    c->entry[i].request.n = c->entry[i].answer.n = 0;
    su_buf_add(&c->entry[i].request, request.p, request.n);
    su_buf_add(&c->entry[i].answer, answer.p, answer.n);
    if (!c->entry[i].request.failed && !c->entry[i].answer.failed)
        c->entry[i].until = now + SU_CACHE_MS;
}

bool su_cache_get(struct su_cache *c, struct su_bytes request, uint64_t now, struct su_bytes *answer)
{
    for (unsigned i = 0; i < SU_CACHE_ENTRIES; i++)
        if (c->entry[i].until > now && c->entry[i].request.n == request.n &&
            memcmp(c->entry[i].request.p, request.p, request.n) == 0) {
            *answer = su_buf_bytes(&c->entry[i].answer);
            return true;
        }
    return false;
}

void su_cache_clear(struct su_cache *c)
{
    for (unsigned i = 0; i < SU_CACHE_ENTRIES; i++) {
        su_buf_done(&c->entry[i].request);
        su_buf_done(&c->entry[i].answer);
        c->entry[i].until = 0;
    }
}
