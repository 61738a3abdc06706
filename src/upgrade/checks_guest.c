/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows about the system in the VM: from its disk, from its agent, and from the table of systems. */
#include "upgrade/checks_int.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the guest's disk says of itself ------------------------------------- */

/* A mounted file system looks dirty; at rest it will be looked at again. */
static enum su_check_severity weigh(const struct su_vm_facts *f, const char *id, const char *severity)
{
    bool passing = f->disk.stale && (strcmp(id, "volume.dirty") == 0 || strcmp(id, "disk.in-use") == 0);
    if (passing || strcmp(severity, "note") == 0)
        return SU_CHECK_NOTE;
    return strcmp(severity, "stop") == 0 ? SU_CHECK_STOP : strcmp(severity, "ok") == 0 ? SU_CHECK_OK : SU_CHECK_WARNING;
}

static void disk_rules(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    (void)row;
    if (su_check_skip(v, !f->disk.looked))
        return;
    for (uint32_t i = 0; i < f->disk.n_findings && i < SU_DF_FINDINGS; i++) {
        __typeof__(&f->disk.finding[0]) x = &f->disk.finding[i];
        bool ours = (strcmp(x->id, "linux.network.names") == 0 && f->disk.n_names > 0) || /* vm.guest.nics weighs it */
                    strcmp(x->id, "windows.driver") == 0; /* vm.windows.driver, which knows the bus */
        bool moot = !su_check_secure_boot(f) &&
                    (strncmp(x->id, "boot.secureboot.", 16) == 0 || strcmp(x->id, "windows.secureboot") == 0);
        if (!ours && !moot)
            su_check_say(v, &(struct su_check_said){.id = x->id,
                                                    .text = x->text,
                                                    .remedy = x->remedy,
                                                    .severity = weigh(f, x->id, x->severity),
                                                    .source = SU_FROM_DISK});
    }
}

static bool slots_kept(const struct su_domain *d)
{
    for (uint32_t i = 0; i < d->n_nics && i < SU_DOM_NICS; i++)
        if (!d->nic[i].pci)
            return false; /* libvirt did not say where it is */
    return d->n_nics_elsewhere == 0;
}

/* Rows of Linux have no meaning there; those of checks_windows.c do. */
static bool is_windows(const struct su_vm_facts *f)
{
    return strcmp(f->disk.os, "windows") == 0;
}

static void network_names(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, !f->disk.looked || is_windows(f)))
        return;
    for (uint32_t i = 0; i < f->disk.n_names && i < SU_DF_NAMES; i++) {
        __typeof__(&f->disk.name[0]) n = &f->disk.name[i];
        bool slot = strcmp(n->depends, "slot") == 0, kernel = strcmp(n->depends, "kernel") == 0;
        if (n->pinned)
            continue;
        if (!su_check_to_q35(f) || (slot && slots_kept(&f->defined)))
            su_check_found_as(v, row, SU_CHECK_OK, "the network is configured by the name %s, and the card keeps %s",
                              n->name, su_check_to_q35(f) ? "its slot" : "its place");
        else if (kernel && f->defined.n_nics == 1)
            su_check_found_as(v, row, SU_CHECK_NOTE, "the network is configured by the name %s, that of the only card",
                              n->name);
        else
            su_check_found(v, row, "the network is configured by the name %s, which may change with the machine (%s)",
                           n->name, n->depends);
    }
}

/* Drivers -------------------------------------------------------------------- */

static const struct {
    const char *bus, *model; /* model: of the SCSI controller; NULL: any */
    const char *driver[4];
} buses[] = {
    {"virtio", NULL, {"virtio_pci", "virtio_blk"}},
    {"sata", NULL, {"ahci", "sd_mod"}},
    {"ide", NULL, {"ata_piix", "sd_mod"}},
    {"scsi", "virtio-scsi", {"virtio_pci", "virtio_scsi", "sd_mod"}},
    {"scsi", "virtio-transitional", {"virtio_pci", "virtio_scsi", "sd_mod"}},
    {"scsi", "virtio-non-transitional", {"virtio_pci", "virtio_scsi", "sd_mod"}},
    {"usb", NULL, {"xhci_pci", "usb_storage", "sd_mod"}},
    {"nvme", NULL, {"nvme"}},
};

/* "" is a driver that cannot be named; NULL ends them. */
static const char *const *drivers_for(const struct su_vm_facts *f, const char *bus)
{
    static const char *const none[] = {"", NULL};
    for (size_t i = 0; i < SU_ARRAY_LEN(buses); i++)
        if (strcmp(buses[i].bus, bus) == 0 && (!buses[i].model || strcmp(buses[i].model, f->extras.scsi_model) == 0))
            return buses[i].driver;
    return none;
}

static const char *driver_state(const struct su_disk_facts *d, const char *name)
{
    for (uint32_t i = 0; d->initramfs_known && i < d->n_drivers && i < SU_DF_DRIVERS; i++)
        if (strcmp(d->driver[i].name, name) == 0)
            return d->driver[i].where;
    return "unknown";
}

static void drivers(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (su_check_skip(v, !d || !f->disk.looked || strcmp(f->disk.os, "linux") != 0))
        return;
    bool moves = strcmp(d->bus, "ide") == 0 && su_check_to_q35(f);
    const char *bus = moves ? "sata" : d->bus;
    for (const char *const *name = drivers_for(f, bus); *name; name++) {
        const char *state = driver_state(&f->disk, *name);
        if (strcmp(state, "absent") == 0)
            su_check_found(v, row, "the initramfs has no driver %s, which the bus %s needs", *name, bus);
        else if (strcmp(state, "unknown") != 0)
            continue;
        else if (moves)
            su_check_found_as(v, row, SU_CHECK_UNKNOWN,
                              "it is not known whether the initramfs has the driver %s for %s", *name, bus);
        else
            su_check_found_as(
                v, row, SU_CHECK_WARNING,
                "it is not known whether the initramfs has a driver%s%s for %s, the bus it boots from today",
                **name ? " " : "", *name, bus);
    }
}

/* Secure Boot, encryption, hibernation ---------------------------------------- */

/* The disk's own rules say why, when the disk is converted. */
static bool said_by_disk(const struct su_disk_facts *d)
{
    for (uint32_t i = 0; i < d->n_findings && i < SU_DF_FINDINGS; i++)
        if (strncmp(d->finding[i].id, "boot.files.", 11) == 0 || strncmp(d->finding[i].id, "boot.secureboot.", 16) == 0)
            return strcmp(d->finding[i].severity, "stop") == 0;
    return false;
}

static void boot_chain(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, !f->disk.looked || !su_check_secure_boot(f) || strcmp(f->disk.os, "linux") != 0 ||
                             said_by_disk(&f->disk)))
        return;
    if (!f->disk.secure_boot_firmware_known)
        su_check_found_as(v, row, SU_CHECK_WARNING,
                          "the firmware's keys are not known, so nothing is known about what "
                          "they accept");
    else if (!f->disk.secure_boot_ok && su_check_converts(f) && strcmp(f->disk.table, "gpt") != 0)
        su_check_found(v, row, "Secure Boot would not start the system: shim, GRUB or the kernel is not accepted");
    else if (!f->disk.secure_boot_ok)
        su_check_found_as(v, row, SU_CHECK_WARNING,
                          "it is not known whether Secure Boot accepts the boot loader that is on the disk");
}

static void modules(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, !f->disk.looked || !su_check_secure_boot(f) || is_windows(f)) && f->disk.unsigned_modules)
        su_check_found(v, row, "%" PRIu32 " kernel module(s) are not signed, and will not load under Secure Boot",
                       f->disk.unsigned_modules);
}

static void hibernation(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, !f->disk.looked || is_windows(f)) && f->disk.hibernation && su_check_secure_boot(f))
        su_check_found(v, row, "the guest is set up to hibernate, which Linux does not do under Secure Boot");
}

static void pcr4(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!su_check_skip(v, !f->disk.looked || !f->options.vtpm || is_windows(f)) && !f->disk.has_pcr4)
        su_check_found(v, row, "PCR 4 of the first boot could not be predicted, so it will not be compared");
}

static void luks(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, !f->disk.looked || f->options.key_dir[0]))
        return;
    for (uint32_t i = 0; i < f->disk.n_findings && i < SU_DF_FINDINGS; i++)
        if (strncmp(f->disk.finding[i].id, "volume.encrypted.luks", 21) == 0 ||
            strncmp(f->disk.finding[i].id, "volume.luks.", 12) == 0) {
            su_check_found(v, row,
                           "a volume is encrypted with LUKS: its files are neither read nor edited, and the "
                           "passphrase is asked at the console at each start");
            return;
        }
}

/* The system and its agent ----------------------------------------------------- */

/* "http://debian.org/debian/12" is what virt-install writes; the last two parts are name and version. */
static void from_libosinfo(const char *url, struct su_os_seen *out)
{
    static const struct {
        const char *url, *id;
    } hosts[] = {{"http://microsoft.com/win/", "windows"},
                 {"http://debian.org/debian/", "debian"},
                 {"http://ubuntu.com/ubuntu/", "ubuntu"},
                 {"http://redhat.com/rhel/", "rhel"},
                 {"http://centos.org/centos/", "centos"},
                 {"http://centos.org/centos-stream/", "centos"},
                 {"http://rockylinux.org/rocky/", "rocky"},
                 {"http://almalinux.org/almalinux/", "almalinux"},
                 {"http://oracle.com/ol/", "ol"},
                 {"http://suse.com/sle/", "sles"},
                 {"http://opensuse.org/opensuse/", "opensuse-leap"},
                 {"http://fedoraproject.org/fedora/", "fedora"}};
    for (size_t i = 0; i < SU_ARRAY_LEN(hosts); i++) {
        size_t n = strlen(hosts[i].url);
        if (strncmp(url, hosts[i].url, n) != 0)
            continue;
        snprintf(out->id, sizeof out->id, "%s", hosts[i].id);
        snprintf(out->version, sizeof out->version, "%.60s", url + n);
        return;
    }
}

/* "Windows Server 2012 R2" is "2012 R2" on the disk, "2012r2" for the agent, "2k12r2" for libosinfo. */
static void one_version(char *version, size_t cap)
{
    static const char *const years[][2] = {{"2k3", "2003"},  {"2k8", "2008"},  {"2k12", "2012"}, {"2k16", "2016"},
                                           {"2k19", "2019"}, {"2k22", "2022"}, {"2k25", "2025"}};
    char text[64];
    size_t n = 0;
    for (const char *c = version; *c && n + 1 < sizeof text; c++)
        if (*c != ' ')
            text[n++] = (char)tolower((unsigned char)*c);
    text[n] = 0;
    for (size_t i = 0; i < SU_ARRAY_LEN(years); i++) {
        size_t k = strlen(years[i][0]);
        if (strncmp(text, years[i][0], k) == 0 && (text[k] == 0 || text[k] == 'r')) {
            snprintf(version, cap, "%s%s", years[i][1], text + k);
            return;
        }
    }
    snprintf(version, cap, "%s", text);
}

/* Of Windows its disk knows better which one it is: agents call what is newer than they are by an older name. */
static bool disk_first(const struct su_vm_facts *f)
{
    return f->disk.looked && strcmp(f->disk.os_id, "windows") == 0 && f->disk.os_version[0];
}

void su_os_seen(const struct su_vm_facts *f, struct su_os_seen *out)
{
    *out = (struct su_os_seen){.source = SU_FROM_NOTHING};
    if (!disk_first(f) && f->agent.answered && (f->agent.os_id[0] || f->agent.windows)) {
        out->source = SU_FROM_AGENT;
        snprintf(out->id, sizeof out->id, "%s", f->agent.windows ? "windows" : f->agent.os_id);
        snprintf(out->version, sizeof out->version, "%s", f->agent.os_version);
    } else if (f->disk.looked && (f->disk.os_id[0] || strcmp(f->disk.os, "windows") == 0)) {
        out->source = SU_FROM_DISK;
        snprintf(out->id, sizeof out->id, "%s", f->disk.os_id[0] ? f->disk.os_id : "windows");
        snprintf(out->version, sizeof out->version, "%s", f->disk.os_version);
    } else {
        from_libosinfo(f->defined.os_id, out);
        out->source = out->id[0] ? SU_FROM_XML : SU_FROM_NOTHING;
    }
    if (strcmp(out->id, "windows") == 0)
        one_version(out->version, sizeof out->version);
}

/* What cannot be converted may still be switched over when its disk is ready for UEFI. */
static enum su_check_severity unsupported(const struct su_vm_facts *f, const struct su_check *row)
{
    bool ready = !su_check_converts(f) || (f->disk.looked && strcmp(f->disk.table, "gpt") == 0);
    return ready ? SU_CHECK_WARNING : row->severity;
}

static void support(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    char why[160];
    su_os_seen(f, &os);
    if (!os.id[0]) {
        su_check_found_as(v, row, SU_CHECK_WARNING, "it is not known what system it runs");
        return;
    }
    enum su_os_support s = su_os_support(os.id, os.version, why, sizeof why);
    const char *gap = os.version[0] ? " " : "", *colon = why[0] ? ": " : "";
    if (s == SU_OS_SUPPORTED && why[0])
        su_check_found_as(v, row, SU_CHECK_NOTE, "upgrades of %s%s%s: %s", os.id, gap, os.version, why);
    else if (s == SU_OS_UNTRIED)
        su_check_found_as(v, row, SU_CHECK_WARNING, "upgrades of %s%s%s are untried%s%s", os.id, gap, os.version, colon,
                          why);
    else if (s == SU_OS_UNSUPPORTED)
        su_check_found_as(v, row, unsupported(f, row), "%s%s%s cannot be converted%s%s", os.id, gap, os.version, colon,
                          why);
}

static void same_system(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    const struct su_agent_facts *a = &f->agent;
    const struct su_disk_facts *d = &f->disk;
    if (su_check_skip(v, !a->answered || !d->looked))
        return;
    bool os = a->os_id[0] && d->os_id[0] && strcmp(a->os_id, d->os_id) != 0;
    bool machine = a->machine_id[0] && d->machine_id[0] && strcasecmp(a->machine_id, d->machine_id) != 0;
    if (os || machine)
        su_check_found(v, row, "the system that runs is not the one on the boot disk (%s)",
                       os ? "another one by its name" : "another machine-id");
}

static void agent_channel(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (!f->defined.agent_channel)
        su_check_found(v, row, "it has no channel for the guest agent: the result is proved from outside only");
}

static void agent_answers(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_skip(v, !f->live || !f->defined.agent_channel || (!f->asked.agent && f->agent_connected)))
        return;
    if (!f->agent.answered)
        su_check_found(v, row, "the guest agent does not answer: %s",
                       f->agent.why.msg[0] ? f->agent.why.msg : "it is not connected");
}

static void finish(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    if (su_check_converts(f) && !f->options.finish && strcmp(f->disk.os, "linux") == 0)
        su_check_found(v, row,
                       "the boot loader on the EFI system partition is updated by the guest only when its "
                       "packages for EFI are installed");
}

const struct su_check su_checks_guest[] = {
    {"vm.os.support", SU_CHECK_STOP, SU_FROM_OS_TABLE, "the system is one that was upgraded before",
     "try it with a copy of the VM; os-support.conf in share/surety tells which systems are known", PRE, support},
    {"vm.os.same", SU_CHECK_STOP, SU_FROM_AGENT, "the system that runs is the one on the boot disk",
     "put the disk that it boots from first in the boot order", PRE, same_system},
    {"vm.disk.rules", SU_CHECK_STOP, SU_FROM_DISK, "the disk's own rules are met (docs/rules.md)", NULL, PRE,
     disk_rules},
    {"vm.guest.nics", SU_CHECK_WARNING, SU_FROM_DISK, "the names of network cards stay as the guest knows them",
     "configure the network in the guest by MAC address, or without names of cards", ISSUE, network_names},
    {"vm.guest.drivers", SU_CHECK_STOP, SU_FROM_DISK, "the initramfs has the drivers for its new bus",
     "say --machine i440fx (UEFI and vTPM without Secure Boot), or in the guest set MODULES=most and run "
     "update-initramfs -u",
     ISSUE, drivers},
    {"vm.guest.secure-boot", SU_CHECK_STOP, SU_FROM_DISK, "Secure Boot starts shim, GRUB and the kernel",
     "install the distribution's signed kernel and boot loader, or say --secure-boot off", PRE, boot_chain},
    {"vm.guest.modules", SU_CHECK_WARNING, SU_FROM_DISK, "no kernel module is without a signature",
     "sign the modules with a machine owner key (mokutil), or say --secure-boot off", PRACTICE, modules},
    {"vm.guest.hibernation", SU_CHECK_NOTE, SU_FROM_DISK, "the guest does not hibernate",
     "do not rely on hibernation after the upgrade, or say --secure-boot off", LIMIT, hibernation},
    {"vm.guest.pcr4", SU_CHECK_NOTE, SU_FROM_DISK, "PCR 4 of the first boot can be predicted",
     "see linux.grub.menu among the disk's own rules", LIMIT, pcr4},
    {"vm.guest.luks", SU_CHECK_WARNING, SU_FROM_DISK, "no volume is encrypted with LUKS, or a key file is named",
     "say --key-dir, and be at the console when it starts", LIMIT, luks},
    {"vm.agent.channel", SU_CHECK_NOTE, SU_FROM_XML, "there is a channel for the guest agent",
     "add a channel org.qemu.guest_agent.0, and install qemu-guest-agent in the guest", PRACTICE, agent_channel},
    {"vm.agent.answers", SU_CHECK_WARNING, SU_FROM_AGENT, "the guest agent answers",
     "start qemu-guest-agent in the guest; without it the result is proved from outside only", PRACTICE, agent_answers},
    {"vm.guest.finish", SU_CHECK_NOTE, SU_FROM_NOTHING, "the guest keeps its boot loader up to date",
     "say --finish, or afterwards surety vm finish NAME, which prints the commands when there is no agent", ISSUE,
     finish},
    {0},
};
