/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job has found and done, for people; texts may come from guests. */
#include "cli.h"
#include "job.h"
#include <string.h>

enum { TOP = 8, ONE_BY_ONE = 8 };

struct end {
    const json_t *view, *report; /* report: the JSON of the batch, or NULL */
    bool verbose;
};

static bool is(const json_t *o, const char *member, const char *value)
{
    return strcmp(su_api_text(o, member), value) == 0;
}

const json_t *su_job_report_of(const json_t *report, const json_t *vm)
{
    const json_t *list = su_api_member(report, "vms");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (json_equal(json_object_get(one, "index"), json_object_get(vm, "index")))
            return one;
    }
    return NULL;
}

static void line(const char *before, const char *text, FILE *out)
{
    fputs(before, out);
    su_print_safe(text, out);
    fputc('\n', out);
}

/* The table of all ------------------------------------------------------------ */

static void duration(const json_t *vm, char *out, size_t cap)
{
    json_int_t from = json_integer_value(json_object_get(vm, "startedMs"));
    json_int_t to = json_integer_value(json_object_get(vm, "endedMs"));
    out[0] = 0;
    if (from > 0 && to >= from)
        snprintf(out, cap, "%.1f s", (double)(to - from) / 1000);
}

static void cell(const json_t *vm, size_t column, char *out, size_t cap)
{
    const char *text = su_api_text(vm, "summary");
    if (column == 2)
        duration(vm, out, cap);
    else
        snprintf(out, cap, "%s", text[0] ? text : su_api_text(vm, "text"));
}

static void print_table(const json_t *vms)
{
    static const struct su_api_column columns[] = {
        {"NAME", "name"}, {"OUTCOME", "outcome"}, {"TIME", NULL}, {"SUMMARY", NULL}};
    su_api_table(vms, columns, SU_ARRAY_LEN(columns), cell);
}

/* Why a VM is not well, and what to do. */
static void print_problem(const json_t *vm)
{
    if (!su_api_text(vm, "id")[0])
        return;
    putchar('\n');
    su_print_safe(su_api_text(vm, "name"), stdout);
    fputs(": ", stdout);
    su_print_safe(su_api_text(vm, "text"), stdout);
    printf(" [%s]\n", su_api_text(vm, "id"));
    if (su_api_text(vm, "remedy")[0])
        line("  remedy: ", su_api_text(vm, "remedy"), stdout);
    if (su_api_text(vm, "log")[0])
        line("  log: ", su_api_text(vm, "log"), stdout);
}

/* Checks ------------------------------------------------------------------------ */

static const json_t *findings_of(const struct end *x, const json_t *vm)
{
    const json_t *r = su_job_report_of(x->report, vm);
    const json_t *rest = su_api_member(r, "checks_at_rest.findings");
    return rest ? rest : su_api_member(r, "checks.findings");
}

static unsigned count(const json_t *findings, const char *severity)
{
    unsigned n = 0;
    for (size_t i = 0; i < json_array_size(findings); i++)
        n += is(json_array_get(findings, i), "severity", severity);
    return n;
}

static void print_findings(const struct end *x, const json_t *vm)
{
    static const struct su_api_column few[] = {{"RULE", "id"}, {"SEVERITY", "severity"}, {"TEXT", "message"}};
    static const struct su_api_column every[] = {
        {"RULE", "id"}, {"SEVERITY", "severity"}, {"KNOWN-FROM", "source"}, {"TEXT", "message"}};
    const json_t *all = findings_of(x, vm);
    json_t *shown SU_JSON = json_array();
    for (size_t i = 0; shown && i < json_array_size(all); i++)
        if (x->verbose || !is(json_array_get(all, i), "severity", "ok"))
            (void)json_array_append(shown, json_array_get(all, i));
    if (json_array_size(shown) == 0)
        return;
    if (x->verbose)
        su_api_table_under(shown, every, SU_ARRAY_LEN(every), NULL, "remedy");
    else
        su_api_table_under(shown, few, SU_ARRAY_LEN(few), NULL, "remedy");
}

static void print_verdict(const struct end *x, const json_t *vm)
{
    const json_t *f = findings_of(x, vm);
    unsigned unknown = count(f, "unknown");
    su_print_safe(su_api_text(vm, "name"), stdout);
    if (is(vm, "outcome", "ok") && unknown)
        printf(": nothing stops an upgrade so far (warnings: %u, unknown until it is off: %u)\n", count(f, "warning"),
               unknown);
    else if (is(vm, "outcome", "ok"))
        printf(": can be upgraded (warnings: %u)\n", count(f, "warning"));
    else if (is(vm, "outcome", "stopped"))
        printf(": cannot be upgraded (stops: %u, warnings: %u)\n", count(f, "stop"), count(f, "warning"));
    else
        line(": ", su_api_text(vm, su_api_text(vm, "summary")[0] ? "summary" : "text"), stdout);
}

static void print_assessed(const struct end *x, const json_t *vm)
{
    print_findings(x, vm);
    print_verdict(x, vm);
    if (is(vm, "outcome", "failed"))
        print_problem(vm);
}

struct few {
    json_t *row; /* {"vm", "outcome", "stops", ...} of each */
    json_t *why; /* id -> how many VMs it stops */
};

static void add_few(struct few *few, const struct end *x, const json_t *vm)
{
    const json_t *f = findings_of(x, vm);
    char n[3][12], ids[160] = "";
    static const char *const severity[] = {"stop", "warning", "note"};
    for (size_t i = 0; i < 3; i++)
        snprintf(n[i], sizeof n[i], "%u", count(f, severity[i]));
    for (size_t i = 0; i < json_array_size(f); i++) {
        const json_t *one = json_array_get(f, i);
        const char *id = su_api_text(one, "id");
        size_t at = strlen(ids);
        if (!is(one, "severity", "stop"))
            continue;
        if (at + strlen(id) + 2 < sizeof ids)
            snprintf(ids + at, sizeof ids - at, "%s%s", at ? " " : "", id);
        json_int_t had = json_integer_value(json_object_get(few->why, id));
        (void)json_object_set_new(few->why, id, json_integer(had + 1));
    }
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "name", su_api_text(vm, "name"), "outcome", su_api_text(vm, "outcome"),
                  "stop", n[0], "warning", n[1], "note", n[2], "ids", ids[0] ? ids : su_api_text(vm, "id"));
    (void)json_array_append_new(few->row, row);
}

/* The most frequent reasons first. */
static void print_reasons(json_t *why)
{
    for (size_t n = 0; n < TOP && json_object_size(why); n++) {
        const char *best = NULL, *id;
        json_t *v;
        json_int_t most = 0;
        json_object_foreach(why, id, v)
        {
            if (json_integer_value(v) > most) {
                most = json_integer_value(v);
                best = id;
            }
        }
        if (!best)
            return;
        if (n == 0)
            printf("\nWhat stops them:\n");
        printf("  %5lld  %s\n", (long long)most, best);
        (void)json_object_del(why, best);
    }
}

static void print_many_assessed(const struct end *x, const json_t *vms)
{
    static const struct su_api_column columns[] = {{"NAME", "name"},  {"OUTCOME", "outcome"},
                                                   {"STOPS", "stop"}, {"WARNINGS", "warning"},
                                                   {"NOTES", "note"}, {"STOPPED-BY", "ids"}};
    struct few few = {json_array(), json_object()};
    for (size_t i = 0; i < json_array_size(vms); i++)
        add_few(&few, x, json_array_get(vms, i));
    su_api_table(few.row, columns, SU_ARRAY_LEN(columns), NULL);
    print_reasons(few.why);
    json_decref(few.row);
    json_decref(few.why);
}

/* Proofs and plans ---------------------------------------------------------------- */

static void print_verified(const struct end *x, const json_t *vm)
{
    static const struct su_api_column columns[] = {
        {"PROOF", "id"}, {"HOLDS", "proof"}, {"HOW", "how"}, {"TEXT", "text"}};
    const json_t *rows = su_api_member(su_job_report_of(x->report, vm), "verified.rows");
    if (json_array_size(rows) == 0)
        return;
    putchar('\n');
    line("", su_api_text(vm, "name"), stdout);
    su_api_table(rows, columns, SU_ARRAY_LEN(columns), NULL);
}

static void print_lines(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *one SU_FREE = strndup(text, n);
        if (one)
            line("", one, stdout);
        text += n + (text[n] == '\n');
    }
}

static void print_plan(const struct end *x, const json_t *vm)
{
    const json_t *r = su_job_report_of(x->report, vm), *plan = su_api_member(r, "plan");
    const json_t *changes = su_api_member(r, "changes");
    if (!plan)
        return;
    putchar('\n');
    line("Plan for ", su_api_text(vm, "name"), stdout);
    line("  restore point: ", su_api_text(plan, "restore_point.kind"), stdout);
    const char *pcr4 = su_api_text(plan, "expect.pcr4");
    line("  PCR 4 will be: ", pcr4[0] ? pcr4 : "not known", stdout);
    for (size_t i = 0; i < json_array_size(changes); i++)
        line("  ", su_api_text(json_array_get(changes, i), "text"), stdout);
    if (x->verbose)
        print_lines(su_api_text(plan, "definition"));
}

static void print_finish(const struct end *x, const json_t *vm)
{
    const json_t *f = su_api_member(su_job_report_of(x->report, vm), "finish");
    if (!su_api_text(f, "commands")[0])
        return;
    putchar('\n');
    line("To be run in ", su_api_text(vm, "name"), stdout);
    print_lines(su_api_text(f, "commands"));
}

/* The end -------------------------------------------------------------------------- */

static void print_assessment(const struct end *x)
{
    const json_t *vms = su_api_member(x->view, "vms");
    size_t n = json_array_size(vms);
    if (n > ONE_BY_ONE) {
        print_many_assessed(x, vms);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i)
            putchar('\n');
        print_assessed(x, json_array_get(vms, i));
    }
}

/* All for the same reason, so it is said once. */
static void print_skipped(const json_t *vms)
{
    const json_t *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        if (!is(vm, "outcome", "skipped"))
            continue;
        first = first ? first : vm;
        n++;
    }
    if (!first)
        return;
    printf("\n%zu without a turn: ", n);
    su_print_safe(su_api_text(first, "text"), stdout);
    printf(" [%s]\n", su_api_text(first, "id"));
    line("  remedy: ", su_api_text(first, "remedy"), stdout);
}

static void print_work(const struct end *x)
{
    const json_t *vms = su_api_member(x->view, "vms");
    print_table(vms);
    for (size_t i = 0; i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        if (x->verbose)
            print_findings(x, vm);
        if (x->verbose || is(x->view, "op", "verify"))
            print_verified(x, vm);
        print_plan(x, vm);
        print_finish(x, vm);
        if (!is(vm, "outcome", "ok") && !is(vm, "outcome", "already") && !is(vm, "outcome", "skipped"))
            print_problem(vm);
    }
    print_skipped(vms);
}

static void print_foot(const struct end *x, const char *path)
{
    const json_t *vms = su_api_member(x->view, "vms");
    if (json_array_size(vms) == 0)
        printf("There is no VM.\n");
    if (!is(x->view, "op", "assess"))
        line("\nreport: ", path, stdout);
}

/* The job, and in each of its VMs what the report has about it. */
static int print_json(const json_t *view, const json_t *report, struct su_err *e)
{
    json_t *o = json_deep_copy(view), *vms = json_object_get(o, "vms");
    bool bad = !o;
    for (size_t i = 0; !bad && i < json_array_size(vms); i++) {
        json_t *vm = json_array_get(vms, i);
        const json_t *found = su_job_report_of(su_api_member(report, "report"), vm);
        bad = found && json_object_update_missing(vm, (json_t *)found) < 0; /* shares what found holds */
    }
    if (!bad)
        return su_json_print(o, stdout, e);
    json_decref(o);
    return su_fail_nomem(e, 4096);
}

static int exit_status(const json_t *view)
{
    const json_t *s = json_object_get(view, "status");
    return json_is_integer(s) ? (int)json_integer_value(s) : SU_EXIT_FAILED;
}

int su_job_print_end(const struct su_args *a, const struct su_job_port *p, const json_t *view, struct su_err *e)
{
    json_t *got SU_JSON = NULL;
    if (p->report(p->arg, &got, e) < 0 && e->kind != SU_E_MISSING)
        return -1;
    if (su_args_get(a, "--json"))
        return print_json(view, got, e) < 0 ? -1 : exit_status(view);
    struct end x = {view, su_api_member(got, "report"), su_args_get(a, "--verbose") != NULL};
    if (is(view, "op", "assess"))
        print_assessment(&x);
    else
        print_work(&x);
    print_foot(&x, su_api_text(got, "path"));
    return exit_status(view);
}
