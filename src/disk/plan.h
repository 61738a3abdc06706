/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/plan.h - a change of a disk as data: made by pure code, shown to people, then executed.
 *
 * A plan is a list of writes and barriers in order, and three sizes: the disk's before, the size
 * it needs while the writes run, and the size it has when all is done.  The journal (journal.h)
 * runs it so that it happens completely or not at all. */
#pragma once
#include "blk.h"
#include <stdio.h>

enum su_step_kind {
    SU_STEP_WRITE,
    SU_STEP_BARRIER,
    SU_STEP_KEEP, /* writes nothing: old bytes that the journal keeps too, for a later rollback */
};

/* What a write is for.  Rollback treats them apart: boot area and tables go back for good, file
 * systems may have lived on since. */
enum su_area {
    SU_AREA_ESP,   /* contents of the new EFI system partition */
    SU_AREA_BOOT,  /* boot code: sector 0 to the first partition */
    SU_AREA_TABLE, /* partition tables */
    SU_AREA_FS,    /* inside one of the guest's volumes */
    SU_AREAS
};

struct su_step {
    enum su_step_kind kind;
    enum su_area area;
    const char *why; /* static */
    uint64_t off;    /* bytes */
    uint64_t n;
    uint8_t *bytes; /* owned by the plan; NULL: n bytes at src_off of the plan's source file */
    uint64_t src_off;
};

struct su_plan {
    uint64_t size_before, size_during, size_after; /* bytes; during >= before */
    struct su_step *step;                          /* owned */
    size_t n, cap;
    int src_fd; /* owned; -1 when no step needs it */
};
#define SU_PLAN_INIT ((struct su_plan){.src_fd = -1})

void su_plan_done(struct su_plan *p);
#define SU_PLAN SU_AUTO(su_plan_done)

/* bytes is copied.  Writes of one plan must not overlap; su_plan_check() says so once, at the end. */
int su_plan_write(struct su_plan *p, enum su_area area, const char *why, uint64_t off, const void *bytes, size_t n,
                  struct su_err *e) SU_MUST_CHECK;
int su_plan_write_src(struct su_plan *p, enum su_area area, const char *why, uint64_t off, uint64_t src_off, uint64_t n,
                      struct su_err *e) SU_MUST_CHECK;
int su_plan_barrier(struct su_plan *p, const char *why, struct su_err *e) SU_MUST_CHECK;

int su_plan_keep(struct su_plan *p, enum su_area area, const char *why, uint64_t off, uint64_t n,
                 struct su_err *e) SU_MUST_CHECK;

/* A write in SU_AREA_FS for each run that differs from the overlay's base (blk_overlay.h). */
int su_plan_changes(struct su_plan *p, struct su_blk *overlay, struct su_err *e) SU_MUST_CHECK;

/* Every write and keep lies inside size_during and no two overlap: SU_E_RANGE "disk.plan.invalid" otherwise. */
int su_plan_check(const struct su_plan *p, struct su_err *e) SU_MUST_CHECK;

/* The bytes a write step puts at [at, at + n) of its own range, read from memory or the source file. */
int su_plan_bytes(const struct su_plan *p, const struct su_step *s, uint64_t at, uint8_t *buf, size_t n,
                  struct su_err *e) SU_MUST_CHECK;
uint64_t su_plan_total(const struct su_plan *p); /* bytes written by all steps */
const char *su_area_name(enum su_area area);
int su_plan_print(const struct su_plan *p, FILE *out, struct su_err *e) SU_MUST_CHECK;
