/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include <stdlib.h>
#include <string.h>

struct reader {
    const unsigned char *p;
    size_t n, i;
    struct json_node *node;
    int n_nodes, cap;
    char *arena; /* n bytes and a NUL per string are enough: no escape is shorter than what it stands for */
    size_t used;
    bool no_memory;
};

static void skip_space(struct reader *r)
{
    while (r->i < r->n && (r->p[r->i] == ' ' || r->p[r->i] == '\t' || r->p[r->i] == '\n' || r->p[r->i] == '\r'))
        r->i++;
}

static bool eat(struct reader *r, unsigned char c)
{
    if (r->i >= r->n || r->p[r->i] != c)
        return false;
    r->i++;
    return true;
}

static int new_node(struct reader *r, enum json_type type)
{
    if (r->n_nodes >= JSON_NODES)
        return -1;
    if (r->n_nodes == r->cap) {
        int cap = r->cap ? r->cap * 2 : 32;
        struct json_node *more = realloc(r->node, (size_t)cap * sizeof *more);
        if (!more) {
            r->no_memory = true;
            return -1;
        }
        r->node = more;
        r->cap = cap;
    }
    r->node[r->n_nodes] = (struct json_node){.type = type, .next = -1, .child = -1};
    return r->n_nodes++;
}

/* One character that is not ASCII, copied as it is; false: no UTF-8, or a C1 control. */
static bool take_utf8(struct reader *r)
{
    const unsigned char *s = r->p + r->i;
    unsigned n = (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : (s[0] & 0xF8) == 0xF0 ? 4 : 0;
    static const uint32_t least[] = {0, 0, 0xA0, 0x800, 0x10000};
    if (!n || r->n - r->i < n)
        return false;
    uint32_t c = s[0] & (0x7Fu >> n);
    for (unsigned i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return false;
        c = c << 6 | (s[i] & 0x3Fu);
    }
    if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    memcpy(r->arena + r->used, s, n);
    r->used += n;
    r->i += n;
    return true;
}

static bool take_hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    if (r->n - r->i < 4)
        return false;
    for (int k = 0; k < 4; k++) {
        unsigned char c = r->p[r->i++];
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | ((c | 32u) - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

static void put_utf8(struct reader *r, uint32_t c)
{
    char *o = r->arena + r->used;
    if (c < 0x80) {
        o[0] = (char)c;
        r->used += 1;
    } else if (c < 0x800) {
        o[0] = (char)(0xC0 | c >> 6);
        o[1] = (char)(0x80 | (c & 0x3F));
        r->used += 2;
    } else if (c < 0x10000) {
        o[0] = (char)(0xE0 | c >> 12);
        o[1] = (char)(0x80 | (c >> 6 & 0x3F));
        o[2] = (char)(0x80 | (c & 0x3F));
        r->used += 3;
    } else {
        o[0] = (char)(0xF0 | c >> 18);
        o[1] = (char)(0x80 | (c >> 12 & 0x3F));
        o[2] = (char)(0x80 | (c >> 6 & 0x3F));
        o[3] = (char)(0x80 | (c & 0x3F));
        r->used += 4;
    }
}

/* The four digits behind \u, and those of a second half where the first is one. */
static bool take_code(struct reader *r, uint32_t *out)
{
    uint32_t c = 0, low = 0;
    if (!take_hex4(r, &c) || (c >= 0xDC00 && c <= 0xDFFF))
        return false;
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (!eat(r, '\\') || !eat(r, 'u') || !take_hex4(r, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    *out = c;
    return true;
}

/* \b \f \n \r \t stand for control characters, which no text of ours has. */
static bool take_escape(struct reader *r)
{
    uint32_t c = 0;
    unsigned char kind = r->i < r->n ? r->p[r->i++] : 0;
    if (kind == '"' || kind == '\\' || kind == '/') {
        r->arena[r->used++] = (char)kind;
        return true;
    }
    if (kind != 'u' || !take_code(r, &c) || c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    put_utf8(r, c);
    return true;
}

/* The cursor is on the opening quote. */
static bool take_string(struct reader *r, const char **text, size_t *n)
{
    size_t from = r->used;
    if (!eat(r, '"'))
        return false;
    while (r->i < r->n && r->p[r->i] != '"') {
        unsigned char c = r->p[r->i];
        if (c < 0x20 || c == 0x7F)
            return false;
        if (c == '\\') {
            r->i++;
            if (!take_escape(r))
                return false;
        } else if (c >= 0x80) {
            if (!take_utf8(r))
                return false;
        } else {
            r->arena[r->used++] = (char)c;
            r->i++;
        }
    }
    if (!eat(r, '"'))
        return false;
    *text = r->arena + from;
    *n = r->used - from;
    r->arena[r->used++] = 0;
    return true;
}

static size_t digits(struct reader *r)
{
    size_t from = r->i;
    while (r->i < r->n && r->p[r->i] >= '0' && r->p[r->i] <= '9')
        r->i++;
    return r->i - from;
}

static bool take_number(struct reader *r, struct json_node *x)
{
    size_t from = r->i;
    eat(r, '-');
    size_t whole = r->i, n = digits(r);
    if (n == 0 || (n > 1 && r->p[whole] == '0'))
        return false;
    if (eat(r, '.') && digits(r) == 0)
        return false;
    if (eat(r, 'e') || eat(r, 'E')) {
        if (!eat(r, '+'))
            eat(r, '-');
        if (digits(r) == 0)
            return false;
    }
    x->text = r->arena + r->used;
    x->text_n = r->i - from;
    memcpy(r->arena + r->used, r->p + from, x->text_n);
    r->used += x->text_n;
    r->arena[r->used++] = 0;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (r->n - r->i < n || memcmp(r->p + r->i, word, n) != 0)
        return false;
    r->i += n;
    return true;
}

/* A value that is not a container, or a container's opening; its node, or -1. */
static int take_value(struct reader *r)
{
    static const struct {
        const char *word;
        enum json_type type;
    } words[] = {{"null", JSON_NULL}, {"true", JSON_TRUE}, {"false", JSON_FALSE}};
    if (r->i >= r->n)
        return -1;
    unsigned char c = r->p[r->i];
    enum json_type type = c == '{' ? JSON_OBJECT : c == '[' ? JSON_ARRAY : c == '"' ? JSON_STRING : JSON_NUMBER;
    int id = new_node(r, type);
    if (id < 0)
        return -1;
    struct json_node *x = &r->node[id];
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        r->i++;
        return id;
    }
    if (type == JSON_STRING)
        return take_string(r, &x->text, &x->text_n) ? id : -1;
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (take_word(r, words[k].word)) {
            x->type = words[k].type;
            return id;
        }
    }
    return take_number(r, x) ? id : -1;
}

/* "name": of the next member, which its object must not have yet. */
static bool take_name(struct reader *r, int object, const char **name)
{
    size_t n = 0;
    if (!take_string(r, name, &n))
        return false;
    for (int k = r->node[object].child; k >= 0; k = r->node[k].next)
        if (strcmp(r->node[k].name, *name) == 0)
            return false;
    skip_space(r);
    return eat(r, ':');
}

struct level {
    int id, last;
};

/* Reads one element of the innermost container, or its end. */
static bool step(struct reader *r, struct level *stack, int *depth)
{
    struct level *top = &stack[*depth - 1];
    bool object = r->node[top->id].type == JSON_OBJECT;
    const char *name = NULL;
    skip_space(r);
    if (eat(r, object ? '}' : ']')) {
        --*depth;
        return true;
    }
    if (top->last >= 0) {
        if (!eat(r, ','))
            return false;
        skip_space(r);
    }
    if (object && !take_name(r, top->id, &name))
        return false;
    skip_space(r);
    int id = take_value(r);
    if (id < 0)
        return false;
    r->node[id].name = name;
    if (top->last >= 0)
        r->node[top->last].next = id;
    else
        r->node[top->id].child = id;
    top->last = id;
    if (r->node[id].type != JSON_OBJECT && r->node[id].type != JSON_ARRAY)
        return true;
    if (*depth == JSON_DEPTH)
        return false;
    stack[(*depth)++] = (struct level){id, -1};
    return true;
}

int json_parse(const char *p, size_t n, struct json *out, size_t *at)
{
    struct reader r = {.p = (const unsigned char *)p, .n = n};
    struct level stack[JSON_DEPTH];
    int depth = 0;
    *at = 0;
    if (n > (SIZE_MAX >> 2) || !(r.arena = malloc(n * 2 + 2))) /* a number of one digit takes two bytes */
        return -2;
    skip_space(&r);
    int id = take_value(&r);
    bool good = id == 0;
    if (good && (r.node[0].type == JSON_OBJECT || r.node[0].type == JSON_ARRAY))
        stack[depth++] = (struct level){0, -1};
    while (good && depth > 0)
        good = step(&r, stack, &depth);
    skip_space(&r);
    if (!good || r.i != n) {
        *at = r.i;
        free(r.arena);
        free(r.node);
        return r.no_memory ? -2 : -1;
    }
    *out = (struct json){r.node, r.n_nodes, r.arena};
    return 0;
}

void json_free(struct json *j)
{
    free(j->node);
    free(j->arena);
    *j = (struct json){0};
}

const struct json_node *json_get(const struct json *j, const struct json_node *object, const char *name)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (int k = object->child; k >= 0; k = j->node[k].next)
        if (strcmp(j->node[k].name, name) == 0)
            return &j->node[k];
    return NULL;
}

const struct json_node *json_item(const struct json *j, const struct json_node *array, size_t i)
{
    if (!array || array->type != JSON_ARRAY)
        return NULL;
    for (int k = array->child; k >= 0; k = j->node[k].next)
        if (i-- == 0)
            return &j->node[k];
    return NULL;
}

bool json_int(const struct json_node *x, int64_t *out)
{
    if (!x || x->type != JSON_NUMBER || x->text_n > 18)
        return false;
    int64_t v = 0;
    const char *s = x->text + (x->text[0] == '-');
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (*s - '0');
    }
    *out = x->text[0] == '-' ? -v : v;
    return true;
}
