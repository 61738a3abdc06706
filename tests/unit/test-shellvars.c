/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guest/shellvars.h"
#include "tests/lib/tap.h"

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static const char os_release[] = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
                                 "NAME=\"Debian GNU/Linux\"\n"
                                 "VERSION_ID=\"12\"\n"
                                 "ID=debian\n"
                                 "# ID=comment\n"
                                 "HOME_URL='https://www.debian.org/'\n";

static const struct {
    const char *name, *text, *want, *id; /* want NULL: fails with id */
} rows[] = {
    {"pretty name", os_release, "Debian GNU/Linux 12 (bookworm)", NULL},
    {"single quotes", "PRETTY_NAME='a \"b\" \\ $c'\n", "a \"b\" \\ $c", NULL},
    {"double quotes", "PRETTY_NAME=\"a \\\"b\\\" \\$c \\` \\\\ \\d 'e'\"\n", "a \"b\" $c ` \\ \\d 'e'", NULL},
    {"glued", "PRETTY_NAME=a\"b c\"'d'\\ e\n", "ab cd e", NULL},
    {"the last one counts", "PRETTY_NAME=a\nPRETTY_NAME=b\n", "b", NULL},
    {"exported", "  export PRETTY_NAME=a # why\n", "a", NULL},
    {"empty", "PRETTY_NAME=\n", "", NULL},
    {"no newline", "PRETTY_NAME=a", "a", NULL},
    {"ends at a semicolon", "PRETTY_NAME=a;OTHER=b\n", "a", NULL},
    {"CRLF", "PRETTY_NAME=a\r\nX=b\r\n", "a", NULL},
    {"over two lines", "PRETTY_NAME=\"a\nPRETTY_NAME=b\nc\"\nX=1\n", "a\nPRETTY_NAME=b\nc", NULL},
    {"continued", "PRETTY_NAME=a\\\nb\n", "ab", NULL},
    {"missing", "XPRETTY_NAME=a\nPRETTY_NAMES=b\nPRETTY_NAME =c\n", NULL, "guest.shellvars.missing"},
    {"nothing", "", NULL, "guest.shellvars.missing"},
    {"command", "PRETTY_NAME=`lsb_release -i -s`\n", NULL, "guest.shellvars.dynamic"},
    {"variable", "PRETTY_NAME=\"$X y\"\n", NULL, "guest.shellvars.dynamic"},
    {"dynamic and then not", "PRETTY_NAME=$X\nPRETTY_NAME=b\n", "b", NULL},
    {"open quote", "PRETTY_NAME=\"abc\n", NULL, "guest.shellvars.quote"},
    {"open single quote", "PRETTY_NAME='abc\n", NULL, "guest.shellvars.quote"},
    {"backslash at the end", "PRETTY_NAME=a\\", "a\\", NULL},
};

int main(void)
{
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BUF struct su_buf out = {0};
        int r = su_shellvars_get(bytes(rows[i].text), "PRETTY_NAME", &out, &e);
        if (rows[i].want)
            ok(r == 0 && strcmp(su_buf_str(&out), rows[i].want) == 0, "%s", rows[i].name);
        else
            ok(r < 0 && out.n == 0 && strcmp(e.id, rows[i].id) == 0, "%s: %s", rows[i].name, rows[i].id);
    }
    SU_BUF struct su_buf text = {0}, out = {0};
    su_buf_text(&text, "X=");
    for (int i = 0; i < SU_SHELLVARS_VALUE_MAX; i++)
        su_buf_text(&text, "y");
    ok(su_shellvars_get(su_buf_bytes(&text), "X", &out, &e) == 0 && out.n == SU_SHELLVARS_VALUE_MAX, "the longest");
    su_buf_text(&text, "y");
    ok(su_shellvars_get(su_buf_bytes(&text), "X", &out, &e) < 0 && strcmp(e.id, "guest.shellvars.size") == 0, "longer");
    ok(su_shellvars_get((struct su_bytes){(const uint8_t *)"X=\0", 3}, "X", &out, &e) < 0, "NUL");
    is_str(e.id, "guest.text.nul");
    return tap_done();
}
