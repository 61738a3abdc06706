/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "httpd.h"
#include <jansson.h>
#include <string.h>

static const struct {
    unsigned status;
    const char *title;
} kinds[SU_KIND_COUNT] = {
    [SU_OK] = {500, "Internal error"},          [SU_E_IO] = {500, "The operation failed"},
    [SU_E_FORMAT] = {400, "Malformed request"}, [SU_E_RANGE] = {400, "Out of range"},
    [SU_E_CONFLICT] = {409, "Conflict"},        [SU_E_MISSING] = {404, "Not found"},
    [SU_E_REFUSED] = {409, "Refused"},          [SU_E_NOMEM] = {503, "Out of memory"},
    [SU_E_USAGE] = {400, "Wrong use"},
};

/* Messages may hold names from outside: what is not UTF-8 becomes '?'. */
static json_t *text(const char *s)
{
    json_t *t = json_string(s);
    if (t)
        return t;
    char clean[sizeof((struct su_err *)0)->msg];
    size_t n = 0;
    for (; s[n] && n + 1 < sizeof clean; n++)
        clean[n] = (unsigned char)s[n] < 0x80 ? s[n] : '?';
    clean[n] = '\0';
    return json_string(clean);
}

unsigned su_http_problem(const struct su_err *e, unsigned status, struct su_buf *body)
{
    unsigned kind = e->kind < SU_KIND_COUNT ? e->kind : SU_OK;
    const char *id = e->id ? e->id : "internal";
    char type[96];
    if (status == 0)
        status = kinds[kind].status;
    snprintf(type, sizeof type, "urn:surety:error:%s", id);
    json_t *o =
        json_pack("{s:s,s:s,s:i,s:o,s:s}", "type", type, "title", status == 403 ? "Not allowed" : kinds[kind].title,
                  "status", (int)status, "detail", text(e->msg), "id", id);
    if (o && e->remedy)
        json_object_set_new(o, "remedy", json_string(e->remedy));
    char *s = o ? json_dumps(o, JSON_COMPACT) : NULL;
    su_buf_text(body, s ? s : "{\"status\":500}");
    free(s);
    json_decref(o);
    return status;
}
