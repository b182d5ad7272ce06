# SPDX-License-Identifier: BSD-2-Clause
"""What stoa.stat() tells of who waits and who holds, and of segments that are damaged."""

import multiprocessing
import os
import random
from pathlib import Path

import pytest
from conftest import await_that, join, started

import stoa

FORK = multiprocessing.get_context("fork")
DIRECTORY = Path("/dev/shm")


def only(name, kind):
    """The object of that kind in the segment."""
    (segment,) = stoa.stat(name).segments
    (found,) = [o for o in segment.objects if o.kind == kind]
    return found


def waits(name, kind):
    return {wait.what: wait for wait in only(name, kind).waits}


def holders(name, kind, role):
    return [(holder.pid, holder.held) for holder in only(name, kind).holders if holder.role == role]


def acquire_and_release(lock):
    with lock:
        pass


def test_who_holds_a_lock_and_that_somebody_waits_for_it(name):
    lock = stoa.Lock(name=name)
    assert holders(name, "lock", "owner") == [] and not waits(name, "lock")["changed"].announced
    lock.acquire()
    before = waits(name, "lock")["changed"].wakes
    other = started(FORK, acquire_and_release, lock)
    assert await_that(lambda: waits(name, "lock")["changed"].announced)
    assert holders(name, "lock", "owner") == [(os.getpid(), 1)]
    told = str(stoa.stat(name))
    assert "changed: a wait announced" in told and f"held by {os.getpid()}" in told
    lock.release()
    join(other)
    assert waits(name, "lock")["changed"].wakes > before
    assert holders(name, "lock", "owner") == []


def test_who_holds_messages_of_a_queue_and_that_somebody_waits_for_one(name):
    def get():
        assert queue.get() == 1

    with stoa.Queue(4, name=name) as queue:
        assert set(waits(name, "queue")) == {"readable", "writable"}
        other = started(FORK, get)
        assert await_that(lambda: waits(name, "queue")["readable"].announced)
        queue.put(1)
        join(other)
        assert waits(name, "queue")["readable"].wakes >= 1
        queue.put(2)
        with queue.take():
            assert (os.getpid(), 1) in holders(name, "queue", "receiver")
        assert (os.getpid(), 1) not in holders(name, "queue", "receiver")


def test_permits_are_told_and_numbers_are_waited_for(name):
    def wait():
        assert number.wait(1)

    segment = stoa.create(name)
    number = segment.value("number", "q", 1)
    segment.array("samples", "d", 10)
    other = started(FORK, wait)
    assert await_that(lambda: waits(name, "value")["changed"].announced)
    number.value = 2
    join(other)
    assert waits(name, "value")["changed"].wakes == 1 and waits(name, "array") == {}
    permits = stoa.Semaphore(2, name=name + "-s", permits_return=True)
    try:
        with permits, permits:
            assert holders(name + "-s", "semaphore", "permit") == [(os.getpid(), 1)] * 2
    finally:
        stoa.unlink(name + "-s")


def test_odd_files_do_not_stop_the_listing(name):
    stoa.create(name)
    whole = (DIRECTORY / f"stoa.{name}").read_bytes()
    contents = {"-empty": b"", "-zeros": bytes(1 << 16), "-text": b"no segment" * 10000}
    contents |= {"-cut": whole[:5000], "-\udcff": whole}
    odd = [DIRECTORY / f"stoa.{name}{end}" for end in contents]
    for file, content in zip(odd, contents.values()):
        file.write_bytes(content)
    try:
        listed = [s.name for s in stoa.stat().segments if s.name.startswith(name)]
        assert listed == [name]
        assert name in str(stoa.stat())
        for file in odd:
            with pytest.raises((OSError, ValueError)):
                stoa.stat(file.name.removeprefix("stoa."))
    finally:
        for file in odd:
            file.unlink()


def test_what_lies_beside_a_damaged_object_is_told(name):
    segment = stoa.create(name, 1 << 16)
    for each in "one", "two", "three":
        segment.value(each, "q")
    whole = (DIRECTORY / f"stoa.{name}").read_bytes()
    at = whole.index(b"two\0") - 16  # its kind and its size
    copy = DIRECTORY / f"stoa.{name}-copy"
    copy.write_bytes(whole[:at] + b"\xff" * 16 + whole[at + 16 :])
    try:
        (told,) = stoa.stat(f"{name}-copy").segments
        assert [(o.name, o.kind) for o in told.objects] == [("one", "value"), ("?", "damaged"), ("three", "value")]
        assert set(stoa.open(f"{name}-copy").keys()) == {"one", "three"}
    finally:
        copy.unlink()


def test_damage_is_told_or_left_out_and_never_worse(name):
    segment = stoa.create(name, 1 << 16)
    number = segment.value("number", "q", 1)
    queue = stoa.Queue(4, name=name + "-q")
    queue.put(number.value)
    lock = stoa.Lock(name=name + "-l")
    wholes = [(DIRECTORY / f"stoa.{name}{end}").read_bytes() for end in ("", "-q", "-l")]
    copy, beside = DIRECTORY / f"stoa.{name}-copy", DIRECTORY / f"{name}-copy"
    dice = random.Random(1)
    outcomes = set()
    try:
        for whole in wholes:
            written = [i for i in range(0, len(whole), 8) if any(whole[i : i + 8])]
            for _ in range(300):
                damaged = bytearray(whole)
                for _ in range(dice.randint(1, 4)):
                    at = dice.choice(written) + dice.randrange(8)
                    damaged[at] = dice.choice([0, 0x7F, 0xFF, dice.randrange(256)])
                beside.write_bytes(damaged)
                beside.rename(copy)  # whoever else is looking at the one before keeps it
                assert any(s.name == name for s in stoa.stat(name).segments)
                try:
                    str(stoa.stat(name + "-copy"))
                    outcomes.add("told")
                except (OSError, ValueError):
                    outcomes.add("refused")
        stoa.stat()  # with the last of them
    finally:
        copy.unlink(missing_ok=True)
        queue.close()
        del lock
        stoa.unlink(name + "-q")
        stoa.unlink(name + "-l")
    assert outcomes == {"told", "refused"}
