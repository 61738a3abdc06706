/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winboot: the boot files of a Windows made up here, signed by keys made up here. */
#include "guest/winboot.h"
#include "tests/lib/efivars_sample.h"
#include "tests/lib/memfs.h"
#include "tests/lib/pe_sample.h"
#include "tests/lib/sh.h"
#include "tests/lib/sign_sample.h"
#include "tests/lib/tap.h"

enum { YEAR = 365 * 24 * 3600 };
#define EFI "/Windows/Boot/EFI/"

static struct su_vols vols;
static struct su_windows windows;
static struct signer old_ca, new_ca;
static struct su_buf old_image, new_image;

static void signed_by(struct su_buf *image, const struct signer *ca)
{
    uint8_t p[PE_SIZE], digest[32];
    SU_BUF struct su_buf der = {0};
    struct signer leaf = signer_new("Windows", ca, -YEAR, YEAR);
    struct su_err e = {0};
    struct su_pe pe;
    pe_sample(p);
    struct su_bytes b = {p, PE_SIZE};
    struct su_source src = su_source_bytes(&b);
    if (su_pe_parse(&src, &pe, &e) < 0 || su_pe_digest(&pe, digest, &e) < 0)
        abort();
    su_buf_add(image, p, PE_SIZE);
    sign_digest(&der, digest, &leaf, ca);
    attach(image, PE_CERT_DIR, su_buf_bytes(&der));
    signer_done(&leaf);
}

static struct su_fs *system_volume(void)
{
    struct su_fs *fs = memfs_new();
    memfs_add(fs, EFI "bootmgfw.efi", su_buf_bytes(&old_image));
    memfs_text(fs, EFI "bootmgr.efi", "old bootmgr");
    memfs_text(fs, EFI "memtest.efi", "memtest");
    memfs_text(fs, EFI "boot.stl", "stl");
    memfs_text(fs, EFI "de-DE/bootmgfw.efi.mui", "Deutsch");
    memfs_text(fs, EFI "zh-CN/bootmgfw.efi.mui", "");
    memfs_text(fs, "/Windows/Boot/Fonts/segoe_slboot.ttf", "old font");
    memfs_text(fs, "/Windows/Boot/Resources/bootres.dll", "bootres");
    memfs_text(fs, "/Windows/Boot/Resources/en-US/bootres.dll.mui", "English");
    memfs_text(fs, "/Windows/Boot/PCAT/bootmgr", "not for UEFI");
    memfs_text(fs, "/Windows/System32/winload.efi", "loader");
    vols.n = 1;
    vols.vol[0] = (struct su_vol){.name = "p2", .fs = fs};
    snprintf(vols.vol[0].what.type, sizeof vols.vol[0].what.type, "ntfs");
    windows = (struct su_windows){.os = 0, .root = "/Windows"};
    return fs;
}

static void add_ex(struct su_fs *fs)
{
    memfs_add(fs, "/Windows/Boot/EFI_EX/bootmgfw_EX.efi", su_buf_bytes(&new_image));
    memfs_text(fs, "/Windows/Boot/EFI_EX/bootmgr_EX.efi", "new bootmgr");
    memfs_text(fs, "/Windows/Boot/EFI_EX/README.txt", "no file of the set");
    memfs_text(fs, "/Windows/Boot/EFI_EX/de-DE/x_EX.efi", "below");
    memfs_text(fs, "/Windows/Boot/FONTS_EX/segoe_slboot_EX.ttf", "new font");
    memfs_text(fs, "/Windows/Boot/FONTS_EX/more_EX.ttf", "one more");
    memfs_text(fs, "/Windows/Boot/FONTS_EX/_EX.ttf", "no name left");
}

static struct su_winboot found(const char *vars)
{
    struct su_winboot b = {0};
    struct su_err e = {0};
    ok(su_winboot_find(&vols, &windows, vars, &b, &e) == 0, "looked %s", e.msg);
    return b;
}

static struct su_bytes file_of(const struct su_winfiles *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->file[i].path, path) == 0)
            return l->file[i].bytes;
    return (struct su_bytes){0};
}

static bool holds(const struct su_winfiles *l, const char *path, const char *text)
{
    struct su_bytes b = file_of(l, path);
    return b.p && b.n == strlen(text) && memcmp(b.p, text, b.n) == 0;
}

/* Another CA is in the store than the one that counts, as well. */
static const char *vars_with(const struct signer *db, const struct signer *dbx)
{
    static struct efivars_store s;
    SU_BUF struct su_buf list = {0}, no = {0};
    struct signer other = signer_new("Other", NULL, -YEAR, YEAR);
    list_cert(&list, other.cert);
    if (db)
        list_cert(&list, db->cert);
    if (dbx)
        list_cert(&no, dbx->cert);
    efivars_empty(&s);
    efivars_put(&s, 0x3f, "db", su_efi_security_guid, su_buf_bytes(&list));
    if (dbx)
        efivars_put(&s, 0x3f, "dbx", su_efi_security_guid, su_buf_bytes(&no));
    signer_done(&other);
    const char *path = sh_path("vars.fd");
    FILE *f = fopen(path, "wbe");
    if (!f || fwrite(s.p, 1, sizeof s.p, f) != sizeof s.p || fclose(f) != 0)
        abort();
    return path;
}

static void test_plain(void)
{
    SU_WINFILES struct su_winfiles l = {0};
    struct su_err e = {0};
    struct su_fs *fs = system_volume();
    struct su_winboot b = found(NULL);
    ok(b.found && b.why.kind == SU_OK && !b.ex && !b.has_ex && !b.firmware_known, "the only set");
    is_str(b.from, "/Windows/Boot/EFI");
    ok(b.machine == SU_PE_X86_64 && b.fonts && b.resources && b.skipped == 0, "for this machine");
    ok(b.files == 10 && b.bytes == 2 * old_image.n + 50, "%zu files, %ju bytes", b.files, (uintmax_t)b.bytes);
    ok(b.manager.verdict == SU_SB_UNTRUSTED && strcmp(b.manager.signer, "Windows") == 0, "no firmware, no trust");
    ok(su_winboot_read(&vols, &windows, &b, &l, &e) == 0 && l.n == b.files, "read %s", e.msg);
    uint64_t bytes = 0;
    for (size_t i = 0; i < l.n; i++)
        bytes += l.file[i].bytes.n;
    ok(bytes == b.bytes, "as many bytes as were promised");
    ok(holds(&l, "EFI/Microsoft/Boot/bootmgr.efi", "old bootmgr"), "bootmgr.efi");
    ok(holds(&l, "EFI/Microsoft/Boot/de-DE/bootmgfw.efi.mui", "Deutsch"), "languages");
    ok(holds(&l, "EFI/Microsoft/Boot/zh-CN/bootmgfw.efi.mui", ""), "an empty file");
    ok(holds(&l, "EFI/Microsoft/Boot/Fonts/segoe_slboot.ttf", "old font"), "fonts");
    ok(holds(&l, "EFI/Microsoft/Boot/Resources/en-US/bootres.dll.mui", "English"), "resources");
    struct su_bytes m = file_of(&l, "EFI/Microsoft/Boot/bootmgfw.efi"), f = file_of(&l, "EFI/BOOT/BOOTX64.EFI");
    ok(m.n == old_image.n && memcmp(m.p, old_image.p, m.n) == 0 && f.p == m.p && f.n == m.n, "the boot manager, twice");
    struct su_esp_spec s = {.size = 34 * SU_MIB, .sector_size = 512, .label = "EFI", .file = l.file, .n_files = l.n};
    SU_CLOSE int fd = -1;
    ok(su_esp_build(&s, &fd, &e) == 0, "an ESP takes them %s", e.msg);
    su_fs_close(fs);
}

static void test_choice(void)
{
    struct su_fs *fs = system_volume();
    struct su_err e = {0};
    add_ex(fs);
    struct su_winboot b = found(vars_with(&old_ca, NULL));
    ok(!b.ex && b.has_ex && b.firmware_known && b.manager.verdict == SU_SB_TRUSTED_BY_FIRMWARE &&
           b.manager_ex.verdict == SU_SB_UNTRUSTED,
       "the old key only");
    size_t plain = b.files;
    b = found(vars_with(&new_ca, NULL));
    ok(b.ex && b.manager.verdict == SU_SB_TRUSTED_BY_FIRMWARE && b.manager_ex.verdict == SU_SB_UNTRUSTED,
       "the new key only");
    is_str(b.from, "/Windows/Boot/EFI_EX");
    ok(b.files == plain + 1 && b.skipped == 0, "one font is new: %zu, %u", b.files, b.skipped);
    SU_WINFILES struct su_winfiles l = {0};
    ok(su_winboot_read(&vols, &windows, &b, &l, &e) == 0 && l.n == b.files, "read %s", e.msg);
    ok(holds(&l, "EFI/Microsoft/Boot/bootmgr.efi", "new bootmgr"), "a file of the new set");
    ok(holds(&l, "EFI/Microsoft/Boot/memtest.efi", "memtest"), "the rest of the old one");
    ok(holds(&l, "EFI/Microsoft/Boot/Fonts/segoe_slboot.ttf", "new font"), "a new font");
    ok(holds(&l, "EFI/Microsoft/Boot/Fonts/more.ttf", "one more"), "one more");
    ok(!file_of(&l, "EFI/Microsoft/Boot/README.txt").p && !file_of(&l, "EFI/Microsoft/Boot/de-DE/x.efi").p,
       "no others");
    struct su_bytes f = file_of(&l, "EFI/BOOT/BOOTX64.EFI");
    ok(f.n == new_image.n && memcmp(f.p, new_image.p, f.n) == 0, "the new boot manager starts");
    b = found(vars_with(&old_ca, &old_ca));
    ok(!b.ex && b.manager.verdict == SU_SB_REVOKED && b.manager_ex.verdict == SU_SB_UNTRUSTED, "neither: the first");
    b = found(vars_with(&new_ca, &old_ca));
    ok(b.ex && b.manager.verdict == SU_SB_TRUSTED_BY_FIRMWARE && b.manager_ex.verdict == SU_SB_REVOKED, "revoked");
    memfs_remove(fs, EFI "bootmgfw.efi");
    b = found(vars_with(&old_ca, NULL));
    ok(b.found && b.ex && b.manager.verdict == SU_SB_UNTRUSTED, "only the new one is there");
    b = found("/nonexistent/vars.fd");
    ok(b.found && !b.firmware_known, "no variable store");
    ok(su_winboot_find(&vols, &windows, "/dev/null", &b, &e) < 0 && strcmp(e.id, "boot.firmware.vars") == 0, "none");
    su_fs_close(fs);
}

static void test_names(void)
{
    static const char *const bad[] = {EFI "a b.efi",      EFI ".hidden",
                                      EFI "-option",      EFI "dot.",
                                      EFI "\xc3\xa9.efi", EFI "BCD",
                                      EFI "bcd.LOG1",     EFI "a;b",
                                      EFI "bad dir/x",    EFI "de-DE/colon:",
                                      EFI "nul",          EFI "Com1.efi",
                                      EFI "aux/x",        EFI "fonts/segoe_slboot.TTF"};
    SU_WINFILES struct su_winfiles l = {0};
    struct su_err e = {0};
    struct su_fs *fs = system_volume();
    for (size_t i = 0; i < SU_ARRAY_LEN(bad); i++)
        memfs_text(fs, bad[i], "x");
    memfs_text(fs, EFI "fonts/other.ttf", "merged");
    memfs_text(fs, EFI "resources", "a file of a directory's name");
    memfs_text(fs, EFI "en-US/BCD", "not the store");
    memfs_text(fs, EFI "link", "");
    memfs_kind(fs, EFI "link", SU_FS_OTHER);
    struct su_winboot b = found(NULL);
    ok(b.why.kind == SU_OK && b.skipped == SU_ARRAY_LEN(bad) + 2, "%u are left out %s", b.skipped, b.why.msg);
    ok(su_winboot_read(&vols, &windows, &b, &l, &e) == 0 && l.n == 12, "the rest goes: %zu", l.n);
    ok(holds(&l, "EFI/Microsoft/Boot/Fonts/other.ttf", "merged"), "a directory by two spellings is one");
    ok(holds(&l, "EFI/Microsoft/Boot/Fonts/segoe_slboot.ttf", "old font"), "the first of two names counts");
    ok(holds(&l, "EFI/Microsoft/Boot/en-US/BCD", "not the store"), "only the store's own place is kept free");
    struct su_esp_spec s = {.size = 34 * SU_MIB, .sector_size = 512, .label = "EFI", .file = l.file, .n_files = l.n};
    SU_CLOSE int fd = -1;
    ok(su_esp_build(&s, &fd, &e) == 0, "an ESP takes them %s", e.msg);
    su_fs_close(fs);
}

static void refused(struct su_fs *fs, const char *id, const char *what)
{
    SU_WINFILES struct su_winfiles l = {0};
    struct su_err e = {0};
    struct su_winboot b = found(NULL);
    ok(b.why.kind != SU_OK && strcmp(b.why.id, id) == 0, "%s: %s", what, b.why.kind ? b.why.id : "nothing");
    ok(su_winboot_read(&vols, &windows, &b, &l, &e) < 0 && strcmp(e.id, id) == 0 && l.n == 0, "and not read");
    su_fs_close(fs);
}

static void test_refusals(void)
{
    struct su_fs *fs = system_volume();
    memfs_remove(fs, EFI "bootmgfw.efi");
    refused(fs, "windows.boot.missing", "no boot manager");
    fs = system_volume();
    memfs_remove(fs, "/Windows/System32/winload.efi");
    refused(fs, "windows.boot.loader", "no loader for the boot manager");
    fs = system_volume();
    memfs_remove(fs, "/Windows/Boot");
    refused(fs, "windows.boot.missing", "nothing at all");
    fs = system_volume();
    memfs_kind(fs, EFI "memtest.efi", SU_FS_OTHER);
    memfs_fail(fs, EFI "memtest.efi", SU_E_REFUSED, "fs.ntfs.compact");
    refused(fs, "windows.boot.compact", "compressed");
    fs = system_volume();
    memfs_kind(fs, EFI "bootmgfw.efi", SU_FS_OTHER);
    memfs_fail(fs, EFI "bootmgfw.efi", SU_E_REFUSED, "fs.ntfs.compact");
    refused(fs, "windows.boot.compact", "the boot manager itself");
    fs = system_volume();
    memfs_fail(fs, EFI "bootmgfw.efi", SU_E_REFUSED, "fs.ntfs.encrypted");
    refused(fs, "windows.boot.encrypted", "encrypted");
    fs = system_volume();
    memfs_text(fs, EFI "bootmgfw.efi", "MZ");
    refused(fs, "pe.truncated", "no boot manager in it");
    fs = system_volume();
    memfs_text(fs, EFI "1/2/3/4/5/x", "x");
    refused(fs, "windows.boot.limit", "too deep");
    fs = system_volume();
    memfs_fail(fs, "/Windows/Boot/Fonts", SU_E_FORMAT, "fs.ntfs.index");
    refused(fs, "fs.ntfs.index", "a damaged directory");
    windows.os = -1;
    struct su_winboot b = found(NULL);
    ok(!b.found && b.files == 0, "no system, no boot files");
}

static void test_limits(void)
{
    static uint8_t large[SU_WINBOOT_FILE + 1];
    char path[128];
    struct su_fs *fs = system_volume();
    for (int i = 0; i < SU_WINBOOT_FILES - 9; i++) {
        snprintf(path, sizeof path, EFI "l-%d/f-%d.mui", i % 7, i);
        memfs_text(fs, path, "x");
    }
    struct su_winboot b = found(NULL);
    ok(b.why.kind == SU_OK && b.files == SU_WINBOOT_FILES + 1, "as many as may be: %zu", b.files);
    memfs_text(fs, EFI "one-more", "x");
    refused(fs, "windows.boot.limit", "one more");
    fs = system_volume();
    memfs_add(fs, EFI "large", (struct su_bytes){large, sizeof large});
    refused(fs, "windows.boot.limit", "too large");
    fs = system_volume();
    for (int i = 0; i < 9; i++) {
        snprintf(path, sizeof path, EFI "large-%d", i);
        memfs_add(fs, path, (struct su_bytes){large, 30 << 20});
    }
    refused(fs, "windows.boot.limit", "too much");
    struct su_err e = {0};
    fs = system_volume();
    memfs_fail(fs, "/Windows/Boot/Resources", SU_E_IO, "test.io");
    ok(su_winboot_find(&vols, &windows, NULL, &b, &e) < 0 && strcmp(e.id, "test.io") == 0, "I/O is no finding");
    su_fs_close(fs);
}

int main(void)
{
    old_ca = signer_new("Windows Production PCA 2011", NULL, -YEAR, YEAR);
    new_ca = signer_new("Windows UEFI CA 2023", NULL, -YEAR, YEAR);
    signed_by(&old_image, &old_ca);
    signed_by(&new_image, &new_ca);
    test_plain();
    test_choice();
    test_names();
    test_refusals();
    test_limits();
    su_buf_done(&old_image), su_buf_done(&new_image);
    signer_done(&old_ca), signer_done(&new_ca);
    return tap_done();
}
