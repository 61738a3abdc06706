/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/fault/ops.h - operations of the disk core as rows, for tests that let things fail inside them. */
#pragma once
#include "disk/gpt.h"
#include "disk/journal.h"
#include "disk/layout.h"
#include "disk/mbr.h"
#include "disk/plan.h"

enum { FAULT_DISK = 1 << 20 };

/* What an operation works on and puts its result in; made afresh for each attempt. */
struct fault_world {
    struct su_blk *disk, *journal, *overlay, *map;
    struct su_plan plan; /* for the disk; fits it */
    struct su_mbr mbr;
    struct su_gpt gpt;
    struct su_layout layout;
    struct su_journal undo;
    struct su_journal_extent extent; /* the first one of the journal */
    uint8_t kept[4096];
    unsigned copies;
    enum su_journal_state was;
    size_t changes; /* bytes that the walk over an overlay told of */
};

struct fault_op {
    const char *name;
    void (*prepare)(struct fault_world *w);                 /* may be NULL; aborts when it cannot */
    int (*run)(struct fault_world *w, struct su_err *e);    /* what may fail */
    bool (*untouched)(const struct fault_world *w);         /* after a failure */
    bool (*good)(struct fault_world *w);                    /* after success */
    bool again;                                             /* may simply be called again after a failure */
};

extern const struct fault_op fault_ops[];
extern const size_t fault_n_ops;

void fault_world_make(struct fault_world *w);
void fault_world_done(struct fault_world *w);
/* After a run that failed: recovery brings the old disk back, or finds the whole change made. */
bool fault_recovers(struct fault_world *w);
