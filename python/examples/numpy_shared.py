#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""NumPy over shared memory: children change rows of a matrix in place, and the parent sees it.

    PYTHONPATH=build/python python3 python/examples/numpy_shared.py [fork|spawn|forkserver]     (fork)

A child that is not forked gets the Array by pickle, and so the same memory: no number is copied.
"""

import sys

import numpy
import stoa

ROWS, COLUMNS = 8, 1000


def as_matrix(shared):
    return numpy.asarray(shared).reshape(ROWS, COLUMNS)  # a view: the numbers stay where they are


def work(shared, row):
    matrix = as_matrix(shared)
    matrix[row] *= row  # rows of its own: elements that two change at once need the Array's add()
    matrix[row] += 1


def main(method="fork"):
    context = stoa.get_context(method)
    shared = context.Array("d", ROWS * COLUMNS)
    matrix = as_matrix(shared)
    matrix[:] = numpy.arange(COLUMNS)
    workers = [context.Process(target=work, args=(shared, row)) for row in range(ROWS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = numpy.outer(numpy.arange(ROWS), numpy.arange(COLUMNS)) + 1
    assert (matrix == expected).all()
    assert shared[-1] == matrix[-1, -1]  # the Array and the view are one
    print(f"{ROWS} processes ({method}) changed a matrix in place, whose sum is {matrix.sum():.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
