/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The test disk itself: a tool that lies makes every other test lie. */
#include "tests/lib/memblk.h"
#include "tests/lib/sh.h"
#include "tests/lib/tap.h"

static void test_sparse_round_trip(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *a = NULL, *b = NULL;
    SU_BUF struct su_buf img = {0};
    ok(su_memblk_new(100001, &a, &e) == 0);
    memcpy(su_memblk_data(a) + 100, "hello", 5);
    memset(su_memblk_data(a) + 99000, 7, 1001);
    su_memblk_encode(a, &img);
    ok(img.n < 1300 && su_buf_ok(&img, &e) == 0, "%zu bytes encode 1006", img.n);
    ok(su_memblk_sparse(su_buf_bytes(&img), &b, &e) == 0);
    ok(b->size == 100001 && memcmp(su_memblk_data(a), su_memblk_data(b), 100001) == 0, "same disk again");
}

static void test_sparse_hostile(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *d = NULL;
    ok(su_memblk_sparse((struct su_bytes){(const uint8_t *)"SPRS\0\0\0\5", 8}, &d, &e) < 0 && !d, "more than 64 MiB");
    ok(su_memblk_sparse((struct su_bytes){(const uint8_t *)"SPR", 3}, &d, &e) < 0 && !d, "no head");
    static const uint8_t clip[] = "SPRS\x10\0\0\0\x08\0\0\0\xff\xff\xff\xff"
                                  "0123456789abcdef";
    ok(su_memblk_sparse((struct su_bytes){clip, sizeof clip - 1}, &d, &e) == 0);
    ok(d && memcmp(su_memblk_data(d) + 8, "01234567", 8) == 0, "clipped at the end of the disk");
}

static void test_faults(void)
{
    struct su_err e = {0};
    uint8_t b[4] = "abc";
    SU_BLK struct su_blk *d = NULL;
    ok(su_memblk_new(4096, &d, &e) == 0);
    su_memblk_fail(d, 2);
    ok(su_blk_write(d, 0, b, 4, &e) == 0 && su_blk_flush(d, &e) < 0 && su_blk_read(d, 0, b, 4, &e) < 0);
    is_str(e.id, "test.io");
    su_memblk_fail(d, 0);
    ok(su_memblk_count(d).unflushed == 1 && su_blk_flush(d, &e) == 0 && su_memblk_count(d).unflushed == 0);
    su_memblk_set_writable(d, false);
    ok(su_blk_write(d, 0, b, 4, &e) < 0 && e.kind == SU_E_REFUSED);
}

static void test_files(void)
{
    struct su_err e = {0};
    SU_BLK struct su_blk *a = NULL, *b = NULL;
    ok(sh("truncate -s 1M f && printf xyz | dd of=f bs=1 seek=70000 conv=notrunc") == 0);
    ok(su_memblk_load(sh_path("f"), &a, &e) == 0 && a->size == SU_MIB);
    ok(memcmp(su_memblk_data(a) + 70000, "xyz", 3) == 0);
    ok(su_blk_write(a, 5, "q", 1, &e) == 0 && su_memblk_save(a, sh_path("g"), &e) == 0);
    ok(sh("cmp f g") != 0 && sh("head -c 5 f | cmp - -n 5 /dev/zero") == 0, "the file itself stays");
    ok(su_memblk_load(sh_path("g"), &b, &e) == 0 && memcmp(su_memblk_data(a), su_memblk_data(b), SU_MIB) == 0);
    ok(su_blk_resize(a, SU_MIB + 4096, &e) == 0 && a->size == SU_MIB + 4096 && su_memblk_data(a)[SU_MIB] == 0);
}

int main(void)
{
    test_sparse_round_trip();
    test_sparse_hostile();
    test_faults();
    test_files();
    return tap_done();
}
