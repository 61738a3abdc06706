/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pe.h"
#include <openssl/evp.h>
#include <string.h>

enum {
    COFF_HEADER = 24, /* with the signature before it */
    SECTION_HEADER = 40,
    OPTIONAL_MAX = 112 + 16 * 8,
    DIR_CERTIFICATES = 4,
    CHECKSUM_IN_OPTIONAL = 64,
    HEADERS_IN_OPTIONAL = 60,
    SYMBOL = 18,
    CHUNK = 128 * 1024,
};

static int bytes_read(void *arg, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    const struct su_bytes *b = arg;
    if (off > b->n || n > b->n - off)
        return su_fail(e, SU_E_RANGE, "pe.read", "%zu bytes at %llu are past the end of the image", n,
                       (unsigned long long)off);
    if (n)
        memcpy(buf, b->p + off, n);
    return 0;
}

struct su_source su_source_bytes(const struct su_bytes *b)
{
    return (struct su_source){.read = bytes_read, .arg = (void *)(uintptr_t)b, .size = b->n};
}

/* Every read of a parser goes through here: short files are damaged files. */
static int get(const struct su_source *src, uint64_t off, void *buf, size_t n, struct su_err *e)
{
    if (off > src->size || n > src->size - off)
        return su_fail(e, SU_E_FORMAT, "pe.truncated", "the image ends inside its headers");
    return src->read(src->arg, off, buf, n, e);
}

struct coff {
    uint32_t at; /* of the "PE\0\0" signature */
    uint16_t sections, optional_size;
    uint32_t symbols_at, symbols;
};

static int read_coff(const struct su_source *src, struct coff *c, struct su_pe *pe, struct su_err *e)
{
    uint8_t dos[64], h[COFF_HEADER];
    if (get(src, 0, dos, sizeof dos, e) < 0)
        return -1;
    if (dos[0] != 'M' || dos[1] != 'Z')
        return su_fail(e, SU_E_FORMAT, "pe.magic", "not an EFI image: it does not start with MZ");
    c->at = su_le32(dos + 60);
    if (get(src, c->at, h, sizeof h, e) < 0)
        return -1;
    if (memcmp(h, "PE\0\0", 4) != 0)
        return su_fail(e, SU_E_FORMAT, "pe.magic", "not an EFI image: it has no PE signature");
    pe->machine = su_le16(h + 4);
    c->sections = su_le16(h + 6);
    c->symbols_at = su_le32(h + 12);
    c->symbols = su_le32(h + 16);
    c->optional_size = su_le16(h + 20);
    if (c->sections > SU_PE_MAX_SECTIONS)
        return su_fail(e, SU_E_FORMAT, "pe.sections", "the image claims %u sections", c->sections);
    return 0;
}

static int read_optional(const struct su_source *src, const struct coff *c, struct su_pe *pe, struct su_err *e)
{
    uint8_t h[OPTIONAL_MAX] = {0};
    size_t have = c->optional_size < sizeof h ? c->optional_size : sizeof h;
    uint32_t at = c->at + COFF_HEADER; /* no wrap: the COFF header was read there, and files end at 1 GiB */
    if (get(src, at, h, have, e) < 0)
        return -1;
    uint16_t magic = su_le16(h);
    if (magic != 0x10b && magic != 0x20b)
        return su_fail(e, SU_E_FORMAT, "pe.optional", "unknown kind of optional header 0x%x", magic);
    pe->plus = magic == 0x20b;
    size_t dirs_at = pe->plus ? 112 : 96;
    uint32_t dirs = have < dirs_at ? 0 : su_le32(h + dirs_at - 4);
    if (have < dirs_at || dirs > 16 || dirs_at + 8 * (size_t)dirs > have)
        return su_fail(e, SU_E_FORMAT, "pe.optional", "the optional header is too short for what it claims");
    pe->headers = su_le32(h + HEADERS_IN_OPTIONAL);
    pe->checksum_at = at + CHECKSUM_IN_OPTIONAL;
    uint64_t table_end = (uint64_t)at + c->optional_size + (uint64_t)SECTION_HEADER * c->sections;
    if (pe->headers > src->size || table_end > pe->headers)
        return su_fail(e, SU_E_FORMAT, "pe.headers", "the headers do not fit into their own size");
    if (dirs <= DIR_CERTIFICATES)
        return 0;
    const uint8_t *dir = h + dirs_at + 8 * DIR_CERTIFICATES;
    pe->certdir_at = at + (uint32_t)(dir - h);
    pe->certs_size = su_le32(dir + 4);
    pe->certs_off = pe->certs_size ? su_le32(dir) : 0;
    return 0;
}

/* "/123" names a string in the COFF string table.  Images are often stripped of it: the short form then stays. */
static int long_name(const struct su_source *src, const struct coff *c, struct su_pe_section *s, struct su_err *e)
{
    uint64_t at = 0;
    if (s->name[0] != '/' || c->symbols_at == 0)
        return 0;
    for (const char *p = s->name + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        at = at * 10 + (uint64_t)(*p - '0');
    }
    at += c->symbols_at + (uint64_t)c->symbols * SYMBOL;
    if (at >= src->size)
        return 0;
    char text[SU_PE_NAME] = "";
    uint64_t left = src->size - at;
    size_t n = left < sizeof text - 1 ? (size_t)left : sizeof text - 1;
    if (src->read(src->arg, at, text, n, e) < 0)
        return -1;
    if (*text)
        memcpy(s->name, text, sizeof text);
    return 0;
}

static int read_sections(const struct su_source *src, const struct coff *c, struct su_pe *pe, struct su_err *e)
{
    uint64_t at = (uint64_t)c->at + COFF_HEADER + c->optional_size;
    for (unsigned i = 0; i < c->sections; i++, at += SECTION_HEADER) {
        uint8_t h[SECTION_HEADER];
        if (get(src, at, h, sizeof h, e) < 0)
            return -1;
        struct su_pe_section s = {.vsize = su_le32(h + 8), .size = su_le32(h + 16)};
        s.off = s.size ? su_le32(h + 20) : 0;
        memcpy(s.name, h, 8);
        if (long_name(src, c, &s, e) < 0)
            return -1;
        unsigned to = i; /* the digest takes sections in the order of their bytes */
        for (; to > 0 && pe->section[to - 1].off > s.off; to--)
            pe->section[to] = pe->section[to - 1];
        pe->section[to] = s;
    }
    pe->sections = c->sections;
    return 0;
}

static int check_extents(const struct su_source *src, const struct su_pe *pe, struct su_err *e)
{
    uint64_t end = pe->headers;
    for (unsigned i = 0; i < pe->sections; i++) {
        const struct su_pe_section *s = &pe->section[i];
        if (s->size == 0)
            continue;
        if (s->off < end)
            return su_fail(e, SU_E_FORMAT, "pe.overlap", "section %u overlaps what comes before it", i);
        end = (uint64_t)s->off + s->size;
        if (end > src->size)
            return su_fail(e, SU_E_FORMAT, "pe.truncated", "section %u runs past the end of the image", i);
    }
    if (pe->certs_size == 0)
        return 0;
    uint64_t certs_end = (uint64_t)pe->certs_off + pe->certs_size;
    if (pe->certs_off < end || certs_end != src->size || pe->certs_size > SU_PE_MAX_CERTS)
        return su_fail(e, SU_E_FORMAT, "pe.certificates", "the certificate table is not the end of the image");
    return 0;
}

int su_pe_parse(const struct su_source *src, struct su_pe *out, struct su_err *e)
{
    struct su_pe pe = {.src = *src};
    struct coff c = {0};
    if (src->size > SU_PE_MAX_FILE)
        return su_fail(e, SU_E_FORMAT, "pe.size", "no EFI image is that long: %llu bytes",
                       (unsigned long long)src->size);
    if (read_coff(src, &c, &pe, e) < 0 || read_optional(src, &c, &pe, e) < 0 || read_sections(src, &c, &pe, e) < 0 ||
        check_extents(src, &pe, e) < 0)
        return -1;
    *out = pe;
    return 0;
}

struct hash {
    const struct su_source *src;
    EVP_MD_CTX *ctx;
    uint8_t *buf; /* CHUNK bytes */
};

static void free_ctx(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

static int feed(const struct hash *h, uint64_t from, uint64_t to, struct su_err *e)
{
    while (from < to) {
        size_t n = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        if (h->src->read(h->src->arg, from, h->buf, n, e) < 0)
            return -1;
        if (EVP_DigestUpdate(h->ctx, h->buf, n) != 1)
            return su_fail(e, SU_E_NOMEM, "host.digest", "SHA-256 failed");
        from += n;
    }
    return 0;
}

int su_pe_digest(const struct su_pe *pe, uint8_t out[SU_SHA256], struct su_err *e)
{
    SU_AUTO(free_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    SU_FREE uint8_t *buf = malloc(CHUNK);
    struct hash h = {.src = &pe->src, .ctx = ctx, .buf = buf};
    if (!ctx || !buf || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        return su_fail_nomem(e, CHUNK);
    /* everything of the headers but the two fields that signing changes */
    uint32_t at = pe->checksum_at + 4;
    if (feed(&h, 0, pe->checksum_at, e) < 0)
        return -1;
    if (pe->certdir_at) {
        if (feed(&h, at, pe->certdir_at, e) < 0)
            return -1;
        at = pe->certdir_at + 8;
    }
    if (feed(&h, at, pe->headers, e) < 0)
        return -1;
    uint64_t hashed = pe->headers;
    for (unsigned i = 0; i < pe->sections; i++) {
        const struct su_pe_section *s = &pe->section[i];
        if (feed(&h, s->off, (uint64_t)s->off + s->size, e) < 0)
            return -1;
        hashed += s->size;
    }
    /* What follows is found by the count of bytes hashed so far, gaps or not: so firmware and shim do it. */
    if (feed(&h, hashed, pe->src.size - pe->certs_size, e) < 0)
        return -1;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
        return su_fail(e, SU_E_NOMEM, "host.digest", "SHA-256 failed");
    memcpy(out, digest, SU_SHA256);
    return 0;
}

const struct su_pe_section *su_pe_find(const struct su_pe *pe, const char *name)
{
    for (unsigned i = 0; i < pe->sections; i++)
        if (strcmp(pe->section[i].name, name) == 0)
            return &pe->section[i];
    return NULL;
}

static int append(const struct su_pe *pe, uint32_t off, uint32_t n, struct su_buf *out, struct su_err *e)
{
    if (n == 0)
        return 0;
    SU_FREE uint8_t *p = malloc(n);
    if (!p)
        return su_fail_nomem(e, n);
    if (pe->src.read(pe->src.arg, off, p, n, e) < 0)
        return -1;
    su_buf_add(out, p, n);
    return su_buf_ok(out, e);
}

int su_pe_read_section(const struct su_pe *pe, const char *name, size_t max, struct su_buf *out, struct su_err *e)
{
    const struct su_pe_section *s = su_pe_find(pe, name);
    if (!s)
        return su_fail(e, SU_E_MISSING, "pe.section", "the image has no section %s", name);
    uint32_t n = s->vsize && s->vsize < s->size ? s->vsize : s->size;
    if (n > max)
        return su_fail(e, SU_E_RANGE, "pe.section.size", "section %s has %u bytes, more than %zu", name, n, max);
    return append(pe, s->off, n, out, e);
}

int su_pe_read_certs(const struct su_pe *pe, struct su_buf *out, struct su_err *e)
{
    return append(pe, pe->certs_off, pe->certs_size, out, e);
}

int su_pe_next_cert(struct su_bytes *table, struct su_pe_cert *out, struct su_err *e)
{
    struct su_bytes b = *table;
    struct su_pe_cert c;
    uint32_t length;
    if (b.n == 0)
        return 0;
    if (!su_take_le32(&b, &length) || !su_take_le16(&b, &c.revision) || !su_take_le16(&b, &c.type) || length < 8 ||
        length > table->n)
        return su_fail(e, SU_E_FORMAT, "pe.certificate", "a certificate does not fit into the certificate table");
    c.data = (struct su_bytes){b.p, length - 8};
    uint64_t whole = su_round_up(length, 8); /* the padding of the last one may be missing */
    (void)su_skip(table, whole < table->n ? (size_t)whole : table->n);
    *out = c;
    return 1;
}
