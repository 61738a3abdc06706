/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hive and a few changes to it: whatever is opened can be walked; what was set is there, what was deleted is not;
 * what is saved opens again and has it; the same changes make the same bytes. */
#include "must.h"
#include "guest/hive.h"
#include "hive_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { STEPS = 16, NODES = 64, WALK = 2000 };

struct walk {
    struct su_hive *h;
    su_hive_node node[NODES];
    unsigned n, total, depth;
};

static int see_value(void *arg, const char *name, uint32_t type, struct su_bytes d, struct su_err *e)
{
    (void)arg, (void)type, (void)e;
    uint8_t sum = (uint8_t)strlen(name);
    for (size_t i = 0; i < d.n; i++)
        sum ^= d.p[i];
    return sum == 0 && d.n > 70000; /* reads it all */
}

static int see_key(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    struct walk *w = arg;
    MUST(name && node);
    if (w->n < NODES)
        w->node[w->n++] = node;
    if (++w->total > WALK || w->depth > 100)
        return 1;
    struct su_err unused = {0};
    (void)!su_hive_each_value(w->h, node, see_value, w, &unused);
    w->depth++;
    int rc = su_hive_each_key(w->h, node, see_key, w, e);
    w->depth--;
    return rc < 0 ? -1 : w->total > WALK;
}

static void collect(struct walk *w)
{
    struct su_err e = {0};
    w->n = w->total = 0;
    w->node[w->n++] = su_hive_root(w->h);
    (void)!su_hive_each_key(w->h, su_hive_root(w->h), see_key, w, &e);
}

static const char *const names[] = {"", "a", "Start", "{x}", "KEY1", "v", "N\xC3\xA4", "Element"};
static const uint8_t bytes[32] = "0123456789abcdef0123456789abcde";

static void one_set(struct su_hive *h, su_hive_node node, const char *name, struct su_bytes d)
{
    SU_BUF struct su_buf got = {0};
    struct su_err e = {0};
    bool there = false;
    uint32_t type = 0;
    if (su_hive_set(h, node, name, SU_REG_BINARY, d, &e) < 0)
        return;
    if (su_hive_get(h, node, name, &type, &got, &there, &e) == 0)
        MUST(there && type == SU_REG_BINARY && got.n == d.n && (d.n == 0 || memcmp(got.p, d.p, d.n) == 0));
}

static void step(struct walk *w, uint8_t s, uint8_t t)
{
    struct su_err e = {0};
    su_hive_node node = w->node[(s >> 3) % w->n], found = 0;
    const char *name = names[s % 8];
    bool there = true;
    switch (t % 5) {
    case 0:
    case 1:
        one_set(w->h, node, name, (struct su_bytes){bytes, t / 5 % 33});
        break;
    case 2:
        if (su_hive_unset(w->h, node, name, &e) == 0 && su_hive_get(w->h, node, "no such", NULL, NULL, &there, &e) == 0)
            MUST(!there);
        break;
    case 3:
        if (su_hive_add_key(w->h, node, name, &found, &e) == 0)
            MUST(su_hive_find(w->h, node, name, &node, &e) < 0 || node == found);
        break;
    default:
        (void)!su_hive_delete_key(w->h, node, &e);
        collect(w);
    }
}

static bool run(struct su_bytes hive, struct su_bytes script, struct su_buf *out)
{
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    if (su_hive_open(hive, true, &h, &e) < 0)
        return false;
    struct walk w = {.h = h};
    collect(&w);
    for (size_t i = 0; i + 2 <= script.n; i += 2)
        step(&w, script.p[i], script.p[i + 1]);
    return su_hive_save(h, 1700000000, out, &e) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SU_BUF struct su_buf hive = {0}, one = {0}, two = {0}, unused = {0};
    if (n < STEPS)
        return 0;
    hive_body((struct su_bytes){data + STEPS, n - STEPS}, &hive);
    if (!run(su_buf_bytes(&hive), (struct su_bytes){data, STEPS}, &one))
        return 0;
    MUST(run(su_buf_bytes(&hive), (struct su_bytes){data, STEPS}, &two) && one.n == two.n &&
         memcmp(one.p, two.p, one.n) == 0);
    MUST(su_regf_state(su_buf_bytes(&one), NULL) == SU_REGF_CLEAN);
    MUST(run(su_buf_bytes(&one), (struct su_bytes){NULL, 0}, &unused));
    return 0;
}
