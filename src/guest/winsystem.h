/* SPDX-License-Identifier: GPL-3.0-or-later */
/* guest/winsystem.h - what else a SYSTEM and a SOFTWARE hive tell about a stopped Windows (upgrade.md 4.7). */
#pragma once
#include "hive.h"

/* Which drivers start a disk on which bus. */
enum su_winbus { SU_WINBUS_IDE, SU_WINBUS_SATA, SU_WINBUS_VIRTIO, SU_WINBUS_SCSI, SU_WINBUS_NVME, SU_WINBUS_COUNT };
const char *su_winbus_name(enum su_winbus b); /* static: "ide", "sata" (AHCI), "virtio", "scsi" (virtio-scsi), "nvme" */

enum su_winstart {
    SU_WINSTART_BOOT,   /* Start 0, and no StartOverride that says otherwise */
    SU_WINSTART_LATER,  /* installed, and not started at boot: Start or StartOverride\0 is not 0 */
    SU_WINSTART_ABSENT, /* no such service */
    SU_WINSTART_UNKNOWN
};
const char *su_winstart_name(enum su_winstart s); /* static: "boot", "later", "absent", "unknown" */

struct su_winsystem {
    unsigned control_set; /* Select\Current */
    char computer[64];    /* ComputerName */
    bool server;          /* ProductOptions\ProductType is not WinNT */
    bool fast_startup;    /* HiberbootEnabled is 1 */
    enum su_winstart bus[SU_WINBUS_COUNT];
    char driver_path[SU_WINBUS_COUNT]
                    [128]; /* ImagePath of the service, for a look whether the file is there; "" default */
};
/* SU_E_FORMAT "windows.select": no current control set. */
int su_winsystem_read(struct su_hive *system, struct su_winsystem *out, struct su_err *e) SU_MUST_CHECK;
/* The services of that bus that are installed are started at boot from now on, in the current control set: Start 0,
 * and no value 0 in StartOverride.  What was is appended to was ("storahci:3:3;", name, Start, StartOverride\0 or "-"),
 * for the way back.  SU_E_MISSING "windows.driver" when one it needs is not installed.  *changed: false when it was so
 * already. */
int su_winsystem_boot_driver(struct su_hive *system, enum su_winbus bus, bool *changed, struct su_buf *was,
                             struct su_err *e) SU_MUST_CHECK;
/* Back to what su_winsystem_boot_driver() noted, its exact inverse; a service that was changed since stays as it is.
 * SU_E_FORMAT "windows.driver.note" for another text. */
int su_winsystem_driver_back(struct su_hive *system, const char *was, bool *changed, struct su_err *e) SU_MUST_CHECK;

struct su_winversion {
    char product[96], edition[48], display[24],
        installation[24]; /* ProductName, EditionID, DisplayVersion, InstallationType */
    unsigned major, minor, build, ubr;
    char machine_guid[40]; /* Microsoft\Cryptography MachineGuid */
};
/* SU_E_FORMAT "windows.version": it does not say. */
int su_winversion_read(struct su_hive *software, struct su_winversion *out, struct su_err *e) SU_MUST_CHECK;
/* "8", "8.1", "10", "11", "2012", "2012 R2", "2016", "2019", "2022", "2025", "7"...; "" when not known. Pure. */
const char *su_winversion_short(const struct su_winversion *v, bool server);
