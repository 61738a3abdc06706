/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes of hives.
 *
 * hivex never writes a clock or a random number into a hive: new keys have the time stamp of their parent.  It makes
 * new cells behind the last bin, or where it freed one, and leaves the others where they are. */
#include "hive_int.h"
#include "regf_int.h"
#include "utf16.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* From this size on hives since version 1.4 keep data in segments, which hivex reads and does not write. */
enum { SEGMENTED = 16344, SEGMENTS_SINCE = 4 };

void su_hive_values_done(struct hive_values *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].key);
        free(p->v[i].value);
    }
    free(p->v);
    *p = (struct hive_values){0};
}

int su_hive_flush(struct su_hive *h, struct su_err *e)
{
    struct hive_values *p = &h->pending;
    int rc = 0;
    if (p->node && p->changed && hivex_node_set_values(h->h, p->node, p->n, p->v, 0) < 0) {
        h->broken = true;
        rc = su_hive_fail(e, "writing the values of a key");
    }
    su_hive_values_done(p);
    return rc;
}

static int can_change(struct su_hive *h, struct su_err *e)
{
    if (!h->writable || h->broken)
        return su_fail(e, SU_E_CONFLICT, "hive.closed",
                       "the hive is open for reading only, or an earlier change failed");
    return 0;
}

static int check_size(const struct su_hive *h, size_t n, struct su_err *e)
{
    if (n > SU_HIVE_MAX_VALUE || (n > SEGMENTED && su_le32(h->map + REGF_MINOR) >= SEGMENTS_SINCE))
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key that is to be written has a value of %zu bytes", n);
    return 0;
}

/* Room for one more value in p. */
static struct hive_set_value *more(struct hive_values *p, struct su_err *e)
{
    if (p->n == SU_HIVE_MAX_VALUES) {
        su_fail(e, SU_E_RANGE, "hive.limit", "a key has more than %d values", SU_HIVE_MAX_VALUES);
        return NULL;
    }
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct hive_set_value *v = realloc(p->v, cap * sizeof *v);
        if (!v) {
            su_fail_nomem(e, cap * sizeof *v);
            return NULL;
        }
        p->v = v;
        p->cap = cap;
    }
    p->v[p->n] = (struct hive_set_value){0};
    return &p->v[p->n++];
}

static int load_value(struct su_hive *h, hive_value_h v, struct su_err *e)
{
    uint32_t type = 0;
    size_t len = 0;
    uint8_t *data = NULL;
    struct hive_set_value *to = more(&h->pending, e);
    if (!to || su_hive_value_name(h, v, &to->key, e) < 0)
        return -1;
    if (!to->key)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key that is to be written has a value whose name is no text");
    if (su_hive_value_data(h, v, &type, &data, &len, e) < 0)
        return -1;
    to->value = (char *)data;
    to->t = (hive_type)type;
    to->len = len;
    return check_size(h, len, e);
}

/* The values of n as they are, to be changed. */
static int load(struct su_hive *h, su_hive_node n, struct su_err *e)
{
    SU_FREE hive_value_h *list = NULL;
    if (h->pending.node == n)
        return 0;
    if (su_hive_flush(h, e) < 0 || su_hive_value_list(h, n, &list, e) < 0)
        return -1;
    for (size_t i = 0; list[i] != 0; i++) {
        if (load_value(h, list[i], e) < 0) {
            su_hive_values_done(&h->pending);
            return -1;
        }
    }
    h->pending.node = n;
    return 0;
}

static struct hive_set_value *find(struct hive_values *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (su_name_is(p->v[i].key, strlen(p->v[i].key), name))
            return &p->v[i];
    return NULL;
}

/* hivex writes through NULL for a name it cannot encode. */
static int check_name(const char *name, struct su_err *e)
{
    SU_BUF struct su_buf units = {0};
    size_t len = strlen(name);
    if (len >= SU_HIVE_NAME)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a name of %zu bytes", len);
    if (su_utf8_to_utf16(name, len, &units, e) < 0)
        return -1;
    for (size_t i = 0; i + 2 <= units.n; i += 2)
        if ((units.p[i + 1] & 0xF8) == 0xD8)
            return su_fail(e, SU_E_RANGE, "hive.limit", "a name beyond the first plane of Unicode");
    return 0;
}

static bool same(const struct hive_set_value *v, uint32_t type, struct su_bytes data)
{
    return (uint32_t)v->t == type && v->len == data.n && (data.n == 0 || memcmp(v->value, data.p, data.n) == 0);
}

/* The value of that name, or a new one. */
static struct hive_set_value *find_or_add(struct hive_values *p, const char *name, struct su_err *e)
{
    struct hive_set_value *v = find(p, name);
    if (v)
        return v;
    SU_FREE char *key = strdup(name);
    if (!key) {
        su_fail_nomem(e, strlen(name) + 1);
        return NULL;
    }
    v = more(p, e);
    if (v)
        v->key = su_steal(&key);
    return v;
}

int su_hive_set(struct su_hive *h, su_hive_node n, const char *name, uint32_t type, struct su_bytes data,
                struct su_err *e)
{
    if (can_change(h, e) < 0 || check_name(name, e) < 0 || check_size(h, data.n, e) < 0 || load(h, n, e) < 0)
        return -1;
    struct hive_set_value *v = find(&h->pending, name);
    if (v && same(v, type, data))
        return 0;
    SU_FREE char *copy = malloc(data.n + 1);
    if (!copy)
        return su_fail_nomem(e, data.n + 1);
    v = find_or_add(&h->pending, name, e);
    if (!v)
        return -1;
    if (data.n > 0)
        memcpy(copy, data.p, data.n);
    free(v->value);
    v->value = su_steal(&copy);
    v->t = (hive_type)type;
    v->len = data.n;
    h->pending.changed = true;
    return 0;
}

int su_hive_unset(struct su_hive *h, su_hive_node n, const char *name, struct su_err *e)
{
    if (can_change(h, e) < 0 || load(h, n, e) < 0)
        return -1;
    struct hive_values *p = &h->pending;
    struct hive_set_value *v = find(p, name);
    if (!v)
        return 0;
    free(v->key);
    free(v->value);
    size_t at = (size_t)(v - p->v);
    memmove(v, v + 1, (p->n - at - 1) * sizeof *v);
    p->n--;
    p->changed = true;
    return 0;
}

/* Keys --------------------------------------------------------------------- */

struct place {
    const char *name;
    bool seen, wrong;
};

static int upper_cmp(const char *a, const char *b)
{
    for (;; a++, b++) {
        int x = *a >= 'a' && *a <= 'z' ? *a - 32 : (unsigned char)*a;
        int y = *b >= 'a' && *b <= 'z' ? *b - 32 : (unsigned char)*b;
        if (x != y || x == 0)
            return x - y;
    }
}

static int look_at_place(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    struct place *p = arg;
    int c = upper_cmp(name, p->name);
    (void)node;
    (void)e;
    p->wrong |= p->seen ? c <= 0 : c > 0;
    p->seen |= c == 0;
    return 0;
}

int su_hive_add_key(struct su_hive *h, su_hive_node parent, const char *name, su_hive_node *out, struct su_err *e)
{
    struct place p = {.name = name};
    su_hive_node there = 0;
    if (can_change(h, e) < 0 || su_hive_flush(h, e) < 0 || check_name(name, e) < 0)
        return -1;
    if (!*name || strchr(name, '\\'))
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key without a name, or with a backslash in it");
    if (su_hive_find(h, parent, name, &there, e) < 0)
        return -1;
    if (there) {
        *out = there;
        return 0;
    }
    su_hive_node made = hivex_node_add_child(h->h, parent, name);
    if (!made) {
        su_hive_fail(e, "adding a key");
        h->broken = true;
        return -1;
    }
    /* Windows does not find a key that is out of order, and hivex' order is that of the C locale */
    if (su_hive_each_key(h, parent, look_at_place, &p, e) < 0 || p.wrong || !p.seen) {
        h->broken = true;
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key cannot be put in its place in the order of names");
    }
    *out = made;
    return 0;
}

int su_hive_delete_key(struct su_hive *h, su_hive_node n, struct su_err *e)
{
    if (can_change(h, e) < 0 || su_hive_flush(h, e) < 0)
        return -1;
    if (hivex_node_delete_child(h->h, n) == 0)
        return 0;
    h->broken = true;
    return su_hive_fail(e, "deleting a key");
}

/* Save --------------------------------------------------------------------- */

static int read_all(int fd, struct su_buf *out, struct su_err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return su_fail_os(e, "hive.memory", "no memory for a hive");
    uint8_t *room = su_buf_room(out, (size_t)st.st_size);
    if (!room)
        return su_buf_ok(out, e);
    for (size_t at = 0; at < (size_t)st.st_size;) {
        ssize_t n = pread(fd, room + at, (size_t)st.st_size - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return su_fail_os(e, "hive.memory", "no memory for a hive");
        at += (size_t)n;
    }
    return 0;
}

static int commit(struct su_hive *h, struct su_buf *out, struct su_err *e)
{
    SU_CLOSE int fd = -1;
    char path[32];
    fd = su_hive_memory(path, e);
    if (fd < 0)
        return -1;
    return hivex_commit(h->h, path, 0) < 0 ? su_hive_fail(e, "writing") : read_all(fd, out, e);
}

/* hivex counts how often it wrote.  Whatever was wrong in it or here: no hive is handed out that Windows could not
 * load. */
static int finish(const struct su_hive *h, struct su_bytes all, int64_t now, struct su_err *e)
{
    uint8_t *p = (uint8_t *)all.p;
    uint32_t seq = su_le32(h->map + REGF_SEQ1) + 1;
    if (all.n < h->n)
        return su_fail(e, SU_E_FORMAT, "hive.damaged", "the hive became smaller when it was written");
    su_put_le32(p + REGF_SEQ1, seq);
    su_put_le32(p + REGF_SEQ2, seq);
    su_regf_stamp(p, all.n, now);
    if (su_regf_state(all, e) != SU_REGF_CLEAN || su_regf_check_tree(all, true, e) < 0)
        return su_context(e, "after writing the hive");
    return 0;
}

int su_hive_save(struct su_hive *h, int64_t now, struct su_buf *out, struct su_err *e)
{
    size_t before = out->n;
    if (can_change(h, e) < 0 || su_hive_flush(h, e) < 0)
        return -1;
    if (commit(h, out, e) == 0 && finish(h, (struct su_bytes){out->p + before, out->n - before}, now, e) == 0)
        return 0;
    if (out->n > before) {
        out->n = before;
        out->p[before] = '\0';
    }
    return -1;
}
