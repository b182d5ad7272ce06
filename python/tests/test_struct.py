# SPDX-License-Identifier: BSD-2-Clause
"""Structs that are read and written whole: of ctypes, and NumPy's."""

import ctypes
import gc
import os
import pickle
import signal
import threading

import pytest
from conftest import await_that, join, started

import stoa


class Inner(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("row", ctypes.c_double * 3)]


class Outer(ctypes.Structure):
    _fields_ = [
        ("x", ctypes.c_double),
        ("inner", Inner),
        ("many", Inner * 2),
        ("text", ctypes.c_char * 8),
        ("bits", ctypes.c_int, 3),
    ]


class Wide(ctypes.Structure):
    _fields_ = [("numbers", ctypes.c_uint64 * 64)]


class Named(ctypes.Structure):
    _fields_ = [("value", ctypes.c_int), ("load", ctypes.c_int)]


class Child(Inner):
    _fields_ = [("b", ctypes.c_int)]


class Either(ctypes.Union):
    _fields_ = [("whole", ctypes.c_uint32), ("bytes", ctypes.c_ubyte * 4)]


@pytest.fixture
def outer():
    return stoa.Value(Outer, 1.5, (7, (1, 2, 3)))


def test_fields_are_attributes(outer):
    assert (outer.x, outer.inner.a, outer.inner.row[1], outer.text, outer.bits) == (1.5, 7, 2, b"", 0)
    outer.x = 2
    outer.text = b"stoa"
    outer.bits = -2
    assert (outer.x, outer.text, outer.bits) == (2, b"stoa", -2)


def test_what_lies_inside_is_written_through(outer):
    again = pickle.loads(pickle.dumps(outer))
    outer.inner.a = 8
    outer.inner.row[2] = 9
    outer.many[1].row[0] = 10
    outer.many[0] = Inner(5)
    assert again.inner.a == 8 and again.inner.row[:] == [1, 2, 9]
    assert again.many[1].row[0] == 10 and again.many[0].a == 5 and len(again.many) == 2
    outer.inner.row[:] = [4, 5, 6]
    assert list(again.inner.row) == [4, 5, 6]
    outer.inner.row = (1, 1, 1)
    outer.inner = Inner(3, (2, 2, 2))
    assert again.inner.load().a == 3 and again.inner.row[:2] == [2, 2]
    outer.many[1] = outer.inner
    assert again.many[1].a == 3
    outer.inner.store((1, (0, 0, 0)))
    assert again.inner.a == 1


def test_what_is_no_field_is_refused(outer):
    for part in (outer, outer.inner):
        with pytest.raises(AttributeError):
            part.nothing
        with pytest.raises(AttributeError):
            part.nothing = 1
    with pytest.raises(TypeError):
        outer.x = "x"
    with pytest.raises(IndexError):
        outer.many[2]
    with pytest.raises(TypeError):
        outer.store(Inner())
    with pytest.raises(TypeError):
        stoa.Value(Outer, "x")
    assert outer.x == 1.5


def test_a_copy_is_private(outer):
    copy = outer.load()
    assert isinstance(copy, Outer)
    copy.x = 99
    copy.inner.a = 98
    assert outer.x == 1.5 and outer.inner.a == 7
    outer.store(copy)
    assert outer.x == 99 and outer.value.inner.a == 98
    outer.value = Outer(3)
    assert outer.x == 3 and outer.inner.a == 0


def test_an_update_changes_several_fields_at_once(outer):
    def change(copy):
        copy.x += 1
        copy.inner.a += 1

    assert outer.update(change).x == 2.5
    assert (outer.x, outer.inner.a) == (2.5, 8)
    assert outer.update(lambda copy: Outer(5)).x == 5
    with pytest.raises(ZeroDivisionError):
        outer.update(lambda copy: 1 / 0)
    assert outer.x == 5


def test_fields_that_are_called_like_methods_hide_them():
    value = stoa.Value(Named, 1, 2)
    assert (value.value, value.load) == (1, 2)
    value.load = 3
    assert value.get_obj().load == 3


def test_inherited_fields_and_unions():
    child = stoa.Value(Child)
    child.a, child.b = 1, 2
    assert (child.a, child.b) == (1, 2)
    either = stoa.Value(Either)
    either.whole = 0x01020304
    either.bytes[0] = 9
    assert either.whole == 0x01020309


def numbered(value, first, stop):
    n = first
    while not stop.value:
        n += 2
        value.store(Wide((ctypes.c_uint64 * 64)(*[n] * 64)))


def test_a_struct_is_never_torn(context):
    value, stop = stoa.Value(Wide), stoa.Value("i")
    processes = [started(context, numbered, value, first, stop) for first in (0, 1)]
    seen = set()
    while len(seen) < 50:
        now = set(value.load().numbers)
        assert len(now) == 1
        seen |= now
    stop.value = 1
    join(*processes)


def counted(value, times):
    def change(copy):
        copy.numbers[0] += 1
        copy.numbers[63] += 1

    for _ in range(times):
        value.update(change)


def test_no_update_of_many_processes_is_lost(context):
    value = stoa.Value(Wide)
    join(*[started(context, counted, value, 300) for _ in range(3)])
    assert value.load().numbers[0] == value.load().numbers[63] == 900


def test_writers_that_are_killed_leave_a_whole_struct(context):
    value, stop = stoa.Value(Wide, writers=2), stoa.Value("i")
    for first in range(6):
        process = started(context, numbered, value, first, stop)
        before = value.load().numbers[0]
        assert await_that(lambda: value.load().numbers[0] != before)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert len(set(value.load().numbers)) == 1
    value.store(Wide())
    assert set(value.load().numbers) == {0}


def awaited(value):
    value.wait(Inner(1))
    value.a += 1


def test_who_waits_sees_the_change(context):
    value = stoa.Value(Inner, 1)
    assert value.wait(Inner(1), 0.01) is False
    process = started(context, awaited, value)
    value.a = 5
    assert value.wait(Inner(5))
    join(process)
    assert value.a == 6


def test_the_lock_is_there_for_several_steps(outer):
    with outer.get_lock(), outer:
        outer.x += 1
    assert outer.get_obj().x == 2.5
    lock = threading.RLock()
    own = stoa.Value(Inner, 1, lock=lock)
    assert own.get_lock() is lock
    own.a += 1
    assert own.a == 2


def test_without_a_lock_it_is_a_ctypes_object():
    value = stoa.Value(Inner, 5, lock=False)
    assert isinstance(value, Inner) and value.a == 5
    raw = stoa.RawValue(Inner, 6)
    again = pickle.loads(pickle.dumps(raw))
    again.row[1] = 7
    assert raw.row[1] == 7


def test_memory_that_was_used_begins_anew():
    for _ in range(3):
        value = stoa.Value(Inner)
        assert value.a == 0
        value.a = 5
        del value


def test_a_name_gives_the_struct_back(name):
    value = stoa.Value(Inner, 5, name=name)
    again = stoa.open(name, Inner)
    again.a += 1
    assert value.a == 6
    assert bytes(stoa.open(name).load())[:1] == b"\6"


# ---- NumPy's ----


@pytest.fixture
def numpy():
    return pytest.importorskip("numpy")


@pytest.fixture
def dtype(numpy):
    return numpy.dtype([("x", "f8"), ("inner", [("a", "i4"), ("grid", "f4", (2, 2))])])


def test_a_record_of_numpy_is_read_and_written_whole(numpy, dtype):
    value = stoa.Value(dtype, (1.5, (7, [[1, 2], [3, 4]])))
    again = pickle.loads(pickle.dumps(value))
    value.x = 2.5
    value.inner.a = 8
    value.inner.grid[1, 1] = 9
    value.inner.grid[0] = [5, 6]
    assert (again.x, again.inner.a) == (2.5, 8)
    assert again.inner.grid[1][1] == 9 and numpy.asarray(again.inner.grid).tolist() == [[5, 6], [3, 9]]
    copy = again.load()
    assert copy.dtype == dtype and copy["x"] == 2.5
    copy["x"] = 0
    assert value.x == 2.5
    value.store(copy)
    assert again.x == 0

    def change(record):
        record["x"] += 1
        record["inner"]["a"] += 1

    value.update(change)
    assert (again.x, again.inner.a) == (1, 9)
    assert stoa.Value(dtype).x == 0


def test_dtypes_of_numbers_are_numbers(numpy):
    assert stoa.Value(numpy.float64, 2.5).add(1) == 2.5
    assert stoa.Value(numpy.dtype("i4"), 2).value == 2
    assert numpy.asarray(stoa.Array(numpy.uint8, 3)).dtype == numpy.uint8
    wide = stoa.Value(numpy.dtype(">i4"), 5)
    assert wide.load() == 5
    with pytest.raises(TypeError):
        stoa.Value(numpy.dtype("O"))


class Pointing(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("number", ctypes.POINTER(ctypes.c_int)), ("plain", ctypes.c_int)]


class PointingTwice(ctypes.Structure):
    _fields_ = [("inner", Pointing * 2)]


def test_what_a_struct_points_to_stays_in_its_process():
    value = stoa.Value(Pointing)
    value.text = b"text" * 1000
    value.number = ctypes.pointer(ctypes.c_int(7))
    value.plain = 4
    more = [b"more" * 1000 for _ in range(100)]
    gc.collect()
    assert (value.text, value.number.contents.value, value.plain) == (b"text" * 1000, 7, 4) and more
    nested = stoa.Value(PointingTwice)
    nested.inner[1].text = b"n" * 1000
    assert nested.inner[1].text == b"n" * 1000
    with value.get_lock():
        assert value.get_obj().plain == 4
