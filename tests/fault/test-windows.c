/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at a Windows: each question to a file system fails once, and each allocation.  Neither may turn into a
 * finding about the guest.  Linked with --wrap for malloc, calloc and realloc. */
#include "guest/winboot.h"
#include "oom.h"
#include "tests/lib/tap.h"
#include "tests/lib/windisk.h"

static struct su_windows found; /* what is not under test works with it */
static struct su_winboot boot;

static int run_find(struct su_err *e)
{
    static struct su_windows w;
    memset(&w, 0x5a, sizeof w);
    int r = su_windows_find(&disk, &w, e);
    const uint8_t *p = (const uint8_t *)&w;
    for (size_t i = 0; r < 0 && i < sizeof w; i++)
        if (p[i] != 0x5a)
            return su_fail(e, SU_E_FORMAT, "test.changed", "an output was changed");
    if (r == 0 && (w.os != 1 || w.winre != 2 || !w.system_hive.loaded || !w.template_hive.loaded || !w.winre_file ||
                   !w.machine || w.n_letters != 1 || w.reagent[1].vol != 2))
        return su_fail(e, SU_E_FORMAT, "test.finding", "a failure became a finding");
    return r;
}

static int run_versions(struct su_err *e)
{
    struct su_windows w = found;
    int r = su_windows_read_versions(&disk, &w, e);
    return r == 0 && !w.software_hive.loaded ? su_fail(e, SU_E_FORMAT, "test.finding", "it became a finding") : r;
}

static int run_boot(struct su_err *e)
{
    struct su_winboot b = {0};
    int r = su_winboot_find(&vols, &found, NULL, &b, e);
    return r == 0 && b.files != boot.files ? su_fail(e, SU_E_FORMAT, "test.finding", "it became a finding") : r;
}

static int run_read(struct su_err *e)
{
    SU_WINFILES struct su_winfiles l = {0};
    int r = su_winboot_read(&vols, &found, &boot, &l, e);
    return r == 0 && l.n != boot.files ? su_fail(e, SU_E_FORMAT, "test.finding", "it became a finding") : r;
}

static const struct op {
    const char *name;
    int (*run)(struct su_err *e);
} ops[] = {{"su_windows_find", run_find},
           {"su_windows_read_versions", run_versions},
           {"su_winboot_find", run_boot},
           {"su_winboot_read", run_read}};

static void each_question(const struct op *op)
{
    unsigned long k = 0;
    for (bool good = true; good;) {
        struct su_err e = {0};
        (void)memfs_fail_in(++k);
        int r = op->run(&e);
        if (memfs_fail_in(0) < k) {
            ok(r == 0 && k > 2, "%s: %lu questions %s", op->name, k - 1, e.msg);
            return;
        }
        good = r < 0 && strcmp(e.id, "test.io") == 0;
        if (!good)
            ok(0, "%s, question %lu: %d %s", op->name, k, r, e.msg);
    }
}

static void each_allocation(const struct op *op)
{
    unsigned long k = 0;
    for (bool good = true; good;) {
        struct su_err e = {0};
        fail_in = ++k;
        int r = op->run(&e);
        bool hit = fail_in == 0;
        fail_in = 0;
        if (!hit) {
            ok(r == 0 && k > 1, "%s: %lu allocations %s", op->name, k - 1, e.msg);
            return;
        }
        good = r < 0 && e.kind == SU_E_NOMEM;
        if (!good)
            ok(0, "%s, allocation %lu: %d %s", op->name, k, r, e.kind ? e.msg : "");
    }
}

int main(void)
{
    struct su_err e = {0};
    usual(MANAGER LOADER(C_DRIVE) WINRE);
    memfs_text(fs(1), "/Windows/System32/winload.efi", "loader");
    memfs_text(fs(1), "/Windows/Boot/EFI/de-DE/bootmgfw.efi.mui", "Deutsch");
    memfs_text(fs(1), "/Windows/Boot/EFI_EX/bootmgr_EX.efi", "new");
    memfs_text(fs(1), "/Windows/Boot/Fonts/wgl4_boot.ttf", "a font");
    memfs_text(fs(1), "/Windows/System32/config/SYSTEM.LOG1", "");
    ok(su_windows_find(&disk, &found, &e) == 0 && su_winboot_find(&vols, &found, NULL, &boot, &e) == 0, "as it is %s",
       e.msg);
    ok(run_find(&e) == 0 && boot.why.kind == SU_OK && boot.files == 4, "all of it is there %s", e.msg);
    for (size_t i = 0; i < SU_ARRAY_LEN(ops); i++) {
        each_question(&ops[i]);
        each_allocation(&ops[i]);
    }
    close_all();
    return tap_done();
}
