/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records as JSON.  One table says what they hold. */
#include "upgrade/record_int.h"
#include <string.h>

enum { FORMAT = 1 };

static const struct member {
    const char *name;
    enum { TEXT, FLAG, U32, U64 } type;
    size_t offset, size;
} members[] = {
#define T(name, m)                                                                                                     \
    {                                                                                                                  \
        name, TEXT, offsetof(struct su_vm_record, m), sizeof(((struct su_vm_record *)0)->m)                            \
    }
#define M(name, type, m)                                                                                               \
    {                                                                                                                  \
        name, type, offsetof(struct su_vm_record, m), 0                                                                \
    }
    T("uuid", uuid),
    T("name", name),
    T("batch", batch),
    T("connect", connect),
    M("going", FLAG, going),
    M("undo_step", U32, undo_step),
    M("was_running", FLAG, was_running),
    M("started_by_us", FLAG, started_by_us),
    M("converted", FLAG, converted),
    M("switch_only", FLAG, switch_only),
    M("redefining", FLAG, redefining),
    T("boot_target", boot_target),
    T("image", image),
    T("format", format),
    T("boot_key", boot_key),
    T("undo", undo),
    M("sector_size", U32, sector_size),
    M("by_request", FLAG, by_request),
    M("keep_data", FLAG, keep_data),
    T("old_machine", old_machine),
    T("old_firmware", old_firmware),
    T("new_machine", new_machine),
    T("version", version),
    T("os_name", os_name),
    M("begun", U64, begun),
    M("changed", U64, changed),
    M("done", U64, done),
    M("saved", U64, saved),
    M("started", U64, started),
    T("error_id", error.id),
    T("error_text", error.text),
    T("error_remedy", error.remedy),
};
/* beside them: format, state, options, restore, expect, step_us */
enum { OTHERS = 6 };

static void json_freep(json_t **j)
{
    json_decref(*j);
}
#define JSON SU_AUTO(json_freep)

static json_t *number(uint64_t v)
{
    return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* Paths come from libvirt's XML, which is UTF-8.  Texts of a guest may not be: what is none there becomes a
 * question mark. */
static json_t *text_value(const char *s)
{
    json_t *o = json_string(s);
    if (o)
        return o;
    SU_FREE char *copy = strdup(s);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return copy ? json_string(copy) : NULL;
}

static json_t *member_value(const struct member *m, const struct su_vm_record *r)
{
    const char *at = (const char *)r + m->offset;
    switch (m->type) {
    case TEXT:
        return text_value(at);
    case FLAG:
        return json_boolean(*(const bool *)at);
    case U32:
        return number(*(const uint32_t *)at);
    case U64:
        return number(*(const uint64_t *)at);
    }
    return NULL;
}

int su_record_print(const struct su_vm_record *r, char **out, struct su_err *e)
{
    JSON json_t *o = json_object();
    json_t *steps = json_array();
    bool bad = !o || !steps;
    for (size_t i = 0; i < SU_VM_STATES; i++)
        bad |= json_array_append_new(steps, number(r->step_us[i])) < 0;
    bad |= json_object_set_new(o, "step_us", steps) < 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++)
        bad |= json_object_set_new(o, members[i].name, member_value(&members[i], r)) < 0;
    bad |= json_object_set_new(o, "format_version", json_integer(FORMAT)) < 0;
    bad |= json_object_set_new(o, "state", json_string(su_state_table[r->state].name)) < 0;
    bad |= json_object_set_new(o, "options", su_job_options_json(&r->options)) < 0;
    bad |= json_object_set_new(o, "restore", su_restore_json(&r->restore)) < 0;
    bad |= json_object_set_new(o, "expect", su_expect_json(&r->expect)) < 0;
    SU_FREE char *text = bad ? NULL : json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return su_fail_nomem(e, SU_STORE_VALUE);
    if (strlen(text) > SU_STORE_VALUE) {
        (void)su_fail(e, SU_E_RANGE, "vm.record.size", "the record of this VM is too large");
        return su_remedy(e, "it has very many disks with long paths: use shorter ones");
    }
    *out = su_steal(&text);
    return 0;
}

static bool take_text(const json_t *v, char *at, size_t cap)
{
    size_t n = json_string_length(v);
    if (!json_is_string(v) || n >= cap || memchr(json_string_value(v), 0, n))
        return false;
    memcpy(at, json_string_value(v), n + 1);
    return true;
}

static bool take_number(const json_t *v, uint64_t max, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool take_member(const struct member *m, const json_t *v, struct su_vm_record *r)
{
    char *at = (char *)r + m->offset;
    uint64_t n = 0;
    switch (m->type) {
    case TEXT:
        return take_text(v, at, m->size);
    case FLAG:
        *(bool *)at = json_is_true(v);
        return json_is_boolean(v);
    case U32:
        if (!take_number(v, UINT32_MAX, &n))
            return false;
        *(uint32_t *)at = (uint32_t)n;
        return true;
    case U64:
        return take_number(v, INT64_MAX, (uint64_t *)at);
    }
    return false;
}

static bool take_state(const json_t *v, enum su_vm_state *out)
{
    for (unsigned i = 0; json_is_string(v) && i < SU_VM_STATES; i++) {
        if (strcmp(json_string_value(v), su_state_table[i].name) == 0) {
            *out = (enum su_vm_state)i;
            return true;
        }
    }
    return false;
}

static bool take_steps(const json_t *v, struct su_vm_record *r)
{
    bool good = json_is_array(v) && json_array_size(v) == SU_VM_STATES;
    for (size_t i = 0; good && i < SU_VM_STATES; i++)
        good = take_number(json_array_get(v, i), INT64_MAX, &r->step_us[i]);
    return good;
}

static int malformed(const char *what, struct su_err *e)
{
    (void)su_fail(e, SU_E_FORMAT, "vm.record", "the record of a VM is damaged, or another version's (%s)", what);
    return su_remedy(e, "use the version of surety that wrote it");
}

static int parse(const json_t *o, struct su_vm_record *r, struct su_err *e)
{
    uint64_t format;
    if (!json_is_object(o) || json_object_size(o) != SU_ARRAY_LEN(members) + OTHERS)
        return malformed("its members", e);
    if (!take_number(json_object_get(o, "format_version"), UINT32_MAX, &format) || format != FORMAT)
        return malformed("format_version", e);
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++)
        if (!take_member(&members[i], json_object_get(o, members[i].name), r))
            return malformed(members[i].name, e);
    if (!take_state(json_object_get(o, "state"), &r->state))
        return malformed("state", e);
    if (!take_steps(json_object_get(o, "step_us"), r))
        return malformed("step_us", e);
    return su_job_options_parse(json_object_get(o, "options"), &r->options, e) < 0 ||
                   su_restore_parse(json_object_get(o, "restore"), &r->restore, e) < 0 ||
                   su_expect_parse(json_object_get(o, "expect"), &r->expect, e) < 0
               ? -1
               : 0;
}

int su_record_parse(struct su_bytes text, struct su_vm_record *out, struct su_err *e)
{
    SU_FREE struct su_vm_record *r = calloc(1, sizeof *r);
    if (!r)
        return su_fail_nomem(e, sizeof *r);
    if (text.n > SU_STORE_VALUE)
        return malformed("its size", e);
    JSON json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        return malformed("no JSON", e);
    if (parse(o, r, e) < 0)
        return -1;
    *out = *r;
    return 0;
}
