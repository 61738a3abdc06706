/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, strictly. */
#include "json.h"
#include "tests/lib/tap.h"
#include <stdlib.h>

static int parse(const char *text, size_t n, struct json *j)
{
    size_t at = 0;
    char *exact = malloc(n ? n : 1); /* so that reading past the end is seen */
    memcpy(exact, text, n);
    int r = json_parse(exact, n, j, &at);
    free(exact);
    return r;
}

static bool good(const char *text)
{
    struct json j = {0};
    int r = parse(text, strlen(text), &j);
    json_free(&j);
    return r == 0;
}

static const char *const yes[] = {"{}",
                                  " [ ] ",
                                  "null",
                                  "true",
                                  "false",
                                  "0",
                                  "-1",
                                  "1.5e+9",
                                  "\"\"",
                                  "{\"a\":1,\"b\":{\"a\":2}}",
                                  "[1,2,[3,[]]]",
                                  "\"\\u0041\\ud83d\\ude00\\/\\\\\\\"\"",
                                  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                  "[0.1,10,1E5]",
                                  "\t\r\n{}\n"};
static const char *const no[] = {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "[,1]",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{a:1}",
                                 "{1:1}",
                                 "nul",
                                 "nulls",
                                 "True",
                                 "01",
                                 "-",
                                 "+1",
                                 ".5",
                                 "1.",
                                 "1e",
                                 "0x1",
                                 "NaN",
                                 "\"",
                                 "\"\\\"",
                                 "\"\\x\"",
                                 "\"\\u12\"",
                                 "\"\\u12g4\"",
                                 "\"\\ud83d\"",
                                 "\"\\ud83dx\"",
                                 "\"\\ud83d\\u0041\"",
                                 "\"\\ude00\"",
                                 "\"\\u0000\"",
                                 "\"\\n\"",
                                 "\"\n\"",
                                 "\"\x7f\"",
                                 "\"\x80\"",
                                 "\"\xc3\"",
                                 "\"\xc0\xaf\"",
                                 "\"\xe0\x80\x80\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xf4\x90\x80\x80\"",
                                 "\"\xc2\x85\"",
                                 "\"\xf8\x88\x80\x80\x80\"",
                                 "{} {}",
                                 "1 2",
                                 "{\"a\":1,\"a\":2}",
                                 "{\"a\":1,\"\\u0061\":2}",
                                 "[1}",
                                 "{\"a\":1]",
                                 "\xef\xbb\xbf{}",
                                 "/**/{}",
                                 "'a'"};

static void test_grammar(void)
{
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ok(good(yes[i]), "taken %zu", i);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ok(!good(no[i]), "refused %zu", i);
}

int main(void)
{
    test_grammar();
    ok(!good("[[[[[[[[[[[[[1]]]]]]]]]]]]]") && good("[[[[[[[[[[[[1]]]]]]]]]]]]"), "12 deep and no deeper");
    char many[2 * JSON_NODES + 8] = "[";
    for (int i = 0; i < JSON_NODES - 1; i++)
        memcpy(many + 1 + 2 * i, "1,", 3);
    many[2 * (JSON_NODES - 1)] = ']';
    ok(good(many), "1024 values");
    memcpy(many + 2 * (JSON_NODES - 1), ",1]", 4);
    ok(!good(many), "1025 values");
    struct json j = {0};
    int64_t n = 0;
    const char text[] = "{\"n\":-12,\"s\":\"a\\u00e4\",\"a\":[1,\"two\"],\"f\":1.0,\"big\":1234567890123456789}";
    ok(parse(text, sizeof text - 1, &j) == 0, "a document");
    const struct json_node *top = j.node;
    ok(json_int(json_get(&j, top, "n"), &n) && n == -12, "a number");
    is_str(json_get(&j, top, "s")->text, "a\xc3\xa4");
    is_str(json_item(&j, json_get(&j, top, "a"), 1)->text, "two");
    ok(!json_item(&j, json_get(&j, top, "a"), 2) && !json_get(&j, top, "none") && !json_get(&j, NULL, "x"), "none");
    ok(!json_int(json_get(&j, top, "f"), &n) && !json_int(json_get(&j, top, "big"), &n) &&
           !json_int(json_get(&j, top, "s"), &n),
       "no whole numbers that fit");
    json_free(&j);
    ok(parse("{}\0", 3, &j) == -1, "a NUL behind");
    return tap_done();
}
