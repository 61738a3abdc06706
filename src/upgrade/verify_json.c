/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "upgrade/verify.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

json_t *su_verified_json(const struct su_verified *v)
{
    json_t *list = json_array();
    bool bad = !list;
    for (unsigned i = 0; i < v->n; i++) {
        const struct su_verify_row *r = &v->row[i];
        bad |= json_array_append_new(list,
                                     json_pack("{s:s,s:s,s:b,s:s,s:s}", "id", r->id, "proof", su_proof_name(r->proof),
                                               "required", r->required, "how", r->how, "text", r->text)) < 0;
    }
    json_t *o = json_pack("{s:b,s:i,s:i,s:o}", "ok", v->no == 0, "no", (int)v->no, "open", (int)v->open, "rows", list);
    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}

/* One row a member. */
#define TEXT(m)                                                                                                        \
    {                                                                                                                  \
#m, offsetof(struct su_expect, m), sizeof((struct su_expect *)0)->m                                            \
    }
#define FLAG(m)                                                                                                        \
    {                                                                                                                  \
#m, offsetof(struct su_expect, m), 0                                                                           \
    }
static const struct {
    const char *name;
    size_t offset, size; /* size 0: a boolean */
} members[] = {
    FLAG(secure_boot),    FLAG(vtpm),       FLAG(has_pcr4),    TEXT(pcr4),      TEXT(os_id),
    TEXT(os_version),     TEXT(machine_id), TEXT(hostname),    TEXT(root_uuid), FLAG(agent_before),
    FLAG(network_before), TEXT(cards),      FLAG(agent_maybe),
};

json_t *su_expect_json(const struct su_expect *x)
{
    json_t *o = json_object();
    bool bad = !o;
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++) {
        const char *at = (const char *)x + members[i].offset;
        json_t *value = members[i].size ? json_string(at) : json_boolean(*(const bool *)at);
        bad |= json_object_set_new(o, members[i].name, value) < 0;
    }
    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}

int su_expect_parse(const json_t *o, struct su_expect *out, struct su_err *e)
{
    struct su_expect x = {0};
    if (!json_is_object(o))
        return su_fail(e, SU_E_FORMAT, "vm.expect", "what is expected of the VM is not an object");
    for (size_t i = 0; i < SU_ARRAY_LEN(members); i++) {
        const json_t *m = json_object_get(o, members[i].name);
        char *at = (char *)&x + members[i].offset;
        if (!m)
            continue;
        bool good = members[i].size ? json_is_string(m) && json_string_length(m) < members[i].size : json_is_boolean(m);
        if (!good)
            return su_fail(e, SU_E_FORMAT, "vm.expect", "what is expected of the VM: %s is not as it should be",
                           members[i].name);
        if (members[i].size)
            snprintf(at, members[i].size, "%s", json_string_value(m));
        else
            *(bool *)at = json_is_true(m);
    }
    *out = x;
    return 0;
}
