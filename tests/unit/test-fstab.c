/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "guest/fstab.h"
#include "guest/partuuid.h"
#include "tests/lib/golden.h"

static const char *const samples[] = {"debian-partuuid", "busy", "no-newline"};

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static bool same(const struct su_buf *a, const struct su_buf *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* What was read, as a text. */
static void listing(void)
{
    struct su_err e = {0};
    SU_BUF struct su_buf in = {0}, out = {0};
    SU_FSTAB struct su_fstab f = {0};
    ok(golden_input("fstab/busy.before", &in) && su_fstab_parse(su_buf_bytes(&in), &f, &e) == 0, "parses");
    for (size_t i = 0; i < f.n; i++) {
        const struct su_fstab_entry *n = &f.entry[i];
        su_buf_printf(&out, "%u: %s \"%s\" on \"%s\" type %s options %s freq %u pass %u\n", n->line,
                      su_spec_kind_name(n->kind), n->value, n->file, n->type, n->options, n->freq, n->passno);
    }
    su_buf_printf(&out, "bad lines: %u\n", f.bad_lines);
    golden_is("fstab/busy.list", su_buf_bytes(&out));

    char v[8];
    const struct su_fstab_entry *root = su_fstab_find(&f, "/"), *nvme = su_fstab_find(&f, "/nvme");
    ok(root && root->line == 4, "the root entry");
    ok(root && su_fstab_option(root, "subvol", v, sizeof v) && strcmp(v, "@rootfs") == 0, "its subvolume");
    ok(root && su_fstab_option(root, "ssd", v, sizeof v) && !*v, "an option without a value");
    ok(root && !su_fstab_option(root, "sub", v, sizeof v) && !su_fstab_option(root, "subvolid", v, sizeof v),
       "no more");
    ok(root && !su_fstab_option(root, "subvol", v, 7), "a value that does not fit");
    ok(nvme && su_fstab_find(&f, "/nvme//") == nvme, "slashes at the end");
    ok(nvme && su_fstab_option(nvme, "a", v, sizeof v) && strcmp(v, "1") == 0, "the first of two");
    ok(nvme && su_fstab_option(nvme, "b", v, sizeof v) && !*v, "an empty value");
    ok(!su_fstab_find(&f, "/none") && !su_fstab_find(&f, "none"), "missing ones");
}

static void edits(void)
{
    struct su_err e = {0};
    struct su_partuuid map[] = {{.disk_id = 0xec9ad657, .slot = 1, .guid = {1}},
                                {0xec9ad657, 5, {5}},
                                {0x381a4875, 1, {0x11}},
                                {0x381a4875, 5, {0xa5}},
                                {0x381a4875, 6, {0x16}}};
    for (size_t i = 0; i < SU_ARRAY_LEN(samples); i++) {
        SU_BUF struct su_buf before = {0}, mid = {0}, after = {0}, back = {0};
        char name[64];
        unsigned n = 0, removed = 0;
        snprintf(name, sizeof name, "fstab/%s.before", samples[i]);
        ok(golden_input(name, &before), "%s", name);
        ok(su_partuuid_rewrite(su_buf_bytes(&before), SU_PARTUUID_TO_GPT, map, SU_ARRAY_LEN(map), &mid, &n, &e) == 0 &&
               su_fstab_add_esp(su_buf_bytes(&mid), "ABCD-1234", &after, &e) == 0,
           "edited");
        snprintf(name, sizeof name, "fstab/%s.after", samples[i]);
        golden_is(name, su_buf_bytes(&after));
        su_buf_done(&mid);
        ok(su_fstab_remove_esp(su_buf_bytes(&after), "ABCD-1234", &mid, &removed, &e) == 0 && removed == 1 &&
               su_partuuid_rewrite(su_buf_bytes(&mid), SU_PARTUUID_TO_MBR, map, SU_ARRAY_LEN(map), &back, &n, &e) == 0,
           "and back");
        ok(same(&back, &before), "to the very bytes");
        su_buf_done(&back);
        ok(su_fstab_add_esp(su_buf_bytes(&after), "ABCD-1234", &back, &e) < 0 && back.n == 0, "not twice");
        is_str(e.id, "guest.fstab.esp");
        ok(su_fstab_remove_esp(su_buf_bytes(&after), "ABCD-9999", &back, &removed, &e) == 0 && removed == 0 &&
               same(&back, &after),
           "another volume's line stays");
    }
}

static void refusals(void)
{
    static const struct {
        const char *name, *text, *uuid, *id;
    } rows[] = {
        {"carriage returns", "a b c\r\n", "ABCD-1234", "guest.text.crlf"},
        {"another mount there", "/dev/sda1 /boot/efi/ vfat\n", "ABCD-1234", "guest.fstab.esp"},
        {"lower case id", "", "abcd-1234", "guest.fstab.uuid"},
        {"short id", "", "ABCD-123", "guest.fstab.uuid"},
        {"id with more behind it", "", "ABCD-1234 /", "guest.fstab.uuid"},
    };
    struct su_err e = {0};
    SU_BUF struct su_buf out = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        ok(su_fstab_add_esp(bytes(rows[i].text), rows[i].uuid, &out, &e) < 0 && out.n == 0, "%s", rows[i].name);
        is_str(e.id, rows[i].id);
    }
    struct su_fstab f = {.n = 77};
    ok(su_fstab_parse((struct su_bytes){(const uint8_t *)"a\0b", 3}, &f, &e) < 0 && f.n == 77, "NUL");
    is_str(e.id, "guest.text.nul");
    for (int i = 0; i <= SU_FSTAB_MAX_ENTRIES; i++)
        su_buf_text(&out, "a b c\n");
    ok(su_fstab_parse(su_buf_bytes(&out), &f, &e) < 0 && f.n == 77, "too many entries");
    is_str(e.id, "guest.fstab.entries");
    ok(su_fstab_parse((struct su_bytes){out.p, out.n - 6}, &f, &e) == 0 && f.n == SU_FSTAB_MAX_ENTRIES, "one less");
    su_fstab_done(&f);
}

static void lines(void)
{
    static const struct {
        const char *text;
        size_t n;
        unsigned bad;
        const char *spec, *file;
    } rows[] = {
        {"", 0, 0, "", ""},
        {"\n \t\n# x\n  # y", 0, 0, "", ""},
        {" a\tb  c\t", 1, 0, "a", "b"},
        {"a b c o # comment", 1, 0, "a", "b"},
        {"a b", 0, 1, "", ""},
        {"a b c o x", 0, 1, "", ""},
        {"a b c o 0 x", 0, 1, "", ""},
        {"a b c o 99999999 1", 0, 1, "", ""},
        {"a b\\134040 c", 1, 0, "a", "b\\040"},
        {"a b\\04 c", 1, 0, "a", "b\\04"},
        {"a b\\000x c", 1, 0, "a", "b\\000x"},
        {"a b\\ c", 1, 0, "a", "b\\"},
        {"UUID=\" /x c", 1, 0, "UUID=\"", "/x"},
        {"UUID=\"\" /x c", 1, 0, "UUID=", "/x"},
        {"UUID=\"a' /x c", 1, 0, "UUID=\"a'", "/x"},
    };
    struct su_err e = {0};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        SU_FSTAB struct su_fstab f = {0};
        bool good = su_fstab_parse(bytes(rows[i].text), &f, &e) == 0 && f.n == rows[i].n && f.bad_lines == rows[i].bad;
        ok(good &&
               (f.n == 0 || (strcmp(f.entry[0].spec, rows[i].spec) == 0 && strcmp(f.entry[0].file, rows[i].file) == 0)),
           "line %zu", i);
    }
}

int main(void)
{
    listing();
    edits();
    refusals();
    lines();
    return tap_done();
}
