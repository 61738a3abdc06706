/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/state.h - what surety-imds knows: the VMs, how each is recognised, what it may spend, what it was given.
 *
 * All of it comes from suretyd and is forgotten when suretyd goes: identity is never older than the connection that
 * tells it.  One thread.  A VM's connections hang on it, so that none outlives it. */
#pragma once
#include "wire/imds.h"
#include "wire/sign.h"

enum {
    SU_IMDS_MAX_VMS = 4096,
    SU_IMDS_NONCES = 16,           /* remembered per VM, for reports */
    SU_IMDS_NONCE_MS = 10 * 60000, /* how long */
    SU_IMDS_RATE = 20,
    SU_IMDS_BURST = 60, /* requests a second and VM beside documents */
    SU_IMDS_ACCEPT_RATE = 50,
    SU_IMDS_ACCEPT_BURST = 128 /* connections a second and VM */
};

/* Tokens come back at a steady rate up to a burst.  Zeroed: full. */
struct su_bucket {
    int64_t full_at; /* when it is full again if nothing is taken, in microseconds of the clock that asks */
};
/* 0 and a token is taken; else how many microseconds until there is one. */
int64_t su_bucket_take(struct su_bucket *b, uint32_t rate, uint32_t burst, int64_t now_us);

struct su_imds_conn; /* conn.h */

struct su_imds_vm {
    char uuid[SU_UUID_TEXT];
    uint32_t cid, mark;
    uint64_t id;    /* never used twice while the process lives */
    char *instance; /* owned; JSON */
    size_t instance_n;
    struct su_bucket documents, others, accepts;
    struct {
        int64_t us;
        char text[SU_NONCE_MAX + 1];
    } nonce[SU_IMDS_NONCES];
    unsigned next_nonce;
    struct su_imds_conn *conns; /* newest first */
    unsigned n_conns;
    struct su_imds_vm *next_uuid, *next_cid, *next_mark;
};

enum { SU_IMDS_HASH = 1024 };
struct su_imds_state {
    struct su_imds_vm *uuid[SU_IMDS_HASH], *cid[SU_IMDS_HASH], *mark[SU_IMDS_HASH];
    unsigned n_vms;
    uint64_t last_id;
    bool told;                    /* a SU_IMDS_HOST came */
    struct su_imds_host host;     /* .chain is not kept here */
    char *tail[SU_OVER_UNIX + 1]; /* owned; by transport: what follows the signature in an answer */
    size_t tail_n[SU_OVER_UNIX + 1];
    char *not_serving; /* owned; body of the answer when .host.serving is 0 */
    /* What the connections' side is told; ctx is theirs. */
    struct su_imds_hooks {
        void *ctx;
        void (*drop)(void *ctx, struct su_imds_vm *vm); /* close its connections, now */
        int (*listen)(void *ctx, const struct su_imds_listener *l, int fd /* taken on 0 */, struct su_err *e);
        int (*unlisten)(void *ctx, const char *name, struct su_err *e);
        void (*unlisten_all)(void *ctx);
        void (*status)(void *ctx, struct su_imds_status *out);
    } hooks;
};

void su_imds_state_clear(struct su_imds_state *s); /* forgets all but the hooks */
int su_imds_set_host(struct su_imds_state *s, const struct su_imds_host *h, struct su_err *e) SU_MUST_CHECK;
/* A context id or mark that another VM has moves to this one, and the other loses its connections: the host gives
 * each to one VM at a time, so the newest word is the true one. */
int su_imds_vm_put(struct su_imds_state *s, const struct su_vm_route *r, struct su_err *e) SU_MUST_CHECK;
int su_imds_vm_del(struct su_imds_state *s, const char *uuid, struct su_err *e) SU_MUST_CHECK;

struct su_imds_vm *su_imds_by_uuid(const struct su_imds_state *s, const char *uuid);
struct su_imds_vm *su_imds_by_cid(const struct su_imds_state *s, uint32_t cid); /* NULL for 0 */
struct su_imds_vm *su_imds_by_mark(const struct su_imds_state *s, uint32_t mark);

void su_imds_nonce_issued(struct su_imds_vm *vm, const char *nonce, int64_t now_us);
bool su_imds_nonce_known(const struct su_imds_vm *vm, const char *nonce, int64_t now_us);

/* One message of suretyd (wire/imds.h).  fd: what came with it, or -1; always consumed.  The answer's operation, and
 * its body appended to out. */
uint8_t su_imds_control(struct su_imds_state *s, uint8_t op, struct su_bytes body, int fd, struct su_buf *out);

/* Base64 with padding; room for (n + 2) / 3 * 4 bytes at out; returns how many were written. */
size_t su_base64_put(const uint8_t *p, size_t n, char *out);
