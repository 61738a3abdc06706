/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conf.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_ROWS = 64 };

struct line {
    const char *file;
    unsigned number;
};

static int bad(struct su_err *e, const char *id, const struct line *at, const char *what)
{
    return su_fail(e, SU_E_FORMAT, id, "%s:%u: %s", at->file, at->number, what);
}

static int set_string(const struct su_conf_row *r, const char *value, const struct line *at, void *to, struct su_err *e)
{
    bool known = r->words == NULL;
    for (const char *const *w = r->words; w && *w && !known; w++)
        known = strcmp(*w, value) == 0;
    if (!known)
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s:%u: %s may not be \"%.60s\"", at->file, at->number, r->key,
                       value);
    if (strlen(value) >= r->size)
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s:%u: %s is longer than %zu bytes", at->file, at->number, r->key,
                       r->size - 1);
    memset(to, 0, r->size);
    memcpy(to, value, strlen(value));
    return 0;
}

static int set_bool(const struct su_conf_row *r, const char *value, const struct line *at, void *to, struct su_err *e)
{
    static const struct {
        const char *word;
        bool is;
    } words[] = {{"yes", true}, {"no", false},  {"true", true}, {"false", false},
                 {"on", true},  {"off", false}, {"1", true},    {"0", false}};
    for (size_t i = 0; i < SU_ARRAY_LEN(words); i++)
        if (strcasecmp(value, words[i].word) == 0) {
            *(bool *)to = words[i].is;
            return 0;
        }
    return su_fail(e, SU_E_FORMAT, "conf.value", "%s:%u: %s is yes or no", at->file, at->number, r->key);
}

/* Decimal digits with at most one letter after them, which stands for a factor. */
static bool parse_number(const char *value, const char *letters, const uint32_t *factors, uint64_t *out)
{
    uint64_t v = 0, factor = 1;
    const char *p = value;
    for (; *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > UINT32_MAX)
            return false;
    }
    if (p == value)
        return false;
    if (*p) {
        const char *l = strchr(letters, *p);
        if (!l || p[1])
            return false;
        factor = factors[l - letters];
    }
    *out = v * factor;
    return true;
}

static int set_number(const struct su_conf_row *r, const char *value, const struct line *at, void *to, struct su_err *e)
{
    static const uint32_t seconds[] = {1, 60, 3600, 86400};
    uint64_t v, max = r->max ? r->max : UINT32_MAX;
    if (!parse_number(value, r->type == SU_CONF_SECONDS ? "smhd" : "", seconds, &v))
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s:%u: %s is no %s", at->file, at->number, r->key,
                       r->type == SU_CONF_SECONDS ? "time: 90s, 15m, 12h, 30d" : "number");
    if (v < r->min || v > max)
        return su_fail(e, SU_E_FORMAT, "conf.value", "%s:%u: %s lies outside %u to %llu", at->file, at->number, r->key,
                       (unsigned)r->min, (unsigned long long)max);
    *(uint32_t *)to = (uint32_t)v;
    return 0;
}

static int set(const struct su_conf_row *r, const char *value, const struct line *at, void *into, struct su_err *e)
{
    void *to = (char *)into + r->offset;
    if (r->type == SU_CONF_STRING)
        return set_string(r, value, at, to, e);
    return r->type == SU_CONF_BOOL ? set_bool(r, value, at, to, e) : set_number(r, value, at, to, e);
}

static struct su_bytes trim(struct su_bytes s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        su_skip(&s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static bool same(struct su_bytes s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

struct parse {
    const struct su_conf_row *rows;
    size_t n;
    void *into;
    struct line at;
    struct su_bytes section; /* borrowed from the text */
    uint64_t seen;           /* bit per row */
};

static int parse_section(struct parse *p, struct su_bytes s, struct su_err *e)
{
    if (s.n < 3 || s.p[s.n - 1] != ']')
        return bad(e, "conf.syntax", &p->at, "a section is [name]");
    p->section = (struct su_bytes){s.p + 1, s.n - 2};
    for (size_t i = 0; i < p->n; i++)
        if (same(p->section, p->rows[i].section))
            return 0;
    return su_fail(e, SU_E_FORMAT, "conf.unknown", "%s:%u: there is no section [%.*s]", p->at.file, p->at.number,
                   (int)(p->section.n < 60 ? p->section.n : 60), (const char *)p->section.p);
}

static int parse_value(struct parse *p, struct su_bytes key, struct su_bytes value, struct su_err *e)
{
    char text[SU_CONF_MAX_VALUE + 1];
    if (value.n > SU_CONF_MAX_VALUE)
        return bad(e, "conf.value", &p->at, "the value is too long");
    if (value.n > 0)
        memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    for (size_t i = 0; i < p->n; i++) {
        if (!same(key, p->rows[i].key) || !same(p->section, p->rows[i].section))
            continue;
        if (p->seen & UINT64_C(1) << i)
            return su_fail(e, SU_E_FORMAT, "conf.syntax", "%s:%u: %s stands there twice", p->at.file, p->at.number,
                           p->rows[i].key);
        p->seen |= UINT64_C(1) << i;
        return set(&p->rows[i], text, &p->at, p->into, e);
    }
    return su_fail(e, SU_E_FORMAT, "conf.unknown", "%s:%u: [%.*s] has no key %.*s", p->at.file, p->at.number,
                   (int)p->section.n, (const char *)p->section.p, (int)(key.n < 60 ? key.n : 60), (const char *)key.p);
}

static int parse_line(struct parse *p, struct su_bytes s, struct su_err *e)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' && s.p[i] != '\t' && !(s.p[i] == '\r' && i == s.n - 1))
            return bad(e, "conf.syntax", &p->at, "a control character");
    s = trim(s);
    if (s.n == 0 || s.p[0] == '#' || s.p[0] == ';')
        return 0;
    if (s.p[0] == '[')
        return parse_section(p, s, e);
    const uint8_t *eq = memchr(s.p, '=', s.n);
    if (!eq || eq == s.p)
        return bad(e, "conf.syntax", &p->at, "neither [section] nor key = value");
    if (p->section.n == 0)
        return bad(e, "conf.syntax", &p->at, "a key before the first [section]");
    struct su_bytes key = trim((struct su_bytes){s.p, (size_t)(eq - s.p)});
    struct su_bytes value = trim((struct su_bytes){eq + 1, s.n - (size_t)(eq - s.p) - 1});
    return parse_value(p, key, value, e);
}

static int defaults(struct parse *p, struct su_err *e)
{
    struct line at = {"default", 0};
    for (size_t i = 0; i < p->n; i++)
        if (p->rows[i].value && set(&p->rows[i], p->rows[i].value, &at, p->into, e) < 0)
            return -1;
    return 0;
}

int su_conf_parse(const struct su_conf_row *rows, size_t n, struct su_bytes text, const char *name, void *into,
                  size_t into_size, struct su_err *e)
{
    if (n > MAX_ROWS || text.n > SU_CONF_MAX_FILE)
        return su_fail(e, SU_E_RANGE, "conf.syntax", "%s is too long", name);
    SU_FREE void *work = malloc(into_size ? into_size : 1);
    if (!work)
        return su_fail_nomem(e, into_size);
    memcpy(work, into, into_size);
    struct parse p = {.rows = rows, .n = n, .into = work, .at = {name, 0}};
    if (defaults(&p, e) < 0)
        return -1;
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t len = end ? (size_t)(end - text.p) : text.n;
        p.at.number++;
        if (parse_line(&p, (struct su_bytes){text.p, len}, e) < 0)
            return -1;
        su_skip(&text, end ? len + 1 : len);
    }
    for (size_t i = 0; i < n; i++)
        if (!rows[i].value && !(p.seen & UINT64_C(1) << i))
            return su_fail(e, SU_E_MISSING, "conf.missing", "%s: [%s] lacks %s", name, rows[i].section, rows[i].key);
    memcpy(into, work, into_size);
    return 0;
}

int su_conf_load(const struct su_conf_row *rows, size_t n, const char *path, bool missing_ok, void *into,
                 size_t into_size, struct su_err *e)
{
    SU_BUF struct su_buf text = {0};
    SU_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && !(errno == ENOENT && missing_ok))
        return su_fail_os(e, "conf.read", "cannot open %s", path);
    while (fd >= 0) {
        uint8_t *room = su_buf_room(&text, 4096);
        if (!room)
            return su_buf_ok(&text, e);
        ssize_t got = read(fd, room, 4096);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0) {
            text.n -= 4096;
            if (got < 0)
                return su_fail_os(e, "conf.read", "cannot read %s", path);
            break;
        }
        text.n -= 4096 - (size_t)got;
        if (text.n > SU_CONF_MAX_FILE)
            return su_fail(e, SU_E_RANGE, "conf.syntax", "%s is longer than %d bytes", path, SU_CONF_MAX_FILE);
    }
    return su_conf_parse(rows, n, su_buf_bytes(&text), path, into, into_size, e);
}
