/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libmicrohttpd calls, and is told.  It parses and sends; it neither listens nor has a thread of its own. */
#include "server.h"
#include <microhttpd.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    POOL = 8 << 10, /* bytes a connection may use: request head and answer head */
    BODY_MAX = 16 << 10,
    PARKED_MAX = 32,
    PARKED_US = 8000,
    RUNS = 3 /* of the library in a turn of the loop */
};

static struct su_imds_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

/* The request line is there: kept as it came, before the library takes it apart. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct su_imds_conn *k = conn_of(mhd);
    (void)cls;
    if (!k)
        return NULL;
    size_t n = target ? strnlen(target, sizeof k->target - 1) : 0;
    if (n)
        memcpy(k->target, target, n);
    k->target[n] = '\0';
    return NULL;
}

struct headers {
    struct su_head head;
    bool body, big;
};

/* "X-Forwarded-For : 1", or a carriage return inside, is another header to the library than to others (RFC 9112, 2.2
 * and 5.1). */
static bool malformed(const char *name, const char *value)
{
    for (; value && *value; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7F)
            return true;
    return name[strcspn(name, " \t\r")] != '\0';
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct headers *h = cls;
    (void)kind;
    h->head.malformed |= malformed(name, value);
    if (strcasecmp(name, "Metadata") == 0) {
        h->head.n_metadata++;
        h->head.metadata = value;
    } else if (strcasecmp(name, "X-Forwarded-For") == 0)
        h->head.forwarded = true;
    else if (strcasecmp(name, "Transfer-Encoding") == 0)
        h->body = true;
    else if (strcasecmp(name, "Content-Length") == 0 && value && strspn(value, "0") != strlen(value)) {
        h->body = true;
        h->big = strlen(value) > 6 || strtoul(value, NULL, 10) > BODY_MAX;
    }
    return MHD_YES;
}

static void unpark(struct su_server *s, struct su_imds_conn *k)
{
    s->parked -= k->parked;
    k->parked = false;
}

static enum MHD_Result send_answer(struct su_server *s, struct su_imds_conn *k)
{
    struct MHD_Response *r = k->answer;
    k->answer = NULL;
    unpark(s, k);
    s->answered = true;
    su_conns_phase(&s->conns, k, SU_PHASE_SEND, s->now_us);
    enum MHD_Result rc = MHD_queue_response(k->mhd, k->status, r);
    if (k->answer_owned)
        MHD_destroy_response(r);
    su_answer_audit(s, k);
    return rc;
}

static void suspend(struct su_imds_conn *k)
{
    k->suspended = true;
    MHD_suspend_connection(k->mhd);
}

/* Answers now, or when the signer or the clock lets it.  To suspend a connection and to go on with it costs four system
 * calls.  A few that wait for the signer are parked instead: the library asks about them again whenever it runs, which
 * costs nearly nothing as long as they are few and the signer is quick.  Who waits longer is suspended. */
static enum MHD_Result answer(struct su_server *s, struct su_imds_conn *k, const struct su_refusal *why)
{
    su_answer(s, k, why);
    if (k->dead)
        return MHD_NO;
    if (k->answer && k->phase != SU_PHASE_PEN)
        return send_answer(s, k);
    if (k->phase == SU_PHASE_SIGN && s->parked < PARKED_MAX) {
        k->parked = true;
        s->parked++;
    } else
        suspend(k);
    return MHD_YES;
}

static enum MHD_Result begin(struct su_server *s, struct su_imds_conn *k, const char *method)
{
    struct headers h = {.head = {.method = method, .target = k->target}};
    MHD_get_connection_values(k->mhd, MHD_HEADER_KIND, on_header, &h);
    const struct su_refusal *why = su_query_judge(&h.head, &k->q);
    if (!why && h.big)
        why = &su_refusals[SU_BIG_BODY];
    /* An answer now, before the library has seen the end of the request, closes the connection after it.  That is
     * right for a body that nobody asked for; all others are answered when the library calls again. */
    if (h.body && (why || !k->q.post))
        return answer(s, k, why ? why : &su_refusals[SU_BIG_BODY]);
    k->why = why;
    k->body_n = 0;
    if (h.body)
        su_conns_phase(&s->conns, k, SU_PHASE_BODY, s->now_us);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *size, void **con_cls)
{
    struct su_server *s = cls;
    struct su_imds_conn *k = conn_of(mhd);
    (void)url, (void)version, (void)upload;
    if (!k || k->dead)
        return MHD_NO;
    if (k->answer) /* it waited, and now goes on */
        return send_answer(s, k);
    if (k->parked) {
        if (s->now_us - k->deadline_us + SU_SIGN_MS * 1000 < PARKED_US)
            return MHD_YES;
        unpark(s, k);
        suspend(k);
        return MHD_YES;
    }
    if (!*con_cls) {
        *con_cls = k;
        k->mhd = mhd;
        return begin(s, k, method);
    }
    if (*size) {
        k->body_n += *size;
        *size = 0;
        return k->body_n > BODY_MAX ? MHD_NO : MHD_YES;
    }
    return answer(s, k, k->why);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct su_server *s = cls;
    struct su_imds_conn *k = conn_of(mhd);
    (void)con_cls, (void)why;
    if (!k)
        return;
    if (k->answer && k->answer_owned)
        MHD_destroy_response(k->answer);
    k->answer = NULL;
    k->seq = 0;
    unpark(s, k);
    if (!k->dead)
        su_conns_phase(&s->conns, k, SU_PHASE_HEAD, s->now_us);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct su_server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = s->adding;
        if (s->adding)
            s->adding->mhd = mhd;
        return;
    }
    if (*context) {
        unpark(s, *context);
        su_conns_remove(&s->conns, *context);
    }
    *context = NULL;
}

bool su_http_adopt(struct su_server *s, struct su_imds_conn *k, const struct sockaddr_storage *from, unsigned n)
{
    s->adding = k;
    /* on failure it has closed the socket */
    bool ok = MHD_add_connection(s->mhd, k->fd, (const struct sockaddr *)from, n) == MHD_YES;
    s->adding = NULL;
    s->again = true;
    if (!ok && k->phase != SU_PHASE_FREE)
        su_conns_remove(&s->conns, k);
    return ok;
}

void su_http_wake(struct su_server *s, struct su_imds_conn *k)
{
    if (k->suspended)
        MHD_resume_connection(k->mhd);
    k->suspended = false;
    s->again = true;
}

/* What is no HTTP the library refuses by itself, with a page of its own that says nothing of the request.  It tells
 * nobody but its log. */
static void on_log(void *cls, const char *format, va_list values)
{
    static const char refused[] = "Error processing request";
    struct su_server *s = cls;
    (void)values;
    if (strncmp(format, refused, sizeof refused - 1) == 0)
        s->refused++;
}

void su_http_run(struct su_server *s)
{
    MHD_UNSIGNED_LONG_LONG soon;
    /* what is answered in one run is sent in the next */
    for (int i = 0; i < RUNS && (i == 0 || s->answered); i++) {
        s->answered = false;
        MHD_run(s->mhd);
    }
    s->ran_us = s->now_us;
    /* the library always has something to do for those who are parked */
    s->again = MHD_get_timeout(s->mhd, &soon) == MHD_YES && soon == 0 && (s->answered || !s->parked);
}

int su_http_start(struct su_server *s, struct su_err *e)
{
    s->mhd =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
                         NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)SU_CONNS_SLOTS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
                         MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                         MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    const union MHD_DaemonInfo *i = s->mhd ? MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!i)
        return su_fail(e, SU_E_IO, "imds.http", "the HTTP library does not start");
    s->http = (struct su_source){SU_SOURCE_HTTP, i->epoll_fd};
    return su_server_watch(s, &s->http, EPOLLIN, e);
}

void su_http_stop(struct su_server *s)
{
    if (!s->mhd)
        return;
    for (unsigned i = 0; i < SU_CONNS_SLOTS; i++) /* the library insists that nothing is suspended */
        if (s->conns.slot[i].phase != SU_PHASE_FREE)
            su_conn_kill(s, &s->conns.slot[i]);
    MHD_run(s->mhd);
    MHD_stop_daemon(s->mhd);
    s->mhd = NULL;
}
