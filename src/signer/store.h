/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signer/store.h - key and certificates in STATE/signer.
 *
 *   keys/               what file: and tpm2: keys are made of
 *   gen-NNNNNNNNNN/     a generation, complete and flushed before anything points to it:
 *     uri               of its key          host          name of this host at the authority
 *     leaf.der          its certificate     chain.der     issuer first, without the root
 *     roots.der         trusted roots
 *   current             symbolic link to the generation in use, replaced by an atomic rename
 *   pending             uri of a key that is being made
 *
 * A crash at any point leaves the old or the new generation in use; su_store_sweep removes what no one needs, keys
 * included.  Failures: SU_E_MISSING "store.none" (no generation), SU_E_IO "store.io", SU_E_FORMAT "store.broken". */
#pragma once
#include "base/buf.h"
#include "pki/key.h"
#include <openssl/x509.h>

enum { SU_URI_MAX = 512, SU_CHAIN_MAX = 8 /* certificates */ };

struct su_generation {
    unsigned number;
    char uri[SU_URI_MAX], host[254];
    X509 *leaf;
    struct su_buf leaf_der, chain, roots; /* DER */
    uint64_t not_before, not_after;
    char serial[64]; /* hex */
};
void su_generation_done(struct su_generation *g);
/* Takes over x; fills what follows from it. */
int su_generation_set_leaf(struct su_generation *g, X509 *x, struct su_err *e) SU_MUST_CHECK;

struct su_store {
    char dir[400], keys[420];
};
int su_store_open(const char *dir, struct su_store *out, struct su_err *e) SU_MUST_CHECK;
int su_store_load(const struct su_store *s, struct su_generation *out, struct su_err *e) SU_MUST_CHECK;
int su_store_pending(const struct su_store *s, const char *uri, struct su_err *e) SU_MUST_CHECK;
/* The generation after the newest one there; fills its number, and makes it the current one. */
int su_store_save(const struct su_store *s, struct su_generation *g, struct su_err *e) SU_MUST_CHECK;
/* There is no current generation afterwards. */
int su_store_forget(const struct su_store *s, struct su_err *e) SU_MUST_CHECK;
/* Destroys the keys of every other generation and of an interrupted making, then their records. */
int su_store_sweep(const struct su_store *s, const struct su_key_options *o, struct su_err *e) SU_MUST_CHECK;
