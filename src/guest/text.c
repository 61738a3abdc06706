/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "text.h"
#include <string.h>

/* Follows the comment when the text had no newline at its end. */
static const char no_newline[] = " (no newline before)";

int su_text_check(struct su_bytes text, const char *name, struct su_err *e)
{
    if (text.n > SU_TEXT_MAX)
        return su_fail(e, SU_E_RANGE, "guest.text.size", "%s is larger than %d bytes", name, SU_TEXT_MAX);
    if (text.n > 0 && memchr(text.p, 0, text.n))
        return su_fail(e, SU_E_FORMAT, "guest.text.nul", "%s holds NUL bytes, so it is not a text", name);
    return 0;
}

int su_text_check_lines(struct su_bytes text, const char *name, struct su_err *e)
{
    if (su_text_check(text, name, e) < 0)
        return -1;
    if (text.n > 0 && memchr(text.p, '\r', text.n)) {
        su_fail(e, SU_E_FORMAT, "guest.text.crlf", "%s holds carriage returns", name);
        return su_remedy(e, "convert the file to Unix line ends in the guest");
    }
    return 0;
}

bool su_text_line(struct su_bytes *text, struct su_bytes *line)
{
    if (text->n == 0)
        return false;
    const uint8_t *end = memchr(text->p, '\n', text->n);
    *line = (struct su_bytes){text->p, end ? (size_t)(end - text->p) : text->n};
    return su_skip(text, line->n + (end != NULL));
}

bool su_text_word(struct su_bytes *line, struct su_bytes *word)
{
    size_t from = 0, to;
    while (from < line->n && (line->p[from] == ' ' || line->p[from] == '\t'))
        from++;
    for (to = from; to < line->n && line->p[to] != ' ' && line->p[to] != '\t'; to++)
        ;
    *word = (struct su_bytes){line->p + from, to - from};
    return su_skip(line, to) && word->n > 0;
}

bool su_text_is(struct su_bytes b, const char *s)
{
    return b.n == strlen(s) && (b.n == 0 || memcmp(b.p, s, b.n) == 0);
}

void su_text_truncate(struct su_buf *b, size_t n)
{
    if (n >= b->n)
        return;
    b->n = n;
    b->p[n] = 0;
}

int su_text_add_block(struct su_bytes text, const char *comment, const char *line, struct su_buf *out, struct su_err *e)
{
    size_t was = out->n;
    bool open = text.n > 0 && text.p[text.n - 1] != '\n';
    su_buf_add(out, text.p, text.n);
    su_buf_printf(out, "%s%s%s\n%s\n", open ? "\n" : "", comment, open ? no_newline : "", line);
    if (su_buf_ok(out, e) < 0) {
        su_text_truncate(out, was);
        return -1;
    }
    return 0;
}

/* 0: another line, 1: our comment, 2: our comment, and the newline before it is ours as well */
static int which_comment(struct su_bytes line, const char *comment)
{
    size_t n = strlen(comment);
    if (line.n < n || memcmp(line.p, comment, n) != 0)
        return 0;
    su_skip(&line, n);
    return line.n == 0 ? 1 : su_text_is(line, no_newline) ? 2 : 0;
}

int su_text_remove_block(struct su_bytes text, const char *comment, bool (*is)(struct su_bytes line, const void *arg),
                         const void *arg, struct su_buf *out, unsigned *removed, struct su_err *e)
{
    struct su_bytes line, next;
    size_t was = out->n;
    unsigned n = 0;
    while (text.n > 0) {
        struct su_bytes here = text, rest;
        su_text_line(&text, &line);
        rest = text;
        int ours = which_comment(line, comment);
        if (!ours || !su_text_line(&rest, &next) || !is(next, arg)) {
            su_buf_add(out, here.p, here.n - text.n);
            continue;
        }
        /* lines that were added behind our block since then need that newline */
        if (ours == 2 && rest.n == 0 && out->n > was)
            su_text_truncate(out, out->n - 1);
        text = rest;
        n++;
    }
    if (su_buf_ok(out, e) < 0) {
        su_text_truncate(out, was);
        return -1;
    }
    *removed = n;
    return 0;
}
