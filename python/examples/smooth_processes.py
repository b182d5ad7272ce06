#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several processes smooth the rows of one shared table, each its own rows: see smooth.pyx."""

import stoa as multiprocessing
from smooth import smooth

ROWS, WIDTH, WORKERS = 40, 1000, 4


def work(table, next_row):
    while (row := next_row.add(1)) < ROWS:  # takes a row, atomically
        view = memoryview(table)[row * WIDTH : (row + 1) * WIDTH]
        for _ in range(10):
            smooth(view)


def main():
    first = [(i * i) % 97 for i in range(ROWS * WIDTH)]
    table = multiprocessing.Array("d", first)
    next_row = multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=work, args=(table, next_row)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    alone = multiprocessing.Array("d", first)
    work(alone, multiprocessing.Value("i", 0))
    print("the same" if alone[:] == table[:] else "different", "in one process and in", WORKERS)


if __name__ == "__main__":
    main()
