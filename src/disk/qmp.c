/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qmp.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { TIMEOUT_MS = 30000, MAX_LINE = 1 << 20 };

/* One byte at a time: answers are short, and nothing beyond the line may be taken. */
static int read_line(int fd, char **out, struct su_err *e)
{
    size_t n = 0, cap = 512;
    SU_FREE char *line = malloc(cap);
    while (line) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int rc = poll(&p, 1, TIMEOUT_MS);
        if (rc < 0 && errno == EINTR)
            continue;
        ssize_t got = rc > 0 ? recv(fd, line + n, 1, 0) : -1;
        if (got <= 0 || n + 1 == MAX_LINE)
            return su_fail(e, SU_E_IO, "qmp.lost", "the storage daemon does not answer");
        if (line[n] == '\n') {
            line[n] = 0;
            *out = su_steal(&line);
            return 0;
        }
        if (++n == cap) {
            char *more = realloc(line, cap *= 2);
            if (!more)
                break;
            line = more;
        }
    }
    return su_fail_nomem(e, cap);
}

static int read_object(int fd, json_t **out, struct su_err *e)
{
    SU_FREE char *line = NULL;
    if (read_line(fd, &line, e) < 0)
        return -1;
    json_t *o = json_loads(line, 0, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return su_fail(e, SU_E_FORMAT, "qmp.failed", "the storage daemon answered with something else than JSON");
    }
    *out = o;
    return 0;
}

static int send_all(int fd, const char *text, struct su_err *e)
{
    for (size_t left = strlen(text); left;) {
        ssize_t put = send(fd, text, left, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return su_fail_os(e, "qmp.lost", "asking the storage daemon");
        text += put;
        left -= (size_t)put;
    }
    return 0;
}

/* 1: the answer was taken, 0: an event, ask again. */
static int take_answer(json_t *o, const char *command, json_t **answer, struct su_err *e)
{
    json_t *error = json_object_get(o, "error"), *value = json_object_get(o, "return");
    if (error) {
        const char *why = json_string_value(json_object_get(error, "desc"));
        return su_fail(e, SU_E_IO, "qmp.failed", "%s: %s", command, why ? why : "failed");
    }
    if (value && answer)
        *answer = json_incref(value);
    return value != NULL;
}

int su_qmp_run(int fd, const char *command, json_t *arguments, json_t **answer, struct su_err *e)
{
    json_t *ask = json_pack("{s:s}", "execute", command);
    if (ask && arguments)
        json_object_set_new(ask, "arguments", arguments);
    SU_FREE char *text = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
    json_decref(ask);
    if (!text)
        return su_fail_nomem(e, 256);
    if (send_all(fd, text, e) < 0 || send_all(fd, "\n", e) < 0)
        return -1;
    for (;;) {
        json_t *o = NULL;
        if (read_object(fd, &o, e) < 0)
            return -1;
        int rc = take_answer(o, command, answer, e);
        json_decref(o);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
}

int su_qmp_hello(int fd, struct su_err *e)
{
    json_t *greeting = NULL;
    if (read_object(fd, &greeting, e) < 0)
        return -1;
    json_decref(greeting);
    return su_qmp_run(fd, "qmp_capabilities", NULL, NULL, e);
}
