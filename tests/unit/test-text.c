/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guest/text.h"
#include "tests/lib/tap.h"

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static void lines(void)
{
    struct su_bytes t = bytes("one\n\n  two words\t\nlast"), line, word;
    ok(su_text_line(&t, &line) && su_text_is(line, "one"), "a line");
    ok(su_text_line(&t, &line) && su_text_is(line, ""), "an empty line");
    ok(su_text_line(&t, &line) && su_text_is(line, "  two words\t"), "blanks stay");
    ok(su_text_word(&line, &word) && su_text_is(word, "two"), "a word");
    ok(su_text_word(&line, &word) && su_text_is(word, "words"), "another");
    ok(!su_text_word(&line, &word), "no more words");
    ok(su_text_line(&t, &line) && su_text_is(line, "last"), "a last line without a newline");
    ok(!su_text_line(&t, &line), "the end");
}

static void checks(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf big = {0};
    ok(su_text_check((struct su_bytes){NULL, 0}, "x", &e) == 0, "nothing is a text");
    ok(su_text_check((struct su_bytes){(const uint8_t *)"a\0b", 3}, "x", &e) < 0, "NUL");
    is_str(e.id, "guest.text.nul");
    ok(su_text_check(bytes("a\r\n"), "x", &e) == 0 && su_text_check_lines(bytes("a\r\n"), "x", &e) < 0, "CR");
    is_str(e.id, "guest.text.crlf");
    su_buf_zero(&big, SU_TEXT_MAX + 1);
    memset(big.p, 'a', big.n);
    ok(su_text_check((struct su_bytes){big.p, SU_TEXT_MAX}, "x", &e) == 0, "the largest");
    ok(su_text_check(su_buf_bytes(&big), "x", &e) < 0, "too large");
    is_str(e.id, "guest.text.size");
}

static bool is_line(struct su_bytes line, const void *want)
{
    return su_text_is(line, want);
}

static void blocks(void)
{
    static const char *const texts[] = {"", "a\n", "a", "\n", "a\n\n", "# c\nother\n", "# c"};
    struct su_err e = {0};
    unsigned removed = 9;
    for (size_t i = 0; i < SU_ARRAY_LEN(texts); i++) {
        SU_BUF struct su_buf with = {0}, without = {0};
        ok(su_text_add_block(bytes(texts[i]), "# c", "line", &with, &e) == 0, "added to text %zu", i);
        ok(su_text_remove_block(su_buf_bytes(&with), "# c", is_line, "line", &without, &removed, &e) == 0 &&
               removed == 1 && strcmp(su_buf_str(&without), texts[i]) == 0,
           "and removed again");
    }
    static const struct {
        const char *name, *before, *after;
        unsigned n;
    } rows[] = {
        {"nothing to remove", "a\n# c2\nline\n", "a\n# c2\nline\n", 0},
        {"the line was changed", "a\n# c\nline2\n", "a\n# c\nline2\n", 0},
        {"the line is gone", "a\n# c\n", "a\n# c\n", 0},
        {"lines came behind it", "a\n# c (no newline before)\nline\nb\n", "a\nb\n", 1},
        {"twice", "# c\nline\nx\n# c\nline\n", "x\n", 2},
        {"no newline at its end", "x\n# c\nline", "x\n", 1},
        {"first in the file", "# c (no newline before)\nline\n", "", 1},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BUF struct su_buf out = {0};
        su_buf_text(&out, "kept ");
        ok(su_text_remove_block(bytes(rows[i].before), "# c", is_line, "line", &out, &removed, &e) == 0 &&
               removed == rows[i].n && strncmp(su_buf_str(&out), "kept ", 5) == 0 &&
               strcmp(su_buf_str(&out) + 5, rows[i].after) == 0,
           "%s", rows[i].name);
    }
}

int main(void)
{
    lines();
    checks();
    blocks();
    return tap_done();
}
