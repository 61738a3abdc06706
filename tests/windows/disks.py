# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks, file systems and hives as other tools than surety see them: for judge and the suites beside it."""
import hashlib
import os
import re
import struct
import subprocess
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
NTFSTREE = os.environ.get("NTFSTREE", os.path.join(HERE, "../../build/tests/tools/surety-ntfstree"))
ESP, BASIC, RECOVERY, MSR = ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
                             "de94bba4-06d1-4d40-a16a-bfd50179d6ac", "e3c9e316-0b5c-4db8-817d-f92df00215ae")


def run(*argv, data=None):
    """Status and output of a tool; sbin is not on everybody's path."""
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin", LC_ALL="C.UTF-8")
    done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


class Entry:
    def __init__(self, number, raw, sector):
        self.number = number
        self.type = str(uuid.UUID(bytes_le=raw[:16]))
        self.guid = uuid.UUID(bytes_le=raw[16:32])
        first, last, self.attributes = struct.unpack_from("<QQQ", raw, 32)
        self.first, self.size = first * sector, (last - first + 1) * sector
        self.name = raw[56:128].decode("utf-16-le").rstrip("\0")


class Gpt:
    """The primary table, its checksums checked."""

    def __init__(self, path, sector):
        with open(path, "rb") as f:
            f.seek(sector)
            header = f.read(sector)
            self.valid = header[:8] == b"EFI PART"
            if not self.valid:
                self.part = []
                return
            size, crc = struct.unpack_from("<II", header, 12)
            start, count, each, table_crc = struct.unpack_from("<QIII", header, 72)
            f.seek(start * sector)
            table = f.read(count * each)
        self.guid = uuid.UUID(bytes_le=header[56:72])
        blank = bytearray(header[:size])
        blank[16:20] = bytes(4)
        self.valid = crc32(blank) == crc and crc32(table) == table_crc
        self.part = [Entry(i + 1, table[i * each:(i + 1) * each], sector) for i in range(count)
                     if table[i * each:i * each + 16] != bytes(16)]

    def at(self, first):
        return next((p for p in self.part if p.first == first), None)

    def of_type(self, kind):
        return [p for p in self.part if p.type == kind]


def crc32(data):
    import zlib
    return zlib.crc32(bytes(data))


def cut(path, first, size, to):
    """A range of a disk as a file of its own, holes kept."""
    with open(path, "rb") as f, open(to, "wb") as out:
        out.truncate(size)
        at, end = first, min(first + size, os.fstat(f.fileno()).st_size)
        while at < end:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            hole = min(os.lseek(f.fileno(), at, os.SEEK_HOLE), end)
            while at < hole:
                piece = os.pread(f.fileno(), min(hole - at, 1 << 20), at)
                os.pwrite(out.fileno(), piece, at - first)
                at += len(piece)


def digest(path, first=0, size=None):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        f.seek(first)
        left = os.fstat(f.fileno()).st_size - first if size is None else size
        while left > 0:
            piece = f.read(min(left, 1 << 20))
            if not piece:
                break
            h.update(piece)
            left -= len(piece)
    return h.hexdigest()


# ---- NTFS -----------------------------------------------------------------------------------------------------------

def ntfstree(volume, lines):
    rc, out = run(NTFSTREE, volume, data=("\n".join(lines) + "\n").encode())
    if rc != 0:
        raise RuntimeError("surety-ntfstree: " + out.strip())
    return out


def ntfs_names(volume):
    """{path: is a directory}, without the file system's own."""
    out, level = {}, [""]
    while level:
        text, below = ntfstree(volume, ['ls "%s"' % (d or "/") for d in level]), []
        at = -1
        for line in text.splitlines():
            number, kind, space, name = line.split(" ", 3)
            if name == ".":
                at += 1
                continue
            if name == ".." or int(number) < 24 or space == "2" or kind not in ("4", "8"):  # 2: an 8.3 name
                continue
            path = level[at] + "/" + name
            out[path] = kind == "4"
            if out[path]:
                below.append(path)
        level = below
    return out


def ntfs_files(volume, to):
    """{path: file with its bytes}; what cannot be read as a plain file is left out."""
    names = [n for n, is_dir in ntfs_names(volume).items() if not is_dir]
    places = {n: os.path.join(to, "n%d" % i) for i, n in enumerate(names)}
    ntfstree(volume, ['get "%s" %s' % (n, p) for n, p in places.items()])
    return places


# ---- FAT ------------------------------------------------------------------------------------------------------------

def fat_files(volume, to):
    """{path: file with its bytes}, paths in capitals."""
    rc, out = run("mcopy", "-s", "-n", "-Q", "-i", volume, "::/", to)
    if rc != 0:
        raise RuntimeError("mcopy: " + out)
    found = {}
    for base, _, names in os.walk(to):
        for name in names:
            path = os.path.join(base, name)
            found["/" + os.path.relpath(path, to).upper()] = path
    return found


# ---- hives ----------------------------------------------------------------------------------------------------------

def hive(path, key="\\"):
    """{(key, name): (type, bytes)} as hivexregedit shows it; keys in lower case."""
    rc, out = run("hivexregedit", "--export", path, key)
    if rc != 0:
        raise RuntimeError("hivexregedit: " + out)
    found, at = {}, ""
    for line in out.splitlines():
        if line.startswith("["):
            at = line[1:-1].lower()
            found.setdefault((at, None), None)
        elif line.startswith(('"', "@")):
            name, value = re.match(r'(@|"(?:[^"\\]|\\.)*")=(.*)', line).groups()
            name = "" if name == "@" else name[1:-1].replace("\\\\", "\\")
            found[at, name] = value_of(value)
    return found


def value_of(text):
    if text.startswith("dword:"):
        return 4, struct.pack("<I", int(text[6:], 16))
    kind, data = re.match(r"hex\((\w+)\):(.*)", text).groups()
    return int(kind, 16), bytes.fromhex(data.replace(",", ""))


def scratch():
    return tempfile.TemporaryDirectory(prefix="surety-judge.", dir=os.environ.get("SURETY_SYSTEM_DIR"))
