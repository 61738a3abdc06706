/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rewriting goes there and back to the same bytes, capitals in mixed values aside, and says how often. */
#include "guest/grubenv.h"
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void there_and_back(struct su_bytes text, const struct su_partuuid *map)
{
    SU_BUF struct su_buf gpt = {0}, mbr = {0};
    struct su_err e = {0};
    unsigned to = 0, from = 0;
    if (su_partuuid_rewrite(text, SU_PARTUUID_TO_GPT, map, 2, &gpt, &to, &e) < 0) {
        if (!e.id || gpt.n != 0)
            abort();
        return;
    }
    if (gpt.n != text.n + to * 25 || (to == 0 && text.n > 0 && memcmp(gpt.p, text.p, text.n) != 0))
        abort();
    if (su_partuuid_rewrite(su_buf_bytes(&gpt), SU_PARTUUID_TO_MBR, map, 2, &mbr, &from, &e) < 0)
        return; /* grew beyond the largest text */
    if (from < to || mbr.n != text.n - (from - to) * 25)
        abort();
    if (from == to && strncasecmp(su_buf_str(&mbr), (const char *)text.p, text.n) != 0)
        abort();
}

static void environment(struct su_bytes block, const struct su_partuuid *map)
{
    SU_BUF struct su_buf out = {0}, value = {0};
    struct su_err e = {0};
    unsigned n = 0;
    if (su_grubenv_rewrite(block, SU_PARTUUID_TO_GPT, map, 2, &out, &n, &e) < 0 ? out.n != 0 : out.n != block.n)
        abort();
    if (su_grubenv_get(block, "saved_entry", &value, &e) == 0 && value.n > block.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct su_partuuid map[2] = {
        {0x381a4875, 1, {0x44, 0x33, 0x22, 0x11, 1, 2, 3, 0x84, 0xa5, 6, 7, 8, 9, 10, 11, 12}},
        {0x381a4875, 5, {0x54, 0x33, 0x22, 0x11, 1, 2, 3, 0x84, 0xa5, 6, 7, 8, 9, 10, 11, 12}}};
    there_and_back((struct su_bytes){data, n}, map);
    environment((struct su_bytes){data, n}, map);
    return 0;
}
