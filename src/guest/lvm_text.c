/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lvm_text.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

struct parser {
    struct su_bytes in;
    size_t line;
    struct su_lvm_tree t; /* owned until handed over */
    uint32_t cap;
    uint32_t open[SU_LVM_MAX_DEPTH + 1]; /* sections and, last, an array we are in */
    uint32_t last[SU_LVM_MAX_DEPTH + 1]; /* their last child so far */
    unsigned depth;
    struct su_err *e;
};

static int syntax(const struct parser *p, const char *what)
{
    return su_fail(p->e, SU_E_FORMAT, "lvm.text.syntax", "line %zu of the LVM metadata: %s", p->line, what);
}

static int limit(const struct parser *p, const char *what)
{
    return su_fail(p->e, SU_E_FORMAT, "lvm.text.limit", "line %zu of the LVM metadata: %s", p->line, what);
}

static void skip_blank(struct parser *p)
{
    bool comment = false;
    for (; p->in.n > 0; su_skip(&p->in, 1)) {
        uint8_t c = *p->in.p;
        if (c == '\n') {
            p->line++;
            comment = false;
        } else if (c == '#') {
            comment = true;
        } else if (!comment && !isspace(c)) {
            return;
        }
    }
}

static int peek(struct parser *p)
{
    skip_blank(p);
    return p->in.n ? *p->in.p : 0;
}

static bool accept(struct parser *p, char c)
{
    return peek(p) == c && su_skip(&p->in, 1);
}

/* A new last child of the innermost open node; its index, or 0 with the error set. */
static uint32_t add(struct parser *p, enum su_lvm_kind kind)
{
    struct su_lvm_tree *t = &p->t;
    if (t->n == SU_LVM_MAX_NODES) {
        limit(p, "too many values");
        return 0;
    }
    if (t->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 256;
        struct su_lvm_node *node = realloc(t->node, cap * sizeof *node);
        if (!node) {
            su_fail_nomem(p->e, cap * sizeof *node);
            return 0;
        }
        t->node = node;
        p->cap = cap;
    }
    uint32_t i = t->n++;
    t->node[i] = (struct su_lvm_node){.kind = kind};
    if (i > 0) {
        if (p->last[p->depth])
            t->node[p->last[p->depth]].next = i;
        else
            t->node[p->open[p->depth]].child = i;
        p->last[p->depth] = i;
    }
    return i;
}

static int enter(struct parser *p, uint32_t node)
{
    if (p->depth == SU_LVM_MAX_DEPTH)
        return limit(p, "too many sections within sections");
    p->open[++p->depth] = node;
    p->last[p->depth] = 0;
    return 0;
}

static int parse_string(struct parser *p, struct su_bytes *out)
{
    su_skip(&p->in, 1);
    const uint8_t *start = p->in.p;
    for (size_t i = 0; i < p->in.n && start[i] != '\n'; i++) {
        if (start[i] == '\\' && i + 1 < p->in.n && start[i + 1] != '\n') {
            i++;
        } else if (start[i] == '"') {
            *out = (struct su_bytes){start, i};
            su_skip(&p->in, i + 1);
            return 0;
        }
    }
    return syntax(p, "a string does not end");
}

/* [+-]digits[.digits]; *is_float tells which. */
static int parse_number(struct parser *p, int64_t *out, bool *is_float)
{
    bool negative = *p->in.p == '-';
    if (negative || *p->in.p == '+')
        su_skip(&p->in, 1);
    uint64_t v = 0;
    size_t digits = 0;
    *is_float = false;
    for (; p->in.n && (isdigit(*p->in.p) || (*p->in.p == '.' && !*is_float)); su_skip(&p->in, 1)) {
        unsigned d = *p->in.p - (unsigned)'0';
        if (*p->in.p == '.') {
            *is_float = true;
            continue;
        }
        digits++;
        if (*is_float)
            continue;
        if (v > ((uint64_t)INT64_MAX - d) / 10)
            return limit(p, "a number of more than 63 bits");
        v = v * 10 + d;
    }
    if (digits == 0)
        return syntax(p, "a value is neither a number nor a string");
    *out = negative ? -(int64_t)v : (int64_t)v;
    return 0;
}

static int parse_scalar(struct parser *p, struct su_bytes key)
{
    struct su_bytes text = {0};
    int64_t num = 0;
    bool is_string = peek(p) == '"', is_float = false;
    if (p->in.n == 0)
        return syntax(p, "a value is missing");
    if ((is_string ? parse_string(p, &text) : parse_number(p, &num, &is_float)) < 0)
        return -1;
    uint32_t i = add(p, is_string ? SU_LVM_STRING : is_float ? SU_LVM_FLOAT : SU_LVM_INT);
    if (!i)
        return -1;
    p->t.node[i].key = key;
    p->t.node[i].text = text;
    p->t.node[i].num = num;
    return 0;
}

static int parse_array(struct parser *p, struct su_bytes key)
{
    uint32_t i = add(p, SU_LVM_ARRAY);
    if (!i)
        return -1;
    p->t.node[i].key = key;
    if (enter(p, i) < 0)
        return -1;
    while (!accept(p, ']')) {
        if (parse_scalar(p, (struct su_bytes){0}) < 0)
            return -1;
        if (!accept(p, ',') && peek(p) != ']')
            return syntax(p, "an array does not end");
    }
    p->depth--;
    return 0;
}

static bool key_char(uint8_t c)
{
    return isgraph(c) && !strchr("={}[]\"#,", c);
}

static int parse_item(struct parser *p)
{
    struct su_bytes key = {p->in.p, 0};
    while (key.n < p->in.n && key_char(key.p[key.n]))
        key.n++;
    if (key.n == 0)
        return syntax(p, "a name was expected");
    su_skip(&p->in, key.n);
    if (accept(p, '='))
        return accept(p, '[') ? parse_array(p, key) : parse_scalar(p, key);
    if (!accept(p, '{'))
        return syntax(p, "a name is followed by neither = nor {");
    uint32_t i = add(p, SU_LVM_SECTION);
    if (!i)
        return -1;
    p->t.node[i].key = key;
    return enter(p, i);
}

static int parse_all(struct parser *p)
{
    (void)add(p, SU_LVM_SECTION); /* the root is node 0, so the index says nothing */
    if (p->t.n == 0)
        return -1;
    while (peek(p)) {
        if (accept(p, '}')) {
            if (p->depth-- == 0)
                return p->depth = 0, syntax(p, "a } too many");
        } else if (parse_item(p) < 0) {
            return -1;
        }
    }
    return p->depth ? syntax(p, "a section does not end") : 0;
}

int su_lvm_text_parse(struct su_bytes text, struct su_lvm_tree *out, struct su_err *e)
{
    const uint8_t *nul = text.n ? memchr(text.p, 0, text.n) : NULL;
    struct parser p = {.in = {text.p, nul ? (size_t)(nul - text.p) : text.n}, .line = 1, .e = e};
    if (text.n > SU_LVM_TEXT_MAX)
        return limit(&p, "more than 1 MiB of text");
    if (parse_all(&p) < 0) {
        free(p.t.node);
        return -1;
    }
    *out = p.t;
    return 0;
}

void su_lvm_tree_done(struct su_lvm_tree *t)
{
    free(t->node);
    *t = (struct su_lvm_tree){0};
}

bool su_lvm_is(struct su_bytes b, const char *s)
{
    return b.n == strlen(s) && (b.n == 0 || memcmp(b.p, s, b.n) == 0);
}

uint32_t su_lvm_find(const struct su_lvm_tree *t, uint32_t section, const char *key)
{
    for (uint32_t i = t->node[section].child; i; i = t->node[i].next)
        if (su_lvm_is(t->node[i].key, key))
            return i;
    return 0;
}

int su_lvm_number(const struct su_lvm_tree *t, uint32_t section, const char *key, uint64_t lo, uint64_t hi,
                  uint64_t *out, struct su_err *e)
{
    uint32_t i = su_lvm_find(t, section, key);
    if (!i || t->node[i].kind != SU_LVM_INT)
        return su_fail(e, SU_E_FORMAT, "lvm.text.value", "LVM metadata without a number %s", key);
    if (t->node[i].num < 0 || (uint64_t)t->node[i].num < lo || (uint64_t)t->node[i].num > hi)
        return su_fail(e, SU_E_FORMAT, "lvm.text.value", "LVM metadata: %s = %" PRId64 " is out of range", key,
                       t->node[i].num);
    *out = (uint64_t)t->node[i].num;
    return 0;
}
