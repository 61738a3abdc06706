/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api.h"
#include "net/httpc.h"
#include "net/httpd.h"
#include "wire/hostconf.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ANSWER = 64 << 20 };

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

/* Why no whole answer came. */
static int no_answer(const char *path, struct su_err *e)
{
    if (access(path, W_OK) < 0 && errno == EACCES) {
        su_fail(e, SU_E_REFUSED, "api.refused", "this user may not reach %.120s", path);
        return su_remedy(e, "Be root or in group surety");
    }
    if (su_unix_served(path)) {
        su_fail(e, SU_E_CONFLICT, "api.busy",
                "suretyd ended the connection: it has as many as it takes, or as it takes of this user");
        return su_remedy(e, "Try again in a moment; systemctl status suretyd, if it stays so");
    }
    su_fail(e, SU_E_IO, "api.connect", "suretyd does not answer at %.120s", path);
    return su_remedy(e, "Start it: systemctl start suretyd");
}

static int call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                unsigned limit_ms, json_t **out, struct su_err *e)
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
                             .timeout_ms = limit_ms,
                             .max_answer = MAX_ANSWER};
    int rc = su_http_call(&c, &status, &answer, e);
    if (text)
        explicit_bzero(text, strlen(text)); /* a token may be in it */
    if (rc < 0 && (strcmp(e->id, "http.connect") == 0 || (strcmp(e->id, "http.answer") == 0 && e->kind == SU_E_IO)))
        return no_answer(default_socket(a), e);
    return rc < 0 ? -1 : interpret(status, &answer, out, e);
}

int su_api_call(const struct su_args *a, const char *method, const char *path, const char *segment, json_t *body,
                unsigned wait_s, json_t **out, struct su_err *e)
{
    return call(a, method, path, segment, body, wait_s * 1000, out, e);
}

int su_api_get(const struct su_args *a, const char *path, unsigned limit_ms, json_t **out, struct su_err *e)
{
    return call(a, "GET", path, NULL, NULL, limit_ms, out, e);
}
