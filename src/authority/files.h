/* SPDX-License-Identifier: GPL-3.0-or-later */
/* authority/files.h - the files of an authority's directory. */
#pragma once
#include "base/secret.h"
#include "ca.h"

enum { SU_PATH = 640 };
int su_path(char out[SU_PATH], const char *dir, const char *name, unsigned n, const char *ending,
            struct su_err *e) SU_MUST_CHECK; /* n 0: none; "DIR/NAME-N.ENDING" */
/* A new file that must not exist; on stable storage, its directory entry too, when 0 is returned. */
int su_file_new(const char *path, unsigned mode, struct su_bytes b, struct su_err *e) SU_MUST_CHECK;
int su_file_replace(const char *path, unsigned mode, struct su_bytes b, struct su_err *e) SU_MUST_CHECK;
int su_file_read(const char *path, size_t max, struct su_buf *out, struct su_err *e) SU_MUST_CHECK;
int su_file_new_key(const char *path, EVP_PKEY *key, struct su_err *e) SU_MUST_CHECK; /* 0600 */
int su_file_new_cert(const char *path, X509 *x, struct su_err *e) SU_MUST_CHECK;      /* 0644 */
/* Refuses a key that others may read: SU_E_REFUSED "authority.key.mode". */
int su_file_key(const char *path, EVP_PKEY **out, struct su_err *e) SU_MUST_CHECK;
int su_file_cert(const char *path, X509 **out, struct su_err *e) SU_MUST_CHECK;
int su_cert_pem(X509 *x, struct su_buf *out, struct su_err *e) SU_MUST_CHECK; /* appends */
/* All certificates of a PEM text, at most max. */
int su_certs_of_pem(struct su_bytes pem, unsigned max, STACK_OF(X509) * *out, struct su_err *e) SU_MUST_CHECK;
/* The highest N of DIR/NAME-N.pem, counted without a gap; 0: none. */
unsigned su_file_highest(const char *dir, const char *name);
