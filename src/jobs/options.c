/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jobs/options.c - the options as a table: parsing, printing, defaults and who knows what come from its rows. */
#include "jobs/options.h"
#include <string.h>

static const char *const op_names[SU_OP_COUNT] = {"assess", "upgrade", "verify", "rollback",
                                                  "commit", "finish",  "look"};

const char *su_op_name(enum su_op op)
{
    return (unsigned)op < SU_OP_COUNT ? op_names[op] : "unknown";
}

bool su_op_find(const char *name, enum su_op *out)
{
    for (unsigned i = 0; i < SU_OP_COUNT; i++)
        if (strcmp(op_names[i], name) == 0) {
            *out = (enum su_op)i;
            return true;
        }
    return false;
}

enum {
    ASSESS = 1 << SU_OP_ASSESS,
    UPGRADE = 1 << SU_OP_UPGRADE,
    ROLLBACK = 1 << SU_OP_ROLLBACK,
    PLAN = ASSESS | UPGRADE, /* what decides how a VM would look */
    ALL = (1 << SU_OP_COUNT) - 1,
    CHANGES = ALL & ~(ASSESS | 1 << SU_OP_VERIFY | 1 << SU_OP_LOOK), /* operations that change VMs */
    DAY = 86400,
};

#define AT(m) offsetof(struct su_job_options, m)
#define ROOM(m) sizeof(((struct su_job_options *)0)->m)
#define SWITCH(n, m, o)                                                                                                \
    {                                                                                                                  \
        n, SU_JOB_SWITCH, AT(m), NULL, 0, 1, 0, o                                                                      \
    }
#define ONOFF(n, m, d, o)                                                                                              \
    {                                                                                                                  \
        n, SU_JOB_ONOFF, AT(m), NULL, 0, 1, d, o                                                                       \
    }
#define WORD(n, m, w, o)                                                                                               \
    {                                                                                                                  \
        n, SU_JOB_WORD, AT(m), w, 0, 0, 0, o                                                                           \
    }
#define NUMBER(n, m, lo, hi, d, o)                                                                                     \
    {                                                                                                                  \
        n, SU_JOB_NUMBER, AT(m), NULL, lo, hi, d, o                                                                    \
    }
#define PATH(n, m, o)                                                                                                  \
    {                                                                                                                  \
        n, SU_JOB_PATH, AT(m), NULL, 0, ROOM(m), 0, o                                                                  \
    }
#define MAP(n, m, o)                                                                                                   \
    {                                                                                                                  \
        n, SU_JOB_MAP, AT(m), NULL, 0, ROOM(m), 0, o                                                                   \
    }

const struct su_job_option_row su_job_option_rows[] = {
    ONOFF("secure-boot", secure_boot, 1, PLAN),
    ONOFF("vtpm", vtpm, 1, PLAN),
    WORD("restore-point", restore, "auto overlay internal none", PLAN),
    WORD("machine", machine, "q35 i440fx", PLAN),
    SWITCH("force", force, UPGRADE | ROLLBACK),
    SWITCH("allow-unsigned", allow_unsigned, PLAN),
    SWITCH("no-start", no_start, UPGRADE | ROLLBACK),
    SWITCH("finish", finish, UPGRADE),
    SWITCH("keep-data", keep_data, ROLLBACK),
    SWITCH("yes", yes, ROLLBACK),
    SWITCH("dry-run", dry_run, UPGRADE),
    SWITCH("keep-going", keep_going, CHANGES),
    NUMBER("batch", batch, 1, 64, 5, ALL),
    NUMBER("canary", canary, 0, 4096, 0, CHANGES),
    NUMBER("max-failures", max_failures, 1, 4096, 1, CHANGES),
    NUMBER("shutdown-timeout", shutdown_timeout, 1, DAY, 300, UPGRADE | ROLLBACK),
    NUMBER("verify-timeout", verify_timeout, 1, DAY, 600, UPGRADE),
    PATH("boot-files", boot_files, PLAN),
    PATH("firmware-vars", firmware_vars, PLAN),
    PATH("key-dir", key_dir, PLAN | 1 << SU_OP_LOOK),
    PATH("overlay-dir", overlay_dir, PLAN),
    MAP("map", map, PLAN),
};
const size_t su_job_option_count = SU_ARRAY_LEN(su_job_option_rows);

static void *member(struct su_job_options *o, const struct su_job_option_row *row)
{
    return (char *)o + row->offset;
}

static const void *member_of(const struct su_job_options *o, const struct su_job_option_row *row)
{
    return (const char *)o + row->offset;
}

/* Words and numbers are both 32 bits: the compiler gives an enum without negative values the size of unsigned. */
_Static_assert(sizeof(enum su_restore_kind) == sizeof(uint32_t) && sizeof(enum su_machine) == sizeof(uint32_t), "");

static void set_number(struct su_job_options *o, const struct su_job_option_row *row, uint32_t v)
{
    if (row->type == SU_JOB_SWITCH || row->type == SU_JOB_ONOFF)
        *(bool *)member(o, row) = v != 0;
    else
        memcpy(member(o, row), &v, sizeof v);
}

static uint32_t get_number(const struct su_job_options *o, const struct su_job_option_row *row)
{
    uint32_t v;
    if (row->type == SU_JOB_SWITCH || row->type == SU_JOB_ONOFF)
        return *(const bool *)member_of(o, row);
    memcpy(&v, member_of(o, row), sizeof v);
    return v;
}

static bool is_text(const struct su_job_option_row *row)
{
    return row->type == SU_JOB_PATH || row->type == SU_JOB_MAP;
}

void su_job_options_default(struct su_job_options *o)
{
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < su_job_option_count; i++)
        if (!is_text(&su_job_option_rows[i]))
            set_number(o, &su_job_option_rows[i], su_job_option_rows[i].fallback);
}

/* Where the i-th of the words, which spaces part, begins and how long it is; false: there is none. */
static bool nth_word(const char *words, uint32_t i, const char **at, size_t *n)
{
    for (;; i--) {
        *n = strcspn(words, " ");
        *at = words;
        if (i == 0)
            return *n > 0;
        if (words[*n] == 0)
            return false;
        words += *n + 1;
    }
}

static int bad(const struct su_job_option_row *row, const char *what, struct su_err *e)
{
    return su_fail(e, SU_E_USAGE, "job.option", "option %s: %s", row->name, what);
}

static int take_bool(const struct su_job_option_row *row, const json_t *v, struct su_job_options *o, struct su_err *e)
{
    if (!json_is_boolean(v))
        return bad(row, "not true or false", e);
    set_number(o, row, json_is_true(v));
    return 0;
}

static int take_number(const struct su_job_option_row *row, const json_t *v, struct su_job_options *o, struct su_err *e)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < row->min || n > row->max)
        return su_fail(e, SU_E_USAGE, "job.option", "option %s: not a number from %u to %u", row->name, row->min,
                       row->max);
    set_number(o, row, (uint32_t)n);
    return 0;
}

static int take_word(const struct su_job_option_row *row, const json_t *v, struct su_job_options *o, struct su_err *e)
{
    const char *said = json_string_value(v), *word;
    size_t n;
    for (uint32_t i = 0; said && nth_word(row->words, i, &word, &n); i++)
        if (strlen(said) == n && memcmp(said, word, n) == 0) {
            set_number(o, row, i);
            return 0;
        }
    return su_fail(e, SU_E_USAGE, "job.option", "option %s: not one of: %s", row->name, row->words);
}

static int take_text(const struct su_job_option_row *row, const json_t *v, struct su_job_options *o, struct su_err *e)
{
    const char *s = json_string_value(v);
    size_t n = s ? json_string_length(v) : 0;
    if (!s)
        return bad(row, "not text", e);
    if (n >= row->max)
        return bad(row, "too long", e);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return bad(row, "has a control character", e);
    if (row->type == SU_JOB_PATH && n > 0 && s[0] != '/')
        return bad(row, "not an absolute path", e);
    memset(member(o, row), 0, row->max);
    memcpy(member(o, row), s, n);
    return 0;
}

/* "8e=GUID,27={GUID}", as surety disk takes it: a slip is found before a guest is shut down for it. */
static bool is_map(const char *s)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    for (;;) {
        size_t type = strspn(s, hex), guid, braces;
        if (type < 1 || type > 2 || s[type] != '=')
            return false;
        s += type + 1;
        braces = *s == '{';
        s += braces;
        guid = strspn(s, "-0123456789abcdefABCDEF");
        if (guid != 36 || (braces && s[guid] != '}'))
            return false;
        s += guid + braces;
        if (!*s)
            return true;
        if (*s++ != ',')
            return false;
    }
}

static int take_map(const struct su_job_option_row *row, const json_t *v, struct su_job_options *o, struct su_err *e)
{
    if (take_text(row, v, o, e) < 0)
        return -1;
    const char *s = member_of(o, row);
    return *s && !is_map(s) ? bad(row, "not TYPE=GUID, like 8e=e6d6d379-f507-44c2-a23c-238f2a3df928", e) : 0;
}

static int (*const takers[])(const struct su_job_option_row *, const json_t *, struct su_job_options *,
                             struct su_err *) = {
    [SU_JOB_SWITCH] = take_bool,   [SU_JOB_ONOFF] = take_bool, [SU_JOB_WORD] = take_word,
    [SU_JOB_NUMBER] = take_number, [SU_JOB_PATH] = take_text,  [SU_JOB_MAP] = take_map,
};

static const struct su_job_option_row *find_row(const char *name)
{
    for (size_t i = 0; i < su_job_option_count; i++)
        if (strcmp(su_job_option_rows[i].name, name) == 0)
            return &su_job_option_rows[i];
    return NULL;
}

int su_job_options_parse(const json_t *o, struct su_job_options *out, struct su_err *e)
{
    struct su_job_options got;
    json_t *object = (json_t *)o; /* jansson's iterators take no const; nothing is changed */
    su_job_options_default(&got);
    if (!json_is_object(o))
        return su_fail(e, SU_E_USAGE, "job.option", "the options are no JSON object");
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const struct su_job_option_row *row = find_row(json_object_iter_key(i));
        if (!row)
            return su_fail(e, SU_E_USAGE, "job.option", "there is no option %.64s", json_object_iter_key(i));
        if (takers[row->type](row, json_object_iter_value(i), &got, e) < 0)
            return -1;
    }
    *out = got;
    return 0;
}

int su_job_options_fit(const struct su_job_options *o, enum su_op op, struct su_err *e)
{
    for (size_t i = 0; i < su_job_option_count; i++) {
        const struct su_job_option_row *row = &su_job_option_rows[i];
        bool given = is_text(row) ? *(const char *)member_of(o, row) != 0 : get_number(o, row) != row->fallback;
        if (given && !(row->ops >> op & 1))
            return su_fail(e, SU_E_USAGE, "job.option", "%s has no option %s", su_op_name(op), row->name);
    }
    return 0;
}

static json_t *value_json(const struct su_job_options *o, const struct su_job_option_row *row)
{
    const char *word;
    size_t n;
    if (is_text(row))
        return json_string(member_of(o, row));
    if (row->type == SU_JOB_NUMBER)
        return json_integer(get_number(o, row));
    if (row->type != SU_JOB_WORD)
        return json_boolean(get_number(o, row));
    return nth_word(row->words, get_number(o, row), &word, &n) ? json_stringn(word, n) : NULL;
}

json_t *su_job_options_json(const struct su_job_options *o)
{
    json_t *out = json_object();
    for (size_t i = 0; i < su_job_option_count && out; i++)
        if (json_object_set_new(out, su_job_option_rows[i].name, value_json(o, &su_job_option_rows[i])) < 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}
