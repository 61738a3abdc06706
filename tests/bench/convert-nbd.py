#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""convert-nbd.py IMAGE EFI-DIR: a Debian disk (raw or qcow2) from MBR to GPT with an ESP, in place.

One process, no loop device, no mount: qemu-storage-daemon opens the image, libnbd reads and writes it. What surety is
measured against; it does less: it trusts the disk, reads no file system (only its UUID), makes no BIOS boot partition,
does not touch fstab and cannot recover from a crash. Prints the time of each step and the bytes written.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import zlib

import nbd

SECTOR = 512
ESP_MIB = 100
ESP_SLOT = 15
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
TYPES = {
    0x07: "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
    0x27: "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC",
    0x82: "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
    0x8E: "E6D6D379-F507-44C2-A23C-238F2A3DF928",
    0xFD: "A19D880F-05FC-4D3B-A006-743F0F84911E",
}
EXTENDED = (0x05, 0x0F, 0x85)
STUB = "search.fs_uuid %s root \nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
FILES = (
    ("shimx64.efi", "BOOT/BOOTX64.EFI"), ("grubx64.efi", "BOOT/grubx64.efi"), ("shimx64.efi", "debian/shimx64.efi"),
    ("grubx64.efi", "debian/grubx64.efi"), ("mmx64.efi", "debian/mmx64.efi"),
)


class Steps:
    def __init__(self):
        self.begun = self.last = time.perf_counter()
        self.text = []

    def done(self, name):
        now = time.perf_counter()
        self.text.append("%s=%.1fms" % (name, (now - self.last) * 1e3))
        self.last = now


class Disk:
    """The image behind a storage daemon, as an NBD export."""

    def __init__(self, image, fmt, work):
        path = work + "/nbd"
        self.written = 0
        self.daemon = subprocess.Popen([
            "qemu-storage-daemon", "--blockdev", "driver=file,node-name=f,filename=" + image,
            "--blockdev", "driver=%s,node-name=q,file=f" % fmt, "--nbd-server", "addr.type=unix,addr.path=" + path,
            "--export", "type=nbd,id=e,node-name=q,name=x,writable=on"])
        while True:
            if self.daemon.poll() is not None:
                sys.exit("the storage daemon ended")
            try:
                self.nbd = nbd.NBD()
                self.nbd.connect_uri("nbd+unix:///x?socket=" + path)
                return
            except nbd.Error:
                time.sleep(0.0002)

    def read(self, sector, n):
        return bytes(self.nbd.pread(n * SECTOR, sector * SECTOR))

    def write(self, sector, data):
        self.nbd.pwrite(data, sector * SECTOR)
        self.written += len(data)

    def flush(self):
        self.nbd.flush()

    def close(self):
        self.nbd.shutdown()
        self.daemon.terminate()
        self.daemon.wait()


def grow(image):
    info = json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", image]))
    esp = (info["virtual-size"] // SECTOR + 2047) // 2048 * 2048
    total = esp + ESP_MIB * 2048 + 2048
    subprocess.check_call(["qemu-img", "resize", "-q", "-f", info["format"], image, str(total * SECTOR)])
    return info["format"], esp, total


def entries(sector):
    return [struct.unpack("<4xB3xII", sector[446 + 16 * i:462 + 16 * i]) for i in range(4)]


def read_table(disk):
    """number -> (MBR type, first sector, sectors)"""
    mbr, parts, logical = disk.read(0, 1), {}, 5
    if mbr[510:] != b"\x55\xaa":
        sys.exit("no MBR")
    for i, (kind, start, count) in enumerate(entries(mbr)):
        if kind == 0xEE:
            sys.exit("already GPT")
        if kind in EXTENDED:
            ebr = start
            while ebr:
                one, following = entries(disk.read(ebr, 1))[:2]
                parts[logical] = (one[0], ebr + one[1], one[2])
                logical += 1
                ebr = start + following[1] if following[0] else 0
        elif kind:
            parts[i + 1] = (kind, start, count)
    return mbr, parts


def boot_uuid(disk, parts):
    for _, (_, start, count) in sorted(parts.items()):
        head = disk.read(start, 129) if count > 129 else b""
        if head[0x438:0x43A] == b"\x53\xef":
            return uuid.UUID(bytes=head[0x468:0x478])
        if head[:4] == b"XFSB":
            return uuid.UUID(bytes=head[32:48])
    sys.exit("no file system to boot from")


def make_esp(work, efi, root):
    """A sparse file: only what is not zero is written later."""
    esp = work + "/esp"
    with open(esp, "wb") as f:
        f.truncate(ESP_MIB << 20)
    subprocess.check_call(["mkfs.vfat", "-F", "32", "-s", "1", "-n", "EFI", esp], stdout=subprocess.DEVNULL)
    for d in ("BOOT", "debian"):
        os.makedirs(work + "/EFI/" + d)
    for source, name in FILES:
        os.symlink(os.path.abspath(os.path.join(efi, source)), work + "/EFI/" + name)
    with open(work + "/EFI/debian/grub.cfg", "w", encoding="ascii") as f:
        f.write(STUB.replace("%s", str(root)))
    subprocess.check_call(["mcopy", "-s", "-i", esp, work + "/EFI", "::/"])
    return esp


def write_esp(disk, esp, start):
    with open(esp, "rb") as f:
        while True:
            at = f.tell() // SECTOR
            data = f.read(1 << 20)
            if not data:
                return
            if data.count(0) != len(data):
                data = data.rstrip(b"\0")
                disk.write(start + at, data + b"\0" * (-len(data) % SECTOR))


def gpt(parts, esp, total):
    """(primary without the MBR, backup)"""
    def entry(kind, first, last, name):
        return (uuid.UUID(kind).bytes_le + uuid.uuid4().bytes_le + struct.pack("<QQQ", first, last, 0) +
                name.encode("utf-16le").ljust(72, b"\0"))

    slots = [bytes(128)] * 128
    for number, (kind, start, count) in parts.items():
        slots[number - 1] = entry(TYPES.get(kind, LINUX), start, start + count - 1, "")
    slots[ESP_SLOT - 1] = entry(ESP, esp, esp + ESP_MIB * 2048 - 1, "EFI system partition")
    table, guid = b"".join(slots), uuid.uuid4().bytes_le

    def header(here, other, table_at):
        h = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, total - 34, guid,
                        table_at, 128, 128, zlib.crc32(table))
        return (h[:16] + struct.pack("<I", zlib.crc32(h)) + h[20:]).ljust(SECTOR, b"\0")

    return header(1, total - 1, 2) + table, table + header(total - 1, 1, total - 33)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: convert-nbd.py IMAGE EFI-DIR")
    image, efi = sys.argv[1:]
    steps = Steps()
    fmt, esp_at, total = grow(image)
    steps.done("grow")
    with tempfile.TemporaryDirectory() as work:
        disk = Disk(image, fmt, work)
        steps.done("open")
        mbr, parts = read_table(disk)
        undo = disk.read(0, min(start for _, start, _ in parts.values()))
        esp = make_esp(work, efi, boot_uuid(disk, parts))
        steps.done("esp-image")
        # new space first, then the backup table, then the primary, the MBR last
        write_esp(disk, esp, esp_at)
        steps.done("esp-write")
        primary, backup = gpt(parts, esp_at, total)
        disk.write(total - 33, backup)
        disk.flush()
        disk.write(1, primary)
        disk.flush()
        protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(total - 1, 0xFFFFFFFF))
        disk.write(0, mbr[:446] + protective + bytes(48) + b"\x55\xaa")
        disk.flush()
        steps.done("table")
        disk.close()
    with open(image + ".undo", "wb") as f:
        f.write(undo)
    steps.done("close")
    print(*steps.text, "total=%.1fms" % ((steps.last - steps.begun) * 1e3), "written=%d" % disk.written)


if __name__ == "__main__":
    main()
