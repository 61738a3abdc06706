/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety benefit": what VMs have of being on this host. */
#include "api.h"
#include "cli.h"
#include <string.h>

enum { SHORT_S = 10, NOT_ACTIVE = 3 };

static int get(const struct su_args *a, const char *path, const char *segment, json_t **o, struct su_err *e)
{
    return su_api_call(a, "GET", path, segment, NULL, SHORT_S, o, e);
}

static bool json_wanted(const struct su_args *a)
{
    return su_args_get(a, "--json") != NULL;
}

static void print_problems(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        fprintf(stderr, "surety: ");
        su_print_safe(su_api_text(json_array_get(list, i), "text"), stderr);
        fprintf(stderr, " [%s]\n", su_api_text(json_array_get(list, i), "id"));
    }
}

static int verb_list(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"ID", "id"},
                                                   {"ACTIVE", "counts.active"},
                                                   {"INACTIVE", "counts.inactive"},
                                                   {"UNKNOWN", "counts.unknown"},
                                                   {"NOT-APPLICABLE", "counts.not-applicable"},
                                                   {"SOURCE", "source"},
                                                   {"TITLE", "title"}};
    json_t *o SU_JSON = NULL;
    if (get(a, "/v1/benefits", NULL, &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_table(su_api_member(o, "benefits"), columns, SU_ARRAY_LEN(columns), NULL);
    print_problems(su_api_member(o, "problems"));
    return SU_EXIT_OK;
}

static const char *yes(const json_t *o, const char *path)
{
    return json_is_true(su_api_member(o, path)) ? "yes" : "no";
}

/* 0: of any build */
static void print_build_from(const json_t *build)
{
    char text[24] = "";
    if (json_integer_value(build) > 0)
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(build));
    su_api_line("build from", text);
}

static int verb_show(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {
        {"VM", "name"}, {"STATUS", "status"}, {"ACTION", "action"}, {"OS", "os.name"}};
    json_t *o SU_JSON = NULL;
    if (get(a, "/v1/benefits/%s", a->operand[0], &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_line("benefit", su_api_text(o, "id"));
    su_api_line("title", su_api_text(o, "title"));
    su_api_line("description", su_api_text(o, "description"));
    su_api_line("source", su_api_text(o, "source"));
    su_api_line("os", su_api_text(o, "eligible.os"));
    su_api_line("version", su_api_text(o, "eligible.version"));
    su_api_line("edition", su_api_text(o, "eligible.edition"));
    print_build_from(su_api_member(o, "eligible.buildFrom"));
    su_api_line("transport", su_api_text(o, "require.transport"));
    su_api_line("secure boot", yes(o, "require.secureBoot"));
    su_api_line("vtpm", yes(o, "require.vTpm"));
    su_api_line_words("min build", o, "require.minBuild");
    putchar('\n');
    su_api_sort(json_object_get(o, "vms"), "name");
    su_api_table(su_api_member(o, "vms"), columns, SU_ARRAY_LEN(columns), NULL);
    return SU_EXIT_OK;
}

/* What is to be done first, of the benefits that the VM does not have. */
static void action_cell(const json_t *row, size_t column, char *out, size_t cap)
{
    const json_t *list = su_api_member(row, "benefits");
    (void)column;
    out[0] = 0;
    for (size_t i = 0; i < json_array_size(list) && !out[0]; i++)
        snprintf(out, cap, "%s", su_api_text(json_array_get(list, i), "action"));
}

static int status_of_all(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"VM", "name"},
                                                   {"STATUS", "benefit_status"},
                                                   {"ACTION", NULL},
                                                   {"LAST-VERIFIED", "lastVerified", SU_API_WHEN},
                                                   {"KNOWN-FROM", "os.source", SU_API_TEXT, true},
                                                   {"KNOWN-SINCE", "os.at", SU_API_WHEN, true},
                                                   {"UUID", "uuid", SU_API_TEXT, true},
                                                   {"OS", "os.name"}};
    json_t *o SU_JSON = NULL;
    if (get(a, "/v1/vms", NULL, &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_sort(json_object_get(o, "vms"), "name");
    su_api_list(a, su_api_member(o, "vms"), columns, SU_ARRAY_LEN(columns), action_cell);
    return SU_EXIT_OK;
}

static int verb_status(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {
        {"BENEFIT", "id"}, {"STATUS", "status"}, {"ACTION", "action"}, {"TO DO", "todo"}};
    json_t *o SU_JSON = NULL;
    if (a->n_operands == 0)
        return status_of_all(a, e);
    if (get(a, "/v1/vms/%s/benefits", a->operand[0], &o, e) < 0)
        return -1;
    const char *status = su_api_text(o, "benefit_status");
    int code = strcmp(status, "inactive") == 0 || strcmp(status, "unknown") == 0 ? NOT_ACTIVE : SU_EXIT_OK;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : code;
    su_api_line("name", su_api_text(o, "name"));
    su_api_line("uuid", su_api_text(o, "uuid"));
    su_api_line("os", su_api_text(o, "os.name"));
    su_api_line("known from", su_api_text(o, "os.source"));
    su_api_line_when("known since", o, "os.at");
    su_api_line_when("last verified", o, "lastVerified");
    su_api_line("status", status);
    putchar('\n');
    su_api_table(su_api_member(o, "benefits"), columns, SU_ARRAY_LEN(columns), NULL);
    return code;
}

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_wide, "--wide", NULL, "more columns, and exact times", NULL);
static const struct su_option *const plain[] = {&o_socket, &o_json, NULL};
static const struct su_option *const status_options[] = {&o_wide, &o_socket, &o_json, NULL};

static const struct su_verb verbs[] = {
    {"benefit", "list", "", "what VMs get on this host, and how many have it", 0, 0, plain, verb_list},
    {"benefit", "show", "ID", "one benefit: who is eligible, what it asks for, and the VMs", 1, 1, plain, verb_show},
    {"benefit", "status", "[NAME]", "the benefits of all, or of one VM; status 3 when that one lacks something", 0, 1,
     status_options, verb_status},
};
const struct su_noun su_benefit_noun = {verbs, SU_ARRAY_LEN(verbs)};
