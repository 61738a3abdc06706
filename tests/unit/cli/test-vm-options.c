/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of the command line agree with those of jobs, row by row, and become the same values. */
#include "../../lib/tap.h"
#include "cli/vm_options.h"
#include <stdio.h>
#include <string.h>

static const struct su_option *const *const rows[SU_OP_COUNT] = {
    [SU_OP_ASSESS] = su_vm_options_assess, [SU_OP_UPGRADE] = su_vm_options_upgrade,
    [SU_OP_VERIFY] = su_vm_options_verify, [SU_OP_ROLLBACK] = su_vm_options_rollback,
    [SU_OP_COMMIT] = su_vm_options_commit, [SU_OP_FINISH] = su_vm_options_finish,
    [SU_OP_LOOK] = su_vm_options_look,
};
#define GUID "e6d6d379-f507-44c2-a23c-238f2a3df928"

/* Of the command itself; --yes is one for upgrade --all, too. */
static const char *const own[] = {"--all",     "--csv",   "--connect", "--local",  "--state", "--detach",
                                  "--verbose", "--quiet", "--json",    "--socket", "--yes"};

static const struct su_option *find(enum su_op op, const char *name)
{
    for (const struct su_option *const *o = rows[op]; *o; o++)
        if (strcmp((*o)->name, name) == 0)
            return *o;
    return NULL;
}

static bool is_own(const char *name)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(own); i++)
        if (strcmp(own[i], name) == 0)
            return true;
    return false;
}

static const struct su_job_option_row *row_of(const char *name)
{
    for (size_t i = 0; i < su_job_option_count; i++)
        if (strcmp(su_job_option_rows[i].name, name + 2) == 0)
            return &su_job_option_rows[i];
    return NULL;
}

static void every_row_is_typed(void)
{
    for (size_t i = 0; i < su_job_option_count; i++) {
        const struct su_job_option_row *row = &su_job_option_rows[i];
        char name[48];
        bool good = true;
        snprintf(name, sizeof name, "--%s", row->name);
        for (unsigned op = 0; op < SU_OP_COUNT; op++) {
            const struct su_option *o = find((enum su_op)op, name);
            if (row->ops >> op & 1)
                good &= o && (o->arg == NULL) == (row->type == SU_JOB_SWITCH);
            if (o && row->type == SU_JOB_WORD)
                good &= o->words && strcmp(o->words, row->words) == 0;
            if (o && row->type == SU_JOB_ONOFF)
                good &= o->words && strcmp(o->words, "on off") == 0;
        }
        ok(good, "%s can be typed where it is known, and has its words", name);
    }
}

static void nothing_else_is(void)
{
    for (unsigned op = 0; op < SU_OP_COUNT; op++) {
        bool good = true;
        for (const struct su_option *const *o = rows[op]; *o; o++) {
            const struct su_job_option_row *row = row_of((*o)->name);
            good &= is_own((*o)->name) || (row && (row->ops >> op & 1));
        }
        ok(good, "%s: no option but those", su_op_name((enum su_op)op));
    }
}

static int parse(enum su_op op, int argc, char **argv, struct su_job_options *out, struct su_err *e)
{
    static struct su_verb verb = {"vm", "x", "NAME...", "", 0, 8, NULL, NULL};
    const struct su_verb *v;
    struct su_args a;
    json_t *o = NULL;
    verb.options = rows[op];
    if (su_args_parse(&verb, 1, argc, argv, &v, &a, e) < 0 || su_vm_options_json(&a, op, &o, e) < 0)
        return -1;
    int rc = su_job_options_parse(o, out, e);
    json_decref(o);
    return rc;
}
#define TYPE(op, out, e, ...)                                                                                          \
    parse(op, sizeof((char *[]){"vm", "x", __VA_ARGS__}) / sizeof(char *), (char *[]){"vm", "x", __VA_ARGS__}, out, e)

static void values(void)
{
    struct su_job_options o, fallback;
    struct su_err e = {0};
    char here[512];
    su_job_options_default(&fallback);
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "web") == 0 && memcmp(&o, &fallback, sizeof o) == 0, "nothing typed: the defaults");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--secure-boot", "off", "--vtpm=off", "--restore-point", "internal", "--machine",
            "i440fx", "--batch", "7", "--force", "--dry-run") == 0 &&
           !o.secure_boot && !o.vtpm && o.restore == SU_RESTORE_INTERNAL && o.machine == SU_MACHINE_I440FX &&
           o.batch == 7 && o.force && o.dry_run,
       "each kind of value");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--map", "27=" GUID, "--map", "12={" GUID "}") == 0 &&
           strcmp(o.map, "27=" GUID ",12={" GUID "}") == 0,
       "--map may be repeated");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--key-dir", "keys") == 0 && getcwd(here, sizeof here) &&
           strncmp(o.key_dir, here, strlen(here)) == 0 && strcmp(o.key_dir + strlen(here), "/keys") == 0,
       "a path becomes absolute");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--all", "--yes") == 0 && !o.yes, "--yes of an upgrade is the command's own");
    ok(TYPE(SU_OP_ROLLBACK, &o, &e, "web", "--yes") == 0 && o.yes, "and the rollback's is the job's");
}

static void refusals(void)
{
    struct su_job_options o;
    struct su_err e = {0};
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--secure-boot", "1") < 0 && strcmp(e.id, "cli.option.value") == 0, "on or off");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--batch", "-1") < 0 && strcmp(e.id, "cli.option.value") == 0, "no number");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--batch", "9999999999") < 0 && strcmp(e.id, "cli.option.value") == 0, "too long");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--batch", "65") < 0 && strcmp(e.id, "job.option") == 0, "too large");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--machine", "microvm") < 0 && strcmp(e.id, "job.option") == 0, "no such word");
    ok(TYPE(SU_OP_UPGRADE, &o, &e, "--map", "\xff") < 0 && strcmp(e.id, "cli.option.value") == 0, "not UTF-8");
    ok(TYPE(SU_OP_VERIFY, &o, &e, "--force") < 0 && strcmp(e.id, "cli.option.unknown") == 0, "another operation's");
}

int main(void)
{
    every_row_is_typed();
    nothing_else_is();
    values();
    refusals();
    return tap_done();
}
