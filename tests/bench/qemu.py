# SPDX-License-Identifier: GPL-3.0-or-later
"""Images through a qemu-storage-daemon of our own: a plain view for tools that know only raw files, and what QEMU's
block layer counts as written.

The daemon's NBD server keeps no statistics (query-blockstats stays 0), so the counting is done by blklogwrites nodes,
one above the image format and one below. Log format: QEMU's block/blklogwrites.c, the kernel's dm-log-writes.
"""
import os
import struct
import subprocess
import time
from contextlib import contextmanager

import nbd

SECTOR = 512
LOG_MAGIC = 0x6A736677736872
LOG_FLUSH, LOG_FUA, LOG_DISCARD, LOG_MARK = 1, 2, 4, 8
ESP_TYPE = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")


def connect(uri, daemon):
    """The daemon opens its socket some milliseconds after it was started."""
    deadline = time.monotonic() + 20
    while True:
        try:
            h = nbd.NBD()
            h.connect_uri(uri)
            return h
        except nbd.Error:
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.001)


@contextmanager
def daemon(nodes, top, writable, path):
    """A storage daemon with these --blockdev nodes that exports top; yields its URI."""
    argv = ["qemu-storage-daemon"]
    for node in nodes:
        argv += ["--blockdev", node]
    argv += ["--nbd-server", "addr.type=unix,addr.path=" + path, "--export",
             "type=nbd,id=x,node-name=%s,name=d,writable=%s" % (top, "on" if writable else "off")]
    proc = subprocess.Popen(argv)
    uri = "nbd+unix:///d?socket=" + path
    try:
        connect(uri, proc).shutdown()
        yield uri
    finally:
        proc.terminate()
        proc.wait()


@contextmanager
def opened(image, fmt, work):
    path = os.path.join(work, "view.sock")
    nodes = ["driver=file,node-name=f,read-only=on,filename=" + image,
             "driver=%s,node-name=q,read-only=on,file=f" % fmt]
    with daemon(nodes, "q", False, path) as uri:
        h = nbd.NBD()
        h.connect_uri(uri)
        yield h
        h.shutdown()


def read_esp_range(h):
    """(offset, bytes) of the ESP, None when there is no GPT with one"""
    head = h.pread(SECTOR, SECTOR)
    if head[:8] != b"EFI PART":
        return None
    at, count, size = struct.unpack_from("<QII", head, 72)
    table = h.pread(min(count, 128) * size, at * SECTOR)
    for i in range(min(count, 128)):
        first, last = struct.unpack_from("<QQ", table, i * size + 32)
        if table[i * size:i * size + 16] == ESP_TYPE:
            return first * SECTOR, (last - first + 1) * SECTOR
    return None


def copy_range(h, begin, size, out, to):
    done = 0
    while done < size:
        n = min(1 << 20, size - done)
        data = h.pread(n, begin + done)
        if data.count(0) != n:
            os.pwrite(out, data, to + done)
        done += n


def tables_and_esp(image, fmt, work):
    """Two sparse files, (disk, ESP or None): both ends of the disk, where its tables are; the content of its ESP."""
    disk, esp = os.path.join(work, "view-disk"), os.path.join(work, "view-esp")
    with opened(image, fmt, work) as h:
        size, end = h.get_size(), min(h.get_size(), 1 << 20)
        out = os.open(disk, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(out, size)
        copy_range(h, 0, end, out, 0)
        copy_range(h, size - end, end, out, size - end)
        os.close(out)
        where = read_esp_range(h)
        if where is None:
            return disk, None
        out = os.open(esp, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(out, where[1])
        copy_range(h, where[0], where[1], out, 0)
        os.close(out)
    return disk, esp


def logged(path):
    """What a blklogwrites log says: bytes written, number of writes and of flushes"""
    total = {"bytes": 0, "writes": 0, "flushes": 0}
    with open(path, "rb") as f:
        magic, _, entries, sector = struct.unpack("<QQQI", f.read(28))
        if magic != LOG_MAGIC:
            raise RuntimeError("no write log in " + path)
        at = sector
        for _ in range(entries):
            f.seek(at)
            _, count, flags, data = struct.unpack("<QQQQ", f.read(32))
            at += sector
            if flags & LOG_MARK:
                at += data
            elif flags & LOG_DISCARD == 0 and count:
                total["bytes"] += count * sector
                total["writes"] += 1
                at += count * sector
            total["flushes"] += 1 if flags & (LOG_FLUSH | LOG_FUA) else 0
    return total


@contextmanager
def counted(image, work):
    """A qcow2 image as a writable export; yields (URI, totals); totals gets "disk" and "file" when the export is gone:
    what was written to the virtual disk and, with QEMU's own tables, to the image file."""
    logs = {"disk": os.path.join(work, "log-disk"), "file": os.path.join(work, "log-file")}
    for path in logs.values():
        with open(path, "wb"):
            pass
    totals = {}
    # blklogwrites takes whole sectors only; the raw node on top turns anything else into them
    nodes = ["driver=file,node-name=f,filename=" + image,
             "driver=file,node-name=lf,filename=" + logs["file"], "driver=blklogwrites,node-name=wf,file=f,log=lf",
             "driver=qcow2,node-name=q,file=wf",
             "driver=file,node-name=ld,filename=" + logs["disk"], "driver=blklogwrites,node-name=wd,file=q,log=ld",
             "driver=raw,node-name=top,file=wd"]
    with daemon(nodes, "top", True, os.path.join(work, "counted.sock")) as uri:
        yield uri, totals
    for kind, path in logs.items():
        totals[kind] = logged(path)
        os.unlink(path)
