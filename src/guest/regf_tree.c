/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of keys.
 *
 * hivex looks at each cell it comes to, but not whether another key has it too: keys that contain themselves, one list
 * for two keys, data that is a key, a ring of descriptors that is none.  After this pass the keys are a tree, and every
 * cell has one owner. */
#include "regf_int.h"
#include <string.h>

/* The data of cells, behind their size. */
enum {
    NK_HEAD = 76,
    NK_PARENT = 16,
    NK_SUBKEYS = 20,
    NK_SUBKEY_LIST = 28,
    NK_VALUES = 36,
    NK_VALUE_LIST = 40,
    NK_SECURITY = 44,
    NK_CLASS = 48,
    NK_NAME_LEN = 72,
    VK_HEAD = 20,
    VK_NAME_LEN = 2,
    VK_SIZE = 4,
    VK_DATA = 8,
    SK_HEAD = 16,
    SK_NEXT = 4,
    SK_BEFORE = 8,
    DB_HEAD = 8,
    DB_SEGMENTS = 2,
    DB_LIST = 4,
};
#define VK_INLINE UINT32_C(0x80000000)

struct key {
    uint32_t at;
    unsigned depth;
};

struct tree {
    const uint8_t *bins;
    uint32_t end;
    bool to_change;
    uint8_t *cell, *seen; /* owned; a bit for every 8 bytes: a cell in use begins there; it belongs to the tree */
    struct key *todo;     /* owned */
    size_t n, cap;
};

static void tree_done(struct tree *t)
{
    free(t->cell);
    free(t->seen);
    free(t->todo);
}

static int bad(struct su_err *e, const char *what, uint32_t at)
{
    return su_fail(e, SU_E_FORMAT, "hive.damaged", "the hive's %s at %u is damaged", what, at);
}

static bool bit(const uint8_t *map, uint32_t at)
{
    return map[at / 64] >> (at / 8 % 8) & 1;
}

static void set_bit(uint8_t *map, uint32_t at)
{
    map[at / 64] |= (uint8_t)(1 << (at / 8 % 8));
}

static int find_cells(struct tree *t, struct su_err *e)
{
    size_t n = t->end / 64;
    t->cell = calloc(n, 1);
    t->seen = calloc(n, 1);
    if (!t->cell || !t->seen)
        return su_fail_nomem(e, n);
    for (uint32_t bin = 0; bin < t->end; bin += su_le32(t->bins + bin + 8)) {
        uint32_t next = bin + su_le32(t->bins + bin + 8);
        for (uint32_t at = bin + REGF_BIN_HEAD; at < next;) {
            int32_t raw = (int32_t)su_le32(t->bins + at);
            if (raw < 0)
                set_bit(t->cell, at);
            at += raw < 0 ? 0 - (uint32_t)raw : (uint32_t)raw;
        }
    }
    return 0;
}

/* The bytes of the cell at that offset, none when no cell in use begins there. */
static struct su_bytes cell(const struct tree *t, uint32_t at)
{
    if (at >= t->end || at % 8 != 0 || !bit(t->cell, at))
        return (struct su_bytes){NULL, 0};
    return (struct su_bytes){t->bins + at + 4, 0 - su_le32(t->bins + at) - 4};
}

/* Marks a cell as used, which may happen once. */
static bool claim(struct tree *t, uint32_t at)
{
    if (bit(t->seen, at))
        return false;
    set_bit(t->seen, at);
    return true;
}

static int push(struct tree *t, uint32_t at, uint32_t parent, unsigned depth, struct su_err *e)
{
    struct su_bytes k = cell(t, at);
    if (k.n < NK_HEAD || memcmp(k.p, "nk", 2) != 0 || su_le16(k.p + NK_NAME_LEN) > k.n - NK_HEAD || !claim(t, at) ||
        (depth > 0 && su_le32(k.p + NK_PARENT) != parent))
        return bad(e, "key", at);
    if (depth >= REGF_MAX_DEPTH)
        return su_fail(e, SU_E_RANGE, "hive.limit", "the hive's keys are nested more than %d deep", REGF_MAX_DEPTH);
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 1024;
        struct key *more = realloc(t->todo, cap * sizeof *more);
        if (!more)
            return su_fail_nomem(e, cap * sizeof *more);
        t->todo = more;
        t->cap = cap;
    }
    t->todo[t->n++] = (struct key){at, depth};
    return 0;
}

/* How long an element of a list is that names subkeys; *root: of one that names such lists. */
static uint32_t element_of(struct su_bytes list, bool *root)
{
    static const struct {
        char id[3];
        uint8_t size;
    } kinds[] = {{"lf", 8}, {"lh", 8}, {"li", 4}, {"ri", 4}};
    for (size_t i = 0; list.n >= 4 && i < SU_ARRAY_LEN(kinds); i++) {
        if (memcmp(list.p, kinds[i].id, 2) != 0)
            continue;
        *root = kinds[i].id[0] == 'r';
        return kinds[i].size;
    }
    return 0;
}

/* A list of subkeys, or of such lists, which are one deep; *left counts down the subkeys the key says it has. */
static int check_list(struct tree *t, uint32_t at, const struct key *k, bool in_root, uint32_t *left, struct su_err *e)
{
    struct su_bytes l = cell(t, at);
    bool root = false;
    uint32_t each = element_of(l, &root), n = each ? su_le16(l.p + 2) : 0;
    if (!each || (root && in_root) || n > (l.n - 4) / each || (!root && n > *left) || !claim(t, at))
        return bad(e, "list of subkeys", at);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = su_le32(l.p + 4 + (size_t)i * each);
        if ((root ? check_list(t, to, k, true, left, e) : push(t, to, k->at, k->depth + 1, e)) < 0)
            return -1;
    }
    if (!root)
        *left -= n;
    return 0;
}

/* Data in segments.  hivex reads the whole list without a look at the size of its cell.  Nothing of it is shared: many
 * values with one long list would take hours. */
static bool segments_ok(struct tree *t, struct su_bytes db)
{
    if (db.n < DB_HEAD || memcmp(db.p, "db", 2) != 0)
        return false;
    uint32_t n = su_le16(db.p + DB_SEGMENTS), list_at = su_le32(db.p + DB_LIST);
    struct su_bytes list = cell(t, list_at);
    if (!list.p || n > list.n / 4 || !claim(t, list_at))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = su_le32(list.p + (size_t)i * 4);
        if (!cell(t, at).p || !claim(t, at))
            return false;
    }
    return true;
}

static int check_value(struct tree *t, uint32_t at, struct su_err *e)
{
    struct su_bytes v = cell(t, at);
    if (v.n < VK_HEAD || memcmp(v.p, "vk", 2) != 0 || su_le16(v.p + VK_NAME_LEN) > v.n - VK_HEAD || !claim(t, at))
        return bad(e, "value", at);
    uint32_t size = su_le32(v.p + VK_SIZE), data_at = su_le32(v.p + VK_DATA);
    if (size & VK_INLINE)
        return (size & ~VK_INLINE) > 4 ? bad(e, "value", at) : 0;
    struct su_bytes d = cell(t, data_at);
    if (d.p ? !claim(t, data_at) || (size > d.n && !segments_ok(t, d)) : size > 0 || t->to_change)
        return bad(e, "value", at);
    return 0;
}

static int check_values(struct tree *t, struct su_bytes nk, struct su_err *e)
{
    uint32_t n = su_le32(nk.p + NK_VALUES), at = su_le32(nk.p + NK_VALUE_LIST);
    if (n == 0)
        return 0;
    struct su_bytes list = cell(t, at);
    if (n > list.n / 4 || !claim(t, at))
        return bad(e, "list of values", at);
    for (uint32_t i = 0; i < n; i++) {
        if (check_value(t, su_le32(list.p + (size_t)i * 4), e) < 0)
            return -1;
    }
    return 0;
}

/* Security descriptors are shared, in a ring.  hivex takes one out of it without a look at its neighbours. */
static bool security_ok(const struct tree *t, uint32_t at)
{
    struct su_bytes sk = cell(t, at);
    if (sk.n < SK_HEAD || memcmp(sk.p, "sk", 2) != 0)
        return false;
    struct su_bytes next = cell(t, su_le32(sk.p + SK_NEXT)), before = cell(t, su_le32(sk.p + SK_BEFORE));
    return next.n >= SK_HEAD && before.n >= SK_HEAD && memcmp(next.p, "sk", 2) == 0 && memcmp(before.p, "sk", 2) == 0 &&
           su_le32(next.p + SK_BEFORE) == at && su_le32(before.p + SK_NEXT) == at;
}

static int check_key(struct tree *t, const struct key *k, struct su_err *e)
{
    struct su_bytes nk = cell(t, k->at);
    uint32_t left = su_le32(nk.p + NK_SUBKEYS), class_at = su_le32(nk.p + NK_CLASS);
    if (su_le32(nk.p + NK_SECURITY) != REGF_NONE && !security_ok(t, su_le32(nk.p + NK_SECURITY)))
        return bad(e, "security descriptor of the key", k->at);
    if (class_at != REGF_NONE && (cell(t, class_at).p ? !claim(t, class_at) : t->to_change))
        return bad(e, "class of the key", k->at);
    if (left > 0 && (check_list(t, su_le32(nk.p + NK_SUBKEY_LIST), k, false, &left, e) < 0))
        return -1;
    if (left > 0)
        return bad(e, "number of subkeys", k->at);
    return check_values(t, nk, e);
}

int su_regf_check_tree(struct su_bytes hive, bool to_change, struct su_err *e)
{
    SU_AUTO(tree_done)
    struct tree t = {.bins = hive.p + REGF_BASE, .end = su_le32(hive.p + REGF_SIZE), .to_change = to_change};
    if (find_cells(&t, e) < 0 || push(&t, su_le32(hive.p + REGF_ROOT), REGF_NONE, 0, e) < 0)
        return -1;
    while (t.n > 0) {
        struct key k = t.todo[--t.n];
        if (check_key(&t, &k, e) < 0)
            return -1;
    }
    return 0;
}
