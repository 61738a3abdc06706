/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "surety doctor": what is broken on this host, by name, with the remedy. */
#include "cli/doctor.h"
#include "api.h"
#include "cli.h"
#include "net/httpc.h"
#include "wire/hostconf.h"
#include <string.h>

enum { LIMIT_MS = 1500 }; /* of each question; after one without an answer suretyd is not asked again */

static void facts_done(struct su_doctor_facts *f)
{
    json_decref(f->server);
    json_decref(f->legacy);
    json_decref(f->vms);
    json_decref(f->benefits);
    json_decref(f->jobs);
}

/* A remedy that came from suretyd lies in one place for all answers: nobody else's is to be said. */
static void ask(const struct su_args *a, const char *path, json_t **o, struct su_err *why)
{
    if (su_api_get(a, path, LIMIT_MS, o, why) == 0)
        return;
    bool late = strcmp(why->id, "http.timeout") == 0;
    why->remedy = late || strcmp(why->id, "api.connect") == 0 ? "systemctl status suretyd" : NULL;
}

static void ask_suretyd(const struct su_args *a, struct su_doctor_facts *f)
{
    const struct {
        const char *path;
        json_t **o;
        struct su_err *why;
    } rows[] = {{"/v1/server", &f->server, &f->server_why},
                {"/v1/vms", &f->vms, &f->vms_why},
                {"/v1/benefits", &f->benefits, &f->benefits_why},
                {"/v1/jobs?limit=1000", &f->jobs, &f->jobs_why},
                {"/v1/legacy", &f->legacy, &f->legacy_why}};
    const struct su_err *silent = NULL;
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        if (silent)
            *rows[i].why = *silent;
        else
            ask(a, rows[i].path, rows[i].o, rows[i].why);
        if (rows[i].why->kind == SU_E_IO)
            silent = rows[i].why;
    }
}

static void ask_authority(struct su_doctor_facts *f)
{
    struct su_buf url SU_BUF = {0}, answer SU_BUF = {0};
    unsigned status = 0;
    const char *base = f->server ? su_api_text(f->server, "authority") : "";
    if (!base[0])
        return;
    f->authority_asked = true;
    su_buf_printf(&url, "%s/healthz", base);
    struct su_http_call c = {.method = "GET", .url = su_buf_str(&url), .timeout_ms = LIMIT_MS};
    if (su_buf_ok(&url, &f->authority_why) < 0 || su_http_call(&c, &status, &answer, &f->authority_why) < 0)
        return;
    if (status != 200)
        (void)su_fail(&f->authority_why, SU_E_IO, "doctor.authority", "The authority answers with status %u", status);
    json_t *o SU_JSON = json_loadb(su_buf_str(&answer), answer.n, 0, NULL);
    f->authority_time = su_api_time(o, "time");
}

static json_t *finding_json(const struct su_doctor_finding *o)
{
    return json_pack("{s:s,s:s,s:o,s:o}", "id", o->id, "state", su_doctor_state_name(o->state), "text",
                     su_json_text(o->text), "remedy", o->remedy[0] ? su_json_text(o->remedy) : json_null());
}

static int print(const struct su_args *a, const struct su_doctor_finding *list, size_t n, struct su_err *e)
{
    static const struct su_api_column columns[] = {{"STATE", "state"}, {"CHECK", "id"}, {"FINDING", "text"}};
    json_t *rows SU_JSON = json_array();
    unsigned count[SU_DOCTOR_STATES] = {0};
    for (size_t i = 0; i < n; i++) {
        count[list[i].state]++;
        (void)json_array_append_new(rows, finding_json(&list[i]));
    }
    int status = count[SU_DOCTOR_BROKEN] ? SU_EXIT_FAILED : SU_EXIT_OK;
    if (su_args_get(a, "--json"))
        return su_json_print(json_pack("{s:O,s:i,s:i}", "checks", rows, "broken", (int)count[SU_DOCTOR_BROKEN],
                                       "warnings", (int)count[SU_DOCTOR_WARNING]),
                             stdout, e) < 0
                   ? -1
                   : status;
    su_api_table_under(rows, columns, SU_ARRAY_LEN(columns), NULL, "remedy");
    printf("\n%u broken, %u warning%s, %u unknown, %u ok\n", count[SU_DOCTOR_BROKEN], count[SU_DOCTOR_WARNING],
           count[SU_DOCTOR_WARNING] == 1 ? "" : "s", count[SU_DOCTOR_UNKNOWN], count[SU_DOCTOR_OK]);
    return status;
}

static int verb_doctor(const struct su_args *a, struct su_err *e)
{
    static struct su_doctor_finding list[SU_DOCTOR_CHECKS];
    SU_AUTO(facts_done) struct su_doctor_facts f = {0};
    const char *state = su_args_get(a, "--state");
    ask_suretyd(a, &f);
    ask_authority(&f);
    su_doctor_look(state ? state : SU_STATE_DIR, &f);
    return print(a, list, su_doctor_run(&f, list), e);
}

OPT(o_json, "--json", NULL, "print JSON", NULL);
OPT(o_state, "--state", "DIR", "suretyd's state (default /var/lib/surety)", NULL);
OPT(o_socket, "--socket", "PATH", "suretyd's socket (default /run/surety/api.sock)", NULL);
static const struct su_option *const options[] = {&o_state, &o_socket, &o_json, NULL};

static const struct su_verb verbs[] = {
    {NULL, "doctor", "", "what is broken on this host, and the remedy; status 1 when something is", 0, 0, options,
     verb_doctor},
};
const struct su_noun su_doctor_noun = {verbs, SU_ARRAY_LEN(verbs)};
