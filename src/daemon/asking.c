/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/asking.h"

static uint32_t doubled(uint32_t s, uint32_t first)
{
    const uint32_t next = s ? s * 2 : first;
    return next < SU_ASKING_AGAIN_S ? next : SU_ASKING_AGAIN_S;
}

void su_asking_connected(struct su_asking *a, uint64_t now)
{
    uint64_t soon = now + SU_ASKING_SOON_S;
    if (a->last && soon < a->last + a->gap)
        soon = a->last + a->gap;
    if (a->at <= soon)
        return;
    a->at = soon;
    a->wait = 0;
    a->silent = false;
}

void su_asking_done(struct su_asking *a, uint64_t now, bool answered, uint64_t took)
{
    if (answered || took > 0) { /* a VM without an agent that is connected costs nothing */
        bool long_ago = !a->last || now - a->last > SU_ASKING_AGAIN_S + SU_ASKING_GAP_S;
        a->gap = doubled(long_ago ? 0 : a->gap, SU_ASKING_GAP_S);
        a->last = now;
    }
    a->silent = !answered;
    a->wait = answered ? SU_ASKING_AGAIN_S : doubled(a->wait, SU_ASKING_SILENT_S);
    a->at = now + a->wait;
}

bool su_asking_before(const struct su_asking *a, const struct su_asking *b)
{
    return a->silent != b->silent ? !a->silent : a->at < b->at;
}
