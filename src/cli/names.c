/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of VMs, jobs and benefits for the shell's completion. */
#include "api.h"
#include "base/clean.h"
#include "cli.h"
#include <string.h>

enum { LIMIT_MS = 1500, LONGEST = 256 };

static const struct {
    const char *names, *path, *list, *member;
} kinds[] = {{"vms", "/v1/vms", "vms", "name"},
             {"jobs", "/v1/jobs", "jobs", "id"},
             {"benefits", "/v1/benefits", "benefits", "id"}};

const char *su_names_of(const struct su_verb *v)
{
    static const struct {
        const char *noun, *operand, *names; /* noun NULL: any */
    } rows[] = {{"job", "ID", "jobs"},   {"benefit", "ID", "benefits"}, {NULL, "NAME", "vms"}, {NULL, "VM", "vms"},
                {NULL, "NAMES", "none"}, {NULL, "HOST", "none"},        {NULL, "WHAT", "none"}};
    const char *word = v->operands + (v->operands[0] == '[');
    size_t length = strcspn(word, "].");
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        if (strlen(rows[i].operand) == length && strncmp(rows[i].operand, word, length) == 0 &&
            (!rows[i].noun || (v->noun && strcmp(rows[i].noun, v->noun) == 0)))
            return rows[i].names;
    return "files";
}

int su_names_print(const struct su_args *a, struct su_err *e)
{
    size_t k = 0;
    json_t *o SU_JSON = NULL;
    while (k < SU_ARRAY_LEN(kinds) && strcmp(kinds[k].names, a->operand[0]) != 0)
        k++;
    if (k == SU_ARRAY_LEN(kinds))
        return su_fail(e, SU_E_USAGE, "cli.operand", "there are no names of %.40s", a->operand[0]);
    if (su_api_get(a, kinds[k].path, LIMIT_MS, &o, e) < 0)
        return -1;
    const json_t *list = su_api_member(o, kinds[k].list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = su_api_text(json_array_get(list, i), kinds[k].member);
        char clean[LONGEST];
        su_clean(clean, sizeof clean, name);
        if (name[0] && strcmp(clean, name) == 0)
            printf("%s\n", name);
    }
    return SU_EXIT_OK;
}
