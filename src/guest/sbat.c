/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sbat.h"
#include <stdio.h>
#include <string.h>

struct entry {
    struct su_bytes name;
    unsigned generation;
};

static struct su_bytes text_of(struct su_bytes b)
{
    const uint8_t *nul = b.n ? memchr(b.p, 0, b.n) : NULL;
    struct su_bytes text = {b.p, nul ? (size_t)(nul - b.p) : b.n};
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        (void)su_skip(&text, 3);
    return text;
}

static struct su_bytes take_until(struct su_bytes *b, char stop)
{
    const uint8_t *at = b->n ? memchr(b->p, stop, b->n) : NULL;
    struct su_bytes head = {b->p, at ? (size_t)(at - b->p) : b->n};
    (void)su_skip(b, at ? head.n + 1 : head.n);
    return head;
}

/* 1 and the next entry, 0 at the end, -1 for a line that is none. */
static int next_entry(struct su_bytes *text, struct entry *out)
{
    while (text->n) {
        struct su_bytes line = take_until(text, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            continue;
        struct entry en = {.name = take_until(&line, ',')};
        struct su_bytes number = take_until(&line, ',');
        if (en.name.n == 0 || number.n == 0 || number.n > 9)
            return -1;
        for (size_t i = 0; i < number.n; i++) {
            if (number.p[i] < '0' || number.p[i] > '9')
                return -1;
            en.generation = en.generation * 10 + (unsigned)(number.p[i] - '0');
        }
        *out = en;
        return 1;
    }
    return 0;
}

static int format(struct su_err *e)
{
    return su_fail(e, SU_E_FORMAT, "sbat.format", "the SBAT text is damaged");
}

/* Of the level's entries for the component, the strictest. */
static int wanted(struct su_bytes level, const struct entry *have, unsigned *generation, struct su_err *e)
{
    struct entry en;
    int more;
    unsigned lines = 0;
    *generation = 0;
    while ((more = next_entry(&level, &en)) > 0) {
        if (++lines > SU_SBAT_MAX_LINES)
            return format(e);
        if (en.name.n == have->name.n && memcmp(en.name.p, have->name.p, en.name.n) == 0 && en.generation > *generation)
            *generation = en.generation;
    }
    return more < 0 ? format(e) : 0;
}

int su_sbat_check(struct su_bytes image, struct su_bytes level, bool *revoked, char name[SU_SBAT_NAME],
                  struct su_err *e)
{
    struct su_bytes have = text_of(image), want = text_of(level);
    struct entry en;
    int more;
    unsigned lines = 0, generation;
    if (have.n > SU_SBAT_MAX || want.n > SU_SBAT_MAX)
        return format(e);
    while ((more = next_entry(&have, &en)) > 0) {
        if (++lines > SU_SBAT_MAX_LINES)
            return format(e);
        if (wanted(want, &en, &generation, e) < 0)
            return -1;
        if (en.generation < generation) {
            *revoked = true;
            snprintf(name, SU_SBAT_NAME, "%.*s", (int)en.name.n, (const char *)en.name.p);
            return 0;
        }
    }
    if (more < 0 || lines == 0)
        return format(e);
    *revoked = false;
    name[0] = 0;
    return 0;
}

int su_sbat_levels(struct su_bytes section, struct su_bytes *automatic, struct su_bytes *latest, struct su_err *e)
{
    uint32_t version, old_at, new_at;
    struct su_bytes b = section;
    if (!su_take_le32(&b, &version) || version != 0)
        return su_fail(e, SU_E_FORMAT, "sbat.level", "shim's SBAT level is of an unknown version");
    struct su_bytes base = b; /* offsets count from behind the version */
    if (!su_take_le32(&b, &old_at) || !su_take_le32(&b, &new_at) || old_at >= base.n || new_at >= base.n)
        return su_fail(e, SU_E_FORMAT, "sbat.level", "shim's SBAT level does not fit into its section");
    *automatic = text_of((struct su_bytes){base.p + old_at, base.n - old_at});
    *latest = text_of((struct su_bytes){base.p + new_at, base.n - new_at});
    return 0;
}
