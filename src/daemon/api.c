/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The management API on RUN/api.sock.  The kernel says who asks: root and members of group surety may do everything,
 * others may look at the server's state. */
#include "base/clock.h"
#include "daemon/api_int.h"
#include "wire/fields.h"
#include <grp.h>
#include <stdio.h>
#include <string.h>

enum { MAX_BODY = 16 << 10, AUDIT_DEFAULT = 100, AUDIT_MAX = 1000 };

static gid_t managers = (gid_t)-1; /* set before the server starts */

static int allow(void *ctx, const struct su_http_route *row, const struct su_http_request *q, struct su_err *e)
{
    (void)ctx;
    bool may = q->uid == 0 || row->flags & SU_API_EVERYBODY || (managers != (gid_t)-1 && q->gid == managers);
    for (size_t i = 0; i < q->n_groups && managers != (gid_t)-1; i++)
        may |= q->groups[i] == managers;
    if (may)
        return 0;
    su_fail(e, SU_E_REFUSED, "api.refused", "user %u may not do this", (unsigned)q->uid);
    return su_remedy(e, "Be root or in group surety");
}

/* Server ------------------------------------------------------------------------ */

static int get_servers(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    (void)q;
    SU_HOLD(&d->lock);
    su_daemon_state(d);
    return su_api_answer(json_pack("{s:[o]}", "servers", su_api_server(d)), a, e);
}

static int get_server(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    (void)q;
    SU_HOLD(&d->lock);
    su_daemon_state(d);
    return su_api_answer(su_api_server(d), a, e);
}

/* After a job: with what surety-signer says now, not with what it said before. */
static int server_now(struct su_daemon *d, struct su_http_response *a, struct su_err *e)
{
    struct timespec until = su_deadline_ms(3 * 1000);
    SU_HOLD(&d->lock);
    while (d->at_signer.status_due && pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    su_daemon_state(d);
    return su_api_answer(su_api_server(d), a, e);
}

static int sync_server(struct su_api_change *c, struct su_err *e)
{
    return su_sync_now(c->d, e) < 0 ? -1 : server_now(c->d, c->a, e);
}

static int enrol_server(struct su_api_change *c, struct su_err *e)
{
    const char *known = c->d->conf.authority, *url = su_api_text(c->o, "authority");
    if (!url[0])
        url = known;
    if (!url[0]) {
        su_fail(e, SU_E_USAGE, "server.authority-url", "the authority is not known");
        return su_remedy(e, "Give --authority URL, or set url in section [authority] of surety.conf");
    }
    if (known[0] && strcmp(url, known) != 0) {
        su_fail(e, SU_E_CONFLICT, "server.authority-url", "surety.conf names another authority");
        return su_remedy(e, "Change or remove url in section [authority] of surety.conf, and restart suretyd");
    }
    if (su_sync_enrol(c->d, url, su_api_text(c->o, "token"), e) < 0)
        return -1;
    snprintf(c->detail, sizeof c->detail, "The authority is %.200s", strchr(url, '@') ? "set" : url);
    return server_now(c->d, c->a, e);
}

static int remove_server(struct su_api_change *c, struct su_err *e)
{
    return su_sync_remove(c->d, e) < 0 ? -1 : server_now(c->d, c->a, e);
}

/* VMs ---------------------------------------------------------------------------- */

static int get_vms(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    json_t *upgrades SU_JSON = NULL;
    (void)q;
    if (su_api_upgrades(d, &upgrades, e) < 0 || su_guests_refresh(d, e) < 0)
        return -1;
    SU_HOLD(&d->lock);
    return su_api_vms(d, upgrades, &a->body, e);
}

static int get_vm(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    struct su_vm *vm;
    json_t *upgrades SU_JSON = NULL;
    if (su_api_upgrades(d, &upgrades, e) < 0 || su_guests_refresh(d, e) < 0)
        return -1;
    SU_HOLD(&d->lock);
    if (su_vmtab_lookup(&d->vms, q->param[0], &vm, e) < 0)
        return -1;
    json_t *o = su_api_vm(d, vm, su_now(), upgrades);
    if (o && vm->wanted) {
        struct su_bytes route = su_buf_bytes(&vm->route);
        struct su_vm_route r;
        if (su_vm_route_take(&route, &r))
            json_object_set_new(o, "instance", json_loadb((const char *)r.instance.p, r.instance.n, 0, NULL));
    }
    return su_api_answer(o, a, e);
}

/* Audit -------------------------------------------------------------------------------- */

static int add_entry(void *arg, uint64_t number, const char *subject, const char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    (void)subject;
    if (o && json_object_set_new(o, "number", json_integer((json_int_t)number)) == 0)
        json_array_append(arg, o);
    json_decref(o);
    return 0;
}

static int which_kind(const char *kind, struct su_err *e)
{
    static const char *const kinds[] = {"management", "document", "verified", "request"};
    for (size_t i = 0; i < SU_ARRAY_LEN(kinds); i++)
        if (!kind || strcmp(kind, kinds[i]) == 0)
            return 0;
    return su_fail(e, SU_E_USAGE, "api.query", "kind is none of management, document, verified, request");
}

/* ?vm=VM&kind=KIND&before=NUMBER&max=N: the newest first; the next page is before the last number. */
static int get_audit(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    const char *vm = su_http_query(q, "vm");
    char uuid[SU_UUID_TEXT];
    struct su_store_which which = {vm, su_http_query(q, "kind")};
    uint64_t max = AUDIT_DEFAULT, before = 0;
    if (which_kind(which.kind, e) < 0 || su_api_number(q, "max", 1, AUDIT_MAX, &max, e) < 0 ||
        su_api_number(q, "before", 0, INT64_MAX, &before, e) < 0)
        return -1;
    if (vm && su_api_vm_uuid(d, vm, uuid, NULL))
        which.subject = uuid;
    json_t *list = json_array();
    if (!list)
        return su_fail_nomem(e, 0);
    if (su_store_log(d->store, &which, before, (unsigned)max, add_entry, list, e) < 0) {
        json_decref(list);
        return -1;
    }
    return su_api_answer(json_pack("{s:o}", "audit", list), a, e);
}

static const struct su_http_route routes[] = {
    {"GET", "/v1/servers", SU_API_EVERYBODY, get_servers},
    {"GET", "/v1/server", SU_API_EVERYBODY, get_server},
    {"GET", "/v1/vms", 0, get_vms},
    {"GET", "/v1/vms/{}", 0, get_vm},
    {"GET", "/v1/legacy", 0, su_api_legacy},
    {"GET", "/v1/audit", 0, get_audit},
};

/* Each of them is in the audit log, whatever comes of it. */
static const struct su_api_change_row changes[] = {
    {"POST", "/v1/server/sync", "sync", NULL, sync_server, 0},
    {"POST", "/v1/server/enrol", "enrol", "token:s authority:s", enrol_server, 0},
    {"DELETE", "/v1/server", "remove", NULL, remove_server, 0},
    {"POST", "/v1/vms/{}/document", "document", "apiVersion:s nonce:s audience:s key:s", su_api_document, 0},
    {"POST", "/v1/vms/{}/actions", "action", "action:s", su_api_act, 0},
    {"POST", "/v1/legacy/enable", "legacy enable", "grantVms:b", su_api_legacy_enable, 0},
    {"POST", "/v1/legacy/disable", "legacy disable", "removeVms:b", su_api_legacy_disable, 0},
    {"POST", "/v1/legacy/grants", "legacy grant", "vm:s vms configOnly:b", su_api_legacy_grant, 0},
    {"DELETE", "/v1/legacy/grants/{}", "legacy revoke", NULL, su_api_legacy_revoke, 0},
    {"POST", "/v1/jobs", "job", "op:s vms all:b options connect:s", su_api_job_begin, SU_API_JOB_BODY},
    {"POST", "/v1/jobs/{}/cancel", "job cancel", NULL, su_api_job_cancel, 0},
    {"POST", "/v1/jobs/{}/run", "job run", NULL, su_api_job_run, 0},
};

static struct su_http_route all[64]; /* all rows; lives as long as the server */

static size_t gather(void)
{
    const struct {
        const struct su_http_route *row;
        size_t n;
    } tables[] = {{routes, SU_ARRAY_LEN(routes)},
                  {su_api_benefit_routes, su_api_n_benefit_routes},
                  {su_api_job_routes, su_api_n_job_routes}};
    size_t n = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(tables); i++)
        for (size_t k = 0; k < tables[i].n && n < SU_ARRAY_LEN(all); k++)
            all[n++] = tables[i].row[k];
    for (size_t i = 0; i < SU_ARRAY_LEN(changes) && n < SU_ARRAY_LEN(all); i++)
        all[n++] = su_api_change_route(&changes[i]);
    return n;
}

int su_api_start(struct su_daemon *d, struct su_httpd **out, struct su_err *e)
{
    struct su_httpd_options o = {.routes = all,
                                 .n_routes = gather(),
                                 .ctx = d,
                                 .allow = allow,
                                 .max_connections = 64,
                                 .per_user = 8,
                                 .max_body = MAX_BODY};
    char path[256];
    int fd;
    const struct group *g = getgrnam("surety");
    managers = g ? g->gr_gid : (gid_t)-1;
    if (su_daemon_path(d->run_dir, "api.sock", path, sizeof path, e) < 0 || su_listen_unix(path, 0666, &fd, e) < 0)
        return -1;
    return su_httpd_start(fd, &o, out, e);
}
