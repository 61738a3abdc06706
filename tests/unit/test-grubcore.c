/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds cores from the host's grub-pc-bin, which is skipped where that or grub-mkimage is not installed. */
#include "base/child.h"
#include "guest/grubcore.h"
#include "guest/grubmods.h"
#include "tests/lib/files.h"
#include "tests/lib/tap.h"
#include <sys/wait.h>

static const char host_grub[] = "/usr/lib/grub/i386-pc";
static const char uuid[] = "07191a49-25d1-4e75-a490-6c3e601c0ef1";

static struct su_bytes bytes(const char *s)
{
    return (struct su_bytes){(const uint8_t *)s, strlen(s)};
}

static void modules(void)
{
    static const char moddep[] = "a: b c\nb: d\nc: d a\nd:\nself: self\nlost: nowhere\nevil: ../x\nlong: "
                                 "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\nb: never\n";
    struct su_err e = {0};
    struct su_grub_modules m = {0};
    SU_BUF struct su_buf out = {0}, big = {0};
    ok(su_grub_modules_add(bytes(moddep), "a", &m, &e) == 0 && m.n == 4, "a circle ends");
    ok(su_grub_modules_add(bytes(moddep), "d", &m, &e) == 0 && m.n == 4, "what is there stays once");
    ok(su_grub_modules_add(bytes(moddep), "self", &m, &e) == 0 && m.n == 5, "one that needs itself");
    ok(su_grub_modules_print(bytes(moddep), &m, &out, &e) == 0, "prints");
    ok(strcmp(su_buf_str(&out), "a: b c\nb: d\nc: d a\nd:\nself: self\n") == 0, "what was read");
    ok(su_grub_modules_check(bytes(moddep), &m, &e) < 0, "a circle is no order: %s", e.msg);
    is_str(e.id, "guest.grubcore.moddep");
    struct su_grub_modules one = {0}, two = {0};
    ok(su_grub_modules_add(bytes(moddep), "self", &one, &e) == 0 && su_grub_modules_check(bytes(moddep), &one, &e) < 0,
       "nor is one that needs itself");
    ok(su_grub_modules_add(bytes(moddep), "b", &two, &e) == 0 && su_grub_modules_check(bytes(moddep), &two, &e) == 0,
       "without them there is one");
    static const struct {
        const char *name, *id;
    } rows[] = {
        {"none", "guest.grubcore.module"},   {"lost", "guest.grubcore.module"}, {"evil", "guest.grubcore.moddep"},
        {"long", "guest.grubcore.moddep"},   {"-o", "guest.grubcore.moddep"},   {"", "guest.grubcore.moddep"},
        {"/etc/x", "guest.grubcore.moddep"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        ok(su_grub_modules_add(bytes(moddep), rows[i].name, &m, &e) < 0 && m.n == 5, "\"%s\" is refused", rows[i].name);
        is_str(e.id, rows[i].id);
    }
    su_buf_text(&big, "x: ");
    for (int i = 0; i < SU_GRUB_MAX_MODULES; i++)
        su_buf_printf(&big, "m%d ", i);
    ok(su_grub_modules_add(su_buf_bytes(&big), "x", &m, &e) < 0 && m.n == 5, "too many");
    is_str(e.id, "guest.grubcore.modules");
    su_buf_zero(&big, SU_GRUB_MODDEP_MAX);
    ok(su_grub_modules_add(su_buf_bytes(&big), "x", &m, &e) < 0, "too large");
    is_str(e.id, "guest.grubcore.moddep");
}

/* The guest: the host's files, with one of them spoiled. */
struct guest {
    const char *spoiled;
    enum { MISSING, EMPTY, GARBAGE, HUGE_FILE, IO_ERROR } how;
    unsigned fetched;
};

static int fetch(void *arg, const char *name, size_t max, struct su_buf *out, struct su_err *e)
{
    struct guest *g = arg;
    g->fetched++;
    if (!g->spoiled || strcmp(g->spoiled, name) != 0) {
        if (!files_read(host_grub, name, out))
            return su_fail(e, SU_E_MISSING, "fs.missing", "%s", name);
        return out->n <= max ? 0 : su_fail(e, SU_E_RANGE, "fs.file.size", "%s", name);
    }
    switch (g->how) {
    case MISSING:
        return su_fail(e, SU_E_MISSING, "fs.missing", "%s", name);
    case IO_ERROR:
        return su_fail(e, SU_E_IO, "test.io", "%s", name);
    case EMPTY:
        return 0;
    case GARBAGE:
        for (int i = 0; i < 5000; i++)
            su_buf_add(out, &(uint8_t){(uint8_t)(i * 7 + i / 256)}, 1);
        return 0;
    case HUGE_FILE:
        su_buf_zero(out, max + 1);
        return 0;
    }
    return 0;
}

static struct su_grub_core_spec spec(struct guest *g, const char *fs)
{
    return (struct su_grub_core_spec){.fetch = fetch,
                                      .arg = g,
                                      .fs_type = fs,
                                      .fs_uuid = uuid,
                                      .prefix = "/boot/grub",
                                      .lba = 34,
                                      .max_sectors = 2014};
}

static void good_cores(void)
{
    static const struct {
        const char *fs;
        bool lvm;
    } rows[] = {{"ext4", false}, {"ext2", false}, {"xfs", false}, {"btrfs", false}, {"ext4", true}};
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e = {0};
        struct guest g = {0};
        SU_BUF struct su_buf core = {0}, again = {0};
        struct su_grub_core_spec s = spec(&g, rows[i].fs);
        s.lvm = rows[i].lvm;
        int r = su_grub_core_build(&s, &core, &e);
        ok(r == 0, "%s%s: %zu sectors of %u files %s", rows[i].fs, s.lvm ? " on LVM" : "", core.n / 512, g.fetched,
           e.msg);
        ok(core.n % 512 == 0 && core.n > 512, "whole sectors");
        ok(core.n > 512 && su_le64(core.p + 0x1f4) == 35 && su_le16(core.p + 0x1fc) == core.n / 512 - 1 &&
               su_le16(core.p + 0x1fe) == 0x820,
           "its block list");
        ok(su_grub_core_build(&s, &again, &e) == 0 && again.n == core.n && memcmp(again.p, core.p, core.n) == 0,
           "the same again");
    }
}

static void bad_guests(void)
{
    static const struct {
        const char *file;
        int how;
        const char *id;
    } rows[] = {
        {"moddep.lst", MISSING, "fs.missing"},
        {"moddep.lst", EMPTY, "guest.grubcore.module"},
        {"moddep.lst", GARBAGE, "guest.grubcore.module"},
        {"moddep.lst", HUGE_FILE, "guest.grubcore.moddep"},
        {"kernel.img", MISSING, "guest.grubcore.module"},
        {"kernel.img", EMPTY, "host.tool.failed"},
        {"kernel.img", HUGE_FILE, "guest.grubcore.module"},
        {"kernel.img", IO_ERROR, "test.io"},
        {"fshelp.mod", MISSING, "guest.grubcore.module"},
        {"fshelp.mod", EMPTY, "guest.grubcore.module"},
        {"fshelp.mod", GARBAGE, "guest.grubcore.module"},
        {"kernel.img", GARBAGE, "host.tool.failed"},
        {"diskboot.img", EMPTY, "host.tool.failed"},
        {"diskboot.img", GARBAGE, "host.tool.failed"},
        {"lzma_decompress.img", MISSING, "guest.grubcore.module"},
        {"lzma_decompress.img", EMPTY, "guest.grubcore.image"},
    };
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        struct su_err e = {0};
        struct guest g = {.spoiled = rows[i].file, .how = rows[i].how};
        SU_BUF struct su_buf core = {0};
        struct su_grub_core_spec s = spec(&g, "ext4");
        int r = su_grub_core_build(&s, &core, &e);
        ok(r < 0 && core.n == 0, "%s, %d: %s", rows[i].file, rows[i].how, e.msg);
        is_str(e.id ? e.id : "", rows[i].id);
    }
}

static void bad_specs(void)
{
    struct su_err e = {0};
    struct guest g = {0};
    SU_BUF struct su_buf core = {0};
    struct su_grub_core_spec s = spec(&g, "ntfs");
    ok(su_grub_core_build(&s, &core, &e) < 0 && g.fetched == 0, "a file system GRUB has no module for");
    is_str(e.id, "guest.grubcore.filesystem");
    s = spec(&g, "ext4");
    s.prefix = "/boot grub";
    ok(su_grub_core_build(&s, &core, &e) < 0, "a prefix that needs quotes");
    is_str(e.id, "guest.grubstub.prefix");
    s = spec(&g, "ext4");
    s.more_modules = (const char *const[]){"no_such_module", NULL};
    ok(su_grub_core_build(&s, &core, &e) < 0, "a module there is not");
    is_str(e.id, "guest.grubcore.module");
    s = spec(&g, "ext4");
    s.max_sectors = 29; /* what lies between a GPT and a partition at sector 63 */
    ok(su_grub_core_build(&s, &core, &e) < 0 && core.n == 0 && e.remedy, "too little room");
    is_str(e.id, "guest.grubcore.size");
}

static void boot_sector(void)
{
    SU_BUF struct su_buf s = {0};
    if (!files_read(host_grub, "boot.img", &s) || s.n != 512)
        return;
    ok(su_grub_is_boot_sector(s.p), "boot.img is one");
    ok(su_grub_core_lba(s.p) == 1, "it points to sector 1");
    su_grub_set_core_lba(s.p, 0x1122334455);
    ok(su_grub_core_lba(s.p) == 0x1122334455 && su_grub_is_boot_sector(s.p), "and elsewhere");
    memset(s.p + 440, 0, 70); /* the table is not part of it */
    ok(su_grub_is_boot_sector(s.p), "with another table");
    for (size_t at = 0; at < 512; at += 0x5a) {
        uint8_t was = s.p[at];
        s.p[at] ^= 0x10;
        if (at == 0 || at == 0x5a)
            ok(!su_grub_is_boot_sector(s.p), "byte %zu matters", at);
        s.p[at] = was;
    }
    s.p[0x185] = 'x';
    ok(!su_grub_is_boot_sector(s.p), "other texts");
}

int main(void)
{
    char path[256];
    struct su_err e = {0};
    uint8_t zero[512] = {0};
    modules();
    ok(!su_grub_is_boot_sector(zero), "zeros are no boot sector");
    if (su_child_find("grub-mkimage", path, sizeof path, &e) < 0 ||
        access("/usr/lib/grub/i386-pc/kernel.img", R_OK) < 0) {
        ok(1, "cores # SKIP grub-pc-bin or grub-mkimage is not installed");
        return tap_done();
    }
    good_cores();
    bad_guests();
    bad_specs();
    boot_sector();
    ok(waitpid(-1, NULL, WNOHANG) < 0, "no child is left behind");
    return tap_done();
}
