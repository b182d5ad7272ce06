#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A sensor's last frame, a struct: one process writes it, others read it whole, and nobody waits for anybody.

    PYTHONPATH=build/python python3 python/examples/frame.py [FRAMES]     (2,000)

All samples of a frame are its number, so a frame that is made of two would be seen.
"""

import ctypes
import sys

from stoa import Process, Queue, Value

SAMPLES, READERS = 64, 3


class Frame(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint64), ("samples", ctypes.c_double * SAMPLES)]


def read(shared, last, counts):
    frame, before, count = shared.load(), 0, 0
    while True:
        assert set(frame.samples) == {frame.number}, "torn"
        assert frame.number >= before, "older than the one before it"
        before, count = frame.number, count + 1
        if before == last:
            break
        shared.wait(frame)  # until it is another one
        frame = shared.load()
    counts.put(count)


def main(last=2000):
    shared, counts = Value(Frame), Queue()
    readers = [Process(target=read, args=(shared, last, counts)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for number in range(1, last + 1):
        shared.store(Frame(number, (ctypes.c_double * SAMPLES)(*[number] * SAMPLES)))
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0] * READERS
    seen = [counts.get() for _ in readers]
    assert 1 <= min(seen) and max(seen) <= last + 1  # not all: each read is of the newest one
    print(f"{READERS} readers saw frames of {last}, none torn")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
