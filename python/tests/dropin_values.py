# SPDX-License-Identifier: BSD-2-Clause
"""A program of multiprocessing: it must print the same when its import line names stoa.  Argument: a start method."""

import ctypes
import sys

import multiprocessing
from multiprocessing import sharedctypes


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def modify(number, text, single, points, array, raw):
    number.value **= 2
    single.value **= 2
    text.value = text.value.upper()
    for point in points:
        point.x **= 2
        point.y **= 2
    with array.get_lock():
        for i in range(len(array)):
            array[i] = -array[i]
    raw[1] += 1


def count(number, lock, times):
    for _ in range(times):
        with number.get_lock():
            number.value += 1
        with lock:
            pass


def told(call, *args):
    try:
        return call(*args)
    except Exception as error:
        return type(error).__name__, str(error)


def show_faults():
    number, array = multiprocessing.Value("i"), multiprocessing.Array("h", 3)
    for wrong in ("a", 1.5, None, 2**33 + 5, True):
        print(told(setattr, number, "value", wrong), number.value)
        print(told(array.__setitem__, 1, wrong), array[:])
    for index in (3, -4, "x", 1.0, None, 2**70, -(2**70)):
        print(told(array.__getitem__, index))
    print(told(array.__setitem__, slice(0, 2), [1]), told(delattr, number, "value")[0])
    for wrong in (("i", "a"), ("i", 1.5), ("zz",), ("i", 1, 2), ("d", 10**400), ("c", b"ab"), (None,)):
        print(told(lambda: multiprocessing.Value(*wrong).value))
    for wrong in (("i", -1), ("i", 2.5), ("i", None), ("i", "abc"), ("i", [1, "a"]), ("i", [1.5]), ("d", ["a"])):
        print(told(lambda: multiprocessing.Array(*wrong)[:]))


def show_kinds():
    things = number, array, text = [
        multiprocessing.Value("i"),
        multiprocessing.Array("i", 2),
        multiprocessing.Array("c", 2),
    ]
    print([isinstance(thing, sharedctypes.SynchronizedBase) for thing in things])
    print(isinstance(number, sharedctypes.Synchronized), isinstance(array, sharedctypes.SynchronizedArray))
    print(isinstance(text, sharedctypes.SynchronizedString), isinstance(array, sharedctypes.SynchronizedString))


def show(method):
    multiprocessing.set_start_method(method)
    lock = multiprocessing.RLock()
    number = multiprocessing.Value("i", 7)
    single = multiprocessing.Value(ctypes.c_double, 1.0 / 3.0, lock=False)
    text = multiprocessing.Array("c", b"hello world", lock=lock)
    points = multiprocessing.Array(Point, [(1.875, -6.25), (-5.75, 2.0), (2.375, 9.5)], lock=lock)
    array = multiprocessing.Array("d", range(5))
    raw = sharedctypes.RawArray("h", 3)
    process = multiprocessing.Process(target=modify, args=(number, text, single, points, array, raw))
    process.start()
    process.join()
    print(process.exitcode, number.value, single.value, text.value, [(p.x, p.y) for p in points])
    print(array[:], array[1:4], array[::-2], len(array), raw[:], number, text.raw[:3])
    with number:
        number.value = 0
    processes = [multiprocessing.Process(target=count, args=(number, lock, 100)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(number.value, number.get_obj(), number.get_lock().acquire(), number.get_lock().release())
    point = multiprocessing.Value(Point, 1, 2)
    with point.get_lock():
        point.x += 5
    print(point.x, point.y, point.get_obj().x, sharedctypes.copy(single).value)
    print(type(sharedctypes.synchronized(single, lock)).__name__, sharedctypes.RawValue("u", "x").value)
    for wrong in (lambda: multiprocessing.Value("x"), lambda: multiprocessing.Array("i", [1.5]), lambda: array[9]):
        try:
            wrong()
        except Exception as error:
            print(type(error).__name__)


if __name__ == "__main__":
    show(sys.argv[1])
    show_faults()
    show_kinds()
