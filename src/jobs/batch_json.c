/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/batch_json.c - batches and their lines as JSON: one table of fields reads and writes each. */
#include "base/clean.h"
#include "jobs_int.h"
#include <string.h>

enum kind { TEXT, NAME, NUMBER, FLAG, THIRD /* int8_t: true, false, or -1 as null */ };
struct field {
    const char *name;
    enum kind kind;
    size_t offset, size;
    const char *(*word)(unsigned); /* NAME: of a value; below count */
    unsigned count;
};

static const char *const state_names[SU_BATCH_STATES] = {"waiting", "running", "ended"};
static const char *const outcome_names[SU_VM_OUTCOMES] = {"pending", "working", "ok",    "already",
                                                          "stopped", "failed",  "stuck", "skipped"};

const char *su_batch_state_name(enum su_batch_state s)
{
    return (unsigned)s < SU_BATCH_STATES ? state_names[s] : "unknown";
}

const char *su_vm_outcome_name(enum su_vm_outcome o)
{
    return (unsigned)o < SU_VM_OUTCOMES ? outcome_names[o] : "unknown";
}

bool su_vm_outcome_final(enum su_vm_outcome o)
{
    return o != SU_VM_PENDING && o != SU_VM_WORKING;
}

static const char *op_word(unsigned v)
{
    return su_op_name((enum su_op)v);
}

static const char *state_word(unsigned v)
{
    return su_batch_state_name((enum su_batch_state)v);
}

static const char *outcome_word(unsigned v)
{
    return su_vm_outcome_name((enum su_vm_outcome)v);
}

#define B(n, k, m, ...)                                                                                                \
    {                                                                                                                  \
        n, k, offsetof(struct su_batch, m), sizeof(((struct su_batch *)0)->m), __VA_ARGS__                             \
    }
static const struct field batch_fields[] = {
    B("id", TEXT, id, NULL, 0),
    B("op", NAME, op, op_word, SU_OP_COUNT),
    B("connect", TEXT, connect, NULL, 0),
    B("origin", TEXT, origin, NULL, 0),
    B("state", NAME, state, state_word, SU_BATCH_STATES),
    B("cancelled", FLAG, cancelled, NULL, 0),
    B("all", FLAG, all, NULL, 0),
    B("count", NUMBER, n_vms, NULL, 0),
    B("created", NUMBER, created, NULL, 0),
    B("started", NUMBER, started, NULL, 0),
    B("ended", NUMBER, ended, NULL, 0),
};

#define L(n, k, m, ...)                                                                                                \
    {                                                                                                                  \
        n, k, offsetof(struct su_batch_vm, m), sizeof(((struct su_batch_vm *)0)->m), __VA_ARGS__                       \
    }
static const struct field line_fields[] = {
    L("index", NUMBER, index, NULL, 0),
    L("name", TEXT, name, NULL, 0),
    L("uuid", TEXT, uuid, NULL, 0),
    L("group", TEXT, group, NULL, 0),
    L("secureBoot", THIRD, secure_boot, NULL, 0),
    L("outcome", NAME, outcome, outcome_word, SU_VM_OUTCOMES),
    L("step", TEXT, step, NULL, 0),
    L("percent", NUMBER, percent, NULL, 0),
    L("startedMs", NUMBER, started_ms, NULL, 0),
    L("endedMs", NUMBER, ended_ms, NULL, 0),
    L("id", TEXT, id, NULL, 0),
    L("text", TEXT, text, NULL, 0),
    L("remedy", TEXT, remedy, NULL, 0),
    L("summary", TEXT, summary, NULL, 0),
};
_Static_assert(sizeof(enum su_op) == 4 && sizeof(enum su_batch_state) == 4 && sizeof(enum su_vm_outcome) == 4, "");

void su_batch_log_name(const char *id, const struct su_batch_vm *vm, char *out, size_t cap)
{
    char safe[128];
    size_t n = 0;
    bool same = vm->name[0] != 0;
    for (const char *p = vm->name; *p && n + 1 < sizeof safe; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                     *p == '.' || *p == '_';
        safe[n++] = plain ? *p : '_';
        same &= plain;
    }
    safe[n] = 0;
    if (same && vm->name[n] == 0)
        snprintf(out, cap, "%.20s-%s.log", id, safe);
    else
        snprintf(out, cap, "%.20s-%s~%05u.log", id, safe, vm->index);
}

static uint64_t load(const char *at, size_t size)
{
    uint64_t v = 0;
    uint32_t half;
    if (size == sizeof v) {
        memcpy(&v, at, sizeof v);
        return v;
    }
    if (size == 1)
        return *(const uint8_t *)at;
    memcpy(&half, at, sizeof half);
    return half;
}

static void store(char *at, size_t size, uint64_t v)
{
    uint32_t half = (uint32_t)v;
    if (size == sizeof v)
        memcpy(at, &v, sizeof v);
    else if (size == 1)
        *(uint8_t *)at = (uint8_t)v;
    else
        memcpy(at, &half, sizeof half);
}

static json_t *one_json(const char *at, const struct field *f)
{
    char clean[256];
    switch (f->kind) {
    case TEXT:
        su_clean(clean, f->size < sizeof clean ? f->size : sizeof clean, at);
        return json_string(clean);
    case NAME:
        return json_string(f->word((unsigned)load(at, f->size)));
    case NUMBER:
        return json_integer((json_int_t)load(at, f->size));
    case FLAG:
        return json_boolean(*(const bool *)at);
    case THIRD:
        return *(const int8_t *)at < 0 ? json_null() : json_boolean(*(const int8_t *)at);
    }
    return NULL;
}

static json_t *fields_json(const void *from, const struct field *f, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n && o; i++)
        if (json_object_set_new(o, f[i].name, one_json((const char *)from + f[i].offset, &f[i])) < 0) {
            json_decref(o);
            o = NULL;
        }
    return o;
}

static bool take_text(char *at, const struct field *f, const json_t *v)
{
    const char *s = json_string_value(v);
    if (!s || json_string_length(v) >= f->size)
        return false;
    memcpy(at, s, json_string_length(v) + 1);
    return true;
}

static bool take_name(char *at, const struct field *f, const json_t *v)
{
    const char *s = json_string_value(v);
    for (unsigned i = 0; s && i < f->count; i++)
        if (strcmp(f->word(i), s) == 0) {
            store(at, f->size, i);
            return true;
        }
    return false;
}

static bool take_number(char *at, const struct field *f, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    uint64_t most = f->size == 8 ? INT64_MAX : f->size == 4 ? UINT32_MAX : UINT8_MAX;
    if (!json_is_integer(v) || n < 0 || (uint64_t)n > most)
        return false;
    store(at, f->size, (uint64_t)n);
    return true;
}

static bool take_flag(char *at, const struct field *f, const json_t *v)
{
    (void)f;
    if (!json_is_boolean(v))
        return false;
    *(bool *)at = json_is_true(v);
    return true;
}

static bool take_third(char *at, const struct field *f, const json_t *v)
{
    (void)f;
    if (!json_is_boolean(v) && !json_is_null(v))
        return false;
    *(int8_t *)at = json_is_null(v) ? -1 : json_is_true(v);
    return true;
}

static bool (*const takers[])(char *, const struct field *, const json_t *) = {
    [TEXT] = take_text, [NAME] = take_name, [NUMBER] = take_number, [FLAG] = take_flag, [THIRD] = take_third,
};

/* A member that is not there keeps its value: an older version did not know it. */
static int fields_parse(const json_t *o, void *into, const struct field *f, size_t n, struct su_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(o, f[i].name);
        if (v && !takers[f[i].kind]((char *)into + f[i].offset, &f[i], v))
            return su_fail(e, SU_E_FORMAT, "job.record", "a record's %s is not what it should be", f[i].name);
    }
    return 0;
}

static int load_json(struct su_bytes text, json_t **out, struct su_err *e)
{
    json_error_t why;
    *out = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    return *out ? 0 : su_fail(e, SU_E_FORMAT, "job.record", "a record cannot be read: %s", why.text);
}

json_t *su_batch_json(const struct su_batch *b)
{
    json_t *o = fields_json(b, batch_fields, SU_ARRAY_LEN(batch_fields));
    if (o && json_object_set_new(o, "options", su_job_options_json(&b->options)) < 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *su_batch_vm_json(const struct su_batch_vm *vm)
{
    return fields_json(vm, line_fields, SU_ARRAY_LEN(line_fields));
}

char *jobs_batch_text(const struct su_batch *b)
{
    json_auto_t *o = su_batch_json(b);
    return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

char *jobs_line_text(const struct su_batch_vm *vm)
{
    json_auto_t *o = su_batch_vm_json(vm);
    return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

int jobs_batch_parse(struct su_bytes text, struct su_batch *out, struct su_err *e)
{
    struct su_batch b = {.op = SU_OP_ASSESS};
    json_auto_t *o = NULL;
    if (load_json(text, &o, e) < 0 || fields_parse(o, &b, batch_fields, SU_ARRAY_LEN(batch_fields), e) < 0)
        return -1;
    if (su_job_options_parse(json_object_get(o, "options"), &b.options, e) < 0)
        return su_fail(e, SU_E_FORMAT, "job.record", "the options of batch %s are not what they should be", b.id);
    if (b.n_vms > SU_BATCH_VMS)
        return su_fail(e, SU_E_FORMAT, "job.record", "batch %s has too many VMs", b.id);
    *out = b;
    return 0;
}

int jobs_line_parse(struct su_bytes text, struct su_batch_vm *out, struct su_err *e)
{
    struct su_batch_vm vm = {.secure_boot = -1};
    json_auto_t *o = NULL;
    if (load_json(text, &o, e) < 0 || fields_parse(o, &vm, line_fields, SU_ARRAY_LEN(line_fields), e) < 0)
        return -1;
    *out = vm;
    return 0;
}
