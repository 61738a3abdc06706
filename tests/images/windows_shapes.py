# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of disks that Windows leaves behind, as data: partitions, and what differs from a healthy Windows 10.

parts: what lies where, from the start of the disk, as ROLE:MIB. Roles: system (boot manager and store), os, winre,
data, linux, os2 (a second Windows), windows7 (all in one). ":logical" puts it into an extended partition that begins with
the first such one; ":TYPE" sets the type of a primary one. The first of system, windows7 or os is active."""
import dataclasses
from typing import Optional

MIB = 1 << 20
TYPES = {"winre": 0x27, "linux": 0x83}


@dataclasses.dataclass
class Shape:
    about: str
    parts: str = "system:100 os:128"
    signature: int = 0x5e5e0bbb
    first: int = MIB                        # byte the first partition starts at
    sector: int = 512
    tail: int = MIB                         # left free at the end
    store: str = "good"                     # none, bad, cut, other (a disk's signature), two (signatures), vhd, none
    template: bool = True
    boot: str = "mbr"                       # {bootmgr}'s device: mbr, started (from), located
    hive: str = "built"                     # SYSTEM: built, or the name of a real one
    made_clean: bool = True                 # a real one
    logs: bool = False                      # with its transaction logs
    letters: str = "C"                      # letters, in the order of system, os, winre, data ("-": none)
    root: str = "/Windows"
    upper: bool = False                     # paths in capitals
    description: str = "Windows 10"
    winre: Optional[str] = None             # role of the partition that has it
    machine: int = 0x8664                   # of bootmgfw.efi
    efi: str = "signed"                     # \Windows\Boot\EFI: signed, none, unsigned, tampered, ex, ex-only, compact
    full: bool = False                      # as many files as a real one has
    legacy: bool = False                    # an entry for Windows XP
    hibernated: bytes = b""                 # first bytes of hiberfil.sys
    dirty: str = ""                         # flag, log, mirror: of the os volume
    dirty_role: str = "os"
    bitlocker: str = ""                     # role
    fve: bool = True                        # with metadata
    two: bool = False                       # the store has an entry for os2
    hiberboot: int = 0


def shape(about, **more):
    return Shape(about, **more)


SHAPES = {
    "one": shape("Windows 7-style: one active partition", parts="windows7:160", signature=0x5cbea03e, hive="SYSTEM",
                 winre="windows7", legacy=True),
    "sysres": shape("System Reserved of 500 MiB and C:, a real SYSTEM hive", parts="system:500 os:192",
                    signature=0xdf4546ae, hive="SYSTEM_WIN_10_1709", full=True),
    "sysres350": shape("System Reserved of 350 MiB and C:, a real SYSTEM hive", parts="system:350 os:160",
                       signature=0x273e4cfe, hive="SYSTEM_2"),
    "small": shape("System Reserved of 100 MiB with a letter, and C:", letters="DC"),
    "winre-end": shape("a recovery partition at the end", parts="system:100 os:128 winre:64", winre="winre"),
    "winre-data": shape("a recovery partition of type 07 without a letter", parts="system:100 os:128 winre:64:07",
                        winre="winre"),
    "winre-sysres": shape("the recovery environment on System Reserved", parts="system:200 os:128", winre="system"),
    "winre-os": shape("the recovery environment on C:", winre="os"),
    "four": shape("four primary partitions", parts="system:100 os:128 data:48 winre:64", winre="winre",
                  letters="-C-E"),
    "logical": shape("D: is a logical partition", parts="system:100 os:128 data:48:logical data:32:logical",
                     letters="-C-DE"),
    "s63": shape("the first partition starts at sector 63", parts="windows7:128", first=63 * 512),
    "4k": shape("4096-byte sectors", sector=4096, winre="winre", parts="system:100 os:128 winre:64"),
    "full": shape("partitions to the last sector", tail=0),
    "names": shape("upper-case paths, names beyond ASCII", upper=True, root="/WINDOWS", boot="started",
                   description="Windows\u00a010 – Büro № 7", winre="winre", parts="system:100 os:128 winre:64"),
    "located": shape("devices that are found by a file", boot="located"),
    "exset": shape("boot files of both keys, and only the later one is known", efi="ex"),
    "two": shape("two installations of Windows", parts="system:100 os:128 os2:96", two=True),
    "replay": shape("a SYSTEM hive that was not completed, with its logs", hive="SYSTEM_B", made_clean=False, logs=True,
                    parts="system:100 os:192"),
    "nostore": shape("the boot store is gone", store="none", winre="winre", parts="system:100 os:128 winre:64"),
    "badstore": shape("the boot store is no hive", store="bad"),
    "cutstore": shape("the boot store was cut short", store="cut"),
    "bitlocker-data": shape("BitLocker on a data volume", parts="system:100 os:128 data:48", bitlocker="data"),

    "dirty": shape("a volume that wants chkdsk", dirty="flag"),
    "dirty-system": shape("a system partition that wants chkdsk", dirty="flag", dirty_role="system"),
    "logdirty": shape("a volume that was not unmounted", dirty="log"),
    "hibernated": shape("a hibernated Windows", hibernated=b"hibr"),
    "faststart": shape("a Windows that was shut down with Fast Startup", hibernated=b"HIBR", hiberboot=1),
    "bitlocker": shape("BitLocker on C:", bitlocker="os"),
    "bitlocker-bare": shape("BitLocker's header alone on C:", bitlocker="os", fve=False),
    "bitlocker-system": shape("BitLocker on the system partition", bitlocker="system"),
    "bios32": shape("a 32-bit Windows", machine=0x014c),
    "arm": shape("a Windows for ARM", machine=0xaa64),
    "nobootmgfw": shape("no \\Windows\\Boot\\EFI", efi="none"),
    "compact": shape("boot files that Compact OS compressed", efi="compact"),
    "unsigned": shape("a boot manager without signature", efi="unsigned"),
    "tampered": shape("a boot manager that was changed", efi="tampered"),
    "otherdisk": shape("the default entry is on another disk", store="other"),
    "twosigs": shape("two disk signatures in the store", store="two"),
    "vhd": shape("Windows in a virtual hard disk", store="vhd"),
    "dynamic": shape("a dynamic disk", parts="system:100:42 os:128:42"),
    "nostore-two": shape("no store, and two installations", store="none", parts="system:100 os:128 os2:96"),
    "nostore-bare": shape("no store, and no template", store="none", template=False),
    "dirtyhive": shape("a SYSTEM hive that was not completed, without logs", parts="system:500 os:192",
                       signature=0xdf4546ae, hive="SYSTEM_WIN_10_1709", made_clean=False),
    "badhive": shape("a damaged SYSTEM hive", hive="corrupted_system_hive", made_clean=False),
    "dual": shape("Linux beside Windows", parts="system:100 os:128 linux:48"),
    "datadisk": shape("NTFS, and no Windows", parts="data:64"),
}


@dataclasses.dataclass
class Part:
    role: str
    first: int                              # bytes
    size: int
    type: int
    number: int
    active: bool = False
    logical: bool = False


def place(s):
    """Partitions of a shape, the extended one among them as role 'extended', and the size of the disk."""
    at, out, number, logical, extended = s.first, [], 0, 4, None
    for token in s.parts.split():
        role, size, *rest = token.split(":")
        size = int(size) * MIB
        if "logical" in rest:
            if extended is None:
                at = (at + MIB - 1) // MIB * MIB
                number += 1
                extended = Part("extended", at, 0, 0x0f, number)
                out.append(extended)
            logical += 1
            out.append(Part(role, at + MIB, size, TYPES.get(role, 7), logical, logical=True))
            at += MIB + size
            extended.size = at - extended.first
            continue
        number += 1
        if number == 1 and at < MIB:
            size -= at                      # what follows is aligned
        out.append(Part(role, at, size, int(rest[0], 16) if rest else TYPES.get(role, 7), number))
        at += size
    starts = [p for p in out if p.role in ("system", "windows7", "os")]
    if starts:
        starts[0].active = True
    return out, at + s.tail
