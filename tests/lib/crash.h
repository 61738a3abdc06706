/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/crash.h - runs one plan through every power cut and every I/O error, and judges what is left.
 *
 * The power is cut at every operation of su_journal_run(), with every subset of what was pending (or
 * samples when that is too many), torn sectors among them; then at every operation of
 * su_journal_recover(), and again.  States that were judged before are not judged twice.  Then each
 * operation fails once, in each way of enum su_sim_fault, in the run and in the recovery.
 *
 * Held against disk/journal.h: recovery succeeds; the disk is then exactly as before (bytes and size) or
 * exactly as planned; "committed" goes with planned, everything else with before; nothing is left
 * unflushed when success is reported, so a later crash changes nothing; a second recovery finds the
 * same; and after a commit the journal still holds every old byte the plan asked to keep. */
#pragma once
#include "disk/journal.h"
#include "sim.h"

enum { SU_CRASH_MAX = 3 };

struct su_crash_case {
    const uint8_t *disk; /* borrowed: the image before, plan->size_before bytes */
    const uint8_t *journal; /* borrowed: what the journal file holds already; NULL: nothing, an empty file */
    uint64_t journal_size;
    const struct su_plan *plan;
    struct su_bytes meta;
    unsigned crashes;            /* in a row, 1 to SU_CRASH_MAX */
    unsigned all_upto;           /* pending operations up to which every subset is tried, at most 16 */
    unsigned samples;            /* subsets of more than that, beside all prefixes */
    unsigned torn[SU_CRASH_MAX]; /* torn states for each operation, at the first, second, third crash */
    bool faults;                 /* also I/O errors */
    uint64_t seed;               /* != 0 */
};

struct su_crash_count {
    unsigned long run_ops, states, judged, recoveries, faults; /* judged: distinct states */
    unsigned long old_seen, new_seen;
    uint64_t journal_size; /* after the run that nothing disturbed */
};

/* false: a promise was broken; why (cap bytes) says where, in words. */
bool su_crash_all(const struct su_crash_case *c, struct su_crash_count *count, char *why, size_t cap);
