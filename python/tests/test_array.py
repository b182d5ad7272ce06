# SPDX-License-Identifier: BSD-2-Clause
"""Arrays of numbers, and of what else ctypes has."""

import ctypes
import multiprocessing
import os
import pickle

import pytest
from conftest import Counting, join, started

import stoa


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


SLICES = [
    slice(*args)
    for args in [
        (None,),
        (2, 5),
        (5, 2),
        (-3, None),
        (None, None, 2),
        (None, None, -1),
        (None, None, -3),
        (1, 100, 20),
        (100, None, -20),
        (3, 3),
        (-1000, 1000),
        (99, 3, -9),
    ]
]


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_elements_and_slices_are_those_of_multiprocessing(code):
    ours, theirs = stoa.Array(code, range(100)), multiprocessing.Array(code, range(100))
    assert len(ours) == 100 and list(ours) == list(theirs) == ours[:]
    for i in (0, 1, 99, -1, -100):
        assert ours[i] == theirs[i]
    for s in SLICES:
        assert ours[s] == theirs[s], s


@pytest.mark.parametrize("whole", [False, True])
def test_slices_are_written_as_in_a_list(whole):
    for s in SLICES:
        array, expected = stoa.Array("i", range(100), whole=whole), list(range(100))
        new = [-n for n in range(len(expected[s]))]
        array[s] = new
        expected[s] = new
        assert array[:] == expected, s


@pytest.mark.parametrize("index", [3, -4, 10**30, "x", 1.0, None])
def test_a_wrong_index_raises_as_in_multiprocessing(index):
    ours, theirs = stoa.Array("i", 3), multiprocessing.Array("i", 3)
    with pytest.raises(Exception) as error:
        theirs[index]
    with pytest.raises(error.type):
        ours[index]
    with pytest.raises(Exception) as error:
        theirs[index] = 1
    with pytest.raises(error.type):
        ours[index] = 1


def test_what_does_not_fit_into_a_slice_is_refused_and_changes_nothing():
    array = stoa.Array("i", [1, 2, 3])
    for wrong in ([1], [1, 2, 3, 4], ()):
        with pytest.raises(ValueError):
            array[:] = wrong
    for wrong in (5, [7, "x", 8], [7, 8, 1.5], None):
        with pytest.raises(TypeError):
            array[:] = wrong
    with pytest.raises(TypeError):
        del array[0]
    with pytest.raises(TypeError):
        array[0] = "x"
    assert array[:] == [1, 2, 3]


@pytest.mark.parametrize("args", [("i", -1), ("i", "abc"), ("x", 3), ("i", 1.5), ("i", None), ("i", [1, "x"]), ("i",)])
def test_what_is_no_array_raises_as_multiprocessing_does(args):
    with pytest.raises(Exception) as error:
        multiprocessing.Array(*args)
    with pytest.raises(error.type):
        stoa.Array(*args)


def test_an_array_begins_at_zero_also_in_memory_that_was_used():
    for whole in (False, True):
        for _ in range(3):
            array = stoa.Array("d", 100, whole=whole)
            assert array[:] == [0] * 100
            array[:] = range(100)
            del array


def test_an_array_may_be_empty():
    array = stoa.Array("i", 0)
    assert len(array) == 0 and array[:] == []


def test_arrays_of_characters_have_value_and_raw():
    ours, theirs = stoa.Array("c", b"hello"), multiprocessing.Array("c", b"hello")
    for array in (ours, theirs):
        array.value = b"hey"
        array[4] = b"!"
    assert (ours.value, ours.raw, ours[0], ours[0:2]) == (theirs.value, theirs.raw, theirs[0], theirs[0:2])
    again = pickle.loads(pickle.dumps(ours))
    again.raw = b"world"
    assert ours.value == b"world"
    assert stoa.Array("u", "häß")[:] == "häß"


def test_arrays_of_structs_are_written_through_their_elements(run):
    array = stoa.Array(Point, [(1, 2), (3, 4)])
    run(moved, array)
    assert [(p.x, p.y) for p in array] == [(11, 2), (13, 4)]


def moved(array):
    for i in range(len(array)):
        array[i].x += 10


def filled(array, number):
    for i in range(len(array)):
        array[i] = number
    array.add(0, 1)


def test_other_processes_see_the_same_elements(run):
    array = stoa.Array("q", 5)
    run(filled, array, 7)
    assert array[:] == [8, 7, 7, 7, 7]


def test_operations_on_elements_give_the_number_before():
    array = stoa.Array("i", [10, 20, 30])
    assert array.add(0, 5) == 10
    assert array.sub(-1, 5) == 30
    assert array.exchange(1, 6) == 20
    assert array.and_(1, 3) == 6
    assert array.or_(1, 8) == 2
    assert array.xor(1, 1) == 10
    assert array.min(1, 4) == 11
    assert array.max(1, 9) == 4
    assert array.compare_exchange(1, 8, 1) == 9
    assert array.compare_exchange(1, 9, 1) == 9
    assert array[:] == [15, 1, 25]
    for wrong in ((3, 1), (-4, 1)):
        with pytest.raises(IndexError):
            array.add(*wrong)
    for wrong in ((0,), (0, 1, 2), (0, "x"), ("x", 1)):
        with pytest.raises(TypeError):
            array.add(*wrong)
    with pytest.raises(TypeError):
        stoa.Array("d", 3).xor(0, 1)


def added(array, times):
    for n in range(times):
        array.add(n % len(array), 1)


def test_no_sum_of_many_processes_is_lost(context):
    array = stoa.Array("i", 3)
    join(*[started(context, added, array, 3000) for _ in range(3)])
    assert array[:] == [3000] * 3


def stamped(array, first, stop):
    n = first
    while not stop.value:
        n += 2
        array[:] = [n] * len(array)


def test_a_slice_of_a_whole_array_is_never_torn(context):
    array, stop = stoa.Array("q", 300, whole=True), stoa.Value("i", 0)
    processes = [started(context, stamped, array, first, stop) for first in (0, 1)]
    seen = set()
    while len(seen) < 50:
        now = set(array[:])
        assert len(now) == 1
        seen |= now
    stop.value = 1
    join(*processes)
    assert len(set(array[::-7])) == 1


def test_a_whole_array_has_no_memory_in_place():
    array = stoa.Array("d", 3, whole=True)
    with pytest.raises(BufferError):
        memoryview(array)
    with pytest.raises(BufferError):
        array.get_obj()
    again = pickle.loads(pickle.dumps(array))
    again[0] = 5
    assert array[0] == 5
    with pytest.raises(ValueError):
        stoa.Array("c", 3, whole=True)


def test_with_an_own_lock_elements_go_under_it():
    lock = Counting()
    array = stoa.Array("i", 3, lock=lock)
    array[0] = 1
    assert array[:2] == [1, 0] and array[0] == 1 and lock.entered == 3
    assert array.get_lock() is lock


def test_without_a_lock_it_is_a_ctypes_array():
    array = stoa.Array("i", [1, 2], lock=False)
    assert isinstance(array, ctypes.c_int * 2) and not hasattr(array, "get_lock")
    again = pickle.loads(pickle.dumps(array))
    again[0] = 9
    assert array[:] == [9, 2]


def test_a_ctypes_array_lies_over_an_array():
    array = stoa.Array("i", [1, 2, 3])
    obj = array.get_obj()
    obj[0] = 9
    assert array[:] == [9, 2, 3] and isinstance(obj, ctypes.c_int * 3)
    del array
    assert obj[:] == [9, 2, 3]


def test_a_raw_array_is_a_ctypes_array_in_shared_memory(run):
    array = stoa.RawArray(Point, 2)
    array[1].y = 5
    run(moved, array)
    assert [(p.x, p.y) for p in array] == [(10, 0), (10, 5)]


def test_a_large_array_has_memory_of_its_own_and_gives_it_back():
    def segments():
        return {name for name in os.listdir("/dev/shm") if name.startswith(f"stoa.py-{os.getpid()}-")}

    stoa.Value("i")  # where small ones are
    before = segments()
    array = stoa.Array("d", 10**6)
    array[-1] = 1
    assert len(segments() - before) == 1
    del array
    assert segments() == before


def test_a_name_gives_the_array_back(name):
    array = stoa.Array("h", [1, 2, 3], name=name)
    again = stoa.open(name)
    again[1] = 7
    assert array[:] == [1, 7, 3] and len(again) == 3
    assert stoa.Array("h", [0, 0, 0], name=name)[:] == [1, 7, 3]
    with pytest.raises(OSError):
        stoa.Array("h", 4, name=name)


def test_an_array_begins_with_whatever_has_a_length():
    for initial in ({5}, {5: 6}, {5: 6}.keys(), {6: 5}.values()):
        assert stoa.Array("i", initial)[:] == multiprocessing.Array("i", initial)[:] == [5]
    with pytest.raises(TypeError):
        stoa.Array("i", iter([5]))


@pytest.mark.parametrize("code", ["d", "i", "B"])
def test_slices_of_many_elements_are_those_of_a_list(code):
    numbers = [n % 251 for n in range(5000)]
    array = stoa.Array(code, numbers)
    steps = [1, 2, 3, 8, 9, 700, 2500, -1, -3, -9, -2500]
    ends = [(None, None), (1, -1), (-7, 3), (4096, 2047)]
    slices = [slice(first, stop, step) for step in steps for first, stop in ends]
    for each in slices:
        assert array[each] == numbers[each], each
