/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/cmp.h - carries surety-signer's messages to the authority and back.
 *
 * The signer makes, signs and checks the messages (wire/sign.h); here they are bytes. */
#pragma once
#include "wire/sign.h"

struct su_cmp_url {
    char base[512]; /* "http://authority:8829", without a slash at the end */
    char host[254]; /* its name there */
};
/* http or https, a host, nothing after the path; the slash at the end goes.  SU_E_USAGE "server.authority-url". */
int su_cmp_url_check(const char *url, char *out, size_t cap, struct su_err *e) SU_MUST_CHECK;
/* "sut1_HOST_SECRET".  SU_E_USAGE "server.token". */
int su_cmp_token(const char *token, struct su_sign_enrol *out, struct su_err *e) SU_MUST_CHECK;

enum su_cmp_end { SU_CMP_DONE, SU_CMP_UNREACHABLE, SU_CMP_REFUSED, SU_CMP_FAILED };
/* Asks op (SU_SIGN_ENROL, SU_SIGN_RENEW) of the signer on its own connection and serves it until it is done.
 * On -1, *end says whose fault it was.  stop_fd: readable when we have to give up. */
int su_cmp_run(const char *control, uint8_t op, struct su_bytes body, const struct su_cmp_url *u, int stop_fd,
               enum su_cmp_end *end, struct su_err *e) SU_MUST_CHECK;
