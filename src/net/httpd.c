/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "httpd.h"
#include "net/peer.h"
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

enum { CONNECTION_MEMORY = 24 << 10, THREAD_STACK = 512 << 10, MAX_PATH = 1024 };

/* A connection: what the reaper must know of it, and who is at its other end. */
struct conn {
    int fd;                /* -1: the row is free */
    struct timespec since; /* when it began to wait for a request */
    bool busy;             /* a request is being answered */
    uid_t uid;             /* over a Unix socket; -1 */
    bool stranger;         /* may call only what is for everybody */
};

struct su_httpd {
    struct MHD_Daemon *mhd;
    struct su_httpd_options o;
    pthread_mutex_t lock; /* of conn and stopping */
    pthread_cond_t wake;
    pthread_t reaper;
    bool stopping;
    bool idle;         /* the reaper waits for somebody to wait for */
    struct conn *conn; /* max_connections rows */
};

/* One request, from its header to the end of its answer. */
struct call {
    struct su_buf body;
    size_t max_body;
    bool too_large;
};

/* With the lock held: ends those that waited too long; how many seconds until the next one will have.  0: nobody waits.
 */
static time_t reap_now(struct su_httpd *d, time_t now)
{
    time_t next = 0;
    for (unsigned i = 0; i < d->o.max_connections; i++) {
        struct conn *c = &d->conn[i];
        if (c->fd < 0 || c->busy)
            continue;
        time_t left = c->since.tv_sec + (time_t)d->o.timeout_s - now;
        if (left <= 0)
            shutdown(c->fd, SHUT_RDWR); /* its thread sees the end and closes it */
        next = next && next < left ? next : left > 0 ? left : 1;
    }
    return next;
}

static void *reap(void *arg)
{
    struct su_httpd *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        time_t next = reap_now(d, until.tv_sec);
        until.tv_sec += next ? next : 86400;
        d->idle = next == 0;
        pthread_cond_clockwait(&d->wake, &d->lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* With the lock held: somebody waits, whose time ends behind that of all who waited before. */
static void begins_to_wait(struct su_httpd *d, struct conn *c)
{
    clock_gettime(CLOCK_MONOTONIC, &c->since);
    if (d->idle)
        pthread_cond_signal(&d->wake);
}

static int fd_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? (int)i->connect_fd : -1;
}

static void fill_peer(struct su_http_request *q, const struct su_net_peer *peer)
{
    q->uid = peer->uid;
    q->gid = peer->gid;
    q->groups = peer->groups;
    q->n_groups = peer->n_groups;
    q->peer = peer->text;
}

/* Somebody who may call only what is for everybody. */
static bool is_stranger(const struct su_httpd *d, const struct su_net_peer *p)
{
    static const struct su_http_route closed;
    struct su_err ignored = {0};
    struct su_http_request q = {.method = "", .path = ""};
    fill_peer(&q, p);
    return d->o.per_user && d->o.allow && d->o.allow(d->o.ctx, &closed, &q, &ignored) < 0;
}

/* With the lock held: has this user his share already?  The last places are root's, and strangers get half of all: one
 * of them may have many user IDs. */
static bool crowded(const struct su_httpd *d, uid_t uid, bool stranger)
{
    unsigned his = 0, all = 0, strangers = 0;
    if (!d->o.per_user || uid == 0 || uid == (uid_t)-1)
        return false;
    for (unsigned i = 0; i < d->o.max_connections; i++) {
        const struct conn *c = &d->conn[i];
        all += c->fd >= 0;
        his += c->fd >= 0 && c->uid == uid;
        strangers += c->fd >= 0 && c->stranger;
    }
    return his >= d->o.per_user || all + d->o.per_user >= d->o.max_connections ||
           (stranger && strangers >= d->o.max_connections / 2);
}

/* With the lock held; NULL: all are taken. */
static struct conn *free_row(struct su_httpd *d)
{
    for (unsigned i = 0; i < d->o.max_connections; i++)
        if (d->conn[i].fd < 0)
            return &d->conn[i];
    return NULL;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct su_httpd *d = cls;
    SU_AUTO(su_net_peer_done) struct su_net_peer peer = {0};
    su_net_peer_look(fd_of(c), &peer);
    pthread_mutex_lock(&d->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        bool stranger = is_stranger(d, &peer);
        struct conn *row = crowded(d, peer.uid, stranger) ? NULL : free_row(d);
        if (row) {
            *row = (struct conn){.fd = fd_of(c), .uid = peer.uid, .stranger = stranger};
            begins_to_wait(d, row);
            *socket_context = row;
        } else {
            shutdown(fd_of(c), SHUT_RDWR); /* on_request refuses what it sent before */
        }
    } else if (*socket_context) {
        ((struct conn *)*socket_context)->fd = -1;
        *socket_context = NULL;
    }
    pthread_mutex_unlock(&d->lock);
}

static struct conn *row_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

static void set_busy(struct su_httpd *d, struct MHD_Connection *c, bool busy)
{
    struct conn *row = row_of(c);
    if (!row)
        return;
    pthread_mutex_lock(&d->lock);
    row->busy = busy;
    if (!busy)
        begins_to_wait(d, row);
    pthread_mutex_unlock(&d->lock);
}

const char *su_http_header(const struct su_http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->internal, MHD_HEADER_KIND, name);
}

const char *su_http_query(const struct su_http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->internal, MHD_GET_ARGUMENT_KIND, name);
}

/* Does the path have the row's shape? Segments that "{}" matched are cut out of work into param. */
static bool match(const char *row, char *work, const char *param[2])
{
    unsigned n = 0;
    while (*row || *work) {
        if (strncmp(row, "{}", 2) == 0 && *work && *work != '/' && n < 2) {
            param[n++] = work;
            row += 2;
            work += strcspn(work, "/");
            if (*work == '/' && *row == '/') {
                *work++ = '\0';
                row++;
            }
        } else if (*row && *row == *work) {
            row++;
            work++;
        } else {
            return false;
        }
    }
    return true;
}

/* The row of method and path, of HEAD that of GET; NULL with allow filled when only other methods have that path. */
static const struct su_http_route *find(const struct su_httpd *d, const char *method, const char *path, char *work,
                                        const char *param[2], char *allow, size_t cap)
{
    allow[0] = '\0';
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < d->o.n_routes; i++) {
        const struct su_http_route *r = &d->o.routes[i];
        const char *found[2] = {NULL, NULL};
        memcpy(work, path, strlen(path) + 1);
        if (!match(r->path, work, found))
            continue;
        if (strcmp(r->method, method) == 0) {
            param[0] = found[0];
            param[1] = found[1];
            return r;
        }
        size_t n = strlen(allow);
        snprintf(allow + n, cap - n, "%s%s", n ? ", " : "", strcmp(r->method, "GET") == 0 ? "GET, HEAD" : r->method);
    }
    return NULL;
}

static enum MHD_Result send_answer(struct MHD_Connection *c, struct su_http_response *a);

static enum MHD_Result send_problem(struct MHD_Connection *c, const struct su_err *e, unsigned status,
                                    const char *allow)
{
    SU_AUTO(su_buf_done) struct su_buf body = {0};
    struct su_http_response a = {.type = "application/problem+json"};
    a.status = su_http_problem(e, status, &body);
    a.body = body;
    body = (struct su_buf){0};
    if (allow && *allow) {
        a.extra[0][0] = "Allow";
        a.extra[0][1] = allow;
    }
    return send_answer(c, &a);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct su_http_response *a = cls;
    (void)pos;
    ssize_t n = a->stream(a->stream_arg, buf, max);
    if (n > 0)
        return n;
    return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *cls)
{
    struct su_http_response *a = cls;
    if (a->stream_free)
        a->stream_free(a->stream_arg);
    free(a);
}

static struct MHD_Response *make_response(struct su_http_response *a)
{
    if (!a->stream) {
        struct MHD_Response *r =
            MHD_create_response_from_buffer(a->body.n, a->body.p ? (void *)a->body.p : (void *)"",
                                            a->body.p ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (r)
            a->body = (struct su_buf){0};
        return r;
    }
    struct su_http_response *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *a;
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, copy, free_stream);
    if (!r)
        free(copy);
    else
        a->stream_free = NULL;
    return r;
}

/* Takes the body and the stream of a. */
static enum MHD_Result send_answer(struct MHD_Connection *c, struct su_http_response *a)
{
    enum MHD_Result rc = MHD_NO;
    struct MHD_Response *r = a->body.failed ? NULL : make_response(a);
    if (r) {
        MHD_add_response_header(r, "Content-Type", a->type);
        MHD_add_response_header(r, "Cache-Control", "no-store");
        for (size_t i = 0; i < SU_ARRAY_LEN(a->extra) && a->extra[i][0]; i++)
            MHD_add_response_header(r, a->extra[i][0], a->extra[i][1]);
        rc = MHD_queue_response(c, a->status, r);
        MHD_destroy_response(r);
    }
    if (!r && a->stream && a->stream_free)
        a->stream_free(a->stream_arg);
    su_buf_done(&a->body);
    return rc;
}

/* How large the body may be.  Strangers get no more memory than the server gives to everybody. */
static size_t body_limit(const struct su_httpd *d, struct MHD_Connection *c, const char *method, const char *path)
{
    struct su_err e = {0};
    SU_AUTO(su_net_peer_done) struct su_net_peer peer = {0};
    struct su_http_request q = {.method = method, .path = path, .internal = c};
    char work[MAX_PATH], allow[64];
    if (strlen(path) >= sizeof work)
        return d->o.max_body;
    const struct su_http_route *row = find(d, method, path, work, q.param, allow, sizeof allow);
    if (!row || row->max_body <= d->o.max_body)
        return d->o.max_body;
    su_net_peer_look(fd_of(c), &peer);
    fill_peer(&q, &peer);
    return d->o.allow && d->o.allow(d->o.ctx, row, &q, &e) < 0 ? d->o.max_body : row->max_body;
}

static enum MHD_Result dispatch(struct su_httpd *d, struct MHD_Connection *c, const char *method, const char *path,
                                struct call *call)
{
    struct su_err e = {0};
    SU_AUTO(su_net_peer_done) struct su_net_peer peer = {0};
    struct su_http_request q = {.method = method, .path = path, .internal = c};
    struct su_http_response a = {.status = 200, .type = "application/json"};
    char work[MAX_PATH], allow[64];
    if (call->too_large || strlen(path) >= sizeof work) {
        su_fail(&e, SU_E_RANGE, "http.size", "the request is too long");
        return send_problem(c, &e, call->too_large ? 413 : 414, NULL);
    }
    if (su_buf_ok(&call->body, &e) < 0)
        return send_problem(c, &e, 0, NULL);
    const struct su_http_route *row = find(d, method, path, work, q.param, allow, sizeof allow);
    if (!row) {
        if (*allow)
            su_fail(&e, SU_E_USAGE, "http.method", "%s is not possible here", method);
        else
            su_fail(&e, SU_E_MISSING, "http.path", "there is nothing at this path");
        return send_problem(c, &e, *allow ? 405 : 404, allow);
    }
    su_net_peer_look(fd_of(c), &peer);
    fill_peer(&q, &peer);
    q.body = su_buf_bytes(&call->body);
    q.row = row;
    if (d->o.allow && d->o.allow(d->o.ctx, row, &q, &e) < 0)
        return send_problem(c, &e, 403, NULL);
    if (row->run(d->o.ctx, &q, &a, &e) < 0) {
        su_buf_done(&a.body);
        if (a.stream && a.stream_free)
            a.stream_free(a.stream_arg);
        return send_problem(c, &e, a.status != 200 ? a.status : 0, NULL);
    }
    return send_answer(c, &a);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state)
{
    struct su_httpd *d = cls;
    struct call *call = *state;
    (void)version;
    if (!row_of(c))
        return MHD_NO;
    if (!call) {
        *state = call = calloc(1, sizeof *call);
        if (call)
            call->max_body = body_limit(d, c, method, url);
        return call ? MHD_YES : MHD_NO;
    }
    if (*n > 0) {
        if (*n > call->max_body - call->body.n)
            call->too_large = true;
        else
            su_buf_add(&call->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    set_busy(d, c, true);
    return dispatch(d, c, method, url, call);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    struct call *call = *state;
    (void)why;
    if (call) {
        su_buf_done(&call->body);
        free(call);
        *state = NULL;
    }
    set_busy(cls, c, false);
}

/* Who is shed has a thread for a moment, but none of the places. */
static struct MHD_Daemon *start_mhd(struct su_httpd *d, int listener)
{
    unsigned most = d->o.per_user ? 4 * d->o.max_connections : d->o.max_connections;
    return MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL,
        on_request, d, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, most,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, d->o.timeout_s,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, d->o.per_peer, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, d, MHD_OPTION_NOTIFY_CONNECTION, on_connection, d, MHD_OPTION_END);
}

static void release(struct su_httpd *d)
{
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d->conn);
    free(d);
}

static struct su_httpd *make(const struct su_httpd_options *o)
{
    struct su_httpd *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->o = *o;
    d->o.max_connections = o->max_connections ? o->max_connections : 256;
    d->o.timeout_s = o->timeout_s ? o->timeout_s : 30;
    d->o.max_body = o->max_body ? o->max_body : 64 << 10;
    d->conn = calloc(d->o.max_connections, sizeof *d->conn);
    if (!d->conn) {
        free(d);
        return NULL;
    }
    for (unsigned i = 0; i < d->o.max_connections; i++)
        d->conn[i].fd = -1;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    return d;
}

int su_httpd_start(int listener, const struct su_httpd_options *o, struct su_httpd **out, struct su_err *e)
{
    struct su_httpd *d = make(o);
    if (!d) {
        close(listener);
        return su_fail_nomem(e, sizeof *d);
    }
    d->mhd = start_mhd(d, listener);
    if (!d->mhd) {
        close(listener);
        release(d);
        return su_fail(e, SU_E_IO, "http.start", "the HTTP server does not start");
    }
    if (pthread_create(&d->reaper, NULL, reap, d) != 0) {
        MHD_stop_daemon(d->mhd);
        release(d);
        return su_fail(e, SU_E_IO, "http.start", "cannot start a thread");
    }
    *out = d;
    return 0;
}

void su_httpd_stop(struct su_httpd **p)
{
    struct su_httpd *d = *p;
    if (!d)
        return;
    MHD_stop_daemon(d->mhd); /* waits for the threads; closes the listener */
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->reaper, NULL);
    release(d);
    *p = NULL;
}
