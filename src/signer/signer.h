/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/signer.h - the state of surety-signer, and its operations.
 *
 *   main.c     options, sockets, giving up rights       loop.c     waiting, connections, frames
 *   ops.c      the table of operations                  cred.c     key and certificate in use
 *   job.c      enrolment, renewal, forgetting: a thread that talks CMP
 * One thread, the event loop's, owns everything in struct su_signer; jobs and workers tell it through an eventfd. */
#pragma once
#include "cache.h"
#include "store.h"
#include "vms.h"
#include "wire/hostconf.h"
#include "wire/sign.h"
#include "worker.h"

/* Key and certificate in use. */
struct su_cred {
    struct su_generation gen;
    struct su_worker *worker; /* of slow keys */
    struct su_key *key;       /* of fast ones */
    struct su_document_signer *signer;
    struct su_err problem; /* kind SU_OK: none; of fast keys */
    uint64_t retry_at;     /* ms; of fast keys with a problem */
};
struct su_signer;
struct su_job;

/* On which socket a question came. */
enum su_door { SU_DOOR_SIGN = 1, SU_DOOR_CONTROL = 2 };

struct su_signer {
    struct su_host_conf conf;
    struct su_store store;
    struct su_worker_options options;
    struct su_document_host host; /* of documents */
    struct su_vms vms;
    struct su_cache cache;
    struct su_cred *cred;        /* NULL: no certificate */
    struct su_worker *retired;   /* of the key before, until its job is done with it */
    struct su_job *job;          /* NULL: none runs */
    struct su_err store_problem; /* kind SU_OK: none */
    uint64_t signed_documents;
    int wake;                        /* eventfd */
    struct su_buf payload, der, out; /* kept between requests */
    bool together;                   /* what is sent now answers one of several questions that came in one frame */
    /* Sends an answer.  And starts a job.  Tests put their own here. */
    void (*send)(struct su_signer *s, unsigned conn, uint8_t op, uint32_t seq, struct su_bytes body);
    int (*start_job)(struct su_signer *s, unsigned conn, uint32_t seq, uint8_t op, struct su_sign_enrol *enrol,
                     struct su_err *e);
    void *loop;
};

/* ops.c: one frame; whatever it is, it is answered with one frame or started. */
void su_signer_frame(struct su_signer *s, enum su_door door, unsigned conn, uint8_t op, uint32_t seq,
                     struct su_bytes body);
void su_signer_send_error(struct su_signer *s, unsigned conn, uint32_t seq, const struct su_err *e);
/* Answers what workers have done. */
void su_signer_collect(struct su_signer *s);
void su_signer_init(struct su_signer *s);
void su_signer_done(struct su_signer *s);
/* *e: the problem of SU_SIGNER_BROKEN. */
enum su_sign_state su_signer_state(struct su_signer *s, struct su_err *e);

/* cred.c */
int su_cred_new(struct su_signer *s, struct su_generation *g /* taken */, struct su_cred **out, struct su_err *e);
void su_cred_free(struct su_cred **c);
int su_cred_state(struct su_cred *c, struct su_err *e);
void su_cred_retry(struct su_signer *s); /* a fast key with a problem, now and then */

/* job.c */
int su_job_start(struct su_signer *s, unsigned conn, uint32_t seq, uint8_t op, struct su_sign_enrol *enrol,
                 struct su_err *e);
void su_job_reply(struct su_signer *s, unsigned conn, uint32_t seq, struct su_bytes body, struct su_err *e);
void su_job_poll(struct su_signer *s); /* after a wake */
void su_job_conn_gone(struct su_signer *s, unsigned conn);
