/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows that only Windows guests have.  The disk tells most of it (surety disk inspect); what MBR2GPT needs inside the
 * guest and this program does not is said as met, so that whoever looks for it finds it. */
#include "upgrade/checks_int.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* First builds: https://learn.microsoft.com/windows/release-health */
enum { WINDOWS_8 = 9200, WINDOWS_11 = 22000, WINDOWS_11_24H2 = 26100 };

static bool not_windows(const struct su_vm_facts *f, struct su_check_verdict *v, struct su_os_seen *os)
{
    su_os_seen(f, os);
    return su_check_skip(v, strcmp(os->id, "windows") != 0);
}

static bool disk_told(const struct su_vm_facts *f)
{
    return f->disk.looked && strcmp(f->disk.os, "windows") == 0;
}

/* Somebody ran MBR2GPT in the guest: the disk stays as it is. */
static bool converted_inside(const struct su_vm_facts *f)
{
    return f->disk.looked && strcmp(f->disk.table, "gpt") == 0;
}

static bool converts_here(const struct su_vm_facts *f)
{
    return su_check_converts(f) && !converted_inside(f);
}

/* The rules of the disk say it under ids of their own; stops: and it stops. */
static bool said_by_disk(const struct su_disk_facts *d, const char *id, bool stops)
{
    for (uint32_t i = 0; i < d->n_findings && i < SU_DF_FINDINGS; i++)
        if (strcmp(d->finding[i].id, id) == 0 && (!stops || strcmp(d->finding[i].severity, "stop") == 0))
            return true;
    return false;
}

/* Said of every Windows guest whose layout changes. */
static void say(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && converts_here(f))
        su_check_found(v, row, "%s", row->good);
}

/* What a conversion inside the guest would need. */
static void needless(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && converts_here(f))
        su_check_found_as(v, row, SU_CHECK_OK, "%s", row->good);
}

/* What happens to those whose layout MBR2GPT changed, and is met where this program does it. */
static void after_mbr2gpt(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v,
                          const char *otherwise)
{
    struct su_os_seen os;
    if (not_windows(f, v, &os) || su_check_skip(v, !su_check_converts(f)))
        return;
    if (converted_inside(f))
        su_check_found(v, row, "%s", otherwise);
}

static void winre(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    after_mbr2gpt(f, row, v,
                  "MBR2GPT may not have updated ReAgent.xml, so that the recovery environment is not found; the system "
                  "is not harmed");
}

static void letter(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    after_mbr2gpt(
        f, row, v,
        "the partition reserved for the system may have taken the drive letter D:, and the temporary disk E:");
}

static void bitlocker(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && !f->disk.looked)
        su_check_found(v, row, "it is not known whether the system's volume is encrypted with BitLocker");
    else
        (void)su_check_skip(v, said_by_disk(&f->disk, "volume.encrypted.bitlocker", true));
}

static void server_2016(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && !su_check_skip(v, strcmp(os.version, "2016") != 0) && converts_here(f))
        su_check_found_as(v, row, SU_CHECK_OK,
                          "Windows Server 2016 has no MBR2GPT, and needs none: its disk is converted while it is off");
}

static void server_2022(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && strcmp(os.version, "2022") == 0)
        su_check_found(v, row,
                       "an in-place upgrade of Windows Server 2022 may end with a boot entry whose partition number "
                       "is wrong, so that it does not start; here partitions are numbered as they lie on the disk");
}

static void windows_11(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    bool mine = !not_windows(f, v, &os) && (strcmp(os.version, "10") == 0 || strcmp(os.version, "11") == 0);
    if (mine && f->disk.build <= WINDOWS_11_24H2)
        su_check_found(v, row,
                       "Windows 11, when Windows 10 was upgraded to it in place after this, did not start after "
                       "the next stop before builds 26100.2314 (24H2) and 22631.5624 (23H2)");
}

static void too_old(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const old[] = {"xp", "vista", "7", "2003", "2008", "2008r2"};
    struct su_os_seen os;
    if (not_windows(f, v, &os))
        return;
    bool by_name = f->disk.build > 0 && f->disk.build < WINDOWS_8;
    for (size_t i = 0; i < SU_ARRAY_LEN(old); i++)
        by_name = by_name || strcmp(os.version, old[i]) == 0;
    if (by_name)
        su_check_found(v, row, "Windows %s has no Secure Boot", os.version);
}

static void keys(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (not_windows(f, v, &os) || su_check_skip(v, !su_check_secure_boot(f)))
        return;
    bool told = disk_told(f) && converts_here(f);
    if (!told)
        su_check_found(v, row,
                       "a Windows boot manager that is signed with the key of 2023 alone needs that key in the "
                       "firmware's variables");
    else
        (void)su_check_skip(v, said_by_disk(&f->disk, "windows.secureboot", false) ||
                                   said_by_disk(&f->disk, "boot.firmware.vars", false));
}

/* A guest without an agent is shut down by its power button.  The agent asks for a full shutdown. */
static void fast_startup(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (not_windows(f, v, &os) || su_check_skip(v, !f->disk.looked || !f->live))
        return;
    if (f->disk.fast_startup && !f->agent.answered)
        su_check_found(v, row,
                       "with Fast Startup the power button hibernates Windows, and the upgrade ends when the guest is "
                       "off");
}

/* The driver of the disk's bus ------------------------------------------------- */

static const char *start_of(const struct su_disk_facts *d, const char *bus)
{
    for (uint32_t i = 0; i < d->n_drivers && i < SU_DF_DRIVERS; i++)
        if (strcmp(d->driver[i].name, bus) == 0)
            return d->driver[i].where;
    return "unknown";
}

static void driver(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    const struct su_dom_disk *d = su_check_boot_disk(f);
    if (not_windows(f, v, &os) || su_check_skip(v, !d || !disk_told(f)))
        return;
    const char *bus = f->boot_bus[0] ? f->boot_bus : d->bus, *start = start_of(&f->disk, bus);
    bool moves = strcmp(bus, d->bus) != 0, later = strcmp(start, "later") == 0;
    if (strcmp(start, "absent") == 0)
        su_check_found(v, row, "Windows has no driver for the bus %s, which it will boot from", bus);
    else if (later && converts_here(f))
        su_check_found_as(v, row, SU_CHECK_NOTE,
                          "Windows starts its driver for the bus %s too late to boot from it; the conversion has it "
                          "started first, and a rollback puts that back",
                          bus);
    else if (later && moves)
        su_check_found(v, row, "Windows starts its driver for the bus %s, which it will boot from, too late", bus);
    else if (strcmp(start, "unknown") == 0)
        su_check_found_as(v, row, moves ? SU_CHECK_UNKNOWN : SU_CHECK_WARNING,
                          "it is not known whether Windows has a driver for the bus %s%s", bus,
                          moves ? "" : ", which it boots from today");
}

static void network(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && !su_check_skip(v, f->defined.n_nics == 0) && su_check_to_q35(f))
        su_check_found(v, row,
                       "Windows takes a network card at another place for a new one: it asks for an address by DHCP, "
                       "and fixed addresses stay with the card that is gone");
}

const struct su_check su_checks_windows[] = {
    {"vm.windows.bitlocker", SU_CHECK_UNKNOWN, SU_FROM_DISK, "the system's volume is not encrypted with BitLocker",
     "turn BitLocker or what does the same off before, wait until the volume is decrypted, and turn it on after", PRE,
     bitlocker},
    {"vm.windows.encryption", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "BitLocker and device encryption are seen on the disk, also where they are called off and the volume is still "
     "encrypted; other products are not recognised",
     "see manage-bde -status in the guest; data disks may stay encrypted", PRE, say},
    {"vm.windows.driver", SU_CHECK_STOP, SU_FROM_DISK,
     "Windows has the driver of the bus it will boot from, and starts it first",
     "install the driver in the guest first (virtio-win; AHCI is Windows' own storahci), or say --machine i440fx (UEFI "
     "and vTPM without Secure Boot)",
     ISSUE, driver},
    {"vm.windows.network", SU_CHECK_WARNING, SU_FROM_XML, "network cards stay where Windows knows them",
     "write down fixed addresses, and set them again after the upgrade at the console; or have DHCP give them", ISSUE,
     network},
    {"vm.windows.faststartup", SU_CHECK_WARNING, SU_FROM_DISK, "Windows shuts down fully when it is asked to",
     "switch Fast Startup off in the guest (powercfg /h off), or install the guest agent, or shut it down with: "
     "shutdown "
     "/s /t 0",
     ISSUE, fast_startup},
    {"vm.windows.2016", SU_CHECK_OK, SU_FROM_OS_TABLE, "Windows Server 2016 is converted like the others", NULL, LIMIT,
     server_2016},
    {"vm.windows.old", SU_CHECK_STOP, SU_FROM_OS_TABLE, "Windows is 8, Server 2012 or newer, of 64 bits",
     "upgrade the guest's Windows first", LIMIT, too_old},
    {"vm.windows.2022", SU_CHECK_NOTE, SU_FROM_OS_TABLE, "it is not Windows Server 2022",
     "go to Windows Server 2025 when you upgrade in place", ISSUE, server_2022},
    {"vm.windows.11", SU_CHECK_NOTE, SU_FROM_OS_TABLE, "it is neither Windows 10 nor an older 11",
     "upgrade to Windows 11 with media of these builds or newer ones", ISSUE, windows_11},
    {"vm.windows.keys", SU_CHECK_NOTE, SU_FROM_DISK, "the firmware's keys accept the boot manager",
     "use a firmware package with the Windows UEFI CA 2023, or --firmware-vars", ISSUE, keys},
    {"vm.windows.volume", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "the system's volume cannot be extended afterwards: what comes behind it is in the way",
     "extend it before the upgrade", PRACTICE, say},
    {"vm.windows.defrag", SU_CHECK_OK, SU_FROM_NOTHING,
     "nothing has to be defragmented before: no volume is shrunk, the disk grows", NULL, PRACTICE, needless},
    {"vm.windows.validate", SU_CHECK_OK, SU_FROM_NOTHING,
     "MBR2GPT /validate need not be run: the disk's rules hold what it looks at, each by name, and the conversion can "
     "be "
     "taken back",
     NULL, PRE, needless},
    {"vm.windows.room", SU_CHECK_OK, SU_FROM_NOTHING,
     "no room for the EFI system partition has to be found on the system's volume, and four partitions are no "
     "obstacle: "
     "it lies at the end of the disk, which grows",
     NULL, ISSUE, needless},
    {"vm.windows.services", SU_CHECK_OK, SU_FROM_NOTHING,
     "the services Virtual Disk and Optimize Drives are not needed: the guest is off when its disk is converted", NULL,
     ISSUE, needless},
    {"vm.windows.winre", SU_CHECK_NOTE, SU_FROM_DISK, "ReAgent.xml finds the recovery environment by its new names",
     "run reagentc /disable, then reagentc /enable", ISSUE, winre},
    {"vm.windows.letter", SU_CHECK_NOTE, SU_FROM_DISK,
     "the partition reserved for the system cannot take the drive letter D:, its letter is removed",
     "move the page file from D: to C:, restart, remove the letter D: from that partition, restart", ISSUE, letter},
    {0},
};
