#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""promcheck.py EARLIER LATER: two answers of /metrics, as Prometheus' text format 0.0.4 has to be: each family once and
in one piece, with HELP and TYPE before its samples, no sample twice, labels quoted and escaped, values that are
numbers, counters that are called _total and do not become less; the same series in both. What is wrong goes to
standard error; exit status 1 then."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"(?P<name>{NAME})(?:\{{(?P<labels>{LABEL}(?:,{LABEL})*),?\}})? (?P<value>[^ ]+)(?: -?[0-9]+)?")
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


class Wrong(Exception):
    """What is not as it should be."""


def take_comment(words, families, state):
    kind, name, rest = words[1], words[2], words[3]
    if not re.fullmatch(NAME, name):
        raise Wrong("a name that is none")
    if kind == "HELP":
        if name in families:
            raise Wrong("a family that comes twice")
        if re.search(r"\\(?![\\n])", rest):
            raise Wrong("HELP has an escape that is none")
        families[name] = None
        state["now"] = name
    elif kind == "TYPE":
        if state["now"] != name or families[name] is not None:
            raise Wrong("TYPE is not behind its HELP")
        if rest not in TYPES:
            raise Wrong("a type that is none")
        if (rest == "counter") != name.endswith("_total"):
            raise Wrong("counters, and they alone, are called _total")
        families[name] = rest


def take_sample(line, families, state, samples):
    m = SAMPLE.fullmatch(line)
    if not m:
        raise Wrong("no sample")
    if state["now"] != m["name"] or families.get(m["name"]) is None:
        raise Wrong("a sample outside of its family")
    labels = tuple(sorted((k, v) for k, v in re.findall(LABEL, m["labels"] or "")))
    if len({k for k, _ in labels}) != len(labels) or any(k.startswith("__") for k, _ in labels):
        raise Wrong("a label twice, or a name that is kept")
    if (m["name"], labels) in samples:
        raise Wrong("a sample twice")
    samples[m["name"], labels] = float(m["value"])


def parse(text):
    families, samples, state = {}, {}, {"now": None}
    if not text.endswith("\n"):
        raise Wrong("the last line has no end")
    for line in text[:-1].split("\n"):
        words = line.split(" ", 3)
        try:
            if line.startswith("# ") and len(words) == 4 and words[1] in ("HELP", "TYPE"):
                take_comment(words, families, state)
            elif line and not line.startswith("#"):
                take_sample(line, families, state, samples)
        except (Wrong, ValueError) as why:
            raise Wrong(f"{why}: {line}") from why
    if not samples or None in families.values():
        raise Wrong("a family without TYPE, or nothing at all")
    return families, samples


def main():
    try:
        (families, before), (_, after) = (parse(open(p, encoding="utf-8").read()) for p in sys.argv[1:3])
        if before.keys() != after.keys():
            raise Wrong(f"other series: {before.keys() ^ after.keys()}")
        for key, value in after.items():
            if families[key[0]] == "counter" and value < before[key]:
                raise Wrong(f"a counter that becomes less: {key}")
    except Wrong as why:
        print(why, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
