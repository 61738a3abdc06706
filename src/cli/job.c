/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety job": work on VMs that was asked for. */
#include "cli/job.h"
#include "cli.h"
#include "vm.h"
#include <signal.h>
#include <string.h>

static bool local(const struct su_args *a)
{
    return su_args_get(a, "--local") != NULL;
}

static int take_id(const struct su_args *a, struct su_err *e)
{
    return su_batch_id_valid(a->operand[0])
               ? 0
               : su_fail(e, SU_E_USAGE, "cli.operand", "this is no ID of a job: %.80s", a->operand[0]);
}

/* A port to one job, and what it lies on. */
struct seen {
    struct su_jobs jobs;
    struct su_job_local *local;
    struct su_job_api api;
    struct su_job_port port;
};

static void seen_done(struct seen *s)
{
    su_job_local_freep(&s->local);
    su_jobs_done(&s->jobs);
}

static int open_one(const struct su_args *a, bool here, bool run, struct seen *s, struct su_err *e)
{
    if (take_id(a, e) < 0)
        return -1;
    if (!here) {
        s->api.a = a;
        snprintf(s->api.id, sizeof s->api.id, "%s", a->operand[0]);
        s->port = su_job_port_api(&s->api);
        return 0;
    }
    if (su_job_local_open(a, &s->jobs, e) < 0 || su_job_local_start(&s->jobs, a->operand[0], run, &s->local, e) < 0)
        return -1;
    s->port = su_job_port_local(s->local);
    return 0;
}

/* list ---------------------------------------------------------------------------- */

static int add(void *arg, const struct su_batch *b)
{
    json_t *o = su_batch_json(b);
    return o && json_array_append_new(arg, o) == 0 ? 0 : -1;
}

static int list_of(const struct su_args *a, json_t **out, struct su_err *e)
{
    SU_JOBS struct su_jobs j = {0};
    if (!local(a))
        return su_job_call(a, "GET", "/v1/jobs", NULL, NULL, out, e);
    json_t *rows SU_JSON = json_array();
    if (su_job_local_open(a, &j, e) < 0 || su_batch_list(&j, add, rows, e) < 0)
        return -1;
    *out = json_pack("{s:O}", "jobs", rows);
    return *out ? 0 : su_fail_nomem(e, 64);
}

static int verb_list(const struct su_args *a, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"ID", "id"},
                                                   {"OPERATION", "op"},
                                                   {"STATE", "state"},
                                                   {"VMS", "count"},
                                                   {"CREATED", "created", SU_API_WHEN},
                                                   {"ENDED", "ended", SU_API_WHEN},
                                                   {"FROM", "origin"}};
    json_t *o SU_JSON = NULL;
    if (list_of(a, &o, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    su_api_list(a, su_api_member(o, "jobs"), columns, SU_ARRAY_LEN(columns), NULL);
    return SU_EXIT_OK;
}

/* show ---------------------------------------------------------------------------- */

static void vm_cell(const json_t *vm, size_t column, char *out, size_t cap)
{
    const char *text = su_api_text(vm, "summary");
    if (column == 3)
        snprintf(out, cap, "%lld%%", (long long)json_integer_value(json_object_get(vm, "percent")));
    else
        snprintf(out, cap, "%s", text[0] ? text : su_api_text(vm, "text"));
}

static void print_job(const json_t *o)
{
    static const struct su_api_column columns[] = {
        {"NAME", "name"}, {"OUTCOME", "outcome"}, {"STEP", "step"}, {"DONE", NULL}, {"SUMMARY", NULL}};
    su_api_line("job", su_api_text(o, "id"));
    su_api_line("operation", su_api_text(o, "op"));
    su_api_line("state", su_api_text(o, "state"));
    su_api_line("cancelled", json_is_true(su_api_member(o, "cancelled")) ? "yes" : "no");
    su_api_line("connection", su_api_text(o, "connect"));
    su_api_line("from", su_api_text(o, "origin"));
    su_api_line_when("created", o, "created");
    su_api_line_when("ended", o, "ended");
    putchar('\n');
    su_api_table(su_api_member(o, "vms"), columns, SU_ARRAY_LEN(columns), vm_cell);
}

static int verb_show(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(seen_done) struct seen s = {0};
    json_t *o SU_JSON = NULL;
    if (open_one(a, local(a), false, &s, e) < 0 || s.port.look(s.port.arg, NULL, 0, &o, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(su_steal(&o), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    print_job(o);
    return SU_EXIT_OK;
}

/* watch, run ------------------------------------------------------------------------ */

static int follow(const struct su_args *a, struct seen *s, struct su_err *e)
{
    json_t *view SU_JSON = NULL;
    if (su_vm_watch(a, &s->port, a->operand[0], &view, e) < 0)
        return -1;
    return su_job_ended(view) ? su_job_print_end(a, &s->port, view, e) : SU_EXIT_FAILED;
}

static int verb_watch(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(seen_done) struct seen s = {0};
    return open_one(a, local(a), false, &s, e) < 0 ? -1 : follow(a, &s, e);
}

/* What surety-job@.service and suretyd start: the job's own process. */
static int verb_run(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(seen_done) struct seen s = {0};
    signal(SIGPIPE, SIG_IGN); /* who read our messages may be gone; the work is not */
    return open_one(a, true, true, &s, e) < 0 ? -1 : follow(a, &s, e);
}

/* cancel, report --------------------------------------------------------------------- */

static int verb_cancel(const struct su_args *a, struct su_err *e)
{
    SU_JOBS struct su_jobs j = {0};
    json_t *o SU_JSON = NULL;
    if (take_id(a, e) < 0)
        return -1;
    if (local(a)) {
        if (su_job_local_open(a, &j, e) < 0 || su_batch_cancel(&j, a->operand[0], e) < 0)
            return -1;
    } else if (su_job_call(a, "POST", "/v1/jobs/%s/cancel", a->operand[0], NULL, &o, e) < 0) {
        return -1;
    }
    if (su_args_get(a, "--json"))
        return su_json_print(json_pack("{s:s,s:b}", "id", a->operand[0], "cancelled", 1), stdout, e) < 0 ? -1
                                                                                                         : SU_EXIT_OK;
    printf("%s: no VM begins any more; those that have begun are ended or undone\n", a->operand[0]);
    return SU_EXIT_OK;
}

static void print_text(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *line SU_FREE = strndup(text, n);
        if (line)
            su_print_safe(line, stdout);
        putchar('\n');
        text += n + (text[n] == '\n');
    }
}

static int verb_report(const struct su_args *a, struct su_err *e)
{
    SU_AUTO(seen_done) struct seen s = {0};
    json_t *o SU_JSON = NULL;
    if (open_one(a, local(a), false, &s, e) < 0 || s.port.report(s.port.arg, &o, e) < 0)
        return -1;
    if (su_args_get(a, "--json"))
        return su_json_print(json_incref(json_object_get(o, "report")), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    print_text(su_api_text(o, "text"));
    return SU_EXIT_OK;
}

OPT(o_local, "--local", NULL, "read the records themselves, without suretyd", NULL);
OPT(o_state, "--state", "DIR", "where they are (default /var/lib/surety)", NULL);
OPT(o_verbose, "--verbose", NULL, "print every finding", NULL);
OPT(o_quiet, "--quiet", NULL, "no progress", NULL);
OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
OPT(o_wide, "--wide", NULL, "more columns, and exact times", NULL);
static const struct su_option *const list_options[] = {&o_wide, &o_local, &o_state, &o_socket, &o_json, NULL};
static const struct su_option *const plain[] = {&o_local, &o_state, &o_socket, &o_json, NULL};
static const struct su_option *const watching[] = {&o_local, &o_state, &o_socket, &o_verbose, &o_quiet, &o_json, NULL};
static const struct su_option *const running[] = {&o_state, &o_verbose, &o_quiet, &o_json, NULL};

static const struct su_verb verbs[] = {
    {"job", "list", "", "jobs, the newest first", 0, 0, list_options, verb_list},
    {"job", "show", "ID", "one job and its VMs", 1, 1, plain, verb_show},
    {"job", "watch", "ID", "wait for its end, with progress", 1, 1, watching, verb_watch},
    {"job", "run", "ID", "run it in this process, or continue it", 1, 1, running, verb_run},
    {"job", "cancel", "ID", "begin no more of its VMs", 1, 1, plain, verb_cancel},
    {"job", "report", "ID", "print its report", 1, 1, plain, verb_report},
};
const struct su_noun su_job_noun = {verbs, SU_ARRAY_LEN(verbs)};
