# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command on a fresh copy of an image: its time, its memory, and whether the disk is right afterwards."""
import os
import resource
import subprocess
import time

import qemu

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    pass


def tool(*argv):
    """A tool that must succeed; its output"""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Failed("%s: status %d\n%s" % (" ".join(argv), done.returncode, done.stdout.decode(errors="replace")))
    return done.stdout


class Bench:
    """What all measurements need to know: where things are."""

    def __init__(self, surety, work, efi):
        self.surety, self.work, self.efi = surety, work, efi
        if efi:
            with open(os.path.join(efi, "shimx64.efi"), "rb") as f:
                self.shim = f.read()

    def path(self, name):
        return os.path.join(self.work, name)

    def master(self, size, fmt):
        return self.path("a-%s.%s" % (size, fmt))

    def fresh(self, source, name):
        """A copy on stable storage: else the first flush of the program measured would have to write all of it."""
        copy = self.path(name)
        self.remove(copy)
        tool("cp", "--reflink=auto", "--sparse=always", source, copy)
        fd = os.open(copy, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        return copy

    def remove(self, copy):
        for end in ("", ".surety-undo", ".undo", ".undo.size"):
            if os.path.exists(copy + end):
                os.unlink(copy + end)

    def convert_argv(self, image):
        return [self.surety, "disk", "convert", image, "--boot-files", self.efi, "--json", "--quiet"]

    def inspect_argv(self, image):
        return [self.surety, "disk", "inspect", image, "--boot-files", self.efi, "--json"]

    def rollback_argv(self, image):
        return [self.surety, "disk", "rollback", image, "--json", "--quiet"]


def run(bench, argv):
    """(seconds of wall time, seconds of CPU time, output) of a command that must succeed; run.written: the bytes that it
    and its children gave the kernel to write"""
    out = bench.path("output")
    with open(out, "wb") as f:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        status = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT).wait()
        wall = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    run.written = (after.ru_oublock - before.ru_oublock) * 512
    with open(out, "rb") as f:
        text = f.read().decode(errors="replace")
    if status:
        raise Failed("%s: status %d\n%s" % (" ".join(argv), status, text))
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, text


def verify_converted(bench, image, fmt):
    """sgdisk and fsck.fat find nothing, and the firmware finds shim"""
    disk, esp = qemu.tables_and_esp(image, fmt, bench.work)
    said = tool("sgdisk", "-v", disk).decode()
    if "No problems found" not in said or esp is None:
        raise Failed("%s: the partition table is wrong\n%s" % (image, said))
    tool("fsck.fat", "-n", esp)
    if tool("mtype", "-i", esp, "::/EFI/BOOT/BOOTX64.EFI") != bench.shim:
        raise Failed("%s: the ESP does not hold shim" % image)
    os.unlink(disk)
    os.unlink(esp)


def verify_rolled_back(bench, image, fmt):
    disk, esp = qemu.tables_and_esp(image, fmt, bench.work)
    if tool("blkid", "-p", "-s", "PTTYPE", "-o", "value", disk).strip() != b"dos" or esp is not None:
        raise Failed("%s: the old partition table is not back" % image)
    os.unlink(disk)


def descendants(pid):
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
            for child in map(int, f.read().split()):
                yield child
                yield from descendants(child)


def note_memory(pid, peaks):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    if "VmHWM" in fields:
        with open("/proc/%d/cmdline" % pid, "rb") as f:     # comm ends after 15 characters
            name = os.path.basename(f.read().split(b"\0")[0].decode(errors="replace"))
        if name:        # none: it ends
            peaks[name] = max(peaks.get(name, 0), int(fields["VmHWM"].split()[0]))


def memory(argv):
    """KiB: peak RSS of each program that runs below argv, by name, sampled; "any": of the largest, by the kernel

    /usr/bin/time starts the program, since a process begins with the peak of the one it was forked from."""
    proc = subprocess.Popen(["/usr/bin/time", "-q", "-f", "%M", *argv], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peaks = {}
    while proc.poll() is None:
        try:
            for pid in descendants(proc.pid):
                note_memory(pid, peaks)
        except (FileNotFoundError, ProcessLookupError):
            pass        # it ended meanwhile
        time.sleep(0.0005)
    said = proc.stderr.read().decode()
    if proc.returncode:
        raise Failed("%s: status %d\n%s" % (" ".join(argv), proc.returncode, said))
    peaks.pop("time", None)
    peaks["any"] = int(said.split()[-1])
    return peaks
