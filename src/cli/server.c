/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety server": this host at its authority. */
#include "api.h"
#include "base/secret.h"
#include "cli.h"
#include <string.h>

enum { NOT_ACTIVE = 3, LONG_S = 130, SHORT_S = 10, TOKEN_MAX = 400 };

static void print_notice(const char *what, const json_t *n)
{
    printf("%-14s ", what);
    su_print_safe(su_api_text(n, "text"), stdout);
    printf(" [%s]\n", su_api_text(n, "id"));
    if (su_api_text(n, "remedy")[0]) {
        printf("  remedy       ");
        su_print_safe(su_api_text(n, "remedy"), stdout);
        putchar('\n');
    }
}

static const char *yes_no(const json_t *o, const char *path)
{
    return json_is_true(su_api_member(o, path)) ? "connected" : "not connected";
}

/* Of the network for VMs without vsock; "" as long as that is not known. */
static const char *legacy_word(const json_t *server)
{
    const json_t *on = su_api_member(server, "legacy.enabled");
    return json_is_boolean(on) ? json_is_true(on) ? "enabled" : "disabled" : "";
}

static const char *vsock_word(const json_t *server)
{
    if (json_integer_value(su_api_member(server, "parts.vsock.port")) == 0)
        return "not used";
    return json_is_true(su_api_member(server, "parts.vsock.open")) ? "open" : "not open";
}

static void print_server(const json_t *o)
{
    const json_t *w = su_api_member(o, "warnings");
    su_api_line("server", su_api_text(o, "name"));
    su_api_line("cluster", su_api_text(o, "cluster"));
    su_api_line("state", su_api_text(o, "state"));
    print_notice("reason", su_api_member(o, "reason"));
    for (size_t i = 0; i < json_array_size(w); i++)
        print_notice("warning", json_array_get(w, i));
    su_api_line("authority", su_api_text(o, "authority"));
    su_api_line("certificate", su_api_text(o, "certificate.serial"));
    su_api_line_when("valid from", o, "certificate.notBefore");
    su_api_line_when("valid until", o, "certificate.notAfter");
    su_api_line_when("last sync", o, "sync.last");
    su_api_line_when("next sync", o, "sync.next");
    su_api_line_when("needed before", o, "sync.neededBefore");
    su_api_line("key", su_api_text(o, "parts.signer.key"));
    su_api_line("signer", su_api_text(o, "parts.signer.state"));
    su_api_line("imds", yes_no(o, "parts.imds.connected"));
    bool libvirt = strcmp(su_api_text(o, "parts.libvirt.uri"), "none") != 0;
    su_api_line("libvirt", libvirt ? yes_no(o, "parts.libvirt.connected") : "not used");
    su_api_line("vsock", vsock_word(o));
    su_api_line("legacy", legacy_word(o));
    printf("%-14s %lld running, %lld served, %lld cut off\n", "VMs",
           (long long)json_integer_value(su_api_member(o, "vms.running")),
           (long long)json_integer_value(su_api_member(o, "vms.served")),
           (long long)json_integer_value(su_api_member(o, "vms.cutOff")));
}

static bool json_wanted(const struct su_args *a)
{
    return su_args_get(a, "--json") != NULL;
}

static int get(const struct su_args *a, json_t **o, struct su_err *e)
{
    return su_api_call(a, "GET", "/v1/server", NULL, NULL, SHORT_S, o, e);
}

static int verb_show(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    if (get(a, &o, e) < 0)
        return -1;
    int status = strcmp(su_api_text(o, "state"), "Active") == 0 ? SU_EXIT_OK : NOT_ACTIVE;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : status;
    print_server(o);
    return status;
}

static void legacy_cell(const json_t *row, size_t column, char *out, size_t cap)
{
    (void)column;
    snprintf(out, cap, "%s", legacy_word(row));
}

static int verb_list(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"NAME", "name"},
                                                   {"CLUSTER", "cluster"},
                                                   {"STATE", "state"},
                                                   {"EXPIRES", "certificate.notAfter", SU_API_WHEN},
                                                   {"LAST-SYNC", "sync.last", SU_API_WHEN},
                                                   {"LEGACY", NULL},
                                                   {"REASON", "reason.id"}};
    json_t *o SU_JSON = NULL;
    if (su_api_call(a, "GET", "/v1/servers", NULL, NULL, SHORT_S, &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_list(a, su_api_member(o, "servers"), columns, SU_ARRAY_LEN(columns), legacy_cell);
    return SU_EXIT_OK;
}

static int print_done(const struct su_args *a, json_t *o, const char *what, struct su_err *e)
{
    if (json_wanted(a))
        return su_json_print(json_incref(o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    printf("%s %s: ", su_api_text(o, "name"), what);
    if (su_api_text(o, "certificate.notAfter")[0])
        printf("%s, the certificate is valid until %s\n", su_api_text(o, "state"),
               su_api_text(o, "certificate.notAfter"));
    else
        printf("%s\n", su_api_text(o, "state"));
    return SU_EXIT_OK;
}

static int verb_sync(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    if (su_api_call(a, "POST", "/v1/server/sync", NULL, NULL, LONG_S, &o, e) < 0)
        return -1;
    return print_done(a, o, "synced", e);
}

/* Never from the command line, where everybody can read it. */
static int read_token(const char *from, char out[TOKEN_MAX + 1], struct su_err *e)
{
    struct su_secret s SU_SECRET = {0};
    if ((strcmp(from, "-") == 0 ? su_secret_from_fd(STDIN_FILENO, &s, e) : su_secret_from_file(from, &s, e)) < 0)
        return -1;
    size_t n = s.n;
    while (n && (s.p[n - 1] == '\n' || s.p[n - 1] == '\r' || s.p[n - 1] == ' '))
        n--;
    if (n == 0 || n > TOKEN_MAX || memchr(s.p, 0, n))
        return su_fail(e, SU_E_USAGE, "server.token", "there is no enrolment token in %.100s", from);
    memcpy(out, s.p, n);
    out[n] = 0;
    return 0;
}

static int verb_enrol(const struct su_args *a, struct su_err *e)
{
    const char *file = su_args_get(a, "--token-file"), *url = su_args_get(a, "--authority");
    char token[TOKEN_MAX + 1];
    json_t *o SU_JSON = NULL;
    if (!file) {
        su_fail(e, SU_E_USAGE, "cli.option.missing", "--token-file tells where the token is");
        return su_remedy(
            e, "Make one at the authority: surety authority token HOST; give it with --token-file - on stdin");
    }
    if (read_token(file, token, e) < 0)
        return -1;
    json_t *body = json_pack("{s:s,s:s}", "authority", url ? url : "", "token", token);
    explicit_bzero(token, sizeof token);
    if (!body)
        return su_fail(e, SU_E_USAGE, "server.token", "this is not an enrolment token");
    if (su_api_call(a, "POST", "/v1/server/enrol", NULL, body, LONG_S, &o, e) < 0)
        return -1;
    return print_done(a, o, "enrolled", e);
}

static int verb_remove(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    if (su_api_call(a, "DELETE", "/v1/server", NULL, NULL, LONG_S, &o, e) < 0)
        return -1;
    return print_done(a, o, "removed", e);
}

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_authority, "--authority", "URL", "of the authority, like http://authority.example.org:8829", "");
OPT(o_token, "--token-file", "FILE", "the file with the token; -: standard input", NULL);

OPT(o_wide, "--wide", NULL, "more columns, and exact times", NULL);
static const struct su_option *const list_options[] = {&o_wide, &o_socket, &o_json, NULL};
static const struct su_option *const plain[] = {&o_socket, &o_json, NULL};
static const struct su_option *const enrol[] = {&o_authority, &o_token, &o_socket, &o_json, NULL};

static const struct su_verb verbs[] = {
    {"server", "list", "", "servers and their states", 0, 0, list_options, verb_list},
    {"server", "show", "", "this server: state, reason, certificate, sync", 0, 0, plain, verb_show},
    {"server", "sync", "", "get a new certificate now", 0, 0, plain, verb_sync},
    {"server", "enrol", "", "become a host of an authority, with a token", 0, 0, enrol, verb_enrol},
    {"server", "remove", "", "destroy key and certificate, forget the authority", 0, 0, plain, verb_remove},
};
const struct su_noun su_server_noun = {verbs, SU_ARRAY_LEN(verbs)};
