/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /v1/jobs: work on VMs.  suretyd makes the record and starts the runner; how far it is, the store says. */
#include "base/clock.h"
#include "daemon/api_int.h"
#include "daemon/log.h"
#include "jobs/view.h"
#include <stdio.h>
#include <string.h>

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    WAIT_MAX_S = 20,
    POLL_MS = 250,
};

/* Asking for work -------------------------------------------------------------------- */

static int refuse(const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_USAGE, "api.body", "%s", what);
}

/* Only what is known: a member that is misspelt would be an option that silently is not there. */
static int only(const json_t *o, const char *const *names, struct su_err *e)
{
    json_t *object = (json_t *)o; /* jansson's iterators take no const; nothing is changed */
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        size_t k = 0;
        while (names[k] && strcmp(names[k], json_object_iter_key(i)) != 0)
            k++;
        if (!names[k])
            return su_fail(e, SU_E_USAGE, "api.body", "there is no member %.64s", json_object_iter_key(i));
    }
    return 0;
}

static int text_member(const json_t *o, const char *name, char *out, size_t cap, struct su_err *e)
{
    const json_t *v = json_object_get(o, name);
    size_t n = json_string_length(v);
    if (!v)
        return 0;
    if (!json_is_string(v) || n >= cap || memchr(json_string_value(v), 0, n))
        return su_fail(e, SU_E_USAGE, "api.body", "%s is no text, or too long", name);
    memcpy(out, json_string_value(v), n + 1);
    return 0;
}

static int read_vm(const json_t *o, struct su_batch_vm *vm, struct su_err *e)
{
    static const char *const names[] = {"name", "secureBoot", "group", NULL};
    const json_t *sb = json_object_get(o, "secureBoot");
    if (!json_is_object(o))
        return refuse("an element of vms is no object", e);
    if (only(o, names, e) < 0 || text_member(o, "name", vm->name, sizeof vm->name, e) < 0 ||
        text_member(o, "group", vm->group, sizeof vm->group, e) < 0)
        return -1;
    if (sb && !json_is_boolean(sb))
        return refuse("secureBoot is neither true nor false", e);
    vm->secure_boot = sb ? (int8_t)json_is_true(sb) : (int8_t)-1;
    return vm->name[0] ? 0 : refuse("a VM has no name", e);
}

static int read_vms(const json_t *list, struct su_batch_vm **out, size_t *n, struct su_err *e)
{
    size_t count = json_array_size(list);
    if (list && !json_is_array(list))
        return refuse("vms is no array", e);
    if (count > SU_BATCH_VMS)
        return su_fail(e, SU_E_USAGE, "job.vms", "at most %d VMs in one job", SU_BATCH_VMS);
    struct su_batch_vm *vms SU_FREE = calloc(count + 1, sizeof *vms);
    if (!vms)
        return su_fail_nomem(e, count * sizeof *vms);
    for (size_t i = 0; i < count; i++) {
        vms[i].index = (uint32_t)i;
        if (read_vm(json_array_get(list, i), &vms[i], e) < 0)
            return -1;
    }
    *out = su_steal(&vms);
    *n = count;
    return 0;
}

/* Other hosts' libvirts, and test drivers, are not this suretyd's business: it would show VMs it knows nothing of. */
static int check_connect(const struct su_daemon *d, const json_t *o, struct su_batch *b, struct su_err *e)
{
    if (text_member(o, "connect", b->connect, sizeof b->connect, e) < 0)
        return -1;
    if (b->connect[0] && strcmp(b->connect, d->conf.libvirt) != 0) {
        su_fail(e, SU_E_REFUSED, "job.connect", "suretyd works with libvirt at %.120s alone", d->conf.libvirt);
        return su_remedy(e, "Leave out --connect, or do it without suretyd: --local");
    }
    if (strlen(d->conf.libvirt) >= sizeof b->connect)
        return su_fail(e, SU_E_RANGE, "job.connect", "libvirt's URI in surety.conf is too long");
    snprintf(b->connect, sizeof b->connect, "%s", d->conf.libvirt);
    return 0;
}

static int read_batch(const struct su_daemon *d, const json_t *o, struct su_batch *b, struct su_err *e)
{
    const json_t *all = json_object_get(o, "all"), *options = json_object_get(o, "options");
    if (check_connect(d, o, b, e) < 0)
        return -1;
    if (!su_op_find(su_api_text(o, "op"), &b->op))
        return refuse("op is none of assess, upgrade, verify, rollback, commit, finish, look", e);
    b->all = json_is_true(all);
    if (b->all == (json_object_get(o, "vms") != NULL))
        return refuse("one of vms and all is needed", e);
    if (b->all && (b->op == SU_OP_COMMIT || b->op == SU_OP_FINISH))
        return refuse("this is done to VMs by name", e);
    if (options)
        return su_job_options_parse(options, &b->options, e);
    su_job_options_default(&b->options);
    return 0;
}

static bool make_ended(void *arg, struct su_batch *b)
{
    (void)arg;
    b->state = SU_BATCH_ENDED;
    b->cancelled = true;
    b->ended = su_now();
    return true;
}

/* The VM that is meant by a name or UUID, when libvirt has told it: by what stays its own, and can be said.  What is
 * not known here the runner asks libvirt for, by name. */
static void recognise(const struct su_daemon *d, struct su_batch_vm *vm)
{
    struct su_vm *found;
    struct su_err ignored = {0};
    if (su_vmtab_lookup(&d->vms, vm->name, &found, &ignored) < 0 || !found->desc || !found->name[0] ||
        strcmp(found->source, "libvirt") != 0)
        return;
    snprintf(vm->uuid, sizeof vm->uuid, "%s", found->uuid);
    snprintf(vm->name, sizeof vm->name, "%s", found->name);
}

static void recognise_all(struct su_daemon *d, struct su_batch_vm *vms, size_t n)
{
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < n; i++)
        recognise(d, &vms[i]);
}

int su_api_begin(struct su_daemon *d, uid_t uid, struct su_batch *b, struct su_batch_vm *vms, size_t n,
                 struct su_err *e)
{
    struct su_err ignored = {0};
    if (!b->connect[0] && check_connect(d, NULL, b, e) < 0)
        return -1;
    recognise_all(d, vms, n);
    snprintf(b->origin, sizeof b->origin, "uid=%u api", (unsigned)uid);
    int rc = su_batch_make(&d->jobs, b, vms, n, e);
    if (rc == 0 && su_jobs_run(d, b->id, e) < 0) {
        rc = -1; /* nothing has begun, and nothing will */
        if (su_batch_change(&d->jobs, b->id, make_ended, NULL, NULL, &ignored) < 0)
            su_log_err(LOG_ERR, "ending a job that did not begin", &ignored);
    }
    return rc;
}

/* For the audit log: a job of one VM is done to the VM, one of several stands for itself. */
static void tell(struct su_api_change *c, const struct su_batch *b, const struct su_batch_vm *vms, size_t n)
{
    const char *one = n != 1 ? b->id : vms[0].uuid[0] ? vms[0].uuid : vms[0].name;
    snprintf(c->on, sizeof c->on, "%s", one);
    if (n == 1)
        snprintf(c->detail, sizeof c->detail, "Job %s", b->id);
    else if (b->all)
        snprintf(c->detail, sizeof c->detail, "All VMs");
    for (size_t i = 0; n > 1 && i < n && strlen(c->detail) < 160; i++)
        snprintf(c->detail + strlen(c->detail), sizeof c->detail - strlen(c->detail), "%s%.80s",
                 i ? ", " : "VMs: ", vms[i].name);
    if (strlen(c->detail) >= 160)
        snprintf(c->detail + strlen(c->detail), sizeof c->detail - strlen(c->detail), "; %zu in all", n);
}

int su_api_job_begin(struct su_api_change *c, struct su_err *e)
{
    struct su_batch_vm *vms SU_FREE = NULL;
    struct su_batch b = {0};
    size_t n = 0;
    if (read_batch(c->d, c->o, &b, e) < 0 || read_vms(json_object_get(c->o, "vms"), &vms, &n, e) < 0)
        return -1;
    c->action = su_op_name(b.op);
    if (su_api_begin(c->d, c->q->uid, &b, vms, n, e) < 0)
        return -1;
    tell(c, &b, vms, n);
    c->a->status = 202;
    return su_api_answer(json_pack("{s:s}", "id", b.id), c->a, e);
}

/* Looking at it ------------------------------------------------------------------------ */

struct listing {
    json_t *list;
    uint64_t left;
};

static int add_job(void *arg, const struct su_batch *b)
{
    struct listing *l = arg;
    if (l->left == 0)
        return 1;
    l->left--;
    (void)json_array_append_new(l->list, su_batch_json(b));
    return 0;
}

static int get_jobs(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    struct listing l = {NULL, LIST_DEFAULT};
    if (su_api_number(q, "limit", 1, LIST_MAX, &l.left, e) < 0)
        return -1;
    l.list = json_array();
    if (!l.list)
        return su_fail_nomem(e, 0);
    if (su_batch_list(&d->jobs, add_job, &l, e) < 0) {
        json_decref(l.list);
        return -1;
    }
    return su_api_answer(json_pack("{s:o}", "jobs", l.list), a, e);
}

static int changed_view(struct su_daemon *d, const char *id, const char *since, unsigned looks, json_t **out,
                        struct su_err *e)
{
    struct su_jobs_mark was, is;
    json_t *view SU_JSON = NULL;
    su_jobs_look(d, &was);
    if (su_jobs_view(&d->jobs, id, &view, e) < 0)
        return -1;
    while (looks-- > 0 && since && strcmp(since, su_api_text(view, "change")) == 0 &&
           !su_nap_until(d->stop_fd, POLL_MS)) {
        su_jobs_look(d, &is);
        if (memcmp(&was, &is, sizeof is) == 0)
            continue;
        was = is;
        json_decref(su_steal(&view));
        if (su_jobs_view(&d->jobs, id, &view, e) < 0)
            return -1;
    }
    *out = su_steal(&view);
    return 0;
}

/* ?since=CHANGE&wait=SECONDS: answers when it is another one, or after that time. */
static int get_job(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    uint64_t wait = 0;
    json_t *view = NULL;
    if (su_api_number(q, "wait", 0, WAIT_MAX_S, &wait, e) < 0 ||
        changed_view(ctx, q->param[0], su_http_query(q, "since"), (unsigned)wait * (1000 / POLL_MS), &view, e) < 0)
        return -1;
    return su_api_answer(view, a, e);
}

static int get_report(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    return su_api_report(&d->jobs, q->param[0], a, e);
}

static int get_events(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    return su_api_events(ctx, q->param[0], a, e);
}

/* Changing it ---------------------------------------------------------------------------- */

static int view_now(struct su_daemon *d, const char *id, struct su_http_response *a, struct su_err *e)
{
    json_t *view = NULL;
    return su_jobs_view(&d->jobs, id, &view, e) < 0 ? -1 : su_api_answer(view, a, e);
}

int su_api_job_cancel(struct su_api_change *c, struct su_err *e)
{
    if (!su_batch_id_valid(c->on))
        return su_fail(e, SU_E_MISSING, "job.none", "there is no such job");
    return su_batch_cancel(&c->d->jobs, c->on, e) < 0 ? -1 : view_now(c->d, c->on, c->a, e);
}

/* A runner for a job that has none; the lock tells.  One that has ended is run for what is left of it. */
static int run_again(struct su_daemon *d, const char *id, struct su_err *e)
{
    struct su_batch b;
    bool running;
    if (!su_batch_id_valid(id))
        return su_fail(e, SU_E_MISSING, "job.none", "there is no such job");
    if (su_batch_get(&d->jobs, id, &b, NULL, e) < 0)
        return -1;
    if (su_batch_running(&d->jobs, id, &running, e) < 0)
        return -1;
    if (running)
        return su_fail(e, SU_E_CONFLICT, "job.running", "another process runs job %s", id);
    return su_jobs_run(d, id, e);
}

int su_api_job_run(struct su_api_change *c, struct su_err *e)
{
    return run_again(c->d, c->on, e) < 0 ? -1 : view_now(c->d, c->on, c->a, e);
}

const struct su_http_route su_api_job_routes[] = {
    {"GET", "/v1/jobs", 0, get_jobs, 0},
    {"GET", "/v1/jobs/{}", 0, get_job, 0},
    {"GET", "/v1/jobs/{}/report", 0, get_report, 0},
    {"GET", "/v1/jobs/{}/events", 0, get_events, 0},
};
const size_t su_api_n_job_routes = SU_ARRAY_LEN(su_api_job_routes);

/* What became of VMs ----------------------------------------------------------------------- */

/* Records of upgrades are long, and pages ask every few seconds: what was read is kept, and a record whose revision is
 * another is read again. */
static struct {
    pthread_mutex_t lock;
    struct su_jobs_mark mark;
    json_t *known; /* {UUID: {"state", "job", "revision"}}; never changed; NULL: nothing was read */
} upgrades = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int add_upgrade(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    const char *uuid = key + strlen("vm/");
    json_t *was = json_object_get(upgrades.known, uuid);
    if (was && (uint64_t)json_integer_value(json_object_get(was, "revision")) == revision) {
        (void)json_object_set(arg, uuid, was);
        return 0;
    }
    json_t *o SU_JSON = json_loadb((const char *)value.p, value.n, 0, NULL);
    if (o)
        (void)json_object_set_new(arg, uuid,
                                  json_pack("{s:s,s:s,s:I}", "state", su_api_text(o, "state"), "job",
                                            su_api_text(o, "batch"), "revision", (json_int_t)revision));
    return 0;
}

int su_api_upgrades(struct su_daemon *d, json_t **out, struct su_err *e)
{
    struct su_jobs_mark now;
    SU_HOLD(&upgrades.lock);
    su_jobs_look(d, &now);
    if (!upgrades.known || memcmp(&now, &upgrades.mark, sizeof now) != 0) {
        json_t *o SU_JSON = json_object();
        if (!o)
            return su_fail_nomem(e, 0);
        if (su_store_list(d->jobs.store, "vm/", add_upgrade, o, e) < 0)
            return -1;
        json_decref(upgrades.known);
        upgrades.known = su_steal(&o);
        upgrades.mark = now;
    }
    *out = json_incref(upgrades.known);
    return 0;
}
