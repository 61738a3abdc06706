/* SPDX-License-Identifier: Apache-2.0 */
/* sock_posix.c - vsock, TCP and Unix sockets of Linux. */
#include "sock.h"
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t surety_ticks(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - surety_ticks();
        struct pollfd p = {.fd = fd, .events = events};
        if (left <= 0)
            return ETIMEDOUT;
        int r = poll(&p, 1, left > 600000 ? 600000 : (int)left);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return errno;
    }
}

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
    struct sockaddr_vm vm;
};

static socklen_t address_of(const struct endpoint *to, union address *a)
{
    memset(a, 0, sizeof *a);
    switch (to->kind) {
    case END_VSOCK:
        a->vm.svm_family = AF_VSOCK;
        a->vm.svm_cid = to->cid;
        a->vm.svm_port = to->port;
        return sizeof a->vm;
    case END_HTTP:
        a->in.sin_family = AF_INET;
        a->in.sin_addr.s_addr = htonl(to->cid);
        a->in.sin_port = htons((uint16_t)to->port);
        return sizeof a->in;
    default:
        a->un.sun_family = AF_UNIX;
        memcpy(a->un.sun_path, to->path, sizeof a->un.sun_path);
        return sizeof a->un;
    }
}

static int finish_connect(int fd, int64_t deadline)
{
    int error = 0;
    socklen_t n = sizeof error;
    int r = wait_for(fd, POLLOUT, deadline);
    if (r)
        return r;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        return errno;
    return error;
}

int surety_sock_connect(const struct endpoint *to, int64_t deadline, intptr_t *out)
{
    union address a;
    socklen_t n = address_of(to, &a);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = 0;
    if (fd < 0)
        return errno;
    if (connect(fd, &a.any, n) < 0)
        r = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline) : errno;
    if (r) {
        close(fd);
        return r;
    }
    *out = fd;
    return 0;
}

int surety_sock_send(intptr_t s, const char *p, size_t n, int64_t deadline)
{
    while (n > 0) {
        ssize_t k = send((int)s, p, n, MSG_NOSIGNAL);
        if (k >= 0) {
            p += k;
            n -= (size_t)k;
            continue;
        }
        int r = errno == EAGAIN ? wait_for((int)s, POLLOUT, deadline) : errno == EINTR ? 0 : errno;
        if (r)
            return r;
    }
    return 0;
}

int surety_sock_recv(intptr_t s, char *p, size_t n, int64_t deadline)
{
    for (;;) {
        int r = wait_for((int)s, POLLIN, deadline);
        if (r)
            return -r;
        ssize_t k = recv((int)s, p, n, 0);
        if (k >= 0)
            return (int)k;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

void surety_sock_close(intptr_t s)
{
    close((int)s);
}
