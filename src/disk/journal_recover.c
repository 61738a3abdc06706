/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal_format.h"
#include <inttypes.h>
#include <string.h>

/* Reads a journal, and finishes or undoes what it is about. */
enum { CHUNK = SU_JF_CHUNK, WITNESS_AT = SU_JF_WITNESS_AT, WITNESS = SU_JF_WITNESS };

void su_journal_done(struct su_journal *j)
{
    free(j->extent);
    su_buf_done(&j->meta);
    *j = (struct su_journal){0};
}

static bool extent_fits(const struct su_journal *j, const struct su_journal_extent *x, uint64_t journal_size)
{
    uint64_t old = x->off < j->size_before ? j->size_before - x->off : 0;
    return x->off <= j->size_during && x->n <= j->size_during - x->off && x->saved == (x->n < old ? x->n : old) &&
           x->data_at <= journal_size && x->saved <= journal_size - x->data_at && x->new_at <= journal_size &&
           (x->new_at == 0 || x->saved <= journal_size - x->new_at);
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
            return su_fail(e, SU_E_FORMAT, "undo.damaged", "the undo journal's extent %zu makes no sense", j->n + 1);
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

int su_journal_open(struct su_blk *journal, struct su_journal *out, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    struct su_jf_header h;
    uint8_t block[SU_JF_BLOCK];
    bool sealed;
    if (su_jf_read_header(journal, block, &h, &sealed, e) < 0)
        return -1;
    if (sealed) {
        if (h.n_extents > SU_JF_MAX_EXTENTS || h.meta_len > SU_JF_MAX_META || h.size_during < h.size_before)
            return su_fail(e, SU_E_FORMAT, "undo.damaged", "the header makes no sense");
        j.size_before = h.size_before;
        j.size_during = h.size_during;
        j.size_after = h.size_after;
        memcpy(j.witness, h.witness, sizeof j.witness);
        uint64_t body = (uint64_t)h.n_extents * SU_JF_EXTENT + h.meta_len;
        if (body > journal->size - SU_JF_BODY_AT)
            return su_fail(e, SU_E_FORMAT, "undo.damaged", "the undo journal is cut short");
        if (su_jf_read_state(journal, block, &j, e) < 0 || take_extents(journal, &h, &j, e) < 0 ||
            take_meta(journal, &h, &j, e) < 0)
            return -1;
    }
    *out = j;
    j = (struct su_journal){0};
    return 0;
}

static bool blank(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

int su_journal_check_file(struct su_blk *journal, struct su_err *e)
{
    static const char magic[] = "SURETYUJ";
    uint8_t head[SU_JF_BODY_AT] = {0};
    struct su_jf_header h;
    size_t n = journal->size < sizeof head ? (size_t)journal->size : sizeof head;
    if (su_blk_read(journal, 0, head, n, e) < 0)
        return -1;
    if (su_jf_take_header(head, &h) || blank(head, SU_JF_BLOCK))
        return 0;
    bool torn = blank(head + SU_JF_HEADER_USED, SU_JF_BLOCK - 4 - SU_JF_HEADER_USED), ours = true;
    for (size_t i = 0; magic[i]; i++) {
        torn = torn && (head[i] == 0 || head[i] == (uint8_t)magic[i]); /* in part, so to speak, it is there */
        ours = ours && head[i] == (uint8_t)magic[i];
    }
    /* One that was spent may be made anew, and be cut in that; one that is in force is never overwritten. */
    bool marked = !blank(head + SU_JF_COMMIT_AT, SU_JF_BLOCK) && blank(head + SU_JF_REVERT_AT, SU_JF_BLOCK);
    if (torn && !marked)
        return 0;
    if (!torn && !ours) {
        (void)su_fail(e, SU_E_CONFLICT, "undo.foreign", "the file is not an undo journal");
        return su_remedy(e, "name this disk's undo journal with --undo, or a file that is not there yet");
    }
    (void)su_fail(e, SU_E_FORMAT, "undo.damaged", "the undo journal's header is damaged");
    return su_remedy(e, "bring the file back from a copy; neither it nor the disk was changed");
}

int su_journal_check_disk(const struct su_journal *j, struct su_blk *disk, struct su_err *e)
{
    uint8_t now[sizeof j->witness];
    bool fits = disk->size == j->size_before || disk->size == j->size_during || disk->size == j->size_after;
    if (fits && su_blk_read(disk, WITNESS_AT, now, sizeof now, e) < 0)
        return -1;
    if (!fits || memcmp(now, j->witness, sizeof now) != 0) {
        (void)su_fail(e, SU_E_CONFLICT, "undo.other-disk", "the undo journal was not made for this disk");
        return su_remedy(e, "name this disk's own undo journal with --undo, or move the other one away");
    }
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

/* The plan's own bytes are good too, as far as their checksum covers only what is kept of them. */
static int check_new(struct su_blk *journal, const struct su_journal_extent *x, uint8_t *buf, struct su_err *e)
{
    uint32_t crc = 0;
    if (x->new_at == 0 || x->saved != x->n)
        return 0;
    for (uint64_t done = 0; done < x->saved;) {
        size_t n = x->saved - done < CHUNK ? (size_t)(x->saved - done) : CHUNK;
        if (su_blk_read(journal, x->new_at + done, buf, n, e) < 0)
            return -1;
        crc = su_jf_crc(crc, buf, n);
        done += n;
    }
    if (crc != x->crc_new)
        return su_fail(e, SU_E_FORMAT, "undo.damaged", "the new bytes for offset %" PRIu64 " are damaged", x->off);
    return 0;
}

static int neither(uint64_t at, struct su_err *e)
{
    (void)su_fail(e, SU_E_CONFLICT, "undo.other-disk",
                  "byte %" PRIu64 " is neither what it was nor what it was to become: this is another disk, or it was "
                  "used since the crash",
                  at);
    return su_remedy(e, "nothing was changed; make sure that IMAGE and the undo journal belong together");
}

/* Each byte of the disk is the old one or the plan's; a byte the plan did not write is the old one. */
static int check_extent(struct su_blk *journal, struct su_blk *disk, const struct su_journal_extent *x, uint8_t *buf,
                        struct su_err *e)
{
    enum { PIECE = CHUNK / 4 };
    uint8_t *old = buf, *new = buf + PIECE, *now = buf + 2 * PIECE;
    if (!x->keep && x->new_at == 0)
        return 0;
    for (uint64_t done = 0; done < x->saved;) {
        size_t n = x->saved - done < PIECE ? (size_t)(x->saved - done) : PIECE;
        if (su_blk_read(journal, x->data_at + done, old, n, e) < 0 ||
            su_blk_read(disk, x->off + done, now, n, e) < 0 ||
            su_blk_read(journal, (x->keep ? x->data_at : x->new_at) + done, new, n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (now[i] != old[i] && now[i] != new[i])
                return neither(x->off + done + i, e);
        done += n;
    }
    return 0;
}

static int put_back(struct su_blk *journal, struct su_blk *disk, const struct su_journal *j, struct su_err *e)
{
    SU_FREE uint8_t *buf = malloc(CHUNK);
    if (!buf)
        return su_fail_nomem(e, CHUNK);
    for (size_t i = 0; i < j->n; i++) /* all of it is good, or nothing is touched */
        if (walk_kept(journal, NULL, &j->extent[i], buf, e) < 0 || check_new(journal, &j->extent[i], buf, e) < 0)
            return -1;
    for (size_t i = 0; i < j->n; i++)
        if (check_extent(journal, disk, &j->extent[i], buf, e) < 0)
            return -1;
    for (size_t i = 0; i < j->n; i++)
        if (!j->extent[i].keep && walk_kept(journal, disk, &j->extent[i], buf, e) < 0)
            return su_context(e, "putting back extent %zu", i + 1);
    if (su_blk_flush(disk, e) < 0)
        return -1;
    return disk->size == j->size_before ? 0 : su_jf_set_size(disk, j->size_before, e);
}

/* A committed disk of any third size was resized by its owner since: nothing of ours is open. */
static int finish(struct su_blk *journal, struct su_blk *disk, const struct su_journal *j,
                  const uint8_t header[SU_JF_BLOCK], struct su_err *e)
{
    bool ours = disk->size == j->size_during || disk->size == j->size_after;
    if (j->settled)
        return 0;
    if (ours && su_journal_check_disk(j, disk, e) < 0)
        return -1;
    return su_jf_settle(journal, disk, ours ? j->size_after : disk->size, header, e);
}

/* The marks that were found may be no more than cached, and a flush that failed once may never write them
 * (Linux drops such pages): so they are written again before anybody hears of them. */
int su_journal_recover(struct su_blk *journal, struct su_blk *disk, enum su_journal_state *was, struct su_err *e)
{
    SU_JOURNAL struct su_journal j = {0};
    uint8_t header[SU_JF_BLOCK];
    if (su_blk_flush(journal, e) < 0 || su_journal_open(journal, &j, e) < 0)
        return -1;
    if (j.state != SU_JOURNAL_NONE && su_blk_read(journal, SU_JF_HEADER_AT, header, sizeof header, e) < 0)
        return -1;
    switch (j.state) {
    case SU_JOURNAL_NONE:
        break;
    case SU_JOURNAL_SEALED:
        if (su_journal_check_disk(&j, disk, e) < 0 || put_back(journal, disk, &j, e) < 0 ||
            su_jf_mark(journal, SU_JF_REVERT, header, e) < 0)
            return -1;
        break;
    case SU_JOURNAL_COMMITTED:
        if (su_jf_mark(journal, SU_JF_COMMIT, header, e) < 0 || finish(journal, disk, &j, header, e) < 0)
            return -1;
        break;
    case SU_JOURNAL_REVERTED:
        if (su_jf_mark(journal, SU_JF_REVERT, header, e) < 0)
            return -1;
        break;
    }
    *was = j.state;
    return 0;
}

int su_journal_spend(struct su_blk *journal, struct su_err *e)
{
    struct su_journal j = {0};
    struct su_jf_header h;
    uint8_t header[SU_JF_BLOCK];
    bool sealed;
    if (su_jf_read_header(journal, header, &h, &sealed, e) < 0 ||
        (sealed && su_jf_read_state(journal, header, &j, e) < 0))
        return -1;
    if (j.state != SU_JOURNAL_COMMITTED && j.state != SU_JOURNAL_REVERTED)
        return su_fail(e, SU_E_CONFLICT, "undo.state", "the undo journal is not of a finished change");
    return su_jf_mark(journal, SU_JF_REVERT, header, e);
}
