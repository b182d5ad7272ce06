# SPDX-License-Identifier: BSD-2-Clause
"""Queues: what multiprocessing has not."""

import ctypes
import fcntl
import glob
import multiprocessing
import os
import pickle
import select
import struct
import subprocess
import sys
import threading
import time

import pytest

import stoa
from stoa import _stoa
from conftest import PATIENCE, await_that, join, started

FORK = multiprocessing.get_context("fork")


def elsewhere(program):
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout.strip()


# ---- names ----


def test_a_queue_with_a_name_is_opened_by_programs_that_know_nothing_else(name):
    q = stoa.Queue(name=name)
    q.put("from here")
    q.put(b"x" * 20_000)
    assert elsewhere(f"import stoa; q = stoa.open({name!r}); print(q.get(), len(q.get())); q.put([1])") == (
        "from here 20000"
    )
    assert stoa.Queue.open(name).get(timeout=PATIENCE) == [1]


def test_a_queue_with_a_name_outlives_its_processes(name):
    elsewhere(f"import stoa; q = stoa.Queue(name={name!r})\nfor i in range(3000): q.put(i)")
    assert elsewhere(f"import stoa; q = stoa.Queue(name={name!r}); print(sum(q.get() for _ in range(3000)))") == (
        str(sum(range(3000)))
    )
    stoa.unlink(name)
    assert not glob.glob(f"/dev/shm/stoa.{name}*")
    with pytest.raises(FileNotFoundError):
        stoa.Queue.open(name)


def test_a_name_keeps_its_kind(name):
    with stoa.JoinableQueue(5, name=name):
        assert type(stoa.open(name)) is stoa.JoinableQueue
        with pytest.raises((ValueError, OSError)):
            stoa.Queue(5, name=name)
        with pytest.raises((ValueError, OSError)):
            stoa.JoinableQueue(6, name=name)
        with pytest.raises(ValueError):
            stoa.JoinableQueue.open(name, format="d")


def test_a_pickle_finds_its_queue_at_any_time():
    with stoa.Queue() as q:
        data = pickle.dumps(q)
        q.put(1)
        assert pickle.loads(data).get(timeout=PATIENCE) == 1


# ---- formats ----


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("n", ctypes.c_int)]


def test_bytes_go_as_they_are():
    with stoa.Queue(format="bytes", item_size=100) as q:
        for data in b"", b"Nx", bytearray(b"ab"), memoryview(b"123")[1:]:
            q.put(data)
            assert q.get(timeout=PATIENCE) == bytes(data)
        with pytest.raises(OSError):
            q.put(b"x" * 101)
        with pytest.raises(TypeError):
            q.put("text")


def test_structs_go_without_pickle():
    with stoa.Queue(format="<dq") as pairs, stoa.Queue(format="d") as numbers, stoa.Queue(format=Point) as points:
        pairs.put((1.5, 2))
        assert pairs.get(timeout=PATIENCE) == (1.5, 2)
        numbers.put(2.5)
        assert numbers.get(timeout=PATIENCE) == 2.5
        points.put(Point(1.0, 2))
        got = points.get(timeout=PATIENCE)
        assert type(got) is Point and (got.x, got.n) == (1.0, 2)
        with pytest.raises(Exception, match="argument|float"):
            numbers.put("no number")


def test_numpy_s_types_go_without_pickle():
    numpy = pytest.importorskip("numpy")
    dtype = numpy.dtype([("x", "f8"), ("n", "i4")])
    with stoa.Queue(format=dtype) as q, stoa.Queue(format=numpy.float32) as single:
        q.put((1.5, 7))
        got = q.get(timeout=PATIENCE)
        assert got["x"] == 1.5 and got["n"] == 7 and got.dtype == dtype
        single.put(0.5)
        assert single.get(timeout=PATIENCE) == numpy.float32(0.5)


def test_a_format_goes_with_the_name(name):
    with stoa.Queue(format="<dq", name=name) as q:
        q.put((1.5, 2))
        assert stoa.open(name).get(timeout=PATIENCE) == (1.5, 2)


def test_queues_are_exchanged_with_c_programs(name):
    library = ctypes.CDLL("libstoa.so.0")
    segment, theirs, end = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    assert library.stoa_segment_create(name.encode(), None, ctypes.byref(segment)) == 0
    assert library.stoa_queue_create(segment, b"jobs", None, ctypes.byref(theirs)) == 0
    assert library.stoa_sender_open(theirs, ctypes.byref(end)) == 0
    assert library.stoa_sender_push(end, b"from C", ctypes.c_size_t(6)) == 0
    with stoa.Queue.open(name, object="jobs") as q:
        assert q.get(timeout=PATIENCE) == b"from C"
        q.put(b"from Python")
        with pytest.raises(OSError):
            q.put(b"x" * 65)
        receiver, room, size = ctypes.c_void_p(), ctypes.create_string_buffer(64), ctypes.c_size_t()
        assert library.stoa_receiver_open(theirs, ctypes.byref(receiver)) == 0
        assert library.stoa_receiver_pop(receiver, room, ctypes.c_size_t(64), ctypes.byref(size)) == 0
        assert room.raw[: size.value] == b"from Python"
        library.stoa_receiver_close(receiver)
    library.stoa_sender_close(end)
    library.stoa_queue_close(theirs)
    library.stoa_segment_close(segment)


class QueueConfig(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("capacity", ctypes.c_uint64), ("message_size", ctypes.c_uint64)] + [
        (member, ctypes.c_uint32)
        for member in ("senders", "receivers", "handles", "holds", "on_death", "flags", "pack")
    ]


def test_a_queue_of_parcels_is_refused_and_one_to_one_there_are_none(name):
    library = ctypes.CDLL("libstoa.so.0")
    segment, theirs = ctypes.c_void_p(), ctypes.c_void_p()
    config = QueueConfig(struct_size=ctypes.sizeof(QueueConfig), pack=8)
    assert library.stoa_segment_create(name.encode(), None, ctypes.byref(segment)) == 0
    assert library.stoa_queue_create(segment, b"jobs", ctypes.byref(config), ctypes.byref(theirs)) == 0
    with pytest.raises(OSError):
        stoa.Queue.open(name, object="jobs")
    library.stoa_queue_close(theirs)
    config.senders = config.receivers = 1
    assert library.stoa_queue_create(segment, b"ring", ctypes.byref(config), ctypes.byref(theirs)) == 0
    with stoa.Queue.open(name, object="ring") as q:
        q.put(b"one")
        assert q.get(timeout=PATIENCE) == b"one"
    library.stoa_queue_close(theirs)
    library.stoa_segment_close(segment)


# ---- leases ----


def test_an_exception_gives_an_object_back():
    with stoa.Queue() as q:
        for thing in "first", b"y" * 50_000:
            q.put(thing)
        lease = q.take(timeout=PATIENCE)
        assert (lease.redelivered, lease.deliveries) == (False, 1)
        with pytest.raises(RuntimeError), lease as thing:
            assert thing == "first"
            raise RuntimeError
        again = q.take(timeout=PATIENCE)
        with again as thing:
            assert thing == "first" and again.redelivered and again.deliveries == 2 and again.id == lease.id
        second = q.take(timeout=PATIENCE)
        second.give_back()
        with q.take(timeout=PATIENCE) as thing:
            assert thing == b"y" * 50_000
        assert q.empty()
        with pytest.raises(ValueError):
            second.acknowledge()


def test_a_lease_that_is_dropped_gives_back():
    with stoa.Queue() as q:
        q.put(1)
        q.take(timeout=PATIENCE)
        assert q.get(timeout=PATIENCE) == 1
        with pytest.raises(stoa.Empty):
            q.take(0)


def test_a_lease_outlives_its_queue():
    q = stoa.Queue()
    q.put(b"z" * 20_000)
    lease = q.take(timeout=PATIENCE)
    name = q.name
    q.close()
    with lease as thing:
        assert len(thing) == 20_000
    del lease, q
    assert not glob.glob(f"/dev/shm/stoa.{name}*")


def test_many_are_held_at_once_and_others_pass_them():
    with stoa.Queue() as q:
        q.put_many(range(5000))
        leases = [q.take(timeout=PATIENCE) for _ in range(50)]
        assert [lease.item for lease in leases] == list(range(50))
        assert q.get_many(10_000, timeout=PATIENCE) == list(range(50, 5000))
        leases[7].give_back()
        assert q.get(timeout=PATIENCE) == 7
        for lease in leases[:7] + leases[8:]:
            lease.acknowledge()


def test_the_end_of_a_take_is_a_task_done():
    with stoa.JoinableQueue() as q:
        q.put(1)
        with q.take(timeout=PATIENCE):
            assert not q.join(0)
        assert q.join(PATIENCE)


# ---- many ----


def test_many_objects_go_in_one_call():
    with stoa.Queue(10) as q:
        assert q.put_many(range(7)) == 7
        assert q.put_many(range(7, 20), block=False) == 3
        with pytest.raises(stoa.Full):
            q.put_many([1], timeout=0.01)
        assert q.get_many(4) == [0, 1, 2, 3]
        assert q.get_many(100) == [4, 5, 6, 7, 8, 9]
        with pytest.raises(stoa.Empty):
            q.get_many(1, False)
        assert q.get_many(0) == []


# ---- the end ----


def test_after_a_shutdown_what_is_there_comes_out():
    for maxsize in 0, 5:
        with stoa.Queue(maxsize) as q:
            q.put(1)
            q.put(2)
            q.shutdown()
            with pytest.raises(stoa.ShutDown):
                q.put(3)
            assert list(q) == [1, 2]
            for call in q.get, q.get_nowait, q.take:
                with pytest.raises(stoa.ShutDown):
                    call()


def test_an_immediate_shutdown_drops_what_is_there():
    for maxsize, count in (0, 3000), (5, 5):
        with stoa.JoinableQueue(maxsize) as q:
            q.put_many(range(count))
            q.shutdown(immediate=True)
            for call in q.get, lambda: q.put(1):
                with pytest.raises(stoa.ShutDown):
                    call()
            assert q.join(PATIENCE)


def put_until_shut_down(q, ends):
    try:
        while True:
            q.put(1)
    except stoa.ShutDown:
        ends.put("sender")


def get_until_shut_down(q, ends):
    for _ in q:
        pass
    ends.put("receiver")


def test_a_shutdown_ends_every_wait():
    for maxsize in 0, 2:
        with stoa.Queue(maxsize) as q, stoa.Queue() as ends:
            processes = [started(FORK, get_until_shut_down, q, ends) for _ in range(2)]
            processes += [started(FORK, put_until_shut_down, q, ends) for _ in range(2)]
            time.sleep(0.1)
            q.shutdown()
            join(*processes)
            assert sorted(ends.get_many(4)) == ["receiver", "receiver", "sender", "sender"]


def put_some(q):
    q.put_many(range(10))


def test_a_queue_ends_with_its_senders():
    with stoa.Queue(100, close_with_senders=True) as q:
        join(started(FORK, put_some, q))
        assert list(q) == list(range(10))
    with pytest.raises(ValueError):
        stoa.Queue(close_with_senders=True)


# ---- descriptors ----


def readable(q, seconds=0):
    return bool(select.select([q], [], [], seconds)[0])


@pytest.mark.parametrize("maxsize", [0, 100])
def test_a_descriptor_tells_when_there_is_something(maxsize):
    with stoa.Queue(maxsize) as q:
        threading.Timer(0.1, q.put, ["here"]).start()
        got = None
        end = time.monotonic() + PATIENCE
        while got is None and time.monotonic() < end:
            select.select([q], [], [], PATIENCE)
            try:
                got = q.get_nowait()
            except stoa.Empty:
                pass  # too early is allowed
        assert got == "here"


def test_a_descriptor_follows_the_chain():
    with stoa.Queue() as q:
        q.fileno()
        sender = started(FORK, put_small, q, 20_000)
        got = 0
        while got < 20_000:
            assert readable(q, PATIENCE)
            try:
                while True:
                    assert q.get_nowait() == got
                    got += 1
            except stoa.Empty:
                pass
        join(sender)


def put_small(q, count):
    for i in range(count):
        q.put(i)


def test_a_chain_that_is_drained_but_for_a_lease_is_not_silent():
    with stoa.Queue() as q:
        q.put("held")
        lease = q.take(timeout=PATIENCE)
        q.fileno()
        for i in range(3000):
            q.put(i)
        other = stoa.Queue()
        join(started(FORK, hand_over, q, other, 2999))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert readable(q, PATIENCE)
            try:
                assert q.get_nowait() == 2999
                break
            except stoa.Empty:
                pass
        lease.acknowledge()


def hand_over(q, other, count):
    for _ in range(count):
        other.put(q.get(timeout=PATIENCE))


def test_numbers_tell_how_it_stands():
    with stoa.Queue() as q:
        q.put_many(range(3000))
        q.get_many(10)
        lease = q.take(timeout=PATIENCE)
        stat = q.stat()
        assert (stat["sent"], stat["received"], stat["messages"], stat["held"]) == (3000, 11, 2989, 1)
        lease.acknowledge()


# ---- bad input ----


def test_nonsense_in_a_segment_is_told():
    with stoa.Queue() as q, stoa.Queue.open(q.name, format=None) as same:
        raw = stoa._stoa.Queue()
        raw._open(q.name)
        raw._use_as(True, False, None, None)
        for nonsense in (
            b"",
            b"?",
            b"i123",
            b"s\xff",
            b"pjunk",
            b"S" + bytes(31),
            b"S" + bytes(40),
            b"S" + b"\xff" * 31,
        ):
            raw.put(nonsense)
            with pytest.raises((ValueError, OSError, pickle.UnpicklingError, KeyError, EOFError)):
                same.get(timeout=PATIENCE)
        raw.close()
        spilled = b"x" * 5000
        q.put(spilled)
        file = glob.glob(f"/dev/shm/stoa.{q.name}~s*")[0]
        os.unlink(file)
        with pytest.raises(FileNotFoundError):
            elsewhere_get(q)


def elsewhere_get(q):
    done = subprocess.run(
        [sys.executable, "-c", f"import stoa; stoa.Queue.open({q.name!r}).get(timeout=60)"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if "FileNotFoundError" in done.stderr:
        raise FileNotFoundError
    assert False, done


def refuse():
    raise ValueError("not to be had")


class Refused:
    def __reduce__(self):
        return refuse, ()


def test_what_came_is_not_lost_for_what_is_wrong_with_the_next():
    with stoa.Queue() as q:
        q.put_many([1, 2, Refused(), 3])
        assert q.get_many(10) == [1, 2]
        with pytest.raises(ValueError, match="not to be had"):
            q.get_many(10)
        assert q.get_many(10) == [3]


def test_a_child_does_not_end_its_parents_lease():
    big = b"x" * 100_000
    with stoa.JoinableQueue() as q:
        q.put(big)
        q.put("another")
        lease = q.take()
        pid = os.fork()
        if pid == 0:
            lease.acknowledge()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert lease.item == big
        lease.acknowledge()
        assert not q.join(0), "one task is done, and not two"
        q.put(big)
        q.put(big[::-1] + b"y")
        assert q.get(timeout=PATIENCE) == "another"
        assert [q.get(timeout=PATIENCE) for _ in range(2)] == [big, big[::-1] + b"y"]


ENDED = """
import threading, time, stoa
q = stoa.Queue()
q.put_many(range(7000))  # three rings
assert q.get_many(2000) == list(range(2000))
lease = q.take()  # of the second one
while q.get() != 6999:
    pass
q.shutdown()
ended = []

def wait():
    try:
        q.get()
    except (stoa.ShutDown, ValueError):
        ended.append(True)

threads = [threading.Thread(target=wait) for _ in range(3)]
for thread in threads:
    thread.start()
time.sleep(0.1)
lease.acknowledge()
q.close()
for thread in threads:
    thread.join()
print(len(ended))
"""


def test_what_others_wait_in_is_not_freed_by_close():
    program = [sys.executable, "-c", ENDED]
    memory = os.environ | {"MALLOC_PERTURB_": "165"}  # what is freed is not as it was
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, env=memory)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_who_is_stopped_behind_its_commit_stops_no_other_sender():
    big = b"x" * 100_000
    with stoa.Queue() as q:
        q.put(big)
        assert q.get(timeout=PATIENCE) == big
        (file,) = glob.glob(f"/dev/shm/stoa.{q.name}~s*")
        with open(file) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            sender = threading.Thread(target=q.put, args=(big,), daemon=True)
            sender.start()
            sender.join(PATIENCE)
            assert not sender.is_alive()
        assert q.get(timeout=PATIENCE) == big


VANISHED = """
import glob, os, sys, stoa
q = stoa.Queue(name=sys.argv[1])
try:
    print(q.get(timeout=20))
except OSError as error:
    print(type(error).__name__)
try:
    q.put(1)
    print("put")
except OSError as error:
    print(type(error).__name__)
"""


def test_a_ring_that_has_vanished_is_told(name):
    with stoa.Queue(name=name) as q:
        q.put_many(range(3000))
        assert q.get_many(1024) == list(range(1024))
        for file in glob.glob(f"/dev/shm/stoa.{name}~r*"):
            os.unlink(file)
        program = [sys.executable, "-c", VANISHED, name]
        done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE)
        assert (done.stdout, done.stderr) == ("FileNotFoundError\n" * 2, "")
        assert q.get(timeout=PATIENCE) == 1024


def test_a_file_that_ends_before_its_blocks_is_written_safely():
    with stoa.Queue() as q:
        q.put(b"x" * 20_000)
        assert len(q.get(timeout=PATIENCE)) == 20_000
        (file,) = glob.glob(f"/dev/shm/stoa.{q.name}~s*")
        if subprocess.run(["fallocate", "-n", "-l", "65536", file]).returncode:
            pytest.skip("no fallocate")
        q.put(b"y" * 60_000)
        assert q.get(timeout=PATIENCE) == b"y" * 60_000


def test_damaged_words_of_a_chain_are_told(name):
    with stoa.Queue(name=name) as q:
        q.put_many(range(3000))
        assert q.get_many(2000)
        segment = _stoa.Segment.open(name)
        words = _stoa.Numbers(segment, "object.words", "Q", 4)
        finished = _stoa.Struct(segment, "object.finished", 16, None, 0, 1)
        damaged = ((1, 0xFFFFFFFF), (1 << 30, 1 << 31), (0xFFFFFFFF, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0, 9), (1 << 63 | 0xFFFFFFFF, 3))
        for tail, first in damaged:
            words[0] = tail
            finished.store(struct.pack("IIQ", first, 0xFFFFFFFF, 0))
            other = stoa.Queue.open(name)
            for call in (lambda: other.get(timeout=0.1), lambda: other.put_many(range(10_000)), other.qsize,
                         lambda: other.shutdown(immediate=True)):  # fmt: skip
                try:
                    call()
                except (OSError, stoa.Empty, stoa.ShutDown):
                    pass


def test_another_size_is_refused_where_there_were_large_objects(name):
    with stoa.Queue(3, name=name) as q:
        q.put(b"x" * 10_000)
        with pytest.raises(OSError):
            stoa.Queue(4, name=name)
        assert q.get(timeout=PATIENCE) == b"x" * 10_000
