#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""stoa run beside xargs -P and GNU parallel: pool.py [--rounds N] [--jobs N] [--part P] STOA

Each row is one piece of work, done by each of them in turns; what is told is the median of the rounds, of time on the
clock and of processor time (of the program and all that it started): the second is worth more on a busy machine.  What
comes out of the first round is compared with what must.  Prints a table in Markdown; what is not installed is named above it.

Exit status: 0 measured, 1 something came out wrong, 2 it could not be tried.
"""
import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


PACKAGES = {"xargs -P": "findutils", "parallel": "parallel"}


def is_here(peer):
    """Another parallel, of moreutils, is none."""
    program = peer.split()[0]
    if not shutil.which(program):
        return False
    version = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    return "GNU" in version


def digest(data):
    return hashlib.sha256(data).hexdigest()


def unordered(data):
    return digest(b"\n".join(sorted(data.split(b"\n"))))


def total(data):
    return sum(map(int, data.split()))


class Work:
    """One row: `lines` of input, of which each command makes what `seen` finds `right`."""

    def __init__(self, name, lines, rate, commands, seen, right):
        self.exact = seen is not total  # of counts there may be more or fewer
        self.name, self.lines, self.rate, self.commands = name, lines, rate, commands
        self.seen, self.right = seen, right
        self.sizes = {}
        self.given = tempfile.NamedTemporaryFile()
        self.given.write(lines)
        self.given.flush()

    def rate_text(self, seconds):
        if self.rate == "MB":
            return f"{len(self.lines) / 1e6 / seconds:,.0f} MB/s"
        return f"{self.lines.count(bytes([10])) / seconds:,.0f} {self.rate}/s"


def numbers(count):
    return b"".join(b"%d\n" % n for n in range(count))


def all_work(stoa, jobs, part):
    run = [stoa, "run", "-j", str(jobs)]
    parallel = ["parallel", "--will-cite", "-j", str(jobs)]
    xargs = ["xargs", "-d", "\n", "-n", "1", "-P", str(jobs)]
    few, some = max(1, int(200 * part)), max(1, int(4000 * part))
    bulk = numbers(max(1, int(10_000_000 * part)))
    nothing = digest(b"")
    count = bulk.count(b"\n")
    yield Work("one line, `echo`: start-up", b"1\n", "runs", {
        "stoa run": [*run, "--each", "echo"], "xargs -P": [*xargs, "echo"], "parallel": [*parallel, "echo"],
    }, digest, digest(b"1\n"))  # fmt: skip
    yield Work(f"{some:,} lines, `true` for each", numbers(some), "jobs", {
        "stoa run": [*run, "--each", "true"], "xargs -P": [*xargs, "true"],
    }, digest, nothing)  # fmt: skip
    yield Work(f"{few:,} lines, `true` for each", numbers(few), "jobs", {
        "stoa run": [*run, "--each", "true"], "xargs -P": [*xargs, "true"], "parallel": [*parallel, "true"],
    }, digest, nothing)  # fmt: skip
    yield Work(f"{few:,} lines, `echo` for each, in their order", numbers(few), "jobs", {
        "stoa run": [*run, "-k", "--each", "echo"], "parallel": [*parallel, "-k", "echo"],
    }, digest, digest(numbers(few)))  # fmt: skip
    yield Work(f"{len(bulk) // 1_000_000} MB of {count:,} lines through `wc -l`", bulk, "MB", {
        "stoa run": [*run, "wc", "-l"], "parallel": [*parallel, "--pipe", "wc", "-l"],
    }, total, count)  # fmt: skip
    yield Work(f"{len(bulk) // 1_000_000} MB of {count:,} lines through `cat`", bulk, "MB", {
        "stoa run": [*run, "cat"], "parallel": [*parallel, "--pipe", "cat"],
    }, unordered, unordered(bulk))  # fmt: skip
    yield Work("the same, in their order", bulk, "MB", {
        "stoa run": [*run, "-k", "cat"], "parallel": [*parallel, "-k", "--pipe", "cat"],
    }, digest, digest(bulk))  # fmt: skip


def measure(work, name, first):
    """Seconds on the clock, and of processors.  The output is looked at in the first round; later its size must do."""
    with open(work.given.name, "rb") as given, tempfile.TemporaryFile() as out:
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        status = subprocess.run(work.commands[name], stdin=given, stdout=out).returncode
        clock, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        size = os.fstat(out.fileno()).st_size
        if first:
            out.seek(0)
            work.sizes[name] = size
            status = status or work.seen(out.read()) != work.right
        if status or (size != work.sizes[name] and work.exact):
            sys.exit(f"stoa: {name}: {work.name}: status {status}, or the wrong output")
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(work, rounds, peers):
    names = [name for name in work.commands if name in peers]
    times = {name: [] for name in names}
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            times[name].append(measure(work, name, turn == 0))
    cells = []
    for name in peers:
        if name not in times:
            cells.append("–")
            continue
        clock, cpu = (statistics.median(column) for column in zip(*times[name]))
        cells.append(f"{clock * 1e3:,.1f} ms, {work.rate_text(clock)}; {cpu * 1e3:,.1f} ms")
    print(f"| {work.name} | {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--part", type=float, default=1.0, help="of the work, to try it out")
    parser.add_argument("stoa")
    arguments = parser.parse_args()
    stoa = str(Path(arguments.stoa).resolve())
    if not shutil.which(stoa):
        print(f"stoa: {arguments.stoa}: no such program", file=sys.stderr)
        return 2
    peers = ["stoa run", *filter(is_here, PACKAGES)]
    missing = [package for peer, package in PACKAGES.items() if peer not in peers]
    print(f"{arguments.jobs} at once, medians of {arguments.rounds} rounds: clock, rate; processor time\n")
    if missing:
        print(f"not here: {', '.join(missing)} (packages of Debian)\n")
    print(f"| | {' | '.join(peers)} |\n|---|{'---|' * len(peers)}")
    for work in all_work(stoa, arguments.jobs, arguments.part):
        report(work, arguments.rounds, peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
