/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/conn.h - the connections of guests: whose they are, what each waits for, and until when.
 *
 * A connection is always in one phase, and every phase ends: the deadline is set once, when the phase begins, so bytes
 * that trickle in buy no time.  When it passes, the connection is closed (SIGN and PEN: answered).
 * Identity is taken by the caller at accept and hangs on the VM: when that goes, its connections are closed. */
#pragma once
#include "query.h"
#include "state.h"

struct MHD_Connection;
struct MHD_Response;

enum {
    SU_CONNS_PER_VM = 16,
    SU_CONNS_MAX = 1024,
    SU_CONNS_SLOTS = SU_CONNS_MAX + 64, /* some are on their way out */
    SU_CONNS_SEQ_BITS = 11              /* of a sequence: the slot */
};

enum su_phase {
    SU_PHASE_FREE,
    SU_PHASE_HEAD, /* waits for a whole request head: idle, or slow */
    SU_PHASE_BODY, /* waits for the rest of a body */
    SU_PHASE_SIGN, /* waits for the signer */
    SU_PHASE_PEN,  /* asked too much: its answer is kept back */
    SU_PHASE_SEND, /* the guest takes the answer */
    SU_PHASES
};
enum { SU_HEAD_MS = 10000, SU_BODY_MS = 10000, SU_SIGN_MS = 5000, SU_PEN_MS = 1000, SU_SEND_MS = 10000 };

struct su_imds_conn {
    int fd; /* belongs to the HTTP library */
    enum su_phase phase;
    bool dead;      /* shut down: nothing more is answered on it */
    bool suspended; /* the HTTP library leaves it alone */
    bool parked;    /* waits for the signer without being suspended: http.c */
    uint8_t transport;
    char peer[64];
    struct su_imds_vm *vm; /* NULL once the VM is gone */
    uint64_t vm_id;
    struct su_imds_conn *vm_next, *vm_prev;
    struct su_imds_conn *next, *prev; /* of the same phase, in order of deadlines */
    int64_t deadline_us;
    uint32_t seq; /* of the question under way */
    struct MHD_Connection *mhd;
    struct MHD_Response *answer; /* ready, not yet queued */
    bool answer_owned;           /* not one of those that are made once */
    unsigned status;
    const char *result;           /* static: for the audit */
    const struct su_refusal *why; /* of the request under way */
    size_t body_n;
    struct su_query q;
    char target[SU_TARGET_MAX + 2]; /* one more than allowed, so that too long shows */
};

struct su_conns {
    struct su_imds_conn slot[SU_CONNS_SLOTS];
    struct su_imds_conn *first[SU_PHASES], *last[SU_PHASES]; /* FREE: a stack */
    unsigned n;
    uint32_t last_seq;
};

void su_conns_init(struct su_conns *c);
/* NULL: no slot.  The connection is in phase HEAD. */
struct su_imds_conn *su_conns_add(struct su_conns *c, int fd, struct su_imds_vm *vm, int64_t now_us);
void su_conns_remove(struct su_conns *c, struct su_imds_conn *k);
void su_conns_leave_vm(struct su_imds_conn *k); /* its VM is gone, or it is closing and counts no more */
void su_conns_phase(struct su_conns *c, struct su_imds_conn *k, enum su_phase phase, int64_t now_us);
/* A fresh sequence for k's question, and k by the sequence of an answer; NULL: nobody waits for it any more. */
uint32_t su_conns_ask(struct su_conns *c, struct su_imds_conn *k);
struct su_imds_conn *su_conns_asker(struct su_conns *c, uint32_t seq);
/* The oldest silent connection, of one VM or of all: the one to give up when another wants in. */
struct su_imds_conn *su_conns_oldest_idle(struct su_conns *c, const struct su_imds_vm *vm);
/* The next deadline; INT64_MAX: none. */
int64_t su_conns_deadline(const struct su_conns *c);
/* One whose deadline has passed; NULL: none. */
struct su_imds_conn *su_conns_late(const struct su_conns *c, int64_t now_us);
/* The VM this connection belongs to, or NULL when that VM is gone: to be asked at each request. */
struct su_imds_vm *su_conn_vm(const struct su_imds_conn *k);
