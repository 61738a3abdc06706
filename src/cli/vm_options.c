/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of "surety vm assess" and so on, and what was typed as JSON. */
#include "cli/vm_options.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define OPT(var, ...) static const struct su_option var = {__VA_ARGS__}
/* What is to be done, a row for each of jobs/options.c. */
OPT(o_secure_boot, "--secure-boot", "on|off", "Secure Boot of the upgraded VM (default on)", "on off");
OPT(o_vtpm, "--vtpm", "on|off", "TPM 2.0 of the upgraded VM (default on)", "on off");
OPT(o_restore, "--restore-point", "KIND", "auto, overlay, internal or none (default auto)",
    "auto overlay internal none");
OPT(o_machine, "--machine", "TYPE", "q35, or i440fx: UEFI and TPM, no Secure Boot (default q35)", "q35 i440fx");
OPT(o_force, "--force", NULL, "power off a guest that does not shut down", NULL);
OPT(o_unsigned, "--allow-unsigned", NULL, "boot files that Secure Boot refuses are no obstacle", NULL);
OPT(o_no_start, "--no-start", NULL, "a VM that was off stays off", NULL);
OPT(o_finish, "--finish", NULL, "afterwards install the EFI packages in the guest", NULL);
OPT(o_keep_data, "--keep-data", NULL, "the layout alone; newer files stay", NULL);
OPT(o_yes, "--yes", NULL, "do not ask", NULL);
OPT(o_dry_run, "--dry-run", NULL, "show what would be done; change nothing", NULL);
OPT(o_keep_going, "--keep-going", NULL, "go on after VMs that failed", NULL);
OPT(o_batch, "--batch", "N", "VMs at a time, 1 to 64 (default 5)", "");
OPT(o_canary, "--canary", "N", "N VMs first; stop when one is not well", "");
OPT(o_max_failures, "--max-failures", "N", "stop when N VMs have failed (default 1)", "");
OPT(o_shutdown_timeout, "--shutdown-timeout", "S", "seconds for a guest to shut down (default 300)", "");
OPT(o_verify_timeout, "--verify-timeout", "S", "seconds for a guest to come up (default 600)", "");
OPT(o_boot_files, "--boot-files", "DIR", "shim and GRUB come from here", NULL);
OPT(o_firmware_vars, "--firmware-vars", "FILE", "NVRAM template whose keys count", NULL);
OPT(o_key_dir, "--key-dir", "DIR", "DIR/VMNAME is the key file of the VM's LUKS volume", NULL);
OPT(o_overlay_dir, "--overlay-dir", "DIR", "overlays go here (default: beside each disk)", NULL);
OPT(o_map, "--map", "TYPE=GUID", "GPT type of partitions of an MBR type; may be repeated", "");
/* How the command does it. */
OPT(o_all, "--all", NULL, "every VM of the host", NULL);
OPT(o_csv, "--csv", "FILE", "VMs of a CSV file: vmName,vmResourceGroupName,enableSecureBoot; -: standard input", NULL);
OPT(o_connect, "--connect", "URI", "of libvirt (default qemu:///system, or suretyd's)", "");
OPT(o_local, "--local", NULL, "do it in this process, without suretyd", NULL);
OPT(o_state, "--state", "DIR", "where --local keeps records (default /var/lib/surety)", NULL);
OPT(o_detach, "--detach", NULL, "print the job's ID and do not wait", NULL);
OPT(o_verbose, "--verbose", NULL, "print every finding", NULL);
OPT(o_quiet, "--quiet", NULL, "no progress", NULL);
OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);

#define COMMON &o_connect, &o_local, &o_state, &o_socket, &o_detach, &o_verbose, &o_quiet, &o_json, NULL
#define WHICH &o_all, &o_csv
#define PLAN                                                                                                           \
    &o_secure_boot, &o_vtpm, &o_machine, &o_restore, &o_unsigned, &o_boot_files, &o_firmware_vars, &o_key_dir,         \
        &o_overlay_dir, &o_map

const struct su_option *const su_vm_options_assess[] = {WHICH, PLAN, &o_batch, COMMON};
const struct su_option *const su_vm_options_upgrade[] = {WHICH,
                                                         PLAN,
                                                         &o_dry_run,
                                                         &o_yes,
                                                         &o_force,
                                                         &o_no_start,
                                                         &o_finish,
                                                         &o_batch,
                                                         &o_canary,
                                                         &o_max_failures,
                                                         &o_keep_going,
                                                         &o_shutdown_timeout,
                                                         &o_verify_timeout,
                                                         COMMON};
const struct su_option *const su_vm_options_verify[] = {WHICH, &o_batch, COMMON};
const struct su_option *const su_vm_options_rollback[] = {
    WHICH,         &o_keep_data,        &o_yes, &o_force, &o_no_start, &o_batch, &o_canary, &o_max_failures,
    &o_keep_going, &o_shutdown_timeout, COMMON};
#define AFTER &o_csv, &o_batch, &o_canary, &o_max_failures, &o_keep_going, COMMON
const struct su_option *const su_vm_options_commit[] = {AFTER};
const struct su_option *const su_vm_options_finish[] = {AFTER};
const struct su_option *const su_vm_options_look[] = {WHICH, &o_key_dir, &o_batch, COMMON};

static int bad(const char *name, const char *want, struct su_err *e)
{
    return su_fail(e, SU_E_USAGE, "cli.option.value", "%s wants %s", name, want);
}

static json_t *absolute(const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/' || !path[0] || !getcwd(here, sizeof here))
        return json_string(path);
    return json_sprintf("%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
}

static int joined(const struct su_args *a, const char *name, json_t **out, struct su_err *e)
{
    struct su_buf b SU_BUF = {0};
    const char *v;
    for (size_t i = 0; (v = su_args_nth(a, name, i)); i++) {
        su_buf_text(&b, i ? "," : "");
        su_buf_text(&b, v);
    }
    if (su_buf_ok(&b, e) < 0)
        return -1;
    *out = json_string(su_buf_str(&b));
    return 0;
}

static int value_of(const struct su_args *a, const struct su_job_option_row *row, const char *name, const char *typed,
                    json_t **out, struct su_err *e)
{
    char *end = NULL;
    switch (row->type) {
    case SU_JOB_SWITCH:
        *out = json_true();
        return 0;
    case SU_JOB_ONOFF:
        if (strcmp(typed, "on") != 0 && strcmp(typed, "off") != 0)
            return bad(name, "on or off", e);
        *out = json_boolean(strcmp(typed, "on") == 0);
        return 0;
    case SU_JOB_NUMBER:
        if (!*typed || typed[strspn(typed, "0123456789")] || strlen(typed) > 9)
            return su_fail(e, SU_E_USAGE, "cli.option.value", "%s wants a number from %u to %u", name, row->min,
                           row->max);
        *out = json_integer((json_int_t)strtoul(typed, &end, 10));
        return 0;
    case SU_JOB_PATH:
        *out = absolute(typed);
        return 0;
    case SU_JOB_WORD:
        *out = json_string(typed);
        return 0;
    case SU_JOB_MAP:
        return joined(a, name, out, e);
    }
    return bad(name, "another value", e);
}

int su_vm_options_json(const struct su_args *a, enum su_op op, json_t **out, struct su_err *e)
{
    json_t *o = json_object();
    int rc = o ? 0 : su_fail_nomem(e, 64);
    for (size_t i = 0; rc == 0 && i < su_job_option_count; i++) {
        const struct su_job_option_row *row = &su_job_option_rows[i];
        char name[40];
        json_t *v = NULL;
        snprintf(name, sizeof name, "--%s", row->name);
        const char *typed = su_args_get(a, name);
        if (!typed || !(row->ops >> op & 1)) /* --yes means something to the command alone, too */
            continue;
        rc = value_of(a, row, name, typed, &v, e);
        if (rc == 0 && json_object_set_new(o, row->name, v) < 0)
            rc = bad(name, "UTF-8", e);
    }
    if (rc < 0)
        json_decref(o);
    else
        *out = o;
    return rc;
}
