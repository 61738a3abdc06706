/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/cache.h - the last answers of a slow key, for callers that ask the very same again within seconds.
 * The whole request is the key, nonce included, and requests without a nonce are not kept: an answer never serves
 * another nonce. */
#pragma once
#include "base/buf.h"

enum { SU_CACHE_ENTRIES = 64, SU_CACHE_MS = 5000 };
struct su_cache {
    struct {
        struct su_buf request, answer;
        uint64_t until; /* ms, monotonic; 0: empty */
    } entry[SU_CACHE_ENTRIES];
    unsigned next;
};
void su_cache_put(struct su_cache *c, struct su_bytes request, struct su_bytes answer, uint64_t now);
bool su_cache_get(struct su_cache *c, struct su_bytes request, uint64_t now, struct su_bytes *answer); /* borrowed */
void su_cache_clear(struct su_cache *c);                                                               /* frees */
