#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures surety against the same conversion by other means; ./bench calls it and says what its options are.

Figures are never tests: a missed target is printed, the exit status stays 0. It is 1 when something did not run, or
when a converted disk is not right.
"""
import argparse
import json
import os
import statistics
import sys
import time

import qemu
import runs

MIB = 1 << 20
SIZES = ("4G", "20G", "200G", "8T")
RSS_LIMIT = 48 << 10
GAP = 102 << 20         # an ESP, its alignment and the backup table: what an export, which cannot grow, has to offer


def say(text=""):
    print(text, flush=True)


def ms(seconds):
    return "%.1f" % (seconds * 1e3)


class Report:
    def __init__(self):
        self.times, self.figures, self.data = {}, [], {}

    def time(self, name, seconds, cpu=None):
        entry = self.times.setdefault(name, {"wall": [], "cpu": []})
        entry["wall"].append(seconds)
        if cpu is not None:
            entry["cpu"].append(cpu)

    def wall(self, name):
        return self.times[name]["wall"]

    def median(self, name):
        return statistics.median(self.wall(name))

    def figure(self, name, value, target, ok, note=""):
        self.figures.append({"name": name, "value": value, "target": target, "pass": ok, "note": note})

    def ratio(self, name, a, b, limit, at_most=True):
        if a not in self.times or b not in self.times:
            return
        value = self.median(a) / self.median(b)
        pairs = statistics.median(x / y for x, y in zip(self.wall(a), self.wall(b)))
        self.figure(name, "%.3fx" % value, "%s %gx" % ("<=" if at_most else ">=", limit),
                    value <= limit if at_most else value >= limit, "median of each round's ratio: %.3fx" % pairs)


def commands(bench):
    """name -> (format, arguments for an image)"""
    def script(name):
        return lambda image: [os.path.join(runs.HERE, name), image, bench.efi]

    return {
        "surety convert, qcow2": ("qcow2", bench.convert_argv),
        "surety convert, raw": ("raw", bench.convert_argv),
        "convert-nbd.py, qcow2": ("qcow2", script("convert-nbd.py")),
        "convert-hand.sh, raw": ("raw", script("convert-hand.sh")),
        "convert-guestfish.sh, qcow2": ("qcow2", script("convert-guestfish.sh")),
    }


def convert_once(bench, report, name, fmt, argv, counted):
    image = bench.fresh(bench.master("20G", fmt), "copy." + fmt)
    wall, cpu, _ = runs.run(bench, argv(image))
    runs.verify_converted(bench, image, fmt)
    if counted:
        report.time(name, wall, cpu)
    if name.startswith("surety"):
        back, cpu, _ = runs.run(bench, bench.rollback_argv(image))
        runs.verify_rolled_back(bench, image, fmt)
        if counted:
            report.time(name.replace("convert", "rollback"), back, cpu)
    bench.remove(image)
    return wall


def compare(bench, report, opt):
    """In turn, so that what else the machine does meets all alike; each round begins with another one."""
    every = commands(bench)
    for r in range(opt.rounds + 1):
        names = list(every)
        names = [n for n in names[r % len(names):] + names[:r % len(names)]
                 if "guestfish" not in n or 0 < r <= opt.guestfish_rounds]
        line = []
        for name in names:
            fmt, argv = every[name]
            wall = convert_once(bench, report, name, fmt, argv, r > 0)
            line.append("%s %s" % (name, ms(wall)))
        say("  round %s, ms: %s" % (r if r else "0 (not counted)", "; ".join(line)))


def inspect(bench, report, opt):
    for r in range(opt.inspect_rounds + 1):
        for fmt in ("raw", "qcow2"):
            wall, cpu, _ = runs.run(bench, bench.inspect_argv(bench.master("20G", fmt)))
            if r:
                report.time("surety inspect, " + fmt, wall, cpu)
    value = report.median("surety inspect, raw")
    report.figure("inspect on raw, median of %d" % opt.inspect_rounds, ms(value) + " ms", "< 60 ms", value < 0.060)


def sized(bench, size, extra=0):
    """The 4 GiB guest on a disk of another size; the same partitions, so that only the disk's size differs"""
    image = bench.fresh(bench.master("4G", "qcow2"), "sized.qcow2")
    runs.tool("qemu-img", "resize", "-q", "-f", "qcow2", image, size)
    if extra:
        runs.tool("qemu-img", "resize", "-q", "-f", "qcow2", image, "+%d" % extra)
    fd = os.open(image, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    return image


def sizes(bench, report, opt):
    """Time and bytes must not depend on how large the disk is."""
    name = "surety convert, %s"
    for r in range(opt.rounds + 1):
        for size in SIZES[r % len(SIZES):] + SIZES[:r % len(SIZES)]:
            image = sized(bench, size)
            wall, cpu, text = runs.run(bench, bench.convert_argv(image))
            if r == 0:
                runs.verify_converted(bench, image, "qcow2")
                bytes_figures(report, size, json.loads(text), os.path.getsize(image + ".surety-undo"))
            else:
                report.time(name % size, wall, cpu)
            bench.remove(image)
    medians = [report.median(name % size) for size in SIZES]
    spread = max(medians) / min(medians) - 1
    least = [min(report.wall(name % size)) for size in SIZES]
    report.figure("time for %s to %s" % (SIZES[0], SIZES[-1]), "within %.1f %%" % (spread * 100), "within 10 %",
                  spread <= 0.10, "medians %s ms; minima within %.1f %%" %
                  (", ".join(map(ms, medians)), (max(least) / min(least) - 1) * 100))


def bytes_figures(report, size, said, journal):
    limit = said["esp"]["content"] + 2 * MIB
    report.data.setdefault("bytes", {})[size] = entry = {
        "written": said["written"], "esp_content": said["esp"]["content"], "limit": limit, "journal": journal}
    report.figure("bytes written, %s, by surety" % size, "%d" % entry["written"], "<= %d" % limit,
                  entry["written"] <= limit, "and %d of journal" % journal)


def block_layer(bench, report):
    """The same again through an export that counts."""
    for size in SIZES:
        image = sized(bench, size, GAP)
        undo = bench.path("counted.undo")
        if os.path.exists(undo):
            os.unlink(undo)
        with qemu.counted(image, bench.work) as (uri, totals):
            _, _, text = runs.run(bench, bench.convert_argv(uri) + ["--undo", undo])
        runs.verify_converted(bench, image, "qcow2")
        said = json.loads(text)
        limit = said["esp"]["content"] + 2 * MIB
        disk, file = totals["disk"], totals["file"]
        report.data.setdefault("block_layer", {})[size] = dict(totals, written=said["written"])
        report.figure("bytes written, %s, by QEMU" % size, "%d" % disk["bytes"], "<= %d" % limit,
                      disk["bytes"] <= limit, "%d writes, %d flushes; %d to the qcow2 file; surety says %d" %
                      (disk["writes"], disk["flushes"], file["bytes"], said["written"]))
        os.unlink(undo)
        bench.remove(image)


def memory(bench, report):
    peaks = report.data.setdefault("peak_rss_kib", {})
    for fmt in ("qcow2", "raw"):
        image = bench.fresh(bench.master("20G", fmt), "copy." + fmt)
        for verb, argv in (("inspect", bench.inspect_argv(image)), ("convert", bench.convert_argv(image)),
                           ("rollback", bench.rollback_argv(image))):
            peak = peaks["%s, %s" % (verb, fmt)] = runs.memory(argv)
            largest = peak.pop("any")
            report.figure("peak RSS, %s, %s" % (verb, fmt), "%.1f MiB" % (largest / 1024), "< 48 MiB",
                          largest < RSS_LIMIT, "sampled: " + ", ".join(
                              "%s %.1f" % (n, kib / 1024) for n, kib in sorted(peak.items(), key=lambda x: -x[1])))
            peak["largest"] = largest
        bench.remove(image)


def ratios(report):
    ours, nbd, hand = "surety convert, qcow2", "convert-nbd.py, qcow2", "convert-hand.sh, raw"
    report.ratio("qcow2, against by hand on raw", ours, hand, 0.15)
    report.ratio("qcow2, against convert-nbd.py", ours, nbd, 0.5)
    report.ratio("guestfish, against qcow2", "convert-guestfish.sh, qcow2", ours, 60, at_most=False)


def print_report(report):
    say("\n%-32s %5s %9s %9s %9s %9s" % ("ms", "runs", "median", "min", "max", "CPU"))
    for name, t in report.times.items():
        w = t["wall"]
        say("%-32s %5d %9s %9s %9s %9s" % (name, len(w), ms(statistics.median(w)), ms(min(w)), ms(max(w)),
                                           ms(statistics.median(t["cpu"]))))
    say()
    for f in report.figures:
        verdict = "PASS" if f["pass"] else "MISS"
        say("%-4s %-34s %16s   target %-14s %s" % (verdict, f["name"], f["value"], f["target"], f["note"]))


def machine():
    return {"cpus": os.cpu_count(), "load": [round(x, 2) for x in os.getloadavg()], "time": int(time.time())}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--surety", required=True)
    p.add_argument("--dir", required=True)
    p.add_argument("--efi", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--guestfish-rounds", type=int, default=1)
    p.add_argument("--inspect-rounds", type=int, default=20)
    p.add_argument("--realtime", action="store_true")
    opt = p.parse_args()
    if opt.realtime:        # children inherit it
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    bench, report = runs.Bench(opt.surety, opt.dir, opt.efi), Report()
    begun = machine()
    say("  %d processors, load %s" % (begun["cpus"], begun["load"]))
    if begun["load"][0] > begun["cpus"] / 2 and not opt.realtime:
        say("  other programs are busy: wait for them, or see --realtime")
    inspect(bench, report, opt)
    compare(bench, report, opt)
    sizes(bench, report, opt)
    block_layer(bench, report)
    memory(bench, report)
    ratios(report)
    print_report(report)
    ended = machine()
    say("\nload %s at the beginning, %s at the end" % (begun["load"], ended["load"]))
    with open(opt.out, "w", encoding="ascii") as f:
        json.dump({"begun": begun, "ended": ended, "rounds": opt.rounds, "realtime": opt.realtime,
                   "seconds": report.times, "figures": report.figures, **report.data}, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    try:
        main()
    except runs.Failed as e:
        sys.exit("bench: %s" % e)
