#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tables.py TABLE JSON LIST COLUMN=PATH...: a table of surety and the answer of the management API are the same.

Each row of the table is compared with each element of LIST (a.b in the JSON file): every cell with what PATH leads to.
"PATH@" is a time, exact; "PATH~" one as people say it; "PATH+" a list.  A table has a line of titles, and columns that
begin where their titles do.  Prints what differs.
"""
import json
import re
import sys
import time
import unicodedata

HIDDEN = ("Cc", "Cf", "Zl", "Zp")      # what a terminal must not get
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400, "year": 365 * 86400}


def member(o, path):
    for name in path.split(".") if path else []:
        o = o.get(name) if isinstance(o, dict) else None
    return o


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cells(line, starts):
    """By columns of the terminal, not by characters."""
    at, found = 0, [""] * len(starts)
    for c in line:
        here = max(i for i, s in enumerate(starts) if s <= at)
        found[here] += c
        at += columns_of(c)
    return [f.strip() for f in found]


def table(path):
    lines = open(path, encoding="utf-8").read().splitlines()
    titles = [(m.group(), m.start()) for m in re.finditer(r"\S+(?: \S+)*", lines[0])]
    return [dict(zip((t for t, _ in titles), cells(line, [s for _, s in titles]))) for line in lines[1:]]


def seconds(value):
    return time.mktime(time.strptime(value, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def same_when(cell, value):
    if not value:
        return cell == "-"
    m = re.fullmatch(r"(in )?(\d+) (\w+?)s?( ago)?", cell)
    if cell != "now" and (not m or bool(m[1]) == bool(m[4]) or m[3] not in UNITS):
        return False
    off = 0 if cell == "now" else int(m[2]) * UNITS[m[3]] * (1 if m[1] else -1)
    return abs(seconds(value) - time.time() - off) <= (UNITS[m[3]] if m else 1) + 60


def wanted(value, kind):
    if kind == "+":
        value = ",".join(value)
    text = "-" if value is None or value == "" else str(value)
    return "".join("?" if unicodedata.category(c) in HIDDEN else c for c in text)


def differs(row, element, columns):
    for title, path in columns:
        kind = path[-1] if path[-1] in "@~+" else ""
        value = member(element, path[:-1] if kind else path)
        cell = row.get(title)
        good = same_when(cell or "", value) if kind == "~" else cell == wanted(value, kind)
        if not good:
            yield f"{title}: {cell!r} in the table, {value!r} in the answer"


def main():
    rows, answer = table(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
    elements = member(answer, sys.argv[3])
    columns = [c.split("=", 1) for c in sys.argv[4:]]
    bad = [] if len(rows) == len(elements) else [f"{len(rows)} rows, {len(elements)} elements"]
    for row, element in zip(rows, elements):
        bad += differs(row, element, columns)
    extra = sorted(set(rows[0]) - {c[0] for c in columns}) if rows else ["no rows"]
    bad += [f"not compared: {t}" for t in extra]
    print("\n".join(bad), end="")
    return 1 if bad else 0


sys.exit(main())
