/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ReAgent.xml: rewriting once is enough, touches nothing else, and the way back gives the first text again unless that
 * named the disk in a way Windows does not. */
#include "guest/reagent.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool good)
{
    if (!good)
        abort();
}

static const struct su_winmap map = {.signature = 0x76A4A23D,
                                     .disk_guid = {0, 0, 0x5C, 0xD1, 0, 0, 0, 0x40, 0x80, 0, 0, 0, 0, 0, 0xD1, 0x5C},
                                     .n = 1,
                                     .part = {{2, 608174080, {0x9A, 2}}}};

static bool same(struct su_bytes a, struct su_bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void check_read(struct su_bytes text, bool good)
{
    struct su_reagent r;
    struct su_err e = {0};
    if (su_reagent_read(text, &r, &e) < 0) {
        must(!good && e.id);
        return;
    }
    must(memchr(r.path, 0, sizeof r.path) && (r.bcd_guid[0] == '\0' || strlen(r.bcd_guid) == 38));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_BUF struct su_buf out = {0}, again = {0}, back = {0}, forth = {0};
    struct su_bytes text = {data, n};
    struct su_err e = {0};
    unsigned changed = 77, more = 77;
    if (su_reagent_rewrite(text, &map, false, &out, &changed, &e) < 0) {
        must(e.id && e.msg[0] && out.n == 0 && changed == 77);
        check_read(text, false);
        return 0;
    }
    check_read(text, true);
    must(changed > 0 || same(text, su_buf_bytes(&out)));
    must(su_reagent_rewrite(su_buf_bytes(&out), &map, false, &again, &more, &e) == 0 && more == 0 &&
         same(su_buf_bytes(&out), su_buf_bytes(&again)));
    if (su_reagent_rewrite(su_buf_bytes(&out), &map, true, &back, &more, &e) < 0) /* others of the disk, disguised */
        return 0;
    must(more >= changed);
    must(su_reagent_rewrite(su_buf_bytes(&back), &map, false, &forth, &changed, &e) == 0 && changed == more);
    return 0;
}
