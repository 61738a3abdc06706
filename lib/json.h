/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - a strict reader of JSON (RFC 8259) that is bounded in everything.
 *
 * Refused beyond what the grammar refuses: a name twice in an object, bytes that are no UTF-8, lone surrogates, NUL and
 * other control characters in strings (also escaped), nesting over JSON_DEPTH, more than JSON_NODES values, and
 * anything but white space behind the value.  No recursion. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH = 12, JSON_NODES = 1024 };
enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
    enum json_type type;
    int next, child;  /* index; -1: none */
    const char *name; /* of a member, else NULL */
    const char *text; /* JSON_STRING, JSON_NUMBER: NUL-terminated, in the document's own memory */
    size_t text_n;
};
struct json {
    struct json_node *node; /* node[0] is the value */
    int n;
    char *arena;
};

/* 0; -1: not JSON, *at is where; -2: no memory.  out is untouched on failure. */
int json_parse(const char *p, size_t n, struct json *out, size_t *at);
void json_free(struct json *j);
/* A member of an object; NULL: none, or no object. */
const struct json_node *json_get(const struct json *j, const struct json_node *object, const char *name);
const struct json_node *json_item(const struct json *j, const struct json_node *array, size_t i);
/* A number without fraction and exponent that fits; false else. */
bool json_int(const struct json_node *x, int64_t *out);
