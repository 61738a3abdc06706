/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes in the files of Windows, and the way back: as bytes, and through the journal's description. */
#include "convert/os.h"
#include "convert/os_windows.h"
#include "convert/undo.h"
#include "disk/guid.h"
#include "guest/regf.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/tap.h"

enum { SIGNATURE = 0x3E27AABB, NOW = 1700000000 };
#define SYSTEM_AT UINT64_C(0x100000)
#define OS_AT UINT64_C(0x6500000)

static void mounted(struct su_hive *h, su_hive_node k, const char *name, uint64_t at)
{
    struct su_err e = {0};
    uint8_t d[12];
    su_put_le32(d, SIGNATURE);
    su_put_le64(d + 4, at);
    ok(su_hive_set(h, k, name, SU_REG_BINARY, (struct su_bytes){d, sizeof d}, &e) == 0, "%s: %s", name, e.msg);
}

static su_hive_node make_key(struct su_hive *h, su_hive_node parent, const char *name)
{
    struct su_err e = {0};
    su_hive_node k = 0;
    ok(su_hive_add_key(h, parent, name, &k, &e) == 0, "%s: %s", name, e.msg);
    return k;
}

static void dword(struct su_hive *h, su_hive_node k, const char *name, uint32_t v)
{
    struct su_err e = {0};
    uint8_t d[4];
    su_put_le32(d, v);
    ok(su_hive_set(h, k, name, SU_REG_DWORD, (struct su_bytes){d, sizeof d}, &e) == 0, "%s: %s", name, e.msg);
}

/* A SYSTEM hive with letters, and an NVMe driver that starts late. */
static void make_hive(struct su_buf *out)
{
    SU_BUF struct su_buf empty = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    hivegen(&empty, 5);
    if (!ok(su_hive_open(su_buf_bytes(&empty), true, &h, &e) == 0, "a hive: %s", e.msg))
        return;
    su_hive_node root = su_hive_root(h), k = make_key(h, root, "MountedDevices");
    mounted(h, k, "\\DosDevices\\C:", OS_AT);
    mounted(h, k, "\\DosDevices\\D:", SYSTEM_AT);
    mounted(h, k, "\\??\\Volume{1}", SYSTEM_AT);
    dword(h, make_key(h, root, "Select"), "Current", 1);
    k = make_key(h, make_key(h, make_key(h, root, "ControlSet001"), "Services"), "stornvme");
    dword(h, k, "Start", 3);
    dword(h, make_key(h, k, "StartOverride"), "0", 3);
    ok(su_hive_save(h, NOW, out, &e) == 0, "saved: %s", e.msg);
}

static struct su_edits how(int bus)
{
    struct su_edits l = {.os_number = 2, .bus = bus, .now = NOW};
    l.map = (struct su_winmap){.signature = SIGNATURE, .disk_guid = "disk-disk-disk-", .esp_guid = "esp-esp-esp-esp",
        .n = 2, .system = 1};
    l.map.part[0] = (struct su_winmap_part){.number = 1, .offset = SYSTEM_AT, .guid = "system-system-s"};
    l.map.part[1] = (struct su_winmap_part){.number = 2, .offset = OS_AT, .guid = "windows-windows"};
    return l;
}

static void differ(struct su_bytes a, struct su_bytes b, const char *want)
{
    SU_BUF struct su_buf diff = {0};
    hivegen_diff(a, b, &diff);
    is_str(su_buf_str(&diff), want);
}

static const struct su_edit hive_edit = {.kind = SU_EDIT_SYSTEM_HIVE, .path = "/Windows/System32/config/SYSTEM"};

static void there_and_back(void)
{
    SU_BUF struct su_buf before = {0}, after = {0}, back = {0}, again = {0};
    struct su_edits l = how(SU_WINBUS_NVME);
    struct su_err e = {0};
    unsigned changed = 0;
    make_hive(&before);
    ok(su_edit_text(&hive_edit, &l, NULL, 0, false, su_buf_bytes(&before), &after, &changed, &e) == 0 && changed > 0,
       "forward: %s", e.msg);
    ok(l.n_letters == 1 && l.letter[0] == 'D', "the letter of the system partition went");
    is_str(l.driver, "stornvme:3:3;");
    ok(su_regf_state(su_buf_bytes(&after), &e) == SU_REGF_CLEAN, "a clean hive");
    struct su_edits none = how(-1);
    ok(su_edit_text(&hive_edit, &none, NULL, 0, false, su_buf_bytes(&after), &again, &changed, &e) == 0 && !changed,
       "a second time there is nothing to do");
    ok(su_edit_text(&hive_edit, &l, NULL, 0, true, su_buf_bytes(&after), &back, &changed, &e) == 0 && changed > 0,
       "back: %s", e.msg);
    differ(su_buf_bytes(&before), su_buf_bytes(&back), "");
}

/* Names of partitions are a change of their own, without a letter or a driver. */
static void names_alone(void)
{
    SU_BUF struct su_buf before = {0}, after = {0}, back = {0};
    struct su_edits l = how(-1);
    struct su_err e = {0};
    unsigned changed = 0;
    make_hive(&before);
    ok(su_edit_text(&hive_edit, &l, NULL, 0, false, su_buf_bytes(&before), &after, &changed, &e) == 0 && changed == 3,
       "forward: %s", e.msg);
    l.n_letters = 0;
    ok(su_edit_text(&hive_edit, &l, NULL, 0, true, su_buf_bytes(&after), &back, &changed, &e) == 0 && changed == 2,
       "back: %u, %s", changed, e.msg);
}

/* The same from the journal's description. */
static void through_the_journal(void)
{
    static const struct su_options opt = {.image = "x"};
    struct su_facts *f = calloc(1, sizeof *f);
    SU_FREE struct su_undo_meta *m = calloc(1, sizeof *m);
    SU_CONVERSION struct su_conversion c = SU_CONVERSION_INIT;
    struct su_err e = {0};
    if (!f || !m)
        exit(99);
    f->opt = &opt;
    f->sector_size = 512;
    f->vols.n = 1;
    f->vols.vol[0] = (struct su_vol){.name = "p2", .partition = 2, .parent = -1};
    c.edits = how(SU_WINBUS_NVME);
    c.edits.n = 2;
    c.edits.edit[0] = hive_edit;
    c.edits.edit[1] = (struct su_edit){.kind = SU_EDIT_REAGENT, .path = "/Windows/System32/Recovery/ReAgent.xml"};
    c.edits.n_letters = 1;
    c.edits.letter[0] = 'D';
    snprintf(c.edits.driver, sizeof c.edits.driver, "stornvme:3:-;");
    c.layout.number_of[2] = 5;
    c.layout.gpt.entry[0] = (struct su_gpt_entry){.type = {1}, .first = 2048, .last = 4095};
    json_t *o = su_conversion_meta(f, &c);
    SU_FREE char *text = json_dumps(o, JSON_COMPACT);
    ok(o && text && su_undo_meta_parse((struct su_bytes){(const uint8_t *)text, strlen(text)}, m, &e) == 0,
       "written and read: %s", e.msg);
    ok(m->n_edits == 2 && m->edit[0].kind == SU_EDIT_SYSTEM_HIVE && m->edit[1].kind == SU_EDIT_REAGENT, "kinds");
    is_str(m->edit[0].volume, "p5");
    ok(memcmp(&m->how.map, &c.edits.map, sizeof m->how.map) == 0 && m->how.os_number == 2, "the names of partitions");
    ok(m->how.n_letters == 1 && m->how.letter[0] == 'D', "letters");
    is_str(m->how.driver, "stornvme:3:-;");
    snprintf(c.edits.edit[1].path, sizeof c.edits.edit[1].path, "/\xff");
    json_t *bad = su_conversion_meta(f, &c);
    ok(!bad, "a name that cannot be written down is no edit that is forgotten");
    json_object_del(o, "windows");
    SU_FREE char *old = json_dumps(o, JSON_COMPACT);
    ok(su_undo_meta_parse((struct su_bytes){(const uint8_t *)old, strlen(old)}, m, &e) == 0 && m->how.map.n == 0 &&
           m->how.bus == -1,
       "an older journal has no such member");
    json_decref(bad);
    json_decref(o);
    free(f);
}

static void damaged(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"signature\":1,\"disk\":\"x\",\"esp\":\"00000000-0000-0000-0000-000000000001\",\"letters\":\"\","
        "\"driver\":\"\",\"parts\":[]}",
    };
    SU_FREE struct su_undo_meta *m = calloc(1, sizeof *m);
    for (size_t i = 0; i < SU_ARRAY_LEN(texts); i++) {
        SU_BUF struct su_buf t = {0};
        struct su_err e = {0};
        su_buf_printf(&t,
                      "{\"version\":1,\"disk_id\":\"00000001\",\"sector_size\":512,\"esp\":1,\"bios\":0,\"esp_uuid\":"
                      "\"\",\"resume\":\"\",\"grub\":\"\",\"parts\":[{\"number\":1,\"first\":1,\"last\":2}],"
                      "\"partuuid\":[],\"edits\":[],\"windows\":%s}",
                      texts[i]);
        ok(su_undo_meta_parse(su_buf_bytes(&t), m, &e) < 0 && strcmp(e.id, "undo.damaged") == 0, "%s", e.msg);
    }
}

static void reagent(void)
{
    static const char before[] = "<WindowsRE version=\"2.0\">\r\n  <WinreLocation path=\"\\Recovery\\WindowsRE\" "
                                 "id=\"1042787003\" offset=\"1048576\" "
                                 "guid=\"{00000000-0000-0000-0000-000000000000}\"/>\r\n"
                                 "  <InstallState state=\"1\"/>\r\n"
                                 "</WindowsRE>\r\n";
    static const struct su_edit ed = {.kind = SU_EDIT_REAGENT, .path = "/ReAgent.xml"};
    SU_BUF struct su_buf after = {0}, back = {0};
    struct su_edits l = how(-1);
    struct su_err e = {0};
    unsigned changed = 0;
    struct su_bytes b = {(const uint8_t *)before, sizeof before - 1};
    ok(su_edit_text(&ed, &l, NULL, 0, false, b, &after, &changed, &e) == 0 && changed == 1, "forward: %s", e.msg);
    ok(strstr(su_buf_str(&after), "id=\"0\"") && !strstr(su_buf_str(&after), "1042787003"), "by the disk's GUID");
    ok(su_edit_text(&ed, &l, NULL, 0, true, su_buf_bytes(&after), &back, &changed, &e) == 0 && changed == 1, "back");
    is_str(su_buf_str(&back), before);
}

static void kinds(void)
{
    for (int k = 0; k < SU_EDIT_KINDS; k++)
        for (int i = 0; i < k; i++)
            ok(strcmp(su_edit_kind_name((enum su_edit_kind)k), su_edit_kind_name((enum su_edit_kind)i)) != 0,
               "names differ");
    is_str(su_edit_kind_name(SU_EDIT_SYSTEM_HIVE), "system-hive");
    is_str(su_edit_kind_name(SU_EDIT_REAGENT), "reagent");
    ok(su_edit_harmless(SU_EDIT_REAGENT) && !su_edit_harmless(SU_EDIT_SYSTEM_HIVE) &&
           !su_edit_harmless(SU_EDIT_PARTUUID),
       "what may stay");
}

int main(void)
{
    there_and_back();
    names_alone();
    through_the_journal();
    damaged();
    reagent();
    kinds();
    return tap_done();
}
