/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and values through hivex, on a hive made here. */
#include "base/confine.h"
#include "guest/hive.h"
#include "guest/regf_int.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define BYTES(s) ((struct su_bytes){(const uint8_t *)(s), sizeof(s) - 1})

static struct su_hive *open_new(unsigned minor)
{
    SU_BUF struct su_buf b = {0};
    struct su_hive *h = NULL;
    struct su_err e = {0};
    hivegen(&b, minor);
    if (su_hive_open(su_buf_bytes(&b), true, &h, &e) < 0)
        printf("# %s: %s\n", e.id, e.msg);
    return h;
}

static struct su_hive *again(struct su_hive *h, bool writable)
{
    SU_BUF struct su_buf b = {0};
    struct su_hive *back = NULL;
    struct su_err e = {0};
    if (su_hive_save(h, 1700000000, &b, &e) < 0 || su_hive_open(su_buf_bytes(&b), writable, &back, &e) < 0)
        printf("# %s: %s\n", e.id, e.msg);
    su_hive_close(h);
    return back;
}

static bool has(struct su_hive *h, su_hive_node n, const char *name, uint32_t type, struct su_bytes want)
{
    SU_BUF struct su_buf b = {0};
    struct su_err e = {0};
    uint32_t t = 0;
    bool there = false;
    return su_hive_get(h, n, name, &t, &b, &there, &e) == 0 && there && t == type && b.n == want.n &&
           (b.n == 0 || memcmp(b.p, want.p, b.n) == 0);
}

static int count(void *arg, const char *name, uint32_t type, struct su_bytes data, struct su_err *e)
{
    (void)name, (void)type, (void)data, (void)e;
    ++*(unsigned *)arg;
    return 0;
}

static void test_values(void)
{
    struct su_hive *h = open_new(5);
    struct su_err e = {0};
    su_hive_node r = su_hive_root(h), k = 0;
    unsigned n = 0;
    ok(su_hive_set(h, r, "", SU_REG_SZ, BYTES("d\0\0\0"), &e) == 0 &&
           su_hive_set(h, r, "Small", SU_REG_DWORD, BYTES("\1\2\3\4"), &e) == 0 &&
           su_hive_set(h, r, "Empty", SU_REG_BINARY, BYTES(""), &e) == 0 &&
           su_hive_set(h, r, "Other", 0x20001, BYTES("five!"), &e) == 0 &&
           su_hive_set(h, r, "N\xC3\xA4me \xE2\x82\xAC", SU_REG_BINARY, BYTES("123456789012"), &e) == 0 &&
           su_hive_add_key(h, r, "Sub", &k, &e) == 0 && su_hive_set(h, k, "x", SU_REG_NONE, BYTES("12345678"), &e) == 0,
       "values of every shape are set: %s", e.msg);
    h = again(h, true);
    r = su_hive_root(h);
    ok(has(h, r, "", SU_REG_SZ, BYTES("d\0\0\0")) && has(h, r, "SMALL", SU_REG_DWORD, BYTES("\1\2\3\4")) &&
           has(h, r, "Empty", SU_REG_BINARY, BYTES("")) && has(h, r, "other", 0x20001, BYTES("five!")) &&
           has(h, r, "N\xC3\xA4me \xE2\x82\xAC", SU_REG_BINARY, BYTES("123456789012")),
       "and are there afterwards");
    ok(su_hive_find(h, r, "sUB", &k, &e) == 0 && k && has(h, k, "X", SU_REG_NONE, BYTES("12345678")),
       "names have no case");
    ok(su_hive_set(h, r, "NOTHING", SU_REG_DWORD, BYTES("abcd"), &e) == 0 &&
           su_hive_set(h, r, "small", SU_REG_BINARY, BYTES("twenty-four bytes of data"), &e) == 0 &&
           su_hive_unset(h, r, "EMPTY", &e) == 0 && su_hive_unset(h, r, "was never there", &e) == 0 &&
           su_hive_each_value(h, r, count, &n, &e) == 0 && n == 5,
       "changed, grown, gone: %u", n);
    h = again(h, false);
    r = su_hive_root(h);
    ok(has(h, r, "Small", SU_REG_BINARY, BYTES("twenty-four bytes of data")) &&
           has(h, r, "Nothing", SU_REG_DWORD, BYTES("abcd")) && !has(h, r, "Empty", SU_REG_BINARY, BYTES("")) &&
           has(h, r, "", SU_REG_SZ, BYTES("d\0\0\0")),
       "in the file too");
    ok(su_hive_set(h, r, "x", 1, BYTES("x"), &e) < 0 && strcmp(e.id, "hive.closed") == 0, "not writable");
    su_hive_close(h);
}

static void test_text(void)
{
    struct su_hive *h = open_new(5);
    struct su_err e = {0};
    su_hive_node r = su_hive_root(h);
    char text[8];
    uint32_t v = 5;
    bool there = true;
    ok(su_hive_set(h, r, "t", SU_REG_EXPAND_SZ, BYTES("a\0\xAC\x20x\0\0\0junk"), &e) == 0 &&
           su_hive_get_text(h, r, "t", text, sizeof text, &e) == 0 && strcmp(text, "a\xE2\x82\xACx") == 0,
       "text ends at its NUL");
    ok(su_hive_get_text(h, r, "t", text, 4, &e) == 0 && strcmp(text, "a") == 0, "and is cut between characters");
    ok(su_hive_get_text(h, r, "none", text, sizeof text, &e) == 0 && text[0] == 0, "none is empty");
    ok(su_hive_get_dword(h, r, "t", &v, &there, &e) == 0 && !there && v == 5, "text is no number");
    ok(su_hive_set(h, r, "d", SU_REG_DWORD, BYTES("\1\0\0\0"), &e) == 0 &&
           su_hive_get_dword(h, r, "D", &v, &there, &e) == 0 && there && v == 1,
       "a number is one");
    ok(su_hive_get_text(h, r, "d", text, sizeof text, &e) == 0 && text[0] == 0, "a number is no text");
    su_hive_close(h);
}

static int list_keys(void *arg, const char *name, su_hive_node node, struct su_err *e)
{
    (void)node, (void)e;
    su_buf_printf(arg, "%s ", name);
    return 0;
}

static void test_keys(void)
{
    static const char *const names[] = {"{b}", "{A}", "25000004", "Elements", "{c-1}", "11000001", "description"};
    struct su_hive *h = open_new(3);
    struct su_err e = {0};
    SU_BUF struct su_buf list = {0}, after = {0};
    su_hive_node k = 0, again_k = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++)
        ok(su_hive_add_key(h, su_hive_root(h), names[i], &k, &e) == 0, "add %s %s", names[i], e.msg);
    ok(su_hive_each_key(h, su_hive_root(h), list_keys, &list, &e) == 0);
    is_str(su_buf_str(&list), "11000001 25000004 description Elements {A} {b} {c-1} ");
    ok(su_hive_add_key(h, su_hive_root(h), "DESCRIPTION", &again_k, &e) == 0 && again_k == k,
       "one that is there is that one");
    ok(su_hive_add_key(h, k, "deep", &k, &e) == 0 &&
       su_hive_set(h, k, "v", SU_REG_BINARY, BYTES("0123456789"), &e) == 0);
    h = again(h, true);
    ok(su_hive_find(h, su_hive_root(h), "Description\\DEEP", &k, &e) == 0 && k &&
       has(h, k, "v", SU_REG_BINARY, BYTES("0123456789")));
    ok(su_hive_find(h, su_hive_root(h), "Description\\Deep\\none", &k, &e) == 0 && k == 0, "no such key");
    ok(su_hive_find(h, su_hive_root(h), "description", &k, &e) == 0 && su_hive_delete_key(h, k, &e) == 0,
       "a tree goes: %s", e.msg);
    h = again(h, false);
    ok(su_hive_each_key(h, su_hive_root(h), list_keys, &after, &e) == 0);
    is_str(su_buf_str(&after), "11000001 25000004 Elements {A} {b} {c-1} ");
    su_hive_close(h);
}

static void some_changes(struct su_hive *h)
{
    struct su_err e = {0};
    su_hive_node k = 0;
    ok(su_hive_add_key(h, su_hive_root(h), "New", &k, &e) == 0 &&
       su_hive_set(h, k, "v", SU_REG_BINARY, BYTES("123456789"), &e) == 0 &&
       su_hive_set(h, su_hive_root(h), "v", SU_REG_BINARY, BYTES("123456789"), &e) == 0 &&
       su_hive_delete_key(h, k, &e) == 0 && su_hive_add_key(h, su_hive_root(h), "Newer", &k, &e) == 0);
}

static void test_same_bytes(void)
{
    SU_BUF struct su_buf one = {0}, two = {0}, three = {0};
    struct su_err e = {0};
    struct su_hive *h = open_new(5);
    some_changes(h);
    ok(su_hive_save(h, 1700000000, &one, &e) == 0 && su_hive_save(h, 1700000000, &two, &e) == 0);
    su_hive_close(h);
    ok(one.n == two.n && memcmp(one.p, two.p, one.n) == 0, "saved twice, same bytes");
    nanosleep(&(struct timespec){1, 100000000}, NULL);
    h = open_new(5);
    some_changes(h);
    ok(su_hive_save(h, 1700000000, &three, &e) == 0 && one.n == three.n && memcmp(one.p, three.p, one.n) == 0,
       "a second later, same bytes");
    su_hive_close(h);
    ok(one.n % 4096 == 0 && su_le32(one.p + REGF_SIZE) == one.n - 4096 && su_le32(one.p + REGF_SEQ1) == 8 &&
           su_regf_state(su_buf_bytes(&one), NULL) == SU_REGF_CLEAN,
       "what is written is a hive");
    ok(su_le64(one.p + REGF_WRITTEN) == UINT64_C(133444736000000000), "with the time it was given");
}

static void test_same_value_is_no_change(void)
{
    SU_BUF struct su_buf before = {0}, after = {0};
    struct su_err e = {0};
    struct su_hive *h = open_new(5);
    ok(su_hive_set(h, su_hive_root(h), "v", SU_REG_BINARY, BYTES("123456789"), &e) == 0);
    h = again(h, true);
    ok(su_hive_save(h, 1, &before, &e) == 0 &&
           su_hive_set(h, su_hive_root(h), "V", SU_REG_BINARY, BYTES("123456789"), &e) == 0 &&
           su_hive_save(h, 1, &after, &e) == 0 && before.n == after.n && memcmp(before.p, after.p, before.n) == 0,
       "setting what is there changes nothing");
    su_hive_close(h);
}

static void test_limits(void)
{
    struct su_hive *h = open_new(5), *old = open_new(3);
    SU_FREE uint8_t *big = calloc(1, SU_HIVE_MAX_VALUE + 1);
    struct su_err e = {0};
    su_hive_node k = 0;
    char name[SU_HIVE_NAME + 1];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ok(su_hive_set(h, su_hive_root(h), "v", 3, (struct su_bytes){big, 16345}, &e) < 0 &&
           strcmp(e.id, "hive.limit") == 0,
       "no data that Windows would want in segments");
    ok(su_hive_set(h, su_hive_root(h), "v", 3, (struct su_bytes){big, 16344}, &e) == 0);
    ok(su_hive_set(old, su_hive_root(old), "v", 3, (struct su_bytes){big, 100000}, &e) == 0,
       "which boot stores have not");
    ok(su_hive_set(old, su_hive_root(old), "v", 3, (struct su_bytes){big, SU_HIVE_MAX_VALUE + 1}, &e) < 0);
    ok(su_hive_set(h, su_hive_root(h), name, 3, BYTES("x"), &e) < 0 && strcmp(e.id, "hive.limit") == 0, "a long name");
    ok(su_hive_set(h, su_hive_root(h), "\xFF", 3, BYTES("x"), &e) < 0 && strcmp(e.id, "guest.utf8") == 0, "no UTF-8");
    ok(su_hive_add_key(h, su_hive_root(h), "", &k, &e) < 0 && su_hive_add_key(h, su_hive_root(h), "a\\b", &k, &e) < 0);
    ok(su_hive_delete_key(h, su_hive_root(h), &e) < 0, "the root stays");
    ok(su_hive_set(h, su_hive_root(h), "v", 3, BYTES("x"), &e) < 0 && strcmp(e.id, "hive.closed") == 0,
       "after a failure there is nothing to save");
    old = again(old, true);
    ok(old != NULL, "a hive with large data opens again");
    su_hive_close(h);
    su_hive_close(old);
}

static void test_order(void)
{
    struct su_hive *h = open_new(5);
    struct su_err e = {0};
    su_hive_node k = 0;
    bool good = su_hive_add_key(h, su_hive_root(h), "F_x", &k, &e) == 0;
    ok(good && (su_hive_add_key(h, su_hive_root(h), "Foo", &k, &e) == 0 || strcmp(e.id, "hive.limit") == 0),
       "a key gets its place in Windows' order, or is refused");
    su_hive_close(h);
}

static void test_open(void)
{
    SU_BUF struct su_buf b = {0};
    struct su_hive *h = NULL;
    struct su_err e = {0};
    hivegen(&b, 5);
    su_put_le32(b.p + REGF_SEQ1, 8);
    hivegen_sum(b.p);
    ok(su_hive_open(su_buf_bytes(&b), false, &h, &e) < 0 && e.kind == SU_E_REFUSED && strcmp(e.id, "hive.dirty") == 0);
    su_put_le32(b.p + REGF_SEQ1, 7);
    hivegen_sum(b.p);
    b.p[4096] = 'x';
    ok(su_hive_open(su_buf_bytes(&b), false, &h, &e) < 0 && strcmp(e.id, "hive.damaged") == 0);
    b.p[4096] = 'h';
    /* a base block whose sum would be 0 */
    su_put_le32(b.p + 200, su_le32(b.p + 200) ^ su_le32(b.p + REGF_SUM));
    hivegen_sum(b.p);
    ok(su_le32(b.p + REGF_SUM) == 1 && su_hive_open(su_buf_bytes(&b), false, &h, &e) == 0,
       "a sum that hivex does not know");
    su_hive_close(h);
}

/* The worker that reads disks has given up writing files. */
static void test_confined(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct su_confine none = {0};
        struct su_err e = {0};
        SU_BUF struct su_buf b = {0};
        bool locked = false;
        if (su_confine_enter(&none, &locked, &e) < 0)
            _exit(2);
        struct su_hive *h = open_new(5);
        int rc =
            h && su_hive_set(h, su_hive_root(h), "v", 3, BYTES("123456"), &e) == 0 && su_hive_save(h, 0, &b, &e) == 0;
        su_hive_close(h);
        _exit(rc ? 0 : 1);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "works when confined (%d)", status);
}

int main(void)
{
    test_values();
    test_text();
    test_keys();
    test_same_bytes();
    test_same_value_is_no_change();
    test_limits();
    test_order();
    test_open();
    test_confined();
    return tap_done();
}
