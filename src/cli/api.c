/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api.h"
#include "cli.h"
#include "net/httpc.h"
#include "wire/hostconf.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_ANSWER = 64 << 20, MAX_COLUMNS = 12, CELL = 512, LEAST_TEXT = 20 };

void su_api_freep(json_t **o)
{
    json_decref(*o);
}

/* One segment of a path, percent-encoded (RFC 3986, 2.3). */
static void encode(struct su_buf *b, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (strchr(plain, *p))
            su_buf_add(b, p, 1);
        else
            su_buf_printf(b, "%%%02X", *p);
}

static int make_url(const char *path, const char *segment, struct su_buf *url, struct su_err *e)
{
    const char *gap = strstr(path, "%s");
    su_buf_text(url, "http://localhost");
    if (!gap || !segment) {
        su_buf_text(url, path);
        return su_buf_ok(url, e);
    }
    if (!segment[0] || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
        return su_fail(e, SU_E_USAGE, "cli.operand", "this is no name");
    su_buf_add(url, path, (size_t)(gap - path));
    encode(url, segment);
    su_buf_text(url, gap + 2);
    return su_buf_ok(url, e);
}

static const char *default_socket(const struct su_args *a)
{
    const char *given = su_args_get(a, "--socket");
    return given ? given : SU_RUN_DIR "/api.sock";
}

/* The error that the daemon tells of; its texts live until the process ends, as an error's must. */
static int take_problem(const json_t *o, unsigned status, struct su_err *e)
{
    static char id[64], remedy[240];
    const char *text = su_api_text(o, "detail");
    snprintf(id, sizeof id, "%s", su_api_text(o, "id"));
    snprintf(remedy, sizeof remedy, "%s", su_api_text(o, "remedy"));
    enum su_kind kind = status == 404   ? SU_E_MISSING
                        : status == 403 ? SU_E_REFUSED
                        : status == 409 ? SU_E_CONFLICT
                                        : SU_E_IO;
    su_fail(e, kind, id[0] ? id : "api.answer", "%s", text[0] ? text : "suretyd answers with an error");
    return remedy[0] ? su_remedy(e, remedy) : -1;
}

static int interpret(unsigned status, const struct su_buf *answer, json_t **out, struct su_err *e)
{
    json_t *o SU_JSON = json_loadb(su_buf_str(answer), answer->n, 0, NULL);
    if (status < 200 || status > 299)
        return take_problem(o, status, e);
    if (!o)
        return su_fail(e, SU_E_FORMAT, "api.answer", "suretyd's answer is no JSON");
    *out = su_steal(&o);
    return 0;
}

static int no_answer(const char *path, struct su_err *e)
{
    if (access(path, W_OK) < 0 && errno == EACCES) {
        su_fail(e, SU_E_REFUSED, "api.refused", "this user may not reach %.120s", path);
        return su_remedy(e, "Be root or in group surety");
    }
    su_fail(e, SU_E_IO, "api.connect", "suretyd does not answer at %.120s", path);
    return su_remedy(e, "Start it: systemctl start suretyd");
}

int su_api_call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                unsigned wait_s, json_t **out, struct su_err *e)
{
    struct su_buf url SU_BUF = {0}, answer SU_BUF = {0};
    json_t *taken SU_JSON = body;
    char *text SU_FREE = taken ? json_dumps(taken, JSON_COMPACT) : NULL;
    unsigned status = 0;
    if (make_url(path, segment, &url, e) < 0)
        return -1;
    if (taken && !text)
        return su_fail(e, SU_E_USAGE, "cli.operand", "what was given is not UTF-8");
    struct su_http_call c = {.method = method,
                             .url = su_buf_str(&url),
                             .unix_path = default_socket(a),
                             .content_type = "application/json",
                             .body = {(const uint8_t *)text, text ? strlen(text) : 0},
                             .timeout_ms = wait_s * 1000,
                             .max_answer = MAX_ANSWER};
    int rc = su_http_call(&c, &status, &answer, e);
    if (text)
        explicit_bzero(text, strlen(text)); /* a token may be in it */
    if (rc < 0 && strcmp(e->id, "http.connect") == 0)
        return no_answer(default_socket(a), e);
    return rc < 0 ? -1 : interpret(status, &answer, out, e);
}

const json_t *su_api_member(const json_t *o, const char *path)
{
    char name[64];
    while (o && *path) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = 0;
        o = json_object_get(o, name);
        path += n + (path[n] == '.');
    }
    return o;
}

const char *su_api_text(const json_t *o, const char *path)
{
    const char *s = json_string_value(su_api_member(o, path));
    return s ? s : "";
}

static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void cell_of(const json_t *row, const struct su_api_column *c, size_t i,
                    void (*cell)(const json_t *, size_t, char *, size_t), char out[CELL])
{
    if (c[i].path)
        snprintf(out, CELL, "%s", su_api_text(row, c[i].path));
    else
        cell(row, i, out, CELL);
    if (!out[0])
        snprintf(out, CELL, "-");
}

/* Columns of the terminal; 0: it is none, and a line is as long as it is. */
static size_t terminal_width(void)
{
    struct winsize w = {0};
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

/* The last column: its words go on below it when the terminal is too narrow. */
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

void su_api_table(const json_t *rows, const struct su_api_column *c, size_t n,
                  void (*cell)(const json_t *row, size_t column, char *out, size_t cap))
{
    su_api_table_under(rows, c, n, cell, NULL);
}

void su_api_table_under(const json_t *rows, const struct su_api_column *c, size_t n,
                        void (*cell)(const json_t *row, size_t column, char *out, size_t cap), const char *under)
{
    size_t wide[MAX_COLUMNS] = {0}, count = json_array_size(rows), indent = 0, limit = terminal_width();
    char text[CELL];
    for (size_t i = 0; i < n && i < MAX_COLUMNS; i++) {
        wide[i] = width(c[i].title);
        for (size_t r = 0; r < count; r++) {
            cell_of(json_array_get(rows, r), c, i, cell, text);
            wide[i] = width(text) > wide[i] ? width(text) : wide[i];
        }
        indent += i + 1 < n ? wide[i] + 2 : 0;
    }
    for (size_t r = 0; r <= count; r++) {
        for (size_t i = 0; i < n && i < MAX_COLUMNS; i++) {
            if (r == 0)
                snprintf(text, sizeof text, "%s", c[i].title);
            else
                cell_of(json_array_get(rows, r - 1), c, i, cell, text);
            if (i + 1 == n) {
                print_last(text, indent, limit);
                break;
            }
            su_print_safe(text, stdout);
            printf("%*s", (int)(wide[i] - width(text) + 2), "");
        }
        const char *below = r && under ? su_api_text(json_array_get(rows, r - 1), under) : "";
        if (below[0]) {
            printf("%*s-> ", (int)indent, "");
            print_last(below, indent + 3, limit);
        }
    }
}

void su_api_line(const char *what, const char *value)
{
    printf("%-14s ", what);
    su_print_safe(value[0] ? value : "-", stdout);
    putchar('\n');
}
