/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of guests: nothing in it moves the cursor, hides or turns what stands beside it. */
#include "base/clean.h"
#include "tests/lib/tap.h"

static void cut(void)
{
    char s[8];
    su_clean(s, sizeof s,
             "a\tb\xc2\x85"
             "c");
    is_str(s, "a?b?c");
    su_clean(s, sizeof s, "123456\xc3\xa4");
    is_str(s, "123456");
    su_clean(s, sizeof s, "\xff\xc0\xaf\xed\xa0\x80");
    is_str(s, "??????");
    su_clean(s, sizeof s, "\xf0\x9f\x98\x80\xe2\x82");
    is_str(s, "\xf0\x9f\x98\x80??");
    su_clean(s, sizeof s, NULL);
    is_str(s, "");
    su_clean(s, 1, "x");
    is_str(s, "");
    char same[] = "a\xe2\x80\xae"
                  "b\x1b[1m";
    su_clean(same, sizeof same, same);
    is_str(same, "a?b?[1m");
}

static void last_line(void)
{
    char s[8];
    su_clean_last_line(s, sizeof s, (struct su_bytes){(const uint8_t *)"one\ntwo\n\n", 9});
    is_str(s, "two");
    su_clean_last_line(s, sizeof s, (struct su_bytes){NULL, 0});
    is_str(s, "");
}

static size_t encode(uint32_t c, char out[5])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 0; c >>= 6)
        out[i] = (char)(i ? 0x80 | (c & 0x3F) : first[n] | c);
    out[n] = 0;
    return n;
}

/* Each character alone: what is hidden is one '?', everything else is itself. */
static void characters(void)
{
    static const struct {
        uint32_t first, last;
        bool hidden;
    } rows[] = {
        {0x01, 0x1F, true},      {0x20, 0x7E, false},        {0x7F, 0x9F, true},        {0xA0, 0xAC, false},
        {0xAD, 0xAD, true},      {0x61B, 0x61B, false},      {0x61C, 0x61C, true},      {0x1FFF, 0x200A, false},
        {0x200B, 0x200F, true},  {0x2010, 0x2027, false},    {0x2028, 0x202E, true},    {0x202F, 0x205F, false},
        {0x2060, 0x206F, true},  {0x2070, 0x2070, false},    {0xFEFE, 0xFEFE, false},   {0xFEFF, 0xFEFF, true},
        {0xFFF9, 0xFFFB, true},  {0xFFFC, 0xFFFD, false},    {0x1F600, 0x1F600, false}, {0xE0000, 0xE007F, true},
        {0x3042, 0x3042, false}, {0x10FFFF, 0x10FFFF, false}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        uint32_t wrong = 0;
        for (uint32_t c = rows[i].first; c <= rows[i].last; c++) {
            char in[5], out[8];
            bool shows;
            size_t n = encode(c, in);
            su_clean(out, sizeof out, in);
            bool good = strcmp(out, rows[i].hidden ? "?" : in) == 0 &&
                        su_clean_char((struct su_bytes){(const uint8_t *)in, n}, &shows) == n &&
                        shows != rows[i].hidden;
            wrong = good || wrong ? wrong : c;
        }
        ok(wrong == 0, "U+%04X to U+%04X %s%s", (unsigned)rows[i].first, (unsigned)rows[i].last,
           rows[i].hidden ? "become ?" : "stay", wrong ? ", but not all" : "");
    }
}

int main(void)
{
    cut();
    last_line();
    characters();
    return tap_done();
}
