/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unpack.h"
#include <isa-l/igzip_lib.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    WINDOW = 128 * 1024, /* of input */
    CHUNK = 256 * 1024,  /* of output */
    PEEK = 16,
    LZ4_BLOCK = 8 << 20,
    ZSTD_WINDOW_LOG = 25,
    LZMA_MEMORY = (32 << 20) + (1 << 20),
};

static const struct {
    const char *name;
    uint8_t magic[6];
    size_t n;
} packings[] = {
    [SU_PACK_NONE] = {"none", {0}, 0},
    [SU_PACK_GZIP] = {"gzip", {0x1f, 0x8b}, 2},
    [SU_PACK_ZSTD] = {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4},
    [SU_PACK_XZ] = {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6},
    [SU_PACK_LZMA] = {"lzma", {0x5d, 0, 0}, 3},
    [SU_PACK_LZ4] = {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4},
    [SU_PACK_BZIP2] = {"bzip2", {'B', 'Z', 'h'}, 3},
    [SU_PACK_LZO] = {"lzo", {0x89, 'L', 'Z', 'O'}, 4},
    [SU_PACK_LZ4_FRAME] = {"lz4 frame", {0x04, 0x22, 0x4d, 0x18}, 4},
};
_Static_assert(SU_ARRAY_LEN(packings) == SU_PACK_COUNT, "a packing without a name");

const char *su_packing_name(enum su_packing p)
{
    return p < SU_PACK_COUNT ? packings[p].name : "?";
}

enum su_packing su_packing_detect(struct su_bytes head)
{
    for (enum su_packing p = SU_PACK_GZIP; p < SU_PACK_COUNT; p++)
        if (head.n >= packings[p].n && memcmp(head.p, packings[p].magic, packings[p].n) == 0)
            return p;
    return SU_PACK_NONE;
}

static int pull_bytes(void *arg, void *buf, size_t n, size_t *got, struct su_err *e)
{
    struct su_bytes *b = arg;
    (void)e;
    *got = n < b->n ? n : b->n;
    (void)su_take(b, buf, *got);
    return 0;
}

struct su_pull su_pull_bytes(struct su_bytes *b)
{
    return (struct su_pull){pull_bytes, b};
}

void su_input_done(struct su_input *in)
{
    free(in->buf);
    *in = (struct su_input){0};
}

/* More bytes behind the unread ones; nothing happens at the end of the source or when the window is full. */
static int fill(struct su_input *in, struct su_err *e)
{
    size_t got = 0;
    if (!in->buf && !(in->buf = malloc(WINDOW)))
        return su_fail_nomem(e, WINDOW);
    if (in->at == in->n)
        in->at = in->n = 0;
    if (in->at > WINDOW - PEEK) {
        memmove(in->buf, in->buf + in->at, in->n - in->at);
        in->n -= in->at;
        in->at = 0;
    }
    if (in->eof || in->n == WINDOW)
        return 0;
    if (in->src.fn(in->src.arg, in->buf + in->n, WINDOW - in->n, &got, e) < 0)
        return -1;
    in->n += got;
    in->eof = got == 0;
    return 0;
}

int su_input_peek(struct su_input *in, size_t want, struct su_bytes *out, struct su_err *e)
{
    while (in->n - in->at < want && !in->eof)
        if (fill(in, e) < 0)
            return -1;
    *out = (struct su_bytes){in->buf + in->at, in->n - in->at};
    return 0;
}

int su_input_skip_zeros(struct su_input *in, struct su_err *e)
{
    struct su_bytes b;
    do {
        if (su_input_peek(in, 1, &b, e) < 0)
            return -1;
        while (in->at < in->n && in->buf[in->at] == 0)
            in->at++;
    } while (b.n && in->at == in->n);
    return 0;
}

struct su_unpack {
    enum su_packing kind;
    struct su_input *in;
    uint64_t *budget;
    bool ended;
    uint8_t *out; /* owned, out_cap bytes */
    size_t out_cap;
    struct inflate_state *gzip;
    ZSTD_DStream *zstd;
    lzma_stream lzma;
    uint8_t *block; /* lz4: one packed block, block_cap bytes */
    uint32_t block_cap;
};

void su_unpack_free(struct su_unpack **up)
{
    struct su_unpack *u = *up;
    if (!u)
        return;
    ZSTD_freeDStream(u->zstd);
    lzma_end(&u->lzma);
    free(u->gzip);
    free(u->block);
    free(u->out);
    free(u);
    *up = NULL;
}

static int damaged(const struct su_unpack *u, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "unpack.damaged", "the %s data is damaged", su_packing_name(u->kind));
}

static int truncated(const struct su_unpack *u, struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "unpack.truncated", "the %s data ends too early", su_packing_name(u->kind));
}

static int too_much_memory(const struct su_unpack *u, struct su_err *e)
{
    return su_fail(e, SU_E_RANGE, "unpack.memory", "unpacking the %s data takes more than %d MiB of memory",
                   su_packing_name(u->kind), 1 << (ZSTD_WINDOW_LOG - 20));
}

static bool open_decoder(struct su_unpack *u)
{
    u->out_cap = u->kind == SU_PACK_LZ4 ? LZ4_BLOCK : CHUNK;
    if (u->kind != SU_PACK_NONE && !(u->out = malloc(u->out_cap)))
        return false;
    switch (u->kind) {
    case SU_PACK_GZIP:
        if (!(u->gzip = malloc(sizeof *u->gzip)))
            return false;
        isal_inflate_init(u->gzip);
        u->gzip->crc_flag = ISAL_GZIP;
        return true;
    case SU_PACK_ZSTD:
        u->zstd = ZSTD_createDStream();
        return u->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
    case SU_PACK_XZ:
        return lzma_stream_decoder(&u->lzma, LZMA_MEMORY, 0) == LZMA_OK;
    case SU_PACK_LZMA:
        return lzma_alone_decoder(&u->lzma, LZMA_MEMORY) == LZMA_OK;
    case SU_PACK_LZ4:
        u->in->at += 4; /* the magic, which detection saw */
        return true;
    case SU_PACK_NONE:
    case SU_PACK_BZIP2:
    case SU_PACK_LZO:
    case SU_PACK_LZ4_FRAME:
    case SU_PACK_COUNT:
        break;
    }
    return true;
}

int su_unpack_open(struct su_input *in, enum su_packing kind, uint64_t *budget, struct su_unpack **out,
                   struct su_err *e)
{
    if (kind >= SU_PACK_BZIP2)
        return su_fail(e, SU_E_REFUSED, "unpack.kind", "data packed with %s is not read", su_packing_name(kind));
    SU_UNPACK struct su_unpack *u = calloc(1, sizeof *u);
    if (!u)
        return su_fail_nomem(e, sizeof *u);
    u->kind = kind;
    u->in = in;
    u->budget = budget;
    u->lzma = (lzma_stream)LZMA_STREAM_INIT;
    struct su_bytes head;
    if (su_input_peek(in, packings[kind].n, &head, e) < 0)
        return -1;
    if (head.n < packings[kind].n)
        return truncated(u, e);
    if (!open_decoder(u))
        return su_fail_nomem(e, u->out_cap);
    *out = su_steal(&u);
    return 0;
}

/* The decoders: each makes at most out_cap bytes, sets *n, and sets ended behind its last byte. */

/* ISA-L holds up to 7 input bytes in its bit buffer, but the 8 bytes of a gzip trailer empty it: what avail_in says at
 * the end is exact. */
static int next_gzip(struct su_unpack *u, size_t *n, struct su_err *e)
{
    struct inflate_state *s = u->gzip;
    struct su_bytes b;
    s->next_out = u->out;
    s->avail_out = (uint32_t)u->out_cap;
    while (s->avail_out == u->out_cap && !u->ended) {
        if (su_input_peek(u->in, 1, &b, e) < 0)
            return -1;
        s->next_in = (uint8_t *)(uintptr_t)b.p;
        s->avail_in = (uint32_t)b.n;
        int rc = isal_inflate(s);
        u->in->at = u->in->n - s->avail_in;
        if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT && rc != ISAL_OUT_OVERFLOW)
            return damaged(u, e);
        u->ended = s->block_state == ISAL_BLOCK_FINISH;
        if (b.n == 0 && s->avail_out == u->out_cap && !u->ended)
            return truncated(u, e);
    }
    *n = u->out_cap - s->avail_out;
    return 0;
}

static int next_zstd(struct su_unpack *u, size_t *n, struct su_err *e)
{
    ZSTD_outBuffer out = {u->out, u->out_cap, 0};
    struct su_bytes b;
    while (out.pos == 0 && !u->ended) {
        if (su_input_peek(u->in, 1, &b, e) < 0)
            return -1;
        ZSTD_inBuffer in = {b.p, b.n, 0};
        size_t rc = ZSTD_decompressStream(u->zstd, &out, &in);
        u->in->at += in.pos;
        if (ZSTD_isError(rc) && ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
            return too_much_memory(u, e);
        if (ZSTD_isError(rc))
            return damaged(u, e);
        u->ended = rc == 0;
        if (b.n == 0 && out.pos == 0 && !u->ended)
            return truncated(u, e);
    }
    *n = out.pos;
    return 0;
}

static int next_lzma(struct su_unpack *u, size_t *n, struct su_err *e)
{
    lzma_stream *s = &u->lzma;
    struct su_bytes b;
    s->next_out = u->out;
    s->avail_out = u->out_cap;
    while (s->avail_out == u->out_cap && !u->ended) {
        if (su_input_peek(u->in, 1, &b, e) < 0)
            return -1;
        s->next_in = b.p;
        s->avail_in = b.n;
        lzma_ret rc = lzma_code(s, b.n ? LZMA_RUN : LZMA_FINISH);
        u->in->at = u->in->n - s->avail_in;
        if (rc == LZMA_MEMLIMIT_ERROR)
            return too_much_memory(u, e);
        if (rc == LZMA_MEM_ERROR)
            return su_fail_nomem(e, LZMA_MEMORY);
        if (rc == LZMA_BUF_ERROR && b.n == 0)
            return truncated(u, e);
        if (rc != LZMA_OK && rc != LZMA_STREAM_END)
            return damaged(u, e);
        u->ended = rc == LZMA_STREAM_END;
    }
    *n = u->out_cap - s->avail_out;
    return 0;
}

static int read_block(struct su_unpack *u, uint32_t size, struct su_err *e)
{
    struct su_bytes b;
    if (size > u->block_cap) {
        free(u->block);
        u->block_cap = 0;
        if (!(u->block = malloc(size)))
            return su_fail_nomem(e, size);
        u->block_cap = size;
    }
    for (uint32_t have = 0; have < size;) {
        if (su_input_peek(u->in, 1, &b, e) < 0)
            return -1;
        if (b.n == 0)
            return truncated(u, e);
        size_t part = b.n < size - have ? b.n : size - have;
        memcpy(u->block + have, b.p, part);
        have += (uint32_t)part;
        u->in->at += part;
    }
    return 0;
}

/* Blocks follow each other without an end mark: a length that is none ends them, as in the kernel. */
static int next_lz4(struct su_unpack *u, size_t *n, struct su_err *e)
{
    struct su_bytes b;
    if (su_input_peek(u->in, 4, &b, e) < 0)
        return -1;
    uint32_t size = b.n < 4 ? 0 : su_le32(b.p);
    if (size == 0 || size > LZ4_COMPRESSBOUND(LZ4_BLOCK)) {
        u->ended = true;
        return 0;
    }
    u->in->at += 4;
    if (read_block(u, size, e) < 0)
        return -1;
    int made = LZ4_decompress_safe((const char *)u->block, (char *)u->out, (int)size, LZ4_BLOCK);
    if (made <= 0)
        return damaged(u, e);
    *n = (size_t)made;
    return 0;
}

static int next_plain(struct su_unpack *u, struct su_bytes *chunk, struct su_err *e)
{
    if (su_input_peek(u->in, 1, chunk, e) < 0)
        return -1;
    u->ended = chunk->n == 0;
    u->in->at = u->in->n;
    return 0;
}

int su_unpack_next(struct su_unpack *u, struct su_bytes *chunk, struct su_err *e)
{
    struct su_bytes b = {u->out, 0};
    int rc = 0;
    if (!u->ended) {
        if (u->kind == SU_PACK_NONE)
            rc = next_plain(u, &b, e);
        else if (u->kind == SU_PACK_GZIP)
            rc = next_gzip(u, &b.n, e);
        else if (u->kind == SU_PACK_ZSTD)
            rc = next_zstd(u, &b.n, e);
        else if (u->kind == SU_PACK_LZ4)
            rc = next_lz4(u, &b.n, e);
        else
            rc = next_lzma(u, &b.n, e);
    }
    if (rc < 0)
        return -1;
    if (b.n > *u->budget)
        return su_fail(e, SU_E_RANGE, "unpack.size", "the %s data unpacks to more than is allowed",
                       su_packing_name(u->kind));
    *u->budget -= b.n;
    *chunk = b;
    return 0;
}
