/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "query.h"
#include "wire/versions.h"
#include <string.h>
#include <strings.h>

/* Texts that clients look at are Azure's; the others say what to do instead. */
const struct su_refusal su_refusals[SU_REFUSALS] = {
    [SU_NO_TARGET] = {400, "request.target", "Bad request. The request target must be a path"},
    [SU_LONG_TARGET] = {414, "request.long", "Bad request. The request target is longer than 2047 bytes"},
    [SU_NO_METADATA] = {400, "request.metadata", "Bad request. Required metadata header not specified"},
    [SU_FORWARDED] = {400, "request.forwarded", "Bad request. Requests with X-Forwarded-For are not served"},
    [SU_BAD_HEADER] = {400, "request.header", "Bad request. A header has a space in its name or a control character"},
    [SU_BAD_ESCAPE] = {400, "query.escape",
                       "Bad request. The request target has a character or an escape that is "
                       "not allowed"},
    [SU_MANY_PARAMETERS] = {400, "query.many", "Bad request. The query has more than 16 parameters"},
    [SU_TWICE] = {400, "query.twice", "Bad request. A query parameter is given twice"},
    [SU_NO_VERSION] = {400, "query.api-version",
                       "Bad request. api-version is invalid or was not specified in the request. For more information "
                       "refer to aka.ms/azureimds",
                       ",\"newest-versions\":[\"2025-04-07\",\"2024-07-17\",\"2024-03-15\"]"},
    [SU_BAD_NONCE] = {400, "query.nonce", "Bad request. nonce must be 1 to 32 characters of A-Z a-z 0-9 - _"},
    [SU_BAD_AUDIENCE] = {400, "query.audience",
                         "Bad request. audience must be 1 to 255 characters of A-Z a-z 0-9 - . _ ~ : / @ + = ,"},
    [SU_BAD_KEY] = {400, "query.key", "Bad request. key must be a SHA-256 thumbprint: 43 characters of base64url"},
    [SU_BAD_FORMAT] = {400, "query.format", "Bad request. format must be json or text"},
    [SU_BAD_RESULT] = {400, "query.result",
                       "Bad request. nonce and result are needed; result is ok or a name of a-z 0-9 . -"},
    [SU_IS_LEAF] = {400, "query.leaf", "Bad request. The value at this path is text: ask for it with format=text"},
    [SU_NO_IDENTITY] = {400, "identity.none", "invalid_request", ",\"error_description\":\"Identity not found\""},
    [SU_BIG_BODY] = {413, "request.body", "Content too large. No body is read here, or none of more than 16384 bytes"},
    [SU_NOT_FOUND] = {404, "path.missing", "Not found. The path does not exist in this api-version"},
    [SU_NOT_ISSUED] = {404, "report.nonce",
                       "Not found. No document with this nonce was issued to this VM within the "
                       "last 10 minutes"},
    [SU_NOT_GET] = {405, "request.method", "Method not allowed. Only GET is served here"},
    [SU_NOT_POST] = {405, "request.method", "Method not allowed. Only POST is served here"},
    [SU_TOO_MANY] = {429, "rate.vm", "Too many requests", NULL, 1},
    [SU_NO_SIGNER] = {503, "signer.gone", "Documents cannot be signed right now", NULL, 1},
    [SU_SIGNER_FAILED] = {500, "signer.failed", "The document could not be signed"},
    [SU_NO_HOST] = {503, "host.unknown", "The host is not ready", NULL, 2},
    [SU_NO_MEMORY] = {503, "host.memory", "The host is busy", NULL, 1},
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes [p, end) into out; the length, or -1 when an escape is wrong or cap is too small.  '+' stays what it is. */
static int decode(const char *p, const char *end, char *out, size_t cap)
{
    size_t n = 0;
    while (p < end) {
        int c = (unsigned char)*p++;
        if (c == '%') {
            if (end - p < 2 || hex(p[0]) < 0 || hex(p[1]) < 0)
                return -1;
            c = hex(p[0]) << 4 | hex(p[1]);
            p += 2;
        }
        if (c == 0 || n + 1 >= cap)
            return -1;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return (int)n;
}

/* Only visible ASCII may stand in a target; '#' never reaches a server. */
static bool target_plain(const char *s)
{
    for (; *s; s++)
        if (*s <= ' ' || *s > '~' || *s == '#' || *s == '"' || *s == '\\')
            return false;
    return true;
}

static const struct su_refusal *split_path(const char *p, const char *end, struct su_query *out)
{
    size_t used = 0;
    unsigned n = 0;
    while (p < end) {
        p++;
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        if (stop == p && stop == end) /* "/metadata/instance/" */
            break;
        if (n == SU_SEGMENTS_MAX || stop == p) {
            out->n_segments = 0;
            return &su_refusals[SU_NOT_FOUND];
        }
        int len = decode(p, stop, out->path + used, sizeof out->path - used);
        if (len < 0)
            return &su_refusals[SU_BAD_ESCAPE];
        out->segment[n++] = (uint16_t)used;
        used += (size_t)len + 1;
        p = stop;
    }
    out->n_segments = n;
    return NULL;
}

static bool path_is(const struct su_query *q, const char *const *want, bool deeper)
{
    unsigned i = 0;
    for (; want[i]; i++)
        if (i == q->n_segments || strcmp(su_query_segment(q, i), want[i]) != 0)
            return false;
    return deeper || i == q->n_segments;
}

static const struct {
    enum su_route route;
    bool deeper, post;
    const char *comp; /* query parameter that tells requests to the wire server apart */
    const char *path[4];
} routes[] = {
    {SU_ROUTE_DOCUMENT, false, false, NULL, {"metadata", "attested", "document"}},
    {SU_ROUTE_INSTANCE, true, false, NULL, {"metadata", "instance"}},
    {SU_ROUTE_VERSIONS, false, false, NULL, {"metadata", "versions"}},
    {SU_ROUTE_IDENTITY, false, false, NULL, {"metadata", "identity", "oauth2", "token"}},
    {SU_ROUTE_REPORT, false, true, NULL, {"metadata", "surety", "verification"}},
    {SU_ROUTE_WIRE_GOAL, false, false, "goalstate", {"machine"}},
    {SU_ROUTE_WIRE_HEALTH, false, true, "health", {"machine"}},
    {SU_ROUTE_WIRE_VERSIONS, false, false, "versions", {NULL}},
};

static void find_route(struct su_query *q)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(routes); i++) {
        const char *want[5] = {routes[i].path[0], routes[i].path[1], routes[i].path[2], routes[i].path[3], NULL};
        if ((routes[i].comp && strcasecmp(q->comp, routes[i].comp) != 0) || !path_is(q, want, routes[i].deeper))
            continue;
        q->route = routes[i].route;
        q->post = routes[i].post;
        return;
    }
}

static const struct su_refusal *take_other(struct su_query *q, const char *name, const char *value)
{
    size_t len = strlen(value);
    if (strcasecmp(name, "api-version") == 0)
        q->version = su_api_version_index(value);
    if (strcasecmp(name, "comp") == 0 && len < sizeof q->comp)
        memcpy(q->comp, value, len + 1);
    if (strcasecmp(name, "result") == 0) {
        if (len == 0 || len >= sizeof q->result || value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-")])
            return &su_refusals[SU_BAD_RESULT];
        memcpy(q->result, value, len + 1);
    }
    if (strcasecmp(name, "format") == 0) {
        q->text = strcasecmp(value, "text") == 0;
        if (!q->text && strcasecmp(value, "json") != 0)
            return &su_refusals[SU_BAD_FORMAT];
    }
    return NULL;
}

/* What a parameter fills in.  The first thing wrong is kept, because the verb and the headers are judged before. */
static const struct su_refusal *take_value(struct su_query *q, const char *name, const char *value)
{
    static const struct {
        const char *name;
        bool (*valid)(const char *);
        size_t offset, size;
        enum su_refusal_row row;
    } checked[] = {
        {"nonce", su_nonce_valid, offsetof(struct su_query, nonce), SU_NONCE_MAX + 1, SU_BAD_NONCE},
        {"audience", su_audience_valid, offsetof(struct su_query, audience), SU_AUDIENCE_MAX + 1, SU_BAD_AUDIENCE},
        {"key", su_thumbprint_valid, offsetof(struct su_query, key), SU_THUMBPRINT_MAX + 1, SU_BAD_KEY},
    };
    size_t len = strlen(value);
    for (size_t i = 0; i < SU_ARRAY_LEN(checked); i++) {
        if (strcasecmp(name, checked[i].name) != 0)
            continue;
        if (!checked[i].valid(value) || (checked[i].row == SU_BAD_KEY && len != 43))
            return &su_refusals[checked[i].row];
        memcpy((char *)q + checked[i].offset, value, len + 1);
    }
    return take_other(q, name, value);
}

enum { NAME_MAX_ = 48, VALUE_MAX_ = SU_TARGET_MAX + 1 };

static bool seen(char (*names)[NAME_MAX_], unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* Duplicates are found after decoding, among all names, so that no two readers of a query see different things. */
static const struct su_refusal *split_query(const char *p, struct su_query *q, const struct su_refusal **value_refused)
{
    char names[SU_PARAMETERS_MAX][NAME_MAX_], value[VALUE_MAX_];
    unsigned n = 0;
    for (const char *next; p && *p; p = next) {
        const char *end = p + strcspn(p, "&"), *eq = memchr(p, '=', (size_t)(end - p));
        const char *name_end = eq ? eq : end;
        next = *end ? end + 1 : end;
        if (end == p)
            continue;
        if (n == SU_PARAMETERS_MAX)
            return &su_refusals[SU_MANY_PARAMETERS];
        if (decode(p, name_end, names[n], sizeof names[n]) < 0 ||
            decode(eq ? eq + 1 : end, end, value, sizeof value) < 0)
            return &su_refusals[SU_BAD_ESCAPE];
        if (seen(names, n, names[n]))
            return &su_refusals[SU_TWICE];
        const struct su_refusal *why = take_value(q, names[n++], value);
        if (why && (!*value_refused || why == &su_refusals[SU_BAD_FORMAT])) /* format counts on every path */
            *value_refused = why;
    }
    return NULL;
}

/* Agents ask the wire server without the Metadata header; nothing they get there is worth a proxy's while. */
static const struct su_refusal *judge_headers(const struct su_head *h, bool wire)
{
    if (h->malformed)
        return &su_refusals[SU_BAD_HEADER];
    if (h->forwarded)
        return &su_refusals[SU_FORWARDED];
    if (!wire && (h->n_metadata != 1 || !h->metadata || strcasecmp(h->metadata, "true") != 0))
        return &su_refusals[SU_NO_METADATA];
    return NULL;
}

static const struct su_refusal *judge_route(const struct su_query *q, const struct su_refusal *value_refused)
{
    switch (q->route) {
    case SU_ROUTE_NONE:
        return &su_refusals[SU_NOT_FOUND];
    case SU_ROUTE_VERSIONS:
    case SU_ROUTE_WIRE_VERSIONS:
    case SU_ROUTE_WIRE_GOAL:
    case SU_ROUTE_WIRE_HEALTH:
        return NULL;
    default:
        break;
    }
    if (q->version < 0)
        return &su_refusals[SU_NO_VERSION];
    if (q->route == SU_ROUTE_IDENTITY)
        return &su_refusals[SU_NO_IDENTITY];
    /* only what this route reads can be wrong about it */
    bool signs = q->route == SU_ROUTE_DOCUMENT || q->route == SU_ROUTE_REPORT;
    if (value_refused && (signs || value_refused == &su_refusals[SU_BAD_FORMAT]))
        return value_refused;
    if (q->route == SU_ROUTE_REPORT && (!*q->nonce || !*q->result))
        return &su_refusals[SU_BAD_RESULT];
    if (q->route == SU_ROUTE_DOCUMENT && q->version < (int)su_api_version_of("2018-10-01"))
        return &su_refusals[SU_NOT_FOUND]; /* that is when Azure introduced it */
    return NULL;
}

static const struct su_refusal *judge_target(const char *target)
{
    if (!target || *target != '/')
        return &su_refusals[SU_NO_TARGET];
    if (strlen(target) > SU_TARGET_MAX)
        return &su_refusals[SU_LONG_TARGET];
    return target_plain(target) ? NULL : &su_refusals[SU_BAD_ESCAPE];
}

const struct su_refusal *su_query_judge(const struct su_head *h, struct su_query *out)
{
    out->route = SU_ROUTE_NONE;
    out->post = out->text = false;
    out->version = -1;
    out->nonce[0] = out->audience[0] = out->key[0] = out->result[0] = out->comp[0] = out->path[0] = '\0';
    out->n_segments = 0;
    const struct su_refusal *target = judge_target(h->target), *value_refused = NULL;
    if (target)
        return target;
    const char *mark = strchr(h->target, '?'), *end = mark ? mark : h->target + strlen(h->target);
    const struct su_refusal *path = split_path(h->target, end, out);
    const struct su_refusal *query = split_query(mark ? mark + 1 : NULL, out, &value_refused);
    if (!path)
        find_route(out);
    if (strcmp(h->method, out->post ? "POST" : "GET") != 0)
        return &su_refusals[out->post ? SU_NOT_POST : SU_NOT_GET];
    const struct su_refusal *headers = judge_headers(h, out->route >= SU_ROUTE_WIRE_VERSIONS);
    if (headers || path || query)
        return headers ? headers : path ? path : query;
    return judge_route(out, value_refused);
}
