#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""stoa-bench works, whatever the figures are: test_bench.py STOA-BENCH PLOT

Every section runs once, small; its data is right; its JSON is whole; it fails where a queue loses messages.
Speaks TAP.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = os.path.abspath(sys.argv[1])
PLOT = sys.argv[2]
tests = 0


def check(sentence, good, seen=""):
    global tests
    tests += 1
    print(f"{'ok' if good else 'not ok'} {tests} - {sentence}", flush=True)
    if not good:
        print("\n".join("# " + line for line in str(seen).splitlines()), flush=True)


def run(*arguments):
    return subprocess.run([BENCH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")


def left_behind():
    return [str(path) for directory in ("/dev/shm", "/dev/mqueue") if os.path.isdir(directory)
            for path in Path(directory).glob("*stoa-bench-*") if str(path) not in before]


def check_json(path):
    data = json.loads(path.read_text())
    lines = run("--list").stdout.splitlines()
    listed = [line.split()[0] for line in lines if not line.startswith("not here")]
    check("every section of --list is in the JSON",
          set(listed) == {cell["section"] for cell in data["cells"]}, listed)
    rows = [(cell["section"], cell["name"], row) for cell in data["cells"] for row in cell["rows"]]
    bad = [row for row in rows if any(sample["outcome"] == "bad" for sample in row[2]["samples"])]
    check("no sample is bad", not bad and data["good"], bad)
    ours = [row for row in rows if row[2]["kind"] == "ours"]
    check("stoa answers every question", all("median" in row[2] for row in ours) and
          {row[:2] for row in ours} == {row[:2] for row in rows}, ours)
    lost = [row for row in rows if "median" in row[2] and not
            row[2]["least"] <= row[2]["median"] <= row[2]["most"]]
    check("each median is between its extremes", not lost, lost)
    named = {row[2]["name"] for row in rows}
    wanted = {"ck_ring", "ck_sequence", "Vyukov cells", "cached-index ring", "seqlock", "mutex",
              "robust mutex", "rwlock", "pipe", "UNIX stream", "UNIX seqpacket", "POSIX mq"}
    check("those peers are there that need no package more", wanted <= named, wanted - named)
    for text, peer in (("rte_ring", "rte_ring"), ("boost", "boost queue"), ("ZeroMQ", "ZeroMQ ipc")):
        missing = any(text in name for name in data["missing"])
        check(f"{peer} is there, or named as missing", missing != (peer in named), data["missing"])


def check_plot(path, directory):
    global tests
    if not shutil.which("gnuplot"):
        tests += 1
        print(f"ok {tests} - plots # SKIP gnuplot is not installed")
        return
    done = subprocess.run([sys.executable, PLOT, str(path), str(directory)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    files = list(directory.glob("*.svg")) + list(directory.glob("*.png")) + list(directory.glob("report.md"))
    check("plots and a report are made of it",
          done.returncode == 0 and {file.suffix for file in files} == {".svg", ".png", ".md"} and
          all(file.stat().st_size for file in files), done.stdout)


before = set()
before = set(left_behind())
with tempfile.TemporaryDirectory() as temporary:
    out = Path(temporary, "quick.json")
    done = run("--quick", "--json", str(out))
    check("--quick runs every section and ends with 0", done.returncode == 0, done.stdout)
    check("the last line says so", done.stdout.splitlines()[-1].startswith("stoa-bench: everything works"),
          done.stdout[-500:])
    if out.exists():
        check_json(out)
        check_plot(out, Path(temporary))
done = run("--quick", "--threads", "--sections", "spsc,rtt,mpmc,value,scalar,wake,sizes")
check("it runs with threads", done.returncode == 0, done.stdout)
done = run("--quick", "--sections", "spsc", "--broken", "--cells", "single")
check("a queue that loses messages fails, with status 1",
      done.returncode == 1 and "DATA CHECK FAILED" in done.stdout and
      "FAILED" in done.stdout.splitlines()[-1], done.stdout)
for wrong in (["--reps", "0"], ["--sections", "nonsense"], ["--cores", "9999"], ["stray"], ["--nonsense"]):
    done = run(*wrong)
    check(f"{' '.join(wrong)} is refused with status 2", done.returncode == 2, done.stdout)
check("nothing is left behind", not left_behind(), left_behind())
print(f"1..{tests}")
