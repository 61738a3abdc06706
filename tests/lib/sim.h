/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/sim.h - disks that lose power: the failure model of disk/blk.h and nothing kinder.
 *
 * A world has two disks, the image and the journal, and one operation counter over both.  Writes and
 * resizes are pending until a flush of their disk returns 0.  A crash leaves a durable state: any
 * subset of what was pending, the operation under way included, applied in order to what was stable,
 * each surviving sector perhaps torn to some of its bytes; a write past the end of a disk whose
 * growth did not survive is clipped.  What the program does after the crash cannot matter, so one run
 * yields the states of every cut: the hook is called after each operation that adds to what is
 * pending, and su_sim_settle() makes the states of that moment. */
#pragma once
#include "sim_image.h"

enum { SU_SIM_DISK, SU_SIM_JOURNAL, SU_SIM_DISKS };

enum su_sim_fault {
    SU_SIM_CLEAN, /* the operation fails and has done nothing */
    SU_SIM_DIRTY, /* a write or flush fails although it has been done; other operations as CLEAN */
    SU_SIM_LOST,  /* a flush fails and the writes it was for stay visible but are never written: what
                     Linux does after a failed fsync; other operations as CLEAN */
    SU_SIM_FAULTS
};

struct su_sim;
struct su_sim_op {
    int disk;
    bool resize; /* to off bytes; else a write of n bytes at off */
    uint64_t off;
    size_t n;
    uint8_t *bytes;            /* owned */
    struct su_sim_page **page; /* owned: the sectors that the write covers whole, from the first such on */
    uint64_t page_no;
    size_t n_pages;
};

struct su_sim_disk {
    struct su_blk blk;
    struct su_sim *world;
    struct su_sim_image stable, view; /* what survives; what a reader sees */
};

struct su_sim {
    struct su_sim_disk disk[SU_SIM_DISKS];
    struct su_sim_op *pending; /* owned; of both disks, in order */
    size_t n_pending, cap;
    unsigned long op;      /* operations so far: reads, writes, flushes, resizes */
    unsigned long fail_at; /* this one fails, once; 0: none */
    enum su_sim_fault how;
    void (*hook)(void *arg, struct su_sim *w); /* NULL: not called */
    void *arg;
};

/* The images are copied; nothing is pending. */
void su_sim_init(struct su_sim *w, const struct su_sim_image state[SU_SIM_DISKS]);
void su_sim_done(struct su_sim *w);
#define SU_SIM SU_AUTO(su_sim_done)

struct su_blk *su_sim_blk(struct su_sim *w, int disk); /* borrowed; closing it does nothing */

/* keep[i]: pending operation i survived.  *seed != 0 tears survivors and is advanced.  out: uninitialised. */
void su_sim_settle(const struct su_sim *w, const bool *keep, uint64_t *seed, struct su_sim_image out[SU_SIM_DISKS]);

uint64_t su_sim_random(uint64_t *seed); /* *seed != 0 */
