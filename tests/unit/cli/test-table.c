/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of suretyd's answers: cells of each kind, widths, what --wide changes, and text that guests choose. */
#include "base/clean.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "tests/lib/tap.h"
#include <sys/mman.h>

void su_print_safe(const char *text, FILE *out)
{
    char clean[1024];
    su_clean(clean, sizeof clean, text);
    fputs(clean, out);
}

static char said[4096];

/* What print(wide) writes to standard output. */
static const char *capture(void (*print)(bool wide), bool wide)
{
    fflush(stdout);
    int old = dup(STDOUT_FILENO), fd = memfd_create("out", MFD_CLOEXEC);
    dup2(fd, STDOUT_FILENO);
    print(wide);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    ssize_t n = pread(fd, said, sizeof said - 1, 0);
    close(fd);
    said[n > 0 ? n : 0] = 0;
    return said;
}

static void made(const json_t *row, size_t column, char *out, size_t cap)
{
    snprintf(out, cap, "%zu%s", column, su_api_text(row, "name"));
}

static const char rows_text[] = "[{\"name\":\"a\",\"n\":7,\"at\":\"2020-01-01T00:00:00Z\",\"ms\":1577836800000,"
                                "\"words\":[\"x\",\"y\"],\"deep\":{\"er\":\"z\"}},"
                                "{\"name\":\"\xe6\x97\xa5\xe6\x9c\xac\xe2\x80\xae\",\"at\":null}]";

static void table(bool wide)
{
    static const struct su_option option = {.name = "--wide"};
    static const struct su_api_column columns[] = {{"NAME", "name"},
                                                   {"N", "n"},
                                                   {"AT", "at", SU_API_WHEN, true},
                                                   {"MS", "ms", SU_API_WHEN_MS, true},
                                                   {"WORDS", "words", SU_API_WORDS},
                                                   {"MADE", NULL},
                                                   {"DEEP", "deep.er"}};
    static struct su_args a;
    json_t *rows SU_JSON = json_loads(rows_text, 0, NULL);
    a.n_options = wide;
    a.given[0].option = &option;
    a.given[0].value = "";
    su_api_list(&a, rows, columns, SU_ARRAY_LEN(columns), made);
}

static void line(bool wide)
{
    json_t *o SU_JSON = json_loads("{\"at\":1577836800,\"w\":[\"a\",\"b\"]}", 0, NULL);
    (void)wide;
    su_api_line_when("at", o, "none");
    su_api_line_words("words", o, "w");
}

static void tables(void)
{
    is_str(capture(table, false), "NAME   N  WORDS  MADE    DEEP\n"
                                  "a      7  x,y    5a      z\n"
                                  "\xe6\x97\xa5\xe6\x9c\xac?  -  -      5\xe6\x97\xa5\xe6\x9c\xac?  -\n");
    is_str(capture(table, true),
           "NAME   N  AT                    MS                    WORDS  MADE    DEEP\n"
           "a      7  2020-01-01T00:00:00Z  2020-01-01T00:00:00Z  x,y    5a      z\n"
           "\xe6\x97\xa5\xe6\x9c\xac?  -  -                     -                     -      5\xe6\x97\xa5\xe6\x9c\xac?"
           "  -\n");
    is_str(capture(line, false), "at             -\nwords          a,b\n");
}

static void times(void)
{
    static const struct {
        uint64_t now, t;
        const char *text;
    } rows[] = {{1000, 1000, "now"},
                {1000, 999, "1 second ago"},
                {1000, 941, "59 seconds ago"},
                {1000, 940, "1 minute ago"},
                {10000, 2800, "2 hours ago"},
                {1000000, 1000000 - 47 * 3600, "47 hours ago"},
                {1000000, 1000000 - 48 * 3600, "2 days ago"},
                {10000000, 10000000 - 60 * 86400, "2 months ago"},
                {100000000, 100000000 - 731 * 86400, "2 years ago"},
                {1000, 1001, "in 1 second"},
                {1000, 1000 + 29 * 86400, "in 29 days"}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        char text[48];
        su_api_ago(rows[i].now, rows[i].t, text, sizeof text);
        is_str(text, rows[i].text);
    }
    json_t *o SU_JSON = json_loads("{\"a\":\"2027-01-15T08:00:00Z\",\"b\":5,\"c\":\"2027-01-15\",\"d\":-5}", 0, NULL);
    ok(su_api_time(o, "a") == 1800000000 && su_api_time(o, "b") == 5, "times");
    ok(!su_api_time(o, "c") && !su_api_time(o, "d") && !su_api_time(o, "e"), "and what is none");
}

static void order(void)
{
    json_t *o SU_JSON = json_loads("[{\"n\":\"web10\"},{\"n\":\"Db\"},{},{\"n\":\"db\"},{\"n\":\"app\"}]", 0, NULL);
    char *text SU_FREE = NULL;
    su_api_sort(o, "n");
    text = json_dumps(o, JSON_COMPACT);
    is_str(text, "[{},{\"n\":\"app\"},{\"n\":\"Db\"},{\"n\":\"db\"},{\"n\":\"web10\"}]");
    json_array_clear(o);
    su_api_sort(o, "n");
    ok(json_array_size(o) == 0, "and of nothing, nothing");
}

int main(void)
{
    tables();
    order();
    times();
    return tap_done();
}
