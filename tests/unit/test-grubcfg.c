/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guest/grubcfg.h"
#include "guest/partuuid.h"
#include "tests/lib/golden.h"

#define ARG "resume=PARTUUID=11223344-5566-8788-99aa-bbccddeeff05"
static const char *const samples[] = {"debian-partuuid", "nested", "bls"};

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static bool same(const struct su_buf *a, const struct su_buf *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void list_entry(const struct su_grubcfg *g, size_t i, struct su_buf *out)
{
    const struct su_grub_entry *n = &g->entry[i];
    su_buf_printf(out, "%zu in %d: %s \"%s\" id %s%s\n", i, n->parent, n->submenu ? "submenu" : "entry", n->title,
                  n->id ? n->id : "(none)", n->conditional ? " conditional" : "");
    if (n->fs_uuid)
        su_buf_printf(out, "    search %s\n", n->fs_uuid);
    if (n->kernel)
        su_buf_printf(out, "    kernel \"%s\" arguments \"%s\"\n", n->kernel, n->cmdline);
    for (size_t k = 0; k < n->n_initrds; k++)
        su_buf_printf(out, "    initrd \"%s\"\n", n->initrd[k]);
}

static void listings(void)
{
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(samples); i++) {
        SU_BUF struct su_buf in = {0}, out = {0};
        SU_GRUBCFG struct su_grubcfg g = {0};
        char name[64];
        snprintf(name, sizeof name, "grubcfg/%s.before", samples[i]);
        ok(golden_input(name, &in) && su_grubcfg_parse(su_buf_bytes(&in), &g, &e) == 0, "%s parses", name);
        for (size_t k = 0; k < g.n; k++)
            list_entry(&g, k, &out);
        su_buf_printf(&out, "default %s%s%s\n", g.default_value ? g.default_value : "(none)",
                      g.reads_next_entry ? " or next_entry" : "", g.bls ? " and boot loader specification" : "");
        snprintf(name, sizeof name, "grubcfg/%s.list", samples[i]);
        golden_is(name, su_buf_bytes(&out));
    }
}

/* The nested sample asks grubenv for everything. */
static void defaults(void)
{
    static const struct {
        const char *env, *title;
    } rows[] = {
        {"", "first \"quoted\" $5"},
        {"saved_entry=1\n", "deep"}, /* a submenu alone: its first entry */
        {"saved_entry=1>1\n", "shim only"},
        {"saved_entry=2\n", "Memory test"},
        {"saved_entry=99\n", "first \"quoted\" $5"},
        {"saved_entry=1>0>0\n", "deep"},
        {"saved_entry=1>7>0\n", "deep"},       /* the wrong number is the first */
        {"saved_entry=3 and more\n", "chain"}, /* GRUB reads the number only */
        {"saved_entry=0x2\n", "Memory test"},
        {"saved_entry=outer>efi\n", "shim only"},
        {"saved_entry=outer >> menu>efi\n", "shim only"},
        {"saved_entry=outer > menu>efi\n", "first \"quoted\" $5"},
        {"saved_entry=Memory test\n", "Memory test"},
        {"saved_entry=Memory\n", "first \"quoted\" $5"},
        {"saved_entry=Memory tests\n", "first \"quoted\" $5"},
        {"saved_entry=deep\n", "first \"quoted\" $5"}, /* not on the top level */
        {"saved_entry=2\nnext_entry=chain\n", "chain"},
        {"saved_entry=2\nnext_entry=\n", "Memory test"},
        {"saved_entry=2\nprev_saved_entry=3\n", "chain"},
        {"saved_entry=99999999999999999999999\n", "first \"quoted\" $5"},
    };
    struct su_err e = {0};
    SU_BUF struct su_buf in = {0};
    SU_GRUBCFG struct su_grubcfg g = {0};
    ok(golden_input("grubcfg/nested.before", &in) && su_grubcfg_parse(su_buf_bytes(&in), &g, &e) == 0, "parses");
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_BUF struct su_buf env = {0};
        size_t at = 0;
        su_buf_printf(&env, "# GRUB Environment Block\n%s####", rows[i].env);
        ok(su_grubcfg_default(&g, su_buf_bytes(&env), &at, &e) == 0 && strcmp(g.entry[at].title, rows[i].title) == 0,
           "default %zu is %s", i, rows[i].title);
    }
    size_t at = 77;
    ok(su_grubcfg_default(&g, bytes("not a block"), &at, &e) == 0 && at == 0, "a damaged environment is empty");
    ok(su_grubcfg_default(&g, bytes(""), &at, &e) == 0 && at == 0, "none is, too");
    su_grubcfg_done(&g);
    ok(su_grubcfg_parse(bytes("set default=1\nmenuentry a {\n}\nmenuentry b {\n}\n"), &g, &e) == 0, "by number");
    ok(su_grubcfg_default(&g, bytes(""), &at, &e) == 0 && at == 1, "the second");
    su_grubcfg_done(&g);
    at = 77;
    ok(su_grubcfg_parse(bytes("submenu a { submenu b { } }"), &g, &e) == 0 && g.n == 2, "no leaves");
    ok(su_grubcfg_default(&g, bytes(""), &at, &e) < 0 && at == 77, "no default");
    is_str(e.id, "guest.grubcfg.default");
}

static void edits(void)
{
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(samples); i++) {
        SU_BUF struct su_buf before = {0}, after = {0}, again = {0}, back = {0};
        char name[64];
        unsigned n = 0, m = 0;
        snprintf(name, sizeof name, "grubcfg/%s.before", samples[i]);
        ok(golden_input(name, &before), "%s", name);
        ok(su_grubcfg_add_argument(su_buf_bytes(&before), ARG, &after, &n, &e) == 0, "added %u times", n);
        snprintf(name, sizeof name, "grubcfg/%s.after", samples[i]);
        golden_is(name, su_buf_bytes(&after));
        ok(su_grubcfg_add_argument(su_buf_bytes(&after), ARG, &again, &m, &e) == 0 && m == 0 && same(&again, &after),
           "not twice");
        ok(su_grubcfg_remove_argument(su_buf_bytes(&after), ARG, &back, &m, &e) == 0 && m == n, "removed");
        ok(same(&back, &before), "to the very bytes");
    }
}

static void shell_defaults(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf before = {0}, after = {0}, again = {0}, back = {0};
    unsigned n = 0;
    ok(golden_input("grubdefaults/debian.before", &before), "/etc/default/grub");
    ok(su_grub_defaults_add_argument(su_buf_bytes(&before), ARG, &after, &n, &e) == 0 && n == 1, "added");
    golden_is("grubdefaults/debian.after", su_buf_bytes(&after));
    ok(su_grub_defaults_add_argument(su_buf_bytes(&after), ARG, &again, &n, &e) == 0 && n == 0 && same(&again, &after),
       "not twice");
    ok(su_grub_defaults_remove_argument(su_buf_bytes(&after), ARG, &back, &n, &e) == 0 && n == 1, "removed");
    ok(same(&back, &before), "to the very bytes");
}

static void refusals(void)
{
    static const struct {
        const char *name, *text, *id;
    } rows[] = {
        {"open quote", "menuentry 'a", "guest.grubcfg.quote"},
        {"open double quote", "set a=\"$", "guest.grubcfg.quote"},
        {"backslash at the end", "linux /v \\", "guest.grubcfg.quote"},
        {"too deep", "{{{{{{{{{{{{{{{{{", "guest.grubcfg.depth"},
        {"too many initrds", "menuentry a { initrd 1 2 3 4 5 6 7 8 9 ; }", "guest.grubcfg.initrds"},
    };
    struct su_err e = {0};
    struct su_grubcfg g = {.n = 77};
    SU_BUF struct su_buf many = {0}, out = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        ok(su_grubcfg_parse(bytes(rows[i].text), &g, &e) < 0 && g.n == 77, "%s", rows[i].name);
        is_str(e.id, rows[i].id);
    }
    for (int i = 0; i <= SU_GRUBCFG_MAX_ENTRIES; i++)
        su_buf_text(&many, "menuentry a {\n}\n");
    ok(su_grubcfg_parse(su_buf_bytes(&many), &g, &e) < 0 && g.n == 77, "too many entries");
    is_str(e.id, "guest.grubcfg.entries");
    ok(su_grubcfg_parse((struct su_bytes){many.p, many.n - 16}, &g, &e) == 0 && g.n == SU_GRUBCFG_MAX_ENTRIES, "fewer");
    su_grubcfg_done(&g);
    su_buf_done(&many);
    for (int i = 0; i <= SU_GRUB_MAX_WORDS; i++)
        su_buf_text(&many, "w ");
    ok(su_grubcfg_parse(su_buf_bytes(&many), &g, &e) < 0, "too many words");
    is_str(e.id, "guest.grubcfg.words");

    static const char *const arguments[] = {"", "a b", "a\nb", "a$b", "a'b", "a;b", "a{", "a\\"};
    unsigned n = 77;
    for (size_t i = 0; i < SU_ARRAY_LEN(arguments); i++) {
        ok(su_grubcfg_add_argument(bytes("linux /v"), arguments[i], &out, &n, &e) < 0 && out.n == 0 && n == 77,
           "argument");
        is_str(e.id, "guest.grubcfg.argument");
        ok(su_grub_defaults_add_argument(bytes(""), arguments[i], &out, &n, &e) < 0 && out.n == 0, "there too");
    }
    ok(su_grubcfg_add_argument(bytes("linux /v\nset a='"), "x", &out, &n, &e) < 0 && out.n == 0,
       "half an edit is none");
}

static void stubs(void)
{
    static const char *const prefixes[] = {"", "boot", "/a b", "/a'b", "/a$b", "/a\n", "/a\\b", "/a\"b", "/\303\244"};
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    char path[300] = "/";
    ok(su_grub_stub("07191a49-25d1-4e75-a490-6c3e601c0ef1", "/@rootfs/boot/grub", &out, &e) == 0, "a stub");
    golden_is("grubcfg/stub", su_buf_bytes(&out));
    su_buf_done(&out);
    for (size_t i = 0; i < SU_ARRAY_LEN(prefixes); i++) {
        ok(su_grub_stub("AAAA-BBBB", prefixes[i], &out, &e) < 0 && out.n == 0, "prefix %zu is refused", i);
        is_str(e.id, "guest.grubstub.prefix");
    }
    memset(path + 1, 'a', 255);
    ok(su_grub_stub("AAAA-BBBB", path, &out, &e) < 0, "a long one");
    ok(su_grub_stub("AAAA BBBB", "/boot/grub", &out, &e) < 0, "a bad UUID");
    is_str(e.id, "guest.grubstub.uuid");
}

int main(void)
{
    listings();
    defaults();
    edits();
    shell_defaults();
    refusals();
    stubs();
    return tap_done();
}
