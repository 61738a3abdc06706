/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "connector.h"
#include "jail.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

static void answer(int pair, int fd)
{
    char ok = fd >= 0;
    struct iovec io = {&ok, 1};
    union control control = {0};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (ok) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    if (sendmsg(pair, &m, MSG_NOSIGNAL) < 0)
        _exit(1);
}

static _Noreturn void serve(int pair, const struct sockaddr_un *a)
{
    char byte;
    while (recv(pair, &byte, 1, 0) == 1) {
        int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (s >= 0 && connect(s, (const struct sockaddr *)a, sizeof *a) < 0) {
            close(s);
            s = -1;
        }
        answer(pair, s);
        if (s >= 0)
            close(s);
    }
    _exit(0);
}

int su_connector_start(const char *path, int *fd, struct su_err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int pair[2];
    if (strlen(path) >= sizeof a.sun_path)
        return su_fail(e, SU_E_RANGE, "ipc.size", "the path %s is too long for a socket", path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return su_fail_os(e, "imds.connector", "cannot make a pair of sockets");
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        close(pair[0]);
        close(pair[1]);
        return su_fail_os(e, "imds.connector", "cannot start the connector");
    }
    if (pid == 0) {
        struct su_err mine = {0};
        /* nothing that the parent opened by now is its business */
        if (dup2(pair[1], 3) < 0 || close_range(4, ~0U, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            getppid() != parent || su_jail_connector(&mine) < 0)
            _exit(1);
        serve(3, &a);
    }
    close(pair[1]);
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
        close(pair[0]);
        return su_fail_os(e, "imds.connector", "cannot use the pair of sockets");
    }
    *fd = pair[0];
    return 0;
}

bool su_connector_ask(int fd)
{
    return send(fd, "c", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

bool su_connector_take(int fd, int *out)
{
    char ok;
    struct iovec io = {&ok, 1};
    union control control;
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    if (recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
        return false;
    *out = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof *out))
        memcpy(out, CMSG_DATA(c), sizeof *out);
    return true;
}
