/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - small forms of text: character sets, UUIDs, times, base64. */
#include "internal.h"
#include <ctype.h>
#include <stdlib.h>
#include <time.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

bool surety_charset_ok(const char *s, size_t min, size_t max)
{
    size_t n = 0;
    for (; s[n]; n++)
        if (n >= max || !is_word(s[n]))
            return false;
    return n >= min;
}

bool surety_uuid_parse(const char *s, size_t n, char out[SURETY_UUID_TEXT])
{
    char t[SURETY_UUID_TEXT];
    if (n != SURETY_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (c >= 'A' && c <= 'F')
            c = (char)(c + 32);
        if (dash ? c != '-' : !(is_digit(c) || (c >= 'a' && c <= 'f')))
            return false;
        t[i] = c;
    }
    t[n] = 0;
    memcpy(out, t, sizeof t);
    return true;
}

void surety_uuid_swap(const char in[SURETY_UUID_TEXT], char out[SURETY_UUID_TEXT])
{
    static const unsigned char order[] = {6, 7, 4, 5, 2, 3, 0, 1, 8, 11, 12, 9, 10, 13, 16, 17, 14, 15};
    char t[SURETY_UUID_TEXT];
    memcpy(t, in, sizeof t);
    for (size_t i = 0; i < sizeof order; i++)
        t[i] = in[order[i]];
    memcpy(out, t, sizeof t);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar: years begin in March here, so that leap days end them. */
static int64_t days_from(int y, int m, int d)
{
    int64_t year = m > 2 ? y : y - 1;
    int64_t era = (year >= 0 ? year : year - 399) / 400, in_era = year - era * 400;
    int64_t in_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool seconds(int y, int mo, int d, int h, int mi, int s, int64_t *out)
{
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || s > 59)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > length[mo - 1] + (mo == 2 && leap))
        return false;
    *out = days_from(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    return true;
}

/* Where the pattern has '9' the text has a digit, elsewhere the same character; the digits' pairs go to v. */
static bool match(const char *s, const char *pattern, int *v)
{
    size_t n = strlen(pattern), k = 0;
    if (strlen(s) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (pattern[i] != '9') {
            if (s[i] != pattern[i])
                return false;
            continue;
        }
        if (!is_digit(s[i]))
            return false;
        v[k / 2] = v[k / 2] * (k % 2 ? 10 : 0) + (s[i] - '0');
        k++;
    }
    return true;
}

bool surety_time_azure(const char *s, int64_t *out)
{
    int v[6] = {0};
    return match(s, "99/99/99 99:99:99 -0000", v) && seconds(2000 + v[2], v[0], v[1], v[3], v[4], v[5], out);
}

bool surety_time_nonce(const char *s, int64_t *out)
{
    int v[7] = {0};
    return match(s, "99999999-999999", v) && seconds(v[0] * 100 + v[1], v[2], v[3], v[4], v[5], v[6], out);
}

bool surety_looks_like_server_nonce(const char *s)
{
    int v[7] = {0};
    return match(s, "99999999-999999", v);
}

int64_t surety_now(void)
{
    return (int64_t)time(NULL);
}

static int value64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* n is a multiple of 4; the last pad characters are '='.  p has room for n / 4 * 3 bytes. */
static bool decode64(const char *s, size_t n, size_t pad, unsigned char *p)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int v = i >= n - pad ? 0 : value64(s[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 < 3)
            continue;
        *p++ = (unsigned char)(bits >> 16);
        *p++ = (unsigned char)(bits >> 8);
        *p++ = (unsigned char)bits;
    }
    /* what the padding cuts off must be zero, so that each value has one way to write it */
    return (bits & ((1u << 8 * pad) - 1)) == 0;
}

unsigned char *surety_base64(const char *s, size_t n, size_t max, size_t *out_n)
{
    size_t pad = n >= 4 && s[n - 1] == '=' ? (s[n - 2] == '=' ? 2u : 1u) : 0u;
    if (n == 0 || n % 4 || n / 4 * 3 - pad > max)
        return NULL;
    unsigned char *p = malloc(n / 4 * 3);
    if (!p || !decode64(s, n, pad, p)) {
        free(p);
        return NULL;
    }
    *out_n = n / 4 * 3 - pad;
    return p;
}

char *surety_base64_text(const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *s = malloc((n + 2) / 3 * 4 + 1);
    size_t k = 0;
    for (size_t i = 0; s && i < n; i += 3) {
        uint32_t b = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        s[k++] = digits[b >> 18];
        s[k++] = digits[b >> 12 & 63];
        s[k++] = i + 1 < n ? digits[b >> 6 & 63] : '=';
        s[k++] = i + 2 < n ? digits[b & 63] : '=';
    }
    if (s)
        s[k] = 0;
    return s;
}

void text_add(struct text *t, const char *p, size_t n)
{
    if (t->failed || n == 0)
        return;
    if (n >= t->cap - t->n) {
        size_t cap = (t->n + n + 1) * 2;
        char *more = n > (SIZE_MAX >> 3) || t->n > (SIZE_MAX >> 3) ? NULL : realloc(t->p, cap);
        if (!more) {
            t->failed = true;
            return;
        }
        t->p = more;
        t->cap = cap;
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

void text_str(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_url(struct text *t, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char code[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (is_word(*s) || c == '.' || c == '~')
            text_add(t, s, 1);
        else
            text_add(t, code, 3);
    }
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}
