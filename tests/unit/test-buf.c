/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"
#include "tests/lib/tap.h"

static void json(const char *in, const char *out)
{
    SU_BUF struct su_buf b = {0};
    su_buf_json(&b, in);
    ok(strcmp(su_buf_str(&b), out) == 0, "as JSON: %s", out);
}

int main(void)
{
    json("", "\"\"");
    json("a \"b\" \\ /", "\"a \\\"b\\\" \\\\ /\"");
    json("\n\x1f\x7f", "\"\\u000a\\u001f\x7f\"");
    json("\303\244\342\200\256\360\237\230\200", "\"\303\244\342\200\256\360\237\230\200\"");
    json("\303\274n\303\257", "\"\303\274n\303\257\"");
    json("\303\244a\"\303\244a\n\342\202\254ab\\", "\"\303\244a\\\"\303\244a\\u000a\342\202\254ab\\\\\"");
    json("\303\244a", "\"\303\244a\"");
    json("\360\237\230\200a", "\"\360\237\230\200a\"");
    json("x\377\303", "\"x\357\277\275\357\277\275\"");
    json("\355\240\200", "\"\357\277\275\357\277\275\357\277\275\"");
    struct su_err e = {0};
    SU_BUF struct su_buf b = {0};
    is_str(su_buf_str(&b), "");
    su_buf_text(&b, "abc");
    su_buf_printf(&b, "-%d-", 42);
    su_buf_add(&b, "\0x", 2);
    su_buf_zero(&b, 3);
    su_buf_add(&b, NULL, 0);
    su_buf_printf(&b, "%s", "");
    ok(su_buf_ok(&b, &e) == 0 && b.n == 12 && memcmp(b.p, "abc-42-\0x\0\0\0", 13) == 0, "appended, NUL behind");
    is_str(su_buf_str(&b), "abc-42-");
    ok(su_buf_bytes(&b).n == 12 && su_buf_bytes(&b).p == b.p, "as bytes");
    for (int i = 0; i < 10000; i++)
        su_buf_printf(&b, "%d,", i);
    ok(su_buf_ok(&b, &e) == 0 && b.n == 12 + 48890 && b.p[b.n] == 0 && b.cap > b.n, "grows");
    size_t n = b.n;
    su_buf_zero(&b, SIZE_MAX / 2);
    ok(b.failed && b.n == n, "more than memory");
    su_buf_text(&b, "later");
    ok(b.n == n && su_buf_ok(&b, &e) < 0 && e.kind == SU_E_NOMEM, "a failed append stays known");
    su_buf_done(&b);
    ok(!b.p && !b.n && !b.failed, "done is empty");
    su_buf_add(&b, "x", SIZE_MAX);
    ok(b.failed && !b.p, "a length that wraps");
    return tap_done();
}
