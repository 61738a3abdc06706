/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/memblk.h - a disk in memory, for tests and fuzz targets.
 *
 * Pages that nobody writes cost nothing, so a disk may be far larger than what is on it.  A disk
 * loaded from a file is a private copy: the file never changes.  Grows and shrinks by
 * su_blk_resize() up to the size it was made with room for.
 *
 * Sparse image, the form of fuzz corpora (all numbers little-endian): "SPRS", u32 size of the
 * disk (at most 64 MiB), then records { u32 offset, u32 length, length bytes } until the end.
 * A record that is cut short or leaves the disk is clipped: every input with a valid head is a
 * disk, so that a fuzzer's mutations are not thrown away. */
#pragma once
#include "base/buf.h"
#include "disk/blk.h"

enum { SU_MEMBLK_SPARSE_MAX = 64 << 20 };

/* *out is owned by the caller: su_blk_close(). */
int su_memblk_new(uint64_t size, struct su_blk **out, struct su_err *e) SU_MUST_CHECK; /* zeros */
int su_memblk_load(const char *path, struct su_blk **out, struct su_err *e) SU_MUST_CHECK;
int su_memblk_sparse(struct su_bytes image, struct su_blk **out, struct su_err *e) SU_MUST_CHECK;

uint8_t *su_memblk_data(struct su_blk *d); /* borrowed: the d->size bytes themselves */
int su_memblk_save(struct su_blk *d, const char *path, struct su_err *e) SU_MUST_CHECK; /* sparse file */
void su_memblk_encode(struct su_blk *d, struct su_buf *out); /* appends a sparse image; d->size <= 64 MiB */

void su_memblk_set_writable(struct su_blk *d, bool writable); /* true at first */
/* The n-th read, write or flush from now (1: the next one) and all later ones fail with SU_E_IO
 * "test.io"; 0: none does. */
void su_memblk_fail(struct su_blk *d, unsigned long n);
struct su_memblk_count {
    unsigned long reads, writes, flushes;
    unsigned long unflushed; /* writes since the last flush */
};
struct su_memblk_count su_memblk_count(const struct su_blk *d);
