/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety audit": what VMs asked for, and what was done through the management API. */
#include "api.h"
#include "cli.h"
#include <string.h>

enum { SHORT_S = 10, PAGE = 1000, DEFAULT = 100, MOST = 400000, HASH = 12 };

static int take_max(const struct su_args *a, unsigned *max, struct su_err *e)
{
    const char *given = su_args_get(a, "--max");
    size_t n = given ? strlen(given) : 0;
    unsigned long v = n && n < 7 && strspn(given, "0123456789") == n ? strtoul(given, NULL, 10) : 0;
    *max = given ? (unsigned)v : DEFAULT;
    if (*max < 1 || *max > MOST)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--max is between 1 and %d", MOST);
    return 0;
}

/* Page by page, the newest first. */
static int gather(const struct su_args *a, const char *kind, unsigned max, json_t *rows, struct su_err *e)
{
    const char *vm = su_args_get(a, "--vm");
    unsigned long long before = 0;
    while (json_array_size(rows) < max) {
        json_t *o SU_JSON = NULL;
        char path[160];
        size_t left = max - json_array_size(rows);
        snprintf(path, sizeof path, "/v1/audit?max=%zu&before=%llu%s%s%s", left < PAGE ? left : PAGE, before,
                 kind ? "&kind=" : "", kind ? kind : "", vm ? "&vm=%s" : "");
        if (su_api_call(a, "GET", path, vm, NULL, SHORT_S, &o, e) < 0)
            return -1;
        const json_t *page = su_api_member(o, "audit");
        size_t n = json_array_size(page);
        if (json_array_extend(rows, (json_t *)page) < 0)
            return n ? su_fail_nomem(e, 0) : 0;
        json_int_t last = n ? json_integer_value(su_api_member(json_array_get(page, n - 1), "number")) : 0;
        if (last <= 0 || (before && (unsigned long long)last >= before))
            return 0;
        before = (unsigned long long)last;
    }
    return 0;
}

static bool managed(const json_t *row)
{
    return strcmp(su_api_text(row, "kind"), "management") == 0;
}

static const char *first_of(const json_t *row, const char *one, const char *other)
{
    const char *s = su_api_text(row, one);
    return s[0] ? s : su_api_text(row, other);
}

/* A VM is known by its name; one that is gone, by its UUID.  Of users, too, some have but a number. */
static void who(const json_t *row, char *out, size_t cap)
{
    const char *s = managed(row) ? su_api_text(row, "user") : first_of(row, "name", "vm");
    if (managed(row) && !s[0])
        snprintf(out, cap, "uid %lld", (long long)json_integer_value(su_api_member(row, "uid")));
    else
        snprintf(out, cap, "%s", s);
}

static void result(const json_t *row, char *out, size_t cap)
{
    const char *s = su_api_text(row, "result");
    if (s[0])
        snprintf(out, cap, "%s", s);
    else
        snprintf(out, cap, "%lld", (long long)json_integer_value(su_api_member(row, "status")));
}

enum { WHO = 2, VIA, NONCE, WHAT, RESULT = 7 };

static void cell(const json_t *row, size_t column, char *out, size_t cap)
{
    out[0] = 0;
    if (column == WHO)
        who(row, out, cap);
    else if (column == VIA)
        snprintf(out, cap, "%s", managed(row) ? "api" : su_api_text(row, "transport"));
    else if (column == NONCE)
        snprintf(out, cap, "%.*s", HASH, su_api_text(row, "nonceHash"));
    else if (column == WHAT && managed(row))
        snprintf(out, cap, "%s %s", su_api_text(row, "action"), first_of(row, "name", "on"));
    else if (column == WHAT)
        snprintf(out, cap, "%s", su_api_text(row, "path"));
    else if (column == RESULT)
        result(row, out, cap);
}

static int verb_audit(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"TIME", "time"},
                                                   {"KIND", "kind"},
                                                   {"WHO", NULL},
                                                   {"VIA", NULL},
                                                   {"NONCE", NULL},
                                                   {"WHAT", NULL},
                                                   {"NONCE-HASH", "nonceHash", SU_API_TEXT, true},
                                                   {"RESULT", NULL},
                                                   {"DETAIL", "detail", SU_API_TEXT, true}};
    static const char *const kinds[] = {"document", "verified", "request", "management"};
    const char *kind = su_args_get(a, "--kind");
    json_t *rows SU_JSON = json_array();
    unsigned max;
    bool known = !kind;
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds) && kind; i++)
        known |= strcmp(kind, kinds[i]) == 0;
    if (!known)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--kind does not know %.40s", kind);
    if (take_max(a, &max, e) < 0 || gather(a, kind, max, rows, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(json_pack("{s:O}", "audit", rows), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_list(a, rows, columns, SU_ARRAY_LEN(columns), cell);
    return SU_EXIT_OK;
}

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_wide, "--wide", NULL, "more columns, nothing cut", NULL);
OPT(o_vm, "--vm", "NAME", "of this VM alone, by name or UUID", "");
OPT(o_kind, "--kind", "KIND", "document, verified, request or management", "document verified request management");
OPT(o_max, "--max", "N", "at most so many, the newest (default 100)", "");
static const struct su_option *const options[] = {&o_vm, &o_kind, &o_max, &o_wide, &o_socket, &o_json, NULL};

static const struct su_verb verbs[] = {
    {NULL, "audit", "", "what VMs asked for and what was done through the API, the newest first", 0, 0, options,
     verb_audit},
};
const struct su_noun su_audit_noun = {verbs, SU_ARRAY_LEN(verbs)};
