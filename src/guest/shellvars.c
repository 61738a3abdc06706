/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "shellvars.h"
#include <string.h>

enum end { END_WORD, END_DYNAMIC, END_QUOTE, END_SIZE };
static const struct {
    const char *id, *what;
} ends[] = {
    [END_WORD] = {NULL, NULL},
    [END_DYNAMIC] = {"guest.shellvars.dynamic", "has a value that only a shell could work out"},
    [END_QUOTE] = {"guest.shellvars.quote", "has no closing quote"},
    [END_SIZE] = {"guest.shellvars.size", "has too long a value"},
};

static void put(char *v, size_t *n, uint8_t c)
{
    if (*n <= SU_SHELLVARS_VALUE_MAX)
        v[(*n)++] = (char)c;
}

/* A backslash outside quotes takes the next byte as it is, inside double quotes only some; a backslash
 * and a newline are nothing at all. */
static void escape(struct su_bytes *b, bool quoted, char *v, size_t *n)
{
    uint8_t c = b->n > 0 ? b->p[0] : '\\';
    if (quoted && !strchr("$`\"\\\n", c)) {
        put(v, n, '\\');
        return;
    }
    su_skip(b, b->n > 0);
    if (c != '\n')
        put(v, n, c);
}

static enum end single_quoted(struct su_bytes *b, char *v, size_t *n)
{
    uint8_t c;
    while (su_take_u8(b, &c)) {
        if (c == '\'')
            return END_WORD;
        put(v, n, c);
    }
    return END_QUOTE;
}

static enum end double_quoted(struct su_bytes *b, char *v, size_t *n)
{
    uint8_t c;
    bool dynamic = false;
    while (su_take_u8(b, &c)) {
        if (c == '"')
            return dynamic ? END_DYNAMIC : END_WORD;
        if (c == '\\')
            escape(b, true, v, n);
        else
            put(v, n, c);
        dynamic = dynamic || c == '$' || c == '`';
    }
    return END_QUOTE;
}

/* Takes one shell word, the value, off the front of b. */
static enum end take_value(struct su_bytes *b, char *v, size_t *n)
{
    enum end end = END_WORD;
    while (end == END_WORD && b->n > 0 && !strchr(" \t\r\n;&|<>()", b->p[0])) {
        uint8_t c = 0;
        su_take_u8(b, &c);
        if (c == '\'')
            end = single_quoted(b, v, n);
        else if (c == '"')
            end = double_quoted(b, v, n);
        else if (c == '\\')
            escape(b, false, v, n);
        else if (c == '$' || c == '`')
            end = END_DYNAMIC;
        else
            put(v, n, c);
    }
    return end == END_WORD && *n > SU_SHELLVARS_VALUE_MAX ? END_SIZE : end;
}

static bool takes_prefix(struct su_bytes *b, const char *s)
{
    size_t n = strlen(s);
    return b->n >= n && memcmp(b->p, s, n) == 0 && su_skip(b, n);
}

static void skip_blanks(struct su_bytes *b)
{
    while (b->n > 0 && (b->p[0] == ' ' || b->p[0] == '\t'))
        su_skip(b, 1);
}

int su_shellvars_get(struct su_bytes text, const char *name, struct su_buf *out, struct su_err *e)
{
    char value[SU_SHELLVARS_VALUE_MAX + 1];
    size_t n = 0;
    bool found = false;
    enum end end = END_WORD;
    if (su_text_check(text, "the text", e) < 0)
        return -1;
    while (text.n > 0) {
        struct su_bytes b = text, line;
        skip_blanks(&b);
        if (takes_prefix(&b, "export "))
            skip_blanks(&b);
        if (!takes_prefix(&b, name) || !takes_prefix(&b, "=")) {
            su_text_line(&text, &line);
            continue;
        }
        found = true;
        n = 0;
        end = take_value(&b, value, &n);
        text = end == END_WORD ? b : text; /* a quoted value may go on over lines */
        su_text_line(&text, &line);
    }
    if (!found)
        return su_fail(e, SU_E_MISSING, "guest.shellvars.missing", "there is no %s", name);
    if (end != END_WORD)
        return su_fail(e, SU_E_FORMAT, ends[end].id, "%s %s", name, ends[end].what);
    su_buf_add(out, value, n);
    return su_buf_ok(out, e);
}
