/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crash.h"
#include "disk/journal_format.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum want { ANY, OLD, NEW };

struct ctx {
    const struct su_crash_case *c;
    struct su_crash_count *count;
    struct su_sim_image before[SU_SIM_DISKS], after[SU_SIM_DISKS]; /* after the run that nothing disturbed */
    enum su_journal_state stale; /* of the journal that was there before */
    uint64_t *seen;              /* hashes of judged states: a set */
    size_t n_seen, cap_seen;
    uint64_t seed;
    bool failed;
    char *why;
    size_t why_cap;
};

/* One run or recovery under way, and how the state it started from came about. */
struct level {
    struct ctx *x;
    const struct level *parent;
    unsigned crashes; /* that its states have been through */
    unsigned long op;
    char how[80];
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static void put_path(const struct level *l, char *out, size_t cap)
{
    if (l->parent)
        put_path(l->parent, out, cap); /* at most SU_CRASH_MAX deep */
    size_t n = strlen(out);
    snprintf(out + n, cap - n, "; %s %lu%s", l->crashes == 1 ? "run cut at" : "recovery cut at", l->op, l->how);
}

static void broken(struct ctx *x, const struct level *l, const char *what)
{
    if (x->failed)
        return;
    x->failed = true;
    snprintf(x->why, x->why_cap, "%s", what);
    if (l)
        put_path(l, x->why, x->why_cap);
}

static bool insert_hash(struct ctx *x, uint64_t h)
{
    for (size_t i = h & (x->cap_seen - 1);; i = (i + 1) & (x->cap_seen - 1)) {
        if (x->seen[i] == h)
            return false;
        if (x->seen[i] == 0) {
            x->seen[i] = h;
            x->n_seen++;
            return true;
        }
    }
}

/* true: seen for the first time. */
static bool fresh(struct ctx *x, uint64_t h)
{
    if (2 * x->n_seen >= x->cap_seen) {
        uint64_t *old = x->seen;
        size_t cap = x->cap_seen;
        x->cap_seen = cap ? 2 * cap : 4096;
        x->n_seen = 0;
        x->seen = need(calloc(x->cap_seen, sizeof *x->seen));
        for (size_t i = 0; i < cap; i++)
            if (old[i])
                insert_hash(x, old[i]);
        free(old);
    }
    return insert_hash(x, h ? h : 1);
}

static int run(struct ctx *x, struct su_sim *w, struct su_err *e)
{
    return su_journal_run(su_sim_blk(w, SU_SIM_JOURNAL), su_sim_blk(w, SU_SIM_DISK), x->c->plan, x->c->meta, NULL, e);
}

/* The journal holds the old bytes of every step that is not a barrier, as far as they existed. */
static bool kept_intact(struct ctx *x, struct su_sim *w)
{
    SU_JOURNAL struct su_journal j = {0};
    struct su_err e = {0};
    size_t i = 0;
    if (su_journal_open(su_sim_blk(w, SU_SIM_JOURNAL), &j, &e) < 0 || j.state != SU_JOURNAL_COMMITTED)
        return false;
    for (size_t k = 0; k < x->c->plan->n; k++) {
        const struct su_step *s = &x->c->plan->step[k];
        if (s->kind == SU_STEP_BARRIER)
            continue;
        const struct su_journal_extent *q = i < j.n ? &j.extent[i++] : NULL;
        uint64_t size = x->before[SU_SIM_DISK].size;
        uint64_t had = s->off >= size ? 0 : size - s->off < s->n ? size - s->off : s->n;
        if (!q || q->off != s->off || q->n != s->n || q->saved != had || q->keep != (s->kind == SU_STEP_KEEP) ||
            q->area != s->area)
            return false;
        SU_FREE uint8_t *kept = need(malloc((size_t)had + 1)), *was = need(malloc((size_t)had + 1));
        su_sim_image_read(&x->before[SU_SIM_DISK], s->off, was, (size_t)had);
        if (su_journal_kept(su_sim_blk(w, SU_SIM_JOURNAL), q, kept, &e) < 0 || memcmp(kept, was, (size_t)had) != 0)
            return false;
    }
    return i == j.n && j.meta.n == x->c->meta.n && (j.meta.n == 0 || memcmp(j.meta.p, x->c->meta.p, j.meta.n) == 0);
}

/* The journal's header is still, or again, the one of the journal that was there before. */
static bool header_stale(const struct ctx *x, const struct su_sim *w)
{
    uint8_t a[SU_JF_BLOCK], b[SU_JF_BLOCK];
    if (x->c->journal_size < sizeof a || w->disk[SU_SIM_JOURNAL].stable.size < sizeof b)
        return false;
    su_sim_image_read(&x->before[SU_SIM_JOURNAL], 0, a, sizeof a);
    su_sim_image_read(&w->disk[SU_SIM_JOURNAL].stable, 0, b, sizeof b);
    return memcmp(a, b, sizeof a) == 0;
}

/* Of the journal in these images. */
static enum su_journal_state state_of(const struct su_sim_image state[SU_SIM_DISKS])
{
    SU_JOURNAL struct su_journal j = {0};
    struct su_err e = {0};
    SU_SIM struct su_sim w;
    su_sim_init(&w, state);
    return su_journal_open(su_sim_blk(&w, SU_SIM_JOURNAL), &j, &e) < 0 ? SU_JOURNAL_NONE : j.state;
}

/* What a machine that comes up now would find in the journal. */
static enum su_journal_state stable_state(const struct su_sim *w)
{
    const struct su_sim_image state[] = {w->disk[0].stable, w->disk[1].stable};
    return state_of(state);
}

/* After a reported success with state was: what is stable must be what was reported. */
static void judge(struct ctx *x, struct su_sim *w, enum su_journal_state was, enum want want, const struct level *l)
{
    const struct su_sim_image *d = &w->disk[SU_SIM_DISK].stable;
    bool old = su_sim_image_equal(d, &x->before[SU_SIM_DISK]), new = su_sim_image_equal(d, &x->after[SU_SIM_DISK]);
    bool committed = was == SU_JOURNAL_COMMITTED;
    x->count->old_seen += old;
    x->count->new_seen += new;
    if (w->n_pending)
        broken(x, l, "success is reported with operations unflushed");
    else if (w->disk[SU_SIM_DISK].blk.size != d->size)
        broken(x, l, "the size a reader sees is not the stable one");
    else if (!old && !new)
        broken(x, l, "the disk is neither old nor new");
    else if (want != ANY && (want == OLD ? !old : !new))
        broken(x, l, "a reported outcome did not last");
    else if (stable_state(w) == SU_JOURNAL_SEALED)
        broken(x, l, "success is reported, but the next boot would find work to do");
    else if (committed && x->stale == SU_JOURNAL_COMMITTED && header_stale(x, w))
        return; /* the verdict may be of the earlier run; the caller looks at the disk too */
    else if (committed ? !new : !old)
        broken(x, l, committed ? "committed, but the disk is not new" : "not committed, but the disk is not old");
    else if (committed && !kept_intact(x, w))
        broken(x, l, "committed, but the journal lost what it kept");
}

static void recover(struct ctx *x, struct su_sim *w, enum want want, const struct level *l)
{
    enum su_journal_state was = SU_JOURNAL_NONE, again = SU_JOURNAL_NONE;
    struct su_err e = {0};
    char text[300];
    x->count->recoveries++;
    int rc = su_journal_recover(su_sim_blk(w, SU_SIM_JOURNAL), su_sim_blk(w, SU_SIM_DISK), &was, &e);
    if (rc == 0) {
        judge(x, w, was, want, l);
        w->hook = NULL;
        rc = su_journal_recover(su_sim_blk(w, SU_SIM_JOURNAL), su_sim_blk(w, SU_SIM_DISK), &again, &e);
    }
    if (rc < 0) {
        snprintf(text, sizeof text, "recovery fails: %s", e.msg);
        broken(x, l, text);
        return;
    }
    if (again != (was == SU_JOURNAL_SEALED ? SU_JOURNAL_REVERTED : was))
        broken(x, l, "a second recovery finds another outcome");
    judge(x, w, again, was == SU_JOURNAL_COMMITTED ? want : OLD, l);
}

static void collect(void *arg, struct su_sim *w);

/* A machine comes up with these disks, after `crashes` power cuts. */
static void boot(struct ctx *x, const struct su_sim_image state[SU_SIM_DISKS], enum want want, unsigned crashes,
                 const struct level *from)
{
    uint64_t h = su_sim_image_hash(&state[0]) * 31 + su_sim_image_hash(&state[1]) * 17 + (uint64_t)want * 5 + crashes;
    x->count->states++;
    if (x->failed || !fresh(x, h))
        return;
    x->count->judged++;
    struct level l = {.x = x, .parent = from, .crashes = crashes + 1};
    SU_SIM struct su_sim w;
    su_sim_init(&w, state);
    if (crashes < x->c->crashes) {
        w.hook = collect;
        w.arg = &l;
    }
    recover(x, &w, want, from);
}

static void cut(struct level *l, struct su_sim *w, const bool *keep, uint64_t tear)
{
    struct su_sim_image state[SU_SIM_DISKS];
    size_t n = w->n_pending, at = 0;
    l->op = w->op;
    at += (size_t)snprintf(l->how, sizeof l->how, " seed %" PRIx64 " keep ", tear);
    for (size_t i = 0; i < n && at + 2 < sizeof l->how; i++)
        l->how[at++] = keep[i] ? '1' : '0';
    l->how[at] = 0;
    su_sim_settle(w, keep, &tear, state);
    boot(l->x, state, ANY, l->crashes, l);
    su_sim_image_done(&state[0]);
    su_sim_image_done(&state[1]);
}

static uint64_t next_seed(struct ctx *x)
{
    uint64_t s = su_sim_random(&x->seed);
    return s ? s : 1;
}

/* Hook: the newest operation survives, with every subset of the others; without it, see the hook before. */
static void collect(void *arg, struct su_sim *w)
{
    struct level *l = arg;
    struct ctx *x = l->x;
    size_t n = w->n_pending;
    bool small = n <= x->c->all_upto;
    uint64_t ways = small ? UINT64_C(1) << (n - 1) : x->c->samples;
    SU_FREE bool *keep = need(malloc(n * sizeof *keep));
    keep[n - 1] = true;
    for (uint64_t k = 0; k < ways && !x->failed; k++) {
        for (size_t i = 0; i + 1 < n; i++)
            keep[i] = small ? k >> i & 1 : su_sim_random(&x->seed) >> 63;
        cut(l, w, keep, 0);
    }
    for (size_t i = 0; i + 1 < n; i++)
        keep[i] = true;
    if (!small)
        cut(l, w, keep, 0);
    for (unsigned k = 0; k < x->c->torn[l->crashes - 1] && !x->failed; k++) {
        for (size_t i = 0; i + 1 < n; i++)
            keep[i] = k % 2 == 0 || su_sim_random(&x->seed) >> 63;
        cut(l, w, keep, next_seed(x));
    }
}

/* One operation of the run fails; the process goes on to recover, perhaps through power cuts. */
static void fault_in_run(struct ctx *x, unsigned long at, enum su_sim_fault how)
{
    struct su_err e = {0};
    struct level l = {.x = x, .crashes = x->c->crashes, .op = at};
    SU_SIM struct su_sim w;
    su_sim_init(&w, x->before);
    w.fail_at = at;
    w.how = how;
    snprintf(l.how, sizeof l.how, " by an I/O error, way %d", (int)how);
    x->count->faults++;
    if (run(x, &w, &e) == 0)
        broken(x, &l, "an I/O error went unnoticed");
    w.hook = collect;
    w.arg = &l;
    recover(x, &w, ANY, &l);
}

/* One operation of a recovery fails; it is run again in the same process. */
static void fault_in_recovery(struct ctx *x, unsigned long cut_at, enum su_sim_fault how)
{
    for (unsigned long at = 1;; at++) {
        struct su_err e = {0};
        enum su_journal_state was = SU_JOURNAL_NONE;
        struct level l = {.x = x, .crashes = 2, .op = at};
        SU_SIM struct su_sim w;
        su_sim_init(&w, x->before);
        w.fail_at = cut_at;
        if (run(x, &w, &e) == 0)
            return;
        w.op = 0;
        w.fail_at = at;
        w.how = how;
        snprintf(l.how, sizeof l.how, " by an I/O error, way %d, after one in the run at %lu", (int)how, cut_at);
        x->count->faults++;
        int rc = su_journal_recover(su_sim_blk(&w, SU_SIM_JOURNAL), su_sim_blk(&w, SU_SIM_DISK), &was, &e);
        if (w.op < at || x->failed)
            return;
        if (rc == 0)
            broken(x, &l, "an I/O error went unnoticed");
        recover(x, &w, ANY, &l);
    }
}

static void faults(struct ctx *x)
{
    for (unsigned long at = 1; at <= x->count->run_ops; at++) {
        for (int how = 0; how < SU_SIM_FAULTS && !x->failed; how++) {
            fault_in_run(x, at, (enum su_sim_fault)how);
            fault_in_recovery(x, at, (enum su_sim_fault)how);
        }
    }
}

static bool undisturbed(struct ctx *x)
{
    struct su_err e = {0};
    SU_SIM struct su_sim w;
    su_sim_init(&w, x->before);
    int rc = run(x, &w, &e);
    x->count->run_ops = w.op;
    x->count->journal_size = w.disk[SU_SIM_JOURNAL].stable.size;
    for (int i = 0; i < SU_SIM_DISKS; i++)
        su_sim_image_copy(&x->after[i], &w.disk[i].stable);
    if (rc < 0)
        snprintf(x->why, x->why_cap, "the run fails: %s", e.msg);
    else if (w.n_pending || x->after[SU_SIM_DISK].size != x->c->plan->size_after)
        snprintf(x->why, x->why_cap, "the run leaves something unflushed or another size");
    else if (!kept_intact(x, &w))
        snprintf(x->why, x->why_cap, "the journal does not hold what it should");
    else
        return true;
    return false;
}

static void explore(struct ctx *x)
{
    struct su_err e = {0};
    struct level l = {.x = x, .crashes = 1};
    boot(x, x->before, OLD, SU_CRASH_MAX, NULL);
    boot(x, x->after, NEW, SU_CRASH_MAX, NULL);
    SU_SIM struct su_sim w;
    su_sim_init(&w, x->before);
    w.hook = collect;
    w.arg = &l;
    if (run(x, &w, &e) < 0)
        broken(x, NULL, "the run fails the second time");
    if (x->c->faults && !x->failed)
        faults(x);
}

bool su_crash_all(const struct su_crash_case *c, struct su_crash_count *count, char *why, size_t cap)
{
    struct ctx x = {.c = c, .count = count, .seed = c->seed, .why = why, .why_cap = cap};
    *count = (struct su_crash_count){0};
    su_sim_image_init(&x.before[SU_SIM_DISK], c->disk, c->plan->size_before);
    su_sim_image_init(&x.before[SU_SIM_JOURNAL], c->journal, c->journal_size);
    x.stale = state_of(x.before);
    x.failed = !undisturbed(&x);
    if (!x.failed)
        explore(&x);
    for (int i = 0; i < SU_SIM_DISKS; i++) {
        su_sim_image_done(&x.before[i]);
        su_sim_image_done(&x.after[i]);
    }
    free(x.seen);
    return !x.failed;
}
