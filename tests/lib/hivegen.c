/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/hivegen.h"
#include "guest/regf_int.h"
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>

enum { SK_AT = 0x20, SK_SIZE = 0x50, NK_AT = SK_AT + SK_SIZE, NK_SIZE = 0x58, FREE_AT = NK_AT + NK_SIZE };

void hivegen_sum(uint8_t *base)
{
    su_put_le32(base + REGF_SUM, su_regf_sum(base));
}

static void base_block(uint8_t *p, unsigned minor)
{
    static const uint32_t fields[][2] = {{REGF_SEQ1, 7}, {REGF_SEQ2, 7},     {REGF_MAJOR, 1},       {REGF_FORMAT, 1},
                                         {44, 1},        {REGF_ROOT, NK_AT}, {REGF_SIZE, REGF_PAGE}};
    memcpy(p, "regf", 4);
    for (size_t i = 0; i < SU_ARRAY_LEN(fields); i++)
        su_put_le32(p + fields[i][0], fields[i][1]);
    su_put_le32(p + REGF_MINOR, minor);
    su_put_le64(p + REGF_WRITTEN, UINT64_C(0x01D78A15358A127A));
    hivegen_sum(p);
}

void hivegen(struct su_buf *out, unsigned minor)
{
    uint8_t *p = su_buf_room(out, REGF_BASE + REGF_PAGE);
    if (!p)
        return;
    memset(p, 0, REGF_BASE + REGF_PAGE);
    base_block(p, minor);
    p += REGF_BASE;
    memcpy(p, "hbin", 4);
    su_put_le32(p + 8, REGF_PAGE);
    su_put_le64(p + 20, UINT64_C(0x01D78A15358A127A));
    su_put_le32(p + SK_AT, 0u - SK_SIZE);
    memcpy(p + SK_AT + 4, "sk", 2);
    su_put_le32(p + SK_AT + 8, SK_AT);
    su_put_le32(p + SK_AT + 12, SK_AT);
    su_put_le32(p + SK_AT + 16, 1); /* keys that have it */
    su_put_le32(p + SK_AT + 20, 20);
    su_put_le16(p + SK_AT + 24, 1); /* an empty descriptor, self-relative */
    su_put_le16(p + SK_AT + 26, 0x8000);
    su_put_le32(p + NK_AT, 0u - NK_SIZE);
    memcpy(p + NK_AT + 4, "nk", 2);
    su_put_le16(p + NK_AT + 6, 0x2C); /* root, cannot be deleted, name in Latin-1 */
    for (size_t at = 28; at <= 48; at += 4)
        su_put_le32(p + NK_AT + 4 + at, at == 36 ? 0 : REGF_NONE);
    su_put_le32(p + NK_AT + 4 + 44, SK_AT);
    su_put_le16(p + NK_AT + 4 + 72, 4);
    memcpy(p + NK_AT + 4 + 76, "root", 4);
    su_put_le32(p + FREE_AT, REGF_PAGE - FREE_AT);
}

static bool unpack(const struct su_buf *in, struct su_buf *out)
{
    lzma_stream s = LZMA_STREAM_INIT;
    static uint8_t chunk[1 << 16];
    lzma_ret rc = lzma_stream_decoder(&s, UINT64_MAX, 0);
    s.next_in = in->p;
    s.avail_in = in->n;
    while (rc == LZMA_OK) {
        s.next_out = chunk;
        s.avail_out = sizeof chunk;
        rc = lzma_code(&s, LZMA_FINISH);
        su_buf_add(out, chunk, sizeof chunk - s.avail_out);
    }
    lzma_end(&s);
    return rc == LZMA_STREAM_END && !out->failed;
}

static bool slurp(const char *path, struct su_buf *out)
{
    static uint8_t chunk[1 << 16];
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        su_buf_add(out, chunk, (size_t)n);
    return n == 0 && !out->failed;
}

bool hivegen_data(const char *path, struct su_buf *out)
{
    SU_BUF struct su_buf raw = {0};
    const char *shared = getenv("SURETY_SHARED");
    size_t len = strlen(path);
    char full[512];
    snprintf(full, sizeof full, "%s/data/%s", shared ? shared : "../shared", path);
    if (!slurp(full, &raw)) {
        printf("# %s is not there\n", full);
        return false;
    }
    if (len > 3 && strcmp(path + len - 3, ".xz") == 0)
        return unpack(&raw, out);
    su_buf_add(out, raw.p, raw.n);
    return !out->failed;
}

void hivegen_clean(struct su_buf *hive)
{
    su_put_le32(hive->p + REGF_SEQ2, su_le32(hive->p + REGF_SEQ1));
    hivegen_sum(hive->p);
}

/* Differences --------------------------------------------------------------- */

struct walk {
    struct su_hive *h;
    const char *path;
    struct su_buf *out;
};

static int dump_value(void *arg, const char *name, uint32_t type, struct su_bytes data, struct su_err *e)
{
    struct walk *w = arg;
    (void)e;
    su_buf_printf(w->out, "%s|%s|%u|", w->path, name, (unsigned)type);
    for (size_t i = 0; i < data.n; i++) {
        static const char hex[] = "0123456789abcdef";
        const char two[2] = {hex[data.p[i] >> 4], hex[data.p[i] & 15]};
        su_buf_add(w->out, two, 2);
    }
    su_buf_text(w->out, "\n");
    return 0;
}

static int dump_key(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    const struct walk *up = arg;
    SU_BUF struct su_buf path = {0};
    su_buf_printf(&path, "%s\\%s", up->path, name);
    su_buf_printf(up->out, "%s\n", su_buf_str(&path));
    struct walk w = {up->h, su_buf_str(&path), up->out};
    if (su_hive_each_value(w.h, node, dump_value, &w, e) < 0)
        return -1;
    return su_hive_each_key(w.h, node, dump_key, &w, e);
}

static size_t dump(struct su_bytes hive, struct su_buf *out, char ***lines)
{
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    size_t n = 0;
    if (su_hive_open(hive, false, &h, &e) < 0) {
        su_buf_printf(out, "?%s\n", e.msg);
    } else {
        struct walk w = {h, "", out};
        if (su_hive_each_value(h, su_hive_root(h), dump_value, &w, &e) < 0 ||
            su_hive_each_key(h, su_hive_root(h), dump_key, &w, &e) < 0)
            su_buf_printf(out, "?%s\n", e.msg);
    }
    for (size_t i = 0; i < out->n; i++)
        n += out->p[i] == '\n';
    *lines = calloc(n + 1, sizeof **lines);
    char *at = (char *)out->p;
    for (size_t i = 0; *lines && i < n; i++) {
        (*lines)[i] = at;
        at += strcspn(at, "\n");
        *at++ = '\0';
    }
    return *lines ? n : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void hivegen_diff(struct su_bytes a, struct su_bytes b, struct su_buf *out)
{
    SU_BUF struct su_buf ta = {0}, tb = {0};
    SU_FREE char **la = NULL, **lb = NULL;
    size_t na = dump(a, &ta, &la), nb = dump(b, &tb, &lb), i = 0, k = 0;
    qsort(la, na, sizeof *la, by_text);
    qsort(lb, nb, sizeof *lb, by_text);
    while (i < na || k < nb) {
        int c = i == na ? 1 : k == nb ? -1 : strcmp(la[i], lb[k]);
        if (c != 0)
            su_buf_printf(out, "%c%s\n", c < 0 ? '-' : '+', c < 0 ? la[i] : lb[k]);
        i += c <= 0;
        k += c >= 0;
    }
}

struct su_buf hivegen_saved(struct su_hive *h)
{
    struct su_buf b = {0};
    struct su_err e = {0};
    if (su_hive_save(h, 1700000000, &b, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
    return b;
}
