/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boot stores before and after, element by element: tests/golden/bcd/NAME.in becomes NAME.out.  The .in files were
 * written for this test; NAME.map belongs to a real store of the shared data.  UPDATE_GOLDEN=1 rewrites the .out files.
 */
#include "tests/lib/bcdtext.h"
#include "tests/lib/golden.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/sh.h"

static const char *const built[] = {
    "windows7-one-partition", "system-reserved", "winre-partition", "winre-on-system", "locate",
    "two-signatures",         "legacy-default",  "windows8",        "upper-case",      "non-ascii",
    "no-such-place",          "virtual-disk",    "fwbootmgr",
};

static bool open_store(struct su_bytes bytes, struct su_hive **h, struct su_bcd *b)
{
    struct su_err e = {0};
    if (su_hive_open(bytes, true, h, &e) == 0 && su_bcd_read(*h, b, &e) == 0)
        return true;
    ok(0, "%s", e.msg);
    return false;
}

/* Changes into the hive, the hive saved and read again, and what is there now. */
static bool apply(struct su_hive *h, const struct su_bcd_changes *c, struct su_buf *hive, struct su_buf *text)
{
    SU_HIVE struct su_hive *again = NULL;
    SU_BCD struct su_bcd b = {0};
    struct su_err e = {0};
    if (su_bcd_apply(h, c, &e) < 0 || su_hive_save(h, 0, hive, &e) < 0)
        return ok(0, "%s", e.msg);
    if (!open_store(su_buf_bytes(hive), &again, &b))
        return false;
    bcdtext_dump(&b, text);
    for (size_t i = 0; i < c->n_notes; i++)
        su_buf_printf(text, "# %s\n", c->note[i]);
    return true;
}

static bool convert(struct su_bytes bytes, const struct su_winmap *m, struct su_buf *hive, struct su_buf *text)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    struct su_err e = {0};
    if (!open_store(bytes, &h, &b))
        return false;
    if (su_bcd_to_efi(&b, m, &c, &e) < 0)
        return ok(0, "%s", e.msg);
    if (!apply(h, &c, hive, text))
        return false;
    su_buf_printf(text, "# %u devices\n", c.devices);
    return true;
}

static void check_again(const char *name, struct su_bytes hive, const struct su_winmap *m)
{
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    struct su_err e = {0};
    if (open_store(hive, &h, &b))
        ok(su_bcd_to_efi(&b, m, &c, &e) == 0 && c.n == 0 && c.devices == 0, "%s: a second time changes nothing", name);
}

static void check_store(const char *name, struct su_bytes bytes, const struct su_winmap *m)
{
    SU_BUF struct su_buf hive = {0}, text = {0}, hive2 = {0}, text2 = {0};
    char file[96];
    snprintf(file, sizeof file, "bcd/%s.out", name);
    if (!convert(bytes, m, &hive, &text))
        return;
    golden_is(file, su_buf_bytes(&text));
    check_again(name, su_buf_bytes(&hive), m);
    ok(convert(bytes, m, &hive2, &text2) && hive.n == hive2.n && memcmp(hive.p, hive2.p, hive.n) == 0,
       "%s: the same bytes each time", name);
}

static void check_built(const char *name)
{
    SU_BUF struct su_buf in = {0}, hive = {0}, text = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    struct su_winmap m;
    char file[96];
    snprintf(file, sizeof file, "bcd/%s.in", name);
    if (!ok(golden_input(file, &in), "%s", file))
        return;
    bcdtext_map(su_buf_str(&in), &m);
    bcdtext_hive(su_buf_str(&in), &hive);
    check_store(name, su_buf_bytes(&hive), &m);
    /* the codec of the tests: every element of the input is shown as it was written */
    if (open_store(su_buf_bytes(&hive), &h, &b))
        bcdtext_dump(&b, &text);
    ok(strcmp(name, "no-such-place") == 0 || !strstr(su_buf_str(&text), " hex "), "%s: all of it is text", name);
}

/* Real stores ------------------------------------------------------------- */

static void map_of(const char *name, struct su_winmap *m)
{
    SU_BUF struct su_buf in = {0};
    char file[96];
    snprintf(file, sizeof file, "bcd/%s.map", name);
    ok(golden_input(file, &in), "%s", file);
    bcdtext_map(su_buf_str(&in), m);
}

static void check_real(const char *name, const char *path)
{
    SU_BUF struct su_buf bytes = {0};
    struct su_winmap m;
    if (!hivegen_data(path, &bytes)) {
        ok(1, "%s # SKIP no %s", name, path);
        return;
    }
    map_of(name, &m);
    check_store(name, su_buf_bytes(&bytes), &m);
}

static void check_reg(void)
{
    SU_BUF struct su_buf bytes = {0};
    char dir[300];
    struct su_winmap m;
    snprintf(dir, sizeof dir, "%s/data/virt-v2v-phony", files_shared());
    char *real = realpath(dir, NULL);
    if (!real || sh("command -v hivexregedit") != 0) {
        ok(1, "virt-v2v # SKIP no %s or no hivexregedit", dir);
        free(real);
        return;
    }
    ok(sh("install -m 600 '%s/minimal-hive' bcd && hivexregedit --merge --prefix '' bcd '%s/windows-bcd.reg'", real,
          real) == 0,
       "the store of virt-v2v's tests");
    files_read(sh_tmp(), "bcd", &bytes);
    map_of("virt-v2v", &m);
    check_store("virt-v2v", su_buf_bytes(&bytes), &m);
    free(real);
}

/* There and back ---------------------------------------------------------- */

static bool starts(const char *line, const char *s)
{
    return strncmp(line, s, strlen(s)) == 0;
}

/* The line of a store for UEFI as a BIOS would have it; false: it has none. */
static bool bios_line(const char *object, const char *line, const struct su_winmap *m, struct su_buf *out)
{
    SU_BUF struct su_buf gpt = {0}, mbr = {0};
    const char *at = strstr(line, "gpt "), *efi = strstr(line, ".efi\"");
    size_t n = strcspn(line, "\n");
    if (starts(line, "  16000060") || (starts(object, SU_BCD_BOOTMGR) && starts(line, "  12000002")))
        return false;
    if (starts(object, SU_BCD_MEMDIAG) && starts(line, "  12000002")) {
        su_buf_text(out, "  12000002 \"\\boot\\memtest.exe\"\n");
        return true;
    }
    if (at && at < line + n) { /* "gpt DISK PARTITION" */
        char partition[40];
        uint32_t type;
        snprintf(partition, sizeof partition, "%.36s", at + 4 + 37);
        su_buf_printf(&gpt, "%.*s", 4 + 37 + 36, at);
        bcdtext_value(SU_BCD_DEVICE, su_buf_str(&gpt), &type, &mbr);
        const struct su_winmap_part *p = su_winmap_by_guid(m, mbr.p + 32);
        su_buf_printf(out, "%.*smbr %08x %llu%.*s\n", (int)(at - line), line, m->signature,
                      p ? (unsigned long long)p->offset : 1048576ULL, (int)(line + n - at - 4 - 37 - 36),
                      at + 4 + 37 + 36);
    } else if (efi && efi < line + n) {
        su_buf_printf(out, "%.*s.exe%.*s\n", (int)(efi - line), line, (int)(line + n - efi - 4), efi + 4);
    } else {
        su_buf_printf(out, "%.*s\n", (int)n, line);
    }
    return true;
}

/* What Windows makes by itself under UEFI: the firmware's entries. */
static bool is_firmware(const char *object)
{
    return strstr(object, "} 101fffff") == object + 37 || starts(object, SU_BCD_FWBOOTMGR);
}

static void translate(const char *text, const struct su_winmap *m, struct su_buf *bios, struct su_buf *rest)
{
    const char *object = "";
    for (const char *p = text; *p && *p != '#'; p = strchr(p, '\n') + 1) {
        if (*p == '{')
            object = p;
        if (is_firmware(object))
            continue;
        su_buf_printf(rest, "%.*s\n", (int)strcspn(p, "\n"), p);
        bios_line(object, p, m, bios);
    }
}

/* A store for BIOS made from a real one for UEFI becomes that again. */
static void check_back(void)
{
    SU_BUF struct su_buf bytes = {0}, text = {0}, bios = {0}, want = {0}, hive = {0}, efi = {0}, got = {0};
    SU_BUF struct su_buf unused = {0}, ignored = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    struct su_winmap m;
    if (!hivegen_data("gpt-bcd/regipy-BCD", &bytes)) {
        ok(1, "regipy, back and forth # SKIP no data");
        return;
    }
    map_of("regipy", &m);
    if (!open_store(su_buf_bytes(&bytes), &h, &b))
        return;
    bcdtext_dump(&b, &text);
    translate(su_buf_str(&text), &m, &bios, &want);
    ok(strstr(su_buf_str(&bios), "mbr 76a4a23d 122683392") && !strstr(su_buf_str(&bios), "gpt ") &&
           !strstr(su_buf_str(&bios), ".efi"),
       "regipy for BIOS");
    bcdtext_hive(su_buf_str(&bios), &hive);
    if (!convert(su_buf_bytes(&hive), &m, &unused, &efi))
        return;
    translate(su_buf_str(&efi), &m, &ignored, &got);
    ok(want.n > 3000 && strcmp(su_buf_str(&want), su_buf_str(&got)) == 0, "regipy for UEFI again, every element");
}

/* From the template ------------------------------------------------------- */

static void check_template(const char *in_name, const char *out_name, struct su_bcd_new *what)
{
    SU_BUF struct su_buf in = {0}, bytes = {0}, hive = {0}, text = {0};
    SU_HIVE struct su_hive *h = NULL;
    SU_BCD struct su_bcd b = {0};
    SU_BCD_CHANGES struct su_bcd_changes c = {0};
    struct su_winmap m;
    struct su_err e = {0};
    char file[96];
    snprintf(file, sizeof file, "bcd/%s.in", in_name);
    if (!ok(golden_input(file, &in), "%s", file))
        return;
    bcdtext_map(su_buf_str(&in), &m);
    bcdtext_hive(su_buf_str(&in), &bytes);
    what->map = &m;
    if (!open_store(su_buf_bytes(&bytes), &h, &b))
        return;
    if (!ok(su_bcd_from_template(&b, what, &c, &e) == 0, "%s", e.msg) || !apply(h, &c, &hive, &text))
        return;
    snprintf(file, sizeof file, "bcd/%s.out", out_name);
    golden_is(file, su_buf_bytes(&text));
    check_again(out_name, su_buf_bytes(&hive), &m);
}

int main(void)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(built); i++)
        check_built(built[i]);
    check_real("ntloader", "ntloader/bcd");
    check_real("regipy", "gpt-bcd/regipy-BCD");
    check_reg();
    check_back();
    struct su_bcd_new what = {.os = 2, .root = "\\Windows", .description = "Windows 10", .locale = "de-DE"};
    check_template("template", "template", &what);
    what.winre = 3;
    what.winre_path = "\\Recovery\\WindowsRE\\Winre.wim";
    what.winre_guid = "{C77A2611-6D5B-11EB-9FF2-E9F459E1E131}";
    check_template("template", "template-winre", &what);
    what = (struct su_bcd_new){.os = 2, .root = "\\WINNT", .description = "Windows Server", .locale = ""};
    check_template("template-bare", "template-bare", &what);
    return tap_done();
}
