#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two processes count up one number, and no lock: the count is exact.

    PYTHONPATH=build/python python3 python/examples/counter.py [TIMES]     (1,000,000 each)

With multiprocessing each step would be `with hits.get_lock(): hits.value += 1`.
"""

import sys

from stoa import Process, Value


def count(hits, times):
    for _ in range(times):
        hits.add(1)  # one atomic step; hits.value += 1 would be two


def main(times=1_000_000):
    hits = Value("q", 0)
    processes = [Process(target=count, args=(hits, times)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert hits.value == 2 * times
    print(f"2 processes counted to {hits.value}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
