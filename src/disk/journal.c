/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal_format.h"
#include <inttypes.h>
#include <string.h>

enum { CHUNK = SU_JF_CHUNK, WITNESS_AT = SU_JF_WITNESS_AT, WITNESS = SU_JF_WITNESS };

/* A change that was cut and not recovered must not be overwritten: the journal is its only way back. */
static int check_free(struct su_blk *journal, struct su_err *e)
{
    struct su_journal j = {0};
    struct su_jf_header h;
    uint8_t block[SU_JF_BLOCK];
    bool sealed;
    if (su_jf_read_header(journal, block, &h, &sealed, e) < 0 ||
        (sealed && su_jf_read_state(journal, block, &j, e) < 0))
        return -1;
    if (j.state != SU_JOURNAL_SEALED)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "undo.unfinished", "the undo journal holds a change that was cut short");
    return su_remedy(e, "run: surety disk recover IMAGE");
}

/* Making it ---------------------------------------------------------------- */

struct maker {
    struct su_blk *journal, *disk;
    const struct su_plan *p;
    uint64_t at; /* where the next kept bytes go */
    uint8_t *buf;
};

static int crc_new(struct maker *k, const struct su_step *s, uint32_t *out, struct su_err *e)
{
    uint32_t crc = 0;
    if (s->kind == SU_STEP_KEEP)
        return 0;
    for (uint64_t done = 0; done < s->n;) {
        size_t n = s->n - done < CHUNK ? (size_t)(s->n - done) : CHUNK;
        if (su_plan_bytes(k->p, s, done, k->buf, n, e) < 0)
            return -1;
        crc = su_jf_crc(crc, k->buf, n);
        done += n;
    }
    *out = crc;
    return 0;
}

static int keep_old(struct maker *k, struct su_journal_extent *x, struct su_err *e)
{
    uint64_t before = k->p->size_before;
    x->saved = x->off >= before ? 0 : before - x->off < x->n ? before - x->off : x->n;
    x->data_at = k->at;
    for (uint64_t done = 0; done < x->saved;) {
        size_t n = x->saved - done < CHUNK ? (size_t)(x->saved - done) : CHUNK;
        if (su_blk_read(k->disk, x->off + done, k->buf, n, e) < 0 ||
            su_blk_write(k->journal, k->at + done, k->buf, n, e) < 0)
            return -1;
        x->crc_old = su_jf_crc(x->crc_old, k->buf, n);
        done += n;
    }
    k->at += x->saved;
    return 0;
}

/* Between old and new there is nothing else a crash can leave: with both at hand, recovery knows this disk from
 * another one.  Of the ESP's contents only a disk that cannot grow would have any to tell. */
static bool keeps_new(const struct su_step *s)
{
    return s->kind == SU_STEP_WRITE && s->area != SU_AREA_ESP;
}

static int keep_new(struct maker *k, const struct su_step *s, struct su_journal_extent *x, struct su_err *e)
{
    if (!keeps_new(s) || x->saved == 0)
        return 0;
    x->new_at = k->at;
    for (uint64_t done = 0; done < x->saved;) {
        size_t n = x->saved - done < CHUNK ? (size_t)(x->saved - done) : CHUNK;
        if (su_plan_bytes(k->p, s, done, k->buf, n, e) < 0 || su_blk_write(k->journal, k->at + done, k->buf, n, e) < 0)
            return -1;
        done += n;
    }
    k->at += x->saved;
    return 0;
}

static size_t count_extents(const struct su_plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->step[i].kind != SU_STEP_BARRIER;
    return n;
}

static uint64_t kept_bytes(const struct su_plan *p)
{
    uint64_t total = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct su_step *s = &p->step[i];
        if (s->kind == SU_STEP_BARRIER || s->off >= p->size_before)
            continue;
        uint64_t n = s->n < p->size_before - s->off ? s->n : p->size_before - s->off;
        total += keeps_new(s) ? 2 * n : n;
    }
    return total;
}

static int save_extents(struct maker *k, uint8_t *table, struct su_err *e)
{
    for (size_t i = 0; i < k->p->n; i++) {
        const struct su_step *s = &k->p->step[i];
        if (s->kind == SU_STEP_BARRIER)
            continue;
        struct su_journal_extent x = {.off = s->off, .n = s->n, .area = s->area, .keep = s->kind == SU_STEP_KEEP};
        if (keep_old(k, &x, e) < 0 || keep_new(k, s, &x, e) < 0 || crc_new(k, s, &x.crc_new, e) < 0)
            return -1;
        su_jf_put_extent(&x, table);
        table += SU_JF_EXTENT;
    }
    return 0;
}

/* The old seal goes first, alone: without it nothing looks sealed while the rest is rewritten, and with it
 * the old marks must still be there, or a spent journal would come back to life. */
static int unseal(struct su_blk *journal, struct su_err *e)
{
    static const uint8_t zero[SU_JF_BODY_AT - SU_JF_BLOCK];
    return su_blk_write(journal, SU_JF_HEADER_AT, zero, SU_JF_BLOCK, e) < 0 || su_blk_flush(journal, e) < 0
               ? -1
               : su_blk_write(journal, SU_JF_BLOCK, zero, sizeof zero, e);
}

/* Everything but the seal. */
static int write_body(struct maker *k, struct su_bytes meta, struct su_jf_header *h, struct su_err *e)
{
    size_t n = count_extents(k->p), table_len = n * SU_JF_EXTENT;
    if (n > SU_JF_MAX_EXTENTS || meta.n > SU_JF_MAX_META)
        return su_fail(e, SU_E_RANGE, "undo.size", "the change has too many parts for an undo journal");
    SU_FREE uint8_t *table = calloc(n + 1, SU_JF_EXTENT);
    SU_FREE uint8_t *buf = malloc(CHUNK);
    if (!table || !buf)
        return su_fail_nomem(e, CHUNK);
    k->buf = buf;
    k->at = SU_JF_BODY_AT + table_len + meta.n;
    uint64_t size = su_round_up(k->at + kept_bytes(k->p), SU_SECTOR);
    bool fresh = k->journal->size == 0;
    if (k->journal->size < size && su_blk_resize(k->journal, size, e) < 0)
        return -1;
    if (!fresh && unseal(k->journal, e) < 0)
        return -1;
    if (save_extents(k, table, e) < 0 || su_blk_write(k->journal, SU_JF_BODY_AT, table, table_len, e) < 0 ||
        su_blk_write(k->journal, SU_JF_BODY_AT + table_len, meta.p, meta.n, e) < 0)
        return -1;
    *h = (struct su_jf_header){.n_extents = (uint32_t)n,
                               .size_before = k->p->size_before,
                               .size_during = k->p->size_during,
                               .size_after = k->p->size_after,
                               .meta_len = (uint32_t)meta.n,
                               .crc_extents = su_jf_crc(0, table, table_len),
                               .crc_meta = meta.n ? su_jf_crc(0, meta.p, meta.n) : 0};
    return su_blk_read(k->disk, WITNESS_AT, h->witness, sizeof h->witness, e);
}

static int seal(struct maker *k, struct su_bytes meta, uint8_t block[SU_JF_BLOCK], struct su_err *e)
{
    struct su_jf_header h;
    if (write_body(k, meta, &h, e) < 0 || su_blk_flush(k->journal, e) < 0)
        return -1;
    su_jf_put_header(&h, block);
    return su_blk_write(k->journal, SU_JF_HEADER_AT, block, SU_JF_BLOCK, e) < 0 || su_blk_flush(k->journal, e) < 0 ? -1
                                                                                                                   : 0;
}

/* Running it --------------------------------------------------------------- */

struct runner {
    struct su_blk *disk;
    const struct su_plan *p;
    const struct su_watch *watch;
    uint64_t done, total;
    uint8_t *buf;
};

static int tell(const struct runner *r, const char *why, struct su_err *e)
{
    if (!r->watch || r->watch->step(r->watch->arg, why, r->done, r->total) == 0)
        return 0;
    (void)su_fail(e, SU_E_CONFLICT, "disk.interrupted", "interrupted");
    return su_remedy(e, "nothing was written; run the command again");
}

static int run_write(struct runner *r, const struct su_step *s, struct su_err *e)
{
    for (uint64_t at = 0; at < s->n;) {
        size_t n = s->n - at < CHUNK ? (size_t)(s->n - at) : CHUNK;
        const uint8_t *from = s->bytes ? s->bytes + at : r->buf;
        if (!s->bytes && su_plan_bytes(r->p, s, at, r->buf, n, e) < 0)
            return -1;
        if (su_blk_write(r->disk, s->off + at, from, n, e) < 0)
            return -1;
        at += n;
        r->done += n;
    }
    return 0;
}

static int run_step(struct runner *r, const struct su_step *s, struct su_err *e)
{
    switch (s->kind) {
    case SU_STEP_WRITE:
        return run_write(r, s, e);
    case SU_STEP_BARRIER:
        return su_blk_flush(r->disk, e);
    case SU_STEP_KEEP:
        return 0;
    }
    return 0;
}

static int run_steps(struct runner *r, struct su_err *e)
{
    for (size_t i = 0; i < r->p->n; i++) {
        const struct su_step *s = &r->p->step[i];
        if (tell(r, s->why, e) < 0)
            return -1;
        if (run_step(r, s, e) < 0)
            return su_context(e, "%s", s->why);
    }
    return su_blk_flush(r->disk, e);
}

static int check_plan(const struct su_plan *p, struct su_blk *disk, struct su_err *e)
{
    uint8_t was[WITNESS], now;
    if (su_plan_check(p, e) < 0)
        return -1;
    if (disk->size != p->size_before || disk->size < WITNESS_AT + WITNESS)
        return su_fail(e, SU_E_CONFLICT, "disk.changed", "the disk is not the one the plan was made for");
    if (su_blk_read(disk, WITNESS_AT, was, sizeof was, e) < 0)
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct su_step *s = &p->step[i];
        for (uint64_t k = 0; s->kind == SU_STEP_WRITE && k < WITNESS; k++) {
            uint64_t at = WITNESS_AT + k;
            if (at < s->off || at - s->off >= s->n)
                continue;
            if (su_plan_bytes(p, s, at - s->off, &now, 1, e) < 0)
                return -1;
            if (now != was[k])
                return su_fail(e, SU_E_RANGE, "disk.plan.invalid", "step '%s' changes the disk's identifier", s->why);
        }
    }
    return 0;
}

int su_journal_run(struct su_blk *journal, struct su_blk *disk, const struct su_plan *p, struct su_bytes meta,
                   const struct su_watch *watch, struct su_err *e)
{
    uint8_t header[SU_JF_BLOCK];
    struct maker k = {.journal = journal, .disk = disk, .p = p};
    SU_FREE uint8_t *buf = malloc(CHUNK);
    struct runner r = {.disk = disk, .p = p, .watch = watch, .total = su_plan_total(p), .buf = buf};
    if (!buf)
        return su_fail_nomem(e, CHUNK);
    if (check_plan(p, disk, e) < 0 || check_free(journal, e) < 0)
        return -1;
    if (tell(&r, "saving what changes", e) < 0 || seal(&k, meta, header, e) < 0)
        return su_context(e, "writing the undo journal");
    if (p->size_during != p->size_before &&
        (tell(&r, "growing the disk", e) < 0 || su_blk_resize(disk, p->size_during, e) < 0))
        return su_context(e, "growing the disk");
    if (run_steps(&r, e) < 0)
        return -1;
    if (su_jf_mark(journal, SU_JF_COMMIT, header, e) < 0)
        return su_context(e, "committing");
    return p->size_after == p->size_during ? 0 : su_jf_settle(journal, disk, p->size_after, header, e);
}

uint32_t su_journal_crc(const uint8_t *p, size_t n)
{
    return su_jf_crc(0, p, n);
}
