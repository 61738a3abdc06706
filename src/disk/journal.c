/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal.h"
#include "journal_format.h"
#include <inttypes.h>
#include <string.h>

enum { CHUNK = 256 * 1024, WITNESS_AT = 440 };

void su_journal_done(struct su_journal *j)
{
    free(j->extent);
    su_buf_done(&j->meta);
    *j = (struct su_journal){0};
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
        total += s->n < p->size_before - s->off ? s->n : p->size_before - s->off;
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
        if (keep_old(k, &x, e) < 0 || crc_new(k, s, &x.crc_new, e) < 0)
            return -1;
        su_jf_put_extent(&x, table);
        table += SU_JF_EXTENT;
    }
    return 0;
}

/* Everything but the seal.  The old seal goes first: while the body is rewritten nothing may look sealed. */
static int write_body(struct maker *k, struct su_bytes meta, struct su_jf_header *h, struct su_err *e)
{
    static const uint8_t zero[SU_JF_BODY_AT];
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
    if (!fresh && (su_blk_write(k->journal, 0, zero, sizeof zero, e) < 0 || su_blk_flush(k->journal, e) < 0))
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

static int mark(struct su_blk *journal, enum su_jf_mark which, const uint8_t header[SU_JF_BLOCK], struct su_err *e)
{
    uint8_t s[SU_SECTOR];
    su_jf_put_mark(which, header, s);
    uint64_t at = which == SU_JF_COMMIT ? SU_JF_COMMIT_AT : SU_JF_REVERT_AT;
    return su_blk_write(journal, at, s, sizeof s, e) < 0 || su_blk_flush(journal, e) < 0 ? -1 : 0;
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
    return su_fail(e, SU_E_CONFLICT, "disk.interrupted", "interrupted");
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

/* The last resize of a committed plan: repeated by recovery until it has happened. */
static int settle_size(struct su_blk *disk, uint64_t size, struct su_err *e)
{
    if (disk->size == size)
        return 0;
    return su_blk_resize(disk, size, e) < 0 || su_blk_flush(disk, e) < 0 ? su_context(e, "setting the final size") : 0;
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
    if (su_plan_check(p, e) < 0)
        return -1;
    if (disk->size != p->size_before || disk->size < WITNESS_AT + sizeof((struct su_jf_header *)0)->witness)
        return su_fail(e, SU_E_CONFLICT, "disk.changed", "the disk is not the one the plan was made for");
    if (tell(&r, "saving what changes", e) < 0 || seal(&k, meta, header, e) < 0)
        return su_context(e, "writing the undo journal");
    if (p->size_during != p->size_before &&
        (tell(&r, "growing the disk", e) < 0 || su_blk_resize(disk, p->size_during, e) < 0))
        return su_context(e, "growing the disk");
    if (run_steps(&r, e) < 0)
        return -1;
    if (mark(journal, SU_JF_COMMIT, header, e) < 0)
        return su_context(e, "committing");
    return settle_size(disk, p->size_after, e);
}

/* Reading it --------------------------------------------------------------- */

static bool extent_fits(const struct su_journal *j, const struct su_journal_extent *x, uint64_t journal_size)
{
    return x->off <= j->size_during && x->n <= j->size_during - x->off && x->saved <= x->n &&
           x->data_at <= journal_size && x->saved <= journal_size - x->data_at;
}

static int take_extents(struct su_blk *journal, const struct su_jf_header *h, struct su_journal *j, struct su_err *e)
{
    size_t len = (size_t)h->n_extents * SU_JF_EXTENT;
    SU_FREE uint8_t *table = malloc(len + 1);
    j->extent = calloc((size_t)h->n_extents + 1, sizeof *j->extent);
    if (!table || !j->extent)
        return su_fail_nomem(e, len);
    if (su_blk_read(journal, SU_JF_BODY_AT, table, len, e) < 0)
        return -1;
    if (su_jf_crc(0, table, len) != h->crc_extents)
        return su_fail(e, SU_E_FORMAT, "undo.damaged", "the list of extents is damaged");
    for (; j->n < h->n_extents; j->n++) {
        struct su_journal_extent *x = &j->extent[j->n];
        if (!su_jf_take_extent(table + j->n * SU_JF_EXTENT, x) || !extent_fits(j, x, journal->size))
            return su_fail(e, SU_E_FORMAT, "undo.damaged", "extent %zu makes no sense", j->n + 1);
    }
    return 0;
}

static int take_meta(struct su_blk *journal, const struct su_jf_header *h, struct su_journal *j, struct su_err *e)
{
    uint64_t at = SU_JF_BODY_AT + (uint64_t)h->n_extents * SU_JF_EXTENT;
    su_buf_zero(&j->meta, h->meta_len);
    if (su_buf_ok(&j->meta, e) < 0)
        return -1;
    if (su_blk_read(journal, at, j->meta.p, h->meta_len, e) < 0)
        return -1;
    if (h->meta_len && su_jf_crc(0, j->meta.p, h->meta_len) != h->crc_meta)
        return su_fail(e, SU_E_FORMAT, "undo.damaged", "the description is damaged");
    return 0;
}

static int read_header(struct su_blk *journal, uint8_t block[SU_JF_BLOCK], struct su_jf_header *h, bool *sealed,
                       struct su_err *e)
{
    *sealed = false;
    if (journal->size < SU_JF_BODY_AT)
        return 0;
    if (su_blk_read(journal, SU_JF_HEADER_AT, block, SU_JF_BLOCK, e) < 0)
        return -1;
    *sealed = su_jf_take_header(block, h);
    return 0;
}

static int read_state(struct su_blk *journal, const uint8_t header[SU_JF_BLOCK], enum su_journal_state *state,
                      struct su_err *e)
{
    uint8_t commit[SU_SECTOR], revert[SU_SECTOR];
    if (su_blk_read(journal, SU_JF_COMMIT_AT, commit, sizeof commit, e) < 0 ||
        su_blk_read(journal, SU_JF_REVERT_AT, revert, sizeof revert, e) < 0)
        return -1;
    *state = su_jf_is_mark(SU_JF_REVERT, header, revert)   ? SU_JOURNAL_REVERTED
             : su_jf_is_mark(SU_JF_COMMIT, header, commit) ? SU_JOURNAL_COMMITTED
                                                           : SU_JOURNAL_SEALED;
    return 0;
}

int su_journal_open(struct su_blk *journal, struct su_journal *out, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    struct su_jf_header h;
    uint8_t block[SU_JF_BLOCK];
    bool sealed;
    if (read_header(journal, block, &h, &sealed, e) < 0)
        return -1;
    if (sealed) {
        if (h.n_extents > SU_JF_MAX_EXTENTS || h.meta_len > SU_JF_MAX_META || h.size_during < h.size_before)
            return su_fail(e, SU_E_FORMAT, "undo.damaged", "the header makes no sense");
        j.size_before = h.size_before;
        j.size_during = h.size_during;
        j.size_after = h.size_after;
        memcpy(j.witness, h.witness, sizeof j.witness);
        if (read_state(journal, block, &j.state, e) < 0 || take_extents(journal, &h, &j, e) < 0 ||
            take_meta(journal, &h, &j, e) < 0)
            return -1;
    }
    *out = j;
    j = (struct su_journal){0};
    return 0;
}

int su_journal_check_disk(const struct su_journal *j, struct su_blk *disk, struct su_err *e)
{
    uint8_t now[sizeof j->witness];
    bool fits = disk->size == j->size_before || disk->size == j->size_during || disk->size == j->size_after;
    if (fits && su_blk_read(disk, WITNESS_AT, now, sizeof now, e) < 0)
        return -1;
    if (!fits || memcmp(now, j->witness, sizeof now) != 0)
        return su_fail(e, SU_E_CONFLICT, "undo.other-disk", "the undo journal was not made for this disk");
    return 0;
}

int su_journal_kept(struct su_blk *journal, const struct su_journal_extent *x, uint8_t *buf, struct su_err *e)
{
    if (su_blk_read(journal, x->data_at, buf, (size_t)x->saved, e) < 0)
        return -1;
    if (su_jf_crc(0, buf, (size_t)x->saved) != x->crc_old)
        return su_fail(e, SU_E_FORMAT, "undo.damaged", "the bytes kept for offset %" PRIu64 " are damaged", x->off);
    return 0;
}

/* Recovery ----------------------------------------------------------------- */

/* One extent in chunks: checked (disk NULL) or put back. */
static int walk_kept(struct su_blk *journal, struct su_blk *disk, const struct su_journal_extent *x, uint8_t *buf,
                     struct su_err *e)
{
    uint32_t crc = 0;
    for (uint64_t done = 0; done < x->saved;) {
        size_t n = x->saved - done < CHUNK ? (size_t)(x->saved - done) : CHUNK;
        if (su_blk_read(journal, x->data_at + done, buf, n, e) < 0)
            return -1;
        crc = su_jf_crc(crc, buf, n);
        if (disk && su_blk_write(disk, x->off + done, buf, n, e) < 0)
            return -1;
        done += n;
    }
    if (crc != x->crc_old)
        return su_fail(e, SU_E_FORMAT, "undo.damaged", "the bytes kept for offset %" PRIu64 " are damaged", x->off);
    return 0;
}

static int put_back(struct su_blk *journal, struct su_blk *disk, const struct su_journal *j, struct su_err *e)
{
    SU_FREE uint8_t *buf = malloc(CHUNK);
    if (!buf)
        return su_fail_nomem(e, CHUNK);
    for (size_t i = 0; i < j->n; i++) /* all of it is good, or nothing is touched */
        if (walk_kept(journal, NULL, &j->extent[i], buf, e) < 0)
            return -1;
    for (size_t i = 0; i < j->n; i++)
        if (!j->extent[i].keep && walk_kept(journal, disk, &j->extent[i], buf, e) < 0)
            return su_context(e, "putting back extent %zu", i + 1);
    if (su_blk_flush(disk, e) < 0)
        return -1;
    return settle_size(disk, j->size_before, e);
}

int su_journal_recover(struct su_blk *journal, struct su_blk *disk, enum su_journal_state *was, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    uint8_t header[SU_JF_BLOCK];
    if (su_journal_open(journal, &j, e) < 0)
        return -1;
    /* A committed disk of any third size was resized by its owner since: nothing of ours is open. */
    bool cut = j.state == SU_JOURNAL_SEALED;
    bool resize = j.state == SU_JOURNAL_COMMITTED && disk->size == j.size_during && disk->size != j.size_after;
    if ((cut || resize) && su_journal_check_disk(&j, disk, e) < 0)
        return -1;
    if (resize && settle_size(disk, j.size_after, e) < 0)
        return -1;
    if (cut && (su_blk_read(journal, 0, header, sizeof header, e) < 0 || put_back(journal, disk, &j, e) < 0 ||
                mark(journal, SU_JF_REVERT, header, e) < 0))
        return -1;
    *was = j.state;
    return 0;
}

int su_journal_spend(struct su_blk *journal, struct su_err *e)
{
    uint8_t header[SU_JF_BLOCK];
    if (su_blk_read(journal, 0, header, sizeof header, e) < 0)
        return -1;
    return mark(journal, SU_JF_REVERT, header, e);
}
