/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade/fleet_int.h - a batch's VMs in order, the threads that work on them, and what they reach of the world.
 *
 *   fleet_order.c   which VM is next, and whether one may begin: pure
 *   fleet_run.c     the threads, the lines of the batch, logs
 *   fleet.c         the world: libvirt, inventory, records, the operations
 *   report.c        the report's files; report_text.c: for people */
#pragma once
#include "upgrade/job.h"

/* The order ------------------------------------------------------------------
 *
 * First what an earlier run left unfinished, whatever else was asked for: it has to be brought to an end.  Then the
 * canaries, which are the first options.canary VMs of the batch; unless all of them are ok or already, no other
 * begins.  Then the rest.  options.max_failures that failed or are stuck in this run stop what has not begun, unless
 * options.keep_going; what a check stopped does not count there, for nothing was changed. */
struct su_order_item {
    uint32_t index;
    bool first, canary;
};
struct su_order {
    struct su_order_item *item; /* owned */
    uint32_t n, next;
    uint32_t canaries;        /* that have not ended */
    uint32_t failures, limit; /* limit 0: none */
    bool canary_bad;
};
enum su_order_answer { SU_ORDER_TAKE, SU_ORDER_WAIT, SU_ORDER_END };

/* first: beside vms, which were left unfinished. */
int su_order_make(const struct su_batch *b, const struct su_batch_vm *vms, const bool *first, uint32_t n,
                  struct su_order *out, struct su_err *e) SU_MUST_CHECK;
void su_order_done(struct su_order *o);
/* SU_ORDER_WAIT: ask again when one has ended. */
enum su_order_answer su_order_take(struct su_order *o, bool cancelled, uint32_t *index);
void su_order_end(struct su_order *o, uint32_t index, enum su_vm_outcome outcome);
/* Why what is left does not begin: fills id, text, remedy. */
void su_order_why(const struct su_order *o, struct su_batch_vm *vm);
/* A run does again what has no result, what was skipped and what is stuck. */
bool su_order_again(enum su_vm_outcome o);

/* The world ------------------------------------------------------------------ */

struct su_fleet_world {
    void *arg;
    int (*open)(void *arg, const struct su_batch *b, struct su_err *e);
    /* Every VM of the host; calls add with its name and UUID. */
    int (*list)(void *arg, int (*add)(void *, const char *name, const char *uuid), void *to, struct su_err *e);
    /* Every VM with an upgrade of this batch that is neither done nor undone. */
    int (*unfinished)(void *arg, struct su_jobs *j, const char *id,
                      int (*add)(void *, const char *name, const char *uuid), void *to, struct su_err *e);
    int (*run)(void *arg, struct su_job *job, struct su_err *e);
};
int su_fleet_run_in(const struct su_fleet_world *w, struct su_jobs *j, const char *id,
                    void (*on_change)(void *arg, const struct su_batch_vm *vm), void *arg, volatile int *stop,
                    int *status, struct su_err *e) SU_MUST_CHECK;

/* The report ----------------------------------------------------------------- */

struct su_report;
/* Of an earlier run of the batch what was found is taken over. */
int su_report_open(struct su_jobs *j, const char *id, struct su_report **out, struct su_err *e) SU_MUST_CHECK;
void su_report_close(struct su_report **r);
#define SU_REPORT SU_AUTO(su_report_close)
/* What was found about the VM of a line; borrowed. */
int su_report_add(struct su_report *r, uint32_t index, const json_t *found, struct su_err *e) SU_MUST_CHECK;
/* ID.json and ID.txt, each whole or as it was. */
int su_report_write(struct su_report *r, const struct su_batch *b, const struct su_batch_vm *vms, uint32_t n,
                    struct su_err *e) SU_MUST_CHECK;
/* report_text.c: details are su_report_details() of what was found, or NULL, beside vms. */
int su_report_text(const struct su_batch *b, const struct su_batch_vm *vms, char *const *details, uint32_t n,
                   const char *dir, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
/* What people want to know of it: findings, what is not proved, times.  *out: owned by the caller; NULL: nothing. */
int su_report_details(const json_t *found, char **out, struct su_err *e) SU_MUST_CHECK;
/* {"ok": 3, ...}: outcomes that occur. */
json_t *su_report_counts(const struct su_batch_vm *vms, uint32_t n);
