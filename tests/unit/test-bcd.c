/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model of a boot store: what is read, what starts by default, what is refused, and how changes get in.
 * Conversions are compared element by element in tests/golden/test-bcd.c. */
#include "guest/bcd.h"
#include "tests/lib/bcdtext.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

#define BOOTMGR SU_BCD_BOOTMGR " 10100002\n"
#define L1 "{c77a2611-6d5b-11eb-9ff2-e9f459e1e130}"
#define RE "{c77a2611-6d5b-11eb-9ff2-e9f459e1e131}"
#define RO "{c77a2611-6d5b-11eb-9ff2-e9f459e1e132}"
#define C_MBR "mbr 76a4a23d 608174080"
#define LOADER                                                                                                         \
    L1 " 10200003\n  11000001 " C_MBR "\n  21000001 " C_MBR "\n  12000002 \"\\Windows\\system32\\winload.exe\"\n"      \
       "  12000004 \"Windows 10\"\n  12000005 \"en-US\"\n  22000002 \"\\Windows\"\n"

static struct su_err err;

struct store {
    struct su_buf hive;
    struct su_hive *h;
    struct su_bcd b;
};

static void store_done(struct store *s)
{
    su_bcd_done(&s->b);
    su_hive_close(s->h);
    su_buf_done(&s->hive);
}
#define STORE SU_AUTO(store_done)

static int open_bytes(struct store *s)
{
    err = (struct su_err){0};
    return su_hive_open(su_buf_bytes(&s->hive), true, &s->h, &err) < 0 ? -1 : su_bcd_read(s->h, &s->b, &err);
}

static int open_text(struct store *s, const char *text)
{
    bcdtext_hive(text, &s->hive);
    return open_bytes(s);
}

static bool is_err(int rc, enum su_kind kind, const char *id)
{
    bool good = rc == -1 && err.kind == kind && err.id && strcmp(err.id, id) == 0;
    if (!good)
        printf("# %d %s: %s\n", rc, err.id ? err.id : "-", err.msg);
    return good;
}

static su_hive_node key(struct su_hive *h, const char *path, bool make)
{
    su_hive_node at = su_hive_root(h), n = 0;
    char part[300];
    for (const char *p = path; *p; p += strcspn(p, "\\"), p += *p == '\\') {
        snprintf(part, sizeof part, "%.*s", (int)strcspn(p, "\\"), p);
        if (su_hive_find(h, at, part, &n, &err) < 0 || (!n && !make) ||
            (!n && su_hive_add_key(h, at, part, &n, &err) < 0))
            return 0;
        at = n;
    }
    return at;
}

/* Reading ----------------------------------------------------------------- */

static void test_read(void)
{
    STORE struct store s = {0};
    char text[300], guid[39];
    ok(open_text(&s, BOOTMGR "  23000003 {C77A2611-6D5B-11EB-9FF2-E9F459E1E130}\n  24000001 " L1 " " RE
                             "\n  24000010\n  12000004 \"Größe 🗻\"\n" LOADER) == 0,
       "%s", err.msg);
    const struct su_bcd_object *o = su_bcd_find(&s.b, "{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}");
    ok(s.b.n == 2 && o && o->type == SU_BCD_BOOT_MANAGER && o->n == 4);
    ok(!su_bcd_find(&s.b, RE) && !su_bcd_find(&s.b, "") && !su_bcd_get(o, SU_BCD_DEVICE));
    ok(su_bcd_guid(o, SU_BCD_DEFAULT, guid));
    is_str(guid, L1);
    ok(su_bcd_guid(o, SU_BCD_DISPLAY_ORDER, guid), "the first of a list");
    is_str(guid, L1);
    ok(!su_bcd_guid(o, SU_BCD_DESCRIPTION, guid) && !su_bcd_guid(o, SU_BCD_TOOLS_ORDER, guid) &&
       !su_bcd_guid(o, SU_BCD_INHERIT, guid));
    ok(su_bcd_text(o, SU_BCD_DESCRIPTION, text, sizeof text));
    is_str(text, "Größe 🗻");
    ok(su_bcd_text(o, SU_BCD_DESCRIPTION, text, 11), "cut");
    is_str(text, "Größe ");
    ok(!su_bcd_text(o, SU_BCD_PATH, text, sizeof text) && *text == '\0');
    ok(!su_bcd_text(o, SU_BCD_DISPLAY_ORDER, text, sizeof text), "a list is no text");
}

static void test_strange_keys(void)
{
    STORE struct store s = {0}, again = {0};
    static const char *const odd[] = {"Objects\\nothing",
                                      "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\1200000",
                                      "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\120000020",
                                      "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\1200000g",
                                      "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\11000001",
                                      "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d479x}\\Description",
                                      "Objects\\{9dea862c+5cdd-4e70-acc1-f32b344d4795}\\Description",
                                      "Objects\\{00000000-5cdd-4e70-acc1-f32b344d4795}\\Elements\\12000002"};
    ok(open_text(&s, BOOTMGR "  25000004 30\n") == 0);
    for (size_t i = 0; i < SU_ARRAY_LEN(odd); i++)
        ok(key(s.h, odd[i], true) != 0, "%s", odd[i]);
    ok(su_hive_save(s.h, 0, &again.hive, &err) == 0 && open_bytes(&again) == 0 && again.b.n == 1 &&
           again.b.object[0].n == 1,
       "what Windows does not see either");
}

static void test_no_store(void)
{
    STORE struct store s = {0}, empty = {0};
    hivegen(&s.hive, 3);
    ok(is_err(open_bytes(&s), SU_E_FORMAT, "bcd.damaged"), "a hive without objects");
    ok(open_text(&empty, "") == 0 && empty.b.n == 0, "a store without objects");
    struct su_bcd_default d;
    ok(is_err(su_bcd_default_entry(&empty.b, &d, &err), SU_E_MISSING, "bcd.default"));
}

static void test_limits(void)
{
    STORE struct store many = {0}, full = {0}, large = {0}, large2 = {0};
    SU_BUF struct su_buf text = {0}, big = {0};
    for (int i = 0; i <= SU_BCD_MAX_OBJECTS; i++)
        su_buf_printf(&text, "{00000000-0000-0000-0000-%012x} 30000000\n", i);
    ok(is_err(open_text(&many, su_buf_str(&text)), SU_E_RANGE, "bcd.limit"), "objects");
    text.n = 0;
    su_buf_text(&text, BOOTMGR);
    for (int i = 0; i <= SU_BCD_MAX_ELEMENTS; i++)
        su_buf_printf(&text, "  25%06x 1\n", i);
    ok(is_err(open_text(&full, su_buf_str(&text)), SU_E_RANGE, "bcd.limit"), "elements");
    ok(open_text(&large, BOOTMGR LOADER) == 0);
    su_buf_zero(&big, 900 << 10);
    for (int i = 0; i < 5; i++) {
        char path[100];
        snprintf(path, sizeof path, "Objects\\%s\\Elements\\2600000%d", L1, i);
        su_hive_node n = key(large.h, path, true);
        ok(n && su_hive_set(large.h, n, "Element", SU_REG_BINARY, su_buf_bytes(&big), &err) == 0);
    }
    ok(su_hive_save(large.h, 0, &large2.hive, &err) == 0);
    ok(is_err(open_bytes(&large2), SU_E_RANGE, "bcd.limit"), "bytes");
}

/* What starts by default -------------------------------------------------- */

static void test_default(void)
{
    STORE struct store s = {0};
    struct su_bcd_default d;
    ok(open_text(&s, BOOTMGR "  11000001 mbr 76a4a23d 1048576\n  23000003 " L1 "\n" LOADER "  14000008 " RE "\n" RE
                             " 10200003\n  11000001 options " RO " ramdisk \"\\Recovery\\Winre.wim\" " C_MBR "\n" RO
                             " 30000000\n" SU_BCD_NTLDR " 10300006\n{c77a2611-6d5b-11eb-9ff2-e9f459e1e133} 10400008\n"
                             "{c77a2611-6d5b-11eb-9ff2-e9f459e1e134} 10400009\n") == 0,
       "%s", err.msg);
    ok(su_bcd_default_entry(&s.b, &d, &err) == 0, "%s", err.msg);
    is_str(d.guid, L1);
    is_str(d.root, "\\Windows");
    is_str(d.path, "\\Windows\\system32\\winload.exe");
    is_str(d.description, "Windows 10");
    is_str(d.locale, "en-US");
    ok(d.os.kind == SU_BCD_D_MBR && d.os.offset == 608174080 && d.device.kind == SU_BCD_D_MBR);
    ok(d.has_boot && d.boot.offset == 1048576 && d.legacy == 3);
    ok(d.has_winre && d.winre.kind == SU_BCD_D_RAMDISK && d.winre.on == SU_BCD_D_MBR && d.winre.offset == 608174080);
    is_str(d.winre_guid, RE);
    is_str(d.winre.path, "\\Recovery\\Winre.wim");
}

static void test_default_virtual(void)
{
    STORE struct store s = {0}, t = {0};
    struct su_bcd_default d;
    ok(open_text(&s, BOOTMGR "  23000003 " L1 "\n" L1
                             " 10200003\n  11000001 locate 12000002 vhd file \"\\a.vhd\" mbr 12345678 1048576\n"
                             "  21000001 locate 22000002 vhd file \"\\a.vhd\" mbr 12345678 1048576\n"
                             "  22000002 \"\\Windows\"\n  14000008 " RE "\n") == 0);
    ok(su_bcd_default_entry(&s.b, &d, &err) == 0 && d.os.kind == SU_BCD_D_FILE && d.os.on == SU_BCD_D_MBR &&
       d.os.signature == 0x12345678 && !d.has_boot && !d.has_winre && d.legacy == 0);
    ok(open_text(&t, BOOTMGR "  23000003 " L1 "\n  11000001 hex 3 00\n" LOADER "  14000008 " RE "\n" RE
                             " 10200003\n  11000001 hex 3 0011\n") == 0);
    ok(su_bcd_default_entry(&t.b, &d, &err) == 0 && !d.has_boot && !d.has_winre,
       "a broken recovery entry does not stop the system");
}

static void test_no_default(void)
{
    static const struct {
        const char *text, *id, *what;
    } rows[] = {
        {LOADER, "bcd.default", "no boot manager"},
        {BOOTMGR LOADER, "bcd.default", "no default"},
        {BOOTMGR "  23000003 " RE "\n" LOADER, "bcd.default", "a default that does not exist"},
        {BOOTMGR "  23000003 \"rubbish\"\n" LOADER, "bcd.default", "a default that is no guid"},
        {BOOTMGR "  23000003 " SU_BCD_NTLDR "\n" SU_BCD_NTLDR " 10300006\n", "bcd.default", "Windows XP"},
        {BOOTMGR "  23000003 " L1 "\n" L1 " 10200003\n  21000001 " C_MBR "\n", "bcd.default", "no directory"},
        {BOOTMGR "  23000003 " L1 "\n" L1 " 10200003\n  22000002 \"\\W\"\n  11000001 " C_MBR "\n", "bcd.default",
         "no osdevice"},
        {BOOTMGR "  23000003 " L1 "\n" L1 " 10200003\n  22000002 \"\\W\"\n  21000001 " C_MBR "\n", "bcd.default",
         "no device"},
        {BOOTMGR "  23000003 " L1 "\n" L1 " 10200003\n  22000002 \"\\W\"\n  21000001 hex 3 01\n", "bcd.device",
         "a damaged osdevice"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        STORE struct store s = {0};
        struct su_bcd_default d = {.legacy = 77};
        ok(open_text(&s, rows[i].text) == 0);
        int rc = su_bcd_default_entry(&s.b, &d, &err);
        ok(rc == -1 && strcmp(err.id, rows[i].id) == 0 && d.legacy == 77, "%s: %s", rows[i].what, err.msg);
    }
}

/* Changes ----------------------------------------------------------------- */

static void test_convert_refuses(void)
{
    STORE struct store s = {0}, t = {0};
    struct su_winmap m = {.signature = 0x76A4A23D};
    struct su_bcd_changes c = {.devices = 77};
    ok(open_text(&s, LOADER) == 0 && is_err(su_bcd_to_efi(&s.b, &m, &c, &err), SU_E_MISSING, "bcd.default"));
    ok(open_text(&t, SU_BCD_BOOTMGR " 10400008\n" LOADER) == 0 &&
           is_err(su_bcd_to_efi(&t.b, &m, &c, &err), SU_E_MISSING, "bcd.default") && c.devices == 77,
       "a boot manager that is a boot sector");
}

static void test_notes(void)
{
    STORE struct store s = {0};
    SU_BUF struct su_buf text = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    struct su_winmap m = {.signature = 0x76A4A23D};
    su_buf_text(&text, BOOTMGR);
    for (int i = 0; i < 40; i++)
        su_buf_printf(&text,
                      "{00000000-0000-0000-0000-%012x} 10400008\n  12000004 "
                      "\"\x01\x1b[31mößößößößößößößößößößößößößößößößößößößößößößößößößößößößößößößöß\"\n",
                      i);
    ok(open_text(&s, su_buf_str(&text)) == 0 && su_bcd_to_efi(&s.b, &m, &c, &err) == 0, "%s", err.msg);
    ok(c.n_notes == SU_BCD_NOTES, "so many and no more");
    is_str(c.note[SU_BCD_NOTES - 1], "and more of that kind");
    ok(strchr(c.note[0], 0x1B) == NULL && strstr(c.note[0], "??[31m") && strstr(c.note[0], "0} is left out"));
    size_t dropped = 0;
    for (size_t i = 0; i < c.n; i++)
        dropped += c.change[i].kind == SU_BCD_DROP_OBJECT;
    ok(dropped == 40);
}

static void test_apply(void)
{
    STORE struct store s = {0}, again = {0};
    ok(open_text(&s, BOOTMGR "  25000004 30\n" LOADER) == 0);
    uint8_t data[] = {'x', 0, 0, 0};
    struct su_bcd_change list[] = {
        {.kind = SU_BCD_SET, .guid = L1, .id = SU_BCD_LOCALE, .reg_type = SU_REG_SZ, .n = 4},
        {.kind = SU_BCD_SET, .guid = L1, .id = 0x12000030, .reg_type = SU_REG_SZ, .n = 4},
        {.kind = SU_BCD_UNSET, .guid = L1, .id = SU_BCD_DESCRIPTION},
        {.kind = SU_BCD_UNSET, .guid = L1, .id = 0x12345678},
        {.kind = SU_BCD_UNSET, .guid = RE, .id = 0x12345678},
        {.kind = SU_BCD_ADD_OBJECT, .guid = RE, .id = SU_BCD_OS_LOADER},
        {.kind = SU_BCD_SET, .guid = RE, .id = SU_BCD_LOCALE, .reg_type = SU_REG_SZ, .n = 4},
        {.kind = SU_BCD_DROP_OBJECT, .guid = SU_BCD_BOOTMGR},
        {.kind = SU_BCD_DROP_OBJECT, .guid = SU_BCD_MEMDIAG},
        {.kind = SU_BCD_MARK_SYSTEM},
    };
    struct su_bcd_changes c = {.n = SU_ARRAY_LEN(list), .change = list, .bytes = {.p = data, .n = sizeof data}};
    ok(su_bcd_apply(s.h, &c, &err) == 0 && su_hive_save(s.h, 0, &again.hive, &err) == 0 && open_bytes(&again) == 0,
       "%s", err.msg);
    char text[40];
    uint32_t one = 0;
    bool there = false;
    const struct su_bcd_object *o = su_bcd_find(&again.b, L1), *re = su_bcd_find(&again.b, RE);
    ok(again.b.n == 2 && o && re && re->type == SU_BCD_OS_LOADER && re->n == 1 && o->n == 6);
    ok(su_bcd_text(o, SU_BCD_LOCALE, text, sizeof text) && strcmp(text, "x") == 0 &&
       !su_bcd_get(o, SU_BCD_DESCRIPTION));
    su_hive_node d = key(again.h, "Description", false);
    ok(d && su_hive_get_text(again.h, d, "KeyName", text, sizeof text, &err) == 0);
    is_str(text, "BCD00000000");
    ok(su_hive_get_dword(again.h, d, "System", &one, &there, &err) == 0 && there && one == 1);
    ok(su_hive_get_dword(again.h, d, "TreatAsSystem", &one, &there, &err) == 0 && there && one == 1);
    struct su_bcd_change lost = {.kind = SU_BCD_SET, .guid = SU_BCD_MEMDIAG, .id = SU_BCD_LOCALE};
    struct su_bcd_changes bad = {.n = 1, .change = &lost};
    ok(is_err(su_bcd_apply(again.h, &bad, &err), SU_E_FORMAT, "bcd.damaged"), "an element of no object");
}

static void test_template_refuses(void)
{
    STORE struct store s = {0}, t = {0};
    struct su_winmap m;
    struct su_bcd_changes c = {.devices = 77};
    struct su_bcd_new what = {.map = &m, .os = 2, .root = "\\Windows", .description = "Windows 10"};
    bcdtext_map("map 76a4a23d d15c0000-0000-4000-8000-00000000d15c e5900000-0000-4000-8000-0000000000e5 1\n"
                "part 2 608174080 9a270000-0000-4000-8000-000000000002\n",
                &m);
    ok(open_text(&s, BOOTMGR) == 0 && is_err(su_bcd_from_template(&s.b, &what, &c, &err), SU_E_FORMAT, "bcd.damaged"));
    ok(open_text(&t, "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7} 20200003\n") == 0);
    what.os = 3;
    ok(is_err(su_bcd_from_template(&t.b, &what, &c, &err), SU_E_MISSING, "bcd.default"));
    what.os = 2;
    what.winre = 2;
    what.winre_path = "Winre.wim";
    ok(is_err(su_bcd_from_template(&t.b, &what, &c, &err), SU_E_FORMAT, "guest.winpath"));
    what.winre_path = "\\\xFF.wim";
    ok(is_err(su_bcd_from_template(&t.b, &what, &c, &err), SU_E_FORMAT, "guest.utf8") && c.devices == 77);
}

int main(void)
{
    test_read();
    test_strange_keys();
    test_no_store();
    test_limits();
    test_default();
    test_default_virtual();
    test_no_default();
    test_convert_refuses();
    test_notes();
    test_apply();
    test_template_refuses();
    return tap_done();
}
