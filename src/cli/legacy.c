/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety legacy": the network for VMs that have no vsock, and which VMs are on it. */
#include "api.h"
#include "cli.h"
#include <string.h>

enum { LONG_S = 120, ALL_S = 3600, SHORT_S = 20, AT_ONCE = 50 };

static bool json_wanted(const struct su_args *a)
{
    return su_args_get(a, "--json") != NULL;
}

/* Of --grant-vms: the VMs that got a card, and those that did not. */
static void print_granted(const json_t *o)
{
    static const struct su_api_column columns[] = {{"NAME", "name"}, {"ERROR", "id"}, {"REASON", "detail"}};
    const json_t *granted = su_api_member(o, "granted"), *failed = su_api_member(o, "failed");
    for (size_t i = 0; i < json_array_size(granted); i++) {
        const json_t *vm = json_array_get(granted, i);
        su_print_safe(su_api_text(vm, "name"), stdout);
        puts(strcmp(su_api_text(vm, "next"), "start") == 0 ? ": granted, from its next start on" : ": granted");
    }
    if (!json_array_size(failed))
        return;
    printf("\nnot granted:\n");
    su_api_table_under(failed, columns, SU_ARRAY_LEN(columns), NULL, "remedy");
}

static int verb_enable(const struct su_args *a, struct su_err *e)
{
    bool grant = su_args_get(a, "--grant-vms") != NULL;
    json_t *o SU_JSON = NULL, *body = grant ? json_pack("{s:b}", "grantVms", 1) : NULL;
    if (su_api_call(a, "POST", "/v1/legacy/enable", NULL, body, grant ? ALL_S : LONG_S, &o, e) < 0)
        return -1;
    int status = json_array_size(su_api_member(o, "failed")) ? SU_EXIT_FAILED : SU_EXIT_OK;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : status;
    puts(json_is_true(su_api_member(o, "changed")) ? "legacy OS support is on"
                                                   : "legacy OS support was on, and is as it should be");
    print_granted(o);
    return status;
}

static int verb_disable(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL, *body = json_pack("{s:b}", "removeVms", su_args_get(a, "--remove-vms") != NULL);
    if (su_api_call(a, "POST", "/v1/legacy/disable", NULL, body, LONG_S, &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    puts(json_is_true(su_api_member(o, "changed")) ? "legacy OS support is off" : "legacy OS support was off");
    return SU_EXIT_OK;
}

/* list --------------------------------------------------------------------------------------------------------------
 */

static void mark_cell(const json_t *row, size_t column, char *out, size_t cap)
{
    json_int_t mark = json_integer_value(su_api_member(row, "mark"));
    (void)column;
    if (mark)
        snprintf(out, cap, "0x%08llx", (unsigned long long)mark);
}

static void print_problems(const json_t *o)
{
    const json_t *list = su_api_member(o, "problems");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        printf("problem: ");
        su_print_safe(su_api_text(p, "message"), stdout);
        printf(" [%s]\nremedy: %s\n", su_api_text(p, "id"), su_api_text(p, "remedy"));
    }
}

static int verb_list(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"NAME", "name"},
                                                   {"STATE", "state"},
                                                   {"MAC", "mac"},
                                                   {"DEVICE", "device", SU_API_TEXT, true},
                                                   {"MARK", NULL, SU_API_TEXT, true},
                                                   {"UUID", "uuid", SU_API_TEXT, true},
                                                   {"LAST-REQUEST", "lastRequest", SU_API_WHEN_MS},
                                                   {"PROBLEM", "problem"}};
    json_t *o SU_JSON = NULL;
    if (su_api_call(a, "GET", "/v1/legacy", NULL, NULL, SHORT_S, &o, e) < 0)
        return -1;
    if (json_wanted(a))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    printf("legacy OS support is %s\n", json_is_true(su_api_member(o, "enabled")) ? "on" : "off");
    print_problems(o);
    if (json_array_size(su_api_member(o, "vms")))
        su_api_list(a, su_api_member(o, "vms"), columns, SU_ARRAY_LEN(columns), mark_cell);
    return SU_EXIT_OK;
}

/* grant, revoke ------------------------------------------------------------------------------------------------------
 */

struct act {
    const char *did, *same; /* what to say of a VM */
    bool revoke, config;
    const struct su_args *a;
    json_t *results; /* borrowed */
    unsigned failed;
};

static int call(const struct act *act, const char *vm, json_t **o, struct su_err *e)
{
    if (act->revoke)
        return su_api_call(act->a, "DELETE", "/v1/legacy/grants/%s", vm, NULL, LONG_S, o, e);
    json_t *body = json_pack("{s:s,s:b}", "vm", vm, "configOnly", (int)act->config);
    if (!body)
        return su_fail(e, SU_E_USAGE, "cli.operand", "this is no name of a VM");
    return su_api_call(act->a, "POST", "/v1/legacy/grants", NULL, body, LONG_S, o, e);
}

static void say(const char *vm, const char *text, const char *state)
{
    su_print_safe(vm, stdout);
    printf(": %s", text);
    if (strcmp(state, "configured") == 0)
        printf(", from its next start on");
    else if (strcmp(state, "detaching") == 0)
        printf("; its guest keeps the network card, which leads nowhere, until it is powered off");
    putchar('\n');
}

static void failed(struct act *act, const char *vm, const struct su_err *why)
{
    act->failed++;
    json_array_append_new(act->results, json_pack("{s:s,s:o}", "name", vm, "error", su_json_error(why)));
    if (json_wanted(act->a))
        return;
    su_print_safe(vm, stdout);
    printf(": ");
    su_print_safe(why->msg, stdout);
    printf(" [%s]\n", why->id);
}

static void done(struct act *act, const char *vm, const json_t *o)
{
    if (!json_wanted(act->a))
        say(vm, json_is_true(su_api_member(o, "changed")) ? act->did : act->same, su_api_text(o, "vm.state"));
    json_array_append_new(act->results,
                          json_pack("{s:O,s:O}", "changed", su_api_member(o, "changed"), "vm", su_api_member(o, "vm")));
}

/* One of several goes on after a failure; the failures are told and counted. */
static int one(struct act *act, const char *vm, bool alone, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    struct su_err why = {0};
    if (call(act, vm, &o, &why) == 0) {
        done(act, vm, o);
        return 0;
    }
    if (alone || strcmp(why.id, "api.connect") == 0) {
        *e = why;
        return -1;
    }
    failed(act, vm, &why);
    return 0;
}

/* Many are granted some at a time: what suretyd looks at for one of them it looks at once for all, and it is told how
 * far it is. */
static int some(struct act *act, const json_t *names, size_t from, size_t n, struct su_err *e)
{
    json_t *o SU_JSON = NULL, *part = json_array();
    for (size_t i = from; i < from + n; i++)
        json_array_append(part, json_array_get(names, i));
    json_t *body = json_pack("{s:o,s:b}", "vms", part, "configOnly", (int)act->config);
    if (su_api_call(act->a, "POST", "/v1/legacy/grants", NULL, body, ALL_S, &o, e) < 0)
        return -1;
    const json_t *granted = su_api_member(o, "granted"), *not_granted = su_api_member(o, "failed");
    for (size_t i = 0; i < json_array_size(granted); i++)
        done(act, su_api_text(json_array_get(granted, i), "name"), json_array_get(granted, i));
    for (size_t i = 0; i < json_array_size(not_granted); i++) {
        const json_t *vm = json_array_get(not_granted, i);
        struct su_err why = {.id = su_api_text(vm, "id"), .remedy = json_string_value(su_api_member(vm, "remedy"))};
        snprintf(why.msg, sizeof why.msg, "%s", su_api_text(vm, "detail"));
        failed(act, su_api_text(vm, "name"), &why);
    }
    fflush(stdout);
    return 0;
}

static int all_names(const struct act *act, json_t **names, struct su_err *e)
{
    json_t *o SU_JSON = NULL, *list SU_JSON = json_array();
    const char *from = act->revoke ? "/v1/legacy" : "/v1/vms";
    if (su_api_call(act->a, "GET", from, NULL, NULL, SHORT_S, &o, e) < 0)
        return -1;
    const json_t *vms = su_api_member(o, "vms");
    for (size_t i = 0; i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        if (act->revoke || strcmp(su_api_text(vm, "source"), "libvirt") == 0) /* others have no network card to give */
            json_array_append_new(list, json_string(su_api_text(vm, "name")));
    }
    *names = su_steal(&list);
    return 0;
}

static int operands(const struct act *act, json_t **names, struct su_err *e)
{
    const struct su_args *a = act->a;
    bool all = su_args_get(a, "--all") != NULL;
    if (all == (a->n_operands > 0))
        return su_fail(e, SU_E_USAGE, "cli.operands", "%s",
                       all ? "--all and names of VMs exclude each other" : "name a VM, or say --all");
    if (all)
        return all_names(act, names, e);
    *names = json_array();
    for (size_t i = 0; i < a->n_operands; i++)
        if (json_array_append_new(*names, json_string(a->operand[i])) < 0)
            return su_fail(e, SU_E_USAGE, "cli.operand", "this is no name of a VM");
    return 0;
}

static int act_on(struct act *act, struct su_err *e)
{
    json_t *names SU_JSON = NULL, *results SU_JSON = json_array();
    act->results = results;
    if (operands(act, &names, e) < 0)
        return -1;
    const size_t all = json_array_size(names), at_once = act->revoke || act->a->n_operands == 1 ? 1 : AT_ONCE;
    for (size_t i = 0; i < all; i += at_once) {
        size_t n = all - i < at_once ? all - i : at_once;
        int rc = at_once == 1 ? one(act, json_string_value(json_array_get(names, i)), act->a->n_operands == 1, e)
                              : some(act, names, i, n, e);
        if (rc < 0)
            return -1;
    }
    if (json_wanted(act->a) && su_json_print(json_pack("{s:O}", "results", results), stdout, e) < 0)
        return -1;
    return act->failed ? SU_EXIT_FAILED : SU_EXIT_OK;
}

static int verb_grant(const struct su_args *a, struct su_err *e)
{
    bool config = su_args_get(a, "--config") != NULL;
    struct act act = {"granted", "was granted already", false, config, a, NULL, 0};
    return act_on(&act, e);
}

static int verb_revoke(const struct su_args *a, struct su_err *e)
{
    struct act act = {"revoked", "had no grant", true, false, a, NULL, 0};
    return act_on(&act, e);
}

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_remove, "--remove-vms", NULL, "revoke the grants of all VMs first", NULL);
OPT(o_all, "--all", NULL, "all VMs", NULL);
OPT(o_config, "--config", NULL, "from the next start on; for a VM that cannot take a card while it runs", NULL);
OPT(o_grant, "--grant-vms", NULL, "grant it to the VMs that have no vsock, too", NULL);
OPT(o_wide, "--wide", NULL, "more columns, and exact times", NULL);
static const struct su_option *const list_options[] = {&o_wide, &o_socket, &o_json, NULL};
static const struct su_option *const enable_options[] = {&o_grant, &o_socket, &o_json, NULL};
static const struct su_option *const disable_options[] = {&o_remove, &o_socket, &o_json, NULL};
static const struct su_option *const grant_options[] = {&o_all, &o_config, &o_socket, &o_json, NULL};
static const struct su_option *const revoke_options[] = {&o_all, &o_socket, &o_json, NULL};

static const struct su_verb verbs[] = {
    {"legacy", "enable", "", "make the network for VMs without vsock, or repair it", 0, 0, enable_options, verb_enable},
    {"legacy", "disable", "", "take it away", 0, 0, disable_options, verb_disable},
    {"legacy", "grant", "NAME...", "put VMs on it", 0, SU_ARGS_MAX_OPERANDS, grant_options, verb_grant},
    {"legacy", "revoke", "NAME...", "take VMs off it", 0, SU_ARGS_MAX_OPERANDS, revoke_options, verb_revoke},
    {"legacy", "list", "", "which VMs are on it, and what is broken", 0, 0, list_options, verb_list},
};
const struct su_noun su_legacy_noun = {verbs, SU_ARRAY_LEN(verbs)};
