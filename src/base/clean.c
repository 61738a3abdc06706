/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clean.h"
#include <string.h>

/* Bytes of the UTF-8 character at p; 0: it is none (RFC 3629). */
static size_t char_length(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first, last, low, high; /* of the first byte; bounds of the second one */
        uint8_t bytes;
    } forms[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(forms); i++) {
        size_t want = forms[i].bytes;
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (want > n || (want > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < want; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return want;
    }
    return 0;
}

static uint32_t char_value(const uint8_t *p, size_t length)
{
    uint32_t c = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (p[i] & 0x3Fu);
    return c;
}

/* Controls, and what Unicode 15 calls format characters, as far as they are not seen; with the separators of lines. */
static bool is_hidden(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E},   {0x200B, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

size_t su_clean_char(struct su_bytes text, bool *shows)
{
    size_t length = char_length(text.p, text.n);
    *shows = length && !is_hidden(char_value(text.p, length));
    return length;
}

void su_clean_bytes(char *out, size_t cap, struct su_bytes text)
{
    size_t at = 0;
    while (text.n > 0) {
        bool shows;
        size_t length = su_clean_char(text, &shows);
        size_t put = shows ? length : 1;
        if (at + put >= cap)
            break;
        if (!shows)
            out[at] = '?';
        else
            memmove(out + at, text.p, put); /* out may be text itself */
        at += put;
        su_skip(&text, length ? length : 1);
    }
    out[at] = 0;
}

void su_clean(char *out, size_t cap, const char *text)
{
    su_clean_bytes(out, cap, (struct su_bytes){(const uint8_t *)text, text ? strlen(text) : 0});
}

void su_clean_last_line(char *out, size_t cap, struct su_bytes text)
{
    while (text.n > 0 && text.p[text.n - 1] <= ' ')
        text.n--;
    size_t start = text.n;
    while (start > 0 && text.p[start - 1] != '\n' && text.p[start - 1] != '\r')
        start--;
    (void)su_skip(&text, start);
    su_clean_bytes(out, cap, text);
}
