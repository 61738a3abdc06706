/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "partuuid.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *text;
    size_t n;
} keys[] = {{"PARTUUID=", 9}, {"by-partuuid/", 12}};

void su_partuuid_mbr_text(uint32_t disk_id, uint8_t slot, char out[SU_PARTUUID_MBR_TEXT])
{
    snprintf(out, SU_PARTUUID_MBR_TEXT, "%08x-%02x", disk_id, slot);
}

/* By hand: isalnum() knows locales. */
static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}
static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_wordy(uint8_t c)
{
    return is_digit(c) || is_upper(c) || is_lower(c) || c == '_' || c == '-';
}

/* Length of a key that starts here, at the start of a token; 0: none. */
static size_t key_at(struct su_bytes t, size_t at)
{
    if (at > 0 && is_wordy(t.p[at - 1]))
        return 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(keys); i++)
        if (t.n - at > keys[i].n && strncasecmp((const char *)t.p + at, keys[i].text, keys[i].n) == 0)
            return keys[i].n;
    return 0;
}

/* Length of an opening quote, itself perhaps quoted: PARTUUID=\"...\" */
static size_t quote_at(struct su_bytes t, size_t at)
{
    size_t n = at < t.n && t.p[at] == '\\' ? 1 : 0;
    if (at + n < t.n && (t.p[at + n] == '"' || t.p[at + n] == '\''))
        return n + 1;
    return 0;
}

/* The value that ends at a token boundary: letters, digits, '-'. */
static struct su_bytes value_at(struct su_bytes t, size_t at)
{
    size_t end = at;
    while (end < t.n && is_wordy(t.p[end]))
        end++;
    return (struct su_bytes){t.p + at, end - at};
}

/* All letters in capitals, and at least one. */
static bool in_capitals(struct su_bytes v)
{
    bool upper = false;
    for (size_t i = 0; i < v.n; i++) {
        if (is_lower(v.p[i]))
            return false;
        upper = upper || is_upper(v.p[i]);
    }
    return upper;
}

/* What stands for v on the other side, or false. */
static bool translate(struct su_bytes v, enum su_partuuid_way way, const struct su_partuuid *map, size_t n,
                      char out[SU_GUID_TEXT])
{
    for (size_t i = 0; i < n; i++) {
        char mbr[SU_GUID_TEXT] = "", gpt[SU_GUID_TEXT];
        su_partuuid_mbr_text(map[i].disk_id, map[i].slot, mbr);
        su_guid_text(map[i].guid, gpt);
        const char *from = way == SU_PARTUUID_TO_GPT ? mbr : gpt;
        if (v.n != strlen(from) || strncasecmp((const char *)v.p, from, v.n) != 0)
            continue;
        memcpy(out, way == SU_PARTUUID_TO_GPT ? gpt : mbr, SU_GUID_TEXT);
        for (char *c = out; *c && in_capitals(v); c++)
            *c = is_lower((uint8_t)*c) ? (char)(*c - 'a' + 'A') : *c;
        return true;
    }
    return false;
}

int su_partuuid_rewrite(struct su_bytes text, enum su_partuuid_way way, const struct su_partuuid *map, size_t n,
                        struct su_buf *out, unsigned *changed, struct su_err *e)
{
    size_t was = out->n, copied = 0, at = 0;
    unsigned count = 0;
    if (su_text_check(text, "the text", e) < 0)
        return -1;
    while (at < text.n) {
        char new_value[SU_GUID_TEXT];
        size_t key = key_at(text, at);
        if (!key) {
            at++;
            continue;
        }
        at += key;
        at += quote_at(text, at);
        struct su_bytes v = value_at(text, at);
        if (!translate(v, way, map, n, new_value))
            continue;
        su_buf_add(out, text.p + copied, at - copied);
        su_buf_text(out, new_value);
        at += v.n;
        copied = at;
        count++;
    }
    su_buf_add(out, text.p + copied, text.n - copied);
    if (su_buf_ok(out, e) < 0) {
        su_text_truncate(out, was);
        return -1;
    }
    *changed = count;
    return 0;
}
