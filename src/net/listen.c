/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "httpd.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

bool su_unix_served(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return false;
    memcpy(a.sun_path, path, strlen(path) + 1);
    SU_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EAGAIN);
}

int su_listen_unix(const char *path, unsigned mode, int *fd, struct su_err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof a.sun_path)
        return su_fail(e, SU_E_RANGE, "http.listen", "the path %s is too long for a socket", path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    SU_CLOSE int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return su_fail_os(e, "http.listen", "cannot make a socket");
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        /* a socket that nobody serves is left over from a crash */
        if (su_unix_served(path)) {
            su_fail(e, SU_E_CONFLICT, "http.served", "another program serves %s", path);
            return su_remedy(e, "stop the program that runs already");
        }
        if (unlink(path) < 0)
            return su_fail_os(e, "http.listen", "cannot remove %s", path);
    }
    mode_t old = umask(~(mode_t)mode & 0777);
    int rc = bind(s, (struct sockaddr *)&a, sizeof a);
    umask(old);
    if (rc < 0 || listen(s, SOMAXCONN) < 0)
        return su_fail_os(e, "http.listen", "cannot listen on %s", path);
    *fd = s;
    s = -1;
    return 0;
}

/* Cuts "ADDRESS:PORT" or "[ADDRESS]:PORT" in two; false when it is neither. */
static bool cut_where(const char *where, char *host, size_t cap, bool *six, uint16_t *port)
{
    const char *colon = strrchr(where, ':');
    size_t n = colon ? (size_t)(colon - where) : 0;
    *six = where[0] == '[';
    if (*six && n >= 2 && where[n - 1] == ']') {
        where++;
        n -= 2;
    }
    if (n == 0 || n >= cap || colon[1] < '0' || colon[1] > '9')
        return false;
    char *end;
    unsigned long v = strtoul(colon + 1, &end, 10);
    if (*end || v > 65535)
        return false;
    memcpy(host, where, n);
    host[n] = '\0';
    *port = (uint16_t)v;
    return true;
}

static int parse_where(const char *where, struct sockaddr_storage *a, socklen_t *len, struct su_err *e)
{
    char host[64];
    bool six;
    uint16_t port;
    struct sockaddr_in *v4 = (struct sockaddr_in *)a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;
    memset(a, 0, sizeof *a);
    if (!cut_where(where, host, sizeof host, &six, &port))
        return su_fail(e, SU_E_USAGE, "http.address", "\"%s\" is not ADDRESS:PORT", where);
    if (!six && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *len = sizeof *v4;
    } else if (six && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *len = sizeof *v6;
    } else {
        return su_fail(e, SU_E_USAGE, "http.address", "\"%s\" is no IP address", host);
    }
    return 0;
}

int su_listen_tcp(const char *where, int *fd, struct su_err *e)
{
    struct sockaddr_storage a;
    socklen_t len = 0;
    int one = 1;
    if (parse_where(where, &a, &len, e) < 0)
        return -1;
    SU_CLOSE int s = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        (a.ss_family == AF_INET6 && setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0))
        return su_fail_os(e, "http.listen", "cannot make a socket");
    if (bind(s, (struct sockaddr *)&a, len) < 0 || listen(s, 512) < 0)
        return su_fail_os(e, "http.listen", "cannot listen on %s", where);
    *fd = s;
    s = -1;
    return 0;
}

unsigned su_listen_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return 0;
    if (a.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&a)->sin_port);
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port) : 0;
}
