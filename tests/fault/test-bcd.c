/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boot stores and ReAgent.xml: each allocation fails once.  It must be said to be one, and what comes out otherwise is
 * what comes out always: a reference that could not be read for want of memory is not one to be dropped.  Linked with
 * --wrap for malloc, calloc and realloc. */
#include "guest/bcd.h"
#include "guest/reagent.h"
#include "oom.h"
#include "tests/lib/bcdtext.h"
#include "tests/lib/golden.h"
#include <errno.h>

static struct su_winmap map;
static struct su_buf store, template; /* hives */
static struct su_buf want;            /* what comes out without failures */

static int convert(struct su_buf *out, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    if (su_hive_open(su_buf_bytes(&store), true, &h, e) < 0 || su_bcd_read(h, &b, e) < 0 ||
        su_bcd_to_efi(&b, &map, &c, e) < 0 || su_bcd_apply(h, &c, e) < 0)
        return -1;
    return su_hive_save(h, 0, out, e);
}

static int anew(struct su_buf *out, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    struct su_bcd_new what = {&map, 2, "\\Windows", "Windows 10", "en-US", 1, "\\Recovery\\Winre.wim", NULL};
    if (su_hive_open(su_buf_bytes(&template), true, &h, e) < 0 || su_bcd_read(h, &b, e) < 0 ||
        su_bcd_from_template(&b, &what, &c, e) < 0 || su_bcd_apply(h, &c, e) < 0)
        return -1;
    return su_hive_save(h, 0, out, e);
}

static int default_entry(struct su_buf *out, struct su_err *e)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    struct su_bcd_default d;
    if (su_hive_open(su_buf_bytes(&store), false, &h, e) < 0 || su_bcd_read(h, &b, e) < 0)
        return -1;
    if (su_bcd_default_entry(&b, &d, e) == 0)
        return su_fail(e, SU_E_FORMAT, "test", "the default is no Windows");
    if (e->kind == SU_E_MISSING)
        su_buf_text(out, e->msg);
    return e->kind == SU_E_MISSING ? su_buf_ok(out, e) : -1;
}

static int reagent(struct su_buf *out, struct su_err *e)
{
    static const char text[] = "\xFF\xFE<\0W\0i\0n\0d\0o\0w\0s\0R\0E\0/\0>\0";
    static const char plain[] = "<WindowsRE><I path='' id='1990500925' offset='1' "
                                "guid='{00000000-0000-0000-0000-000000000000}'/></WindowsRE>";
    SU_BUF struct su_buf one = {0}, two = {0};
    unsigned n = 0;
    if (su_reagent_rewrite((struct su_bytes){(const uint8_t *)text, sizeof text - 1}, &map, false, &one, &n, e) < 0 ||
        su_reagent_rewrite((struct su_bytes){(const uint8_t *)plain, sizeof plain - 1}, &map, false, &two, &n, e) < 0)
        return -1;
    su_buf_add(out, two.p, two.n);
    return n == 1 ? su_buf_ok(out, e) : su_fail(e, SU_E_FORMAT, "test", "%u locations", n);
}

static const struct op {
    const char *name;
    int (*run)(struct su_buf *out, struct su_err *e);
} ops[] = {{"converting a store", convert},
           {"a store from the template", anew},
           {"the default entry", default_entry},
           {"ReAgent.xml", reagent}};

/* true: allocation k was there to fail. */
static bool attempt(const struct op *op, unsigned long k, bool *good)
{
    SU_BUF struct su_buf out = {0};
    struct su_err e = {0};
    fail_in = k;
    int rc = op->run(&out, &e);
    bool hit = fail_in == 0;
    fail_in = 0;
    bool same = out.n == want.n && memcmp(out.p, want.p, want.n) == 0;
    *good = hit ? (rc < 0 && (e.kind == SU_E_NOMEM || e.os_errno == ENOMEM)) || (rc == 0 && same) : rc == 0 && same;
    if (!*good)
        printf("# %s, allocation %lu: %d %s: %s\n", op->name, k, rc, e.id ? e.id : "-", e.msg);
    return hit;
}

static void build(const char *name, struct su_buf *hive)
{
    SU_BUF struct su_buf in = {0};
    ok(golden_input(name, &in), "%s", name);
    bcdtext_map(su_buf_str(&in), &map);
    bcdtext_hive(su_buf_str(&in), hive);
}

int main(void)
{
    struct su_err e = {0};
    build("bcd/template.in", &template);
    build("bcd/legacy-default.in", &store);
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++) {
        bool good = true, all = true;
        unsigned long k = 0;
        e = (struct su_err){0};
        want.n = 0;
        ok(ops[i].run(&want, &e) == 0 && want.n > 0, "%s: %s", ops[i].name, e.msg);
        while (k < 100000 && attempt(&ops[i], ++k, &good))
            all = all && good;
        ok(all && good && k > 5, "%s: %lu allocations", ops[i].name, k - 1);
    }
    su_buf_done(&store);
    su_buf_done(&template);
    su_buf_done(&want);
    return tap_done();
}
