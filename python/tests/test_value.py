# SPDX-License-Identifier: BSD-2-Clause
"""Numbers, and what else ctypes has."""

import ctypes
import errno
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import PATIENCE, Counting, join, started

import stoa
from stoa import _stoa

INTEGERS = "bBhHiIlLqQ"
NUMBERS = INTEGERS + "fd"


def ranges(code):
    bits = 8 * ctypes.sizeof(multiprocessing.sharedctypes.typecode_to_type[code])
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)


# ---- as multiprocessing's ----


@pytest.mark.parametrize("code", NUMBERS)
def test_a_number_is_read_and_written_as_multiprocessing_does(code):
    ours, theirs = stoa.Value(code, 7), multiprocessing.Value(code, 7)
    given = [0, 1, -1, 127, 128, 2**31, 2**63, 2**64 + 5, True, 0.5, "x", None, b"x", 1 << 70]
    for number in given:
        results = []
        for value in (ours, theirs):
            try:
                value.value = number
                results.append(value.value)
            except (TypeError, OverflowError) as error:
                results.append(type(error))
        assert results[0] == results[1], number


@pytest.mark.parametrize("code", INTEGERS)
def test_the_ends_of_each_integer_are_kept(code):
    for number in ranges(code):
        assert stoa.Value(code, number).value == number


def test_a_number_begins_at_zero():
    assert [stoa.Value(code).value for code in NUMBERS] == [0] * 12


@pytest.mark.parametrize("args", [("x",), ("i", "a"), ("i", 1.5), ("i", 1, 2), ("d", "1"), (5,), (None,), ([],), ()])
def test_what_is_no_value_raises_as_multiprocessing_does(args):
    with pytest.raises(Exception) as theirs:
        multiprocessing.Value(*args)
    with pytest.raises(theirs.type):
        stoa.Value(*args)


@pytest.mark.parametrize("lock", [5, "x", object()])
def test_what_is_no_lock_is_refused(lock):
    with pytest.raises(AttributeError):
        stoa.Value("i", 1, lock=lock)
    with pytest.raises(AttributeError):
        stoa.Array("i", 1, lock=lock)


def test_the_text_of_a_value_is_that_of_multiprocessing():
    for args in [("i", 5), ("d", 1.5), ("c", b"x"), ("q", -1)]:
        assert repr(stoa.Value(*args)) == repr(multiprocessing.Value(*args))


def test_types_of_ctypes_serve_as_typecodes_do():
    class Own(ctypes.c_int):
        pass

    for type_ in (ctypes.c_int, ctypes.c_size_t, ctypes.c_double, ctypes.c_bool, ctypes.c_int8, Own):
        value = stoa.Value(type_, 1)
        assert value.value == 1 and type(value.get_obj()) is type_


def test_a_number_of_the_other_byte_order_is_kept_in_it():
    value = stoa.Value(ctypes.c_int.__ctype_be__, 5)
    assert value.value == 5
    assert bytes(value.get_obj()) == b"\0\0\0\5"


def test_characters_and_pointers_are_ctypes_objects_under_a_lock():
    byte, letter, pointer = stoa.Value("c", b"x"), stoa.Value("u", "ä"), stoa.Value(ctypes.c_void_p, 16)
    byte.value, letter.value = b"y", "ö"
    assert (byte.value, letter.value, pointer.value) == (b"y", "ö", 16)
    with byte.get_lock():
        assert byte.get_obj().value == b"y"


def test_without_a_lock_it_is_a_ctypes_object():
    value = stoa.Value("i", 5, lock=False)
    assert isinstance(value, ctypes.c_int) and value.value == 5
    assert not hasattr(value, "get_lock")


def test_a_ctypes_object_lies_over_a_number():
    value = stoa.Value("i", 5)
    obj = value.get_obj()
    assert isinstance(obj, ctypes.c_int) and obj.value == 5
    obj.value = 6
    assert value.value == 6
    value.value = 7
    del value
    assert obj.value == 7


# ---- locks ----


def test_the_default_lock_is_recursive_and_one_for_all():
    value = stoa.Value("i", 5)
    again = pickle.loads(pickle.dumps(value))
    with value.get_lock(), value, value.get_lock():
        other = []
        thread = threading.Thread(target=lambda: other.append(again.get_lock().acquire(False)))
        thread.start()
        thread.join()
        assert other == [False]
        value.value = 6  # no lock is needed for that, so nobody waits
        assert again.value == 6
    assert value.acquire()
    value.release()


def counted_under_the_lock(value, times):
    for _ in range(times):
        with value.get_lock():
            value.value += 1


def test_counts_under_the_lock_are_exact_in_every_process(context):
    value = stoa.Value("i", 0)
    processes = [started(context, counted_under_the_lock, value, 500) for _ in range(3)]
    join(*processes)
    assert value.value == 1500


def test_with_an_own_lock_the_value_goes_under_it():
    lock = Counting()
    value = stoa.Value("i", 5, lock=lock)
    assert value.get_lock() is lock
    value.value += 1
    assert (value.value, lock.entered) == (6, 3)


# ---- beyond ----


def test_operations_give_the_number_before():
    value = stoa.Value("i", 10)
    assert value.add(5) == 10
    assert value.sub(3) == 15
    assert value.exchange(6) == 12
    assert value.and_(3) == 6
    assert value.or_(8) == 2
    assert value.xor(1) == 10
    assert value.min(4) == 11
    assert value.max(9) == 4
    assert value.compare_exchange(8, 1) == 9 and value.value == 9
    assert value.compare_exchange(9, 1) == 9 and value.value == 1


def test_operators_change_the_number_in_place():
    value = same = stoa.Value("i", 12)
    value += 3
    value -= 1
    value &= 7
    value |= 16
    value ^= 1
    assert value is same and value.value == 23


def test_floats_have_sums_and_no_bits():
    value = stoa.Value("d", 1.5)
    value += 1
    assert value.value == 2.5
    for operation in (value.and_, value.or_, value.xor):
        with pytest.raises(TypeError):
            operation(1)


@pytest.mark.parametrize("code", INTEGERS)
def test_sums_wrap_around(code):
    low, high = ranges(code)
    value = stoa.Value(code, high)
    assert value.add(1) == high
    assert value.value == low


def test_operations_refuse_what_an_assignment_refuses():
    value = stoa.Value("i", 1)
    for wrong in (1.5, "x", None):
        for operation in (value.add, value.exchange, value.min):
            with pytest.raises(TypeError):
                operation(wrong)
        with pytest.raises(TypeError):
            value.compare_exchange(1, wrong)
        with pytest.raises(TypeError):
            value.wait(wrong)
    with pytest.raises(AttributeError):
        del value.value
    assert value.value == 1


def added(value, times):
    for _ in range(times):
        value += 1
        value.sub(2)


def test_no_sum_of_many_processes_is_lost(context):
    value = stoa.Value("q", 0)
    join(*[started(context, added, value, 5000) for _ in range(3)])
    assert value.value == -15000


def test_no_sum_of_many_threads_is_lost():
    value = stoa.Value("d", 0)
    threads = [threading.Thread(target=added, args=(value, 5000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value.value == -20000


def answered(ask, answer):
    ask.wait(0)
    answer.value = ask.value + 1


def test_who_waits_sees_the_change(context):
    ask, answer = stoa.Value("i", 0), stoa.Value("i", 0)
    process = started(context, answered, ask, answer)
    ask.value = 41
    assert answer.wait(0)
    assert answer.value == 42
    join(process)


def test_a_wait_ends_when_its_time_is_over():
    value = stoa.Value("i", 5)
    assert value.wait(4) is True
    for timeout in (0, -1, 0.01):
        assert value.wait(5, timeout) is False
    with pytest.raises(ValueError):
        value.wait(5, math.nan)
    with pytest.raises(TypeError):
        value.wait(5, "soon")


def test_other_threads_run_while_one_waits():
    value = stoa.Value("i", 0)
    waiter = threading.Thread(target=value.wait, args=(0,))
    waiter.start()
    value.value = 1
    waiter.join()


def test_an_interrupt_ends_a_wait():
    program = """
import signal, stoa
value = stoa.Value("i", 0)
try:
    print("ready", flush=True)
    value.wait(0)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("interrupted")
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:  # again, as one that comes just before the wait does not end it
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert process.stdout.read() == "interrupted\n" and process.returncode == 0


# ---- pickles and names ----


def test_a_pickle_means_the_same_value_at_any_time():
    value = stoa.Value("i", 5)
    again = pickle.loads(pickle.dumps(value))
    again += 1
    assert value.value == 6 and type(again) is type(value)


def received(queue, answer):
    value = queue.get()
    value += 1
    answer.put(value)


def test_a_value_goes_through_a_queue(context):
    there, back = context.Queue(), context.Queue()
    process = started(context, received, there, back)
    value = stoa.Value("i", 5)
    there.put(value)
    assert back.get(timeout=100).value == 6
    assert value.value == 6
    join(process)


def test_a_name_gives_the_value_back(name):
    value = stoa.Value("d", 2.5, name=name)
    assert stoa.open(name).value == 2.5
    assert stoa.Value("d", 9, name=name).value == 2.5
    value += 1
    assert pickle.loads(pickle.dumps(value)).value == 3.5
    program = f"import stoa; v = stoa.open({name!r}); v.add(1); print(v)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "<Synchronized wrapper for c_double(4.5)>\n"
    with stoa.open(name).get_lock():
        assert value.value == 4.5
    stoa.unlink(name)
    with pytest.raises(FileNotFoundError):
        stoa.open(name)
    assert value.value == 4.5


def test_another_type_under_a_name_is_refused(name):
    stoa.Value("d", 2.5, name=name)
    for wrong in ("i", "q"):
        with pytest.raises(OSError) as error:
            stoa.Value(wrong, name=name)
        assert error.value.errno == errno.EPROTOTYPE
    with pytest.raises(ValueError):
        stoa.Value("c", name=name)


def test_a_lock_is_opened_by_its_class(name):
    lock = stoa.Lock(name=name)
    with pytest.raises(TypeError, match="class"):
        stoa.open(name)
    assert lock.acquire() and not stoa.Lock(name=name).acquire(False)


def test_a_segment_holds_several_objects(name):
    segment = stoa.create(name)
    segment.value("count", "q", 3).add(1)
    segment.array("row", "h", [1, 2, 3])
    again = stoa.open(name)
    assert sorted(again) == ["count", "row"] and len(again) == 2 and "row" in again
    assert again["count"].value == 4 and again["row"][:] == [1, 2, 3]
    assert again.value("count", "q", 100).value == 4
    with again["count"].get_lock():
        assert sorted(again) == ["count", "row"]
    with pytest.raises(KeyError):
        again["nothing"]
    with pytest.raises(FileExistsError):
        stoa.create(name, exclusive=True)
    assert pickle.loads(pickle.dumps(again))["row"][2] == 3
    assert again.info()["objects_published"] == 3
    assert [p["pid"] for p in again.participants()] == [os.getpid()]
    again.unlink()


# ---- raw values ----


def test_a_raw_value_is_a_ctypes_object_in_shared_memory(run):
    value = stoa.RawValue("d", 1.5)
    assert type(value) is ctypes.c_double and value.value == 1.5
    run(raw_doubled, value)
    assert value.value == 3


def raw_doubled(value):
    value.value *= 2


def test_raw_values_begin_at_zero_also_in_memory_that_was_used():
    for _ in range(3):
        value = stoa.RawValue("q")
        assert value.value == 0
        value.value = -1
        del value


def test_private_ctypes_objects_are_pickled_as_before():
    stoa.RawValue("i", 1)
    private = ctypes.c_int(7)
    assert pickle.loads(pickle.dumps(private)).value == 7


def test_a_copy_is_another_object():
    from stoa.sharedctypes import copy, synchronized

    value = stoa.RawValue("i", 5)
    other = copy(value)
    other.value = 6
    assert value.value == 5
    wrapped = synchronized(other)
    with wrapped.get_lock():
        wrapped.value = 7
    assert other.value == 7


NAMED = """
import stoa
with open("/proc/self/comm", "wb") as comm:
    comm.write(b"m\\xc3")
number = stoa.Value("i", 5)
print(number.value, stoa.Lock().acquire())
"""


def test_a_process_may_be_called_what_is_no_text():
    done = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("5 True\n", "")


def test_only_typecodes_are_typecodes(name):
    segment = _stoa.Segment.create(name)
    for code in "\u0162\u0100x":
        with pytest.raises(ValueError):
            _stoa.Number(segment, "number", code)
