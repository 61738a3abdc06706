/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules about Windows, on facts made by hand: a disk that converts, and one change for each thing a rule says. */
#include "convert/os.h"
#include "convert/os_windows.h"
#include "disk/guid.h"
#include "tests/lib/tap.h"

enum { SYSTEM = 0, OS = 1, DATA = 2, X64 = 0x8664 };
#define M UINT64_C(2048) /* sectors of a MiB */

static struct su_options opt;

static void volume(struct su_facts *f, unsigned number, const char *type)
{
    struct su_vol *x = &f->vols.vol[f->vols.n++];
    *x = (struct su_vol){.partition = number, .parent = -1};
    snprintf(x->name, sizeof x->name, "p%u", number);
    snprintf(x->what.type, sizeof x->what.type, "%s", type);
}

static void fill_windows(struct su_facts *f)
{
    static const struct su_fs_ops ops = {.type = "test"};
    static struct su_fs fs = {.ops = &ops};
    struct su_windows *w = &f->windows;
    *w = (struct su_windows){.found = true, .system = SYSTEM, .os = OS, .winre = -1, .active = 1, .n_active = 1,
        .by_store = true, .has_entry = true, .root = "/Windows", .machine = X64};
    w->reagent[0].vol = w->reagent[1].vol = -1;
    w->store = w->system_hive = w->software_hive = (struct su_win_hive){.there = true, .loaded = true, .path = "/x"};
    w->version = (struct su_winversion){.product = "Windows 10 Pro", .build = 19045};
    w->settings.bus[SU_WINBUS_IDE] = SU_WINSTART_LATER;
    w->settings.bus[SU_WINBUS_SATA] = SU_WINSTART_BOOT;
    w->settings.bus[SU_WINBUS_NVME] = SU_WINSTART_LATER;
    w->settings.bus[SU_WINBUS_VIRTIO] = SU_WINSTART_ABSENT;
    w->settings.bus[SU_WINBUS_SCSI] = SU_WINSTART_UNKNOWN;
    w->n_letters = 1;
    w->letter[0].number = 2;
    w->letter[0].letter = 'C';
    for (size_t i = 0; i < f->vols.n; i++)
        f->vols.vol[i].fs = &fs;
}

static void good(struct su_facts *f)
{
    static const uint64_t first[] = {M, 101 * M, 900 * M}, count[] = {100 * M, 799 * M, 50 * M};
    memset(f, 0, sizeof *f);
    opt = (struct su_options){.firmware_vars = "VARS"};
    f->opt = &opt;
    f->sector_size = 512;
    f->table = SU_TABLE_MBR;
    f->os = &su_os_windows;
    f->mbr = (struct su_mbr){.sector_size = 512, .disk_id = 7, .n = 3};
    f->linux_.root.vol = f->linux_.boot.vol = -1;
    for (unsigned i = 0; i < 3; i++) {
        f->mbr.part[i] = (struct su_mbr_part){.number = i + 1, .type = 7, .first = first[i], .count = count[i]};
        volume(f, i + 1, "ntfs");
    }
    f->mbr.part[0].active = true;
    f->layout.esp_number = 4;
    fill_windows(f);
    f->winboot = (struct su_winboot){.found = true, .from = "/Windows/Boot/EFI", .machine = X64,
        .firmware_known = true, .files = 200, .bytes = 20 << 20};
}

/* "ID SEVERITY V CODE" of the first finding of that severity; "" when there is none. */
static const char *first(const struct su_facts *f, enum su_severity s, char out[160])
{
    SU_VERDICT struct su_verdict v = {0};
    struct su_err e = {0};
    out[0] = 0;
    if (su_rules_run(f, &v, &e) < 0)
        return "failed";
    for (size_t i = 0; i < v.n && !out[0]; i++)
        if (v.finding[i].severity == s)
            snprintf(out, 160, v.finding[i].mbr2gpt ? "%s %s=%d" : "%s", v.finding[i].id, v.finding[i].mbr2gpt,
                     v.finding[i].code);
    return out;
}

/* The one stop, and no other. */
static const char *stop(const struct su_facts *f, char out[160])
{
    SU_VERDICT struct su_verdict v = {0};
    struct su_err e = {0};
    if (su_rules_run(f, &v, &e) == 0 && v.stops > 1) {
        for (size_t i = 0; i < v.n; i++)
            if (v.finding[i].severity == SU_STOP)
                printf("# %s: %s\n", v.finding[i].id, v.finding[i].msg);
        return "more than one";
    }
    return first(f, SU_STOP, out);
}

static bool says(const struct su_facts *f, enum su_severity s, const char *id, const char *part)
{
    SU_VERDICT struct su_verdict v = {0};
    struct su_err e = {0};
    bool found = false;
    if (su_rules_run(f, &v, &e) < 0)
        return false;
    for (size_t i = 0; i < v.n; i++)
        found = found || (v.finding[i].severity == s && strcmp(v.finding[i].id, id) == 0 &&
                          strstr(v.finding[i].msg, part));
    return found;
}

#define STOPS(change, want)                                                                                            \
    do {                                                                                                               \
        char text_[160];                                                                                               \
        good(f);                                                                                                       \
        change;                                                                                                        \
        is_str(stop(f, text_), want);                                                                                  \
    } while (0)
#define SAYS(change, severity, id, part)                                                                               \
    do {                                                                                                               \
        char text_[160];                                                                                               \
        good(f);                                                                                                       \
        change;                                                                                                        \
        ok(says(f, severity, id, part), "%s: %s", id, part);                                                           \
        is_str(stop(f, text_), "");                                                                                    \
    } while (0)

static void why(struct su_err *e, enum su_kind kind, const char *id)
{
    (void)su_fail(e, kind, id, "because");
    (void)su_remedy(e, "do something");
}

static void mbr2gpt_rules(struct su_facts *f)
{
    STOPS(, "");
    STOPS(f->table = SU_TABLE_NONE, "disk.mbr.missing V1=5");
    STOPS((f->table = SU_TABLE_NONE, f->os = &su_os_linux), "disk.mbr.missing V1=5");
    STOPS(f->windows.n_active = 0, "windows.active V4=7");
    STOPS(f->windows.n_active = 2, "windows.active V4=7");
    STOPS(f->windows.system = -1, "windows.active V4=7");
    STOPS((why(&f->windows.store_why, SU_E_REFUSED, "windows.store.disk"), f->windows.os = -1),
          "windows.store.disk V6=7");
    STOPS(f->windows.os = -1, "windows.store V6=7");
    STOPS((why(&f->windows.store_why, SU_E_MISSING, "windows.store.missing"), f->windows.candidates = 2,
           f->windows.os = -1),
          "windows.store.missing V6=7");
    STOPS((why(&f->windows.store_why, SU_E_MISSING, "windows.store.missing"), f->windows.candidates = 1),
          "windows.store.missing V6=7");
    ok(says(f, SU_STOP, "windows.store.missing", "no BCD-Template"), "and why no new one is made");
    SAYS((why(&f->windows.store_why, SU_E_MISSING, "windows.store.missing"), f->windows.store_rebuilt = true),
         SU_WARNING, "windows.store.missing", "BCD-Template");
    SAYS((f->mbr.n = 4, f->mbr.part[3] = (struct su_mbr_part){.number = 4, .type = 7, .first = 960 * M, .count = M}),
         SU_OK_NOTE, "windows.primaries", "4 primary partitions: accepted");
    SAYS(f->mbr.ext_slot = 4, SU_OK_NOTE, "windows.primaries", "4 primary partitions: accepted");
    SAYS(f->mbr.ext_slot = 4, SU_OK_NOTE, "windows.logical", "accepted");
    SAYS(f->windows.n_letters = 0, SU_WARNING, "windows.volume-ids", "p2");
    STOPS(strcpy(f->vols.vol[OS].what.type, "BitLocker"), "volume.encrypted.bitlocker V9=6");
    STOPS((strcpy(f->vols.vol[SYSTEM].what.type, "BitLocker"), f->windows.system = -1),
          "volume.encrypted.bitlocker V9=6");
    ok(!says(f, SU_WARNING, "windows.data", ""), "that is no data volume");
    STOPS((f->layout.number_of[2] = 2, memcpy(f->layout.gpt.entry[1].type, su_gpt_type_guid(SU_GPT_ESP), 16)),
          "windows.type V8=7");
    STOPS((f->layout.number_of[2] = 2, memcpy(f->layout.gpt.entry[1].type, su_gpt_type_guid(SU_GPT_MS_BASIC), 16)), "");
    SAYS(strcpy(f->vols.vol[DATA].what.type, "BitLocker"), SU_WARNING, "windows.data", "BitLocker");
    STOPS(f->mbr.part[2].type = 0x42, "disk.mbr.dynamic V8=7");
    STOPS((f->layout.n_problems = 1, f->layout.problem[0] = (struct su_layout_problem){SU_LAYOUT_TAIL, 3, 7}),
          "disk.gpt.tail V2=7");
    STOPS((f->layout.n_problems = 1, f->layout.problem[0] = (struct su_layout_problem){SU_LAYOUT_HEAD, 1, 7}),
          "disk.gpt.head V2=7");
    STOPS((f->layout.n_problems = 1, f->layout.problem[0] = (struct su_layout_problem){SU_LAYOUT_TYPE, 3, 0x99}),
          "disk.mbr.type V8=7");
}

static void how_it_was_left(struct su_facts *f)
{
    STOPS(f->windows.os_state.dirty = true, "windows.dirty");
    STOPS(f->windows.os_state.log_dirty = true, "windows.dirty");
    STOPS(f->windows.system_state.mirror_differs = true, "windows.dirty");
    STOPS((f->windows.os = f->windows.system = OS, f->windows.active = 2, f->windows.os_state.dirty = true,
           f->windows.system_state.dirty = true),
          "windows.dirty");
    STOPS(f->windows.os_state.hibernated = true, "windows.hibernated");
    STOPS((f->windows.os_state.hibernated = true, f->windows.settings.fast_startup = true), "windows.faststartup");
    SAYS(f->windows.settings.fast_startup = true, SU_NOTE, "windows.faststartup-on", "Fast Startup is on");
    STOPS((f->windows.system_hive.loaded = false, why(&f->windows.system_hive.why, SU_E_REFUSED, "hive.dirty")),
          "hive.dirty");
    STOPS((f->windows.system_hive.loaded = false, why(&f->windows.system_hive.why, SU_E_FORMAT, "hive.damaged")),
          "hive.damaged");
    SAYS(f->windows.system_hive.replayed = 3, SU_NOTE, "windows.hive", "3 entries");
    SAYS((f->windows.software_hive.loaded = false, f->windows.version.build = 0), SU_NOTE, "windows.hive", "version");
    SAYS((opt.shared = true, f->windows.os_state.dirty = true, f->windows.system_hive.loaded = false), SU_NOTE,
         "windows.dirty", "p2");
    STOPS((f->also = &su_os_linux, f->windows.os_state.dirty = true), "os.two");
}

static void how_it_will_start(struct su_facts *f)
{
    STOPS((f->windows.machine = 0x14C, f->winboot.machine = 0x14C, f->winboot.manager.verdict = SU_SB_DAMAGED),
          "windows.bits");
    STOPS((f->windows.machine = 0xAA64, f->winboot.machine = 0xAA64), "windows.bits");
    SAYS(f->windows.machine = 0, SU_OK_NOTE, "windows.bits", "64 bits");
    STOPS(f->winboot.found = false, "windows.bootfiles");
    STOPS((f->winboot.found = false, why(&f->winboot.why, SU_E_REFUSED, "windows.boot.compact")),
          "windows.boot.compact");
    SAYS(f->winboot.skipped = 2, SU_WARNING, "windows.names", "2 boot file(s)");
    STOPS(f->winboot.bytes = 300 << 20, "");
    STOPS((f->winboot.bytes = 300 << 20, opt.esp_bytes = 100 * SU_MIB), "windows.esp");
    STOPS(f->windows.version.build = 7601, "windows.old");
    SAYS((f->windows.version.build = 7601, opt.allow_unsigned = true), SU_WARNING, "windows.old", "7601");
    STOPS(f->winboot.manager.verdict = SU_SB_UNTRUSTED, "windows.secureboot");
    SAYS((f->winboot.manager.verdict = SU_SB_REVOKED, opt.allow_unsigned = true), SU_WARNING, "windows.secureboot", "");
    SAYS(f->winboot.firmware_known = false, SU_WARNING, "boot.firmware.vars", "VARS");
    SAYS(f->winboot.ex = true, SU_NOTE, "windows.secureboot", "newer key");
    SAYS(, SU_NOTE, "windows.driver", "on: sata");
    SAYS(f->windows.settings.bus[SU_WINBUS_IDE] = SU_WINSTART_BOOT, SU_NOTE, "windows.driver", "on: ide, sata");
    SAYS(f->windows.settings.bus[SU_WINBUS_SATA] = SU_WINSTART_LATER, SU_WARNING, "windows.driver", "no driver");
    SAYS(opt.boot_bus = "sata", SU_OK_NOTE, "windows.driver", "");
    SAYS(opt.boot_bus = "nvme", SU_NOTE, "windows.driver", "from now on");
    SAYS(opt.boot_bus = "scsi", SU_WARNING, "windows.driver", "not known");
    STOPS(opt.boot_bus = "virtio", "windows.driver");
    SAYS(opt.dual = SU_OFF, SU_NOTE, "windows.bios", "UEFI only");
    STOPS(opt.dual = SU_ON, "windows.bios");
    SAYS((f->windows.entry.has_winre = true), SU_WARNING, "windows.winre", "not on this disk");
    SAYS((f->windows.entry.has_winre = true, f->windows.winre = DATA), SU_WARNING, "windows.winre", "p3 has no");
    SAYS((f->windows.reagent[0].vol = OS, why(&f->windows.reagent[0].why, SU_E_FORMAT, "reagent.damaged")), SU_WARNING,
         "windows.winre", "stays as it is");
    SAYS((f->store.n_notes = 1, strcpy(f->store.note[0], "dropped")), SU_WARNING, "windows.store.notes", "dropped");
    STOPS(why(&f->store.why, SU_E_FORMAT, "bcd.damaged"), "windows.store.notes");
    SAYS((f->windows.n_letters = 2, f->windows.letter[1].number = 1, f->windows.letter[1].letter = 'D'), SU_NOTE,
         "windows.letter", "D:");
}

static void system_partition(struct su_facts *f)
{
    STOPS(opt.reuse_esp = true, "");
    STOPS((opt.reuse_esp = true, f->mbr.part[0].count = 100 * M - 1), "windows.reuse");
    STOPS((opt.reuse_esp = true, f->mbr.part[0].count = 1024 * M + 1), "windows.reuse");
    STOPS((opt.reuse_esp = true, f->windows.winre = SYSTEM, f->windows.winre_file = true), "windows.reuse");
    STOPS((opt.reuse_esp = true, f->windows.system = OS, f->windows.active = 2), "windows.reuse");
    STOPS((opt.reuse_esp = true, f->winboot.bytes = 99 << 20), "windows.reuse");
    good(f);
    f->sector_size = 4096;
    f->mbr.part[0].count = 260 * 256;
    ok(!su_windows_why_not_reuse(f), "260 MiB of sectors of 4096 bytes");
    f->mbr.part[0].count--;
    ok(su_windows_why_not_reuse(f), "and no less");
}

static int recovery(const struct su_layout_request *r, unsigned number)
{
    int n = 0;
    for (size_t i = 0; i < r->n_overrides; i++)
        n += r->override[i].number == number && r->override[i].attributes == UINT64_C(0x8000000000000001) &&
             su_gpt_type_find(r->override[i].gpt) == SU_GPT_MS_RECOVERY;
    return n;
}

static void wishes(struct su_facts *f)
{
    struct su_layout_request r = {.bios_sectors = 9};
    good(f);
    su_os_windows.layout(f, &r);
    ok(r.in_order && !r.msr && r.bios_sectors == 0 && r.esp_reuse == 0, "in order, no GRUB");
    ok(r.n_overrides == 1 && recovery(&r, 1), "the system partition gets no letter");
    r = (struct su_layout_request){0};
    opt.msr = opt.reuse_esp = true;
    f->windows.winre = DATA;
    su_os_windows.layout(f, &r);
    ok(r.n_overrides == 0, "a partition with more than WinRE stays what it is");
    r = (struct su_layout_request){0};
    f->windows.winre_alone = true;
    su_os_windows.layout(f, &r);
    ok(r.msr && r.esp_reuse == 1 && r.n_overrides == 1 && recovery(&r, 3), "it becomes the ESP; WinRE's is hidden");
    f->windows.letter[0].number = 3;
    r = (struct su_layout_request){0};
    su_os_windows.layout(f, &r);
    ok(r.n_overrides == 0, "but not when it has a letter");
    f->windows.winre = f->windows.system = OS;
    f->windows.winre_alone = false;
    r = (struct su_layout_request){0};
    su_os_windows.layout(f, &r);
    ok(r.n_overrides == 0 && r.esp_reuse == 0, "nor one with the system on it");
}

int main(void)
{
    struct su_facts *f = calloc(1, sizeof *f);
    if (!f)
        return 1;
    mbr2gpt_rules(f);
    how_it_was_left(f);
    how_it_will_start(f);
    system_partition(f);
    wishes(f);
    good(f);
    ok(su_facts_secure_boot(f), "Secure Boot is the boot manager's");
    f->winboot.manager.verdict = SU_SB_UNSIGNED;
    ok(!su_facts_secure_boot(f), "unsigned");
    free(f);
    return tap_done();
}
