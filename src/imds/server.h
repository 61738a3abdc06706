/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/server.h - surety-imds put together: one thread, one epoll, guests on one side, suretyd and the signer on the
 * other.  The HTTP library (libmicrohttpd) parses and sends; this decides who speaks, what is answered, and when to
 * stop.
 *
 *   accept.c  listeners, identity at accept, limits     http.c    what the library calls, and is told
 *   answer.c  from a request to its answer               loop.c    the turn of the loop, suretyd's socket, deadlines */
#pragma once
#include "audit.h"
#include "conn.h"
#include "signer.h"
#include <sys/epoll.h>

enum su_source_kind {
    SU_SOURCE_LISTENER,
    SU_SOURCE_HTTP,
    SU_SOURCE_SIGNER,
    SU_SOURCE_CONNECTOR,
    SU_SOURCE_CONTROL,
    SU_SOURCE_CONTROL_LISTENER,
    SU_SOURCE_SIGNALS
};
/* What an event of epoll points to. */
struct su_source {
    enum su_source_kind kind;
    int fd;
};

struct su_listener {
    struct su_source source; /* first; owns the socket */
    struct su_imds_listener what;
    struct su_listener *next;
};

enum { SU_LISTENERS_MAX = SU_IMDS_MAX_VMS + 64, SU_ACCEPTS_A_TURN = 32 };

struct su_server {
    int epoll;
    struct MHD_Daemon *mhd;
    struct su_source http, signer_source, connector_source, control, control_listener, signals;
    struct su_imds_state state;
    struct su_conns conns;
    struct su_signer signer;
    struct su_audit audit;
    int64_t audit_due_us; /* when the records that wait go out at the latest */
    struct su_listener *listeners;
    unsigned n_listeners;
    struct su_bucket strangers;                /* audit records of connections nobody is known to own */
    struct MHD_Response *refusal[SU_REFUSALS]; /* made once each */
    struct MHD_Response *versions;
    struct su_imds_conn *adding; /* while the library takes a connection over */
    int64_t now_us;              /* of this turn, CLOCK_MONOTONIC */
    bool again;                  /* the library has something to do */
    bool answered;               /* in this run of the library */
    unsigned parked;             /* connections that are */
    int64_t ran_us;              /* when the library ran */
    bool signer_waits;           /* the epoll tells when the signer's socket has room */
    bool stop;
    struct { /* an answer to suretyd that its socket had no room for; nothing is read until it is out */
        bool waits;
        uint8_t op;
        uint32_t seq;
        struct su_buf body;
    } reply;
    uint64_t requests, documents, refused, lost_told;
    int64_t lost_told_us;
};

/* accept.c */
int su_listen_add(void *server, const struct su_imds_listener *l, int fd, struct su_err *e);
int su_listen_remove(void *server, const char *name, struct su_err *e);
void su_listen_remove_all(void *server);
void su_accept(struct su_server *s, struct su_listener *l);
/* Shuts a connection down; the library sees its end and frees it. */
void su_conn_kill(struct su_server *s, struct su_imds_conn *k);
void su_conns_kill_vm(void *server, struct su_imds_vm *vm);

/* http.c */
int su_http_start(struct su_server *s, struct su_err *e);
void su_http_stop(struct su_server *s);
void su_http_wake(struct su_server *s, struct su_imds_conn *k); /* a connection that waited goes on */
void su_http_run(struct su_server *s);                          /* the library does what there is to do */
/* The HTTP library takes the connection over; false: it could not, and k is gone. */
struct sockaddr_storage;
bool su_http_adopt(struct su_server *s, struct su_imds_conn *k, const struct sockaddr_storage *from, unsigned n);

/* answer.c: each leaves the answer in k (k->answer, k->status, k->result) or k in phase SIGN */
void su_answer(struct su_server *s, struct su_imds_conn *k, const struct su_refusal *why);
void su_answer_refusal(struct su_server *s, struct su_imds_conn *k, const struct su_refusal *why);
void su_answer_signed(void *server, uint32_t seq, const struct su_signer_answer *a);
void su_answer_signer_gone(void *server);
void su_answer_audit(struct su_server *s, struct su_imds_conn *k);
void su_answer_done(struct su_server *s);

/* loop.c */
int su_server_start(struct su_server *s, int control_listener, int connector, struct su_err *e); /* takes both */
int su_server_run(struct su_server *s, struct su_err *e); /* until SIGTERM or SIGINT */
void su_server_done(struct su_server *s);
int su_server_watch(struct su_server *s, struct su_source *source, uint32_t events, struct su_err *e);
void su_log(int priority /* of syslog(3) */, const char *fmt, ...) SU_PRINTF(2, 3);
