# SPDX-License-Identifier: BSD-2-Clause
"""Places without a name: used again when nobody holds them, and not before."""

import errno
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import PATIENCE, await_that, join, started

import stoa
from stoa import _home

SHAPE = ("test",)


@pytest.fixture
def place(request):
    """Makes a place of a shape of this test's own."""
    return lambda: _home.temporary((SHAPE, request.node.name), 64)


def where(held):
    """The place itself, which its generations share."""
    return held.segment, held.name


def used_again(place, at):
    """Whether that place is given away before a new one is made."""
    kept = [place()]
    while not kept[-1].fresh:
        kept.append(place())
    return at in [where(held) for held in kept]


def segments(pid=None):
    return {n for n in os.listdir("/dev/shm") if n.startswith(f"stoa.py-{pid or os.getpid()}-")}


# ---- one process ----


def test_a_place_is_used_again_when_it_is_collected(place):
    held = place()
    at = where(held)
    assert held.fresh is True
    del held
    again = place()
    assert where(again) == at and again.fresh is False


def test_a_place_that_is_held_is_not_used_again(place):
    held = place()
    other = place()
    assert where(held) != where(other)
    copy = pickle.loads(pickle.dumps(held))
    at = where(held)
    assert where(copy) == at
    del held
    assert not used_again(place, at)
    del copy
    assert used_again(place, at)


def test_a_place_of_one_shape_is_never_used_for_another(place):
    held = place()
    at = where(held)
    del held
    assert where(_home.temporary(("another", id(at)), 64)) != at


def test_what_lies_beside_keeps_the_place(place):
    held = place()
    beside, at = held.beside("lock"), where(held)
    assert beside.name == held.name + ".lock" and beside.segment is held.segment
    copy = pickle.loads(pickle.dumps(beside))
    del held, beside
    assert not used_again(place, at)
    assert copy.name == at[1] + ".lock"
    del copy
    assert used_again(place, at)


def test_a_pickle_in_flight_keeps_the_place(place):
    held = place()
    at, pickled = where(held), pickle.dumps(held)
    del held
    assert not used_again(place, at)
    held = pickle.loads(pickled)
    assert where(held) == at
    assert not used_again(place, at)
    del held
    assert used_again(place, at)


def test_an_old_pickle_raises_and_means_nobody_else(place):
    held = place()
    at, pickled = where(held), pickle.dumps(held)
    first = pickle.loads(pickled)
    del held, first
    new = place()
    assert where(new) == at
    with pytest.raises(OSError) as error:
        pickle.loads(pickled)
    assert error.value.errno == errno.ESTALE
    again = pickle.loads(pickle.dumps(new))
    assert where(again) == at


def test_a_pickle_that_is_loaded_twice_keeps_the_place(place):
    held = place()
    at, pickled = where(held), pickle.dumps(held)
    copies = [pickle.loads(pickled) for _ in range(2)]
    del held, copies
    assert not used_again(place, at)


def test_a_pickle_whose_home_is_gone_raises():
    program = "import pickle, stoa, sys; sys.stdout.buffer.write(pickle.dumps(stoa.Value('i')))"
    pickled = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickled)


def test_many_temporaries_take_the_memory_of_a_few():
    value, before = stoa.Value("i"), None
    for i in range(100_000):
        value = stoa.Value("i", i)
        if i == 100:
            before = {name: os.stat("/dev/shm/" + name).st_size for name in segments()}
    assert value.value == 99_999
    assert {name: os.stat("/dev/shm/" + name).st_size for name in segments()} == before


def test_temporaries_of_many_shapes_take_the_memory_of_a_few():
    for i in range(20_000):
        array = stoa.Array("b", 1 + i % 3000)
        array[-1] = 1
    del array
    assert len(segments()) <= 4


def test_more_homes_come_when_they_are_needed_and_go_when_they_are_not():
    stoa.Value("i")
    before = len(segments())
    values = [stoa.Value("i", i) for i in range(3 * _home.PLACES)]
    assert [value.value for value in values] == list(range(3 * _home.PLACES))
    assert len(segments()) >= before + 2
    del values
    assert len(segments()) <= before + 1


def test_each_object_has_room_for_a_lock_however_many_there_are():
    arrays = [stoa.Array("b", 2000) for _ in range(1000)]
    for array in arrays:
        with array.get_lock():
            array[0] = 1


def test_objects_are_collected_while_others_are_made():
    class Cycle:
        def __init__(self):
            self.value = stoa.Value("i", 7)
            self.me = self

    def make():
        for _ in range(2000):
            assert Cycle().value.value == 7

    before = gc.get_threshold()
    gc.set_threshold(5, 2, 2)  # everywhere, also where places are given away
    try:
        threads = [threading.Thread(target=make) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.set_threshold(*before)


# ---- several ----


def held_until(held, ready, stop):
    ready.value = 1
    stop.wait(0)
    del held


def test_a_child_keeps_the_place_until_it_ends(context, place):
    held, ready, stop = place(), stoa.Value("i"), stoa.Value("i")
    at = where(held)
    process = started(context, held_until, held, ready, stop)
    ready.wait(0)
    del held
    process._args = ()  # nor may the Process keep it
    assert not used_again(place, at)
    stop.value = 1
    join(process)
    assert await_that(lambda: used_again(place, at))


def test_a_killed_holder_frees_the_place(context, place):
    held, ready, stop = place(), stoa.Value("i"), stoa.Value("i")
    at = where(held)
    process = started(context, held_until, held, ready, stop)
    ready.wait(0)
    del held
    assert not used_again(place, at)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert used_again(place, at)


def passed_on(there, back):
    while (held := there.get()) is not None:
        back.put(held)
        del held


def test_a_place_wanders_between_processes(context, place):
    there, back = context.Queue(), context.Queue()
    process = started(context, passed_on, there, back)
    for _ in range(20):
        held = place()
        at = where(held)
        there.put(held)
        del held
        assert not used_again(place, at)
        held = back.get(timeout=PATIENCE)
        assert where(held) == at
        del held
    assert await_that(lambda: used_again(place, at))
    there.put(None)
    join(process)


def made_and_sent(back, stop):
    back.put(stoa.Value("i", 42))
    stop.wait(0)


def test_what_a_child_makes_comes_to_its_parent(context):
    back, stop = context.Queue(), stoa.Value("i")
    process = started(context, made_and_sent, back, stop)
    value = back.get(timeout=PATIENCE)
    stop.value = 1
    join(process)
    value += 1
    assert value.value == 43  # also when its maker is gone
    again = pickle.loads(pickle.dumps(value))
    assert again.value == 43


def held_by_a_grandchild(held, ready, stop):
    if os.fork() == 0:
        ready.value = 1
        stop.wait(0)
        os._exit(0)
    os._exit(0)


def test_a_grandchild_keeps_the_place_when_its_parent_is_gone(context, place):
    held, ready, stop = place(), stoa.Value("i"), stoa.Value("i")
    at = where(held)
    process = started(context, held_by_a_grandchild, held, ready, stop)
    assert await_that(lambda: process.exitcode == 0)  # join() would wait for the grandchild, too
    ready.wait(0)
    del held
    process._args = ()
    assert not used_again(place, at)
    stop.value = 1
    assert await_that(lambda: used_again(place, at))


def test_a_fork_in_flight_keeps_the_place(place):
    held, stop, arrived = place(), stoa.Value("i"), stoa.Value("i")
    at = where(held)
    real = _home._Home.arrive

    def slow(home):  # the child is here before it says that it holds the place
        if not stop.value:
            stop.wait(0)
        real(home)

    _home._Home.arrive = slow
    pid = os.fork()
    if pid == 0:
        arrived.value = 1
        stop.wait(1)
        os._exit(0)
    _home._Home.arrive = real
    del held
    assert arrived.value == 0 and not used_again(place, at)
    stop.value = 1
    assert arrived.wait(0)
    assert not used_again(place, at)
    stop.value = 2
    os.waitpid(pid, 0)
    assert used_again(place, at)


def test_a_child_that_is_killed_before_it_arrives_holds_nothing(place):
    held, never = place(), stoa.Value("i")
    at = where(held)
    real = _home._Home.arrive
    _home._Home.arrive = lambda home: never.wait(0)
    pid = os.fork()
    if pid == 0:
        os._exit(1)
    _home._Home.arrive = real
    del held
    assert not used_again(place, at)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert used_again(place, at)


def test_a_child_is_no_owner_of_its_parents_places(place):
    held = place()
    at = where(held)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        del held
        mine = [place() for _ in range(10)]
        os.write(write, b"ok" if all(where(h)[0] is not at[0] for h in mine) else b"no")
        os._exit(0)
    assert os.read(read, 2) == b"ok"
    os.waitpid(pid, 0)
    os.close(read)
    os.close(write)


def test_places_of_a_storm_are_never_two_objects(context):
    """Children that come and go, killed at times, and in each place the number of its one owner."""
    end = time.monotonic() + 3
    stop = stoa.Value("i")
    number = 0
    while time.monotonic() < end:
        values = [stoa.Value("q", number + i) for i in range(8)]
        processes = [started(context, checked, values, number, stop) for _ in range(2)]
        for i, value in enumerate(values):
            value.value = -(number + i)
        processes[0].kill()  # it may have ended
        for value in values[::2]:
            assert -value.value in range(number, number + 8)
        number += 8
        join(processes[1])
        processes[0].join()
        assert [value.value for value in values] == [-n for n in range(number - 8, number)]


def checked(values, number, stop):
    for i, value in enumerate(values):
        assert abs(value.value) == number + i
        mine = stoa.Value("q", 5)
        assert mine.value == 5


# ---- the end ----

PROGRAM = """
import os, sys, stoa
if __name__ == "__main__":
    v = stoa.Value("i")
    a = stoa.Array("d", 10**5)
    cycle = [v]; cycle.append(cycle)
    {}
    print(os.getpid())
"""

ENDS = {
    "normal": "",
    "exit": "print(os.getpid()); sys.exit()",
    "children": """
    import multiprocessing
    def work(v):
        mine = stoa.Value("i")
        v.add(1)
    for method in ["fork"]:
        p = multiprocessing.get_context(method).Process(target=work, args=(v,))
        p.start()
    """.strip(),
    "fork": "os.fork() or os._exit(0)",
}


@pytest.mark.parametrize("how", ENDS)
def test_nothing_is_left_behind(how, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(ENDS[how]))
    out = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert out.stderr == ""
    assert await_that(lambda: not segments(out.stdout.split()[0]))


def test_what_a_killed_process_left_goes_with_the_next_that_has_a_home():
    program = "import os, stoa; v = stoa.Value('i'); print(os.getpid(), flush=True); os.kill(os.getpid(), 9)"
    pid = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip()
    assert segments(pid)
    subprocess.run([sys.executable, "-c", "import stoa; stoa.Value('i')"], check=True)
    assert not segments(pid)
