/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/writer.h - changes of the ledger from many threads, one fsync for all that wait.
 *
 * One thread owns the connection.  While a commit is on its way to the disk, further changes queue up; they go into the
 * next transaction together, each in a savepoint of its own, so one that fails takes nothing with it. */
#pragma once
#include "ledger.h"

struct su_writer;
int su_writer_start(struct su_db *db /* taken on success */, struct su_writer **out, struct su_err *e) SU_MUST_CHECK;
void su_writer_stop(struct su_writer **w); /* finishes what is queued; NULL is fine */
/* Blocks until fn's change is on stable storage, or did not happen.  Thread safe. */
int su_writer_run(struct su_writer *w, su_db_fn fn, void *arg, struct su_err *e) SU_MUST_CHECK;
struct su_writer_stats {
    uint64_t changes, commits, failures;
};
void su_writer_stats(struct su_writer *w, struct su_writer_stats *out);
