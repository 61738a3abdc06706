/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imds/audit.h - a record of each answer, to suretyd.  Never blocks: what suretyd does not take is counted and gone. */
#pragma once
#include "wire/imds.h"

enum { SU_AUDIT_BATCH = 64 };
struct su_audit {
    struct su_buf record[SU_AUDIT_BATCH]; /* encoded; their memory is kept for the next ones */
    unsigned n;
    uint64_t lost;
};
/* sock: to suretyd, -1: nobody is there. */
void su_audit_put(struct su_audit *a, int sock, const struct su_imds_audit *r);
void su_audit_flush(struct su_audit *a, int sock);
void su_audit_done(struct su_audit *a);

void su_audit_hash(const char *nonce, char out[65]); /* hex SHA-256; "" for "" */
/* The path of a target, cut, with what is not printable or above ASCII as '?'. */
void su_audit_path(const char *target, char *out, size_t cap);
