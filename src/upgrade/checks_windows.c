/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows that only Windows guests have.  What cannot be seen from outside is said where it applies. */
#include "upgrade/checks_int.h"
#include <stdio.h>
#include <string.h>

static bool not_windows(const struct su_vm_facts *f, struct su_check_verdict *v, struct su_os_seen *os)
{
    su_os_seen(f, os);
    return su_check_skip(v, strcmp(os->id, "windows") != 0);
}

/* Versions come as "10", "2016", "2k16" or "Windows Server 2016" from different sides. */
static bool version_has(const struct su_vm_facts *f, const struct su_os_seen *os, const char *a, const char *b)
{
    const char *name = f->agent.answered ? f->agent.os_name : f->disk.os_name;
    return strcmp(os->version, a) == 0 || strcmp(os->version, b) == 0 || strstr(name, a) != NULL;
}

/* Said of every Windows guest whose layout changes. */
static void say(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && su_check_converts(f))
        su_check_found(v, row, "%s", row->good);
}

static void bitlocker(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && !f->disk.looked)
        su_check_found(v, row, "it is not known whether the system's volume is encrypted with BitLocker");
}

static void server_2016(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && su_check_converts(f) && version_has(f, &os, "2016", "2k16"))
        su_check_found(v, row, "Windows Server 2016 has no MBR2GPT");
}

static void server_2022(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && version_has(f, &os, "2022", "2k22"))
        su_check_found(v, row,
                       "an in-place upgrade of Windows Server 2022 may end with a boot entry whose partition "
                       "number is wrong, so that it does not start");
}

static void windows_10(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && (version_has(f, &os, "10", "win10") || version_has(f, &os, "11", "win11")))
        su_check_found(v, row,
                       "Windows 11, when Windows 10 was upgraded to it in place after this, did not start after "
                       "the next stop before builds 26100.2314 (24H2) and 22631.5624 (23H2)");
}

static void too_old(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    static const char *const old[] = {"xp", "vista", "7", "2k3", "2k3r2", "2k8", "2k8r2", "2003", "2008", "2008 R2"};
    struct su_os_seen os;
    if (not_windows(f, v, &os))
        return;
    for (size_t i = 0; i < SU_ARRAY_LEN(old); i++)
        if (strcmp(os.version, old[i]) == 0) {
            su_check_found(v, row, "Windows %s has no Secure Boot", old[i]);
            return;
        }
}

static void hyperv_keys(const struct su_vm_facts *f, const struct su_check *row, struct su_check_verdict *v)
{
    struct su_os_seen os;
    if (!not_windows(f, v, &os) && su_check_secure_boot(f))
        su_check_found(v, row,
                       "a Windows boot manager that is signed with the key of 2023 alone needs that key in the "
                       "firmware's variables");
}

const struct su_check su_checks_windows[] = {
    {"vm.windows.bitlocker", SU_CHECK_UNKNOWN, SU_FROM_DISK, "the system's volume is not encrypted with BitLocker",
     "turn BitLocker or what does the same off before, wait until the volume is decrypted, and turn it on after", PRE,
     bitlocker},
    {"vm.windows.encryption", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "BitLocker and device encryption may be called off and yet leave the volume encrypted; other products are not "
     "recognised",
     "see manage-bde -status in the guest; data disks may stay encrypted", PRE, say},
    {"vm.windows.2016", SU_CHECK_STOP, SU_FROM_OS_TABLE, "it is not Windows Server 2016",
     "upgrade the guest to Windows Server 2019 or 2022 first", LIMIT, server_2016},
    {"vm.windows.old", SU_CHECK_STOP, SU_FROM_OS_TABLE, "Windows is 8, Server 2012 or newer, of 64 bits",
     "upgrade the guest's Windows first", LIMIT, too_old},
    {"vm.windows.2022", SU_CHECK_NOTE, SU_FROM_OS_TABLE, "it is not Windows Server 2022",
     "go to Windows Server 2025 when you upgrade in place", ISSUE, server_2022},
    {"vm.windows.11", SU_CHECK_NOTE, SU_FROM_OS_TABLE, "it is neither Windows 10 nor 11",
     "upgrade to Windows 11 with media of these builds or newer ones", ISSUE, windows_10},
    {"vm.windows.keys", SU_CHECK_NOTE, SU_FROM_NOTHING, "the firmware's keys accept the boot manager",
     "use a firmware package with the Windows UEFI CA 2023, or --firmware-vars", ISSUE, hyperv_keys},
    {"vm.windows.volume", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "the system's volume cannot be extended afterwards: what comes behind it is in the way",
     "extend it before the upgrade", PRACTICE, say},
    {"vm.windows.defrag", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "converting inside the guest needs room at the end of the system's volume",
     "run Defrag C: /U /V in the guest before MBR2GPT", PRACTICE, say},
    {"vm.windows.validate", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "MBR2GPT converts inside the guest, and what it does cannot be undone there",
     "run MBR2GPT /validate /allowFullOS first, and go on only when it succeeds", PRE, say},
    {"vm.windows.room", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "MBR2GPT finds no room for the EFI system partition when the volume is full or damaged, or when there are four "
     "partitions",
     "run chkdsk C: /v /f, and remove recovery partitions that reagentc /info does not name", ISSUE, say},
    {"vm.windows.services", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "MBR2GPT needs the services Virtual Disk and Optimize Drives", "set their start type to Manual", ISSUE, say},
    {"vm.windows.winre", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "MBR2GPT may not update ReAgent.xml, so that the recovery environment is not found; the system is not harmed",
     "run reagentc /disable, then reagentc /enable", ISSUE, say},
    {"vm.windows.letter", SU_CHECK_NOTE, SU_FROM_NOTHING,
     "the partition reserved for the system may take the drive letter D:, and the temporary disk becomes E:",
     "move the page file from D: to C:, restart, remove the letter D: from that partition, restart", ISSUE, say},
    {0},
};
