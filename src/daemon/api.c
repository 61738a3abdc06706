/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The management API on RUN/api.sock.  The kernel says who asks: root and members of group surety may do everything,
 * others may look at the server's state. */
#include "daemon/api_int.h"
#include "daemon/log.h"
#include "wire/fields.h"
#include "wire/ipc.h"
#include "wire/versions.h"
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
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 3;
    SU_HOLD(&d->lock);
    while (d->at_signer.status_due && pthread_cond_timedwait(&d->changed, &d->lock, &until) == 0)
        ;
    su_daemon_state(d);
    return su_api_answer(su_api_server(d), a, e);
}

static int post_sync(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    int rc = su_sync_now(ctx, e);
    su_api_log(q, "sync", "", rc, e);
    return rc < 0 ? -1 : server_now(ctx, a, e);
}

static int post_enrol(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    json_t *o SU_JSON = NULL;
    if (su_api_body(q, &o, e) < 0)
        return -1;
    const char *url = su_api_text(o, "authority");
    if (!url[0])
        url = d->conf.authority;
    if (!url[0]) {
        su_fail(e, SU_E_USAGE, "server.authority-url", "the authority is not known");
        return su_remedy(e, "Give --authority URL, or set url in section [authority] of surety.conf");
    }
    if (d->conf.authority[0] && strcmp(url, d->conf.authority) != 0) {
        su_fail(e, SU_E_CONFLICT, "server.authority-url", "surety.conf names another authority");
        return su_remedy(e, "Change or remove url in section [authority] of surety.conf, and restart suretyd");
    }
    int rc = su_sync_enrol(d, url, su_api_text(o, "token"), e);
    su_api_log(q, "enrol", url, rc, e);
    return rc < 0 ? -1 : server_now(d, a, e);
}

static int delete_server(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    int rc = su_sync_remove(ctx, e);
    su_api_log(q, "remove", "", rc, e);
    return rc < 0 ? -1 : server_now(ctx, a, e);
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

static bool plain(const char *s, const char *more)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr(more, *s)))
            return false;
    return true;
}

static int copy_word(const json_t *o, const char *name, const char *more, char *out, size_t cap, struct su_err *e)
{
    const char *v = su_api_text(o, name);
    if (strlen(v) >= cap || !plain(v, more))
        return su_fail(e, SU_E_USAGE, "api.body", "%s is too long or has characters that are not allowed", name);
    memcpy(out, v, strlen(v) + 1);
    return 0;
}

static int read_request(const json_t *o, struct su_sign_request *r, struct su_err *e)
{
    const char *version = su_api_text(o, "apiVersion");
    int index = version[0] ? su_api_version_index(version) : (int)su_n_api_versions - 1;
    if (index < 0)
        return su_fail(e, SU_E_USAGE, "api.version", "there is no api-version %.40s", version);
    r->version = (uint16_t)index;
    if (copy_word(o, "nonce", "_-", r->nonce, sizeof r->nonce, e) < 0 ||
        copy_word(o, "audience", "._-:/~", r->audience, sizeof r->audience, e) < 0)
        return -1;
    return copy_word(o, "key", "_-", r->thumbprint, sizeof r->thumbprint, e);
}

/* Of the signer's own socket: it lets root in. */
static int ask_document(struct su_daemon *d, const struct su_sign_request *r, uint8_t *buf, struct su_sign_reply *out,
                        struct su_err *e)
{
    char path[256];
    SU_CLOSE int fd = -1;
    struct su_ipc_msg m = {.fd = -1};
    struct su_wire_error w;
    struct su_buf body SU_BUF = {0};
    su_sign_request_put(&body, r);
    if (su_buf_ok(&body, e) < 0 || su_daemon_path(d->run_dir, "signer/sign.sock", path, sizeof path, e) < 0 ||
        su_peer_connect(path, &fd, e) < 0 ||
        su_ipc_ask(fd, SU_SIGN_DOCUMENT, su_buf_bytes(&body), -1, 30000, buf, SU_IPC_MAX, &m, e) < 0)
        return -1;
    if (m.fd >= 0)
        close(m.fd);
    if (m.op == SU_SIGN_ERROR && su_wire_error_take(&m.body, &w))
        return su_fail(e, SU_E_CONFLICT, "document.refused", "%.160s [%.60s]", w.msg, w.id);
    if (m.op != SU_SIGN_DOCUMENT || !su_sign_reply_take(&m.body, out))
        return su_fail(e, SU_E_FORMAT, "ipc.frame", "surety-signer's answer is no document");
    return 0;
}

static json_t *base64(struct su_bytes b)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = (b.n + 2) / 3 * 4, at = 0;
    char *text SU_FREE = malloc(n + 1);
    for (size_t i = 0; text && i < b.n; i += 3) {
        uint32_t v =
            (uint32_t)b.p[i] << 16 | (i + 1 < b.n ? (uint32_t)b.p[i + 1] << 8 : 0) | (i + 2 < b.n ? b.p[i + 2] : 0);
        text[at++] = digit[v >> 18];
        text[at++] = digit[v >> 12 & 63];
        text[at++] = i + 1 < b.n ? digit[v >> 6 & 63] : '=';
        text[at++] = i + 2 < b.n ? digit[v & 63] : '=';
    }
    return text ? json_stringn(text, at) : NULL;
}

/* DER certificates, one after the other: what stands at the front, by its length (X.690, definite form). */
static bool take_der(struct su_bytes *all, struct su_bytes *one)
{
    size_t head = 2, n;
    if (all->n < 2 || all->p[0] != 0x30)
        return false;
    n = all->p[1];
    if (n > 0x82 || n == 0x80)
        return false;
    if (n > 0x80) {
        size_t more = n - 0x80;
        if (all->n < 2 + more)
            return false;
        n = more == 1 ? all->p[2] : (size_t)all->p[2] << 8 | all->p[3];
        head += more;
    }
    if (n > all->n - head)
        return false;
    *one = (struct su_bytes){all->p, head + n};
    return su_skip(all, head + n);
}

static json_t *chain_of(struct su_daemon *d)
{
    json_t *list = json_array();
    SU_HOLD(&d->lock);
    struct su_bytes all = su_buf_bytes(&d->copy.chain), one;
    while (take_der(&all, &one))
        json_array_append_new(list, base64(one));
    return list;
}

static int post_document(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    struct su_sign_request r = {0};
    struct su_sign_reply reply;
    struct su_vm *vm;
    json_t *o SU_JSON = NULL;
    uint8_t *buf SU_FREE = malloc(SU_IPC_MAX);
    if (!buf)
        return su_fail_nomem(e, SU_IPC_MAX);
    if (su_api_body(q, &o, e) < 0 || read_request(o, &r, e) < 0)
        return -1;
    {
        SU_HOLD(&d->lock);
        su_daemon_state(d);
        if (su_vmtab_lookup(&d->vms, q->param[0], &vm, e) < 0)
            return -1;
        memcpy(r.uuid, vm->uuid, sizeof r.uuid);
        if (!vm->wanted)
            return su_fail(e, SU_E_CONFLICT, "vm.not-served", "VM %.100s is not served: %s", vm->name,
                           vm->problem[0] ? vm->problem : "it does not run, or has no way to ask");
        if (d->state.status != SU_SERVER_ACTIVE) {
            su_fail(e, SU_E_CONFLICT, d->state.why.id, "%.200s", d->state.why.text);
            return su_remedy(e, d->state.why.remedy);
        }
    }
    int rc = ask_document(d, &r, buf, &reply, e);
    su_api_log(q, "document", r.uuid, rc, e);
    if (rc < 0)
        return -1;
    return su_api_answer(json_pack("{s:s,s:o,s:{s:o,s:s,s:s}}", "encoding", "pkcs7", "signature", base64(reply.der),
                                   "surety", "chain", chain_of(d), "host", d->conf.host, "transport", "api"),
                         a, e);
}

/* The legacy network ---------------------------------------------------------------- */

static int get_legacy(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    json_t *o = NULL;
    (void)q;
    return su_virt_legacy_show(ctx, &o, e) < 0 ? -1 : su_api_answer(o, a, e);
}

static int post_enable(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    bool changed = false;
    int rc = su_virt_legacy_enable(ctx, &changed, e);
    su_api_log(q, "legacy enable", "", rc, e);
    return rc < 0 ? -1 : su_api_answer(json_pack("{s:b}", "changed", changed), a, e);
}

static int post_disable(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    bool changed = false;
    json_t *o SU_JSON = NULL;
    if (su_api_body(q, &o, e) < 0)
        return -1;
    int rc = su_virt_legacy_disable(ctx, json_is_true(json_object_get(o, "removeVms")), &changed, e);
    su_api_log(q, "legacy disable", "", rc, e);
    return rc < 0 ? -1 : su_api_answer(json_pack("{s:b}", "changed", changed), a, e);
}

static int post_grant(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    bool changed = false;
    json_t *o SU_JSON = NULL, *vm = NULL;
    if (su_api_body(q, &o, e) < 0)
        return -1;
    const char *name = su_api_text(o, "vm");
    if (!name[0])
        return su_fail(e, SU_E_USAGE, "api.body", "vm is missing");
    int rc = su_virt_legacy_grant(ctx, name, json_is_true(json_object_get(o, "configOnly")), &vm, &changed, e);
    su_api_log(q, "legacy grant", name, rc, e);
    return rc < 0 ? -1 : su_api_answer(json_pack("{s:b,s:o}", "changed", changed, "vm", vm), a, e);
}

static int delete_grant(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    bool changed = false;
    json_t *vm = NULL;
    int rc = su_virt_legacy_revoke(ctx, q->param[0], &vm, &changed, e);
    su_api_log(q, "legacy revoke", q->param[0], rc, e);
    return rc < 0 ? -1 : su_api_answer(json_pack("{s:b,s:o}", "changed", changed, "vm", vm), a, e);
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

/* ?vm=UUID&before=NUMBER&max=N: the newest first; the next page is before the last number. */
static int get_audit(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    struct su_daemon *d = ctx;
    const char *vm = su_http_query(q, "vm");
    uint64_t max = su_api_number(su_http_query(q, "max"));
    json_t *list = json_array();
    if (max == 0 || max > AUDIT_MAX)
        max = max ? AUDIT_MAX : AUDIT_DEFAULT;
    if (!list)
        return su_fail_nomem(e, 0);
    if (su_store_log(d->store, vm, su_api_number(su_http_query(q, "before")), (unsigned)max, add_entry, list, e) < 0) {
        json_decref(list);
        return -1;
    }
    return su_api_answer(json_pack("{s:o}", "audit", list), a, e);
}

static const struct su_http_route routes[] = {
    {"GET", "/v1/servers", SU_API_EVERYBODY, get_servers},
    {"GET", "/v1/server", SU_API_EVERYBODY, get_server},
    {"POST", "/v1/server/sync", 0, post_sync},
    {"POST", "/v1/server/enrol", 0, post_enrol},
    {"DELETE", "/v1/server", 0, delete_server},
    {"GET", "/v1/vms", 0, get_vms},
    {"GET", "/v1/vms/{}", 0, get_vm},
    {"POST", "/v1/vms/{}/document", 0, post_document},
    {"GET", "/v1/legacy", 0, get_legacy},
    {"POST", "/v1/legacy/enable", 0, post_enable},
    {"POST", "/v1/legacy/disable", 0, post_disable},
    {"POST", "/v1/legacy/grants", 0, post_grant},
    {"DELETE", "/v1/legacy/grants/{}", 0, delete_grant},
    {"GET", "/v1/audit", 0, get_audit},
};

/* All rows, in the order in which the OpenAPI document lists them. */
static struct su_http_route all[64]; /* lives as long as the server */

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
