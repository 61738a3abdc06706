/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety vm": the VMs of this host. */
#include "cli/vm.h"
#include "cli.h"
#include "job.h"
#include "vm_options.h"
#include <string.h>

int su_vm_list(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"NAME", "name"},
                                                   {"STATUS", "status"},
                                                   {"SECURITY", "security.securityType"},
                                                   {"TRANSPORT", "transports", SU_API_WORDS, true},
                                                   {"FIRMWARE", "firmware", SU_API_TEXT, true},
                                                   {"BENEFITS", "benefit_status"},
                                                   {"LAST-VERIFIED", "lastVerified", SU_API_WHEN},
                                                   {"OS", "os.name", SU_API_TEXT, true},
                                                   {"UPGRADE", "upgrade.state", SU_API_TEXT, true},
                                                   {"UUID", "uuid", SU_API_TEXT, true},
                                                   {"PROBLEM", "problem.id"}};
    json_t *o SU_JSON = NULL;
    if (su_args_get(a, "--local"))
        return su_vm_list_local(a, e);
    if (su_job_call(a, "GET", "/v1/vms", NULL, NULL, &o, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_sort(json_object_get(o, "vms"), "name");
    su_api_list(a, su_api_member(o, "vms"), columns, SU_ARRAY_LEN(columns), NULL);
    return SU_EXIT_OK;
}

static const char *yes(const json_t *o, const char *path)
{
    return json_is_true(su_api_member(o, path)) ? "yes" : "no";
}

static void print_vm(const json_t *o)
{
    su_api_line("name", su_api_text(o, "name"));
    su_api_line("uuid", su_api_text(o, "uuid"));
    su_api_line("source", su_api_text(o, "source"));
    su_api_line("running", yes(o, "running"));
    su_api_line("status", su_api_text(o, "status"));
    if (su_api_text(o, "problem.id")[0]) {
        su_api_line("problem", su_api_text(o, "problem.text"));
        su_api_line("problem id", su_api_text(o, "problem.id"));
    }
    su_api_line_words("transport", o, "transports");
    char cid[24] = "";
    if (json_integer_value(su_api_member(o, "cid")))
        snprintf(cid, sizeof cid, "%lld", (long long)json_integer_value(su_api_member(o, "cid")));
    su_api_line("vsock cid", cid);
    su_api_line("secure boot", yes(o, "security.secureBoot"));
    su_api_line("vtpm", yes(o, "security.vTpm"));
    su_api_line("security type", su_api_text(o, "security.securityType"));
    su_api_line("firmware", su_api_text(o, "firmware"));
    su_api_line("upgrade", su_api_text(o, "upgrade.state"));
    su_api_line("upgrade job", su_api_text(o, "upgrade.job"));
    su_api_line_when("last document", o, "lastDocument");
    su_api_line_when("last verified", o, "lastVerified");
    su_api_line("guest says", su_api_text(o, "lastResult"));
    su_api_line("os", su_api_text(o, "os.name"));
    su_api_line("benefits", su_api_text(o, "benefit_status"));
}

int su_vm_show(const struct su_args *a, struct su_err *e)
{
    json_t *o SU_JSON = NULL;
    if (su_args_get(a, "--local"))
        return su_vm_show_local(a, e);
    if (su_job_call(a, "GET", "/v1/vms/%s", a->operand[0], NULL, &o, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    print_vm(o);
    return SU_EXIT_OK;
}

#define OPERATION(name, op)                                                                                            \
    static int verb_##name(const struct su_args *a, struct su_err *e)                                                  \
    {                                                                                                                  \
        return su_vm_operate(a, op, e);                                                                                \
    }
OPERATION(assess, SU_OP_ASSESS)
OPERATION(upgrade, SU_OP_UPGRADE)
OPERATION(verify, SU_OP_VERIFY)
OPERATION(rollback, SU_OP_ROLLBACK)
OPERATION(commit, SU_OP_COMMIT)
OPERATION(finish, SU_OP_FINISH)
OPERATION(look, SU_OP_LOOK)

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_local, "--local", NULL, "ask libvirt itself, without suretyd", NULL);
OPT(o_connect, "--connect", "URI", "of libvirt, with --local (default qemu:///system)", "");
OPT(o_state, "--state", "DIR", "where --local keeps records (default /var/lib/surety)", NULL);
OPT(o_wide, "--wide", NULL, "more columns, and exact times", NULL);
static const struct su_option *const list_options[] = {&o_wide,   &o_local, &o_connect, &o_state,
                                                       &o_socket, &o_json,  NULL};
static const struct su_option *const plain[] = {&o_local, &o_connect, &o_state, &o_socket, &o_json, NULL};

enum { MANY = SU_BATCH_VMS, NONE = 0, ONE = 1 };
_Static_assert((int)MANY <= (int)SU_ARGS_MAX_OPERANDS, "");
#define OPS(verb, least, help)                                                                                         \
    {                                                                                                                  \
        "vm", #verb, "NAME...", help, least, MANY, su_vm_options_##verb, verb_##verb                                   \
    }

static const struct su_verb verbs[] = {
    {"vm", "list", "", "the VMs of this host, and whether they are attested", 0, 0, list_options, su_vm_list},
    {"vm", "show", "NAME", "one VM, by name or UUID", 1, 1, plain, su_vm_show},
    OPS(assess, NONE, "tell whether VMs can be upgraded; nothing is changed"),
    OPS(upgrade, NONE, "BIOS to UEFI with Secure Boot and a vTPM"),
    OPS(verify, NONE, "prove that VMs are what their upgrade promised"),
    OPS(rollback, NONE, "take an upgrade back"),
    OPS(commit, NONE, "give up the restore point"),
    OPS(finish, NONE, "have the guest keep its EFI boot files up to date"),
    OPS(look, NONE, "tell which system lies on the disks of VMs; nothing is changed"),
};
const struct su_noun su_vm_noun = {verbs, SU_ARRAY_LEN(verbs)};
