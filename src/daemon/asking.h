/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/asking.h - when the agent in a VM is asked next: seldom, once it has answered; less and less, while it is
 * silent; soon, when it connects, but however often it does that, not often.
 *
 * All times are seconds of CLOCK_MONOTONIC.  Pure. */
#pragma once
#include "base/su.h"

enum {
    SU_ASKING_AGAIN_S = 3600, /* systems seldom become others while they run */
    SU_ASKING_SILENT_S = 10,  /* after the first question without an answer; doubled up to AGAIN_S */
    SU_ASKING_SOON_S = 3,     /* after it connected */
    SU_ASKING_GAP_S = 60,     /* between two questions that cost something; doubled up to AGAIN_S */
};

/* All 0: a VM that was started just now. */
struct su_asking {
    uint64_t at;   /* the next question; 0: now */
    uint64_t last; /* the last one that cost something: an answer, or waiting for one; 0: none */
    uint32_t wait; /* what at was set by */
    uint32_t gap;  /* behind last */
    bool silent;   /* the last question had no answer */
};

void su_asking_connected(struct su_asking *a, uint64_t now);
/* took: seconds that the question took. */
void su_asking_done(struct su_asking *a, uint64_t now, bool answered, uint64_t took);
/* Which of two that are due comes first: those that were silent are in nobody's way. */
bool su_asking_before(const struct su_asking *a, const struct su_asking *b);
