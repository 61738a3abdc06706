/* SPDX-License-Identifier: GPL-3.0-or-later */
/* activate.c - a benefit goes on with a verified document, and off without one. */
#include "agent.h"
#include "base/child.h"
#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 32, MAX_ENV = SURETY_FIELD_COUNT + 8 };

struct command {
    char text[512];
    const char *argv[MAX_WORDS + 1];
    char *env[MAX_ENV + 1]; /* owned */
    size_t n_env;
};

static void command_done(struct command *c)
{
    for (size_t i = 0; i < c->n_env; i++)
        free(c->env[i]);
}

static int split(struct command *c, const char *text, struct su_err *e)
{
    size_t n = 0;
    memcpy(c->text, text, strlen(text) + 1);
    for (char *p = c->text; *(p += strspn(p, " \t"));) {
        if (n == MAX_WORDS)
            return su_fail(e, SU_E_RANGE, "benefit.hook", "a hook of more than %d words", MAX_WORDS);
        c->argv[n++] = p;
        p += strcspn(p, " \t");
        if (*p)
            *p++ = 0;
    }
    return 0;
}

static int set(struct command *c, const char *name, const char *value, struct su_err *e)
{
    if (c->n_env == MAX_ENV)
        return 0;
    size_t n = strlen(name) + strlen(value) + 2;
    char *s = malloc(n);
    if (!s)
        return su_fail_nomem(e, n);
    snprintf(s, n, "%s=%s", name, value);
    c->env[c->n_env++] = s;
    return 0;
}

/* "surety.securityProfile.vTpm" -> SURETY_FACT_SURETY_SECURITYPROFILE_VTPM */
static int set_facts(struct command *c, const struct surety_document *d, struct su_err *e)
{
    for (int f = 0; f < SURETY_FIELD_COUNT; f++) {
        const char *value = surety_document_get(d, (enum surety_field)f);
        char name[96] = "SURETY_FACT_";
        size_t n = strlen(name);
        for (const char *p = surety_field_name((enum surety_field)f); *p && n < sizeof name - 1; p++)
            name[n++] = (char)(*p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        name[n] = 0;
        if (value && set(c, name, value, e) < 0)
            return -1;
    }
    return 0;
}

static int run(const struct su_benefit *b, const char *hook, const char *action, const char *reason,
               const struct surety_document *d, struct su_err *e)
{
    SU_AUTO(command_done) struct command c = {.n_env = 0};
    struct su_child spec = {
        .argv = c.argv, .env = (const char *const *)c.env, .timeout_ms = b->timeout * 1000, .own_group = true};
    if (!*hook)
        return 0;
    if (split(&c, hook, e) < 0 || set(&c, "SURETY_BENEFIT", b->id, e) < 0 || set(&c, "SURETY_ACTION", action, e) < 0 ||
        set(&c, "SURETY_REASON", reason, e) < 0 || (d && set_facts(&c, d, e) < 0))
        return -1;
    if (su_child_run(&spec, NULL, e) < 0)
        return su_context(e, "hook of %s (%s)", b->id, action);
    return 0;
}

static int take_away(const struct su_guest_conf *c, const struct su_benefit *b, const char *reason, struct su_err *e)
{
    int removed = su_grant_remove(c, b, e);
    if (removed <= 0)
        return removed;
    return run(b, b->deactivate, "deactivate", reason, NULL, e);
}

int su_benefit_deactivate(const struct su_guest_conf *c, const struct su_benefit *b, const char *reason,
                          struct su_err *e)
{
    SU_CLOSE int lock = -1;
    return su_grant_lock(c, &lock, e) < 0 ? -1 : take_away(c, b, reason, e);
}

/* The first failure is what is told; that taking away failed as well is told in its place, being worse. */
static int give_up(const struct su_guest_conf *c, const struct su_benefit *b, const struct su_err *why,
                   struct su_err *e)
{
    struct su_err worse = {0};
    struct su_err first = *why;
    *e = take_away(c, b, first.id, &worse) < 0 ? worse : first;
    return -1;
}

int su_benefit_activate(const struct su_guest_conf *c, const struct su_benefit *b, int64_t *expires, struct su_err *e)
{
    struct su_guest_ask a = {.audience = b->audience,
                             .secure_boot = b->secure_boot,
                             .vtpm = b->vtpm,
                             .busy_tries = 2,
                             .security_type = b->security_type,
                             .cluster = b->cluster};
    SU_PROOF struct su_proof p = {NULL, NULL};
    struct su_err why = {0};
    struct su_grant old;
    SU_CLOSE int lock = -1;
    if (su_grant_lock(c, &lock, e) < 0)
        return -1;
    if (su_guest_prove(c, &a, &p, &why) < 0) {
        if (!su_is_transport(&why))
            return give_up(c, b, &why, e);
        /* no answer says nothing new: what was granted holds until it expires */
        su_grant_look(c, b, &old);
        if (!old.there)
            return give_up(c, b, &why, e);
        *e = why;
        return -1;
    }
    bool renew = su_grant_exists(c, b);
    if (run(b, b->hook, renew ? "renew" : "activate", "", p.document, &why) < 0 || su_grant_write(c, b, &p, &why) < 0)
        return give_up(c, b, &why, e);
    *expires = surety_document_expires(p.document);
    return 0;
}
