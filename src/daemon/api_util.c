/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/api_int.h"
#include <string.h>

enum { NESTED = 16 };

int su_api_answer(json_t *o, struct su_http_response *a, struct su_err *e)
{
    char *text SU_FREE = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return su_fail_nomem(e, 4096);
    su_buf_text(&a->body, text);
    su_buf_text(&a->body, "\n");
    return su_buf_ok(&a->body, e);
}

void su_api_freep(json_t **o)
{
    json_decref(*o);
}

/* No call has more than four levels.  What reads JSON calls itself for each of them, jansson up to 2,048 times: a third
 * of the stack of a connection's thread, and more than all of it where a sanitizer keeps its own things there. */
static bool is_deep(struct su_bytes text)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n && depth <= NESTED; i++) {
        uint8_t c = text.p[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else if (c == '{' || c == '[')
            depth++;
        else if (depth && (c == '}' || c == ']'))
            depth--;
    }
    return depth > NESTED;
}

int su_api_body(const struct su_http_request *q, json_t **out, struct su_err *e)
{
    json_error_t why;
    if (is_deep(q->body))
        return su_fail(e, SU_E_USAGE, "api.body", "the request is nested too deeply");
    json_t *o =
        q->body.n ? json_loadb((const char *)q->body.p, q->body.n, JSON_REJECT_DUPLICATES, &why) : json_object();
    if (!json_is_object(o)) {
        json_decref(o);
        return su_fail(e, SU_E_USAGE, "api.body", "the request is no JSON object");
    }
    *out = o;
    return 0;
}

const char *su_api_text(const json_t *o, const char *name)
{
    const char *v = json_string_value(json_object_get(o, name));
    return v ? v : "";
}

int su_api_number(const struct su_http_request *q, const char *name, uint64_t least, uint64_t most, uint64_t *out,
                  struct su_err *e)
{
    const char *text = su_http_query(q, name);
    if (!text)
        return 0;
    size_t n = strlen(text);
    uint64_t v = strtoull(text, NULL, 10);
    if (n == 0 || n > 18 || strspn(text, "0123456789") != n || v < least)
        return su_fail(e, SU_E_USAGE, "api.query", "%s is no number, or less than %llu", name,
                       (unsigned long long)least);
    *out = v < most ? v : most;
    return 0;
}
