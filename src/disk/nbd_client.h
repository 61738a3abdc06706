/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk/nbd_client.h - what the two NBD adapters share: one connection, with a bound on every wait. */
#pragma once
#include "blk.h"
#include <libnbd.h>

enum { SU_NBD_TIMEOUT_MS = 60000 };

/* Errors of all of these: what the server answers is "disk.read", "disk.write" or "disk.flush" with the answer's
 * errno; "disk.nbd.gone" is a connection that ended, or SU_NBD_TIMEOUT_MS without a sign of life.
 * *h is owned by the caller (nbd_close); *size in bytes. */
int su_nbd_connect(const char *uri, bool writable, struct nbd_handle **h, uint64_t *size,
                   struct su_err *e) SU_MUST_CHECK;
int su_nbd_read(struct nbd_handle *h, uint64_t off, void *buf, size_t n, struct su_err *e) SU_MUST_CHECK;
int su_nbd_write(struct nbd_handle *h, uint64_t off, const void *buf, size_t n, struct su_err *e) SU_MUST_CHECK;
int su_nbd_flush(struct nbd_handle *h, struct su_err *e) SU_MUST_CHECK;
void su_nbd_disconnect(struct nbd_handle *h); /* takes h; NULL is fine */
