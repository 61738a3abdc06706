/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "loop.h"
#include "base/clock.h"
#include "wire/ipc.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>

enum {
    CONNS = 32,
    SIGN_CONNS = 24,
    BATCH = 16,
    EVENTS = 16,
    BACKLOG = 256,
    TICK_MS = 500,
    TOGETHER_US = 1000 /* how long an answer waits for others */
};
enum { TAG_SIGN = CONNS, TAG_CONTROL, TAG_WAKE, TAG_SIGNAL }; /* in epoll's data, beside places of connections */

/* An answer that did not fit into its socket yet. */
struct frame {
    struct frame *next;
    uint8_t op;
    uint32_t seq;
    size_t n;
    uint8_t body[];
};
struct conn {
    int fd;      /* -1: free */
    unsigned id; /* never used again */
    enum su_door door;
    struct frame *first, **last;
    unsigned backlog;
    bool doomed; /* to be closed after this round */
};
struct loop {
    struct su_signer *s;
    const struct su_loop_options *o;
    struct conn conn[CONNS];
    unsigned ids, sign_conns;
    int ep, sig;
    struct { /* answers to questions that came together */
        struct su_buf body;
        unsigned n;
        int64_t since_us;
    } together;
    uint8_t frame[SU_IPC_MAX];
};

static void watch(struct loop *l, int op, int fd, unsigned events, unsigned tag)
{
    struct epoll_event v = {.events = events, .data.u32 = tag};
    epoll_ctl(l->ep, op, fd, &v);
}

static void conn_close(struct loop *l, struct conn *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    for (struct frame *f; (f = c->first);) {
        c->first = f->next;
        free(f);
    }
    if (c->door == SU_DOOR_SIGN)
        l->sign_conns--;
    su_job_conn_gone(l->s, c->id);
}

static struct conn *conn_of(struct loop *l, unsigned id)
{
    for (unsigned i = 0; i < CONNS; i++)
        if (l->conn[i].fd >= 0 && l->conn[i].id == id && !l->conn[i].doomed)
            return &l->conn[i];
    return NULL;
}

/* A connection with answers that wait is not read from: its peer has to take them first. */
static void backlog_add(struct loop *l, struct conn *c, uint8_t op, uint32_t seq, struct su_bytes body)
{
    struct frame *f = c->backlog < BACKLOG ? malloc(sizeof *f + body.n) : NULL;
    if (!f) {
        c->doomed = true;
        return;
    }
    *f = (struct frame){.op = op, .seq = seq, .n = body.n};
    if (body.n)
        memcpy(f->body, body.p, body.n);
    *c->last = f;
    c->last = &f->next;
    if (c->backlog++ == 0)
        watch(l, EPOLL_CTL_MOD, c->fd, EPOLLOUT, (unsigned)(c - l->conn));
}

static void deliver(struct loop *l, struct conn *c, uint8_t op, uint32_t seq, struct su_bytes body)
{
    struct su_err e = {0};
    if (c->first)
        backlog_add(l, c, op, seq, body);
    else if (su_ipc_send(c->fd, op, seq, body, -1, &e) < 0) {
        if (strcmp(e.id, "ipc.full") == 0)
            backlog_add(l, c, op, seq, body);
        else
            c->doomed = true;
    }
}

static void send_together(struct loop *l, struct conn *c)
{
    struct su_buf *b = &l->together.body;
    if (l->together.n && !c->doomed)
        deliver(l, c, SU_SIGN_ANSWERS, 0, su_buf_bytes(b));
    l->together.n = 0;
    b->n = 0;
}

/* The peer is woken for several answers, which costs both less than one by one.  None waits long: they go when the
 * first is TOGETHER_US old, or when there is no further question. */
static void put_together(struct loop *l, struct conn *c, const struct su_sign_item *i)
{
    struct su_buf *b = &l->together.body;
    if (b->n + SU_SIGN_ITEM + i->body.n > SU_IPC_MAX - SU_IPC_HEADER)
        send_together(l, c);
    su_sign_item_put(b, i);
    if (b->failed) { /* no memory */
        su_buf_done(b);
        l->together.n = 0;
        c->doomed = true;
        return;
    }
    int64_t now = su_monotonic_us();
    if (l->together.n++ == 0)
        l->together.since_us = now;
    if (l->together.n == SU_SIGN_TOGETHER || now - l->together.since_us >= TOGETHER_US)
        send_together(l, c);
}

static void loop_send(struct su_signer *s, unsigned id, uint8_t op, uint32_t seq, struct su_bytes body)
{
    struct loop *l = s->loop;
    struct conn *c = conn_of(l, id);
    if (!c)
        return;
    if (s->together)
        put_together(l, c, &(struct su_sign_item){op, seq, body});
    else
        deliver(l, c, op, seq, body);
}

static void flush_backlog(struct loop *l, struct conn *c)
{
    struct su_err e = {0};
    for (struct frame *f; (f = c->first);) {
        if (su_ipc_send(c->fd, f->op, f->seq, (struct su_bytes){f->body, f->n}, -1, &e) < 0) {
            c->doomed = strcmp(e.id, "ipc.full") != 0;
            return;
        }
        c->first = f->next;
        c->backlog--;
        free(f);
    }
    c->last = &c->first;
    watch(l, EPOLL_CTL_MOD, c->fd, EPOLLIN, (unsigned)(c - l->conn));
}

/* One frame: how many questions it was; 0: none is there. */
static unsigned serve_one(struct loop *l, struct conn *c)
{
    struct su_err e = {0};
    struct su_ipc_msg m = {.fd = -1};
    int rc = su_ipc_recv(c->fd, l->frame, sizeof l->frame, &m, &e);
    if (rc == 0)
        return 0;
    if (rc < 0 || m.fd >= 0) { /* it went away, or does not speak our language */
        su_closep(&m.fd);
        c->doomed = true;
        return 0;
    }
    su_signer_frame(l->s, c->door, c->id, m.op, m.seq, m.body);
    unsigned n = m.op == SU_SIGN_DOCUMENTS ? su_sign_items(m.body) : 1;
    return n ? n : 1;
}

/* Some questions, then the others' turn. */
static void serve(struct loop *l, struct conn *c)
{
    unsigned n = 1;
    for (unsigned done = 0; n && done < BATCH && !c->doomed && !c->first; done += n)
        n = serve_one(l, c);
    send_together(l, c);
}

/* false: nobody waits any more */
static bool take_conn(struct loop *l, enum su_door door)
{
    struct su_err e = {0};
    int fd = -1;
    if (su_ipc_accept(door == SU_DOOR_SIGN ? l->o->sign : l->o->control,
                      door == SU_DOOR_SIGN ? l->o->sign_uid : (uid_t)-1, &fd, &e) < 0)
        return true;
    if (fd < 0)
        return false;
    struct conn *c = NULL;
    for (unsigned i = 0; i < CONNS && !c; i++)
        if (l->conn[i].fd < 0)
            c = &l->conn[i];
    if (!c || (door == SU_DOOR_SIGN && l->sign_conns >= SIGN_CONNS)) { /* places are kept for suretyd */
        close(fd);
        return true;
    }
    *c = (struct conn){.fd = fd, .id = ++l->ids, .door = door};
    c->last = &c->first;
    l->sign_conns += door == SU_DOOR_SIGN;
    watch(l, EPOLL_CTL_ADD, fd, EPOLLIN, (unsigned)(c - l->conn));
    return true;
}

/* true: to end */
static bool event(struct loop *l, const struct epoll_event *v)
{
    eventfd_t n;
    unsigned tag = v->data.u32;
    if (tag == TAG_SIGNAL)
        return true;
    if (tag == TAG_SIGN || tag == TAG_CONTROL)
        for (unsigned i = 0; i < BATCH && take_conn(l, tag == TAG_SIGN ? SU_DOOR_SIGN : SU_DOOR_CONTROL); i++)
            ;
    else if (tag == TAG_WAKE)
        (void)!eventfd_read(l->s->wake, &n);
    else if (l->conn[tag].fd < 0)
        ;
    else if (v->events & EPOLLOUT)
        flush_backlog(l, &l->conn[tag]);
    else if (v->events & (EPOLLERR | EPOLLHUP) && !(v->events & EPOLLIN))
        l->conn[tag].doomed = true;
    else
        serve(l, &l->conn[tag]);
    return false;
}

static int set_up(struct loop *l, struct su_err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    l->ep = epoll_create1(EPOLL_CLOEXEC);
    l->sig = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (l->ep < 0 || l->sig < 0)
        return su_fail_os(e, "sign.loop", "setting up the event loop");
    watch(l, EPOLL_CTL_ADD, l->o->sign, EPOLLIN, TAG_SIGN);
    watch(l, EPOLL_CTL_ADD, l->o->control, EPOLLIN, TAG_CONTROL);
    watch(l, EPOLL_CTL_ADD, l->s->wake, EPOLLIN, TAG_WAKE);
    watch(l, EPOLL_CTL_ADD, l->sig, EPOLLIN, TAG_SIGNAL);
    return 0;
}

static int turn(struct loop *l, struct su_err *e)
{
    struct epoll_event v[EVENTS];
    struct su_signer *s = l->s;
    for (bool end = false; !end;) {
        bool waits = s->job || (s->cred && (s->cred->worker || s->cred->problem.kind != SU_OK));
        int n = epoll_wait(l->ep, v, EVENTS, waits ? TICK_MS : -1);
        if (n < 0 && errno != EINTR)
            return su_fail_os(e, "sign.loop", "waiting for events");
        for (int i = 0; i < n && !end; i++)
            end = event(l, &v[i]);
        if (waits || s->job) {
            su_signer_collect(s);
            su_job_poll(s);
            su_cred_retry(s);
        }
        for (unsigned i = 0; i < CONNS; i++)
            if (l->conn[i].fd >= 0 && l->conn[i].doomed)
                conn_close(l, &l->conn[i]);
    }
    return 0;
}

int su_loop_run(struct su_signer *s, const struct su_loop_options *o, struct su_err *e)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return su_fail_nomem(e, sizeof *l);
    l->s = s;
    l->o = o;
    l->ep = l->sig = -1;
    for (unsigned i = 0; i < CONNS; i++)
        l->conn[i].fd = -1;
    s->loop = l;
    s->send = loop_send;
    int rc = set_up(l, e);
    if (rc == 0) {
        o->ready();
        rc = turn(l, e);
    }
    for (unsigned i = 0; i < CONNS; i++)
        conn_close(l, &l->conn[i]);
    su_closep(&l->ep);
    su_closep(&l->sig);
    su_buf_done(&l->together.body);
    free(l);
    return rc;
}
