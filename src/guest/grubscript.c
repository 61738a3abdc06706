/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grubscript.h"
#include <string.h>

void su_grubscript_init(struct su_grubscript *s, struct su_bytes source)
{
    memset(s, 0, sizeof *s);
    s->source = source;
}

void su_grubscript_done(struct su_grubscript *s)
{
    su_buf_done(&s->scratch);
}

/* The byte at pos + ahead; 0 past the end, which no text holds. */
static uint8_t peek(const struct su_grubscript *s, size_t ahead)
{
    return s->source.n - s->pos > ahead ? s->source.p[s->pos + ahead] : 0;
}

static void put(struct su_grubscript *s, uint8_t c)
{
    su_buf_add(&s->scratch, &c, 1);
}

static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* $name, ${name}, and the one-letter ones.  A dollar that starts no variable stands for itself. */
static void variable(struct su_grubscript *s)
{
    static const char id_option[] = "menuentry_id_option";
    size_t from = s->pos + 1, n = 0;
    bool braces = peek(s, 1) == '{';
    from += braces;
    while (from + n < s->source.n && is_name(s->source.p[from + n]))
        n++;
    if (!braces && n == 0 && peek(s, 1) && strchr("?#*@", peek(s, 1)))
        n = 1;
    if (n == 0 || (braces && (from + n >= s->source.n || s->source.p[from + n] != '}'))) {
        put(s, '$');
        s->pos++;
        return;
    }
    if (n == strlen(id_option) && memcmp(s->source.p + from, id_option, n) == 0) {
        su_buf_text(&s->scratch, "--id");
    } else {
        su_buf_text(&s->scratch, "${");
        su_buf_add(&s->scratch, s->source.p + from, n);
        put(s, '}');
    }
    s->pos = from + n + braces;
}

/* A backslash: the next byte as it is; with a newline, nothing. */
static int escape(struct su_grubscript *s, struct su_err *e)
{
    uint8_t c = peek(s, 1);
    if (!c)
        return su_fail(e, SU_E_FORMAT, "guest.grubcfg.quote", "grub.cfg ends with a backslash");
    if (c != '\n')
        put(s, c);
    s->pos += 2;
    return 0;
}

static int quoted(struct su_grubscript *s, uint8_t quote, struct su_err *e)
{
    s->pos++;
    for (uint8_t c = peek(s, 0); c != quote; c = peek(s, 0)) {
        if (!c)
            return su_fail(e, SU_E_FORMAT, "guest.grubcfg.quote", "grub.cfg has a quote that is not closed");
        if (quote == '"' && c == '$') {
            variable(s);
        } else if (quote == '"' && c == '\\' && peek(s, 1) && strchr("$\"\\\n", peek(s, 1))) {
            if (escape(s, e) < 0)
                return -1;
        } else {
            put(s, c);
            s->pos++;
        }
    }
    s->pos++;
    return 0;
}

static bool ends_word(uint8_t c)
{
    return !c || strchr(" \t\n;{}", c);
}

static int take_word(struct su_grubscript *s, struct su_err *e)
{
    if (s->n_words == SU_GRUB_MAX_WORDS)
        return su_fail(e, SU_E_RANGE, "guest.grubcfg.words", "grub.cfg has a command of more than %d words",
                       SU_GRUB_MAX_WORDS);
    struct su_grub_word w = {.from = s->pos, .at = s->scratch.n};
    for (uint8_t c = peek(s, 0); !ends_word(c); c = peek(s, 0)) {
        if (c == '\'' || c == '"') {
            if (quoted(s, c, e) < 0)
                return -1;
        } else if (c == '\\') {
            if (escape(s, e) < 0)
                return -1;
        } else if (c == '$') {
            variable(s);
        } else {
            put(s, c);
            s->pos++;
        }
    }
    w.to = s->pos;
    w.n = s->scratch.n - w.at;
    put(s, 0);
    s->word[s->n_words++] = w;
    return 0;
}

/* Blanks, comments, and a newline after a backslash. */
static void skip_blanks(struct su_grubscript *s)
{
    for (;;) {
        uint8_t c = peek(s, 0);
        if (c == ' ' || c == '\t')
            s->pos++;
        else if (c == '\\' && peek(s, 1) == '\n')
            s->pos += 2;
        else
            break;
    }
    if (peek(s, 0) == '#')
        while (peek(s, 0) && peek(s, 0) != '\n')
            s->pos++;
}

int su_grubscript_next(struct su_grubscript *s, struct su_err *e)
{
    s->n_words = 0;
    s->scratch.n = 0;
    s->end = SU_GRUB_END_LINE;
    for (;;) {
        skip_blanks(s);
        uint8_t c = peek(s, 0);
        if (!c && s->n_words == 0)
            return 0;
        if (!ends_word(c)) {
            if (take_word(s, e) < 0)
                return -1;
            continue;
        }
        s->pos += c != 0;
        if (c == '{')
            s->end = SU_GRUB_END_OPEN;
        else if (c == '}')
            s->end = SU_GRUB_END_CLOSE;
        else if (s->n_words == 0)
            continue; /* an empty line */
        break;
    }
    if (su_buf_ok(&s->scratch, e) < 0)
        return -1;
    for (size_t i = 0; i < s->n_words; i++)
        s->word[i].text = (const char *)s->scratch.p + s->word[i].at;
    return 1;
}
