/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety vm assess" and the other operations: what is asked, who does it, and what came of it. */
#include "cli.h"
#include "job.h"
#include "vm.h"
#include "vm_options.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char newer_id[] = "vm.rollback.newer"; /* what a full rollback would lose; upgrade/ says it */

struct ask {
    enum su_op op;
    struct su_batch_vm *vms; /* owned */
    size_t n;
    bool all;
    json_t *options; /* owned */
};

static void ask_done(struct ask *q)
{
    free(q->vms);
    json_decref(q->options);
}

/* Which VMs ---------------------------------------------------------------------- */

static int read_all(int fd, struct su_buf *out, struct su_err *e)
{
    for (;;) {
        char part[4096];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return su_fail_os(e, "cli.file", "reading the CSV file");
        if (n == 0)
            return su_buf_ok(out, e);
        su_buf_add(out, part, (size_t)n);
        if (out->n > SU_CSV_BYTES) /* which su_batch_csv() says */
            return su_buf_ok(out, e);
    }
}

static int take_csv(const char *file, struct ask *q, struct su_err *e)
{
    struct su_buf text SU_BUF = {0};
    bool in = strcmp(file, "-") == 0;
    SU_CLOSE int fd = in ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return su_fail_os(e, "cli.file", "opening %.160s", file);
    if (read_all(fd, &text, e) < 0)
        return -1;
    return su_batch_csv(su_buf_bytes(&text), in ? "standard input" : file, &q->vms, &q->n, e);
}

static int take_names(const struct su_args *a, struct ask *q, struct su_err *e)
{
    q->vms = calloc(a->n_operands, sizeof *q->vms);
    if (!q->vms)
        return su_fail_nomem(e, a->n_operands * sizeof *q->vms);
    for (; q->n < a->n_operands; q->n++) {
        struct su_batch_vm *vm = &q->vms[q->n];
        const char *name = a->operand[q->n];
        if (!*name || strlen(name) >= sizeof vm->name)
            return su_fail(e, SU_E_USAGE, "cli.operand", "this is no name of a VM: %.80s", name);
        memcpy(vm->name, name, strlen(name) + 1);
        vm->index = (uint32_t)q->n;
        vm->secure_boot = -1;
    }
    return 0;
}

static int which(const struct su_args *a, struct ask *q, struct su_err *e)
{
    const char *csv = su_args_get(a, "--csv");
    q->all = su_args_get(a, "--all") != NULL;
    if ((a->n_operands > 0) + q->all + (csv != NULL) != 1) {
        bool fleet = q->op != SU_OP_COMMIT && q->op != SU_OP_FINISH;
        return su_fail(e, SU_E_USAGE, "cli.vms",
                       fleet ? "say which VMs: NAME..., --all or --csv FILE, one of them"
                             : "say which VMs: NAME... or --csv FILE, one of them");
    }
    if (q->all)
        return 0;
    return csv ? take_csv(csv, q, e) : take_names(a, q, e);
}

static int ask_read(const struct su_args *a, enum su_op op, struct ask *q, struct su_err *e)
{
    struct su_job_options parsed;
    q->op = op;
    if (which(a, q, e) < 0 || su_vm_options_json(a, op, &q->options, e) < 0 ||
        su_job_options_parse(q->options, &parsed, e) < 0)
        return -1;
    if (!su_args_get(a, "--local") && su_args_get(a, "--state"))
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--state goes with --local: suretyd has its own");
    if (su_args_get(a, "--local") && su_args_get(a, "--detach")) {
        su_fail(e, SU_E_USAGE, "cli.option.value", "--detach and --local do not go together");
        return su_remedy(e, "Leave out --local: suretyd goes on when this command has ended");
    }
    return 0;
}

/* Questions ----------------------------------------------------------------------- */

static bool answered_yes(void)
{
    char line[16] = "";
    fputs(" [y/N] ", stderr);
    fflush(stderr);
    return fgets(line, sizeof line, stdin) && (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
}

static bool may_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Every VM of a host is stopped and changed only when somebody meant it. */
static int confirm_all(const struct su_args *a, const struct ask *q, struct su_err *e)
{
    bool back = q->op == SU_OP_ROLLBACK;
    bool changes = back || (q->op == SU_OP_UPGRADE && !su_args_get(a, "--dry-run"));
    const char *what = back ? "rolled back" : "upgraded";
    if (!changes || !q->all || su_args_get(a, "--yes"))
        return 0;
    if (may_ask()) {
        fprintf(stderr, "Every VM of this host will be shut down and %s. Go on?", what);
        if (answered_yes())
            return 0;
    }
    su_fail(e, SU_E_REFUSED, "cli.confirm", "every VM of this host would be shut down and %s", what);
    return su_remedy(e, back ? "Look first: surety vm list; then give --yes"
                             : "Look first: surety vm assess --all; then give --yes");
}

/* Doing it -------------------------------------------------------------------------- */

static json_t *vm_json(const struct su_batch_vm *vm)
{
    json_t *o = json_pack("{s:s}", "name", vm->name);
    if (o && vm->secure_boot >= 0)
        (void)json_object_set_new(o, "secureBoot", json_boolean(vm->secure_boot));
    if (o && vm->group[0])
        (void)json_object_set_new(o, "group", json_string(vm->group));
    return o;
}

static json_t *ask_json(const struct su_args *a, const struct ask *q)
{
    const char *connect = su_args_get(a, "--connect");
    json_t *o = json_pack("{s:s,s:O}", "op", su_op_name(q->op), "options", q->options);
    json_t *list = json_array();
    bool bad = !o || !list;
    for (size_t i = 0; !bad && i < q->n; i++)
        bad |= json_array_append_new(list, vm_json(&q->vms[i])) < 0;
    if (q->all)
        bad |= json_object_set_new(o, "all", json_true()) < 0;
    else
        bad |= json_object_set(o, "vms", list) < 0;
    if (connect)
        bad |= json_object_set_new(o, "connect", json_string(connect)) < 0;
    json_decref(list);
    if (bad) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static int detached(const struct su_args *a, const char *id, struct su_err *e)
{
    if (su_args_get(a, "--json"))
        return su_json_print(json_pack("{s:s}", "id", id), stdout, e) < 0 ? -1 : SU_EXIT_OK;
    printf("%s\n", id);
    return SU_EXIT_OK;
}

int su_vm_watch(const struct su_args *a, const struct su_job_port *p, const char *id, json_t **view, struct su_err *e)
{
    if (su_job_watch(p, su_args_get(a, "--quiet") != NULL, view, e) < 0)
        return -1;
    if (!su_job_ended(*view))
        fprintf(stderr, "surety: job %s goes on; watch it again: surety job watch %s\n", id, id);
    return 0;
}

/* At suretyd.  *view NULL: detached. */
static int run_remote(const struct su_args *a, const struct ask *q, struct su_job_api *api, json_t **view,
                      struct su_err *e)
{
    json_t *made SU_JSON = NULL, *body = ask_json(a, q);
    if (!body)
        return su_fail(e, SU_E_USAGE, "cli.operand", "what was given is not UTF-8");
    if (su_job_call(a, "POST", "/v1/jobs", NULL, body, &made, e) < 0)
        return -1;
    snprintf(api->id, sizeof api->id, "%s", su_api_text(made, "id"));
    if (!su_batch_id_valid(api->id))
        return su_fail(e, SU_E_FORMAT, "api.answer", "suretyd's answer names no job");
    if (su_args_get(a, "--detach"))
        return 0;
    struct su_job_port p = su_job_port_api(api);
    return su_vm_watch(a, &p, api->id, view, e);
}

static int make_local(const struct su_args *a, const struct ask *q, struct su_jobs *j, struct su_batch *b,
                      struct su_err *e)
{
    const char *connect = su_args_get(a, "--connect");
    if (!connect)
        connect = "qemu:///system";
    memset(b, 0, sizeof *b);
    b->op = q->op;
    b->all = q->all;
    if (strlen(connect) >= sizeof b->connect)
        return su_fail(e, SU_E_USAGE, "cli.option.value", "--connect: the URI is too long");
    snprintf(b->connect, sizeof b->connect, "%s", connect);
    snprintf(b->origin, sizeof b->origin, "local");
    if (su_job_options_parse(q->options, &b->options, e) < 0)
        return -1;
    return su_batch_make(j, b, q->vms, q->n, e);
}

/* Whether the only thing in the way is that newer data would be lost; then it is asked. */
static bool wants_yes(const struct ask *q, const json_t *view)
{
    const json_t *vms = su_api_member(view, "vms");
    bool asks = false;
    if (q->op != SU_OP_ROLLBACK || !may_ask() || json_is_true(json_object_get(q->options, "yes")))
        return false;
    for (size_t i = 0; i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        if (strcmp(su_api_text(vm, "id"), newer_id) != 0)
            continue;
        asks = true;
        su_print_safe(su_api_text(vm, "name"), stderr);
        fputs(": ", stderr);
        su_print_safe(su_api_text(vm, "text"), stderr);
        fputc('\n', stderr);
    }
    return asks;
}

/* The VMs that were stopped by that, and the answer. */
static bool narrow(struct ask *q, const json_t *view)
{
    const json_t *vms = su_api_member(view, "vms");
    struct su_batch_vm *kept = calloc(json_array_size(vms) + 1, sizeof *kept);
    size_t n = 0;
    fputs("Roll back, and lose that? (--keep-data takes back the layout alone)", stderr);
    if (!kept || !answered_yes() || json_object_set_new(q->options, "yes", json_true()) < 0) {
        free(kept);
        return false;
    }
    for (size_t i = 0; i < json_array_size(vms); i++) {
        const json_t *vm = json_array_get(vms, i);
        if (strcmp(su_api_text(vm, "id"), newer_id) != 0)
            continue;
        snprintf(kept[n].name, sizeof kept[n].name, "%s", su_api_text(vm, "name"));
        snprintf(kept[n].group, sizeof kept[n].group, "%s", su_api_text(vm, "group"));
        kept[n].secure_boot = -1;
        kept[n].index = (uint32_t)n;
        n++;
    }
    free(q->vms);
    q->vms = kept;
    q->n = n;
    q->all = false;
    return n > 0;
}

static int operate_remote(const struct su_args *a, struct ask *q, struct su_err *e)
{
    struct su_job_api api = {.a = a};
    for (;;) {
        json_t *view SU_JSON = NULL;
        if (run_remote(a, q, &api, &view, e) < 0)
            return -1;
        if (!view)
            return detached(a, api.id, e);
        if (!su_job_ended(view))
            return SU_EXIT_FAILED;
        if (wants_yes(q, view) && narrow(q, view))
            continue;
        struct su_job_port p = su_job_port_api(&api);
        return su_job_print_end(a, &p, view, e);
    }
}

/* One run; again: newer data may be lost, and that was said to be fine. */
static int run_local(const struct su_args *a, struct su_jobs *j, struct ask *q, bool *again, struct su_err *e)
{
    struct su_batch b;
    struct su_job_local *l SU_JOB_LOCAL = NULL;
    json_t *view SU_JSON = NULL;
    *again = false;
    if (make_local(a, q, j, &b, e) < 0 || su_job_local_start(j, b.id, true, &l, e) < 0)
        return -1;
    struct su_job_port p = su_job_port_local(l);
    if (su_vm_watch(a, &p, b.id, &view, e) < 0)
        return -1;
    *again = wants_yes(q, view) && narrow(q, view);
    return *again ? 0 : su_job_print_end(a, &p, view, e);
}

static int operate_local(const struct su_args *a, struct ask *q, struct su_err *e)
{
    SU_JOBS struct su_jobs j = {0};
    bool again;
    int status;
    if (su_job_local_open(a, &j, e) < 0)
        return -1;
    do
        status = run_local(a, &j, q, &again, e);
    while (again);
    return status;
}

int su_vm_operate(const struct su_args *a, enum su_op op, struct su_err *e)
{
    SU_AUTO(ask_done) struct ask q = {0};
    if (ask_read(a, op, &q, e) < 0 || confirm_all(a, &q, e) < 0)
        return -1;
    return su_args_get(a, "--local") ? operate_local(a, &q, e) : operate_remote(a, &q, e);
}
