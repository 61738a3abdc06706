/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/unpack.h - bounded streaming decompression of what Linux packs its initramfs and its modules with.
 *
 * Input is pulled, output comes in chunks: neither is ever in memory as a whole.  Decoders: gzip (ISA-L: 2.3 times
 * the speed of zlib on a Debian initramfs), zstd (windows to 32 MiB), xz and lzma (dictionaries to 32 MiB), lz4 in
 * the "legacy" framing the kernel reads (blocks of 8 MiB).  bzip2, lzo and lz4 frames are refused by name.
 *
 * Promise: no more output than the budget, no more memory than the bounds above, and each chunk either has bytes
 * or is the end.  Errors: SU_E_FORMAT "unpack.damaged" and "unpack.truncated", SU_E_RANGE "unpack.size" and
 * "unpack.memory", SU_E_REFUSED "unpack.kind", and what the source says.  One thread at a time. */
#pragma once
#include "base/su.h"

/* Fills buf with at most n bytes; *got is 0 only at the end. */
typedef int su_pull_fn(void *arg, void *buf, size_t n, size_t *got, struct su_err *e);
struct su_pull {
    su_pull_fn *fn;
    void *arg; /* borrowed */
};
struct su_pull su_pull_bytes(struct su_bytes *b); /* takes bytes off the front of b, which is borrowed */

/* A window over the source.  Zero but src before use; su_input_done() frees it. */
struct su_input {
    struct su_pull src;
    uint8_t *buf; /* owned */
    size_t at, n; /* unread bytes: buf[at..n) */
    bool eof;
};
void su_input_done(struct su_input *in);
#define SU_INPUT SU_AUTO(su_input_done)
/* Has at least want (<= 16) unread bytes ready, fewer only at the end of the source. */
int su_input_peek(struct su_input *in, size_t want, struct su_bytes *out, struct su_err *e) SU_MUST_CHECK;
/* Drops zero bytes at the front. */
int su_input_skip_zeros(struct su_input *in, struct su_err *e) SU_MUST_CHECK;

enum su_packing {
    SU_PACK_NONE, /* as it is */
    SU_PACK_GZIP,
    SU_PACK_ZSTD,
    SU_PACK_XZ,
    SU_PACK_LZMA,
    SU_PACK_LZ4,
    SU_PACK_BZIP2,     /* from here on: recognised, not decoded */
    SU_PACK_LZO,
    SU_PACK_LZ4_FRAME,
    SU_PACK_COUNT
};
const char *su_packing_name(enum su_packing p);           /* static: "gzip"... */
enum su_packing su_packing_detect(struct su_bytes head); /* looks at no more than 6 bytes */

struct su_unpack; /* owned by the caller: su_unpack_free() */
void su_unpack_free(struct su_unpack **u);
#define SU_UNPACK SU_AUTO(su_unpack_free)

/* in and budget (bytes of output still allowed, counted down) are borrowed and outlive *out. */
int su_unpack_open(struct su_input *in, enum su_packing kind, uint64_t *budget, struct su_unpack **out,
                   struct su_err *e) SU_MUST_CHECK;
/* The next bytes, borrowed until the next call; none at the end, where in is left behind the packed data. */
int su_unpack_next(struct su_unpack *u, struct su_bytes *chunk, struct su_err *e) SU_MUST_CHECK;
