/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "authority/cmpwalk.h"
#include "tests/lib/tap.h"

static struct su_err e;

static struct su_bytes bytes(const void *p, size_t n)
{
    return (struct su_bytes){p, n};
}

static void test_der(void)
{
    static const struct {
        const char *what;
        uint8_t b[8];
        size_t n;
        bool good;
    } rows[] = {
        {"short", {0x04, 0x02, 1, 2}, 4, true},
        {"empty value", {0x05, 0x00}, 2, true},
        {"nothing", {0}, 0, false},
        {"a tag alone", {0x04}, 1, false},
        {"cut off", {0x04, 0x03, 1, 2}, 4, false},
        {"indefinite", {0x30, 0x80, 0, 0}, 4, false},
        {"long form of a short length", {0x04, 0x81, 0x02, 1, 2}, 5, false},
        {"leading zero", {0x04, 0x82, 0x00, 0x02, 1, 2}, 6, false},
        {"four bytes of length", {0x04, 0x84, 1, 0, 0, 0}, 6, false},
        {"a tag of two bytes", {0x1F, 0x20, 0x00}, 3, false},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_bytes in = bytes(rows[i].b, rows[i].n), v, w;
        uint8_t tag;
        ok(su_der_next(&in, &tag, &v, &w) == rows[i].good && (!rows[i].good || (in.n == 0 && w.n == rows[i].n)), "%s",
           rows[i].what);
    }
}

/* A header of the least there may be, with room for changes. */
static size_t message(uint8_t *out, const uint8_t *extra, size_t extra_n, uint8_t body, bool protection)
{
    static const uint8_t head[] = {0x02, 1, 2, 0xA4, 2, 0x30, 0, 0xA4, 2, 0x30, 0};
    static const uint8_t ids[] = {0xA4, 10, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0xA5, 10, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t *p = out + 4;
    memcpy(p, head, sizeof head);
    if (extra_n)
        memcpy(p + sizeof head, extra, extra_n);
    memcpy(p + sizeof head + extra_n, ids, sizeof ids);
    size_t n = sizeof head + extra_n + sizeof ids;
    out[2] = 0x30;
    out[3] = (uint8_t)n;
    p += n;
    *p++ = (uint8_t)(0xA0 | body), *p++ = 2, *p++ = 0x30, *p++ = 0;
    if (protection)
        memcpy(p, "\xA0\x03\x03\x01\x00", 5), p += 5;
    out[0] = 0x30;
    out[1] = (uint8_t)(p - out - 2);
    return (size_t)(p - out);
}

static void test_header(void)
{
    uint8_t m[512];
    struct su_cmp_facts f;
    size_t n = message(m, NULL, 0, SU_CMP_GENM, false);
    ok(su_cmp_walk(bytes(m, n), &f, &e) == 0 && f.body == SU_CMP_GENM && f.protection == SU_CMP_UNPROTECTED &&
           f.transaction.n == 8 && f.nonce.n == 8,
       "an unprotected one: %s", e.msg);
    ok(su_cmp_walk(bytes(m, n - 1), &f, &e) < 0, "cut off");
    m[n] = 0;
    ok(su_cmp_walk(bytes(m, n + 1), &f, &e) < 0, "a byte too many");
    n = message(m, NULL, 0, SU_CMP_IR, true);
    ok(su_cmp_walk(bytes(m, n), &f, &e) < 0, "protected by no algorithm");

    static const uint8_t sig[] = {0xA1, 12, 0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2};
    n = message(m, sig, sizeof sig, SU_CMP_KUR, true);
    ok(su_cmp_walk(bytes(m, n), &f, &e) == 0 && f.protection == SU_CMP_SIGNED, "signed: %s", e.msg);
    n = message(m, sig, sizeof sig, SU_CMP_KUR, false);
    ok(su_cmp_walk(bytes(m, n), &f, &e) < 0, "an algorithm and no protection");

    uint8_t pbm[] = {0xA1, 34, 0x30, 32,   6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF6, 0x7D, 7,    0x42, 0x0D, 0x30, 19, 4,
                     2,    1,  2,    0x30, 3, 6, 1,    1,    2,    3,    0x00, 0x27, 0x10, 0x30, 3,    6,    1,  1};
    n = message(m, pbm, sizeof pbm, SU_CMP_IR, true);
    ok(su_cmp_walk(bytes(m, n), &f, &e) == 0 && f.protection == SU_CMP_PBM, "with a MAC of 10000 iterations: %s",
       e.msg);
    pbm[30] = 0x11;
    n = message(m, pbm, sizeof pbm, SU_CMP_IR, true);
    ok(su_cmp_walk(bytes(m, n), &f, &e) < 0 && !strcmp(e.id, "authority.cmp.limit"), "of 10001");
    pbm[28] = 0x80;
    n = message(m, pbm, sizeof pbm, SU_CMP_IR, true);
    ok(su_cmp_walk(bytes(m, n), &f, &e) < 0, "of less than none");

    static const uint8_t twice[] = {0xA2, 3, 4, 1, 'a', 0xA2, 3, 4, 1, 'b'};
    n = message(m, twice, sizeof twice, SU_CMP_GENM, false);
    ok(su_cmp_walk(bytes(m, n), &f, &e) < 0, "a field twice");
    static uint8_t large[SU_CMP_MAX + 1];
    ok(su_cmp_walk(bytes(large, sizeof large), &f, &e) < 0 && !strcmp(e.id, "authority.cmp.limit"), "too large");
}

static void test_template(void)
{
    uint8_t key[16];
    size_t n = 0;
    static const uint8_t good[] = {0x30, 10, 0xA5, 2, 0x30, 0, 0xA6, 4, 5, 0, 5, 0};
    static const uint8_t none[] = {0x30, 4, 0xA5, 2, 0x30, 0};
    ok(su_cmp_template_key(bytes(good, sizeof good), key, sizeof key, &n, &e) == 0 && n == 6 && key[0] == 0x30 &&
       key[1] == 4);
    ok(su_cmp_template_key(bytes(none, sizeof none), key, sizeof key, &n, &e) < 0 &&
       !strcmp(e.id, "authority.cmp.key"));
    ok(su_cmp_template_key(bytes(good, sizeof good), key, 5, &n, &e) < 0, "a key too large");
}

int main(void)
{
    test_der();
    test_header();
    test_template();
    return tap_done();
}
