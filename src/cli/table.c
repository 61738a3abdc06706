/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables and lines for people, of what suretyd answered. */
#include "api.h"
#include "base/clean.h"
#include "cli.h"
#include <locale.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum { MAX_COLUMNS = 16, CELL = 512, LEAST_TEXT = 20, LEAST_CELL = 8, GAP = 2 };

struct table {
    const json_t *rows;
    const struct su_api_column *c;
    size_t n;
    su_api_cell *cell;
    const char *under;
    bool wide;
    size_t limit; /* columns of the terminal; 0: it is none, and a line is as long as it is */
    size_t last;  /* the column that is printed last */
    size_t width[MAX_COLUMNS];
};

/* Times -------------------------------------------------------------------------- */

void su_api_ago(uint64_t now, uint64_t t, char *out, size_t cap)
{
    static const struct {
        const char *name;
        uint64_t seconds, below; /* the unit is used below so many seconds */
    } units[] = {{"second", 1, 60},
                 {"minute", 60, 3600},
                 {"hour", 3600, 2 * 86400},
                 {"day", 86400, 60 * 86400},
                 {"month", 30 * 86400, 730 * 86400},
                 {"year", 365 * 86400, UINT64_MAX}};
    uint64_t d = now > t ? now - t : t - now;
    size_t u = 0;
    while (d >= units[u].below)
        u++;
    uint64_t n = d / units[u].seconds;
    if (d == 0)
        snprintf(out, cap, "now");
    else
        snprintf(out, cap, "%s%llu %s%s%s", t > now ? "in " : "", (unsigned long long)n, units[u].name,
                 n == 1 ? "" : "s", t > now ? "" : " ago");
}

static void exact(uint64_t t, char *out, size_t cap)
{
    time_t at = (time_t)t;
    struct tm tm;
    if (!t || !gmtime_r(&at, &tm) || !strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm))
        out[0] = 0;
}

static void when(uint64_t t, bool wide, char *out, size_t cap)
{
    out[0] = 0;
    if (wide)
        exact(t, out, cap);
    else if (t)
        su_api_ago((uint64_t)time(NULL), t, out, cap);
}

/* Cells -------------------------------------------------------------------------- */

static void words(const json_t *list, char *out, size_t cap)
{
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(list) && at < cap; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        int n = snprintf(out + at, cap - at, "%s%s", i ? "," : "", s ? s : "");
        at += n > 0 ? (size_t)n : 0;
    }
}

static void cell_of(const struct table *t, size_t row, size_t i, char out[CELL])
{
    const json_t *o = json_array_get(t->rows, row);
    const json_t *v = t->c[i].path ? su_api_member(o, t->c[i].path) : NULL;
    char raw[CELL] = "";
    if (!t->c[i].path)
        t->cell(o, i, raw, sizeof raw);
    else if (t->c[i].kind == SU_API_WORDS)
        words(v, raw, sizeof raw);
    else if (t->c[i].kind != SU_API_TEXT)
        when(t->c[i].kind == SU_API_WHEN_MS ? su_api_time(o, t->c[i].path) / 1000 : su_api_time(o, t->c[i].path),
             t->wide, raw, sizeof raw);
    else if (json_is_integer(v))
        snprintf(raw, sizeof raw, "%lld", (long long)json_integer_value(v));
    else
        snprintf(raw, sizeof raw, "%s", json_string_value(v) ? json_string_value(v) : "");
    su_clean(out, CELL, raw[0] ? raw : "-");
}

/* Columns that one character takes on a terminal. */
static size_t char_width(const char *s, size_t bytes)
{
    static locale_t utf8;
    mbstate_t state = {0};
    wchar_t c;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8 || bytes == 1)
        return 1;
    locale_t old = uselocale(utf8);
    int n = mbrtowc(&c, s, bytes, &state) <= bytes ? wcwidth(c) : 1;
    uselocale(old);
    return n < 0 ? 1 : (size_t)n;
}

/* Of clean text, as far as it takes no more than max columns: its bytes, and in *wide its columns. */
static size_t fitting(const char *s, size_t max, size_t *wide)
{
    struct su_bytes left = {(const uint8_t *)s, strlen(s)};
    bool shows;
    size_t at = 0;
    *wide = 0;
    while (left.n > 0) {
        size_t n = su_clean_char(left, &shows);
        n = n ? n : 1;
        size_t w = char_width(s + at, n);
        if (*wide + w > max)
            break;
        *wide += w;
        at += n;
        su_skip(&left, n);
    }
    return at;
}

static size_t width(const char *s)
{
    size_t w;
    fitting(s, SIZE_MAX, &w);
    return w;
}

/* Layout ------------------------------------------------------------------------- */

static bool shown(const struct table *t, size_t i)
{
    return t->wide || !t->c[i].wide;
}

static size_t indent_of(const struct table *t)
{
    size_t sum = 0;
    for (size_t i = 0; i < t->last; i++)
        sum += shown(t, i) ? t->width[i] + GAP : 0;
    return sum;
}

/* The widest columns but the last give up what the terminal has not. */
static void shrink(struct table *t)
{
    size_t need = t->width[t->last] < LEAST_TEXT ? t->width[t->last] : LEAST_TEXT;
    while (t->limit && !t->wide && indent_of(t) + need > t->limit) {
        size_t widest = t->last;
        for (size_t i = 0; i < t->last; i++)
            if (shown(t, i) && t->width[i] > LEAST_CELL && (widest == t->last || t->width[i] > t->width[widest]))
                widest = i;
        if (widest == t->last)
            return;
        t->width[widest]--;
    }
}

static void lay_out(struct table *t)
{
    char text[CELL];
    struct winsize w = {0};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
        t->limit = w.ws_col;
    for (size_t i = 0; i < t->n; i++) {
        if (!shown(t, i))
            continue;
        t->last = i;
        t->width[i] = width(t->c[i].title);
        for (size_t r = 0; r < json_array_size(t->rows); r++) {
            cell_of(t, r, i, text);
            size_t n = width(text);
            t->width[i] = n > t->width[i] ? n : t->width[i];
        }
    }
    shrink(t);
}

/* Printing ----------------------------------------------------------------------- */

/* Its words go on below it when the terminal is too narrow. */
static void print_last(const char *text, size_t indent, size_t limit)
{
    char word[CELL];
    size_t at = indent;
    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        if (at > indent && limit >= indent + LEAST_TEXT && at + 1 + width(word) > limit) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        su_print_safe(word, stdout);
        at += width(word);
    }
    putchar('\n');
}

static void print_cell(const char *text, size_t room)
{
    size_t wide, all = width(text);
    size_t bytes = fitting(text, all > room ? room - 1 : room, &wide);
    fwrite(text, 1, bytes, stdout);
    if (all > room)
        fputs("\u2026", stdout);
    printf("%*s", (int)(room - wide - (all > room) + GAP), "");
}

static void print_row(const struct table *t, size_t row, bool title)
{
    char text[CELL];
    for (size_t i = 0; i <= t->last; i++) {
        if (!shown(t, i))
            continue;
        if (title)
            snprintf(text, sizeof text, "%s", t->c[i].title);
        else
            cell_of(t, row, i, text);
        if (i == t->last)
            print_last(text, indent_of(t), t->wide ? 0 : t->limit);
        else
            print_cell(text, t->width[i]);
    }
}

static void print(struct table *t)
{
    t->n = t->n < MAX_COLUMNS ? t->n : MAX_COLUMNS;
    lay_out(t);
    print_row(t, 0, true);
    for (size_t r = 0; r < json_array_size(t->rows); r++) {
        print_row(t, r, false);
        const char *below = t->under ? su_api_text(json_array_get(t->rows, r), t->under) : "";
        if (below[0]) {
            printf("%*s-> ", (int)indent_of(t), "");
            print_last(below, indent_of(t) + 3, t->limit);
        }
    }
}

static int by_member(const void *a, const void *b, void *member)
{
    const char *one = su_api_text(*(json_t *const *)a, member), *other = su_api_text(*(json_t *const *)b, member);
    int order = strcasecmp(one, other);
    return order ? order : strcmp(one, other);
}

void su_api_sort(json_t *rows, const char *member)
{
    size_t n = json_array_size(rows);
    json_t **row SU_FREE = calloc(n ? n : 1, sizeof *row);
    if (!row)
        return; /* as it came */
    for (size_t i = 0; i < n; i++)
        row[i] = json_incref(json_array_get(rows, i));
    qsort_r(row, n, sizeof *row, by_member, (void *)member);
    for (size_t i = 0; i < n; i++)
        (void)json_array_set_new(rows, i, row[i]);
}

void su_api_table(const json_t *rows, const struct su_api_column *c, size_t n, su_api_cell *cell)
{
    print(&(struct table){.rows = rows, .c = c, .n = n, .cell = cell});
}

void su_api_table_under(const json_t *rows, const struct su_api_column *c, size_t n, su_api_cell *cell,
                        const char *under)
{
    print(&(struct table){.rows = rows, .c = c, .n = n, .cell = cell, .under = under});
}

void su_api_list(const struct su_args *a, const json_t *rows, const struct su_api_column *c, size_t n,
                 su_api_cell *cell)
{
    print(&(struct table){.rows = rows, .c = c, .n = n, .cell = cell, .wide = su_args_get(a, "--wide") != NULL});
}

void su_api_line(const char *what, const char *value)
{
    printf("%-14s ", what);
    su_print_safe(value[0] ? value : "-", stdout);
    putchar('\n');
}

void su_api_line_words(const char *what, const json_t *o, const char *path)
{
    char text[CELL] = "";
    words(su_api_member(o, path), text, sizeof text);
    su_api_line(what, text);
}

void su_api_line_when(const char *what, const json_t *o, const char *path)
{
    char text[96], at[32], ago[48];
    uint64_t t = su_api_time(o, path);
    exact(t, at, sizeof at);
    su_api_ago((uint64_t)time(NULL), t, ago, sizeof ago);
    snprintf(text, sizeof text, "%s (%s)", at, ago);
    su_api_line(what, t ? text : "");
}
