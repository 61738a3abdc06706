/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/signer.h - questions to surety-signer: many at a time over one connection, matched by sequence.
 *
 * Questions of one turn of the loop leave together, and answers come in as they are ready, several in a frame.
 * Nothing here blocks.  The connection itself is made by the connector (connector.h), asked again twice a second. */
#pragma once
#include "wire/sign.h"

enum { SU_SIGNER_QUEUE = 16 /* frames of questions not yet taken by the kernel */ };

struct su_signer_answer {
    bool ok;
    struct su_sign_reply reply; /* ok */
    struct su_wire_error error; /* not ok */
};

struct su_signer {
    int fd;        /* -1: not connected */
    int connector; /* our end of its socket; owned */
    bool asked;    /* the connector was asked and has not answered */
    int64_t next_try_us;
    struct su_buf queue[SU_SIGNER_QUEUE]; /* encoded frames; their memory is kept for the next ones */
    unsigned first, n;
    unsigned last_n;    /* questions in the last of them */
    struct su_buf body; /* of the question that is being put there */
    void *ctx;
    void (*answer)(void *ctx, uint32_t seq, const struct su_signer_answer *a); /* a is borrowed */
    void (*gone)(void *ctx);                                                   /* all questions are lost */
};

/* false: not connected, or too many wait to be sent. */
bool su_signer_ask(struct su_signer *s, uint32_t seq, const struct su_sign_request *r);
void su_signer_flush(struct su_signer *s);    /* sends what was asked, as far as the kernel takes it */
void su_signer_readable(struct su_signer *s); /* the connection has something, or ended */
/* Asks for a connection when there is none and it is time. */
void su_signer_connect(struct su_signer *s, int64_t now_us);
/* The connector answered; true when s->fd is new. */
bool su_signer_connected(struct su_signer *s);
void su_signer_done(struct su_signer *s);
