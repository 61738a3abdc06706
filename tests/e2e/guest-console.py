#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest-console.py [options] -- QEMU-COMMAND...

Runs QEMU with its first serial port on stdio and its second on DIR/s1.sock, and watches both. Keeps in DIR: serial.log
and serial1.log (time-stamped), facts (the guest's facts block), script.out, files the guest sent, times of milestones.
Exit status 0 when the guest printed its whole facts block and QEMU ended by itself with status 0.
"""
import argparse
import base64
import ctypes
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time

MILESTONES = [
    ("firmware", "firmware", r"SeaBIOS|BdsDxe"),
    ("grub", "boot loader", r"GRUB loading|Welcome to GRUB|Loading Linux"),
    ("kernel", "kernel", r"Linux version|EFI stub: UEFI Secure Boot is enabled"),
    ("init", "systemd", r"systemd\[1\]: systemd "),
    ("facts", "system is up", r"SURETY-FACTS-BEGIN"),
    ("end", None, r"SURETY-FACTS-END"),
    ("off", "powered off", r"reboot: Power down"),
]
# The guest will not get any further by itself.
HOPELESS = re.compile(rb"\(initramfs\) |Kernel panic|You are in emergency mode|Security Violation|No bootable device|"
                      rb"Failed to boot both default and fallback entries|"
                      rb"grub rescue>|grub>|UEFI Interactive Shell")
ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]")


def die_with_parent():
    """The guest must not outlive this process, whatever ends it (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Watcher:
    """Takes the lines of both serial ports apart."""

    def __init__(self, out, progress):
        self.out, self.progress, self.start = out, progress, time.monotonic()
        self.logs = [self.create("serial.log"), self.create("serial1.log")]
        self.facts, self.script = self.create("facts"), self.create("script.out")
        self.marks, self.tails = {}, [b"", b""]
        self.mode, self.name, self.lines = None, None, []

    def create(self, name):
        return open(os.path.join(self.out, name), "w", buffering=1, encoding="utf-8")

    def elapsed(self):
        return time.monotonic() - self.start

    def mark(self, text):
        for key, label, pattern in MILESTONES:
            if key not in self.marks and re.search(pattern, text):
                self.marks[key] = self.elapsed()
                if self.progress and label:
                    print("      %5.1f s  %s" % (self.marks[key], label), flush=True)

    def feed(self, port, data, last=False):
        *lines, self.tails[port] = re.split(rb"[\r\n]+", self.tails[port] + data)
        if last:
            lines.append(self.tails[port])
        for raw in lines:
            text = ESCAPES.sub("", raw.decode("utf-8", "replace"))
            if text.strip():
                self.line(port, text)

    def line(self, port, text):
        if port == 0 or self.mode != "file":
            self.logs[port].write("[%8.3f] %s\n" % (self.elapsed(), text))
        self.mark(text)
        if port == 1:
            self.block(text)

    def block(self, text):
        if "SURETY-FACTS-BEGIN" in text:
            self.mode = "facts"
        elif "SURETY-FACTS-END" in text:
            self.mode = None
        elif "SURETY-SCRIPT-BEGIN" in text:
            self.mode = "script"
        elif "SURETY-SCRIPT-END" in text:
            self.script.write(text + "\n")
            self.mode = None
        elif "SURETY-FILE-BEGIN" in text:
            self.mode, self.name, self.lines = "file", os.path.basename(text.split()[-1]), []
        elif "SURETY-FILE-END" in text:
            with open(os.path.join(self.out, self.name), "wb") as f:
                f.write(base64.b64decode("".join(self.lines)))
            self.mode = "script"
        elif self.mode == "file":
            self.lines.append(text.strip())
        elif self.mode == "facts":
            self.facts.write(text + "\n")
        elif self.mode == "script":
            self.script.write(text + "\n")


def answer(qemu, opts):
    """Types it; whoever asks may empty the line before it reads it: when the prompt stands there still, once more."""
    qemu.stdin.write(opts.send.encode() + b"\n")
    qemu.stdin.flush()
    return time.monotonic() + 10


def watch(qemu, listener, watcher, opts):
    """Until QEMU closes its first serial port (True), or time is up or the guest is stuck (False)."""
    ports = {qemu.stdout.fileno(): 0, listener.fileno(): -1}
    want, end, conn = opts.expect.encode(), time.monotonic() + opts.timeout, None
    again = None                        # when to type the answer once more
    while time.monotonic() < end:
        if again and time.monotonic() > again:
            again = answer(qemu, opts) if opts.expect.encode() in watcher.tails[0] else None
        for fd in select.select(list(ports), [], [], 1)[0]:
            port = ports[fd]
            if port < 0:
                conn, _ = listener.accept()
                del ports[fd]
                ports[conn.fileno()] = 1
                continue
            data = os.read(fd, 65536)
            if not data and port == 0:
                return True
            if not data:
                del ports[fd]
                continue
            if port == 0 and want and want in watcher.tails[0] + data:
                again = answer(qemu, opts)
                want = b""
            stuck = HOPELESS.search(watcher.tails[port] + data)
            watcher.feed(port, data)
            if stuck:
                print("the guest is stuck: " + stuck.group().decode().strip(), file=sys.stderr)
                return False
    return False


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--expect", default="", help="when this appears on the console ...")
    parser.add_argument("--send", default="", help="... type this")
    parser.add_argument("--progress", action="store_true", help="print the milestones")
    parser.add_argument("command", nargs="+")
    opts = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    path = os.path.join(opts.out, "s1.sock")
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    watcher = Watcher(opts.out, opts.progress)
    with open(os.path.join(opts.out, "qemu.err"), "wb") as err:
        qemu = subprocess.Popen(opts.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
                                preexec_fn=die_with_parent)
    try:
        ended = watch(qemu, listener, watcher, opts)
        if ended:
            qemu.wait(30)
    except subprocess.TimeoutExpired:
        ended = False
    finally:
        if qemu.poll() is None:
            qemu.kill()
            qemu.wait()
    for port in (0, 1):
        watcher.feed(port, b"", last=True)
    watcher.marks["exit"] = watcher.elapsed()
    with watcher.create("times") as f:
        f.writelines("%s %.3f\n" % item for item in watcher.marks.items())
    return 0 if ended and qemu.returncode == 0 and "end" in watcher.marks else 1


if __name__ == "__main__":
    sys.exit(main())
