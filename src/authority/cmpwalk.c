/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmpwalk.h"
#include <string.h>

enum { SEQUENCE = 0x30, INTEGER = 0x02, OCTETS = 0x04, OID = 0x06, ENUMERATED = 0x0A, CONTEXT = 0xA0 };

bool su_der_next(struct su_bytes *in, uint8_t *tag, struct su_bytes *value, struct su_bytes *whole)
{
    struct su_bytes b = *in;
    uint8_t t, first;
    if (!su_take_u8(&b, &t) || (t & 0x1F) == 0x1F || !su_take_u8(&b, &first))
        return false;
    size_t n = first;
    if (first & 0x80) {
        unsigned count = first & 0x7F;
        if (count == 0 || count > 3)
            return false;
        n = 0;
        for (unsigned i = 0; i < count; i++) {
            uint8_t c;
            if (!su_take_u8(&b, &c) || (i == 0 && c == 0))
                return false;
            n = n << 8 | c;
        }
        if (n < 0x80)
            return false;
    }
    struct su_bytes v = {b.p, n};
    if (!su_skip(&b, n))
        return false;
    *tag = t;
    *value = v;
    if (whole)
        *whole = (struct su_bytes){in->p, in->n - b.n};
    *in = b;
    return true;
}

/* The next element has this tag. */
static bool take(struct su_bytes *in, uint8_t tag, struct su_bytes *value)
{
    struct su_bytes b = *in, v;
    uint8_t t;
    if (!su_der_next(&b, &t, &v, NULL) || t != tag)
        return false;
    *in = b;
    *value = v;
    return true;
}

/* The whole range is one element with this tag. */
static bool only(struct su_bytes in, uint8_t tag, struct su_bytes *value)
{
    return take(&in, tag, value) && in.n == 0;
}

static int malformed(struct su_err *e, const char *what)
{
    return su_fail(e, SU_E_FORMAT, "authority.cmp.der", "the message has no readable %s", what);
}

static bool small_number(struct su_bytes v, uint32_t *out)
{
    if (v.n == 0 || v.n > 4 || (v.p[0] & 0x80))
        return false;
    *out = 0;
    for (size_t i = 0; i < v.n; i++)
        *out = *out << 8 | v.p[i];
    return true;
}

/* PBMParameter: salt, owf, iterationCount, mac (RFC 4211, 4.4). */
static int walk_pbm(struct su_bytes algorithm, struct su_err *e)
{
    struct su_bytes params, v;
    uint32_t iterations;
    if (!take(&algorithm, SEQUENCE, &params) || !take(&params, OCTETS, &v) || !take(&params, SEQUENCE, &v) ||
        !take(&params, INTEGER, &v))
        return malformed(e, "parameters of its MAC");
    if (!small_number(v, &iterations) || iterations > SU_CMP_MAX_ITERATIONS)
        return su_fail(e, SU_E_FORMAT, "authority.cmp.limit", "more than %d iterations of the MAC",
                       SU_CMP_MAX_ITERATIONS);
    return 0;
}

static int walk_protection(struct su_bytes explicit, struct su_cmp_facts *f, struct su_err *e)
{
    static const uint8_t pbm[] = {0x2A, 0x86, 0x48, 0x86, 0xF6, 0x7D, 0x07, 0x42, 0x0D};
    struct su_bytes algorithm, oid;
    if (!only(explicit, SEQUENCE, &algorithm) || !take(&algorithm, OID, &oid))
        return malformed(e, "algorithm of its protection");
    if (oid.n == sizeof pbm && memcmp(oid.p, pbm, sizeof pbm) == 0) {
        f->protection = SU_CMP_PBM;
        return walk_pbm(algorithm, e);
    }
    f->protection = SU_CMP_SIGNED;
    return 0;
}

static int octets(struct su_bytes explicit, size_t min, size_t max, struct su_bytes *out, const char *what,
                  struct su_err *e)
{
    struct su_bytes v;
    if (!only(explicit, OCTETS, &v))
        return malformed(e, what);
    if (v.n < min || v.n > max)
        return su_fail(e, SU_E_FORMAT, "authority.cmp.limit", "the %s has %zu bytes, not %zu to %zu", what, v.n, min,
                       max);
    *out = v;
    return 0;
}

static int walk_header_field(uint8_t tag, struct su_bytes v, struct su_cmp_facts *f, struct su_err *e)
{
    switch (tag) {
    case CONTEXT | 1:
        return walk_protection(v, f, e);
    case CONTEXT | 2:
        return octets(v, 0, 256, &f->kid, "sender's key identifier", e);
    case CONTEXT | 4:
        return octets(v, SU_CMP_MIN_ID, SU_CMP_MAX_ID, &f->transaction, "transaction's id", e);
    case CONTEXT | 5:
        return octets(v, SU_CMP_MIN_ID, SU_CMP_MAX_ID, &f->nonce, "sender's nonce", e);
    case CONTEXT | 0:
    case CONTEXT | 3:
    case CONTEXT | 6:
    case CONTEXT | 7:
    case CONTEXT | 8:
        return 0;
    default:
        return malformed(e, "header");
    }
}

static int walk_header(struct su_bytes h, struct su_cmp_facts *f, struct su_err *e)
{
    struct su_bytes v;
    uint8_t tag, last = 0;
    /* sender and recipient are GeneralNames: any context tag */
    if (!take(&h, INTEGER, &v) || !su_der_next(&h, &tag, &v, NULL) || !(tag & 0x80) ||
        !su_der_next(&h, &tag, &v, NULL) || !(tag & 0x80))
        return malformed(e, "header");
    while (h.n) {
        if (!su_der_next(&h, &tag, &v, NULL) || tag <= last)
            return malformed(e, "header");
        last = tag;
        if (walk_header_field(tag, v, f, e) < 0)
            return -1;
    }
    if (!f->transaction.n || !f->nonce.n)
        return malformed(e, f->nonce.n ? "transaction's id" : "sender's nonce");
    return 0;
}

static int walk_extra(struct su_bytes explicit, struct su_cmp_facts *f, struct su_err *e)
{
    struct su_bytes list, v, whole;
    uint8_t tag;
    if (!only(explicit, SEQUENCE, &list))
        return malformed(e, "certificates");
    while (list.n) {
        if (!su_der_next(&list, &tag, &v, &whole) || tag != SEQUENCE)
            return malformed(e, "certificates");
        if (f->n_extra == SU_CMP_MAX_EXTRA)
            return su_fail(e, SU_E_FORMAT, "authority.cmp.limit", "more than %d certificates", SU_CMP_MAX_EXTRA);
        if (f->n_extra++ == 0)
            f->signer = whole;
    }
    return 0;
}

/* crlEntryDetails: Extensions, of which reasonCode (2.5.29.21) is read; anything else says 0, unspecified. */
static unsigned walk_reason(struct su_bytes extensions)
{
    static const uint8_t reason_code[] = {0x55, 0x1D, 0x15};
    struct su_bytes one, oid, v, critical;
    while (take(&extensions, SEQUENCE, &one)) {
        uint32_t reason;
        if (!take(&one, OID, &oid) || oid.n != sizeof reason_code || memcmp(oid.p, reason_code, oid.n) != 0)
            continue;
        (void)take(&one, 0x01, &critical);
        if (only(one, OCTETS, &v) && only(v, ENUMERATED, &v) && small_number(v, &reason) && reason <= 10)
            return reason;
    }
    return 0;
}

static void walk_rr(struct su_bytes explicit, struct su_cmp_facts *f)
{
    struct su_bytes list, details, template, extensions;
    if (only(explicit, SEQUENCE, &list) && take(&list, SEQUENCE, &details) && take(&details, SEQUENCE, &template) &&
        take(&details, SEQUENCE, &extensions))
        f->reason = walk_reason(extensions);
}

int su_cmp_walk(struct su_bytes message, struct su_cmp_facts *out, struct su_err *e)
{
    struct su_cmp_facts f = {0};
    struct su_bytes m, header, v;
    uint8_t tag;
    if (message.n > SU_CMP_MAX)
        return su_fail(e, SU_E_FORMAT, "authority.cmp.limit", "the message has more than %d bytes", SU_CMP_MAX);
    if (!only(message, SEQUENCE, &m))
        return malformed(e, "header");
    f.core = m;
    if (!take(&m, SEQUENCE, &header))
        return malformed(e, "header");
    if (walk_header(header, &f, e) < 0)
        return -1;
    if (!su_der_next(&m, &tag, &v, NULL) || (tag & 0xE0) != CONTEXT)
        return malformed(e, "body");
    f.body = tag & 0x1F;
    if (f.body == SU_CMP_RR)
        walk_rr(v, &f);
    if (take(&m, CONTEXT | 0, &v) != (f.protection != SU_CMP_UNPROTECTED))
        return malformed(e, "protection");
    f.core.n -= m.n;
    if (take(&m, CONTEXT | 1, &v) && walk_extra(v, &f, e) < 0)
        return -1;
    if (m.n)
        return malformed(e, "end");
    *out = f;
    return 0;
}

int su_cmp_template_key(struct su_bytes certificate_template, uint8_t *out, size_t cap, size_t *n, struct su_err *e)
{
    struct su_bytes t, v, whole;
    uint8_t tag;
    if (only(certificate_template, SEQUENCE, &t)) {
        while (su_der_next(&t, &tag, &v, &whole)) {
            if (tag != (CONTEXT | 6))
                continue;
            if (whole.n > cap)
                return su_fail(e, SU_E_FORMAT, "authority.cmp.key", "the public key has more than %zu bytes", cap);
            memcpy(out, whole.p, whole.n);
            out[0] = SEQUENCE; /* the tag was implicit */
            *n = whole.n;
            return 0;
        }
    }
    return su_fail(e, SU_E_FORMAT, "authority.cmp.key", "the request has no public key");
}

/* Keys ----------------------------------------------------------------------- */

static bool is(struct su_bytes b, const void *p, size_t n)
{
    return b.n == n && memcmp(b.p, p, n) == 0;
}

/* A positive INTEGER without its leading zero. */
static bool positive(struct su_bytes *in, struct su_bytes *v)
{
    if (!take(in, INTEGER, v) || v->n == 0 || (v->p[0] & 0x80))
        return false;
    return v->p[0] != 0 || (v->n > 1 && (v->p[1] & 0x80) && su_skip(v, 1));
}

static bool read_rsa(struct su_spki *s)
{
    struct su_bytes key, n, exponent;
    if (!only(s->key, SEQUENCE, &key) || !positive(&key, &n) || !positive(&key, &exponent) || key.n)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < exponent.n && exponent.n <= 8; i++)
        v = v << 8 | exponent.p[i];
    s->kind = SU_SPKI_RSA;
    s->bits = (unsigned)(8 * n.n) - (unsigned)(__builtin_clz(n.p[0]) - 24);
    s->sound = (n.p[n.n - 1] & 1) && (v & 1) && v > 65536;
    return true;
}

int su_spki_read(struct su_bytes der, struct su_spki *out, struct su_err *e)
{
    static const uint8_t rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1}, null[] = {5, 0};
    static const uint8_t ec[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1};
    static const uint8_t p256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
    struct su_spki s = {0};
    struct su_bytes all, algorithm, oid;
    uint8_t unused = 1;
    bool good = only(der, SEQUENCE, &all) && take(&all, SEQUENCE, &algorithm) && take(&algorithm, OID, &oid) &&
                only(all, 0x03, &s.key) && su_take_u8(&s.key, &unused) && unused == 0;
    if (good && is(oid, rsa, sizeof rsa) && is(algorithm, null, sizeof null)) {
        good = read_rsa(&s);
    } else if (good && is(oid, ec, sizeof ec) && is(algorithm, p256, sizeof p256)) {
        s.kind = s.key.n == 65 && s.key.p[0] == 4 ? SU_SPKI_P256 : SU_SPKI_OTHER;
    }
    if (!good)
        return su_fail(e, SU_E_FORMAT, "authority.cmp.key", "the public key is malformed");
    *out = s;
    return 0;
}
