/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compressed extents, at most 128 KiB uncompressed each. */
#include "fs_btrfs.h"
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

enum { ZSTD_WINDOW_LOG = 17 }; /* what btrfs writes; bounds the memory a frame can ask for */

static int bad_zip(const char *how, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "fs.btrfs.compression", "a btrfs extent compressed with %s is damaged", how);
}

static void end_inflate(z_stream *z)
{
    inflateEnd(z);
}

static int unzip_zlib(struct su_bytes in, uint8_t *out, size_t n, size_t *done, struct su_err *e)
{
    SU_AUTO(end_inflate) z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    if (inflateInit(&z) != Z_OK)
        return su_fail_nomem(e, sizeof z);
    z.next_out = out;
    z.avail_out = (uInt)n;
    int rc = inflate(&z, Z_FINISH);
    if (rc != Z_STREAM_END && !(rc == Z_BUF_ERROR && z.avail_out == 0))
        return bad_zip("zlib", e);
    *done = n - z.avail_out;
    return 0;
}

static void end_zstd(ZSTD_DCtx **z)
{
    ZSTD_freeDCtx(*z);
}

static int unzip_zstd(struct su_bytes in, uint8_t *out, size_t n, size_t *done, struct su_err *e)
{
    SU_AUTO(end_zstd) ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
        return su_fail_nomem(e, sizeof z);
    ZSTD_inBuffer from = {in.p, in.n, 0};
    ZSTD_outBuffer to = {out, n, 0};
    for (size_t left = 1; left > 0 && to.pos < to.size;) {
        size_t was_in = from.pos, was_out = to.pos;
        left = ZSTD_decompressStream(z, &to, &from);
        if (ZSTD_isError(left) || (left > 0 && from.pos == was_in && to.pos == was_out))
            return bad_zip("zstd", e);
    }
    *done = to.pos;
    return 0;
}

/* A length of all, then segments of at most a sector, each with its length; a length never straddles sectors. */
static int unzip_lzo(uint32_t sector, struct su_bytes in, uint8_t *out, size_t n, size_t *done, struct su_err *e)
{
    size_t total = in.n < 4 ? 0 : su_le32(in.p), filled = 0;
    if (lzo_init() != LZO_E_OK || total < 4 || total > in.n)
        return bad_zip("LZO", e);
    for (size_t at = 4; at < total && filled < n;) {
        if (sector - at % sector < 4)
            at += sector - at % sector;
        if (at >= total)
            break;
        if (total - at < 4 || su_le32(in.p + at) > total - at - 4)
            return bad_zip("LZO", e);
        size_t size = su_le32(in.p + at);
        lzo_uint made = n - filled < sector ? n - filled : sector;
        if (lzo1x_decompress_safe(in.p + at + 4, size, out + filled, &made, NULL) != LZO_E_OK)
            return bad_zip("LZO", e);
        filled += made;
        at += 4 + size;
    }
    *done = filled;
    return 0;
}

int su_btrfs_unzip(uint8_t how, uint32_t sector, struct su_bytes in, uint8_t *out, size_t n, struct su_err *e)
{
    size_t done = 0;
    int rc;
    switch (how) {
    case 1:
        rc = unzip_zlib(in, out, n, &done, e);
        break;
    case 2:
        rc = unzip_lzo(sector, in, out, n, &done, e);
        break;
    case 3:
        rc = unzip_zstd(in, out, n, &done, e);
        break;
    default:
        return su_fail(e, SU_E_REFUSED, "fs.btrfs.encoding", "btrfs compression %u is not known", how);
    }
    if (rc == 0)
        memset(out + done, 0, n - done);
    return rc;
}
