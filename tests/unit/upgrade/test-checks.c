/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every row of the table has a case here: facts that make it speak, and facts that do not. */
#include "tests/lib/tap.h"
#include "upgrade/checks.h"

typedef void make_fn(struct su_vm_facts *f);
struct case_ {
    const char *row, *id;
    enum su_check_severity severity;
    make_fn *speak, *quiet;
    int line;
};
static struct case_ cases[256];
static size_t n_cases;

/* A case: the row, the id it speaks under, its severity, (what makes it speak), (what does not, in place of base()). */
#define CASE4(n, row, id, s, speak, quiet)                                                                             \
    static void speak_##n(struct su_vm_facts *f)                                                                       \
    {                                                                                                                  \
        (void)f;                                                                                                       \
        speak;                                                                                                         \
    }                                                                                                                  \
    static void quiet_##n(struct su_vm_facts *f)                                                                       \
    {                                                                                                                  \
        (void)f;                                                                                                       \
        quiet;                                                                                                         \
    }                                                                                                                  \
    __attribute__((constructor)) static void add_##n(void)                                                             \
    {                                                                                                                  \
        cases[n_cases++] = (struct case_){row, id, SU_CHECK_##s, speak_##n, quiet_##n, n};                             \
    }
#define CASE3(n, ...) CASE4(n, __VA_ARGS__)
#define CASE(row, s, ...) CASE3(__LINE__, row, row, s, (__VA_ARGS__), (void)0)
#define CASE_BUT(row, s, speak, quiet) CASE3(__LINE__, row, row, s, speak, quiet)
#define CASE_AS(row, id, s, ...) CASE3(__LINE__, row, id, s, (__VA_ARGS__), (void)0)
#define SET(member, text) (void)snprintf(f->member, sizeof f->member, "%s", text)

enum { BOOT = 0, DATA = 1 };

static void driver(struct su_vm_facts *f, const char *name, const char *where)
{
    uint32_t i = f->disk.n_drivers++;
    SET(disk.driver[i].name, name);
    SET(disk.driver[i].where, where);
}

static void finding(struct su_vm_facts *f, const char *id, const char *severity)
{
    uint32_t i = f->disk.n_findings++;
    SET(disk.finding[i].id, id);
    SET(disk.finding[i].severity, severity);
    SET(disk.finding[i].text, "found");
}

static void name(struct su_vm_facts *f, const char *text, const char *depends)
{
    uint32_t i = f->disk.n_names++;
    SET(disk.name[i].name, text);
    SET(disk.name[i].depends, depends);
}

/* A VM of which nothing has to be said but what is said of all: Debian 12, BIOS, i440fx, off. */
static void base(struct su_vm_facts *f)
{
    memset(f, 0, sizeof *f);
    su_job_options_default(&f->options);
    f->options.canary = 1;
    f->local = true;
    f->vm.persistent = true;
    SET(vm.name, "web");
    SET(defined.name, "web");
    SET(defined.virt_type, "kvm");
    SET(defined.os_type, "hvm");
    SET(defined.arch, "x86_64");
    SET(defined.machine, "pc-i440fx-7.2");
    f->defined.acpi = f->defined.agent_channel = true;
    f->defined.tpm = SU_NO;
    f->defined.memory_kib = 2 << 20;
    f->defined.vcpus = 2;
    f->defined.n_nics = 1;
    f->defined.nic[0].pci = true;
    f->defined.n_disks = 1;
    SET(defined.disk[BOOT].target, "vda");
    SET(defined.disk[BOOT].bus, "virtio");
    SET(defined.disk[BOOT].device, "disk");
    SET(defined.disk[BOOT].type, "file");
    SET(defined.disk[BOOT].source, "/images/web.qcow2");
    f->use[BOOT] = (struct su_disk_use){.exists = true, .readable = true, .virtual_size = UINT64_C(20) << 30};
    f->use[BOOT].free_space = UINT64_C(100) << 30;
    SET(use[BOOT].format, "qcow2");
    f->extras.n_serials = 1;
    f->caps = (struct su_hv_caps){
        .known = true, .q35 = true, .efi = true, .secure_boot = true, .tpm_emulator = true, .tpm_crb = true};
    f->host = (struct su_host_facts){.swtpm = true,
                                     .swtpm_setup = true,
                                     .qemu_img = true,
                                     .descriptor = true,
                                     .loader = true,
                                     .nvram_template = true};
    f->asked.disk = true;
    f->disk.looked = true;
    SET(disk.table, "mbr");
    SET(disk.os, "linux");
    SET(disk.os_id, "debian");
    SET(disk.os_version, "12");
    f->disk.secure_boot_firmware_known = f->disk.secure_boot_ok = f->disk.has_pcr4 = f->disk.initramfs_known = true;
    driver(f, "virtio_pci", "module");
    driver(f, "virtio_blk", "builtin");
    driver(f, "ahci", "absent");
    driver(f, "sd_mod", "module");
}

static void data_disk(struct su_vm_facts *f)
{
    f->defined.n_disks = 2;
    SET(defined.disk[DATA].target, "vdb");
    SET(defined.disk[DATA].device, "disk");
    f->use[DATA].exists = true;
}

#include "tests/unit/upgrade/checks_windows.h"

/* The VM as libvirt has it */
CASE("vm.remote", STOP, f->local = false)
CASE("vm.persistent", STOP, f->vm.persistent = false)
CASE("vm.virt-type", STOP, SET(defined.virt_type, "xen"))
CASE("vm.os-type", STOP, SET(defined.os_type, "exe"))
CASE("vm.os-type", STOP, f->defined.xen = true)
CASE("vm.arch", STOP, SET(defined.arch, "aarch64"))
CASE("vm.machine", STOP, f->defined.chipset = SU_CHIPSET_OTHER)
CASE("vm.machine.asked", STOP, f->options.machine = SU_MACHINE_I440FX, f->defined.chipset = SU_CHIPSET_Q35)
CASE("vm.secure-boot.off", WARNING, f->options.secure_boot = false)
CASE("vm.secure-boot.off", WARNING, f->options.machine = SU_MACHINE_I440FX)
CASE("vm.vtpm.off", WARNING, f->options.vtpm = false)
CASE("vm.kernel-boot", STOP, f->defined.kernel_boot = true)
CASE("vm.launch-security", STOP, f->defined.launch_security = true)
CASE_BUT("vm.run-state", STOP, f->vm.run = SU_HV_PAUSED, f->vm.run = SU_HV_RUNNING)
CASE("vm.run-state", STOP, f->vm.run = SU_HV_BUSY)
CASE("vm.managed-save", STOP, f->vm.managed_save = true)
CASE_BUT("vm.updated", WARNING, f->live = f->vm.updated = true, f->vm.updated = true)
CASE("vm.job", STOP, f->vm.job = true)
CASE_BUT("vm.snapshots", WARNING, f->vm.snapshots = 1, f->vm.snapshots = -1)
CASE_BUT("vm.checkpoints", STOP, f->vm.checkpoints = 2, f->vm.checkpoints = -1)
CASE("vm.autostart", NOTE, f->vm.autostart = true)
CASE_BUT("vm.unfinished", WARNING, SET(defined.upgrade_state, "converted"), SET(defined.upgrade_state, "upgraded"))
CASE("vm.memory", STOP, f->defined.memory_kib = 48 << 10)
CASE("vm.memory", WARNING, f->defined.memory_kib = 256 << 10)
CASE_BUT("vm.vcpus", STOP, f->defined.vcpus = 256, f->defined.vcpus = 128)
CASE("vm.vcpus", WARNING, f->defined.vcpus = 200)
CASE_BUT("vm.cpu", STOP, SET(extras.cpu_model, "qemu32"), SET(extras.cpu_model, "qemu64"))
CASE("vm.cpu", STOP, f->extras.cpu_without_long_mode = true)
CASE_AS("vm.transform", "vm.xml.machine", STOP, (void)su_fail(&f->transform_why, SU_E_REFUSED, "vm.xml.machine", "no"))
CASE_AS("vm.transform", "vm.xml.tpm", WARNING, f->notes.n = 1, f->notes.note[0].id = "vm.xml.tpm",
        f->notes.note[0].lost = true, SET(notes.note[0].text, "x"))
CASE_AS("vm.transform", "vm.xml.bus", NOTE, f->notes.n = 1, f->notes.note[0].id = "vm.xml.bus")

/* The host */
CASE_BUT("vm.host.caps", UNKNOWN, f->caps.known = false, (f->caps.known = false, f->test_driver = true))
CASE_BUT("vm.host.q35", STOP, f->caps.q35 = false, (f->caps.q35 = false, f->options.machine = SU_MACHINE_I440FX))
CASE("vm.host.uefi", STOP, f->caps.efi = false)
CASE_BUT("vm.host.secure-boot", STOP, f->caps.secure_boot = false,
         (f->caps.secure_boot = false, f->options.secure_boot = false))
CASE_BUT("vm.host.tpm", STOP, f->caps.tpm_emulator = false, (f->caps.tpm_emulator = false, f->options.vtpm = false))
CASE_BUT("vm.host.tpm-crb", STOP, f->caps.tpm_crb = false, (f->caps.tpm_crb = false, f->defined.tpm = SU_YES))
CASE_BUT("vm.host.swtpm", STOP, f->host.swtpm = false, (f->host.swtpm = false, f->test_driver = true))
CASE_BUT("vm.host.qemu-img", STOP, f->host.qemu_img = false, (f->host.qemu_img = false, f->restore = SU_RESTORE_NONE))
CASE_BUT("vm.host.swtpm-setup", STOP, f->host.swtpm_setup = false, (f->host.swtpm_setup = false, f->local = false))
CASE_BUT("vm.host.firmware", STOP, f->host.descriptor = false, (f->host.descriptor = false, f->test_driver = true))
CASE_BUT("vm.host.loader", STOP, f->host.loader = false, (f->host.loader = false, f->host.descriptor = false))
CASE_BUT("vm.host.nvram-template", STOP, f->host.nvram_template = false,
         (f->host.nvram_template = false, f->local = false))

/* Devices */
CASE("vm.devices.pci", WARNING, f->defined.n_hostdevs_pci = 1)
CASE("vm.devices.rom", WARNING, f->extras.rom_bios = true)
CASE("vm.devices.usb", NOTE, f->defined.n_hostdevs_usb = 1)
CASE("vm.devices.shmem", NOTE, f->defined.n_shmem = 1)
CASE_BUT("vm.devices.tpm", STOP, f->defined.tpm = SU_UNKNOWN, (f->defined.tpm = SU_UNKNOWN, f->options.vtpm = false))
CASE("vm.devices.arguments", WARNING, f->defined.qemu_commandline = true)
CASE_BUT("vm.devices.arguments-bus", STOP, f->defined.qemu_names_i440fx = true,
         (f->defined.qemu_names_i440fx = true, f->options.machine = SU_MACHINE_I440FX))
CASE("vm.devices.bridges", NOTE, f->defined.n_pci_bridges = 1)
CASE_BUT("vm.devices.nics", WARNING, f->defined.n_nics_elsewhere = 1,
         (f->defined.n_nics_elsewhere = 1, f->defined.chipset = SU_CHIPSET_Q35))
CASE("vm.devices.more", STOP, f->defined.more = true)
CASE("vm.devices.floppy", NOTE, f->defined.floppy = true)
CASE_BUT("vm.devices.ide", NOTE, f->defined.ide = true, (f->defined.ide = true, f->options.machine = SU_MACHINE_I440FX))
CASE("vm.devices.sound", NOTE, f->defined.isa_sound = true)
CASE("vm.devices.memory", NOTE, f->defined.memory_hotplug = true)
CASE("vm.devices.iommu", NOTE, f->defined.iommu = true)
CASE_BUT("vm.devices.serial", NOTE, f->extras.n_serials = 2, f->extras.n_serials = 0)
CASE("vm.devices.console", NOTE, f->extras.n_serials = 0)
CASE("vm.devices.network-first", WARNING, f->extras.network_first = true)
CASE("vm.devices.cdrom-first", WARNING, f->extras.cdrom_first = true)
CASE("vm.devices.reboot", WARNING, f->extras.reboot_destroys = true)
CASE("vm.devices.acpi", WARNING, f->defined.acpi = false)

/* The boot disk */
CASE("vm.disk.boot", STOP, f->defined.boot_disk = UINT32_MAX)
CASE("vm.disk.kind", STOP, SET(defined.disk[BOOT].device, "cdrom"))
CASE("vm.disk.local", STOP, SET(defined.disk[BOOT].source, ""), f->use[BOOT].exists = false)
CASE("vm.disk.missing", STOP, f->use[BOOT].exists = false)
CASE("vm.disk.readable", STOP, f->use[BOOT].readable = false)
CASE("vm.disk.read-only", STOP, f->defined.disk[BOOT].read_only = true)
CASE("vm.disk.transient", STOP, f->defined.disk[BOOT].transient = true)
CASE("vm.disk.shareable", STOP, f->defined.disk[BOOT].shareable = true)
CASE("vm.disk.used", STOP, f->use[BOOT].used_by_other = true)
CASE("vm.disk.used", STOP, f->use[BOOT].used_twice = true)
CASE("vm.disk.base", STOP, f->use[BOOT].base_of_other = true)
CASE("vm.inventory", WARNING, f->unread_vms = 2)
CASE("vm.nvram.used", STOP, SET(nvram_vm, "other"))
CASE_BUT("vm.disk.data-shared", NOTE, (data_disk(f), f->use[DATA].used_by_other = true),
         (data_disk(f), f->use[DATA].used_by_other = f->defined.disk[DATA].read_only = true))
CASE("vm.disk.chain", WARNING, f->use[BOOT].chain_unknown = true)
CASE("vm.disk.chain", STOP, f->use[BOOT].chain_unknown = f->use[BOOT].head_unknown = true)
CASE("vm.disk.overlay", NOTE, f->use[BOOT].backing = 1)
CASE("vm.disk.format", STOP, SET(use[BOOT].format, "parallels"))
CASE_BUT("vm.disk.qcow2-v2", STOP, (f->use[BOOT].compat_v2 = true, f->use[BOOT].internal_snapshots = 1),
         f->use[BOOT].compat_v2 = true)
CASE("vm.disk.qcow2-v2", STOP, f->use[BOOT].compat_v2 = true, f->options.restore = SU_RESTORE_INTERNAL)
CASE("vm.disk.snapshots", NOTE, f->use[BOOT].internal_snapshots = 1)
CASE("vm.disk.encrypted", STOP, f->use[BOOT].encrypted = true)
CASE("vm.disk.data-file", STOP, f->use[BOOT].data_file = true)
CASE_BUT("vm.disk.dirty", STOP, f->use[BOOT].dirty = true, f->use[BOOT].dirty = f->live = true)
CASE_BUT("vm.disk.locked", STOP, f->use[BOOT].locked = true, f->use[BOOT].locked = f->live = true)
CASE_BUT("vm.disk.space", STOP, f->use[BOOT].free_space = 1 << 20,
         (f->use[BOOT].free_space = 0, f->use[BOOT].block = true))
CASE("vm.disk.space", WARNING, f->use[BOOT].free_space = 500 << 20)
CASE_AS("vm.restore.possible", "vm.restore.block", STOP,
        (void)su_fail(&f->restore_why, SU_E_REFUSED, "vm.restore.block", "no"))
CASE_BUT("vm.disk.copies", WARNING, (data_disk(f), f->use[DATA].virtual_size = f->use[BOOT].virtual_size),
         (data_disk(f), f->use[DATA].virtual_size = 1 << 30))
CASE_BUT("vm.disk.growth", NOTE, (void)0, f->defined.firmware = SU_FIRMWARE_UEFI)
CASE_BUT("vm.disk.gpt", WARNING, SET(disk.table, "gpt"),
         (SET(disk.table, "gpt"), f->defined.firmware = SU_FIRMWARE_UEFI))
CASE_BUT("vm.disk.looked", UNKNOWN, f->disk.looked = false, f->disk.looked = f->asked.disk = false)

/* The system */
CASE_BUT("vm.os.support", STOP, windows(f, "7"), SET(disk.os_version, "12.4"))
CASE("vm.os.support", NOTE, windows(f, "2016"))
CASE("vm.os.support", NOTE, windows_disk(f, "2012 R2", 9600))
CASE("vm.os.support", WARNING, SET(disk.os_id, "haiku"))
CASE("vm.os.support", WARNING, SET(disk.os_id, ""))
CASE("vm.os.support", WARNING, windows(f, "7"), f->defined.firmware = SU_FIRMWARE_UEFI)
CASE_BUT("vm.os.same", STOP, (f->agent.answered = true, SET(agent.os_id, "ubuntu")),
         (f->agent.answered = true, SET(agent.os_id, "debian")))
CASE("vm.os.same", STOP, f->agent.answered = true, SET(agent.machine_id, "a"), SET(disk.machine_id, "b"))
CASE_AS("vm.disk.rules", "volume.encrypted.bitlocker", STOP, finding(f, "volume.encrypted.bitlocker", "stop"))
CASE3(__LINE__, "vm.disk.rules", "boot.secureboot.loader", STOP, finding(f, "boot.secureboot.loader", "stop"),
      (finding(f, "boot.secureboot.loader", "stop"), f->options.secure_boot = false))
CASE_AS("vm.disk.rules", "linux.fstab.names", WARNING, finding(f, "linux.fstab.names", "warning"))
CASE_AS("vm.disk.rules", "volume.dirty", NOTE, finding(f, "volume.dirty", "stop"), f->disk.stale = true)
CASE_AS("vm.disk.rules", "linux.network.names", WARNING, finding(f, "linux.network.names", "warning"))
CASE_BUT("vm.guest.nics", WARNING, name(f, "enp1s0", "path"), name(f, "ens3", "slot"))
CASE_BUT("vm.guest.nics", WARNING, (name(f, "ens3", "slot"), f->defined.n_nics_elsewhere = 1),
         (name(f, "enp1s0", "path"), f->disk.name[0].pinned = true))
CASE_BUT("vm.guest.nics", WARNING, (name(f, "eth0", "kernel"), f->defined.n_nics = 2),
         (name(f, "eno1", "onboard"), f->defined.chipset = SU_CHIPSET_Q35))
CASE("vm.guest.nics", WARNING, name(f, "ens3", "slot"), f->defined.nic[0].pci = false)
CASE("vm.guest.nics", NOTE, name(f, "eth0", "kernel"))
CASE_BUT("vm.guest.drivers", STOP, SET(defined.disk[BOOT].bus, "ide"),
         (SET(defined.disk[BOOT].bus, "ide"), f->options.machine = SU_MACHINE_I440FX, driver(f, "ata_piix", "module")))
CASE("vm.guest.drivers", STOP, SET(disk.driver[1].where, "absent"))
CASE("vm.guest.drivers", UNKNOWN, SET(defined.disk[BOOT].bus, "ide"), f->disk.initramfs_known = false)
CASE("vm.guest.drivers", WARNING, f->disk.initramfs_known = false)
CASE_BUT("vm.guest.drivers", WARNING, (SET(defined.disk[BOOT].bus, "scsi"), SET(extras.scsi_model, "lsilogic")),
         (SET(defined.disk[BOOT].bus, "scsi"), SET(extras.scsi_model, "virtio-scsi"),
          driver(f, "virtio_scsi", "module")))
CASE_BUT("vm.guest.secure-boot", STOP, f->disk.secure_boot_ok = false,
         f->disk.secure_boot_ok = f->options.secure_boot = false)
CASE_BUT("vm.guest.secure-boot", WARNING, f->disk.secure_boot_firmware_known = false,
         (f->disk.secure_boot_ok = false, finding(f, "boot.files.missing", "stop")))
CASE_BUT("vm.guest.modules", WARNING, f->disk.unsigned_modules = 3,
         (f->disk.unsigned_modules = 3, f->options.secure_boot = false))
CASE_BUT("vm.guest.hibernation", NOTE, f->disk.hibernation = true,
         (windows_disk(f, "10", 0), f->disk.hibernation = true))
CASE_BUT("vm.guest.pcr4", NOTE, f->disk.has_pcr4 = false, windows_disk(f, "10", 0))
CASE_BUT("vm.os.same", STOP, (windows_disk(f, "10", 0), f->agent.answered = true, SET(agent.os_id, "debian")),
         (windows_disk(f, "10", 0), f->agent.answered = f->agent.windows = true, SET(agent.os_id, "windows"),
          SET(agent.machine_id, "AB-1"), SET(disk.machine_id, "ab-1")))
CASE_BUT("vm.guest.luks", WARNING, finding(f, "volume.encrypted.luks", "note"),
         (finding(f, "volume.encrypted.luks", "note"), SET(options.key_dir, "/k")))
CASE("vm.agent.channel", NOTE, f->defined.agent_channel = false)
CASE_BUT("vm.agent.answers", WARNING, f->live = f->asked.agent = true,
         f->live = f->asked.agent = f->agent.answered = true)
CASE("vm.agent.answers", WARNING, f->live = true)
CASE_BUT("vm.guest.finish", NOTE, (void)0, f->options.finish = true)

/* Good practice */
CASE("vm.practice.test", NOTE, f->options.canary = 0)
CASE("vm.practice.restore-point", WARNING, f->options.restore = SU_RESTORE_NONE)
CASE_BUT("vm.practice.rollback", NOTE, (void)0, f->options.restore = SU_RESTORE_NONE)
CASE_BUT("vm.practice.image", NOTE, (void)0, f->defined.firmware = SU_FIRMWARE_UEFI)
CASE_BUT("vm.practice.backup", NOTE, (void)0, f->same_already = true)
CASE_BUT("vm.practice.state", NOTE, (void)0, f->options.vtpm = false)
CASE("vm.practice.no-start", WARNING, f->options.no_start = true)
CASE("vm.practice.switch", NOTE, f->defined.firmware = SU_FIRMWARE_UEFI)
CASE("vm.practice.unsigned", WARNING, f->options.allow_unsigned = true)
CASE("vm.practice.force", WARNING, f->options.force = f->live = true)
CASE("vm.practice.test-driver", NOTE, f->test_driver = true)
CASE_BUT("vm.practice.attestation", NOTE, (void)0, f->options.vtpm = false)

static struct su_vm_facts facts;
static struct su_check_verdict verdict;

static const struct su_check_finding *find(const char *id, bool not_ok)
{
    for (unsigned i = 0; i < verdict.n; i++)
        if (strcmp(verdict.finding[i].id, id) == 0 && !(not_ok && verdict.finding[i].severity == SU_CHECK_OK))
            return &verdict.finding[i];
    return NULL;
}

static void run_case(const struct case_ *c)
{
    base(&facts);
    c->speak(&facts);
    su_checks_run(&facts, true, &verdict);
    const struct su_check_finding *found = find(c->id, c->severity != SU_CHECK_OK);
    ok(found && found->severity == c->severity && !verdict.full, "line %d: %s speaks: %s", c->line, c->id,
       found ? su_check_severity_name(found->severity) : "nothing");
    base(&facts);
    c->quiet(&facts);
    su_checks_run(&facts, true, &verdict);
    ok(!find(c->id, c->severity != SU_CHECK_OK), "line %d: %s is quiet", c->line, c->id);
}

static void every_row(void)
{
    unsigned rows = 0;
    for (const struct su_check *const *t = su_check_tables; *t; t++)
        for (const struct su_check *r = *t; r->id; r++, rows++) {
            size_t n = 0;
            for (size_t i = 0; i < n_cases; i++)
                n += strcmp(cases[i].row, r->id) == 0;
            ok(n > 0 && r->good && r->origin && r->test, "%s has %zu case(s)", r->id, n);
            ok(strlen(r->good) < 240 && (!r->remedy || strlen(r->remedy) < 240), "%s fits", r->id);
        }
    printf("# %u rows, %zu cases\n", rows, n_cases);
    ok(rows + 48 + 64 <= SU_CHECK_FINDINGS, "all findings fit");
}

static void whole(void)
{
    struct su_vm_facts *f = &facts;
    base(&facts);
    su_checks_run(&facts, true, &verdict);
    for (unsigned i = 0; i < verdict.n; i++)
        if (verdict.finding[i].severity > SU_CHECK_NOTE)
            printf("# %s: %s\n", verdict.finding[i].id, verdict.finding[i].text);
    ok(verdict.stops == 0 && verdict.warnings == 0 && verdict.unknowns == 0, "nothing against a plain Debian 12");
    ok(find("vm.memory", false) && find("vm.memory", false)->severity == SU_CHECK_OK, "what is met is said");
    ok(!find("vm.windows.2016", false), "what does not apply is not");
    facts.disk.looked = false;
    su_checks_run(&facts, true, &verdict);
    ok(verdict.stops == 0 && verdict.unknowns == 1, "before, what is unknown does not stop");
    su_checks_run(&facts, false, &verdict);
    ok(verdict.stops == 1 && verdict.unknowns == 0, "at rest it does");
    ok(!find("vm.practice.backup", false), "at rest no advice is given");
    facts.vm.run = SU_HV_RUNNING;
    su_checks_run(&facts, false, &verdict);
    ok(find("vm.run-state", true) != NULL, "at rest it must not run");
    facts.same_already = true;
    su_checks_run(&facts, true, &verdict);
    ok(verdict.n == 1 && verdict.already && verdict.stops == 0 && find("vm.already", true), "already");
    base(&facts);
    SET(defined.upgrade_state, "stopped");
    su_checks_run(&facts, false, &verdict);
    ok(!find("vm.unfinished", false), "the mark of this very upgrade");
}

static void crowded(void)
{
    static const struct su_check row = {"x", SU_CHECK_NOTE, SU_FROM_XML, "good", "remedy", "limit", NULL};
    memset(&verdict, 0, sizeof verdict);
    for (int i = 0; i < SU_CHECK_FINDINGS; i++)
        su_check_found(&verdict, &row, "%d", i);
    ok(!verdict.full && verdict.n == SU_CHECK_FINDINGS);
    su_check_found(&verdict, &row, "too many");
    ok(verdict.full && verdict.stops == 0);
    su_check_found_as(&verdict, &row, SU_CHECK_STOP, "bad\x1b\xff");
    ok(verdict.stops == 1, "what stops is never lost");
    is_str(verdict.finding[SU_CHECK_FINDINGS - 1].text, "bad??");
    su_check_say(&verdict, &(struct su_check_said){.id = "y", .text = "t", .severity = SU_CHECK_STOP});
    ok(verdict.stops == 2);
}

static void systems(void)
{
    struct su_vm_facts *f = &facts;
    char why[160];
    ok(su_os_support("debian", "12.4", why, sizeof why) == SU_OS_SUPPORTED);
    ok(su_os_support("debian", "120", why, sizeof why) == SU_OS_UNTRIED);
    ok(su_os_support("windows", "", why, sizeof why) == SU_OS_UNTRIED && why[0]);
    ok(su_os_support("windows", "7", why, sizeof why) == SU_OS_UNSUPPORTED && why[0]);
    ok(su_os_support("windows", "8.1", why, sizeof why) == SU_OS_SUPPORTED && why[0]);
    ok(su_os_support("rhel", "6.10", why, sizeof why) == SU_OS_UNSUPPORTED);
    ok(su_os_support("nobody", "1", why, sizeof why) == SU_OS_UNTRIED && !why[0]);
    struct su_os_seen os;
    base(&facts);
    su_os_seen(&facts, &os);
    ok(os.source == SU_FROM_DISK);
    facts.disk.looked = false;
    SET(defined.os_id, "http://microsoft.com/win/2k16");
    su_os_seen(&facts, &os);
    is_str(os.id, "windows");
    is_str(os.version, "2016");
    su_checks_run(&facts, true, &verdict);
    ok(find("vm.windows.2016", false) != NULL, "known from the definition alone");
    static const char *const versions[][2] = {{"2k12r2", "2012r2"}, {"10", "10"}, {"8.1", "8.1"},
                                              {"2k8", "2008"},      {"2k", "2k"}, {"", ""}};
    for (size_t i = 0; i < SU_ARRAY_LEN(versions); i++) {
        snprintf(f->defined.os_id, sizeof f->defined.os_id, "http://microsoft.com/win/%s", versions[i][0]);
        su_os_seen(&facts, &os);
        is_str(os.version, versions[i][1]);
    }
    base(&facts);
    windows_disk(&facts, "2025", 26100);
    facts.agent.answered = facts.agent.windows = true;
    SET(agent.os_version, "2016");
    su_os_seen(&facts, &os);
    is_str(os.version, "2025"); /* an agent that is older than what it runs in */
    ok(os.source == SU_FROM_DISK);
    base(&facts);
    facts.disk.looked = false;
    SET(defined.os_id, "http://example.org/os/1");
    su_os_seen(&facts, &os);
    ok(!os.id[0] && os.source == SU_FROM_NOTHING);
}

static void json(void)
{
    struct su_vm_facts *f = &facts;
    base(&facts);
    facts.disk.n_findings = 1;
    facts.vm.persistent = false;
    SET(disk.finding[0].id, "linux.partuuid");
    SET(disk.finding[0].severity, "stop");
    SET(disk.finding[0].text, "\xff bad bytes");
    facts.defined.n_disks = 1;
    su_checks_run(&facts, true, &verdict);
    json_t *o = su_check_json(&facts, &verdict);
    const char *machine = NULL, *bus = NULL, *os = NULL;
    int upgradable = 1, already = 1;
    json_t *list = NULL;
    ok(o && json_unpack(o, "{s:b,s:b,s:o,s:{s:s,s:[{s:s}],s:{s:s}}}", "upgradable", &upgradable, "already", &already,
                        "findings", &list, "facts", "machine", &machine, "disks", "bus", &bus, "os", "id", &os) == 0);
    ok(!upgradable && !already && json_array_size(list) == verdict.n);
    ok(machine && bus && os && strcmp(machine, "pc-i440fx-7.2") == 0 && strcmp(bus, "virtio") == 0 &&
       strcmp(os, "debian") == 0);
    json_decref(o);
}

int main(void)
{
    if (setenv("SURETY_OS_SUPPORT", "data/os-support.conf", 1) < 0)
        return 1;
    for (size_t i = 0; i < n_cases; i++)
        run_case(&cases[i]);
    every_row();
    whole();
    crowded();
    systems();
    json();
    return tap_done();
}
