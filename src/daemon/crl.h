/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon/crl.h - does the authority's list of revoked certificates name ours?  Pure but for OpenSSL. */
#pragma once
#include "base/buf.h"

enum { SU_CRL_MAX = 8 << 20 };

struct su_crl_answer {
    bool listed;
    bool stale; /* its time to be replaced has passed: what it does not name may still be revoked */
};
/* The issuer is the first certificate of chain; the list must be signed by it.  All DER; now: seconds since 1970.
 * SU_E_FORMAT "crl.format", SU_E_REFUSED "crl.signature". */
int su_crl_check(struct su_bytes crl, struct su_bytes leaf, struct su_bytes chain, uint64_t now,
                 struct su_crl_answer *out, struct su_err *e) SU_MUST_CHECK;

/* The certificates of a PEM bundle that are among our roots (DER, one after the other), as PEM; *foreign: how many were
 * not.  A root comes to be trusted over CMP alone, so that a bundle fetched over HTTP cannot bring one in.
 * SU_E_FORMAT "bundle.format" (no certificate, more than 64, or too large). */
int su_bundle_known(struct su_bytes pem, struct su_bytes roots, struct su_buf *known, unsigned *foreign,
                    struct su_err *e) SU_MUST_CHECK;
