/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ipc.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

static int address(const char *path, struct sockaddr_un *a, struct su_err *e)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a->sun_path)
        return su_fail(e, SU_E_RANGE, "ipc.size", "the path %s is too long for a socket", path);
    memcpy(a->sun_path, path, strlen(path) + 1);
    return 0;
}

/* A socket that nobody serves any more is in the way; anything else there is not ours to remove. */
static int make_room(const char *path, const struct sockaddr_un *a, struct su_err *e)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : su_fail_os(e, "ipc.io", "cannot look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return su_fail(e, SU_E_CONFLICT, "ipc.path", "%s is there and is no socket", path);
    SU_CLOSE int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe >= 0 && connect(probe, (const struct sockaddr *)a, sizeof *a) == 0) {
        su_fail(e, SU_E_CONFLICT, "ipc.served", "another program serves %s", path);
        return su_remedy(e, "stop the program that runs already");
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return su_fail_os(e, "ipc.io", "cannot remove %s", path);
    return 0;
}

int su_ipc_listen(const char *path, unsigned mode, int *fd, struct su_err *e)
{
    struct sockaddr_un a;
    if (address(path, &a, e) < 0 || make_room(path, &a, e) < 0)
        return -1;
    SU_CLOSE int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return su_fail_os(e, "ipc.io", "cannot make a socket");
    /* the mode holds from the first moment: the file is made with it, not changed to it */
    if (fchmod(s, mode & 0777) < 0)
        return su_fail_os(e, "ipc.io", "cannot set the mode of a socket");
    mode_t old = umask(~(mode_t)mode & 0777);
    int rc = bind(s, (struct sockaddr *)&a, sizeof a);
    umask(old);
    if (rc < 0 || listen(s, 64) < 0)
        return su_fail_os(e, "ipc.io", "cannot listen on %s", path);
    *fd = s;
    s = -1;
    return 0;
}

int su_ipc_connect(const char *path, int *fd, struct su_err *e)
{
    struct sockaddr_un a;
    if (address(path, &a, e) < 0)
        return -1;
    SU_CLOSE int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return su_fail_os(e, "ipc.io", "cannot make a socket");
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0)
        return su_fail_os(e, "ipc.io", "cannot connect to %s", path);
    *fd = s;
    s = -1;
    return 0;
}

int su_ipc_accept(int listener, uid_t allow_uid, int *fd, struct su_err *e)
{
    SU_CLOSE int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (s < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            return su_fail_os(e, "ipc.io", "cannot accept a connection");
        *fd = -1;
        return 0;
    }
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return su_fail_os(e, "ipc.io", "cannot tell who connected");
    if (peer.uid != 0 && peer.uid != geteuid() && (allow_uid == (uid_t)-1 || peer.uid != allow_uid))
        return su_fail(e, SU_E_REFUSED, "ipc.peer", "user %u may not connect", (unsigned)peer.uid);
    *fd = s;
    s = -1;
    return 0;
}

int su_ipc_send(int sock, uint8_t op, uint32_t seq, struct su_bytes body, int fd, struct su_err *e)
{
    uint8_t head[SU_IPC_HEADER] = {
        op, SU_IPC_VERSION, 0, 0, (uint8_t)(seq >> 24), (uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq};
    if (body.n > SU_IPC_MAX - SU_IPC_HEADER)
        return su_fail(e, SU_E_RANGE, "ipc.size", "a message of %zu bytes is too long", body.n);
    struct iovec io[2] = {{head, sizeof head}, {(void *)body.p, body.n}};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr m = {.msg_iov = io, .msg_iovlen = 2};
    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    if (sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return 0;
    if (errno == EAGAIN || errno == ENOBUFS)
        return su_fail(e, SU_E_CONFLICT, "ipc.full", "the other side does not read");
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return su_fail(e, SU_E_CONFLICT, "ipc.closed", "the other side went away");
    return su_fail_os(e, "ipc.io", "cannot send a message");
}

/* Takes the descriptors of a message: the first one is *fd, others are closed. */
static void take_fds(struct msghdr *m, int *fd)
{
    *fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (*fd < 0)
                *fd = one;
            else
                close(one);
        }
    }
}

int su_ipc_recv(int sock, uint8_t *buf, size_t cap, struct su_ipc_msg *out, struct su_err *e)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec io = {buf, cap};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return su_fail_os(e, "ipc.io", "cannot receive a message");
    SU_CLOSE int fd = -1;
    if (n >= 0) /* a message of no bytes, which looks like the end, may bring some, too */
        take_fds(&m, &fd);
    if (n <= 0)
        return su_fail(e, SU_E_CONFLICT, "ipc.closed", "the other side went away");
    if (n < SU_IPC_HEADER || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || buf[1] != SU_IPC_VERSION || buf[2] || buf[3])
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "a message of %zd bytes is none of ours", n);
    out->op = buf[0];
    out->seq = su_be32(buf + 4);
    out->body = (struct su_bytes){buf + SU_IPC_HEADER, (size_t)n - SU_IPC_HEADER};
    out->fd = fd;
    fd = -1;
    return 1;
}

int su_ipc_ask(int sock, uint8_t op, struct su_bytes body, int fd, int timeout_ms, uint8_t *buf, size_t cap,
               struct su_ipc_msg *out, struct su_err *e)
{
    static _Thread_local uint32_t last;
    uint32_t seq = ++last ? last : ++last;
    int64_t until = su_monotonic_ms() + timeout_ms;
    if (su_ipc_send(sock, op, seq, body, fd, e) < 0)
        return -1;
    for (;;) {
        struct su_ipc_msg m = {0};
        int rc = su_ipc_recv(sock, buf, cap, &m, e);
        if (rc < 0)
            return -1;
        if (rc > 0 && m.seq != seq) {
            if (m.fd >= 0)
                close(m.fd);
            return su_fail(e, SU_E_FORMAT, "ipc.frame", "an answer came that was not asked for");
        }
        if (rc > 0) {
            *out = m;
            return 0;
        }
        int64_t left = until - su_monotonic_ms();
        struct pollfd p = {.fd = sock, .events = POLLIN};
        if (left <= 0)
            return su_fail(e, SU_E_IO, "ipc.timeout", "no answer within %d ms", timeout_ms);
        if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
            return su_fail_os(e, "ipc.io", "cannot wait for an answer");
    }
}
