/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/windisk.h - the volumes of a Windows as it is installed by default, over file systems made up here. */
#pragma once
#include "guest/pe.h"
#include "guest/windows.h"
#include "tests/lib/bcdtext.h"
#include "tests/lib/hivegen.h"
#include "tests/lib/memfs.h"
#include "tests/lib/pe_sample.h"
#include <stdio.h>
#include <string.h>

enum { SIGNATURE = 0x76a4a23d, P1 = 1 << 20, P2 = 0x24400000 };
#define P3 UINT64_C(0x1000000000)
#define BYTES(s) ((struct su_bytes){(const uint8_t *)(s), sizeof(s) - 1})

/* System Reserved, C: and a recovery partition. */
static struct su_part part[] = {{1, 7, P1, 500 << 20}, {2, 7, P2, 60 << 20}, {3, 0x27, P3, 500 << 20}};
static const unsigned active[] = {1, 2};
static struct su_vols vols;
static struct su_win_disk disk;

#define OS "{11111111-0000-0000-0000-000000000001}"
#define RE "{11111111-0000-0000-0000-000000000002}"
#define MANAGER                                                                                                        \
    SU_BCD_BOOTMGR " 10100002\n"                                                                                       \
                   "  11000001 mbr 76a4a23d 1048576\n"                                                                 \
                   "  23000003 " OS "\n"
#define LOADER(device)                                                                                                 \
    OS " 10200003\n  11000001 " device "\n  12000002 \"\\Windows\\system32\\winload.exe\"\n"                           \
       "  12000004 \"Windows 10\"\n  21000001 " device "\n  22000002 \"\\Windows\"\n"
#define OPTIONS "{11111111-0000-0000-0000-000000000003}"
#define WINRE                                                                                                          \
    "  14000008 " RE "\n" RE " 10200003\n"                                                                             \
    "  11000001 options " OPTIONS " ramdisk \"\\Recovery\\WindowsRE\\Winre.wim\" mbr 76a4a23d 68719476736\n"           \
    "  21000001 boot\n  22000002 \"\\windows\"\n"
#define C_DRIVE "mbr 76a4a23d 608174080"

static const char reagent[] =
    "<WindowsRE version=\"2.0\"><WinreBCD id=\"" RE "\"/><WinreLocation path=\"\\Recovery\\WindowsRE\" "
    "id=\"1990500925\" offset=\"68719476736\" guid=\"{00000000-0000-0000-0000-000000000000}\"/>"
    "<InstallState state=\"1\"/></WindowsRE>";

__attribute__((unused)) static void close_all(void)
{
    for (size_t i = 0; i < vols.n; i++)
        su_fs_close(vols.vol[i].fs);
    vols.n = 0;
}

__attribute__((unused)) static struct su_fs *fs(int vol)
{
    return vols.vol[vol].fs;
}

__attribute__((unused)) static void three_volumes(void)
{
    close_all();
    for (size_t i = 0; i < SU_ARRAY_LEN(part); i++) {
        vols.vol[i] = (struct su_vol){.partition = part[i].number, .parent = -1, .fs = memfs_new()};
        snprintf(vols.vol[i].name, sizeof vols.vol[i].name, "p%u", part[i].number);
        snprintf(vols.vol[i].what.type, sizeof vols.vol[i].what.type, "ntfs");
    }
    vols.n = SU_ARRAY_LEN(part);
    disk = (struct su_win_disk){.vols = &vols,
                                .part = part,
                                .n_parts = SU_ARRAY_LEN(part),
                                .signature = SIGNATURE,
                                .active = active,
                                .n_active = 1};
}

__attribute__((unused)) static void add_store(int vol, const char *path, const char *text)
{
    SU_BUF struct su_buf b = {0};
    bcdtext_hive(text, &b);
    memfs_add(fs(vol), path, su_buf_bytes(&b));
}

__attribute__((unused)) static void set_dword(struct su_hive *h, const char *path, const char *name, uint32_t v)
{
    struct su_err e = {0};
    su_hive_node n = su_hive_root(h), k;
    uint8_t p[4];
    char key[64];
    su_put_le32(p, v);
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, "\\");
        snprintf(key, sizeof key, "%.*s", (int)len, at);
        if (su_hive_find(h, n, key, &k, &e) < 0 || (!k && su_hive_add_key(h, n, key, &k, &e) < 0))
            abort();
        n = k;
        at += len + (at[len] == '\\');
    }
    if (su_hive_set(h, n, name, SU_REG_DWORD, (struct su_bytes){p, 4}, &e) < 0)
        abort();
}

__attribute__((unused)) static void system_hive(struct su_buf *out)
{
    SU_BUF struct su_buf b = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    su_hive_node k;
    uint8_t c[12] = {0};
    hivegen(&b, 5);
    if (su_hive_open(su_buf_bytes(&b), true, &h, &e) < 0 ||
        su_hive_add_key(h, su_hive_root(h), "MountedDevices", &k, &e) < 0)
        abort();
    su_put_le32(c, SIGNATURE);
    su_put_le64(c + 4, P2);
    if (su_hive_set(h, k, "\\DosDevices\\C:", SU_REG_BINARY, (struct su_bytes){c, 12}, &e) < 0)
        abort();
    set_dword(h, "Select", "Current", 1);
    set_dword(h, "ControlSet001\\Control\\Session Manager\\Power", "HiberbootEnabled", 1);
    set_dword(h, "ControlSet001\\Services\\storahci", "Start", 0);
    set_dword(h, "ControlSet001\\Services\\vioscsi", "Start", 3);
    if (su_hive_save(h, 1700000000, out, &e) < 0)
        abort();
}

__attribute__((unused)) static void software_hive(struct su_buf *out)
{
    SU_BUF struct su_buf b = {0};
    SU_HIVE struct su_hive *h = NULL;
    struct su_err e = {0};
    su_hive_node k;
    hivegen(&b, 5);
    if (su_hive_open(su_buf_bytes(&b), true, &h, &e) < 0)
        abort();
    set_dword(h, "Microsoft\\Windows NT\\CurrentVersion", "UBR", 1234);
    if (su_hive_find(h, su_hive_root(h), "Microsoft\\Windows NT\\CurrentVersion", &k, &e) < 0 ||
        su_hive_set(h, k, "CurrentBuildNumber", SU_REG_SZ,
                    BYTES("1\0"
                          "7\0"
                          "7\0"
                          "6\0"
                          "3\0\0\0"),
                    &e) < 0 ||
        su_hive_save(h, 1700000000, out, &e) < 0)
        abort();
}

__attribute__((unused)) static void add_system(int vol)
{
    SU_BUF struct su_buf system = {0}, software = {0};
    uint8_t pe[PE_SIZE];
    pe_sample(pe);
    system_hive(&system);
    software_hive(&software);
    memfs_add(fs(vol), "/WINDOWS/system32/config/SYSTEM", su_buf_bytes(&system));
    memfs_add(fs(vol), "/WINDOWS/system32/config/SOFTWARE", su_buf_bytes(&software));
    memfs_add(fs(vol), "/WINDOWS/Boot/EFI/bootmgfw.efi", (struct su_bytes){pe, sizeof pe});
    memfs_text(fs(vol), "/WINDOWS/System32/Recovery/ReAgent.xml", reagent);
    add_store(vol, "/Windows/System32/config/BCD-Template", SU_BCD_BOOTMGR " 10100002\n  12000004 \"x\"\n");
}

/* As Windows is installed by default. */
__attribute__((unused)) static void usual(const char *store)
{
    three_volumes();
    memfs_text(fs(0), "/bootmgr", "boot manager");
    if (store)
        add_store(0, "/Boot/BCD", store);
    add_system(1);
    memfs_text(fs(2), "/Recovery/WindowsRE/Winre.wim", "WIM");
    memfs_text(fs(2), "/Recovery/WindowsRE/ReAgent.xml", reagent);
}
