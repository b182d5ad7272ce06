# SPDX-License-Identifier: BSD-2-Clause
#
# A function of Cython that works on shared numbers in place, without the interpreter's lock.  A typed
# memoryview takes a stoa.Array as it takes any buffer:
#
#   cython3 -3 smooth.pyx
#   cc -O2 -shared -fPIC $(python3-config --includes) smooth.c -o smooth.so
#   python3 smooth_processes.py

import cython


@cython.boundscheck(False)
@cython.wraparound(False)
def smooth(double[::1] numbers, Py_ssize_t first=1, Py_ssize_t end=-1):
    """Each of the numbers from `first` to `end` becomes the mean of itself and its neighbours."""
    cdef Py_ssize_t i
    cdef double before, mean
    if end < 0:
        end = numbers.shape[0] - 1
    if first < 1 or end > numbers.shape[0] - 1:
        raise ValueError("the first and the last number have one neighbour only")
    with nogil:
        before = numbers[first - 1]
        for i in range(first, end):
            mean = (before + numbers[i] + numbers[i + 1]) / 3
            before = numbers[i]
            numbers[i] = mean
