/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c - asking the host: which endpoint, when to go on to the next, and what its answers mean. */
#include "internal.h"
#include "sock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MIN_SHARE_MS = 50, RECV_STEP = 16 << 10, REPORT_MS = 2000 };

struct surety_client {
    struct endpoint endpoint[ENDPOINTS_MAX];
    size_t n;
    bool own; /* the caller's, not the default ones */
    unsigned timeout_ms;
};

static bool take_u32(const char **p, char end, uint32_t *out)
{
    uint64_t v = 0;
    const char *s = *p;
    while (*s >= '0' && *s <= '9' && s - *p < 10)
        v = v * 10 + (uint64_t)(*s++ - '0');
    if (s == *p || *s != end || v > UINT32_MAX)
        return false;
    *p = s + (end != 0);
    *out = (uint32_t)v;
    return true;
}

static bool take_ipv4(const char **p, uint32_t *out)
{
    uint32_t a = 0, v = 0;
    for (int i = 0; i < 4; i++) {
        if (!take_u32(p, i < 3 ? '.' : ':', &v) || v > 255)
            return false;
        a = a << 8 | v;
    }
    *out = a;
    return true;
}

static bool parse_endpoint(const char *text, struct endpoint *out)
{
    struct endpoint x = {0};
    size_t n = strlen(text);
    const char *p = text;
    bool good = false;
    if (n >= sizeof x.name)
        return false;
    memcpy(x.name, text, n);
    if (strncmp(p, "vsock:", 6) == 0) {
        p += 6;
        x.kind = END_VSOCK;
        good = take_u32(&p, ':', &x.cid) && take_u32(&p, 0, &x.port) && x.port > 0;
    } else if (strncmp(p, "http:", 5) == 0) {
        p += 5;
        x.kind = END_HTTP;
        good = take_ipv4(&p, &x.cid) && take_u32(&p, 0, &x.port) && x.port > 0 && x.port < 65536;
    } else if (strncmp(p, "unix:/", 6) == 0 && n - 5 < sizeof x.path) {
        x.kind = END_UNIX;
        memcpy(x.path, p + 5, n - 5);
        good = true;
    }
    if (good)
        *out = x;
    return good;
}

int surety_client_new(struct surety_client **out, struct surety_error *e)
{
    static const char *const defaults[] = {
#ifndef _WIN32
        "vsock:2:169",
#endif
        "http:169.254.169.254:80", "http:169.254.169.253:80"};
    struct surety_client *c = calloc(1, sizeof *c);
    if (!c)
        return surety_fail(e, SURETY_NOMEM, NULL);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (parse_endpoint(defaults[i], &c->endpoint[c->n]))
            c->n++;
    c->timeout_ms = 10000;
    *out = c;
    return SURETY_OK;
}

void surety_client_free(struct surety_client **c)
{
    if (c) {
        free(*c);
        *c = NULL;
    }
}

int surety_client_add_endpoint(struct surety_client *c, const char *endpoint, struct surety_error *e)
{
    struct endpoint x;
    if (!endpoint || !parse_endpoint(endpoint, &x) || (c->own && c->n == ENDPOINTS_MAX))
        return surety_fail(e, SURETY_FETCH_ENDPOINT, "%s", endpoint ? endpoint : "NULL");
    c->n = c->own ? c->n : 0;
    c->own = true;
    c->endpoint[c->n++] = x;
    return SURETY_OK;
}

int surety_client_set_timeout(struct surety_client *c, unsigned ms, struct surety_error *e)
{
    if (ms < 100 || ms > 600000)
        return surety_fail(e, SURETY_USAGE, "a timeout of 100 to 600000 ms");
    c->timeout_ms = ms;
    return SURETY_OK;
}

/* Reads one reply.  first: until when its first byte has to come; deadline: all of it.  *came: something did. */
static int receive(intptr_t s, int64_t first, int64_t deadline, char *buf, struct http_reply *out, bool *came,
                   struct surety_error *e)
{
    size_t n = 0;
    for (;;) {
        size_t room = HTTP_MAX_REPLY - n;
        if (room == 0)
            return surety_fail(e, SURETY_FETCH_SIZE, NULL);
        int k = surety_sock_recv(s, buf + n, room < RECV_STEP ? room : RECV_STEP, n ? deadline : first);
        if (k == -ETIMEDOUT)
            return surety_fail(e, SURETY_FETCH_TIMEOUT, NULL);
        if (k < 0)
            return surety_fail_os(e, SURETY_FETCH_BROKEN, -k, "receiving");
        if (k == 0)
            return surety_fail(e, SURETY_FETCH_BROKEN, "after %zu bytes", n);
        n += (size_t)k;
        *came = true;
        switch (surety_http_parse(buf, n, out)) {
        case HTTP_DONE:
            return SURETY_OK;
        case HTTP_BAD:
            return surety_fail(e, SURETY_FETCH_HTTP, NULL);
        case HTTP_MORE:
            break;
        }
    }
}

/* One request to one endpoint.  *came stays false when nothing of an answer came: then another may be asked. */
static int talk(const struct endpoint *to, const struct text *request, int64_t first, int64_t deadline, char *buf,
                struct http_reply *out, bool *came, struct surety_error *e)
{
    intptr_t s = -1;
    int code = surety_sock_connect(to, first, &s), r;
    if (code)
        return code == ETIMEDOUT ? surety_fail(e, SURETY_FETCH_TIMEOUT, "connecting")
                                 : surety_fail_os(e, SURETY_FETCH_CONNECT, code, to->name);
    code = surety_sock_send(s, request->p, request->n, first);
    /* a server may refuse before it read everything: its answer counts, not that sending failed */
    r = receive(s, first, deadline, buf, out, came, e);
    if (r && code && !*came)
        r = surety_fail_os(e, code == ETIMEDOUT ? SURETY_FETCH_TIMEOUT : SURETY_FETCH_BROKEN, code, "sending");
    surety_sock_close(s);
    return r;
}

static int make_request(struct text *t, const char *method, const char *path, const struct surety_request *q,
                        const char *result, struct surety_error *e)
{
    const struct {
        const char *name, *value;
    } more[] = {
        {"&audience=", result ? "" : q->audience}, {"&key=", result ? "" : q->key}, {"&result=", result ? result : ""}};
    text_str(t, method);
    text_str(t, " ");
    text_str(t, path);
    text_str(t, "?api-version=");
    text_url(t, q->version);
    text_str(t, "&nonce=");
    text_url(t, q->nonce);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!*more[i].value)
            continue;
        text_str(t, more[i].name);
        text_url(t, more[i].value);
    }
    text_str(t, " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nAccept: application/json\r\n"
                "User-Agent: libsurety/" SURETY_VERSION "\r\nConnection: close\r\n");
    text_str(t, result ? "Content-Length: 0\r\n\r\n" : "\r\n");
    if (!t->failed)
        return SURETY_OK;
    text_free(t);
    return surety_fail(e, SURETY_NOMEM, NULL);
}

/* What the server wrote, fit to be shown behind its status. */
static int fail_status(const struct http_reply *h, struct surety_error *e)
{
    enum surety_reason r = h->status == 410 || h->status == 429 || h->status == 503 ? SURETY_FETCH_BUSY
                           : h->status >= 400 && h->status < 500                    ? SURETY_FETCH_REFUSED
                                                                                    : SURETY_FETCH_FAILED;
    int n = (int)(h->body_n < 160 ? h->body_n : 160);
    surety_fail(e, r, "HTTP %d %.*s", h->status, n, h->body);
    if (e) {
        e->http_status = h->status;
        e->retry_after = h->retry_after;
    }
    return (int)r;
}

/* Tries the endpoints in turn, each with its share of the time that is left. */
static int ask(const struct surety_client *c, const char *only, const struct text *request, char *buf,
               struct http_reply *out, const struct endpoint **by, struct surety_error *e)
{
    int64_t deadline = surety_ticks() + c->timeout_ms;
    int r = surety_fail(e, SURETY_FETCH_CONNECT, "no endpoint");
    for (size_t i = 0; i < c->n; i++) {
        struct surety_error now = {0};
        bool came = false;
        if (only && strcmp(only, c->endpoint[i].name) != 0)
            continue;
        int64_t left = deadline - surety_ticks(), share = only ? left : left / (int64_t)(c->n - i);
        if (left <= 0)
            return r;
        int one = talk(&c->endpoint[i], request, surety_ticks() + (share < MIN_SHARE_MS ? MIN_SHARE_MS : share),
                       deadline, buf, out, &came, &now);
        /* the first one that could be reached at all has the most to tell */
        if (!one || came || r == SURETY_FETCH_CONNECT) {
            r = one;
            if (e && one)
                *e = now;
        }
        *by = &c->endpoint[i];
        if (!one || came)
            return r;
    }
    return r;
}

static int call(const struct surety_client *c, const char *only, struct text *request, int wanted,
                struct surety_answer **out, struct surety_error *e)
{
    struct http_reply h = {0};
    const struct endpoint *by = NULL;
    char *buf = malloc(HTTP_MAX_REPLY);
    int r = buf ? ask(c, only, request, buf, &h, &by, e) : surety_fail(e, SURETY_NOMEM, NULL);
    if (!r && h.status != wanted)
        r = fail_status(&h, e);
    if (!r && out) {
        struct surety_answer *a = NULL;
        r = surety_answer_parse(h.body, h.body_n, &a, e);
        if (!r) {
            memcpy(a->endpoint, by->name, sizeof a->endpoint);
            *out = a;
        }
    }
    free(buf);
    text_free(request);
    return r;
}

int surety_fetch(const struct surety_client *c, const struct surety_request *q, struct surety_answer **out,
                 struct surety_error *e)
{
    struct text t = {0};
    if (!c || !q || !out)
        return surety_fail(e, SURETY_USAGE, "NULL");
    int r = make_request(&t, "GET", "/metadata/attested/document", q, NULL, e);
    return r ? r : call(c, NULL, &t, 200, out, e);
}

int surety_report(const struct surety_client *c, const struct surety_request *q, const struct surety_answer *a,
                  enum surety_reason result, struct surety_error *e)
{
    struct text t = {0};
    if (!c || !q || !a || !a->endpoint[0])
        return surety_fail(e, SURETY_USAGE, "an answer that was fetched");
    struct surety_client quick = *c;
    quick.timeout_ms = c->timeout_ms < REPORT_MS ? c->timeout_ms : REPORT_MS;
    int r = make_request(&t, "POST", "/metadata/surety/verification", q, surety_reason_name(result), e);
    return r ? r : call(&quick, a->endpoint, &t, 204, NULL, e);
}
