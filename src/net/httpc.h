/* SPDX-License-Identifier: GPL-3.0-or-later */
/* net/httpc.h - HTTP requests of surety's own programs, on libcurl: to the authority, and to suretyd's Unix socket.
 * No redirects, no proxies from the environment for Unix sockets, http and https only, bounded answers. */
#pragma once
#include "base/buf.h"

struct su_http_call {
    const char *method;       /* "GET", "POST", "DELETE" */
    const char *url;          /* "http://authority:8829/pkix/node1"; with unix_path any host */
    const char *unix_path;    /* NULL: over the network */
    const char *content_type; /* of the body */
    struct su_bytes body;
    unsigned timeout_ms; /* default 10 s */
    size_t max_answer;   /* default 1 MiB */
    const int *stop_fd;  /* readable: give up, within a second or two; NULL: none */
};
/* Any HTTP status is success here: *status and the body say what happened.  SU_E_IO "http.connect", "http.timeout",
 * "http.answer". */
int su_http_call(const struct su_http_call *c, unsigned *status, struct su_buf *answer, struct su_err *e) SU_MUST_CHECK;
