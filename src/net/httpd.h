/* SPDX-License-Identifier: GPL-3.0-or-later */
/* net/httpd.h - a small HTTP/1.1 server for the authority and for suretyd's API, on libmicrohttpd.
 *
 * It gets a listening socket (TCP or Unix, made elsewhere), answers each connection from a thread of its own, and
 * bounds everything a client can make it hold: header bytes, body bytes, connections, time.  Routes are rows.
 * Not for the metadata service, which has a server of its own (imds/). */
#pragma once
#include "base/buf.h"
#include <sys/types.h>

struct su_http_request {
    const char *method;   /* as sent */
    const char *path;     /* decoded, without the query; starts with '/' */
    const char *param[2]; /* what matched the "{}" segments of the row, decoded; NULL: none */
    struct su_bytes body;
    uid_t uid; /* of a Unix peer; (uid_t)-1 over TCP */
    gid_t gid;
    const gid_t *groups; /* supplementary groups of a Unix peer (SO_PEERGROUPS) */
    size_t n_groups;
    const char *peer;                /* "127.0.0.1", "unix" */
    const struct su_http_route *row; /* that it runs */
    void *internal;
};
/* A header or query value of the request; NULL: not there; borrowed until the handler returns. */
const char *su_http_header(const struct su_http_request *r, const char *name);
const char *su_http_query(const struct su_http_request *r, const char *name);

struct su_http_response {
    unsigned status;  /* set to 200 before the handler runs */
    const char *type; /* static; content type; "application/json" before the handler runs */
    struct su_buf body;
    const char *extra[4][2]; /* static header names, values borrowed until the answer is queued */
    /* For answers that go on (progress, events): called from the connection's thread. Returns the bytes it wrote
     * (> 0), 0 at the end, -1 to break off. It may wait for news for up to a second and writes a blank line then.
     * stream_free is called once at the end. */
    ssize_t (*stream)(void *arg, char *out, size_t cap);
    void (*stream_free)(void *arg);
    void *stream_arg;
};

struct su_http_route {
    const char *method;
    const char *path; /* "/v1/vms/{}": a segment "{}" matches any one */
    unsigned flags;   /* free for the handler's owner: who may call it */
    /* 0, or -1 with *e: answered as RFC 9457 problem details with e->id (status from the kind) */
    int (*run)(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e);
    size_t max_body; /* 0: the server's; more is taken only of who is allowed to call it */
    const void *arg; /* free for the handler's owner */
};

struct su_httpd_options {
    const struct su_http_route *routes;
    size_t n_routes;
    void *ctx;
    /* Before the route runs; -1 with *e refuses with 403.  NULL: everybody. */
    int (*allow)(void *ctx, const struct su_http_route *row, const struct su_http_request *q, struct su_err *e);
    unsigned max_connections; /* default 256 */
    unsigned timeout_s;       /* for a whole request to arrive, and between two; default 30 */
    unsigned per_peer;        /* connections of one IP address; default no limit */
    /* Over a Unix socket: connections of one user but root, and how many places are kept for root; default no limit.
     * With it, those whom allow refuses a row of zeros have half of all places between them. */
    unsigned per_user;
    size_t max_body; /* default 64 KiB; more: 413 */
};
struct su_httpd;
int su_httpd_start(int listener /* taken */, const struct su_httpd_options *o, struct su_httpd **out,
                   struct su_err *e) SU_MUST_CHECK;
void su_httpd_stop(struct su_httpd **d); /* waits for handlers that run; NULL is fine */

/* Somebody listens there, though he may have no room for another connection now. */
bool su_unix_served(const char *path);
int su_listen_unix(const char *path, unsigned mode, int *fd, struct su_err *e) SU_MUST_CHECK;
/* "ADDRESS:PORT", "[v6]:PORT"; port 0 picks one, su_listen_port tells which. */
int su_listen_tcp(const char *where, int *fd, struct su_err *e) SU_MUST_CHECK;
unsigned su_listen_port(int fd);
/* The answer to a failure, application/problem+json (RFC 9457): type, title, status, detail, and our id and remedy.
 * status 0: chosen from the kind of the error. Returns the status. */
unsigned su_http_problem(const struct su_err *e, unsigned status, struct su_buf *body);
