/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hive_int.h"
#include "regf_int.h"
#include "utf16.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int su_hive_fail(struct su_err *e, const char *what)
{
    if (errno == ENOMEM)
        return su_fail_nomem(e, 0);
    if (errno == ERANGE || errno == EOVERFLOW)
        return su_fail(e, SU_E_RANGE, "hive.limit", "%s of the hive: too many or too large", what);
    return su_fail(e, SU_E_FORMAT, "hive.damaged", "%s of the hive: %s", what, strerror(errno));
}

int su_hive_memory(char *path, struct su_err *e)
{
    int fd = memfd_create("surety-hive", MFD_CLOEXEC);
    if (fd < 0)
        return su_fail_os(e, "hive.memory", "no memory for a hive");
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* Open --------------------------------------------------------------------- */

static int check(struct su_bytes bytes, bool writable, struct su_err *e)
{
    switch (su_regf_state(bytes, e)) {
    case SU_REGF_CLEAN:
        return su_regf_check_tree(bytes, writable, e);
    case SU_REGF_DIRTY:
        return su_fail(e, SU_E_REFUSED, "hive.dirty", "the hive was not written completely");
    case SU_REGF_BAD:
    default:
        return -1;
    }
}

static int fill(int fd, struct su_bytes bytes, struct su_err *e)
{
    uint32_t plain = 0;
    uint8_t sum[4];
    for (struct su_bytes b = bytes; b.n > 0;) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return su_fail_os(e, "hive.memory", "no memory for a hive");
        su_skip(&b, (size_t)n);
    }
    /* Windows never writes the sums 0 and ~0; hivex does not know */
    for (size_t at = 0; at < REGF_SUM; at += 4)
        plain ^= su_le32(bytes.p + at);
    su_put_le32(sum, plain);
    return pwrite(fd, sum, 4, REGF_SUM) == 4 ? 0 : su_fail_os(e, "hive.memory", "no memory for a hive");
}

int su_hive_open(struct su_bytes bytes, bool writable, struct su_hive **out, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_CLOSE int fd = -1;
    char path[32];
    if (check(bytes, writable, e) < 0)
        return -1;
    h = calloc(1, sizeof *h);
    if (!h)
        return su_fail_nomem(e, sizeof *h);
    fd = su_hive_memory(path, e);
    if (fd < 0 || fill(fd, bytes, e) < 0)
        return -1;
    void *map = mmap(NULL, bytes.n, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return su_fail_os(e, "hive.memory", "no memory for a hive");
    h->map = map;
    h->n = bytes.n;
    h->writable = writable;
    h->h = hivex_open(path, writable ? HIVEX_OPEN_WRITE : 0);
    if (!h->h)
        return su_hive_fail(e, "opening");
    *out = su_steal(&h);
    return 0;
}

void su_hive_close(struct su_hive *h)
{
    if (!h)
        return;
    su_hive_values_done(&h->pending);
    if (h->h)
        hivex_close(h->h);
    if (h->map)
        munmap(h->map, h->n);
    free(h);
}

/* Names -------------------------------------------------------------------- */

/* Whether the name at that place, as it was when the hive was opened, goes on behind a NUL.  Windows tells such keys
 * from others, hivex cuts them. */
static bool is_cut(const struct su_hive *h, size_t node, bool value)
{
    size_t len_at = value ? 2 : 72, name_at = value ? 20 : 76, flags_at = value ? 16 : 2;
    uint16_t packed = value ? 1 : 0x20;
    if (node + 4 + name_at > h->n)
        return false;
    const uint8_t *p = h->map + node + 4;
    size_t len = su_le16(p + len_at), unit = su_le16(p + flags_at) & packed ? 1 : 2;
    if (memcmp(p, value ? "vk" : "nk", 2) != 0 || len > h->n - (node + 4 + name_at))
        return false;
    for (size_t i = 0; i + unit <= len; i += unit)
        if (p[name_at + i] == 0 && (unit == 1 || p[name_at + i + 1] == 0))
            return true;
    return false;
}

static int take_name(struct su_hive *h, size_t node, bool value, char *name, char **out, struct su_err *e)
{
    if (!name && errno != EILSEQ && errno != EINVAL)
        return su_hive_fail(e, "a name");
    if (name && is_cut(h, node, value)) {
        free(name);
        name = NULL;
    }
    *out = name;
    return 0;
}

int su_hive_value_name(struct su_hive *h, hive_value_h v, char **out, struct su_err *e)
{
    return take_name(h, v, true, hivex_value_key(h->h, v), out, e);
}

int su_hive_key_name(struct su_hive *h, su_hive_node n, char **out, struct su_err *e)
{
    return take_name(h, n, false, hivex_node_name(h->h, n), out, e);
}

/* Keys --------------------------------------------------------------------- */

su_hive_node su_hive_root(struct su_hive *h)
{
    return hivex_root(h->h);
}

int su_hive_each_key(struct su_hive *h, su_hive_node n, su_hive_key_fn *fn, void *arg, struct su_err *e)
{
    if (su_hive_flush(h, e) < 0)
        return -1;
    if (hivex_node_nr_children(h->h, n) > SU_HIVE_MAX_CHILDREN)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key has more than %d subkeys", SU_HIVE_MAX_CHILDREN);
    SU_FREE hive_node_h *list = hivex_node_children(h->h, n);
    if (!list)
        return su_hive_fail(e, "the subkeys of a key");
    for (size_t i = 0; list[i] != 0; i++) {
        SU_FREE char *name = NULL;
        if (su_hive_key_name(h, list[i], &name, e) < 0)
            return -1;
        int rc = name ? fn(arg, name, list[i], e) : 0;
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return 0;
}

struct wanted {
    char name[SU_HIVE_NAME];
    su_hive_node found;
};

static int is_wanted(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    struct wanted *w = arg;
    (void)e;
    if (!su_name_is(name, strlen(name), w->name))
        return 0;
    w->found = node;
    return 1;
}

int su_hive_find(struct su_hive *h, su_hive_node from, const char *path, su_hive_node *out, struct su_err *e)
{
    su_hive_node at = from;
    while (*path && at) {
        size_t len = strcspn(path, "\\");
        struct wanted w = {.found = 0};
        if (len >= sizeof w.name)
            return su_fail(e, SU_E_RANGE, "hive.limit", "a key's name of %zu bytes", len);
        memcpy(w.name, path, len);
        if (su_hive_each_key(h, at, is_wanted, &w, e) < 0)
            return -1;
        at = w.found;
        path += len + (path[len] != '\0');
    }
    *out = at;
    return 0;
}

/* Values ------------------------------------------------------------------- */

int su_hive_value_list(struct su_hive *h, su_hive_node n, hive_value_h **out, struct su_err *e)
{
    if (hivex_node_nr_values(h->h, n) > SU_HIVE_MAX_VALUES)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a key has more than %d values", SU_HIVE_MAX_VALUES);
    *out = hivex_node_values(h->h, n);
    return *out ? 0 : su_hive_fail(e, "the values of a key");
}

int su_hive_value_data(struct su_hive *h, hive_value_h v, uint32_t *type, uint8_t **out, size_t *n, struct su_err *e)
{
    hive_type t;
    size_t len;
    if (hivex_value_type(h->h, v, &t, &len) < 0)
        return su_hive_fail(e, "a value");
    if (len > SU_HIVE_MAX_VALUE)
        return su_fail(e, SU_E_RANGE, "hive.limit", "a value of %zu bytes", len);
    /* hivex would look for the data of an empty value */
    char *data = len > 0 ? hivex_value_value(h->h, v, &t, &len) : malloc(1);
    if (!data)
        return su_hive_fail(e, "a value");
    *type = (uint32_t)t;
    *out = (uint8_t *)data;
    *n = len;
    return 0;
}

int su_hive_each_value(struct su_hive *h, su_hive_node n, su_hive_value_fn *fn, void *arg, struct su_err *e)
{
    SU_FREE hive_value_h *list = NULL;
    if (su_hive_flush(h, e) < 0 || su_hive_value_list(h, n, &list, e) < 0)
        return -1;
    for (size_t i = 0; list[i] != 0; i++) {
        SU_FREE char *name = NULL;
        SU_FREE uint8_t *data = NULL;
        size_t len = 0;
        uint32_t type = 0;
        if (su_hive_value_name(h, list[i], &name, e) < 0)
            return -1;
        if (!name)
            continue;
        if (su_hive_value_data(h, list[i], &type, &data, &len, e) < 0)
            return -1;
        int rc = fn(arg, name, type, (struct su_bytes){data, len}, e);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return 0;
}

int su_hive_get(struct su_hive *h, su_hive_node n, const char *name, uint32_t *type, struct su_buf *out, bool *there,
                struct su_err *e)
{
    SU_FREE hive_value_h *list = NULL;
    if (su_hive_flush(h, e) < 0 || su_hive_value_list(h, n, &list, e) < 0)
        return -1;
    for (size_t i = 0; list[i] != 0; i++) {
        SU_FREE char *this = NULL;
        SU_FREE uint8_t *data = NULL;
        size_t len = 0;
        uint32_t t = 0;
        if (su_hive_value_name(h, list[i], &this, e) < 0)
            return -1;
        if (!this || !su_name_is(this, strlen(this), name))
            continue;
        if (su_hive_value_data(h, list[i], &t, &data, &len, e) < 0)
            return -1;
        if (out)
            su_buf_add(out, data, len);
        if (out && su_buf_ok(out, e) < 0)
            return -1;
        if (type)
            *type = t;
        *there = true;
        return 0;
    }
    *there = false;
    return 0;
}

int su_hive_get_dword(struct su_hive *h, su_hive_node n, const char *name, uint32_t *out, bool *there, struct su_err *e)
{
    SU_BUF struct su_buf data = {0};
    uint32_t type = 0;
    bool any = false;
    if (su_hive_get(h, n, name, &type, &data, &any, e) < 0)
        return -1;
    *there = any && type == SU_REG_DWORD && data.n == 4;
    if (*there)
        *out = su_le32(data.p);
    return 0;
}

int su_hive_get_text(struct su_hive *h, su_hive_node n, const char *name, char *out, size_t cap, struct su_err *e)
{
    SU_BUF struct su_buf data = {0}, text = {0};
    uint32_t type = 0;
    bool any = false;
    if (su_hive_get(h, n, name, &type, &data, &any, e) < 0)
        return -1;
    if (any && (type == SU_REG_SZ || type == SU_REG_EXPAND_SZ))
        su_utf16_to_utf8(su_buf_bytes(&data), true, &text);
    if (su_buf_ok(&text, e) < 0)
        return -1;
    size_t len = text.n < cap ? text.n : cap - 1;
    while (len > 0 && len < text.n && (text.p[len] & 0xC0) == 0x80) /* between characters */
        len--;
    if (len > 0)
        memcpy(out, text.p, len);
    out[len] = '\0';
    return 0;
}
