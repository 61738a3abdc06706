#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""view.py list SOCKET PID ROUNDS: milliseconds of GET /v1/vms and of suretyd's processor time in it, and of
"virsh list --all --uuid" on one connection; medians, the two in turns.
view.py guests DATABASE N: the systems of N VMs of vm-nodes.py, as a look at their disks finds them.
view.py idle SECONDS NAME PID...: the share of a core that each process took meanwhile, in percent."""
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid

SYSTEMS = (
    {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)", "edition": "", "build": 0},
    {"id": "windows", "version": "2012r2", "name": "Windows Server 2012 R2 Datacenter", "edition": "ServerDatacenter",
     "build": 9600},
    {"id": "windows", "version": "11", "name": "Windows 11 Enterprise multi-session", "edition": "ServerRdsh",
     "build": 22631},
    {"id": "windows", "version": "2022", "name": "Windows Server 2022 Datacenter Azure Edition",
     "edition": "ServerTurbine", "build": 20348},
)


def cpu(pid):
    """Nanoseconds of processor time of a process, all of its threads (its CPU clock, clock_getcpuclockid(3))."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def get(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"GET /v1/vms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        n = 0
        while part := s.recv(1 << 20):
            n += len(part)
    return n


class Virsh:
    """One that stays, so that neither its start nor opening libvirt counts."""
    END = "end-of-list"

    def __init__(self):
        self.child = subprocess.Popen(["virsh", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.list()

    def list(self):
        self.child.stdin.write(f"list --all --uuid\necho {self.END}\npwd\n")  # echo ends no line
        self.child.stdin.flush()
        n = 0
        while not (line := self.child.stdout.readline()).startswith(self.END):
            if not line:
                raise SystemExit("virsh ended")
            n += len(line) > 30
        return n


def listing(path, pid, rounds):
    virsh = Virsh()
    mine, used, theirs = [], [], []
    for i in range(rounds):
        c, t = cpu(pid), time.perf_counter_ns()
        get(path)
        mine.append(time.perf_counter_ns() - t)
        used.append(cpu(pid) - c)
        t = time.perf_counter_ns()
        virsh.list()
        theirs.append(time.perf_counter_ns() - t)
    print(*(f"{statistics.median(x) / 1e6:.1f}" for x in (mine, used, theirs)))


def idle(seconds, names):
    pids = dict(zip(names[::2], map(int, names[1::2])))
    t = time.perf_counter_ns()
    before = {name: cpu(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    took = time.perf_counter_ns() - t
    for name, pid in pids.items():
        print(name, f"{(cpu(pid) - before[name]) / took * 100:.4f}")


def guests(path, n):
    with sqlite3.connect(path, timeout=30) as db:
        for i in range(n):
            os = SYSTEMS[i % len(SYSTEMS)] | {"revision": None, "source": "disk", "at": 1790000000}
            key = f"guest/{uuid.uuid5(uuid.NAMESPACE_DNS, f'{i}.example.org')}"
            upgraded = {"state": "done", "batch": "2026-01-01-00aa", "plan": "x" * 7000}
            for k, v in ((key, os), (key.replace("guest/", "vm/"), upgraded)):
                db.execute("INSERT INTO record VALUES (?, 1, ?)", (k, json.dumps(v).encode()))


if sys.argv[1] == "guests":
    guests(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "list":
    listing(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    idle(float(sys.argv[2]), sys.argv[3:])
