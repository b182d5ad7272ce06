#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The Python package beside multiprocessing: bench.py [--seconds S] [SECTION ...]

Both are measured in turns, several times, and the best of each counts: noise only ever adds.  What is measured is
processor time of this process, so that other programs disturb little.  A section is a function below whose
name begins with bench_; it yields (what, statement of stoa's, the same of multiprocessing's, names).
"""

import argparse
import ctypes
import multiprocessing
import time
import timeit

import stoa


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def both(make):
    """The same object made by each: what `make` does with either module."""
    return {"ours": make(stoa), "theirs": make(multiprocessing)}


def bench_value():
    names = both(lambda m: m.Value("i", 5))
    yield "Value: get", "ours.value", "theirs.value", names
    yield "Value: set", "ours.value = 3", "theirs.value = 3", names
    locked = "with theirs.get_lock(): theirs.value += 1"
    yield "Value: add 1, atomically", "ours += 1", locked, names
    yield "the same by add()", "ours.add(1)", locked, names
    yield "the same under the lock", "with ours.get_lock(): ours.value += 1", locked, names
    yield "a Value made and collected", 'ours("i", 5)', 'theirs("i", 5)', both(lambda m: m.Value)


def bench_array():
    names = both(lambda m: m.Array("d", range(1000)))
    yield "Array: an item", "ours[500]", "theirs[500]", names
    yield "Array: set an item", "ours[500] = 1.5", "theirs[500] = 1.5", names
    yield "Array: add to an item", "ours.add(500, 1)", "with theirs.get_lock(): theirs[500] += 1", names
    yield "Array: 10 of 1,000 doubles", "ours[100:110]", "theirs[100:110]", names
    names = both(lambda m: m.Array("d", range(10**6)))
    yield "Array: [:] of 10^6 doubles, a list", "ours[:]", "theirs[:]", names
    yield "Array: sum of 10^6 doubles in place", "sum(memoryview(ours))", "sum(theirs[:])", names
    names["list"] = [1.5] * 10**6
    yield "Array: [:] = a list of 10^6 doubles", "ours[:] = list", "theirs[:] = list", names


def bench_struct():
    names = both(lambda m: m.Value(Point, 1, 2))
    yield "struct: a field", "ours.x", "theirs.x", names
    yield "struct: all of it, whole", "ours.load()", "with theirs.get_lock(): theirs.x, theirs.y", names


def timed(statement, names, seconds):
    """A timer, and how often it is to run to take about `seconds`."""
    given = {"_" + name: given for name, given in names.items()}
    setup = "; ".join(f"{name} = _{name}" for name in names)  # as local names
    timer = timeit.Timer(statement, setup, globals=given, timer=time.process_time)
    number = 1
    while (took := timer.timeit(number)) < seconds / 10:
        number *= 4 if took < seconds / 100 else 2
    return timer, number


def measure(ours, theirs, names, seconds):
    runs = [timed(statement, names, seconds) for statement in (ours, theirs)]
    results = [[timer.timeit(number) / number for timer, number in runs] for _ in range(7)]
    return [min(result) for result in zip(*results)]


def text(seconds):
    return f"{seconds * 1e9:.0f} ns" if seconds < 1e-5 else f"{seconds * 1e3:.3f} ms"


def main():
    sections = {name[len("bench_") :]: f for name, f in globals().items() if name.startswith("bench_")}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("section", nargs="*", help=", ".join(sections))
    arguments = parser.parse_args()
    print(f"{'':40}{'stoa':>12}{'multiprocessing':>18}{'times':>9}")
    for section in arguments.section or sections:
        for what, ours, theirs, names in sections[section]():
            a, b = measure(ours, theirs, names, arguments.seconds)
            print(f"{what:40}{text(a):>12}{text(b):>18}{b / a:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
