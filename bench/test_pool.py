#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pool.py works, whatever the figures are: test_pool.py STOA

Speaks TAP.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STOA = os.path.abspath(sys.argv[1])
POOL = Path(__file__).with_name("pool.py")


def run(stoa):
    return subprocess.run([sys.executable, POOL, "--rounds", "1", "--part", "0.005", stoa], capture_output=True, text=True)


def check(number, sentence, good, seen):
    print(f"{'ok' if good else 'not ok'} {number} - {sentence}", flush=True)
    if not good:
        print("\n".join("# " + line for line in str(seen).splitlines()), flush=True)


print("1..3")
answer = run(STOA)
table = [line for line in answer.stdout.splitlines() if line.startswith("|")]
head, _, *rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in table]
column = head.index("stoa run")
figures = [row[column] for row in rows]
check(1, "stoa run answers every question",
      answer.returncode == 0 and len(rows) >= 7 and all(re.match(r"[\d.,]+ ms, [\d.,]+ ", figure) for figure in figures),
      answer)
there = " ".join(head) + " " + "".join(line for line in answer.stdout.splitlines() if line.startswith("not here"))
check(2, "the others are there, or named as missing", "xargs" in there and "parallel" in there, answer)
with tempfile.TemporaryDirectory() as directory:
    idle = Path(directory, "stoa")
    idle.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    idle.chmod(0o755)
    answer = run(idle)
    check(3, "a pool that does not do the work has no figure", answer.returncode != 0, answer)
