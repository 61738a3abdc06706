/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/journal.h - runs a plan completely or not at all, across crashes; and remembers how to go back.
 *
 * Format: docs/formats/undo-journal.md.  The old bytes of everything the plan changes, and the old
 * size, are in the journal and flushed, then sealed and flushed, before the first byte or the size
 * of the disk changes.  The plan is committed by one mark, written when all of it is stable.
 *
 *   no seal             the disk was never touched
 *   sealed              recover puts everything back          -> reverted
 *   sealed, committed   recover completes the final size      -> committed, settled
 *   reverted            the journal is spent
 *
 * su_journal_recover() may itself be cut short at any point and run again.
 * Both disks obey the failure model of blk.h, nothing more.  One thread at a time. */
#pragma once
#include "base/buf.h"
#include "plan.h"

enum su_journal_state { SU_JOURNAL_NONE, SU_JOURNAL_SEALED, SU_JOURNAL_COMMITTED, SU_JOURNAL_REVERTED };

struct su_journal_extent {
    uint64_t off, n;  /* on the disk, bytes */
    uint64_t saved;   /* the first of these n bytes that existed before, and are kept */
    uint64_t data_at; /* where, in the journal */
    uint64_t new_at;  /* where the plan's own bytes for these `saved` ones are; 0: not kept (contents of the ESP) */
    uint32_t crc_old; /* CRC-32 of the kept bytes */
    uint32_t crc_new; /* CRC-32 of all n bytes as the plan writes them */
    enum su_area area;
    bool keep; /* kept only for a later rollback: the plan did not write it */
};

struct su_journal {
    enum su_journal_state state;
    bool settled; /* committed, and the final size is set: the disk owes this journal nothing any more */
    uint64_t size_before, size_during, size_after;
    uint8_t witness[6]; /* bytes 440-445 of the disk before; no plan changes them */
    size_t n;
    struct su_journal_extent *extent; /* owned */
    struct su_buf meta;               /* what the caller wanted remembered */
};

void su_journal_done(struct su_journal *j);
#define SU_JOURNAL SU_AUTO(su_journal_done)

/* Told before each step; total and done count bytes.  A non-zero answer stops the run with
 * SU_E_CONFLICT "disk.interrupted".  May be NULL. */
struct su_watch {
    int (*step)(void *arg, const char *why, uint64_t done, uint64_t total);
    void *arg;
};

/* Makes the journal from the disk and the plan, then runs the plan.  journal must be able to resize; what
 * it held is lost, unless that is a change that was cut and not recovered: SU_E_CONFLICT "undo.unfinished".
 * A plan that changes the witness bytes is refused: "disk.plan.invalid".
 * When this fails the journal says what to do: call su_journal_recover(). */
int su_journal_run(struct su_blk *journal, struct su_blk *disk, const struct su_plan *p, struct su_bytes meta,
                   const struct su_watch *watch, struct su_err *e) SU_MUST_CHECK;

/* Reads and checks all of it but the kept bytes.  A file that is not a sealed journal has state
 * SU_JOURNAL_NONE and nothing else.  Fails with SU_E_FORMAT "undo.damaged" when the seal is good but
 * what it covers is not.  Promise: extents lie in size_during, what is kept of them in size_before and
 * in the journal, n <= 4096. */
int su_journal_open(struct su_blk *journal, struct su_journal *out, struct su_err *e) SU_MUST_CHECK;

/* Refuses a file that is somebody's: SU_E_CONFLICT "undo.foreign" when its bytes cannot be a journal, or what a crash
 * leaves of one that was being made; SU_E_FORMAT "undo.damaged" when its header is broken and marks tell that the
 * change it holds was made.  To be asked before a file that was named is written or removed. */
int su_journal_check_file(struct su_blk *journal, struct su_err *e) SU_MUST_CHECK;

/* Finishes or undoes what a crash, or a failure of this process, left.  *was is the state found; on success
 * it is now settled (reverted or committed) and stable: no later crash changes the answer.  A journal
 * that was settled before never makes it touch the disk.  Fails with SU_E_CONFLICT "undo.other-disk" when the disk
 * cannot be the one the journal was made for, and then changes nothing. */
int su_journal_recover(struct su_blk *journal, struct su_blk *disk, enum su_journal_state *was,
                       struct su_err *e) SU_MUST_CHECK;

/* The kept bytes of one extent (x->saved of them), checked. */
int su_journal_kept(struct su_blk *journal, const struct su_journal_extent *x, uint8_t *buf,
                    struct su_err *e) SU_MUST_CHECK;

/* SU_E_CONFLICT "undo.other-disk" unless size and witness fit. */
int su_journal_check_disk(const struct su_journal *j, struct su_blk *disk, struct su_err *e) SU_MUST_CHECK;

uint32_t su_journal_crc(const uint8_t *p, size_t n); /* as crc_old and crc_new */

/* Marks a committed journal as spent, after a rollback.  A spent one stays so; any other, which a mark would
 * rob of its way back, fails with SU_E_CONFLICT "undo.state". */
int su_journal_spend(struct su_blk *journal, struct su_err *e) SU_MUST_CHECK;
