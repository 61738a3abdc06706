/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for a guest to come up, by its agent or by what can be seen from outside. */
#include "base/clock.h"
#include "upgrade/verify_int.h"
#include <string.h>
#include <time.h>

/* AGAIN: a system with an agent that still starts; a bridge that learns and a slow lease take half of it.
 * SETTLE: nothing is missing, but an agent's channel is there, and one may still answer.
 * QUIET: from the first sign of life, when all that may still come is not required.
 * MAYBE: both, of a VM that was off, where an agent may be that would prove all: it is worth more patience. */
enum { TICK_MS = 1000, AGAIN_MS = 60000, SETTLE_MS = 10000, MAYBE_MS = 120000, QUIET_MS = 60000 };

struct wait {
    struct su_hv *hv;
    const char *uuid;
    const struct su_expect *x;
    int64_t deadline;
    bool (*cancelled)(void *);
    void *arg;
};

/* False when it is over: out of time, or cancelled. */
static bool tick(const struct wait *w, int64_t deadline)
{
    if (su_monotonic_ms() + TICK_MS > deadline || (w->cancelled && w->cancelled(w->arg)))
        return false;
    su_nap_ms(TICK_MS);
    return true;
}

/* Something that is required, and that the guest can still show until the time is up: there an early end would undo an
 * upgrade that is only slow. */
static bool pending(const struct su_expect *x, const struct su_evidence *ev)
{
    bool counted = ev->tx_known && ev->live.n_nics > 0;
    return x->agent_before || (x->network_before && counted && ev->tx_bytes == 0) ||
           (x->has_pcr4 && ev->nvram_read && !ev->nvram_shim);
}

/* All that can be seen of a start without asking the guest: its boot loader has run, and frames were sent where they
 * are counted. */
static bool outside_done(const struct su_evidence *ev)
{
    return su_loader_ran(ev) && (!ev->tx_known || ev->live.n_nics == 0 || ev->tx_bytes > 0);
}

static bool agent_asked(const struct wait *w, const struct su_evidence *ev)
{
    return ev->live.agent_channel || w->x->agent_before;
}

/* When what was first seen; 0: not yet. */
struct since {
    int64_t sign, complete;
};

/* Nothing more is to be seen: at once when the evidence is of the best, else after a while. */
static bool settled(const struct wait *w, const struct su_evidence *ev, struct since *t)
{
    if (pending(w->x, ev) || (!su_loader_ran(ev) && ev->tx_bytes == 0))
        return false;
    t->sign = t->sign ? t->sign : su_monotonic_ms();
    if (!outside_done(ev))
        return su_monotonic_ms() - t->sign >= (w->x->agent_maybe ? MAYBE_MS : QUIET_MS);
    t->complete = t->complete ? t->complete : su_monotonic_ms();
    return (!ev->live.agent_channel && ev->tx_bytes > 0) ||
           su_monotonic_ms() - t->complete >= (w->x->agent_maybe ? MAYBE_MS : SETTLE_MS);
}

/* Ends when the agent answers, when it need not and the rest is complete for a while, when the VM is off, in the end.
 */
static int await_guest(const struct wait *w, struct su_evidence *ev, bool *up, struct su_err *e)
{
    struct since t = {0};
    do {
        if (su_verify_outside(w->hv, w->uuid, ev, e) < 0)
            return -1;
        if (!ev->running || ev->simulated)
            return 0;
        if (agent_asked(w, ev) && su_agent_wait(w->hv, w->uuid, 0, up, e) < 0)
            return -1;
        if (*up || settled(w, ev, &t))
            return 0;
    } while (tick(w, w->deadline));
    return 0;
}

static bool network_awaited(const struct su_expect *x, const struct su_evidence *ev)
{
    char ignored[240];
    return ev->network_known && ((x->network_before && ev->net.n_addresses == 0) ||
                                 !su_cards_same(x->cards, &ev->net, ignored, sizeof ignored));
}

/* The agent is among the first that start.  Where systemd cannot be asked, a mount that is missing is waited for. */
static bool still_starting(const struct su_evidence *ev)
{
    if (ev->units[0])
        return strcmp(ev->units, "starting") == 0 || strcmp(ev->units, "initializing") == 0;
    return ev->efi == SU_YES && ev->root_disk[0] && ev->root_is_ours == SU_UNKNOWN;
}

static int collect(const struct wait *w, struct su_evidence *ev, struct su_err *e)
{
    bool up = false;
    if (await_guest(w, ev, &up, e) < 0)
        return -1;
    if (up && su_verify_inside(w->hv, w->uuid, ev, e) < 0)
        return -1;
    if (ev->simulated || !ev->running)
        return 0;
    int64_t most = su_monotonic_ms() + AGAIN_MS, deadline = most < w->deadline ? most : w->deadline;
    while (ev->inside && (network_awaited(w->x, ev) || still_starting(ev)) && tick(w, deadline))
        su_verify_again(w->hv, w->uuid, ev);
    return su_verify_outside(w->hv, w->uuid, ev, e); /* what NVRAM and the counters say now */
}

int su_verify_collect(struct su_hv *hv, const char *uuid, const struct su_expect *x, uint32_t timeout_s,
                      bool (*cancelled)(void *), void *arg, struct su_evidence *out, struct su_err *e)
{
    struct wait w = {.hv = hv, .uuid = uuid, .x = x, .cancelled = cancelled, .arg = arg};
    w.deadline = su_monotonic_ms() + (int64_t)timeout_s * 1000;
    SU_FREE struct su_evidence *ev = calloc(1, sizeof *ev);
    if (!ev)
        return su_fail_nomem(e, sizeof *ev);
    if (collect(&w, ev, e) < 0)
        return -1;
    if (cancelled && cancelled(arg))
        return su_fail(e, SU_E_CONFLICT, "vm.cancelled", "verification was asked to stop");
    *out = *ev;
    return 0;
}

int su_verify_look(struct su_hv *hv, const char *uuid, struct su_evidence *out, struct su_err *e)
{
    SU_FREE struct su_evidence *ev = calloc(1, sizeof *ev);
    if (!ev)
        return su_fail_nomem(e, sizeof *ev);
    if (su_verify_outside(hv, uuid, ev, e) < 0 ||
        (ev->running && !ev->simulated && su_verify_inside(hv, uuid, ev, e) < 0))
        return -1;
    *out = *ev;
    return 0;
}
