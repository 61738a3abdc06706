/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/peer.h - a connection to surety-signer or surety-imds that is made anew whenever it breaks.
 *
 * One question is under way at a time; what to ask next is asked of the owner when the answer is there.  So the owner
 * keeps no queue: it looks at what the peer has and what it should have.  A peer that does not answer within
 * SU_PEER_ANSWER_MS is disconnected.  All calls from the thread of the event loop. */
#pragma once
#include "wire/ipc.h"
#include <systemd/sd-event.h>

enum { SU_PEER_ANSWER_MS = 10000, SU_PEER_RETRY_MIN_MS = 100, SU_PEER_RETRY_MAX_MS = 5000 };

struct su_peer_ask {
    uint8_t op;
    struct su_buf body;
    int fd; /* borrowed; -1: none */
};
struct su_peer_ops {
    void (*up)(void *ctx);
    void (*down)(void *ctx, const struct su_err *why); /* also when connecting failed */
    bool (*next)(void *ctx, struct su_peer_ask *ask);  /* false: nothing to ask now */
    /* False: the answer is none; the peer is disconnected. */
    bool (*answered)(void *ctx, uint8_t op, struct su_bytes body);
    bool (*unasked)(void *ctx, uint8_t op, struct su_bytes body); /* sequence 0; the same */
};

struct su_peer {
    const struct su_peer_ops *ops;
    void *ctx;
    char path[256];
    sd_event *ev;
    sd_event_source *io, *timer;
    int fd; /* -1: not connected */
    bool busy;
    uint32_t seq;
    unsigned retry_ms;
    uint8_t buf[SU_IPC_MAX];
};

/* Connects to path, which lies in a directory of the peer's own user: a link that he puts there is not followed, or he
 * could have root talk to whom he likes. */
int su_peer_connect(const char *path, int *fd, struct su_err *e) SU_MUST_CHECK;
/* Tries at once, then again and again. */
int su_peer_start(struct su_peer *p, sd_event *ev, const char *path, const struct su_peer_ops *ops, void *ctx,
                  struct su_err *e) SU_MUST_CHECK;
/* Something may have to be asked. */
void su_peer_kick(struct su_peer *p);
void su_peer_stop(struct su_peer *p);
