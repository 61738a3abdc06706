/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c - the commands of surety-guest.  Only here, and in the log of watch, is anything printed. */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OPT(var, ...) static const struct su_option var = {__VA_ARGS__}
OPT(o_config, "--config", "FILE", "configuration (default " SU_GUEST_CONF ")", NULL);
OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_nonce, "--nonce", "NONCE", "22 to 32 of [A-Za-z0-9_-], instead of a random one", "");
OPT(o_audience, "--audience", "NAME", "who the document is for", "");
OPT(o_key, "--key", "THUMBPRINT", "the key that the document is bound to", "");
OPT(o_version, "--api-version", "VERSION", "of the metadata service (default 2025-04-07)", "2025-04-07");
OPT(o_at, "--at", "SECONDS", "verify FILE for that time since 1970, instead of now", "");
#ifndef _WIN32
OPT(o_all, "--all", NULL, "every benefit that is enabled", NULL);
#endif

static const struct su_option *const document_options[] = {&o_config, &o_nonce, &o_audience, &o_key, &o_version, NULL};
static const struct su_option *const verify_options[] = {&o_config, &o_json,    &o_nonce, &o_audience,
                                                         &o_key,    &o_version, &o_at,    NULL};
#ifndef _WIN32
static const struct su_option *const activate_options[] = {&o_config, &o_json, &o_all, NULL};
static const struct su_option *const watch_options[] = {&o_config, NULL};
static const struct su_option *const benefits_options[] = {&o_config, &o_json, NULL};
static int verb_activate(const struct su_args *a, struct su_err *e);
static int verb_watch(const struct su_args *a, struct su_err *e);
static int verb_benefits(const struct su_args *a, struct su_err *e);
#endif
static int verb_document(const struct su_args *a, struct su_err *e);
static int verb_verify(const struct su_args *a, struct su_err *e);
static int verb_completion(const struct su_args *a, struct su_err *e);
static int verb_version(const struct su_args *a, struct su_err *e);

static const struct su_verb verbs[] = {
    {NULL, "document", "", "print the host's document as it comes, not verified", 0, 0, document_options,
     verb_document},
    {NULL, "verify", "[FILE]", "get a new document, or read FILE, and verify it", 0, 1, verify_options, verb_verify},
#ifndef _WIN32
    {NULL, "activate", "[NAME...]", "verify, and turn benefits on", 0, SU_ARGS_MAX_OPERANDS, activate_options,
     verb_activate},
    {NULL, "watch", "", "turn every benefit on, and keep it on while that is right", 0, 0, watch_options, verb_watch},
    {NULL, "benefits", "", "list benefits, and which are on", 0, 0, benefits_options, verb_benefits},
#endif
    {NULL, "completion", "", "print a completion script for bash", 0, 0, NULL, verb_completion},
    {NULL, "version", "", "print the version", 0, 0, NULL, verb_version},
};

/* Text of others on a terminal: what is not plain ASCII becomes '?'. */
static void print_safe(const char *s, FILE *out)
{
    for (; *s; s++)
        fputc((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7F ? '?' : *s, out);
}

static int load_conf(const struct su_args *a, struct su_guest_conf *c, struct su_err *e)
{
    const char *path = su_args_get(a, "--config");
    return su_guest_conf_load(path ? path : SU_GUEST_CONF, path == NULL, c, e);
}

static void ask_of(const struct su_args *a, struct su_guest_ask *ask)
{
    ask->nonce = su_args_get(a, "--nonce");
    ask->audience = su_args_get(a, "--audience");
    ask->key = su_args_get(a, "--key");
    ask->api_version = su_args_get(a, "--api-version");
    ask->busy_tries = 2;
}

static int verb_document(const struct su_args *a, struct su_err *e)
{
    struct su_guest_conf c;
    struct su_guest_ask ask = {0};
    SU_PROOF struct su_proof p = {NULL, NULL};
    ask_of(a, &ask);
    if (load_conf(a, &c, e) < 0 || su_guest_fetch(&c, &ask, &p, e) < 0)
        return -1;
    printf("%s\n", surety_answer_json(p.answer));
    return SU_GUEST_OK;
}

static int read_file(const char *path, struct su_buf *out, struct su_err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!f)
        return su_fail_os(e, "file", "%s", path);
    while (out->n <= SURETY_ANSWER_MAX) {
        uint8_t *p = su_buf_room(out, 4096);
        size_t k = p ? fread(p, 1, 4096, f) : 0;
        if (p)
            out->n -= 4096 - k;
        if (k == 0)
            break;
    }
    int bad = ferror(f);
    if (f != stdin)
        fclose(f);
    errno = EIO;
    return bad ? su_fail_os(e, "file", "%s", path) : su_buf_ok(out, e);
}

static int take_time(const char *text, int64_t *out, struct su_err *e)
{
    char *end = NULL;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v <= 0 || v > INT64_C(253402300799))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--at wants seconds since 1970");
    *out = v;
    return 0;
}

static int print_proof(const struct su_proof *p, bool json, struct su_err *e)
{
    SU_BUF struct su_buf b = {0};
    unsigned checked = surety_document_checked(p->document);
    if (json) {
        su_buf_text(&b, "{\"verified\":true,\"checked\":");
        su_json_checked(&b, checked);
        su_buf_text(&b, ",\"endpoint\":");
        su_json_string(&b, surety_answer_endpoint(p->answer));
        su_buf_text(&b, ",\"facts\":");
        su_json_facts_of(&b, p->document);
        su_buf_text(&b, "}");
        if (su_buf_ok(&b, e) < 0)
            return -1;
        printf("%s\n", su_buf_str(&b));
        return SU_GUEST_OK;
    }
    su_json_checked(&b, checked);
    if (su_buf_ok(&b, e) < 0)
        return -1;
    printf("verified%s\n", checked & SURETY_CHECKED_NONCE ? "" : " (of unknown freshness)");
    for (int f = 0; f < SURETY_FIELD_COUNT; f++) {
        const char *v = surety_document_get(p->document, (enum surety_field)f);
        if (!v || !*v)
            continue;
        printf("  %-36s ", surety_field_name((enum surety_field)f));
        print_safe(v, stdout);
        printf("\n");
    }
    printf("  %-36s %s\n", "checked", su_buf_str(&b));
    return SU_GUEST_OK;
}

static int verb_verify(const struct su_args *a, struct su_err *e)
{
    struct su_guest_conf c;
    struct su_guest_ask ask = {0};
    SU_PROOF struct su_proof p = {NULL, NULL};
    SU_BUF struct su_buf file = {0};
    const char *at = su_args_get(a, "--at");
    ask_of(a, &ask);
    if (at && (a->n_operands == 0 || take_time(at, &ask.at, e) < 0))
        return a->n_operands ? -1 : su_fail(e, SU_E_USAGE, "cli.option.value", "--at goes with a FILE");
    if (a->n_operands && (ask.audience || ask.key) && !ask.nonce)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--audience and --key of a FILE go with its --nonce");
    if (load_conf(a, &c, e) < 0)
        return -1;
    if (a->n_operands == 0) {
        if (su_guest_prove(&c, &ask, &p, e) < 0)
            return -1;
    } else {
        ask.any_audience = !ask.nonce;
        if (read_file(a->operand[0], &file, e) < 0 || su_guest_judge(&c, &ask, su_buf_bytes(&file), &p, e) < 0)
            return -1;
    }
    return print_proof(&p, su_args_get(a, "--json") != NULL, e);
}

static void add_error(struct su_buf *b, const struct su_err *e)
{
    su_buf_text(b, "{\"id\":");
    su_json_string(b, e->id);
    su_buf_text(b, ",\"message\":");
    char safe[sizeof e->msg];
    for (size_t i = 0; i < sizeof safe; i++)
        safe[i] = (char)((unsigned char)e->msg[i] >= 0x7F ? '?' : e->msg[i]);
    su_json_string(b, safe);
    su_buf_text(b, ",\"remedy\":");
    su_json_string(b, e->remedy);
    su_buf_text(b, "}");
}

/* One line of text at stderr; with JSON, the object at stdout as well. */
static int report(const struct su_err *e, bool json)
{
    SU_BUF struct su_buf b = {0};
    struct su_err ignored;
    if (json) {
        su_buf_text(&b, "{\"verified\":false,\"error\":");
        add_error(&b, e);
        su_buf_text(&b, "}");
        if (su_buf_ok(&b, &ignored) == 0)
            printf("%s\n", su_buf_str(&b));
    }
    fprintf(stderr, "surety-guest: ");
    print_safe(e->msg, stderr);
    fprintf(stderr, " [%s]\n", e->id);
    if (e->remedy)
        fprintf(stderr, "surety-guest: remedy: %s\n", e->remedy);
    return e->kind == SU_E_USAGE ? SU_GUEST_USAGE : SU_GUEST_REFUSED;
}

#ifndef _WIN32
static void row_start(struct su_buf *b, const struct su_benefit *x, const char *state)
{
    su_buf_text(b, b->n > 1 ? ",{\"id\":" : "{\"id\":");
    su_json_string(b, x->id);
    su_buf_text(b, ",\"title\":");
    su_json_string(b, x->title);
    su_buf_printf(b, ",\"state\":\"%s\"", state);
}

static void row(struct su_buf *json, bool as_json, const struct su_benefit *x, const char *state, int64_t expires,
                const struct su_err *why)
{
    if (as_json) {
        row_start(json, x, state);
        if (expires)
            su_buf_printf(json, ",\"expiresOn\":%lld", (long long)expires);
        if (why && why->kind != SU_OK) {
            su_buf_text(json, ",\"error\":");
            add_error(json, why);
        }
        su_buf_text(json, "}");
        return;
    }
    printf("%-24s %-9s ", x->id, state);
    print_safe(x->title, stdout);
    printf("\n");
    if (why && why->kind != SU_OK) {
        fprintf(stderr, "surety-guest: %s: ", x->id);
        print_safe(why->msg, stderr);
        fprintf(stderr, " [%s]\n", why->id);
    }
}

static int finish_rows(struct su_buf *json, bool as_json, struct su_err *e)
{
    su_buf_text(json, "]");
    if (su_buf_ok(json, e) < 0)
        return -1;
    if (as_json)
        printf("%s\n", su_buf_str(json));
    return 0;
}

static int choose(const struct su_args *a, const struct su_benefits *all, const struct su_benefit **list, size_t *n,
                  struct su_err *e)
{
    bool every = su_args_get(a, "--all") != NULL;
    if (every == (a->n_operands > 0))
        return su_fail(e, SU_E_USAGE, "cli.operand", "name benefits, or say --all");
    for (size_t i = 0; i < a->n_operands; i++)
        if (su_benefit_find(all, a->operand[i], &list[(*n)++], e) < 0)
            return -1;
    for (size_t i = 0; every && i < all->n; i++)
        if (all->row[i].enabled)
            list[(*n)++] = &all->row[i];
    return 0;
}

static int verb_activate(const struct su_args *a, struct su_err *e)
{
    struct su_guest_conf c;
    struct su_benefits *all SU_FREE = calloc(1, sizeof *all);
    const struct su_benefit *list[SU_BENEFITS_MAX + SU_ARGS_MAX_OPERANDS];
    SU_BUF struct su_buf json = {0};
    bool as_json = su_args_get(a, "--json") != NULL;
    size_t n = 0, bad = 0;
    if (!all)
        return su_fail_nomem(e, sizeof *all);
    if (load_conf(a, &c, e) < 0 || su_benefits_load(&c, all, e) < 0 || choose(a, all, list, &n, e) < 0)
        return -1;
    su_buf_text(&json, "[");
    for (size_t i = 0; i < n; i++) {
        struct su_err why = {0};
        int64_t expires = 0;
        int r = su_benefit_activate(&c, list[i], &expires, &why);
        bool still = r < 0 && su_grant_exists(&c, list[i]);
        row(&json, as_json, list[i], r == 0 || still ? "active" : "inactive", expires, &why);
        bad += r < 0;
    }
    if (finish_rows(&json, as_json, e) < 0)
        return -1;
    return bad ? SU_GUEST_REFUSED : SU_GUEST_OK;
}

static int verb_watch(const struct su_args *a, struct su_err *e)
{
    struct su_guest_conf c;
    struct su_benefits *all SU_FREE = calloc(1, sizeof *all);
    if (!all)
        return su_fail_nomem(e, sizeof *all);
    if (load_conf(a, &c, e) < 0 || su_benefits_load(&c, all, e) < 0 || su_guest_watch(&c, all, e) < 0)
        return -1;
    return SU_GUEST_OK;
}

static int verb_benefits(const struct su_args *a, struct su_err *e)
{
    struct su_guest_conf c;
    struct su_benefits *all SU_FREE = calloc(1, sizeof *all);
    SU_BUF struct su_buf json = {0};
    bool as_json = su_args_get(a, "--json") != NULL;
    if (!all)
        return su_fail_nomem(e, sizeof *all);
    if (load_conf(a, &c, e) < 0 || su_benefits_load(&c, all, e) < 0)
        return -1;
    su_buf_text(&json, "[");
    for (size_t i = 0; i < all->n; i++) {
        struct su_grant g = {0};
        if (all->row[i].enabled)
            su_grant_look(&c, &all->row[i], &g);
        row(&json, as_json, &all->row[i],
            !all->row[i].enabled ? "disabled"
            : g.there            ? "active"
                                 : "inactive",
            g.expires, &g.why);
    }
    return finish_rows(&json, as_json, e) < 0 ? -1 : SU_GUEST_OK;
}
#endif

static int verb_completion(const struct su_args *a, struct su_err *e)
{
    (void)a, (void)e;
    su_verbs_completion(verbs, SU_ARRAY_LEN(verbs), "surety-guest", NULL, stdout);
    return SU_GUEST_OK;
}

static int verb_version(const struct su_args *a, struct su_err *e)
{
    (void)a, (void)e;
    printf("surety-guest %s\n", SURETY_VERSION);
    return SU_GUEST_OK;
}

static bool wanted(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static int help(const char *verb)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, verb) == 0) {
            su_verb_help(&verbs[i], "surety-guest", stdout);
            return SU_GUEST_OK;
        }
    }
    su_verbs_usage(verbs, SU_ARRAY_LEN(verbs), "surety-guest", NULL, stdout);
    return SU_GUEST_OK;
}

/* A full disk behind stdout must not look like a verdict. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "surety-guest: standard output could not be written [cli.stdout]\n");
    return status == SU_GUEST_OK ? SU_GUEST_REFUSED : status;
}

/* What a careless parent left: no descriptor to print to, which the next file would get; files that nobody may read. */
static bool prepare(void)
{
#ifndef _WIN32
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    umask(022);
#endif
    return true;
}

int main(int argc, char **argv)
{
    const struct su_verb *v = NULL;
    struct su_args a;
    struct su_err e = {0};
    if (!prepare())
        return SU_GUEST_REFUSED;
    if (argc < 2) {
        su_verbs_usage(verbs, SU_ARRAY_LEN(verbs), "surety-guest", NULL, stderr);
        return SU_GUEST_USAGE;
    }
    if (wanted(argc, argv, "--help"))
        return finish(help(argv[1]));
    if (strcmp(argv[1], "--version") == 0)
        return finish(verb_version(NULL, &e));
    if (su_args_parse(verbs, SU_ARRAY_LEN(verbs), argc - 1, argv + 1, &v, &a, &e) < 0)
        return report(&e, wanted(argc, argv, "--json"));
    int status = v->run(&a, &e);
    return finish(status < 0 ? report(&e, su_args_get(&a, "--json") != NULL) : status);
}
