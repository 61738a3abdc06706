/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/upgrade/checks_windows.h - a part of test-checks.c: Windows guests, and the cases of their rows.
 * Cases are named by their lines: it has to be shorter than what stands above its #include. */
#pragma once

/* Known from the agent alone. */
static void windows(struct su_vm_facts *f, const char *version)
{
    f->disk.looked = false;
    f->asked.disk = false;
    SET(disk.os, "windows");
    SET(disk.os_id, "");
    f->agent.answered = f->agent.windows = true;
    SET(agent.os_id, "windows");
    SET(agent.os_version, version);
}

/* Known from its disk. */
static void windows_disk(struct su_vm_facts *f, const char *version, uint32_t build)
{
    SET(disk.os, "windows");
    SET(disk.os_id, "windows");
    SET(disk.os_version, version);
    SET(boot_bus, "virtio");
    f->disk.build = build;
    f->disk.has_pcr4 = f->disk.initramfs_known = false;
    f->disk.n_drivers = 0;
    driver(f, "virtio", "boot");
    driver(f, "sata", "later");
}

static void moves(struct su_vm_facts *f)
{
    windows_disk(f, "10", 19045);
    SET(defined.disk[BOOT].bus, "ide");
    SET(boot_bus, "sata");
}

CASE_BUT("vm.windows.bitlocker", UNKNOWN, windows(f, "10"), windows_disk(f, "10", 19045))
CASE3(__LINE__, "vm.disk.rules", "windows.secureboot", STOP,
      (windows_disk(f, "10", 0), finding(f, "windows.secureboot", "stop")),
      (windows_disk(f, "10", 0), finding(f, "windows.secureboot", "warning"), f->options.secure_boot = false))
CASE_BUT("vm.windows.encryption", NOTE, windows(f, "10"), (windows_disk(f, "10", 0), SET(disk.table, "gpt")))
CASE_BUT("vm.windows.driver", STOP, (windows_disk(f, "10", 0), SET(disk.driver[0].where, "absent")),
         windows_disk(f, "10", 0))
CASE_BUT("vm.windows.driver", NOTE, moves(f), (moves(f), SET(disk.driver[1].where, "boot")))
CASE("vm.windows.driver", STOP, moves(f), SET(disk.table, "gpt"))
CASE_AS("vm.disk.rules", "windows.bits", STOP, windows_disk(f, "10", 0), finding(f, "windows.bits", "stop"))
CASE_AS("vm.disk.rules", "windows.letter", NOTE, windows_disk(f, "10", 0), finding(f, "windows.letter", "note"),
        finding(f, "windows.driver", "warning"))
CASE("vm.windows.driver", UNKNOWN, moves(f), SET(disk.driver[1].where, "unknown"))
CASE("vm.windows.driver", WARNING, windows_disk(f, "10", 0), f->disk.n_drivers = 0)
CASE_BUT("vm.windows.driver", WARNING,
         (windows_disk(f, "10", 0), SET(defined.disk[BOOT].bus, "usb"), SET(boot_bus, "")), f->disk.n_drivers = 0)
CASE_BUT("vm.windows.network", WARNING, windows(f, "10"), (windows(f, "10"), f->options.machine = SU_MACHINE_I440FX))
CASE_BUT("vm.windows.network", WARNING, windows(f, "10"), (windows(f, "10"), f->defined.n_nics = 0))
CASE("vm.windows.2016", OK, windows_disk(f, "2016", 14393))
CASE_BUT("vm.windows.old", STOP, windows(f, "7"), windows(f, "8"))
CASE_BUT("vm.windows.old", STOP, windows(f, "2008r2"), windows(f, "2012r2"))
CASE_BUT("vm.windows.old", STOP, windows_disk(f, "", 7601), windows_disk(f, "8", 9200))
CASE_BUT("vm.windows.2022", NOTE, windows(f, "2022"), windows(f, "2025"))
CASE_BUT("vm.windows.11", NOTE, windows(f, "10"), windows(f, "2022"))
CASE_BUT("vm.windows.11", NOTE, windows_disk(f, "11", 22631), windows_disk(f, "11", 26200))
CASE_BUT("vm.windows.keys", NOTE, windows(f, "10"), (windows(f, "10"), f->options.secure_boot = false))
CASE_BUT("vm.windows.keys", NOTE, (windows_disk(f, "10", 0), SET(disk.table, "gpt")), windows_disk(f, "10", 0))
CASE_BUT("vm.windows.faststartup", WARNING, (windows_disk(f, "10", 0), f->live = f->disk.fast_startup = true),
         (windows_disk(f, "10", 0), f->disk.fast_startup = true))
CASE("vm.windows.volume", NOTE, windows(f, "10"))
CASE("vm.windows.defrag", OK, windows(f, "10"))
CASE("vm.windows.validate", OK, windows(f, "10"))
CASE("vm.windows.room", OK, windows(f, "10"))
CASE("vm.windows.services", OK, windows_disk(f, "10", 19045))
CASE_BUT("vm.windows.winre", NOTE, (windows_disk(f, "10", 0), SET(disk.table, "gpt")), windows_disk(f, "10", 0))
CASE("vm.windows.winre", OK, windows_disk(f, "10", 0))
CASE_BUT("vm.windows.letter", NOTE, (windows_disk(f, "10", 0), SET(disk.table, "gpt")), windows_disk(f, "10", 0))
CASE_BUT("vm.windows.letter", NOTE, (windows(f, "10"), f->disk.looked = true, SET(disk.table, "gpt")),
         (windows(f, "10"), f->defined.firmware = SU_FIRMWARE_UEFI))
