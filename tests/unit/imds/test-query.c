/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules, one row each; tests/verify/imds asks most of them again over a socket. */
#include "imds/query.h"
#include "tests/lib/tap.h"

#define DOC "/metadata/attested/document?api-version=2025-04-07"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *method, *target, *id; /* id NULL: no refusal */
    enum su_route route;
} rows[] = {
    {"GET", DOC, NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=" A32, NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=" A32 "a", "query.nonce", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce", "query.nonce", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=%61", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=a+b", "query.nonce", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=%c3%a9", "query.nonce", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&nonce=a&%4eonce=a", "query.twice", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&&&", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&=1", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&=1&=2", "query.twice", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&audience=a+b=c,d@e", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&audience=a%20b", "query.audience", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&key=" A32 "aaaaaaaaaa-", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&key=" A32 "aaaaaaaaaa=", "query.key", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&key=" A32, "query.key", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&format=text", NULL, SU_ROUTE_DOCUMENT},
    {"GET", DOC "&format=x&nonce=%20", "query.format", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&a=%", "query.escape", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&a=%0", "query.escape", SU_ROUTE_DOCUMENT},
    {"GET", DOC "&a=%00", "query.escape", SU_ROUTE_DOCUMENT},
    {"GET", DOC "#x", "query.escape", SU_ROUTE_NONE},
    {"GET", DOC "&a=\"", "query.escape", SU_ROUTE_NONE},
    {"GET", DOC "&a=\x7f", "query.escape", SU_ROUTE_NONE},
    {"GET", DOC "&" A32 A32 "=1", "query.escape", SU_ROUTE_DOCUMENT},
    {"GET", "/metadata/attested/document/", "query.api-version", SU_ROUTE_DOCUMENT},
    {"GET", "/metadata/attested/document//", "path.missing", SU_ROUTE_NONE},
    {"GET", "/metadata/attested/document?api-version=2018-02-01", "path.missing", SU_ROUTE_DOCUMENT},
    {"GET", "/metadata/attested/document?api-version=2018-10-01", NULL, SU_ROUTE_DOCUMENT},
    {"GET", "/metadata/attested/Document?api-version=2025-04-07", "path.missing", SU_ROUTE_NONE},
    {"GET", "/metadata/versions", NULL, SU_ROUTE_VERSIONS},
    {"GET", "/metadata/versions?nonce=%20", NULL, SU_ROUTE_VERSIONS},
    {"GET", "/metadata/versions/x", "path.missing", SU_ROUTE_NONE},
    {"GET", "/metadata/instance?nonce=%20&API-Version=2017-03-01", NULL, SU_ROUTE_INSTANCE},
    {"GET", "/metadata/instance/a/b/c/d/e/f/g/h/i/j?api-version=2025-04-07", NULL, SU_ROUTE_INSTANCE},
    {"GET", "/metadata/instance/a/b/c/d/e/f/g/h/i/j/k?api-version=2025-04-07", "path.missing", SU_ROUTE_NONE},
    {"GET", "/metadata/identity/oauth2/token?api-version=2018-02-01", "identity.none", SU_ROUTE_IDENTITY},
    {"POST", "/metadata/surety/verification?api-version=2025-04-07&nonce=a&result=ok", NULL, SU_ROUTE_REPORT},
    {"POST", "/metadata/surety/verification?api-version=2025-04-07&nonce=a", "query.result", SU_ROUTE_REPORT},
    {"POST", "/metadata/surety/verification?api-version=2025-04-07&result=ok", "query.result", SU_ROUTE_REPORT},
    {"POST", "/metadata/surety/verification?api-version=2025-04-07&nonce=a&result=A", "query.result", SU_ROUTE_REPORT},
    {"POST", "/metadata/surety/verification?nonce=a&result=ok", "query.api-version", SU_ROUTE_REPORT},
    {"GET", "/metadata/surety/verification", "request.method", SU_ROUTE_REPORT},
    {"POST", DOC, "request.method", SU_ROUTE_DOCUMENT},
    {"get", DOC, "request.method", SU_ROUTE_DOCUMENT},
    {"HEAD", "/nowhere", "request.method", SU_ROUTE_NONE},
    {"GET", "/", "path.missing", SU_ROUTE_NONE},
    {"GET", "/?comp=versions", NULL, SU_ROUTE_WIRE_VERSIONS},
    {"GET", "/machine/?comp=GoalState", NULL, SU_ROUTE_WIRE_GOAL},
    {"POST", "/machine?comp=health", NULL, SU_ROUTE_WIRE_HEALTH},
    {"GET", "/machine?comp=other", "path.missing", SU_ROUTE_NONE},
    {"GET", "*", "request.target", SU_ROUTE_NONE},
    {"GET", "", "request.target", SU_ROUTE_NONE},
    {"GET", NULL, "request.target", SU_ROUTE_NONE},
};

static void targets(void)
{
    static struct su_query q;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_head h = {rows[i].method, rows[i].target, 1, "true", false};
        const struct su_refusal *why = su_query_judge(&h, &q);
        const char *got = why ? why->id : "none", *want = rows[i].id ? rows[i].id : "none";
        ok(strcmp(got, want) == 0 && q.route == rows[i].route, "%s %.100s: %s", rows[i].method,
           rows[i].target ? rows[i].target : "(no target)", got);
    }
}

static const char *headers_of(const char *target, unsigned n, const char *value, bool forwarded)
{
    static struct su_query q;
    struct su_head h = {"GET", target, n, value, forwarded, false};
    const struct su_refusal *why = su_query_judge(&h, &q);
    return why ? why->id : "none";
}

static void headers(void)
{
    is_str(headers_of(DOC, 1, "true", false), "none");
    is_str(headers_of(DOC, 1, "TRUE", false), "none");
    is_str(headers_of(DOC, 0, NULL, false), "request.metadata");
    is_str(headers_of(DOC, 1, NULL, false), "request.metadata");
    is_str(headers_of(DOC, 1, "", false), "request.metadata");
    is_str(headers_of(DOC, 1, "true ", false), "request.metadata");
    is_str(headers_of(DOC, 2, "true", false), "request.metadata");
    is_str(headers_of(DOC, 1, "true", true), "request.forwarded");
    struct su_query odd;
    const struct su_refusal *why = su_query_judge(&(struct su_head){"GET", DOC, 1, "true", .malformed = true}, &odd);
    is_str(why ? why->id : "ok", "request.header");
    is_str(headers_of("/nowhere", 0, NULL, false), "request.metadata");
    is_str(headers_of("/machine?comp=goalstate", 0, NULL, false), "none");
    is_str(headers_of("/machine?comp=goalstate", 0, NULL, true), "request.forwarded");
}

static void values(void)
{
    static struct su_query q;
    static char target[SU_TARGET_MAX + 2];
    struct su_head h = {"GET", DOC "&nonce=%41-_&audience=x&key=" A32 "aaaaaaaaaaa", 1, "true", false};
    ok(!su_query_judge(&h, &q) && q.version == 34 && !q.text);
    is_str(q.nonce, "A-_");
    is_str(q.audience, "x");
    is_str(q.key, A32 "aaaaaaaaaaa");
    h.target = "/metadata/instance/%61b/%2f?api-version=2025-04-07&format=TEXT";
    ok(!su_query_judge(&h, &q) && q.n_segments == 4 && q.text);
    is_str(su_query_segment(&q, 2), "ab");
    is_str(su_query_segment(&q, 3), "/");
    memset(target, 'a', sizeof target - 1);
    target[0] = '/';
    h.target = target;
    is_str(su_query_judge(&h, &q)->id, "request.long");
    target[SU_TARGET_MAX] = '\0';
    is_str(su_query_judge(&h, &q)->id, "path.missing");
}

/* Every text goes into JSON as it is. */
static void texts(void)
{
    unsigned bad = 0;
    for (int i = 0; i < SU_REFUSALS; i++) {
        const struct su_refusal *r = &su_refusals[i];
        bad += !r->status || !r->id || !r->error || strlen(r->id) > 63 || strpbrk(r->error, "\"\\\n") != NULL;
    }
    ok(bad == 0, "each refusal has a status, a name and a text");
}

int main(void)
{
    targets();
    headers();
    values();
    texts();
    return tap_done();
}
