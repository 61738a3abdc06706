/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/worker.h - a key that is slow or may hang (TPM, token) and the one thread that uses it.
 *
 * The thread opens the key, opens it again after a failure (at growing intervals, at most 30 s), and signs from a
 * bounded queue.  The event loop never waits for it.  While one operation takes longer than the limit, the worker is
 * "hung": what waits is answered with "key.timeout", and new work is refused, until the operation ends. */
#pragma once
#include "pki/document.h"
#include "store.h"

enum { SU_WORK_MAX = 64 };

struct su_work {
    struct su_work *next;
    unsigned conn; /* whose, and its question */
    uint32_t seq;
    struct su_buf request; /* as it came, for the cache */
    struct su_buf payload, der;
    struct su_sign_reply times;
    bool answered; /* given up: its result goes nowhere */
    int rc;
    struct su_err err;
};
void su_work_free(struct su_work *w);

struct su_worker_options {
    struct su_key_options key;
    bool azure_oid;
    unsigned limit_ms;
    int wake; /* eventfd, borrowed: written when there is something to take */
};
struct su_worker;
/* g is copied from. */
int su_worker_start(const struct su_generation *g, const struct su_worker_options *o, struct su_worker **out,
                    struct su_err *e) SU_MUST_CHECK;
/* Takes w.  SU_E_CONFLICT "sign.busy" (the queue is full), or the problem of the key: w stays the caller's. */
int su_worker_add(struct su_worker *k, struct su_work *w, struct su_err *e) SU_MUST_CHECK;
/* Finished work, or work that is given up now because the key hangs: a list to be freed. */
struct su_work *su_worker_take(struct su_worker *k);
/* 0: ready; -1: *e says why not. */
int su_worker_state(struct su_worker *k, struct su_err *e);
int su_worker_share(struct su_worker *k, struct su_key **out, struct su_err *e) SU_MUST_CHECK;
/* What waits at from waits at to. */
void su_worker_move(struct su_worker *from, struct su_worker *to);
/* Tells the thread to end after what it is at, and waits at most wait_ms for that; its results can still be taken.
 * May be called by another thread than the event loop's. */
void su_worker_end(struct su_worker *k, unsigned wait_ms);
/* Frees it; a thread that hangs is left behind and frees itself when it ends. */
void su_worker_stop(struct su_worker **k);
