/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tap.h"
#include "wire/fields.h"

static void numbers(void)
{
    SU_BUF struct su_buf b = {0};
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    su_put_u8(&b, 0xab);
    su_put_u16(&b, 0x1234);
    su_put_u32(&b, 0xdeadbeef);
    su_put_u64(&b, UINT64_C(0x0102030405060708));
    ok(b.n == 15 && b.p[1] == 0x12 && b.p[3] == 0xde && b.p[7] == 1, "big endian");
    struct su_bytes c = su_buf_bytes(&b);
    ok(su_take_u8(&c, &u8) && su_take_be16(&c, &u16) && su_take_be32(&c, &u32) && su_take_be64(&c, &u64) && c.n == 0);
    ok(u8 == 0xab && u16 == 0x1234 && u32 == 0xdeadbeef && u64 == UINT64_C(0x0102030405060708), "the same numbers");
}

static void strings(void)
{
    SU_BUF struct su_buf b = {0};
    char out[6] = "older";
    su_put_str(&b, "hello");
    su_put_str(&b, NULL);
    su_put_bytes(&b, (struct su_bytes){(const uint8_t *)"a\0b", 3});
    struct su_bytes c = su_buf_bytes(&b), v;
    struct su_bytes before = c;
    ok(!su_take_str(&c, out, 5) && c.n == before.n, "a string that does not fit is not taken");
    is_str(out, "older");
    ok(su_take_str(&c, out, 6), "it fits with its NUL");
    is_str(out, "hello");
    ok(su_take_str(&c, out, 6) && !*out, "NULL is an empty string");
    before = c;
    ok(!su_take_str(&c, out, 6) && c.n == before.n, "a NUL inside is refused");
    ok(su_take_bytes(&c, 3, &v) && v.n == 3 && c.n == 0, "but not in bytes");
    ok(!su_take_bytes(&c, 3, &v), "nothing is left");
    static const uint8_t lie[] = {0, 9, 'x'};
    c = (struct su_bytes){lie, sizeof lie};
    ok(!su_take_bytes(&c, 100, &v) && c.n == 3, "a length beyond the end");
    ok(!su_take_str(&c, out, 0), "no room at all");
}

static void limits(void)
{
    SU_BUF struct su_buf b = {0};
    SU_FREE uint8_t *big = calloc(1, 70000);
    struct su_err e = {0};
    su_put_bytes(&b, (struct su_bytes){big, 65536});
    ok(su_buf_ok(&b, &e) < 0, "65536 bytes have no length field");
    bool flag;
    static const uint8_t two[] = {2};
    struct su_bytes c = {two, 1};
    ok(!su_take_bool(&c, &flag) && c.n == 1, "2 is no boolean");
}

int main(void)
{
    numbers();
    strings();
    limits();
    return tap_done();
}
