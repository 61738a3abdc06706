/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/su.h"
#include "tests/lib/tap.h"
#include <errno.h>

static void errors(void)
{
    struct su_err e = {0};
    ok(su_fail(&e, SU_E_RANGE, "a.b", "%d of %s", 3, "x") == -1 && e.kind == SU_E_RANGE && e.os_errno == 0, "fail");
    is_str(e.id, "a.b");
    is_str(e.msg, "3 of x");
    ok(su_remedy(&e, "do it") == -1, "remedy");
    is_str(e.remedy, "do it");
    ok(su_context(&e, "while %s", "testing") == -1, "context");
    is_str(e.msg, "while testing: 3 of x");
    errno = ENOENT;
    ok(su_fail_os(&e, "c.d", "opening") == -1 && e.kind == SU_E_IO && e.os_errno == ENOENT && !e.remedy, "system call");
    is_str(e.msg, "opening: No such file or directory");
    errno = ENOMEM;
    ok(su_fail_os(&e, "c.d", "x") == -1 && e.kind == SU_E_NOMEM, "ENOMEM is memory");
    ok(su_fail_nomem(&e, 77) == -1 && e.kind == SU_E_NOMEM && strstr(e.msg, "77"), "memory");
    for (int k = 0; k < SU_KIND_COUNT; k++)
        ok(strcmp(su_kind_name((enum su_kind)k), "?") != 0, "kind %d has a name", k);
    is_str(su_kind_name((enum su_kind)99), "?");
}

/* Longer than the message has room for: cut, never written past. */
static void long_messages(void)
{
    struct su_err e = {0};
    char big[400];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    su_fail(&e, SU_E_IO, "x", "%s", big);
    ok(strlen(e.msg) == sizeof e.msg - 1, "cut at %zu", strlen(e.msg));
    su_context(&e, "%s", big);
    ok(strlen(e.msg) == sizeof e.msg - 1 && strstr(e.msg, ": x"), "a long context leaves the message its room");
    su_fail(&e, SU_E_IO, "x", "cause");
    for (int i = 0; i < 100; i++)
        su_context(&e, "level %d", i);
    ok(strlen(e.msg) == sizeof e.msg - 1 && strncmp(e.msg, "level 99: level 98: ", 20) == 0, "the newest is in front");
    errno = EIO;
    su_fail_os(&e, "x", "%s", big);
    ok(strlen(e.msg) == sizeof e.msg - 1, "no room for the reason");
}

static void cursor(void)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct su_bytes b = {in, sizeof in};
    uint8_t u8 = 0, out[4] = {0};
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    ok(su_take_u8(&b, &u8) && u8 == 1 && su_take_le16(&b, &u16) && u16 == 0x0302, "8, 16");
    ok(su_take_le32(&b, &u32) && u32 == 0x07060504, "32");
    ok(su_take_le64(&b, &u64) && u64 == UINT64_C(0x0f0e0d0c0b0a0908) && b.n == 0, "64, to the end");
    u8 = 99;
    ok(!su_take_u8(&b, &u8) && u8 == 99 && !su_skip(&b, 1) && su_skip(&b, 0), "nothing is left");
    b = (struct su_bytes){in, sizeof in};
    ok(su_take_be16(&b, &u16) && u16 == 0x0102 && su_take_be32(&b, &u32) && u32 == 0x03040506, "big-endian");
    ok(su_take_be64(&b, &u64) && u64 == UINT64_C(0x0708090a0b0c0d0e) && b.n == 1, "big-endian 64");
    ok(!su_take_le16(&b, &u16) && b.n == 1 && u16 == 0x0102, "a short range is left as it was");
    ok(!su_take(&b, out, 4) && out[0] == 0 && !su_skip(&b, SIZE_MAX) && b.n == 1, "no overflow");
}

static void numbers(void)
{
    uint8_t b[8];
    su_put_le64(b, UINT64_C(0x1122334455667788));
    ok(b[0] == 0x88 && b[7] == 0x11 && su_le64(b) == UINT64_C(0x1122334455667788) &&
           su_be64(b) == UINT64_C(0x8877665544332211),
       "64");
    su_put_le32(b, 0xDEADBEEF);
    ok(su_le32(b) == 0xDEADBEEF && su_be32(b) == 0xEFBEADDE && su_le16(b) == 0xBEEF && su_be16(b) == 0xEFBE, "32, 16");
    su_put_le16(b, 0x1234);
    ok(b[0] == 0x34 && b[1] == 0x12, "put 16");
    ok(su_round_up(0, 512) == 0 && su_round_up(1, 512) == 512 && su_round_up(512, 512) == 512 &&
           su_round_up(513, 512) == 1024,
       "round up");
    ok(su_round_up(UINT64_MAX, 4096) == UINT64_MAX - 4095, "saturates at the largest multiple");
    ok(su_round_up(UINT64_MAX - 4095, 4096) == UINT64_MAX - 4095 && su_round_up(7, 1) == 7, "multiples stay");
    static const uint8_t zero[9], late[9] = {[8] = 1}, early[9] = {1};
    ok(su_all_zero(zero, 9) && su_all_zero(zero, 0) && !su_all_zero(late, 9) && !su_all_zero(early, 9), "all zero");
}

static void cleanup(void)
{
    char *p = malloc(3), *q = su_steal(&p);
    ok(q && !p, "stolen");
    su_freep(&q);
    int fd = -1;
    su_closep(&fd);
    ok(fd == -1, "closing no file is fine");
}

int main(void)
{
    errors();
    long_messages();
    cursor();
    numbers();
    cleanup();
    return tap_done();
}
