/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "utf16.h"
#include <string.h>

enum { HIGH = 0xD800, LOW = 0xDC00, PAST = 0xE000, PLANE = 0x10000, LAST = 0x10FFFF };

static bool is_high(uint32_t c)
{
    return c >= HIGH && c < LOW;
}

static bool is_low(uint32_t c)
{
    return c >= LOW && c < PAST;
}

/* Bytes of it in UTF-8. */
static size_t put_utf8(uint32_t c, uint8_t b[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < PLANE ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (uint8_t)(0x80 | (c & 0x3F));
    b[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* One character from the front, of one unit or two. */
static bool take_units(struct su_bytes *utf16, uint32_t *out)
{
    uint16_t unit, next;
    if (!su_take_le16(utf16, &unit))
        return false;
    struct su_bytes ahead = *utf16;
    *out = unit;
    if (is_high(unit) && su_take_le16(&ahead, &next) && is_low(next)) {
        *out = PLANE + (((uint32_t)unit - HIGH) << 10) + (next - LOW);
        *utf16 = ahead;
    }
    return true;
}

void su_utf16_to_utf8(struct su_bytes utf16, bool to_nul, struct su_buf *out)
{
    uint8_t b[4];
    for (uint32_t c; take_units(&utf16, &c) && !(to_nul && c == 0);)
        su_buf_add(out, b, put_utf8(c, b));
}

void su_utf16_cut(struct su_bytes utf16, char *out, size_t cap)
{
    uint8_t b[4];
    size_t at = 0, n;
    for (uint32_t c; take_units(&utf16, &c) && c != 0; at += n) {
        n = put_utf8(c, b);
        if (n >= cap - at)
            break;
        memcpy(out + at, b, n);
    }
    out[at] = '\0';
}

/* One character from the front; false: those bytes are none. */
static bool take_char(struct su_bytes *b, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, PLANE};
    uint8_t lead, more;
    if (!su_take_u8(b, &lead))
        return false;
    size_t n = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    if (n == 0)
        return false;
    uint32_t c = n == 1 ? lead : lead & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (!su_take_u8(b, &more) || (more & 0xC0) != 0x80)
            return false;
        c = c << 6 | (more & 0x3F);
    }
    *out = c;
    return c >= least[n] && c <= LAST;
}

static void add_unit(uint32_t c, struct su_buf *out)
{
    uint8_t b[2];
    su_put_le16(b, (uint16_t)c);
    su_buf_add(out, b, sizeof b);
}

int su_utf8_to_utf16(const char *s, size_t len, struct su_buf *out, struct su_err *e)
{
    SU_BUF struct su_buf units = {0};
    struct su_bytes left = {(const uint8_t *)s, len};
    uint32_t c = 0, before = 0;
    while (left.n > 0) {
        size_t at = len - left.n;
        /* two halves written one by one would come back as one character: there is one way to write each name */
        if (!take_char(&left, &c) || (is_high(before) && is_low(c)))
            return su_fail(e, SU_E_FORMAT, "guest.utf8", "byte %zu of the name is not UTF-8", at);
        if (c >= PLANE)
            add_unit(HIGH + ((c - PLANE) >> 10), &units);
        add_unit(c >= PLANE ? LOW + ((c - PLANE) & 0x3FF) : c, &units);
        before = c;
    }
    if (su_buf_ok(&units, e) < 0)
        return -1;
    su_buf_add(out, units.p, units.n);
    return su_buf_ok(out, e);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool su_name_is(const char *name, size_t len, const char *wanted)
{
    if (strlen(wanted) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower(name[i]) != lower(wanted[i]))
            return false;
    return true;
}

static char slash(char c)
{
    return c == '\\' ? '/' : lower(c);
}

bool su_winpath_is(const char *a, const char *b)
{
    for (; *a && slash(*a) == slash(*b); a++, b++)
        ;
    return *a == *b;
}

static bool is_slash(char c)
{
    return c == '\\' || c == '/';
}

/* Every name in s[1..len) is one, and none leads up. */
static bool names_ok(const char *s, size_t len)
{
    for (size_t at = 1, n = 0; at < len; at += n + 1) {
        for (n = 0; at + n < len && !is_slash(s[at + n]); n++)
            ;
        if (n == 0 || (n == 1 && s[at] == '.') || (n == 2 && s[at] == '.' && s[at + 1] == '.'))
            return false;
    }
    return true;
}

int su_winpath(const char *s, char *out, size_t cap, struct su_err *e)
{
    size_t len = strlen(s);
    if (len > 1 && is_slash(s[len - 1]))
        len--;
    if (len == 0 || !is_slash(s[0]) || len >= cap)
        return su_fail(e, SU_E_FORMAT, "guest.winpath", "a path is %s", len < cap ? "not absolute" : "too long");
    if (!names_ok(s, len))
        return su_fail(e, SU_E_FORMAT, "guest.winpath", "a path has an empty name, or \".\" or \"..\" in it");
    for (size_t i = 0; i < len; i++)
        out[i] = is_slash(s[i]) ? '/' : s[i];
    out[len] = '\0';
    return 0;
}
