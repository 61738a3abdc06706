/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/cpio_sample.h - initramfs archives made on the spot, in every packing. */
#pragma once
#include "base/buf.h"
#include <lz4hc.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static inline void cpio_bytes(struct su_buf *b, const char *name, unsigned mode, const void *data, size_t n)
{
    size_t name_size = strlen(name) + 1;
    su_buf_printf(b, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u, mode, 0u, 0u, 1u, 0u, n, 0u,
                  0u, 0u, 0u, name_size, 0u);
    su_buf_add(b, name, name_size);
    su_buf_zero(b, (4 - b->n % 4) % 4);
    su_buf_add(b, data, n);
    su_buf_zero(b, (4 - b->n % 4) % 4);
}
static inline void cpio_file(struct su_buf *b, const char *name, const char *text)
{
    cpio_bytes(b, name, 0100644, text, strlen(text));
}
static inline void cpio_dir(struct su_buf *b, const char *name)
{
    cpio_bytes(b, name, 040755, "", 0);
}
static inline void cpio_end(struct su_buf *b)
{
    cpio_file(b, "TRAILER!!!", "");
}

static inline void pack_gzip(struct su_buf *out, const struct su_buf *in)
{
    size_t cap = compressBound(in->n) + 64;
    uint8_t *p = malloc(cap);
    z_stream z = {.next_in = in->p, .avail_in = (unsigned)in->n, .next_out = p, .avail_out = (unsigned)cap};
    if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    su_buf_add(out, p, z.total_out);
    deflateEnd(&z);
    free(p);
}
static inline void pack_zstd(struct su_buf *out, const struct su_buf *in)
{
    size_t cap = ZSTD_compressBound(in->n);
    uint8_t *p = malloc(cap);
    su_buf_add(out, p, ZSTD_compress(p, cap, in->p, in->n, 1));
    free(p);
}
static inline void pack_xz(struct su_buf *out, const struct su_buf *in)
{
    size_t cap = lzma_stream_buffer_bound(in->n), n = 0;
    uint8_t *p = malloc(cap);
    if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, in->p, in->n, p, &n, cap) != LZMA_OK)
        abort();
    su_buf_add(out, p, n);
    free(p);
}
static inline void pack_lz4(struct su_buf *out, const struct su_buf *in)
{
    int cap = LZ4_compressBound((int)in->n);
    char *p = malloc((size_t)cap);
    uint8_t head[8] = {0x02, 0x21, 0x4c, 0x18};
    int n = LZ4_compress_HC((const char *)in->p, p, (int)in->n, cap, 3);
    su_put_le32(head + 4, (uint32_t)n);
    su_buf_add(out, head, 8);
    su_buf_add(out, p, (size_t)n);
    free(p);
}
