/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/cmp.h - enrolment and renewal with CMP (RFC 4210; profile of RFC 9483), on OpenSSL's client.
 *
 * Enrolment (ir) is protected with the token's secret (PBM), and so are the roots that come with its answer: they
 * become the pinned ones.  Renewal (kur) is protected by the current certificate; the answer by one that chains to a
 * pinned root and belongs to an authority (a CA, or extendedKeyUsage cmcCA): a host's certificate does not count.
 * A certificate is taken only if it is for our key, names our host, is for documents and nothing else, is valid now
 * and chains to a pinned root.  It is refused before it is confirmed.
 * Failures: SU_E_REFUSED "cmp.refused" (the authority says no), SU_E_FORMAT "cmp.answer", "cmp.cert", "cmp.roots",
 * SU_E_CONFLICT "cmp.clock", and what send fails with.  Blocks; used by one thread at a time. */
#pragma once
#include "store.h"

struct su_cmp_wire {
    /* Carries one message there and its answer back. */
    int (*send)(void *arg, struct su_bytes request, struct su_buf *reply, struct su_err *e);
    void *arg;
};
/* Fills host, leaf, chain and roots of *out. */
int su_cmp_enrol(const struct su_cmp_wire *w, struct su_key *key, const char *host, const char *secret,
                 struct su_generation *out, struct su_err *e) SU_MUST_CHECK;
int su_cmp_renew(const struct su_cmp_wire *w, struct su_key *key, const struct su_generation *now,
                 struct su_key *now_key, struct su_generation *out, struct su_err *e) SU_MUST_CHECK;

/* What is asked of a certificate; was: the one before it, whose name it must have, or NULL.  candidates: certificates
 * that may stand in between, may be NULL.  Fills *out as above. */
int su_cmp_check(X509 *leaf, struct su_key *key, const char *host, const X509 *was, STACK_OF(X509) * roots,
                 STACK_OF(X509) * candidates, struct su_generation *out, struct su_err *e) SU_MUST_CHECK;
