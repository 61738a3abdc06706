/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety document show|verify FILE": what a document claims, and whether it is true, with libsurety's own code. */
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <surety/surety.h>
#include <time.h>

#define TRUST_FILE "/etc/surety/trust.pem"

static void free_answer(struct surety_answer **a)
{
    surety_answer_free(a);
}
static void free_claims(struct surety_claims **c)
{
    surety_claims_free(c);
}
static void free_verifier(struct surety_verifier **v)
{
    surety_verifier_free(v);
}
static void free_document(struct surety_document **d)
{
    surety_document_free(d);
}
static void free_request(struct surety_request **q)
{
    surety_request_free(q);
}

/* libsurety's reason as an error of this program: "document.refused" would hide the name that matters. */
static int fail_from(const struct surety_error *from, struct su_err *e)
{
    enum su_kind kind = from->reason == SURETY_USAGE ? SU_E_USAGE : SU_E_REFUSED;
    su_fail(e, kind, surety_reason_name(from->reason), "%s", from->detail);
    return su_remedy(e, surety_reason_remedy(from->reason));
}

static int read_all(const char *path, struct su_buf *out, struct su_err *e)
{
    bool stdin_too = strcmp(path, "-") == 0;
    SU_CLOSE int fd = stdin_too ? dup(0) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return su_fail_os(e, "document.file", "cannot open %s", path);
    for (;;) {
        uint8_t *room = su_buf_room(out, 4096);
        if (!room)
            return su_buf_ok(out, e);
        ssize_t n = read(fd, room, 4096);
        out->n -= 4096 - (n > 0 ? (size_t)n : 0);
        if (n < 0 && errno != EINTR)
            return su_fail_os(e, "document.file", "cannot read %s", path);
        if (n == 0)
            return 0;
        if (out->n > SURETY_ANSWER_MAX)
            return su_fail(e, SU_E_RANGE, "document.file", "%s is longer than any document", path);
    }
}

static int open_answer(const struct su_args *a, struct surety_answer **out, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    struct surety_error se;
    if (read_all(a->operand[0], &text, e) < 0)
        return -1;
    return surety_answer_parse(text.p, text.n, out, &se) == 0 ? 0 : fail_from(&se, e);
}

/* Printing ------------------------------------------------------------------ */

/* A table or JSON of fields; get(from, field) may be NULL. */
static const char *of_claims(const void *from, enum surety_field f)
{
    return surety_claims_get(from, f);
}

static const char *of_document(const void *from, enum surety_field f)
{
    return surety_document_get(from, f);
}

static bool is_time(enum surety_field f)
{
    return f == SURETY_F_CREATED_ON || f == SURETY_F_EXPIRES_ON || f == SURETY_F_SIGNER_EXPIRES;
}

static void print_field(enum surety_field f, const char *value)
{
    char when[40] = "";
    time_t t = is_time(f) ? (time_t)strtoll(value, NULL, 10) : 0;
    struct tm tm;
    if (is_time(f) && gmtime_r(&t, &tm))
        strftime(when, sizeof when, "  (%Y-%m-%d %H:%M:%S UTC)", &tm);
    printf("  %-38s ", surety_field_name(f));
    su_print_safe(value, stdout);
    printf("%s\n", when);
}

static void print_fields(const char *(*get)(const void *, enum surety_field), const void *from)
{
    for (enum surety_field f = 0; f < SURETY_FIELD_COUNT; f++) {
        const char *value = get(from, f);
        if (value && *value)
            print_field(f, value);
    }
}

/* As "surety-guest verify --json" has them. */
static json_t *json_value(enum surety_field f, const char *value)
{
    if (is_time(f))
        return json_integer(strtoll(value, NULL, 10));
    if (f == SURETY_F_SECURE_BOOT || f == SURETY_F_VTPM)
        return json_boolean(strcmp(value, "true") == 0);
    return su_json_text(value);
}

static json_t *json_fields(const char *(*get)(const void *, enum surety_field), const void *from)
{
    json_t *o = json_object();
    for (enum surety_field f = 0; f < SURETY_FIELD_COUNT; f++) {
        const char *value = get(from, f);
        if (value)
            json_object_set_new(o, surety_field_name(f), json_value(f, value));
    }
    return o;
}

int su_document_show(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(free_answer) struct surety_answer *answer = NULL;
    SU_AUTO(free_claims) struct surety_claims *claims = NULL;
    struct surety_error se;
    if (open_answer(a, &answer, e) < 0)
        return -1;
    if (surety_peek_unverified(answer, &claims, &se) != 0)
        return fail_from(&se, e);
    if (su_args_get(a, "--json")) {
        json_t *o = json_pack("{s:b,s:o}", "verified", 0, "claims", json_fields(of_claims, claims));
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    printf("Claims of a document that was not verified:\n");
    print_fields(of_claims, claims);
    return SU_EXIT_OK;
}

/* Verifying ----------------------------------------------------------------- */

/* Seconds since 1970, or 2026-07-28T13:24:00Z. */
static int parse_time(const char *text, int64_t *out, struct su_err *e)
{
    struct tm tm = {0};
    char *end;
    long long v = strtoll(text, &end, 10);
    if (end != text && !*end && v > 0) {
        *out = v;
        return 0;
    }
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!rest || *rest)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--at is like 2026-07-28T13:24:00Z, or seconds since 1970");
    *out = timegm(&tm);
    return 0;
}

static int parse_seconds(const struct su_args *a, const char *option, unsigned *out, struct su_err *e)
{
    const char *text = su_args_get(a, option);
    char *end;
    unsigned long v = text ? strtoul(text, &end, 10) : 0;
    if (text && (end == text || *end || text[0] == '-' || v > 10UL * 365 * 86400))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "%s is a number of seconds", option);
    *out = (unsigned)v;
    return 0;
}

typedef int (*set_text)(struct surety_verifier *, const char *, struct surety_error *);

/* Options that hand a text to the verifier, each as often as it is given. */
static int set_texts(const struct su_args *a, struct surety_verifier *v, struct su_err *e)
{
    static const struct {
        const char *option;
        set_text set;
    } rows[] = {
        {"--intermediates", surety_verifier_add_intermediates_file},
        {"--crl", surety_verifier_add_crl_file},
        {"--domain", surety_verifier_add_domain},
        {"--vm-id", surety_verifier_set_vm_id},
        {"--cluster", surety_verifier_set_cluster},
        {"--subscription", surety_verifier_add_subscription},
    };
    struct surety_error se;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        const char *value;
        for (size_t n = 0; (value = su_args_nth(a, rows[i].option, n)); n++)
            if (rows[i].set(v, value, &se) != 0)
                return fail_from(&se, e);
    }
    const char *trust = su_args_get(a, "--trust");
    return surety_verifier_add_roots_file(v, trust ? trust : TRUST_FILE, &se) == 0 ? 0 : fail_from(&se, e);
}

static int set_flags(const struct su_args *a, struct surety_verifier *v, struct su_err *e)
{
    static const struct {
        const char *option;
        unsigned flag;
    } rows[] = {
        {"--server-certificates", SURETY_ALLOW_SERVER_AUTH},
        {"--extra-certificates", SURETY_ALLOW_EXTRA_CERTS},
        {"--any-audience", SURETY_ALLOW_ANY_AUDIENCE},
    };
    struct surety_error se;
    unsigned flags = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        flags |= su_args_get(a, rows[i].option) ? rows[i].flag : 0;
    return surety_verifier_set_flags(v, flags, &se) == 0 ? 0 : fail_from(&se, e);
}

static int set_times(const struct su_args *a, struct surety_verifier *v, struct su_err *e)
{
    struct surety_error se;
    unsigned skew = 0, age = 0;
    int64_t at = 0;
    const char *when = su_args_get(a, "--at");
    if (parse_seconds(a, "--skew", &skew, e) < 0 || parse_seconds(a, "--max-age", &age, e) < 0 ||
        (when && parse_time(when, &at, e) < 0))
        return -1;
    surety_verifier_set_time(v, at);
    if (su_args_get(a, "--max-age"))
        surety_verifier_set_max_age(v, age);
    if (su_args_get(a, "--skew") && surety_verifier_set_skew(v, skew, &se) != 0)
        return fail_from(&se, e);
    return 0;
}

static int set_security(const struct su_args *a, struct surety_verifier *v, struct su_err *e)
{
    struct surety_error se;
    const char *type = su_args_get(a, "--security-type");
    bool secure_boot = su_args_get(a, "--secure-boot"), vtpm = su_args_get(a, "--vtpm");
    if (!secure_boot && !vtpm && !type)
        return 0;
    return surety_verifier_require_security(v, secure_boot, vtpm, type, &se) == 0 ? 0 : fail_from(&se, e);
}

/* The question that the document answers, when the caller knows it. */
static int make_request(const struct su_args *a, struct surety_request **out, struct su_err *e)
{
    const char *nonce = su_args_get(a, "--nonce"), *audience = su_args_get(a, "--audience");
    const char *key = su_args_get(a, "--key");
    struct surety_error se;
    if (!nonce && (audience || key))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--audience and --key need the --nonce of the same question");
    if (!nonce)
        return 0;
    if (surety_request_new(out, &se) != 0 || surety_request_expect_nonce(*out, nonce, &se) != 0 ||
        (audience && surety_request_set_audience(*out, audience, &se) != 0) ||
        (key && surety_request_set_key(*out, key, &se) != 0))
        return fail_from(&se, e);
    return 0;
}

static const struct {
    unsigned bit;
    const char *name;
} checked_rows[] = {
    {SURETY_CHECKED_NONCE, "nonce"},       {SURETY_CHECKED_AGE, "age"}, {SURETY_CHECKED_DOMAIN, "domain"},
    {SURETY_CHECKED_CRL, "revocation"},    {SURETY_CHECKED_VM, "vm"},   {SURETY_CHECKED_CLUSTER, "cluster"},
    {SURETY_CHECKED_AUDIENCE, "audience"}, {SURETY_CHECKED_KEY, "key"}, {SURETY_CHECKED_SUBSCRIPTION, "subscription"},
    {SURETY_CHECKED_SECURITY, "security"},
};

static int print_verified(const struct su_args *a, const struct surety_document *d, struct su_err *e)
{
    unsigned checked = surety_document_checked(d);
    if (su_args_get(a, "--json")) {
        json_t *list = json_array();
        for (size_t i = 0; i < SU_ARRAY_LEN(checked_rows); i++)
            if (checked & checked_rows[i].bit)
                json_array_append_new(list, json_string(checked_rows[i].name));
        json_t *o = json_pack("{s:b,s:o,s:o}", "verified", 1, "checked", list, "document", json_fields(of_document, d));
        return su_json_print(o, stdout, e) < 0 ? -1 : SU_EXIT_OK;
    }
    printf("Verified: signature, chain to a trusted root, times");
    for (size_t i = 0; i < SU_ARRAY_LEN(checked_rows); i++)
        if (checked & checked_rows[i].bit)
            printf(", %s", checked_rows[i].name);
    printf("\n");
    print_fields(of_document, d);
    if (!(checked & SURETY_CHECKED_NONCE))
        printf("Not known: whether it is fresh. Only the nonce of one's own question tells (--nonce).\n");
    if (!(checked & SURETY_CHECKED_VM))
        printf("Not known: whether it is about this machine (--vm-id).\n");
    return SU_EXIT_OK;
}

int su_document_verify(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(free_answer) struct surety_answer *answer = NULL;
    SU_AUTO(free_verifier) struct surety_verifier *v = NULL;
    SU_AUTO(free_request) struct surety_request *q = NULL;
    SU_AUTO(free_document) struct surety_document *d = NULL;
    struct surety_error se;
    if (surety_verifier_new(&v, &se) != 0)
        return fail_from(&se, e);
    if (make_request(a, &q, e) < 0 || set_texts(a, v, e) < 0 || set_flags(a, v, e) < 0 || set_times(a, v, e) < 0 ||
        set_security(a, v, e) < 0 || open_answer(a, &answer, e) < 0)
        return -1;
    if (surety_verify(v, q, answer, &d, &se) != 0)
        return fail_from(&se, e);
    return print_verified(a, d, e);
}
