/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ReAgent.xml: what it says, and its locations there and back, every other byte as it was. */
#include "guest/reagent.h"
#include "guest/utf16.h"
#include "tests/lib/bcdtext.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

#define ZERO "{00000000-0000-0000-0000-000000000000}"
#define DISK "{d15c0000-0000-4000-8000-00000000d15c}"
#define BCD "{c77a2611-6d5b-11eb-9ff2-e9f459e1e131}"
#define HEAD "<?xml version='1.0' encoding='utf-8'?>\r\n\r\n<WindowsRE version=\"2.0\">\r\n"
#define TAIL "</WindowsRE>\r\n"
#define AT(name, path, id, offset, guid)                                                                               \
    "  <" name " path=\"" path "\" id=\"" id "\" offset=\"" offset "\" guid=\"" guid "\"/>\r\n"

static struct su_winmap map;
static struct su_err err;

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static bool same(const struct su_buf *b, struct su_bytes want)
{
    return b->n == want.n && memcmp(b->p, want.p, want.n) == 0;
}

/* Text, and what it becomes (NULL: itself); then back. */
static void both_ways(const char *what, const char *from, const char *to, unsigned n)
{
    SU_BUF struct su_buf out = {0}, back = {0}, again = {0};
    unsigned changed = 77;
    ok(su_reagent_rewrite(bytes(from), &map, false, &out, &changed, &err) == 0 && changed == n, "%s: %u changed", what,
       changed);
    ok(same(&out, bytes(to ? to : from)), "%s", what);
    ok(su_reagent_rewrite(su_buf_bytes(&out), &map, false, &again, &changed, &err) == 0 && changed == 0 &&
           same(&again, su_buf_bytes(&out)),
       "%s: once is enough", what);
    ok(su_reagent_rewrite(su_buf_bytes(&out), &map, true, &back, &changed, &err) == 0 && changed == n &&
           same(&back, bytes(from)),
       "%s: and back", what);
}

static const struct {
    const char *what, *from, *to;
    unsigned n;
} rows[] = {
    {"enabled",
     HEAD "  <WinreBCD id=\"" BCD
          "\"/>\r\n" AT("WinreLocation", "\\Recovery\\WindowsRE", "1990500925", "608174080", ZERO)
              AT("ImageLocation", "", "0", "0", ZERO) "  <InstallState state=\"1\"/>\r\n" TAIL,
     HEAD "  <WinreBCD id=\"" BCD "\"/>\r\n" AT("WinreLocation", "\\Recovery\\WindowsRE", "0", "608174080", DISK)
         AT("ImageLocation", "", "0", "0", ZERO) "  <InstallState state=\"1\"/>\r\n" TAIL,
     1},
    {"disabled",
     HEAD "  <WinreBCD id=\"" ZERO "\"/>\r\n" AT("WinreLocation", "", "0", "0", ZERO)
         AT("ImageLocation", "", "0", "0", ZERO) "  <InstallState state=\"0\"/>\r\n" TAIL,
     NULL, 0},
    {"all that there are",
     HEAD AT("WinreLocation", "\\R", "1990500925", "1048576", ZERO) AT("ImageLocation", "\\I", "1990500925", "7", ZERO)
         AT("PBRImageLocation", "\\P", "1990500925", "608174080", ZERO)
             AT("DownlevelWinreLocation", "\\D", "1990500925", "608174080", ZERO) TAIL,
     HEAD AT("WinreLocation", "\\R", "0", "1048576", DISK) AT("ImageLocation", "\\I", "0", "7", DISK)
         AT("PBRImageLocation", "\\P", "0", "608174080", DISK)
             AT("DownlevelWinreLocation", "\\D", "0", "608174080", DISK) TAIL,
     4},
    {"Windows 8",
     "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<WindowsRE version=\"1.0\">\n"
     "<OsInstallLocation path=\"\\RecoveryImage\" id=\"1990500925\" offset=\"608174080\" guid=\"" ZERO
     "\" index=\"1\"/>\n</WindowsRE>",
     "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<WindowsRE version=\"1.0\">\n"
     "<OsInstallLocation path=\"\\RecoveryImage\" id=\"0\" offset=\"608174080\" guid=\"" DISK
     "\" index=\"1\"/>\n</WindowsRE>",
     1},
    {"other disks",
     HEAD AT("WinreLocation", "\\R", "1990500926", "608174080", ZERO) AT("ImageLocation", "\\I", "0", "608174080",
                                                                         "{0b2394a9-095e-487d-8d48-719ecd4d78ca}")
         AT("PBRImageLocation", "\\I", "0", "4096", ZERO) AT("DownlevelWinreLocation", "", "0", "608174080", ZERO) TAIL,
     NULL, 0},
    {"no locations, or none that make sense",
     HEAD AT("WinreLocation", "\\R", "", "608174080", ZERO) AT("ImageLocation", "\\R", "1990500925", "x", ZERO)
         AT("PBRImageLocation", "\\R", "1990500925 ", "1", ZERO) AT("A", "\\R", "+1990500925", "1", ZERO)
             AT("B", "\\R", "99999999999999999999", "1", ZERO)
                 AT("C", "\\R", "1990500925", "1", "{0}") "<D id=\"1990500925\" guid=\"" ZERO "\"/><E/>" TAIL,
     NULL, 0},
    {"unusual, and still plain",
     "\xEF\xBB\xBF<!-- <WinreLocation id=\"1990500925\"/> > -->\n<?a b?>\n<WindowsRE\n><![CDATA[<WinreLocation "
     "id=\"1990500925\"/>]]>\n<X><WinreLocation path='\\R' id='1990500925' offset='1' guid='" ZERO
     "'/></X><WinreLocation\tguid = '" ZERO "'  offset='1048576'\n id\n=\n'1990500925' path='a>b/c' >t</WinreLocation >"
     "<!--x--></WindowsRE ><!-- e -->\n",
     "\xEF\xBB\xBF<!-- <WinreLocation id=\"1990500925\"/> > -->\n<?a b?>\n<WindowsRE\n><![CDATA[<WinreLocation "
     "id=\"1990500925\"/>]]>\n<X><WinreLocation path='\\R' id='1990500925' offset='1' guid='" ZERO
     "'/></X><WinreLocation\tguid = '" DISK "'  offset='1048576'\n id\n=\n'0' path='a>b/c' >t</WinreLocation >"
     "<!--x--></WindowsRE ><!-- e -->\n",
     1},
    {"guids without braces",
     "<WindowsRE><ImageLocation id='1990500925' offset='1' guid='00000000-0000-0000-0000-000000000000'/></WindowsRE>",
     "<WindowsRE><ImageLocation id='0' offset='1' guid='d15c0000-0000-4000-8000-00000000d15c'/></WindowsRE>", 1},
};

/* What has no exact way back, and becomes what Windows would write. */
static void test_equivalent(void)
{
    static const struct {
        uint32_t signature;
        const char *from, *to, *back;
    } row[] = {
        /* id as a signed number */
        {0xF4A4A23D, "<WindowsRE><I path='' id='-190537155' offset='1' guid='" ZERO "'/></WindowsRE>",
         "<WindowsRE><I path='' id='0' offset='1' guid='" DISK "'/></WindowsRE>",
         "<WindowsRE><I path='' id='4104430141' offset='1' guid='" ZERO "'/></WindowsRE>"},
        /* no disk at all, and the offset of a partition of ours */
        {0x76A4A23D, "<WindowsRE><I path='\\R' id='0' offset='608174080' guid='" ZERO "'/></WindowsRE>",
         "<WindowsRE><I path='\\R' id='0' offset='608174080' guid='" DISK "'/></WindowsRE>",
         "<WindowsRE><I path='\\R' id='1990500925' offset='608174080' guid='" ZERO "'/></WindowsRE>"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        SU_BUF struct su_buf out = {0}, back = {0};
        struct su_winmap m = map;
        unsigned changed = 0;
        m.signature = row[i].signature;
        ok(su_reagent_rewrite(bytes(row[i].from), &m, false, &out, &changed, &err) == 0 && changed == 1);
        is_str(su_buf_str(&out), row[i].to);
        ok(su_reagent_rewrite(su_buf_bytes(&out), &m, true, &back, &changed, &err) == 0 && changed == 1);
        is_str(su_buf_str(&back), row[i].back);
    }
}

static void utf16(const char *s, bool mark, struct su_buf *out)
{
    if (mark)
        su_buf_add(out, "\xFF\xFE", 2);
    ok(su_utf8_to_utf16(s, strlen(s), out, &err) == 0);
}

static void test_utf16(void)
{
    for (int mark = 0; mark < 2; mark++) {
        SU_BUF struct su_buf in = {0}, want = {0}, out = {0}, back = {0};
        struct su_reagent r;
        unsigned changed = 0;
        utf16("<?xml version='1.0' encoding='utf-16'?>\r\n<WindowsRE>\r\n<WinreBCD id='" BCD "'/>"
              "<WinreLocation path='\\Größe 🗻' id='1990500925' offset='608174080' guid='" ZERO "'/></WindowsRE>\r\n",
              mark, &in);
        utf16("<?xml version='1.0' encoding='utf-16'?>\r\n<WindowsRE>\r\n<WinreBCD id='" BCD "'/>"
              "<WinreLocation path='\\Größe 🗻' id='0' offset='608174080' guid='" DISK "'/></WindowsRE>\r\n",
              mark, &want);
        ok(su_reagent_read(su_buf_bytes(&in), &r, &err) == 0, "%s", err.msg);
        is_str(r.path, "\\Größe 🗻");
        ok(su_reagent_rewrite(su_buf_bytes(&in), &map, false, &out, &changed, &err) == 0 && changed == 1, "%s",
           err.msg);
        ok(same(&out, su_buf_bytes(&want)), "UTF-16, %s", mark ? "marked" : "unmarked");
        ok(su_reagent_rewrite(su_buf_bytes(&out), &map, true, &back, &changed, &err) == 0 &&
           same(&back, su_buf_bytes(&in)));
        out.n = 0;
        in.n--;
        ok(su_reagent_rewrite(su_buf_bytes(&in), &map, false, &out, &changed, &err) < 0 &&
           strcmp(err.id, "reagent.damaged") == 0 && out.n == 0);
    }
}

static void test_read(void)
{
    struct su_reagent r;
    ok(su_reagent_read(bytes(rows[0].from), &r, &err) == 0 && r.enabled && r.id == 1990500925 &&
       r.offset == 608174080 && su_all_zero(r.guid, 16));
    is_str(r.path, "\\Recovery\\WindowsRE");
    is_str(r.bcd_guid, BCD);
    ok(su_reagent_read(bytes(rows[0].to), &r, &err) == 0 && r.id == 0 && memcmp(r.guid, map.disk_guid, 16) == 0);
    ok(su_reagent_read(bytes(rows[1].from), &r, &err) == 0 && !r.enabled && !*r.path);
    is_str(r.bcd_guid, ZERO);
    ok(su_reagent_read(bytes("<WindowsRE><WinreBCD id='{C77A2611-6D5B-11EB-9FF2-E9F459E1E131}'/><InstallState "
                             "state='11'/></WindowsRE>"),
                       &r, &err) == 0 &&
       !r.enabled);
    is_str(r.bcd_guid, BCD);
    ok(su_reagent_read(bytes("<WindowsRE><WinreBCD id='rubbish'/></WindowsRE>"), &r, &err) == 0 && !*r.bcd_guid);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *what;
    } bad[] = {
        {"", "nothing"},
        {"<WindowsRE>", "no end"},
        {"<Windows/>", "another document"},
        {"<WindowsRE><a></b></WindowsRE>", "not well-formed"},
        {"<WindowsRE><a b=1/></WindowsRE>", "no quotes"},
        {"<WindowsRE>\xFF</WindowsRE>", "no UTF-8"},
        {"<!DOCTYPE WindowsRE><WindowsRE/>", "a document type"},
        {"<!DOCTYPE WindowsRE [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><WindowsRE x='&b;'/>", "entities"},
        {"<!DOCTYPE WindowsRE SYSTEM 'file:///etc/passwd'><WindowsRE/>", "a file of the host"},
        {"<WindowsRE><a>&nothing;</a></WindowsRE>", "an entity that is not declared"},
        {"<WindowsRE><I path='' id='&#49;990500925' offset='1' guid='" ZERO "'/></WindowsRE>", "a number in disguise"},
        {"<WindowsRE><x:I xmlns:x='a' path='' id='1990500925' offset='1' guid='" ZERO "'/></WindowsRE>", "a prefix"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++) {
        SU_BUF struct su_buf out = {0};
        unsigned changed = 77;
        err = (struct su_err){0};
        ok(su_reagent_rewrite(bytes(bad[i].text), &map, false, &out, &changed, &err) < 0 && err.kind == SU_E_FORMAT &&
               strcmp(err.id, "reagent.damaged") == 0 && out.n == 0 && changed == 77,
           "%s: %s", bad[i].what, err.msg);
    }
    SU_BUF struct su_buf many = {0}, deep = {0}, large = {0}, out = {0};
    unsigned changed;
    struct su_reagent r;
    su_buf_text(&many, "<WindowsRE>");
    su_buf_text(&deep, "<WindowsRE>");
    su_buf_text(&large, "<WindowsRE>");
    for (int i = 0; i < 300; i++)
        su_buf_text(&many, "<a/>");
    for (int i = 0; i < 5000; i++)
        su_buf_text(&deep, "<a>");
    for (int i = 0; i < 5000; i++)
        su_buf_text(&deep, "</a>");
    while (large.n < SU_REAGENT_MAX)
        su_buf_text(&large, "                                                                ");
    su_buf_text(&many, "</WindowsRE>");
    su_buf_text(&deep, "</WindowsRE>");
    su_buf_text(&large, "</WindowsRE>");
    ok(su_reagent_rewrite(su_buf_bytes(&many), &map, false, &out, &changed, &err) < 0, "%s", err.msg);
    ok(su_reagent_rewrite(su_buf_bytes(&deep), &map, false, &out, &changed, &err) < 0, "%s", err.msg);
    ok(su_reagent_rewrite(su_buf_bytes(&large), &map, false, &out, &changed, &err) < 0, "%s", err.msg);
    ok(su_reagent_read((struct su_bytes){(const uint8_t *)"<WindowsRE/>\0", 13}, &r, &err) < 0, "a NUL: %s", err.msg);
}

static void test_shared(void)
{
    SU_BUF struct su_buf in = {0}, out = {0}, back = {0};
    struct su_reagent r;
    unsigned changed = 0;
    if (!hivegen_data("reagent/enabled-mbr-SYNTHETIC.xml", &in)) {
        ok(1, "the sample # SKIP no reagent/enabled-mbr-SYNTHETIC.xml");
        return;
    }
    ok(su_reagent_read(su_buf_bytes(&in), &r, &err) == 0 && r.enabled && r.id == 0x76A4A23D && r.offset == 608174080);
    ok(su_reagent_rewrite(su_buf_bytes(&in), &map, false, &out, &changed, &err) == 0 && changed == 1 &&
       out.n == in.n - strlen("1990500925") + 1);
    ok(strstr(su_buf_str(&out), "path=\"\\Recovery\\WindowsRE\" id=\"0\" offset=\"608174080\" guid=\"" DISK "\""));
    ok(su_reagent_rewrite(su_buf_bytes(&out), &map, true, &back, &changed, &err) == 0 &&
       same(&back, su_buf_bytes(&in)));
}

int main(void)
{
    bcdtext_map("map 76a4a23d d15c0000-0000-4000-8000-00000000d15c e5900000-0000-4000-8000-0000000000e5 1\n"
                "part 1 1048576 9a270000-0000-4000-8000-000000000001\n"
                "part 2 608174080 9a270000-0000-4000-8000-000000000002\n",
                &map);
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++)
        both_ways(rows[i].what, rows[i].from, rows[i].to, rows[i].n);
    test_equivalent();
    test_utf16();
    test_read();
    test_refused();
    test_shared();
    return tap_done();
}
