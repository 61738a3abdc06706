/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names as Windows writes them, there and back. */
#include "guest/utf16.h"
#include "tests/lib/tap.h"

static void there_and_back(const char *what, const char *utf16, size_t n, const char *utf8)
{
    SU_BUF struct su_buf text = {0}, back = {0};
    struct su_err e = {0};
    su_utf16_to_utf8((struct su_bytes){(const uint8_t *)utf16, n}, false, &text);
    ok(text.n == strlen(utf8) && memcmp(text.p, utf8, text.n) == 0, "%s: to UTF-8", what);
    ok(su_utf8_to_utf16(su_buf_str(&text), text.n, &back, &e) == 0 && back.n == n && memcmp(back.p, utf16, n) == 0,
       "%s: and back", what);
}

static void test_every_unit(void)
{
    int good = 1;
    for (uint32_t a = 0; a < 0x10000; a++) {
        static const uint16_t other[] = {'x', 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xFFFF, 0};
        for (size_t i = 0; i < SU_ARRAY_LEN(other); i++) {
            SU_BUF struct su_buf text = {0}, back = {0};
            struct su_err e = {0};
            uint8_t b[4];
            su_put_le16(b, (uint16_t)a);
            su_put_le16(b + 2, other[i]);
            su_utf16_to_utf8((struct su_bytes){b, 4}, false, &text);
            good &=
                su_utf8_to_utf16(su_buf_str(&text), text.n, &back, &e) == 0 && back.n == 4 && memcmp(back.p, b, 4) == 0;
        }
    }
    ok(good, "every unit survives beside every kind of neighbour");
}

static void test_ends(void)
{
    SU_BUF struct su_buf text = {0};
    su_utf16_to_utf8((struct su_bytes){(const uint8_t *)"a\0b\0\0\0c\0", 8}, true, &text);
    is_str(su_buf_str(&text), "ab");
    su_utf16_to_utf8((struct su_bytes){(const uint8_t *)"d\0x", 3}, true, &text);
    is_str(su_buf_str(&text), "abd");
}

static void test_cut(void)
{
    static const struct su_bytes text = {(const uint8_t *)"a\0\xE4\0\xAC\x20\x3D\xD8\x00\xDE\0\0z\0", 14};
    static const char *const want[] = {"", "a", "a", "a\xC3\xA4", "a\xC3\xA4", "a\xC3\xA4", "a\xC3\xA4\xE2\x82\xAC"};
    char out[32];
    for (size_t cap = 1; cap <= SU_ARRAY_LEN(want); cap++) {
        memset(out, 'x', sizeof out);
        su_utf16_cut(text, out, cap);
        ok(strcmp(out, want[cap - 1]) == 0 && out[cap] == 'x', "cut to %zu", cap);
    }
    su_utf16_cut(text, out, sizeof out);
    is_str(out, "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
}

static void test_not_utf8(void)
{
    static const char *const bad[] = {"a\x80",
                                      "\xC3",
                                      "\xC0\x80",
                                      "\xE0\x80\x80",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80",
                                      "\xED\xA0\x80\xED\xB0\x80",
                                      "\xFF"};
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        SU_BUF struct su_buf out = {0};
        struct su_err e = {0};
        ok(su_utf8_to_utf16(bad[i], strlen(bad[i]), &out, &e) < 0 && e.kind == SU_E_FORMAT && out.n == 0,
           "bytes %zu are not UTF-8", i);
    }
}

static void test_names(void)
{
    ok(su_name_is("BootMGR", 7, "bootmgr"));
    ok(!su_name_is("bootmgr", 6, "bootmgr"));
    ok(!su_name_is("bootmg[", 7, "bootmg{"), "only letters have case");
    ok(su_winpath_is("\\Windows/System32", "/windows\\SYSTEM32"));
    ok(!su_winpath_is("\\Windows", "\\Windows\\"));
    ok(!su_winpath_is("", "\\"));
}

static void path(const char *in, const char *want)
{
    char out[40] = "as it was";
    struct su_err e = {0};
    int rc = su_winpath(in, out, sizeof out, &e);
    ok(want ? rc == 0 : rc < 0 && e.kind == SU_E_FORMAT && strcmp(e.id, "guest.winpath") == 0, "path %s", in);
    is_str(out, want ? want : "as it was");
}

int main(void)
{
    there_and_back("ASCII", "S\0e\0t\0", 6, "Set");
    there_and_back("two and three bytes", "\xFC\x00\xAC\x20", 4, "\xC3\xBC\xE2\x82\xAC");
    there_and_back("a pair", "\x3D\xD8\x00\xDE", 4, "\xF0\x9F\x98\x80");
    there_and_back("a half alone", "\x3D\xD8x\0", 4, "\xED\xA0\xBDx");
    there_and_back("halves the wrong way round", "\x00\xDE\x3D\xD8", 4, "\xED\xB8\x80\xED\xA0\xBD");
    test_every_unit();
    test_ends();
    test_cut();
    test_not_utf8();
    test_names();
    path("\\Windows\\system32\\winload.exe", "/Windows/system32/winload.exe");
    path("/Boot/BCD", "/Boot/BCD");
    path("\\Recovery\\WindowsRE\\", "/Recovery/WindowsRE");
    path("\\", "/");
    path("\\...\\.x", "/.../.x");
    path("", NULL);
    path("Windows", NULL);
    path("C:\\Windows", NULL);
    path("\\\\server\\share", NULL);
    path("\\Windows\\\\x", NULL);
    path("\\Windows\\..\\x", NULL);
    path("\\Windows\\..", NULL);
    path("\\.", NULL);
    path("\\12345678901234567890123456789012345678", "/12345678901234567890123456789012345678");
    path("\\123456789012345678901234567890123456789", NULL);
    return tap_done();
}
