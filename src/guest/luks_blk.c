/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AES-XTS sectors of a disk, as dm-crypt lays them out: the tweak is the number of the sector's
 * first 512 bytes, little-endian, whatever the sector size. */
#include "luks_int.h"
#include <openssl/evp.h>
#include <string.h>

enum { CHUNK = 64 << 10 };

struct luks {
    struct su_blk blk;
    struct su_blk *vol; /* borrowed */
    struct su_luks_layout l;
    EVP_CIPHER_CTX *enc, *dec; /* owned; libcrypto wipes the keys in them */
    uint8_t chunk[CHUNK];
};

static int crypt_fail(struct su_err *e)
{
    return su_fail(e, SU_E_IO, "volume.luks.crypt", "libcrypto failed to de- or encrypt a sector");
}

/* n bytes in place, whole sectors, the first at off of the segment. */
static int transform(struct luks *x, EVP_CIPHER_CTX *ctx, uint64_t off, uint8_t *p, size_t n, struct su_err *e)
{
    for (size_t at = 0; at < n; at += x->l.sector) {
        uint8_t iv[16] = {0};
        int done = 0;
        su_put_le64(iv, x->l.iv + (off + at) / SU_SECTOR);
        if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1 ||
            EVP_CipherUpdate(ctx, p + at, &done, p + at, (int)x->l.sector) != 1 || done != (int)x->l.sector)
            return crypt_fail(e);
    }
    return 0;
}

static int read_sectors(struct luks *x, uint64_t off, uint8_t *p, size_t n, struct su_err *e)
{
    return su_blk_read(x->vol, x->l.data + off, p, n, e) < 0 ? -1 : transform(x, x->dec, off, p, n, e);
}

/* The next piece of off..off+n: whole sectors from `first`, of which `part` bytes from `skip` on are meant. */
struct piece {
    uint64_t first;
    size_t skip, part, sectors; /* bytes, all three */
};

static struct piece piece_of(const struct luks *x, uint64_t off, size_t n)
{
    struct piece p = {.first = off - off % x->l.sector, .skip = (size_t)(off % x->l.sector)};
    p.part = n < CHUNK - p.skip ? n : CHUNK - p.skip;
    p.sectors = (size_t)su_round_up(p.skip + p.part, x->l.sector);
    return p;
}

static int luks_read(struct su_blk *d, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    struct luks *x = (struct luks *)d;
    for (size_t done = 0; done < n;) {
        struct piece p = piece_of(x, off + done, n - done);
        if (read_sectors(x, p.first, x->chunk, p.sectors, e) < 0)
            return -1;
        memcpy((uint8_t *)buf + done, x->chunk + p.skip, p.part);
        done += p.part;
    }
    return 0;
}

/* The sectors at both ends of a piece, when only a part of them changes. */
static int read_ends(struct luks *x, const struct piece *p, struct su_err *e)
{
    size_t ss = x->l.sector, last = p->sectors - ss;
    bool head = p->skip > 0, tail = (p->skip + p->part) % ss != 0;
    if (head && read_sectors(x, p->first, x->chunk, ss, e) < 0)
        return -1;
    if (tail && !(head && last == 0) && read_sectors(x, p->first + last, x->chunk + last, ss, e) < 0)
        return -1;
    return 0;
}

static int luks_write(struct su_blk *d, uint64_t off, const void *buf, size_t n, struct su_err *e)
{
    struct luks *x = (struct luks *)d;
    for (size_t done = 0; done < n;) {
        struct piece p = piece_of(x, off + done, n - done);
        if (read_ends(x, &p, e) < 0)
            return -1;
        memcpy(x->chunk + p.skip, (const uint8_t *)buf + done, p.part);
        if (transform(x, x->enc, p.first, x->chunk, p.sectors, e) < 0 ||
            su_blk_write(x->vol, x->l.data + p.first, x->chunk, p.sectors, e) < 0)
            return -1;
        done += p.part;
    }
    return 0;
}

static int luks_flush(struct su_blk *d, struct su_err *e)
{
    return su_blk_flush(((struct luks *)d)->vol, e);
}

static void luks_close(struct su_blk *d)
{
    struct luks *x = (struct luks *)d;
    EVP_CIPHER_CTX_free(x->enc);
    EVP_CIPHER_CTX_free(x->dec);
    explicit_bzero(x->chunk, sizeof x->chunk);
    free(x);
}

static const struct su_blk_ops ops = {.read = luks_read, .write = luks_write, .flush = luks_flush, .close = luks_close};
static const struct su_blk_ops ops_read_only = {.read = luks_read, .flush = luks_flush, .close = luks_close};

static EVP_CIPHER_CTX *context(const struct su_secret *vk, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *c = vk->n == 64 ? EVP_aes_256_xts() : EVP_aes_128_xts();
    if (ctx && EVP_CipherInit_ex(ctx, c, NULL, vk->p, NULL, encrypt) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

int su_luks_blk_open(struct su_blk *vol, const struct su_luks_layout *l, const struct su_secret *vk, bool writable,
                     struct su_blk **out, struct su_err *e)
{
    struct luks *x = calloc(1, sizeof *x);
    if (!x)
        return su_fail_nomem(e, sizeof *x);
    x->blk = (struct su_blk){.ops = writable ? &ops : &ops_read_only, .size = l->size};
    x->vol = vol;
    x->l = *l;
    x->enc = context(vk, 1);
    x->dec = context(vk, 0);
    if (!x->enc || !x->dec) {
        luks_close(&x->blk);
        return crypt_fail(e);
    }
    *out = &x->blk;
    return 0;
}
