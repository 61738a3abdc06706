/* SPDX-License-Identifier: Apache-2.0 */
/* sock.h - connections, on POSIX and on Windows.  Errors are errno values; deadlines are of surety_ticks(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum endpoint_kind { END_VSOCK = 1, END_HTTP, END_UNIX };
struct endpoint {
    enum endpoint_kind kind;
    uint32_t cid, port; /* vsock: context id; http: address in host order */
    char path[108];
    char name[128]; /* as it was given */
};

int64_t surety_ticks(void); /* milliseconds of a clock that only goes forward */
/* 0 and *out, or an errno. */
int surety_sock_connect(const struct endpoint *to, int64_t deadline, intptr_t *out);
int surety_sock_send(intptr_t s, const char *p, size_t n, int64_t deadline);
/* Bytes, 0 at the end, or -errno. */
int surety_sock_recv(intptr_t s, char *p, size_t n, int64_t deadline);
void surety_sock_close(intptr_t s);
