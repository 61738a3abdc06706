/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners, and who connects: the VM is taken from the kernel at accept and from nothing else. */
#include "server.h"
#include "state.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>

enum { STRANGER_AUDITS = 10, STRANGER_BURST = 20 };

/* close() alone would leave it in the epoll for as long as suretyd has the socket open: epoll(7). */
static void free_listener(struct su_server *s, struct su_listener **at)
{
    struct su_listener *l = *at;
    *at = l->next;
    epoll_ctl(s->epoll, EPOLL_CTL_DEL, l->source.fd, NULL);
    close(l->source.fd);
    free(l);
}

static struct su_listener **find(struct su_server *s, const char *name)
{
    struct su_listener **p = &s->listeners;
    while (*p && strcmp((*p)->what.name, name) != 0)
        p = &(*p)->next;
    return p;
}

int su_listen_add(void *server, const struct su_imds_listener *l, int fd, struct su_err *e)
{
    struct su_server *s = server;
    int listening = 0;
    socklen_t n = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 || !listening)
        return su_fail(e, SU_E_FORMAT, "imds.listen", "what came with listener %s is no listening socket", l->name);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) /* suretyd may have left it as it was made */
        return su_fail_os(e, "imds.listen", "cannot use listener %s", l->name);
    if (*find(s, l->name))
        return su_fail(e, SU_E_CONFLICT, "imds.listen", "there is a listener %s already", l->name);
    if (s->n_listeners == SU_LISTENERS_MAX)
        return su_fail(e, SU_E_RANGE, "imds.listen", "more than %d listeners", SU_LISTENERS_MAX);
    struct su_listener *new = calloc(1, sizeof *new);
    if (!new)
        return su_fail_nomem(e, sizeof *new);
    new->source = (struct su_source){SU_SOURCE_LISTENER, fd};
    new->what = *l;
    if (su_server_watch(s, &new->source, EPOLLIN, e) < 0) {
        free(new);
        return -1;
    }
    new->next = s->listeners;
    s->listeners = new;
    s->n_listeners++;
    return 0;
}

int su_listen_remove(void *server, const char *name, struct su_err *e)
{
    struct su_server *s = server;
    struct su_listener **at = find(s, name);
    if (!*at)
        return su_fail(e, SU_E_MISSING, "imds.listener", "no listener %s", name);
    free_listener(s, at);
    s->n_listeners--;
    return 0;
}

void su_listen_remove_all(void *server)
{
    struct su_server *s = server;
    while (s->listeners)
        free_listener(s, &s->listeners);
    s->n_listeners = 0;
}

void su_conn_kill(struct su_server *s, struct su_imds_conn *k)
{
    if (k->dead)
        return;
    k->dead = true;
    k->seq = 0;
    su_conns_leave_vm(k);
    shutdown(k->fd, SHUT_RDWR);
    su_http_wake(s, k);
    s->again = true;
}

void su_conns_kill_vm(void *server, struct su_imds_vm *vm)
{
    while (vm->conns)
        su_conn_kill(server, vm->conns);
}

/* Whose connection this is, and how we know; NULL: nobody's. */
static struct su_imds_vm *identify(struct su_server *s, const struct su_listener *l, int fd,
                                   const struct sockaddr_storage *from, char peer[64])
{
    uint32_t mark = 0;
    socklen_t n = sizeof mark;
    switch (l->what.identify) {
    case SU_BY_CID:
        if (from->ss_family != AF_VSOCK)
            return NULL;
        uint32_t cid = ((const struct sockaddr_vm *)from)->svm_cid;
        snprintf(peer, 64, "cid %u", cid);
        return su_imds_by_cid(&s->state, cid);
    case SU_BY_MARK:
        if (getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &n) < 0)
            return NULL;
        snprintf(peer, 64, "mark %u", mark);
        return su_imds_by_mark(&s->state, mark);
    default:
        snprintf(peer, 64, "listener %.54s", l->what.name);
        return su_imds_by_uuid(&s->state, l->what.uuid);
    }
}

/* One answer to a connection that the HTTP library never sees.  What arrived is read first: closing a socket with
 * unread bytes resets it, and the answer could be lost with that. */
static void turn_away(int fd, const char *answer)
{
    char sink[2048];
    if (recv(fd, sink, sizeof sink, MSG_DONTWAIT) < 0 && errno != EAGAIN) {
        close(fd);
        return;
    }
    if (send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static const char stranger_answer[] = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json; charset=utf-8\r\n"
                                      "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 65\r\n\r\n"
                                      "{\"error\":\"Forbidden. No VM of this host is known to be the caller\"}";
static const char crowd_answer[] = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json; charset=utf-8\r\n"
                                   "Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n"
                                   "Content-Length: 32\r\n\r\n{\"error\":\"Too many connections\"}";

static void stranger(struct su_server *s, const struct su_listener *l, int fd, const char *peer)
{
    struct su_imds_audit a = {.kind = SU_AUDIT_REQUEST, .transport = l->what.transport, .status = 403};
    struct timespec t;
    turn_away(fd, stranger_answer);
    s->refused++;
    if (su_bucket_take(&s->strangers, STRANGER_AUDITS, STRANGER_BURST, s->now_us) > 0)
        return;
    clock_gettime(CLOCK_REALTIME, &t);
    a.time_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    snprintf(a.peer, sizeof a.peer, "%s", peer);
    snprintf(a.result, sizeof a.result, "peer.unknown");
    su_audit_put(&s->audit, s->control.fd, &a);
}

/* Room for one more of vm's connections, by giving up its or everybody's longest silent one. */
static bool make_room(struct su_server *s, struct su_imds_vm *vm)
{
    struct su_imds_conn *idle;
    if (su_bucket_take(&vm->accepts, SU_IMDS_ACCEPT_RATE, SU_IMDS_ACCEPT_BURST, s->now_us) > 0)
        return false;
    if (vm->n_conns >= SU_CONNS_PER_VM) {
        if (!(idle = su_conns_oldest_idle(&s->conns, vm)))
            return false;
        su_conn_kill(s, idle);
    } else if (s->conns.n >= SU_CONNS_MAX && (idle = su_conns_oldest_idle(&s->conns, NULL)))
        su_conn_kill(s, idle);
    return s->conns.n < SU_CONNS_SLOTS;
}

void su_accept(struct su_server *s, struct su_listener *l)
{
    for (int i = 0; i < SU_ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        char peer[64] = "";
        int fd = accept4(l->source.fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                su_log(LOG_ERR, "cannot accept on %s: %s", l->what.name, strerror(errno));
            return;
        }
        struct su_imds_vm *vm = identify(s, l, fd, &from, peer);
        if (!vm) {
            stranger(s, l, fd, peer);
            continue;
        }
        struct su_imds_conn *k = make_room(s, vm) ? su_conns_add(&s->conns, fd, vm, s->now_us) : NULL;
        if (!k) {
            turn_away(fd, crowd_answer);
            s->refused++;
            continue;
        }
        k->transport = l->what.transport;
        memcpy(k->peer, peer, sizeof k->peer);
        if (!su_http_adopt(s, k, &from, n))
            s->refused++;
    }
}
