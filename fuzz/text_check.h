/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz/text_check.h - what is promised of a text that came from a guest: it ends, and has no control characters. */
#pragma once
#include <stdlib.h>
#include <string.h>

static inline void check_text(const char *s, size_t cap)
{
    size_t n = strnlen(s, cap);
    if (n == cap)
        abort();
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7F)
            abort();
}
