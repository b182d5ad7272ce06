#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Processes put squares into an Array, each into elements of its own, and their sum into a Value.

    PYTHONPATH=build/python python3 python/examples/squares.py [COUNT]     (10,000)

It differs from a program of multiprocessing in two lines: the import, and `total +=`, which needs no lock.
"""

import sys

from stoa import Array, Process, Value

WORKERS = 4


def work(first, squares, total):
    own = range(first, len(squares), WORKERS)
    squares[first::WORKERS] = [n * n for n in own]  # a slice is one call
    total += sum(n * n for n in own)  # of the object, not of its .value: one atomic step


def main(count=10_000):
    squares, total = Array("q", count), Value("q", 0)
    workers = [Process(target=work, args=(i, squares, total)) for i in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert squares[:] == [n * n for n in range(count)]
    assert total.value == sum(squares)
    print(f"{WORKERS} processes made {count} squares, whose sum is {total.value}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
