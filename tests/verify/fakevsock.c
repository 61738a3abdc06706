/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: a host with vhost_vsock, on which nobody calls; the machine's own vsock is left alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (strcmp(path, "/dev/vhost-vsock") == 0)
        path = "/dev/null";
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int socket(int family, int type, int protocol)
{
    return (int)syscall(SYS_socket, family == AF_VSOCK ? AF_UNIX : family, type, protocol);
}

/* An address without a name: the kernel gives it one of this network namespace. */
int bind(int fd, const struct sockaddr *a, socklen_t n)
{
    const struct sockaddr unnamed = {.sa_family = AF_UNIX};
    const int is = a->sa_family == AF_VSOCK;
    return (int)syscall(SYS_bind, fd, is ? &unnamed : a, is ? sizeof unnamed.sa_family : n);
}
