/* SPDX-License-Identifier: Apache-2.0 */
/* sock_windows.c - TCP of Windows; there is no vsock. */
#include "sock.h"
#include <errno.h>
#include <winsock2.h>

int64_t surety_ticks(void)
{
    return (int64_t)GetTickCount64();
}

static int error_of(int code)
{
    static const int known[][2] = {
        {WSAETIMEDOUT, ETIMEDOUT},     {WSAECONNREFUSED, ECONNREFUSED},
        {WSAENETUNREACH, ENETUNREACH}, {WSAEHOSTUNREACH, EHOSTUNREACH},
        {WSAECONNRESET, ECONNRESET},   {WSAECONNABORTED, ECONNABORTED},
        {WSAENETDOWN, ENETDOWN},       {WSAEACCES, EACCES},
        {WSAENOBUFS, ENOBUFS},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (code == known[i][0])
            return known[i][1];
    return EIO;
}

static int wait_for(SOCKET s, bool write, int64_t deadline)
{
    int64_t left = deadline - surety_ticks();
    fd_set set, bad;
    if (left <= 0)
        return ETIMEDOUT;
    FD_ZERO(&set);
    FD_ZERO(&bad);
    FD_SET(s, &set);
    FD_SET(s, &bad); /* where a failed connect shows */
    struct timeval t = {.tv_sec = (long)(left / 1000), .tv_usec = (long)(left % 1000 * 1000)};
    int r = select(0, write ? NULL : &set, write ? &set : NULL, &bad, &t);
    if (r == 0)
        return ETIMEDOUT;
    return r < 0 ? error_of(WSAGetLastError()) : 0;
}

static int finish_connect(SOCKET s, int64_t deadline)
{
    int error = 0, n = sizeof error;
    int r = wait_for(s, true, deadline);
    if (r)
        return r;
    if (getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &n) != 0)
        return error_of(WSAGetLastError());
    return error ? error_of(error) : 0;
}

static int open_and_connect(const struct endpoint *to, int64_t deadline, SOCKET *out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((u_short)to->port)};
    u_long yes = 1;
    int r = 0;
    a.sin_addr.s_addr = htonl(to->cid);
    SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (s == INVALID_SOCKET)
        return error_of(WSAGetLastError());
    if (ioctlsocket(s, FIONBIO, &yes) != 0)
        r = error_of(WSAGetLastError());
    else if (connect(s, (struct sockaddr *)&a, sizeof a) != 0)
        r = WSAGetLastError() == WSAEWOULDBLOCK ? finish_connect(s, deadline) : error_of(WSAGetLastError());
    if (r)
        closesocket(s);
    else
        *out = s;
    return r;
}

int surety_sock_connect(const struct endpoint *to, int64_t deadline, intptr_t *out)
{
    WSADATA data;
    SOCKET s = INVALID_SOCKET;
    if (to->kind != END_HTTP)
        return EAFNOSUPPORT;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return ENETDOWN;
    int r = open_and_connect(to, deadline, &s);
    if (r) {
        WSACleanup();
        return r;
    }
    *out = (intptr_t)s;
    return 0;
}

int surety_sock_send(intptr_t s, const char *p, size_t n, int64_t deadline)
{
    while (n > 0) {
        int k = send((SOCKET)s, p, (int)n, 0);
        if (k >= 0) {
            p += k;
            n -= (size_t)k;
            continue;
        }
        int code = WSAGetLastError();
        int r = code == WSAEWOULDBLOCK ? wait_for((SOCKET)s, true, deadline) : error_of(code);
        if (r)
            return r;
    }
    return 0;
}

int surety_sock_recv(intptr_t s, char *p, size_t n, int64_t deadline)
{
    for (;;) {
        int r = wait_for((SOCKET)s, false, deadline);
        if (r)
            return -r;
        int k = recv((SOCKET)s, p, (int)n, 0);
        if (k >= 0)
            return k;
        if (WSAGetLastError() != WSAEWOULDBLOCK)
            return -error_of(WSAGetLastError());
    }
}

void surety_sock_close(intptr_t s)
{
    closesocket((SOCKET)s);
    WSACleanup();
}
