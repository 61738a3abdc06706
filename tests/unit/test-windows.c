/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/windows: which volumes make up a Windows, over file systems made up here. */
#include "tests/lib/tap.h"
#include "tests/lib/windisk.h"

static struct su_windows *look(void)
{
    static struct su_windows w;
    struct su_err e = {0};
    w = (struct su_windows){0};
    ok(su_windows_find(&disk, &w, &e) == 0, "looked %s", e.kind ? e.msg : "");
    return &w;
}

static bool says(const struct su_windows *w, const char *id)
{
    const char *got = w->store_why.kind ? w->store_why.id : "";
    if (strcmp(got, id) != 0)
        printf("# %s: %s\n", got, w->store_why.msg);
    return strcmp(got, id) == 0 && (!*id || w->store_why.remedy);
}

static void test_usual(void)
{
    usual(MANAGER LOADER(C_DRIVE) WINRE);
    struct su_windows *w = look();
    ok(w->found && w->system == 0 && w->os == 1 && w->winre == 2 && says(w, ""), "%d %d %d", w->system, w->os,
       w->winre);
    ok(w->active == 1 && w->n_active == 1 && w->by_store && !w->store_rebuilt && !w->bitlocker_os, "by the store");
    is_str(w->root, "/Windows");
    is_str(w->entry.description, "Windows 10");
    ok(w->store.there && w->store.loaded && w->store.replayed == 0 && w->has_entry, "the store is fine");
    is_str(w->store.path, "/Boot/BCD");
    ok(w->system_hive.loaded && w->settings.control_set == 1, "the SYSTEM hive: %s", w->system_hive.why.msg);
    is_str(w->system_hive.path, "/Windows/System32/config/SYSTEM");
    ok(w->template_hive.loaded && !w->software_hive.there, "the template; SOFTWARE is not read yet");
    ok(w->n_letters == 1 && w->letter[0].number == 2 && w->letter[0].letter == 'C', "C:");
    ok(w->machine == SU_PE_X86_64, "64 bit");
    ok(w->winre_file && w->winre_alone, "the recovery environment is there, and nothing else beside it");
    is_str(w->winre_path, "/Recovery/WindowsRE/Winre.wim");
    ok(w->reagent[0].vol == 1 && w->reagent[0].what.enabled && w->reagent[0].what.offset == P3, "ReAgent.xml");
    ok(w->reagent[1].vol == 2 && strcmp(w->reagent[1].path, "/Recovery/WindowsRE/ReAgent.xml") == 0, "and its copy");
    struct su_err e = {0};
    ok(su_windows_read_versions(&disk, w, &e) == 0 && w->software_hive.loaded && w->version.build == 17763, "build %u",
       w->version.build);
}

static void test_signs(void)
{
    three_volumes();
    memfs_text(fs(1), "/data/Windows/System32/config/SYSTEM", "a copy of somebody's files");
    struct su_windows *w = look();
    ok(!w->found && w->os == -1 && w->system == -1, "a data disk");
    memfs_text(fs(1), "/bootmgr", "");
    w = look();
    ok(!w->found, "a boot manager that nothing starts");
    snprintf(vols.vol[2].what.type, sizeof vols.vol[2].what.type, "BitLocker");
    w = look();
    ok(w->found && w->system == -1 && says(w, "windows.store.missing"), "beside BitLocker");
    three_volumes();
    snprintf(vols.vol[2].what.type, sizeof vols.vol[2].what.type, "BitLocker");
    w = look();
    ok(!w->found, "BitLocker alone");
    three_volumes();
    memfs_text(fs(0), "/BOOT/bcd", "x");
    w = look();
    ok(w->found && w->system == 0, "a store on the active partition");
    disk.n_active = 0;
    w = look();
    ok(!w->found && w->n_active == 0, "no partition is active");
    disk.n_active = 2;
    w = look();
    ok(w->found && w->n_active == 2 && w->active == 1, "two are");
    usual(MANAGER LOADER(C_DRIVE));
    disk.n_active = 0;
    w = look();
    ok(w->found && w->system == -1 && w->os == 1 && !w->by_store && says(w, "windows.store.missing"),
       "a system, and nothing starts it");
    three_volumes();
    snprintf(vols.vol[1].what.type, sizeof vols.vol[1].what.type, "ext4");
    memfs_text(fs(1), "/Windows/System32/config/SYSTEM", "no NTFS");
    w = look();
    ok(!w->found, "not on another file system");
}

/* Stores that name no system on this disk. */
static void test_stores(void)
{
    static const struct {
        const char *what, *store, *id;
    } rows[] = {
        {"another disk", MANAGER LOADER("mbr fa581d61 608174080"), "windows.store.disk"},
        {"a GPT disk", MANAGER LOADER("gpt 0b2394a9-095e-487d-8d48-719ecd4d78ca 8e0f2c38-e4ea-47ba-b7fc-9d8c74dccf0b"),
         "windows.store.disk"},
        {"two signatures",
         SU_BCD_BOOTMGR " 10100002\n  11000001 mbr fa581d61 1048576\n  23000003 " OS "\n" LOADER(C_DRIVE),
         "windows.store.signatures"},
        {"no partition", MANAGER LOADER("mbr 76a4a23d 608174592"), "windows.store.partition"},
        {"a VHD", MANAGER LOADER("file \"\\win.vhd\" " C_DRIVE), "windows.store.vhd"},
        {"a RAM disk", MANAGER LOADER("options " OPTIONS " ramdisk \"\\x.wim\" " C_DRIVE), "windows.store.device"},
        {"no device", MANAGER OS " 10200003\n  11000001 hex 3 00\n  21000001 hex 3 00\n  22000002 \"\\Windows\"\n",
         "windows.store.device"},
        {"no boot manager", LOADER(C_DRIVE), "windows.store.default"},
        {"no default", SU_BCD_BOOTMGR " 10100002\n  11000001 boot\n" LOADER(C_DRIVE), "windows.store.default"},
        {"a default that is not there", MANAGER, "windows.store.default"},
        {"the wrong partition", MANAGER LOADER("mbr 76a4a23d 1048576"), "windows.store.root"},
        {"the system partition", MANAGER LOADER("boot"), "windows.store.root"},
        {"another root",
         MANAGER OS " 10200003\n  11000001 " C_DRIVE "\n  21000001 " C_DRIVE "\n  22000002 \"\\WinNT\"\n",
         "windows.store.root"},
        {"a root of no sense",
         MANAGER OS " 10200003\n  11000001 " C_DRIVE "\n  21000001 " C_DRIVE "\n  22000002 \"..\\Windows\"\n",
         "windows.store.root"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        usual(rows[i].store);
        struct su_windows *w = look();
        ok(w->found && w->system == 0 && w->os == -1 && !w->by_store && w->candidates == 0 && !w->store_rebuilt &&
               says(w, rows[i].id),
           "%s", rows[i].what);
    }
}

static void test_devices(void)
{
    usual(MANAGER LOADER("locate 22000002"));
    struct su_windows *w = look();
    ok(w->os == 1 && w->by_store && says(w, ""), "whichever volume has it");
    memfs_text(fs(2), "/Windows/System32/config/SYSTEM", "another one");
    w = look();
    ok(w->os == -1 && says(w, "windows.store.locate"), "two have");
    memfs_remove(fs(2), "/Windows");
    memfs_remove(fs(1), "/Windows");
    w = look();
    ok(w->os == -1 && says(w, "windows.store.locate"), "none has");
    usual(MANAGER LOADER("boot"));
    add_system(0);
    w = look();
    ok(w->os == 0 && w->system == 0 && says(w, ""), "one partition for all");
    usual(MANAGER LOADER(C_DRIVE));
    su_fs_close(fs(1));
    vols.vol[1].fs = NULL;
    snprintf(vols.vol[1].what.type, sizeof vols.vol[1].what.type, "BitLocker");
    w = look();
    ok(w->found && w->os == 1 && w->by_store && w->bitlocker_os && !w->system_hive.there && says(w, ""), "BitLocker");
    usual(MANAGER LOADER(C_DRIVE));
    su_fs_close(fs(0));
    vols.vol[0].fs = NULL;
    snprintf(vols.vol[0].what.type, sizeof vols.vol[0].what.type, "BitLocker");
    w = look();
    ok(w->system == -1 && w->os == 1 && !w->by_store && !w->store_rebuilt && says(w, "windows.store.volume"),
       "BitLocker on the system partition");
    usual(MANAGER LOADER(C_DRIVE));
    su_fs_close(fs(1));
    vols.vol[1].fs = NULL;
    (void)su_fail(&vols.vol[1].why_closed, SU_E_FORMAT, "fs.ntfs.boot", "its boot sector is damaged");
    w = look();
    ok(w->os == -1 && says(w, "windows.store.volume") && strstr(w->store_why.msg, "boot sector"), "%s",
       w->store_why.msg);
}

/* Only these let the system be looked for. */
static void test_without_store(void)
{
    SU_BUF struct su_buf b = {0};
    usual(NULL);
    struct su_windows *w = look();
    ok(w->os == 1 && !w->by_store && w->candidates == 1 && w->store_rebuilt && says(w, "windows.store.missing"),
       "missing, found");
    is_str(w->root, "/Windows");
    ok(w->winre == 2 && w->winre_file && w->reagent[1].vol == 2, "ReAgent.xml tells where the recovery environment is");
    memfs_remove(fs(1), "/Windows/System32/config/BCD-Template");
    w = look();
    ok(w->os == 1 && !w->store_rebuilt && !w->template_hive.there, "without a template");
    memfs_text(fs(1), "/Windows/System32/config/BCD-Template", "not a hive");
    memfs_text(fs(1), "/Windows/System32/Recovery/ReAgent.xml", "<WindowsRE><WinreLocation path=\"\"/></WindowsRE>");
    w = look();
    ok(w->winre == -1 && !w->winre_path[0] && !w->winre_file, "ReAgent.xml knows of none");
    ok(!w->store_rebuilt && w->template_hive.there && !w->template_hive.loaded && w->template_hive.why.kind != SU_OK,
       "with one that is damaged: %s", w->template_hive.why.msg);
    memfs_text(fs(2), "/Windows/System32/config/SYSTEM", "a second system");
    memfs_text(fs(2), "/Windows/Boot/EFI/bootmgfw.efi", "");
    w = look();
    ok(w->os == -1 && w->candidates == 2 && says(w, "windows.store.missing"), "two systems");
    usual(NULL);
    memfs_text(fs(0), "/Boot/BCD", "not a hive at all");
    w = look();
    ok(w->os == 1 && w->store_rebuilt && w->store.there && !w->store.loaded && says(w, "windows.store.damaged"),
       "damaged: %s", w->store_why.msg);
    hivegen(&b, 3);
    memfs_add(fs(0), "/Boot/BCD", su_buf_bytes(&b));
    w = look();
    ok(w->os == 1 && w->store_rebuilt && w->store.loaded && says(w, "windows.store.damaged"),
       "a hive that is no store");
    usual(MANAGER LOADER(C_DRIVE));
    b.n = 0;
    bcdtext_hive(MANAGER LOADER(C_DRIVE), &b);
    su_put_le32(b.p + 4, su_le32(b.p + 4) + 1);
    hivegen_sum(b.p);
    memfs_add(fs(0), "/Boot/BCD", su_buf_bytes(&b));
    w = look();
    ok(w->os == 1 && w->store_rebuilt && says(w, "windows.store.dirty"), "not written completely");
}

static void test_recovery(void)
{
    usual(MANAGER LOADER(C_DRIVE) WINRE);
    memfs_remove(fs(2), "/Recovery/WindowsRE/Winre.wim");
    memfs_remove(fs(2), "/Recovery/WindowsRE/ReAgent.xml");
    memfs_text(fs(1), "/Windows/System32/Recovery/ReAgent.xml", "<not closed");
    struct su_windows *w = look();
    ok(w->winre == 2 && !w->winre_file && w->reagent[1].vol == -1, "the image is gone");
    ok(w->reagent[0].vol == 1 && w->reagent[0].why.kind != SU_OK, "ReAgent.xml is damaged: %s", w->reagent[0].why.msg);
    usual(MANAGER LOADER(C_DRIVE) "  14000008 " RE "\n" RE " 10200003\n  11000001 options " OPTIONS
                                  " ramdisk \"\\Recovery\\WindowsRE\\Winre.wim\" mbr fa581d61 68719476736\n"
                                  "  21000001 boot\n");
    w = look();
    ok(w->os == 1 && w->entry.has_winre && w->winre == -1 && !w->winre_file, "on another disk");
    usual(MANAGER LOADER(C_DRIVE) WINRE);
    memfs_text(fs(2), "/$RECYCLE.BIN/x", "");
    memfs_text(fs(2), "/System Volume Information/x", "");
    w = look();
    ok(w->winre_file && w->winre_alone, "what Windows keeps on every volume");
    memfs_text(fs(2), "/Backup/x", "");
    w = look();
    ok(w->winre_file && !w->winre_alone, "something else beside it");
    usual(MANAGER LOADER(C_DRIVE));
    w = look();
    ok(w->winre == -1 && !w->winre_path[0] && w->reagent[0].vol == 1, "switched off");
    memfs_remove(fs(1), "/Windows/Boot");
    memfs_text(fs(1), "/Windows/System32/winload.efi", "no image");
    w = look();
    ok(w->os == 1 && w->machine == 0, "no loader that can be read");
    uint8_t pe[PE_SIZE];
    pe_sample(pe);
    su_put_le16(pe + PE_AT + 4, SU_PE_ARM64);
    memfs_add(fs(1), "/Windows/System32/winload.exe", (struct su_bytes){pe, sizeof pe});
    w = look();
    ok(w->machine == SU_PE_ARM64, "the machine of winload.exe");
}

static void test_hives(void)
{
    struct su_windows *w;
    struct su_err e = {0};
    usual(MANAGER LOADER(C_DRIVE));
    memfs_text(fs(1), "/Windows/System32/config/SYSTEM", "regf");
    memfs_text(fs(1), "/Windows/System32/config/SOFTWARE", "regf");
    w = look();
    ok(w->os == 1 && w->system_hive.there && !w->system_hive.loaded && w->system_hive.why.kind == SU_E_FORMAT,
       "a damaged SYSTEM hive: %s", w->system_hive.why.msg);
    ok(su_windows_read_versions(&disk, w, &e) == 0 && w->software_hive.there && !w->software_hive.loaded &&
           !w->version_short[0],
       "a damaged SOFTWARE hive");
    memfs_remove(fs(1), "/Windows/System32/config/SOFTWARE");
    ok(su_windows_read_versions(&disk, w, &e) == 0 && !w->software_hive.there, "none");
    usual(MANAGER LOADER(C_DRIVE));
    memfs_fail(fs(1), "/Windows/System32/config/SYSTEM", SU_E_IO, "test.io");
    ok(su_windows_find(&disk, w, &e) < 0 && strcmp(e.id, "test.io") == 0, "I/O is no finding: %s", e.msg);
    usual(MANAGER LOADER(C_DRIVE));
    memfs_fail(fs(1), "/Windows/System32/config/SYSTEM", SU_E_REFUSED, "fs.ntfs.encrypted");
    w = look();
    ok(w->os == 1 && strcmp(w->system_hive.why.id, "fs.ntfs.encrypted") == 0, "a refusal is one");
}

/* A hive of a real system that was switched off, with its logs. */
static void test_replay(void)
{
    SU_BUF struct su_buf hive = {0}, log1 = {0}, log2 = {0};
    struct su_err e = {0};
    if (!hivegen_data("system-hives/SYSTEM_B.xz", &hive) || !hivegen_data("system-hives/SYSTEM_B.LOG1.xz", &log1) ||
        !hivegen_data("system-hives/SYSTEM_B.LOG2.xz", &log2)) {
        ok(1, "a real hive # SKIP not there");
        return;
    }
    usual(MANAGER LOADER(C_DRIVE));
    memfs_add(fs(1), "/Windows/System32/config/SYSTEM", su_buf_bytes(&hive));
    struct su_windows *w = look();
    ok(!w->system_hive.loaded && strcmp(w->system_hive.why.id, "hive.dirty") == 0, "without its logs");
    memfs_add(fs(1), "/Windows/System32/config/SYSTEM.LOG1", su_buf_bytes(&log1));
    memfs_add(fs(1), "/Windows/System32/config/SYSTEM.log2", su_buf_bytes(&log2));
    w = look();
    ok(w->system_hive.loaded && w->system_hive.replayed > 0, "with them: %u entries", w->system_hive.replayed);
    ok(w->settings.fast_startup && w->n_letters == 0, "of a GPT disk with Fast Startup");
    memfs_remove(fs(1), "/Windows/System32/config/SYSTEM.LOG2");
    memfs_remove(fs(1), "/Windows/System32/config/SYSTEM.LOG1");
    memfs_add(fs(1), "/Windows/System32/config/SYSTEM.LOG", su_buf_bytes(log1.n ? &log1 : &log2));
    struct su_win_hive what;
    SU_BUF struct su_buf out = {0};
    ok(su_win_hive_read(fs(1), "/Windows/System32/config/SYSTEM", SU_REGF_MAX, &what, &out, &e) == 0 && what.there,
       "a .LOG alone is looked at: %s", what.loaded ? "loaded" : what.why.msg);
    ok(su_win_hive_read(fs(1), "/Windows/System32/config/SYSTEM", 4096, &what, &out, &e) == 0 && what.there &&
           !what.loaded && strcmp(what.why.id, "fs.file.size") == 0,
       "too large");
}

int main(void)
{
    test_usual();
    test_signs();
    test_stores();
    test_devices();
    test_without_store();
    test_recovery();
    test_hives();
    test_replay();
    close_all();
    return tap_done();
}
