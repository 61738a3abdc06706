/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base/secret.h - bytes that must not be swapped out, dumped or left behind.
 *
 * They lie in memory of their own, between two guard pages, that is locked (where the limit of the
 * process allows it), left out of core dumps, not inherited by children, and wiped when released. */
#pragma once
#include "su.h"

enum { SU_SECRET_MAX = 8 << 20 }; /* bytes; cryptsetup's limit for key files */

struct su_secret {
    uint8_t *p; /* owned */
    size_t n;
};

/* n bytes of zero, at most SU_SECRET_MAX. */
int su_secret_new(size_t n, struct su_secret *out, struct su_err *e) SU_MUST_CHECK;
/* All of a file, as cryptsetup --key-file reads it: nothing is stripped, not even a newline at the
 * end.  More than SU_SECRET_MAX bytes: SU_E_RANGE "secret.size"; none: SU_E_FORMAT "secret.empty". */
int su_secret_from_file(const char *path, struct su_secret *out, struct su_err *e) SU_MUST_CHECK;
/* fd is borrowed, and read to its end. */
int su_secret_from_fd(int fd, struct su_secret *out, struct su_err *e) SU_MUST_CHECK;

/* Shortens the secret; n <= s->n.  What is cut off is wiped. */
void su_secret_cut(struct su_secret *s, size_t n);
void su_secret_done(struct su_secret *s);
#define SU_SECRET SU_AUTO(su_secret_done)
