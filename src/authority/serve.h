/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/serve.h - what surety-authority answers over HTTP (RFC 6712 for CMP).
 *
 *   POST /pkix/HOST, /.well-known/cmp/p/HOST   application/pkixcmp in and out
 *   GET  /bundle.pem                           the roots
 *   GET  /issuing.crt, /issuing.pem            the newest issuing certificate (DER, PEM)
 *   GET  /issuing/N.crt, /crl/N.crl            what host certificates point to (DER)
 *   GET  /crl                                  of the newest issuer (DER)
 *   GET  /healthz                              JSON; 503 when the ledger or the clock is not well */
#pragma once
#include "authority.h"
#include "net/httpd.h"

struct su_authority_server {
    struct su_authority *a;
    /* One finished CMP request; called from many threads.  text may hold bytes of the sender. */
    void (*log)(const char *host, const char *peer, const struct su_authority_outcome *o);
};
extern const struct su_http_route su_authority_routes[];
extern const size_t su_n_authority_routes; /* their ctx is a struct su_authority_server */
