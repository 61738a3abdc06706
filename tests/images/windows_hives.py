# SPDX-License-Identifier: GPL-3.0-or-later
"""Registry hives for Windows-shaped disks: boot stores, SYSTEM, SOFTWARE, made with hivexregedit from text, or real
ones that were made clean. Formats: [MS] .reg text, the regf base block, and boot stores as bcdedit writes them."""
import lzma
import os
import struct
import subprocess
import uuid

BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
NTLDR = "{466f5a88-0af2-4f76-9038-095b170dc21c}"
GLOBAL, DEBUG = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}", "{4636856e-540f-4170-a130-a84776f4c654}"
EMS, BAD_MEMORY = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}", "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
LOADER_SET, HYPERVISOR = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}", "{7ff607e0-4395-11db-b0de-0800200c9a66}"
RESUME_SET = "{1afa9c49-16ab-4a5c-901b-212802da9460}"
LOADER, LOADER_2 = "{5e5e0001-4a4a-11ee-8c8c-000000000001}", "{5e5e0005-4a4a-11ee-8c8c-000000000005}"
RESUME = "{5e5e0002-4a4a-11ee-8c8c-000000000002}"
WINRE, WINRE_OPTIONS = "{5e5e0003-4a4a-11ee-8c8c-000000000003}", "{5e5e0004-4a4a-11ee-8c8c-000000000004}"

SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7


# ---- hives ----------------------------------------------------------------------------------------------------------

def checksum(base):
    """Of the first 508 bytes of the base block; two values stand for others."""
    total = 0
    for word in struct.unpack_from("<127I", base):
        total ^= word
    return {0: 1, 0xffffffff: 0xfffffffe}.get(total, total)


def clean(hive):
    """The hive as if its last write had been completed: that is enough where no log is needed."""
    out = bytearray(hive)
    out[8:12] = out[4:8]
    struct.pack_into("<I", out, 508, checksum(out))
    return bytes(out)


def empty_hive():
    """A root key and nothing below it."""
    sd = struct.pack("<BBHIIII", 1, 0, 0x8004, 48, 64, 0, 20)
    sd += struct.pack("<BBHHH", 2, 0, 28, 1, 0) + struct.pack("<BBHI", 0, 2, 20, 0xf003f) + sid(1, 0)
    sd += sid(5, 18) + bytes(4) + sid(5, 18)
    name = b"NewStoreRoot"
    nk = struct.pack("<2sHQIIIIIIIIIIIIIIIHH", b"nk", 0x2c, 0, 0, 0, 0, 0, 0xffffffff, 0xffffffff, 0, 0xffffffff,
                     0x80, 0xffffffff, 0, 0, 0, 0, 0, len(name), 0) + name
    sk = struct.pack("<2sHIIII", b"sk", 0, 0x80, 0x80, 1, len(sd)) + sd
    out = bytearray(8192)
    struct.pack_into("<4sIIQIIIIIII", out, 0, b"regf", 1, 1, 0, 1, 5, 0, 1, 0x20, 0x1000, 1)
    struct.pack_into("<4sII", out, 4096, b"hbin", 0, 0x1000)
    at = cell(out, 0x20, nk, 0x60)
    at = cell(out, at, sk, 0x80)
    struct.pack_into("<i", out, 4096 + at, 4096 - at)
    struct.pack_into("<I", out, 508, checksum(out))
    return bytes(out)


def sid(authority, sub):
    return struct.pack(">BBHI", 1, 1, 0, authority) + struct.pack("<I", sub)


def cell(out, at, data, size):
    struct.pack_into("<i", out, 4096 + at, -size)
    out[4096 + at + 4:4096 + at + 4 + len(data)] = data
    return at + size


def merge(work, base, keys, name="hive"):
    """The hive base with keys in it: {path: {name: (type, bytes)}}, a value of None is taken out."""
    path, reg = os.path.join(work, name), os.path.join(work, name + ".reg")
    lines, known = ["Windows Registry Editor Version 5.00"], set()
    for key, values in keys.items():
        above = key.split("\\")
        for i in range(2, len(above)):                  # a key must have its parents
            parent = "\\".join(above[:i])
            lines += ["", "[%s]" % parent] * (parent not in known)
            known.add(parent)
        lines += ["", "[%s]" % key]
        known.add(key)
        for value, data in values.items():
            left = '"%s"' % value.replace("\\", "\\\\")
            lines.append(left + ("=-" if data is None else "=hex(%x):%s" % (data[0], data[1].hex(","))))
    with open(path, "wb") as f:
        f.write(base)
    with open(reg, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    subprocess.run(["hivexregedit", "--merge", path, reg], check=True)
    with open(path, "rb") as f:
        return f.read()


def real(shared, name):
    """A real hive of the test data; None: not there."""
    try:
        with lzma.open(os.path.join(shared, "data/system-hives", name + ".xz")) as f:
            return f.read()
    except FileNotFoundError:
        return None


def dword(n):
    return DWORD, struct.pack("<I", n)


def text(s):
    return SZ, (s + "\0").encode("utf-16-le")


# ---- SYSTEM, SOFTWARE -----------------------------------------------------------------------------------------------

def mounted_mbr(signature, offset):
    return BINARY, struct.pack("<IQ", signature, offset)


def system_keys(letters, drivers, hiberboot=0):
    """letters: {"C": (signature, offset)}; drivers: {"storahci": (Start, StartOverride or None)}."""
    keys = {
        "\\Select": {"Current": dword(1), "Default": dword(1), "Failed": dword(0), "LastKnownGood": dword(1)},
        "\\ControlSet001\\Control\\ComputerName\\ComputerName": {"ComputerName": text("OFFICE-07")},
        "\\ControlSet001\\Control\\ProductOptions": {"ProductType": text("WinNT")},
        "\\ControlSet001\\Control\\Session Manager\\Power": {"HiberbootEnabled": dword(hiberboot)},
        "\\MountedDevices": {},
    }
    for i, (letter, place) in enumerate(sorted(letters.items())):
        volume = "\\??\\Volume{5e5e%04x-aaaa-11ee-8c8c-806e6f6e6963}" % (16 + i)
        keys["\\MountedDevices"][volume] = mounted_mbr(*place)
        if len(letter) == 1:                            # longer: a volume without a letter
            keys["\\MountedDevices"]["\\DosDevices\\%s:" % letter] = mounted_mbr(*place)
    keys["\\MountedDevices"]["\\DosDevices\\X:"] = mounted_mbr(0x0badcafe, 1048576)     # of another disk
    for name, (start, override) in drivers.items():
        service = "\\ControlSet001\\Services\\" + name
        keys[service] = {"Start": dword(start), "Type": dword(1),
                         "ImagePath": (2, ("System32\\drivers\\%s.sys\0" % name).encode("utf-16-le"))}
        if override is not None:
            keys[service + "\\StartOverride"] = {"0": dword(override)}
    return keys


SOFTWARE = {
    "\\Microsoft\\Windows NT\\CurrentVersion": {
        "ProductName": text("Windows 10 Pro"), "EditionID": text("Professional"), "DisplayVersion": text("22H2"),
        "InstallationType": text("Client"), "CurrentBuildNumber": text("19045"), "CurrentBuild": text("19045"),
        "CurrentMajorVersionNumber": dword(10), "CurrentMinorVersionNumber": dword(0), "CurrentVersion": text("6.3"),
        "UBR": dword(3803), "SystemRoot": text("C:\\Windows")},
    "\\Microsoft\\Cryptography": {"MachineGuid": text("5e5e0006-4a4a-41ee-8c8c-000000000006")},
}


# ---- devices of a boot store ----------------------------------------------------------------------------------------

def partition_record(signature, offset):
    return (struct.pack("<4I", 6, 0, 0x48, 0) + struct.pack("<QQ", offset, 0) + struct.pack("<II", 0, 1) +
            struct.pack("<I", signature) + bytes(12) + bytes(16))


def on_partition(signature, offset):
    return bytes(16) + partition_record(signature, offset)


def started_from():
    return bytes(16) + struct.pack("<4I", 5, 0, 0x48, 0) + bytes(56)


def located(element):
    return bytes(16) + struct.pack("<4I", 8, 0, 0x1e, 0) + struct.pack("<IIIH", 0, element, 0, 0)


def file_on(signature, offset, path):
    nested = partition_record(signature, offset) + (path + "\0").encode("utf-16-le")
    return struct.pack("<III", 1, 12 + len(nested), 5) + nested


def local(kind, body, flags=0):
    return struct.pack("<4I", 0, flags, 20 + len(body), 0) + struct.pack("<I", kind) + body


def ramdisk(signature, offset, path, options):
    return uuid.UUID(options).bytes_le + local(3, bytes(20) + file_on(signature, offset, path), 1)


def in_vhd(signature, offset, path, number):
    """Whichever partition of a virtual hard disk has the file that the element of that number names."""
    disk = local(6, bytes(20) + local(5, file_on(signature, offset, path)))
    return (bytes(16) + struct.pack("<4I", 8, 0, 0x1e + len(disk), 0) + struct.pack("<IIIH", 0, number, 0x1e, 0) + disk)


# ---- boot stores ----------------------------------------------------------------------------------------------------

def element(number, value):
    """The registry's form of an element, by the format in its number."""
    kind = number >> 24 & 15
    if kind == 1:
        return BINARY, value
    if kind == 2 or kind == 3:
        return text(value)
    if kind == 4:
        return MULTI_SZ, ("".join(v + "\0" for v in value) + "\0").encode("utf-16-le")
    if kind == 5:
        return BINARY, struct.pack("<Q", value)
    if kind == 6:
        return BINARY, bytes([value])
    return BINARY, b"".join(struct.pack("<Q", v) for v in value)


def store_keys(objects, template=False):
    """objects: {guid: (type, {element: value})}."""
    keys = {"\\Description": {"KeyName": text("BCD00000000"), "System": dword(1), "TreatAsSystem": dword(1)},
            "\\Objects": {}}
    if template:
        keys["\\Description"] = {"KeyName": text("BCD-Template")}
    for guid, (kind, elements) in objects.items():
        top = "\\Objects\\" + guid
        keys[top + "\\Description"] = {"Type": dword(kind)}
        keys[top + "\\Elements"] = {}
        for number, value in elements.items():
            keys["%s\\Elements\\%08x" % (top, number)] = {"Element": element(number, value)}
    return keys


def settings():
    """The objects every store has: settings that entries inherit."""
    return {
        EMS: (0x20100000, {0x16000020: 0}),
        DEBUG: (0x20100000, {0x15000011: 4}),
        BAD_MEMORY: (0x20100000, {}),
        GLOBAL: (0x20100000, {0x14000006: [DEBUG, EMS, BAD_MEMORY]}),
        LOADER_SET: (0x20200003, {0x14000006: [GLOBAL, HYPERVISOR]}),
        HYPERVISOR: (0x20200003, {0x250000f3: 0, 0x250000f4: 1, 0x250000f5: 115200}),
        RESUME_SET: (0x20200004, {0x14000006: [GLOBAL]}),
    }


def template_objects():
    """What BCD-Template has: entries without devices, for bcdboot to fill in."""
    out = settings()
    out[BOOTMGR] = (0x10100002, {0x12000004: "Windows Boot Manager", 0x14000006: [GLOBAL], 0x25000004: 30})
    out[MEMDIAG] = (0x10200005, {0x12000004: "Windows Memory Diagnostic", 0x14000006: [GLOBAL], 0x1600000b: 1})
    return out


def loader(device, osdevice, root, description, more=()):
    out = {0x11000001: device, 0x12000002: root + "\\system32\\winload.exe", 0x12000004: description,
           0x12000005: "en-US", 0x14000006: [LOADER_SET], 0x15000066: 3, 0x17000077: [0x15000075],
           0x21000001: osdevice, 0x22000002: root, 0x23000003: RESUME, 0x25000020: 0, 0x250000c2: 1}
    out.update(more)
    return out


def bios_objects(s):
    """A store of Windows started by a BIOS.  s: attributes boot, memory (devices), device, osdevice, root, description,
    winre (a place and a path, or None), legacy, second (a device, or None)."""
    out = settings()
    recovery = {0x14000008: [WINRE], 0x16000009: 1} if s.winre else {}
    out[BOOTMGR] = (0x10100002, {
        0x11000001: s.boot, 0x12000004: "Windows Boot Manager", 0x12000005: "en-US", 0x14000006: [GLOBAL],
        0x23000003: LOADER, 0x23000006: RESUME, 0x24000001: [LOADER] + [LOADER_2] * bool(s.second) + [NTLDR] * s.legacy,
        0x24000010: [MEMDIAG], 0x25000004: 30})
    out[LOADER] = (0x10200003, loader(s.device, s.osdevice, s.root, s.description, recovery))
    if s.second:
        out[LOADER_2] = (0x10200003, loader(s.second, s.second, "\\Windows", "Windows 11"))
    out[RESUME] = (0x10200004, {
        0x11000001: s.osdevice, 0x12000002: s.root + "\\system32\\winresume.exe",
        0x12000004: "Windows Resume Application", 0x12000005: "en-US", 0x14000006: [RESUME_SET],
        0x17000077: [0x15000075], 0x21000001: s.osdevice, 0x21000026: s.osdevice, 0x22000002: "\\hiberfil.sys",
        0x25000008: 1, 0x26000006: 0, **recovery})
    out[MEMDIAG] = (0x10200005, {
        0x11000001: s.memory, 0x12000002: "\\boot\\memtest.exe", 0x12000004: "Windows Memory Diagnostic",
        0x12000005: "en-US", 0x14000006: [GLOBAL], 0x1600000b: 1})
    if s.legacy:
        out[NTLDR] = (0x10300006, {0x11000001: s.boot, 0x12000002: "\\ntldr",
                                   0x12000004: "Earlier Version of Windows", 0x12000005: "en-US"})
    if s.winre:
        disk = ramdisk(*s.winre, WINRE_OPTIONS)
        out[WINRE] = (0x10200003, {
            0x11000001: disk, 0x12000002: "\\windows\\system32\\winload.exe",
            0x12000004: "Windows Recovery Environment", 0x12000005: "en-US", 0x14000006: [LOADER_SET], 0x15000065: 3,
            0x21000001: disk, 0x22000002: "\\windows", 0x25000020: 0, 0x250000c2: 1, 0x26000022: 1, 0x46000010: 1})
        out[WINRE_OPTIONS] = (0x30000000, {
            0x12000004: "Windows Recovery", 0x31000003: on_partition(*s.winre[:2]),
            0x32000004: s.winre[2].rsplit("\\", 1)[0] + "\\boot.sdi"})
    return out
