/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What surety-imds answered, and what was done over the API: a line each in the log, and kept in the store.
 *
 * A thread writes at most once a second, a transaction for all that came meanwhile, so that a guest that asks without
 * end costs one flush a second.  When the store cannot be written the newest records are kept in memory.  What guests
 * ask never takes the place of what managers did: each has its queue, and the store keeps so many of a kind. */
#include "base/clean.h"
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    GUESTS_QUEUE = 4096,
    OWN_QUEUE = 512,
    QUEUE = GUESTS_QUEUE + OWN_QUEUE,
    KEEP_LOG = 100000, /* of each kind */
    KEEP_VM_S = 90 * 86400,
    FORGET_EVERY_S = 86400,
    LOOK_S = 60,    /* whether somebody else could not write it */
    AGAIN_S = 5,    /* while it cannot be written */
    FORGET_MAX = 64 /* in a turn, which is a second at least: each is a flush */
};

struct entry {
    char uuid[SU_UUID_TEXT];
    const char *kind; /* static */
    char *text;       /* owned */
};
struct ring {
    struct entry *entry;
    size_t cap, first, n;
};
struct su_audit {
    struct su_daemon *d;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    struct entry guests_entries[GUESTS_QUEUE], own_entries[OWN_QUEUE];
    struct ring guests, own;
    uint64_t dropped;
};

static const char management[] = "management";

static const char *transport_name(uint8_t t)
{
    return t == SU_OVER_VSOCK ? "vsock" : t == SU_OVER_HTTP ? "http" : t == SU_OVER_UNIX ? "unix" : "";
}

static const char *kind_name(uint8_t k)
{
    return k == SU_AUDIT_DOCUMENT ? "document" : k == SU_AUDIT_VERIFIED ? "verified" : "request";
}

static char *to_text(const struct su_imds_audit *a, const char *name)
{
    char when[SU_TIME_TEXT];
    su_time_text(a->time_ms / 1000, when);
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s}", "time", when, "vm", a->uuid, "name", name, "kind",
                  kind_name(a->kind), "transport", transport_name(a->transport), "status", (int)a->status, "peer",
                  a->peer, "path", a->path, "nonceHash", a->nonce_hash, "audience", a->audience, "result", a->result);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return text;
}

/* The oldest goes when there is no room. */
static void enqueue(struct su_audit *q, const char *uuid, const char *kind, char *text)
{
    SU_HOLD(&q->lock);
    struct ring *r = kind == management ? &q->own : &q->guests;
    if (!text)
        return;
    if (r->n == r->cap) {
        free(r->entry[r->first].text);
        r->first = (r->first + 1) % r->cap;
        r->n--;
        q->dropped++;
    }
    struct entry *x = &r->entry[(r->first + r->n++) % r->cap];
    snprintf(x->uuid, sizeof x->uuid, "%s", uuid);
    x->kind = kind;
    x->text = text;
    pthread_cond_signal(&q->wake);
}

static void note(struct su_vm *vm, const struct su_imds_audit *a, uint64_t now)
{
    uint64_t t = a->time_ms / 1000;
    if (t > now) /* its clock is ours; anything else is a lie */
        t = now;
    if (a->kind == SU_AUDIT_DOCUMENT && a->status == 200) {
        vm->last_document = t;
        vm->last_transport = a->transport;
    } else if (a->kind == SU_AUDIT_VERIFIED && a->status < 300) {
        snprintf(vm->last_result, sizeof vm->last_result, "%s", a->result);
        if (strcmp(a->result, "ok") == 0)
            vm->last_verified = t;
    }
}

enum { SAID = 300 };

/* For a line of the log: what stands in quotes there does not end them, as other people's names would like to. */
static const char *quoted(char out[SAID], const char *s)
{
    su_clean(out, SAID, s);
    for (char *p = out; *p; p++)
        if (*p == '"')
            *p = '\'';
    return out;
}

void su_audit_take(struct su_daemon *d, const struct su_imds_audit *a)
{
    char said[3][SAID];
    struct su_vm *vm = a->uuid[0] ? su_vmtab_find(&d->vms, a->uuid) : NULL;
    const char *name = vm ? vm->name : "", *kind = kind_name(a->kind);
    const struct su_log_field f[] = {{"SURETY_KIND", kind},
                                     {"SURETY_VM", a->uuid},
                                     {"SURETY_VM_NAME", name},
                                     {"SURETY_TRANSPORT", transport_name(a->transport)},
                                     {"SURETY_NONCE_HASH", a->nonce_hash},
                                     {"SURETY_AUDIENCE", a->audience},
                                     {"SURETY_RESULT", a->result}};
    su_log_fields(LOG_INFO, f, SU_ARRAY_LEN(f),
                  "audit: vm=%s name=\"%s\" kind=%s transport=%s peer=\"%s\" path=%s status=%u nonce=%s"
                  " audience=\"%s\" result=%s",
                  a->uuid[0] ? a->uuid : "-", quoted(said[0], name), kind, transport_name(a->transport),
                  quoted(said[1], a->peer), a->path, a->status, a->nonce_hash[0] ? a->nonce_hash : "-",
                  quoted(said[2], a->audience), a->result);
    if (vm)
        note(vm, a, su_now());
    if (d->audit)
        enqueue(d->audit, a->uuid, kind, to_text(a, name));
}

/* "": nobody of that number. */
static void user_name(uid_t uid, char out[64])
{
    struct passwd p, *found = NULL;
    char buf[4096];
    out[0] = '\0';
    if (getpwuid_r(uid, &p, buf, sizeof buf, &found) == 0 && found)
        snprintf(out, 64, "%s", found->pw_name);
}

static json_t *clean(const char *s)
{
    char text[SAID];
    su_clean(text, sizeof text, s);
    return json_string(text);
}

void su_audit_did(struct su_daemon *d, const struct su_audit_act *a)
{
    char user[64], uid[16], when[SU_TIME_TEXT], said[4][SAID];
    user_name(a->uid, user);
    snprintf(uid, sizeof uid, "%u", (unsigned)a->uid);
    su_time_text(su_now(), when);
    const struct su_log_field f[] = {{"SURETY_KIND", management},  {"SURETY_USER", user},
                                     {"SURETY_UID", uid},          {"SURETY_ACTION", a->action},
                                     {"SURETY_ON", a->on},         {"SURETY_VM_NAME", a->name},
                                     {"SURETY_RESULT", a->result}, {"SURETY_DETAIL", a->detail}};
    su_log_fields(LOG_NOTICE, f, SU_ARRAY_LEN(f),
                  "audit: kind=management uid=%s user=\"%s\" action=%s on=\"%s\" name=\"%s\" result=%s detail=\"%s\"",
                  uid, quoted(said[0], user), a->action, quoted(said[1], a->on), quoted(said[2], a->name), a->result,
                  quoted(said[3], a->detail));
    json_t *o = json_pack("{s:s,s:s,s:o,s:I,s:s,s:o,s:o,s:s,s:o}", "time", when, "kind", management, "user",
                          clean(user), "uid", (json_int_t)a->uid, "action", a->action, "on", clean(a->on), "name",
                          clean(a->name), "result", a->result, "detail", clean(a->detail));
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (d->audit)
        enqueue(d->audit, su_uuid_valid(a->on) ? a->on : "", management, text);
    else
        free(text);
}

/* The store -------------------------------------------------------------------------------------------------------- */

struct batch {
    struct su_store_write w[QUEUE * 2];
    char key[QUEUE][48];
    char *value[QUEUE];
    char *text[QUEUE];
    const char *kind[QUEUE];
    char uuid[QUEUE][SU_UUID_TEXT];
    size_t n, n_text, n_vm;
};

static void take_ring(struct ring *r, struct batch *b)
{
    for (; r->n; r->n--, r->first = (r->first + 1) % r->cap) {
        struct entry *x = &r->entry[r->first];
        b->text[b->n_text] = x->text;
        b->kind[b->n_text] = x->kind;
        memcpy(b->uuid[b->n_text], x->uuid, sizeof x->uuid);
        b->w[b->n++] = (struct su_store_write){.subject = b->uuid[b->n_text], .kind = x->kind, .text = x->text};
        b->n_text++;
        x->text = NULL;
    }
}

static void take_queue(struct su_audit *q, struct batch *b)
{
    SU_HOLD(&q->lock);
    take_ring(&q->own, b);
    take_ring(&q->guests, b);
}

static char *vm_record(const struct su_vm *vm)
{
    json_t *o =
        json_pack("{s:s,s:I,s:I,s:s,s:i}", "name", vm->name, "document", (json_int_t)vm->last_document, "verified",
                  (json_int_t)vm->last_verified, "result", vm->last_result, "transport", (int)vm->last_transport);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return text;
}

static bool seen(const struct batch *b, size_t i)
{
    for (size_t j = 0; j < b->n_vm; j++)
        if (strcmp(b->key[j] + 3, b->uuid[i]) == 0)
            return true;
    return false;
}

/* A record for each VM that the batch names. */
static void add_vms(struct su_daemon *d, struct batch *b)
{
    SU_HOLD(&d->lock);
    for (size_t i = 0; i < b->n_text; i++) {
        struct su_vm *vm =
            b->uuid[i][0] && b->kind[i] != management && !seen(b, i) ? su_vmtab_find(&d->vms, b->uuid[i]) : NULL;
        char *value = vm ? vm_record(vm) : NULL;
        if (!value)
            continue;
        snprintf(b->key[b->n_vm], sizeof b->key[0], "vm/%s", vm->uuid);
        b->value[b->n_vm] = value;
        b->w[b->n++] =
            (struct su_store_write){.key = b->key[b->n_vm], .value = {(const uint8_t *)value, strlen(value)}};
        b->n_vm++;
    }
}

static void told(struct su_daemon *d, int rc, const struct su_err *e)
{
    SU_HOLD(&d->lock);
    if (rc < 0 && !d->facts.store_failed)
        su_log_err(LOG_ERR, "audit log", e);
    if (rc == 0 && d->facts.store_failed)
        su_log(LOG_NOTICE, "audit log: can be written again");
    d->facts.store_failed = rc < 0;
    snprintf(d->facts.store_problem, sizeof d->facts.store_problem, "%s", rc < 0 ? e->msg : "");
    su_daemon_wake(d);
}

static bool failing(struct su_daemon *d)
{
    SU_HOLD(&d->lock);
    return d->facts.store_failed;
}

/* Whether the store can be written: a record of no meaning. */
static void probe(struct su_daemon *d)
{
    struct su_err e = {0};
    int rc = su_store_put(d->store, "probe", (struct su_bytes){0}, SU_STORE_ANY, NULL, &e);
    told(d, rc, &e);
}

/* first: since suretyd began, which may have been without room. */
static void write_batch(struct su_audit *q, struct batch *b, bool first)
{
    struct su_err e = {0};
    memset(b, 0, sizeof *b);
    take_queue(q, b);
    if (b->n == 0) {
        if (first || failing(q->d))
            probe(q->d);
        return;
    }
    add_vms(q->d, b);
    int rc = su_store_batch(q->d->store, b->w, b->n, KEEP_LOG, &e);
    told(q->d, rc, &e);
    for (size_t i = 0; i < b->n_text; i++) /* kept for the next try, unless the queue is full by then */
        if (rc < 0)
            enqueue(q, b->uuid[i], b->kind[i], b->text[i]);
        else
            free(b->text[i]);
    for (size_t i = 0; i < b->n_vm; i++)
        free(b->value[i]);
}

struct old {
    char key[FORGET_MAX][48];
    size_t n;
    uint64_t before;
};

static int find_old(void *arg, const char *key, uint64_t revision, struct su_bytes value)
{
    struct old *o = arg;
    json_t *v = json_loadb((const char *)value.p, value.n, 0, NULL);
    json_int_t doc = json_integer_value(json_object_get(v, "document")),
               ver = json_integer_value(json_object_get(v, "verified"));
    (void)revision;
    if ((uint64_t)doc < o->before && (uint64_t)ver < o->before && strlen(key) < sizeof o->key[0])
        snprintf(o->key[o->n++], sizeof o->key[0], "%s", key);
    json_decref(v);
    return o->n == FORGET_MAX;
}

/* VMs of which nothing was heard for a season.  True: there may be more of them. */
static bool forget_old(struct su_store *s)
{
    struct old *o SU_FREE = calloc(1, sizeof *o);
    struct su_err e = {0};
    uint64_t now = su_now();
    if (!o || now < KEEP_VM_S)
        return false;
    o->before = now - KEEP_VM_S;
    int rc = su_store_list(s, "vm/", find_old, o, &e);
    for (size_t i = 0; i < o->n && rc == 0; i++)
        rc = su_store_del(s, o->key[i], SU_STORE_ANY, &e);
    if (rc < 0)
        su_log_err(LOG_WARNING, "audit log: records of old VMs", &e);
    return rc == 0 && o->n == FORGET_MAX;
}

/* Until there is something to write, or it is time to forget or to try again, and a second more, for what comes
 * meanwhile.  False: this is the last time. */
static bool wait_turn(struct su_audit *q, int64_t forget_at, uint64_t *dropped)
{
    const int64_t most = failing(q->d) ? AGAIN_S : LOOK_S;
    int64_t left = forget_at - su_monotonic_s();
    left = left < most ? left : most;
    struct timespec due = su_deadline_ms(left > 0 ? (unsigned)left * 1000 : 0);
    SU_HOLD(&q->lock);
    while (!q->stopping && q->own.n + q->guests.n == 0 &&
           pthread_cond_clockwait(&q->wake, &q->lock, CLOCK_MONOTONIC, &due) == 0)
        ;
    struct timespec until = su_deadline_ms(1000);
    while (!q->stopping && pthread_cond_clockwait(&q->wake, &q->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    *dropped = q->dropped;
    q->dropped = 0;
    return !q->stopping;
}

/* Records of VMs are written here alone, so that none is forgotten that was just written. */
static void *run(void *arg)
{
    struct su_audit *q = arg;
    struct batch *b SU_FREE = malloc(sizeof *b);
    int64_t forget_at = su_monotonic_s();
    bool first = true;
    for (bool more = b != NULL; more; first = false) {
        uint64_t dropped;
        more = wait_turn(q, forget_at, &dropped);
        if (dropped)
            su_log(LOG_WARNING, "audit log: %llu records were not kept; the lines above have them",
                   (unsigned long long)dropped);
        write_batch(q, b, first);
        if (more && su_monotonic_s() >= forget_at)
            forget_at = su_monotonic_s() + (forget_old(q->d->store) ? 0 : FORGET_EVERY_S);
    }
    return NULL;
}

void su_audit_recall(struct su_daemon *d, struct su_vm *vm)
{
    struct su_buf value SU_BUF = {0};
    struct su_err e = {0};
    char key[48];
    snprintf(key, sizeof key, "vm/%s", vm->uuid);
    if (su_store_get(d->store, key, &value, NULL, &e) < 0)
        return;
    json_t *v = json_loadb(su_buf_str(&value), value.n, 0, NULL);
    const char *result = json_string_value(json_object_get(v, "result"));
    vm->last_document = (uint64_t)json_integer_value(json_object_get(v, "document"));
    vm->last_verified = (uint64_t)json_integer_value(json_object_get(v, "verified"));
    vm->last_transport = (uint8_t)json_integer_value(json_object_get(v, "transport"));
    snprintf(vm->last_result, sizeof vm->last_result, "%s", result ? result : "");
    json_decref(v);
}

int su_audit_start(struct su_daemon *d, struct su_err *e)
{
    struct su_audit *q = calloc(1, sizeof *q);
    if (!q)
        return su_fail_nomem(e, sizeof *q);
    q->d = d;
    q->guests = (struct ring){.entry = q->guests_entries, .cap = GUESTS_QUEUE};
    q->own = (struct ring){.entry = q->own_entries, .cap = OWN_QUEUE};
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    if (pthread_create(&q->thread, NULL, run, q) != 0) {
        free(q);
        return su_fail(e, SU_E_NOMEM, "daemon.thread", "cannot start a thread");
    }
    d->audit = q;
    return 0;
}

static void drain(struct ring *r)
{
    for (; r->n; r->n--, r->first = (r->first + 1) % r->cap)
        free(r->entry[r->first].text);
}

void su_audit_stop(struct su_daemon *d)
{
    struct su_audit *q = su_steal(&d->audit);
    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    pthread_join(q->thread, NULL);
    drain(&q->own);
    drain(&q->guests);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    free(q);
}
