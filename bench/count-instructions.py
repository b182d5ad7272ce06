#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts the instructions of single operations by callgrind, and compares with a table.

    count-instructions.py [--update] PROGRAM TABLE

An operation may take up to 3 % more than the table says; what takes over 3 % less is told, too, so that the
table is kept up to date: with --update it is written anew.  The counts belong to one compiler, its options
and one architecture: the table names them in its first line, and elsewhere the comparison is skipped, as it is
without valgrind.

Speaks TAP.  Exit status: 0 as the table says, 1 not, 2 it could not be tried.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = [
    ("spsc", 8), ("spsc", 64), ("spsc", 1024),
    ("mpmc", 8), ("mpmc", 64), ("mpmc", 1024),
    ("pack", 8), ("pack", 64),
    ("value", 64), ("value", 1024),
    ("others", 0),
]
COUNT = 512  # as in instructions.c
MARGIN = 0.03
COUNTED = re.compile(r"^\s*([\d,]+) .*:count_(\w+)(?: \[.*)?$")


def instructions(program, kind, size, directory):
    """{operation: instructions of one}"""
    out = Path(directory, f"{kind}-{size}")
    subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=measured", f"--callgrind-out-file={out}",
         program, kind, str(size)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    text = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", "--show=Ir", str(out)],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in text.splitlines():
        match = COUNTED.match(re.sub(r"\s*\([ \d.]+%\)", " ", line))
        if match:
            found[match.group(2)] = int(match.group(1).replace(",", "")) / COUNT
    return {f"{kind} {size} {name}" if size else name: count for name, count in found.items()}


def measure(program):
    counts = {}
    with tempfile.TemporaryDirectory() as directory:
        for kind, size in RUNS:
            counts.update(sorted(instructions(program, kind, size, directory).items()))
    return counts


def read_table(path):
    """What it was made with, and {operation: instructions}"""
    lines = path.read_text().splitlines()
    counts = {}
    for line in lines[1:]:
        if line and not line.startswith("#"):
            name, count = line.rsplit(maxsplit=1)
            counts[name] = float(count)
    return lines[0].removeprefix("# ").strip() if lines else "", counts


def write_table(path, made_with, counts):
    with path.open("w") as file:
        print(f"# {made_with}", file=file)
        print("#\n# Instructions of one operation (of a burst of 32: of one message).  Written by", file=file)
        print("# count-instructions.py --update; the test of that name allows 3 % more.\n", file=file)
        for name, count in counts.items():
            print(f"{name:32}{count:10.1f}", file=file)


def compare(wanted, counts):
    print(f"1..{len(set(wanted) | set(counts))}")
    failed = 0
    for number, name in enumerate(sorted(set(wanted) | set(counts)), 1):
        if name not in wanted or name not in counts:
            where = "table" if name not in wanted else "program"
            print(f"not ok {number} - {name} # it is not in the {where}")
            failed += 1
            continue
        before, now = wanted[name], counts[name]
        good = now <= before * (1 + MARGIN) + 0.5
        note = "" if now >= before * (1 - MARGIN) - 0.5 else ": fewer, the table wants --update"
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        print(f"# {name}: {now:.1f} instructions, {before:.1f} in the table{note}")
        failed += not good
    return 1 if failed else 0


def skip(why):
    print(f"1..1\nok 1 - instructions of single operations # SKIP {why}")
    return 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--made-with", default="", help="compiler, options, architecture")
    parser.add_argument("program")
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    if not shutil.which("valgrind") or not shutil.which("callgrind_annotate"):
        return skip("valgrind is not installed")
    if not os.access(arguments.program, os.X_OK):
        print(f"Bail out! there is no {arguments.program}")
        return 2
    made_with, wanted = read_table(arguments.table) if arguments.table.exists() else ("", {})
    if not arguments.update and made_with != arguments.made_with:
        return skip(f"the table is for {made_with}, and this is {arguments.made_with}")
    try:
        counts = measure(arguments.program)
    except subprocess.CalledProcessError as error:
        print(f"Bail out! {error}")
        print("\n".join("# " + line for line in (error.stderr or b"").decode(errors="replace").splitlines()))
        return 2
    if arguments.update:
        write_table(arguments.table, arguments.made_with, counts)
        return 0
    return compare(wanted, counts)


if __name__ == "__main__":
    sys.exit(main())
