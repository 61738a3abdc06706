/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader's tree is whole and bounded; what it refuses leaves everything as it was; a payload that is taken has
 * the facts that its members say, and answers read the same again from what they print. */
#include "internal.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PROMISE(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static void check_tree(const struct json *j)
{
    static bool seen[JSON_NODES];
    memset(seen, 0, sizeof seen);
    PROMISE(j->n > 0 && j->n <= JSON_NODES && j->node[0].next < 0);
    for (int i = 0; i < j->n; i++) {
        const struct json_node *x = &j->node[i];
        int links[] = {x->next, x->child};
        for (int k = 0; k < 2; k++) {
            if (links[k] < 0)
                continue;
            PROMISE(links[k] > i && links[k] < j->n && !seen[links[k]]); /* forward only, and to each once */
            seen[links[k]] = true;
        }
        PROMISE(x->child < 0 || x->type == JSON_ARRAY || x->type == JSON_OBJECT);
        if (x->type == JSON_STRING || x->type == JSON_NUMBER)
            PROMISE(strlen(x->text) == x->text_n);
        if (x->type == JSON_OBJECT)
            for (int k = x->child; k >= 0; k = j->node[k].next)
                PROMISE(json_get(j, x, j->node[k].name) == &j->node[k]); /* the only one of its name */
    }
    for (int i = 1; i < j->n; i++)
        PROMISE(seen[i]);
}

static void check_payload(const uint8_t *data, size_t n)
{
    struct facts f = {.created = 77, .payload_n = 99};
    char uuid[SURETY_UUID_TEXT];
    if (surety_payload_parse(data, n, &f, NULL)) {
        PROMISE(f.created == 77 && f.payload_n == 99 && !f.payload);
        return;
    }
    PROMISE(data[0] == '{' && f.payload_n == n && memcmp(f.payload, data, n) == 0);
    PROMISE(f.text[SURETY_F_VM_ID] && surety_uuid_parse(f.text[SURETY_F_VM_ID], 36, uuid) &&
            strcmp(uuid, f.text[SURETY_F_VM_ID]) == 0);
    PROMISE((f.created == INT64_MIN) == (f.text[SURETY_F_CREATED_ON] == NULL));
    for (int i = 0; i < SURETY_FIELD_COUNT; i++)
        for (const char *p = f.text[i]; p && *p; p++)
            PROMISE((unsigned char)*p >= 0x20 && *p != 0x7F);
    surety_facts_free(&f);
}

static void check_answer(const uint8_t *data, size_t n)
{
    struct surety_answer *const untouched = (void *)&untouched, *a = untouched, *again = NULL;
    size_t got = 0, same = 0;
    if (surety_answer_parse(data, n, &a, NULL)) {
        PROMISE(a == untouched);
        return;
    }
    const unsigned char *der = surety_answer_der(a, &got);
    PROMISE(got > 0 && got <= SURETY_DOCUMENT_MAX);
    PROMISE(surety_answer_parse(surety_answer_json(a), strlen(surety_answer_json(a)), &again, NULL) == 0);
    PROMISE(memcmp(surety_answer_der(again, &same), der, got) == 0 && same == got);
    surety_answer_free(&again);
    surety_answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json j = {.n = 77};
    size_t at = 0;
    if (n > SURETY_ANSWER_MAX)
        return 0;
    if (json_parse((const char *)data, n, &j, &at) == 0) {
        check_tree(&j);
        json_free(&j);
    } else {
        PROMISE(j.n == 77 && at <= n);
    }
    check_payload(data, n);
    check_answer(data, n);
    return 0;
}
