/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hive and its logs, as they are and with their sums put right: what is loaded is complete, and a clean hive is
 * loaded as it is. */
#include "must.h"
#include "guest/regf_int.h"
#include "tests/lib/hivegen.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void repair(struct su_buf *b)
{
    if (b->n < REGF_SECTOR)
        return;
    hivegen_sum(b->p);
    for (size_t at = REGF_SECTOR; b->n - at >= REGF_SECTOR && memcmp(b->p + at, "HvLE", 4) == 0;) {
        uint32_t size = su_le32(b->p + at + 4);
        if (size < REGF_SECTOR || size > b->n - at)
            return;
        su_put_le64(b->p + at + 24, su_regf_marvin(b->p + at + 40, size - 40));
        su_put_le64(b->p + at + 32, su_regf_marvin(b->p + at, 32));
        at += size;
    }
}

static void load(const struct su_buf part[3])
{
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    unsigned n = 0;
    struct su_bytes hive = su_buf_bytes(&part[0]);
    enum su_regf_state state = su_regf_state(hive, &e);
    if (state == SU_REGF_CLEAN)
        (void)!su_regf_check_tree(hive, false, &e);
    if (su_regf_load(hive, su_buf_bytes(&part[1]), su_buf_bytes(&part[2]), &out, &n, &e) < 0) {
        MUST(e.id && state != SU_REGF_CLEAN);
        return;
    }
    MUST(state != SU_REGF_BAD && su_regf_state(su_buf_bytes(&out), NULL) == SU_REGF_CLEAN);
    MUST((state == SU_REGF_CLEAN) == (n == 0));
    MUST(n > 0 ? su_regf_check_tree(su_buf_bytes(&out), false, &e) == 0
               : out.n == hive.n && memcmp(out.p, hive.p, out.n) == 0);
}

/* flags, then sizes of the hive and of the first log in sectors, then the three */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct su_bytes b = {data, n};
    SU_BUF struct su_buf hive = {0}, one = {0}, two = {0};
    uint8_t flags;
    uint16_t size[2];
    if (!su_take_u8(&b, &flags) || !su_take_le16(&b, &size[0]) || !su_take_le16(&b, &size[1]))
        return 0;
    struct su_buf *const to[3] = {&hive, &one, &two};
    for (size_t i = 0; i < 3; i++) {
        size_t len = i < 2 && (size_t)size[i] * REGF_SECTOR < b.n ? (size_t)size[i] * REGF_SECTOR : b.n;
        su_buf_add(to[i], b.p, len);
        su_skip(&b, len);
    }
    for (size_t i = 0; i < 3; i++)
        if (flags & 1 << i)
            repair(to[i]);
    load((const struct su_buf[3]){hive, one, two});
    return 0;
}
