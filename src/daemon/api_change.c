/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all calls that change something have in common: their bodies are checked by their row, and whatever comes of
 * them goes into the audit log. */
#include "daemon/api_int.h"
#include <stdio.h>
#include <string.h>

/* Finds NAME or NAME:TYPE in "a:s b:b c"; the type, '*' for any, 0 when it is not there. */
static char type_of(const char *members, const char *name)
{
    size_t n = strlen(name);
    for (const char *m = members ? members : ""; *m;) {
        size_t len = strcspn(m, ": ");
        char type = m[len] == ':' ? m[len + 1] : '*';
        if (len == n && memcmp(m, name, n) == 0)
            return type;
        m += strcspn(m, " ");
        m += *m == ' ';
    }
    return 0;
}

/* Only what is known: a member that is misspelt would be an option that silently is not there. */
static int check_members(const json_t *o, const char *members, struct su_err *e)
{
    json_t *object = (json_t *)o; /* jansson's iterators take no const; nothing is changed */
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const char *name = json_object_iter_key(i);
        const json_t *v = json_object_iter_value(i);
        char type = type_of(members, name);
        if (!type)
            return su_fail(e, SU_E_USAGE, "api.body", "there is no member %.64s", name);
        if (type == 'b' && !json_is_boolean(v))
            return su_fail(e, SU_E_USAGE, "api.body", "%.64s is neither true nor false", name);
        if (type == 's' && (!json_is_string(v) || memchr(json_string_value(v), 0, json_string_length(v))))
            return su_fail(e, SU_E_USAGE, "api.body", "%.64s is no text", name);
    }
    return 0;
}

bool su_api_vm_uuid(struct su_daemon *d, const char *vm, char uuid[SU_UUID_TEXT], char name[SU_VM_NAME])
{
    struct su_vm *found;
    struct su_err ignored = {0};
    SU_HOLD(&d->lock);
    if (su_vmtab_lookup(&d->vms, vm, &found, &ignored) < 0)
        return false;
    memcpy(uuid, found->uuid, SU_UUID_TEXT);
    if (name)
        snprintf(name, SU_VM_NAME, "%s", found->name);
    return true;
}

static void audit(const struct su_api_change *c, int rc, const struct su_err *e)
{
    char uuid[SU_UUID_TEXT], name[SU_VM_NAME] = "";
    bool vm = c->on[0] && su_api_vm_uuid(c->d, c->on, uuid, name);
    const struct su_audit_act a = {.uid = c->q->uid,
                                   .action = c->action,
                                   .on = vm ? uuid : c->on,
                                   .name = name,
                                   .result = rc < 0 ? e->id : "ok",
                                   .detail = rc < 0 ? e->msg : c->detail};
    su_audit_did(c->d, &a);
}

static int change(void *ctx, const struct su_http_request *q, struct su_http_response *a, struct su_err *e)
{
    const struct su_api_change_row *row = q->row->arg;
    struct su_api_change c = {.d = ctx, .q = q, .a = a, .action = row->action};
    json_t *o SU_JSON = NULL;
    snprintf(c.on, sizeof c.on, "%s", q->param[0] ? q->param[0] : "");
    int rc = su_api_body(q, &o, e);
    if (rc == 0)
        rc = check_members(o, row->body, e);
    c.o = o;
    if (rc == 0)
        rc = row->run(&c, e);
    audit(&c, rc, e);
    return rc;
}

struct su_http_route su_api_change_route(const struct su_api_change_row *row)
{
    return (struct su_http_route){
        .method = row->method, .path = row->path, .run = change, .max_body = row->max_body, .arg = row};
}
