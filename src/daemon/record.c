/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record "server" of the store: what must survive a restart. */
#include "daemon/daemon.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void text(const json_t *o, const char *name, char *out, size_t cap)
{
    const char *v = json_string_value(json_object_get(o, name));
    snprintf(out, cap, "%s", v ? v : "");
}

static uint64_t number(const json_t *o, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(o, name));
    return v > 0 ? (uint64_t)v : 0;
}

int su_record_load(struct su_store *s, struct su_server_record *out, struct su_err *e)
{
    struct su_buf value SU_BUF = {0};
    memset(out, 0, sizeof *out);
    if (su_store_get(s, "server", &value, NULL, e) < 0)
        return e->kind == SU_E_MISSING ? 0 : -1;
    json_t *o = json_loadb(su_buf_str(&value), value.n, 0, NULL);
    if (!o)
        return su_fail(e, SU_E_FORMAT, "store.format", "the record of the server cannot be read");
    text(o, "authority", out->authority, sizeof out->authority);
    text(o, "problemId", out->problem_id, sizeof out->problem_id);
    text(o, "problem", out->problem, sizeof out->problem);
    text(o, "problemRemedy", out->problem_remedy, sizeof out->problem_remedy);
    text(o, "revokedSerial", out->revoked_serial, sizeof out->revoked_serial);
    out->last_sync = number(o, "lastSync");
    out->last_attempt = number(o, "lastAttempt");
    out->outcome = (uint8_t)number(o, "outcome");
    json_decref(o);
    return 0;
}

int su_record_save(struct su_store *s, const struct su_server_record *r, struct su_err *e)
{
    json_t *o =
        json_pack("{s:s,s:I,s:I,s:i,s:s,s:s,s:s,s:s}", "authority", r->authority, "lastSync", (json_int_t)r->last_sync,
                  "lastAttempt", (json_int_t)r->last_attempt, "outcome", (int)r->outcome, "problemId", r->problem_id,
                  "problem", r->problem, "problemRemedy", r->problem_remedy, "revokedSerial", r->revoked_serial);
    char *s_text SU_FREE = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!s_text)
        return su_fail_nomem(e, 1024);
    return su_store_put(s, "server", (struct su_bytes){(const uint8_t *)s_text, strlen(s_text)}, SU_STORE_ANY, NULL, e);
}

void su_record_to_facts(struct su_daemon *d, const struct su_server_record *r)
{
    struct su_server_facts *f = &d->facts;
    f->last_sync = r->last_sync;
    f->last_attempt = r->last_attempt;
    f->outcome = r->outcome;
    memcpy(f->problem_id, r->problem_id, sizeof f->problem_id);
    memcpy(f->problem, r->problem, sizeof f->problem);
    memcpy(f->problem_remedy, r->problem_remedy, sizeof f->problem_remedy);
    memcpy(d->revoked_serial, r->revoked_serial, sizeof d->revoked_serial);
    snprintf(d->authority, sizeof d->authority, "%s", d->conf.authority[0] ? d->conf.authority : r->authority);
}
