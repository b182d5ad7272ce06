# SPDX-License-Identifier: BSD-2-Clause
"""Processes that are killed while they hold or wait for something."""

import os
import random
import signal
import time
import warnings

import pytest
from conftest import PATIENCE, await_that, join, started

import stoa
from stoa.synchronize import BrokenBarrierError

SOON = 0.05
FORK = stoa.get_context("fork")


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL


def hold(thing, ready):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thing.acquire()
    ready.set()
    signal.pause()


def holder(thing, context=FORK):
    """A process that holds it."""
    ready = stoa.Event()
    process = started(context, hold, thing, ready)
    assert ready.wait(PATIENCE)
    return process


LOCKS = [stoa.Lock, stoa.RLock, stoa.Condition, lambda: stoa.Value("i").get_lock()]


@pytest.mark.parametrize("made", LOCKS)
def test_the_next_one_gets_the_lock_of_a_dead_holder_and_is_warned(context, made):
    lock = made()
    process = holder(lock, context)
    assert not lock.acquire(False)
    kill(process)
    with pytest.warns(stoa.OwnerDied):
        assert lock.acquire(False)  # at once
    lock.release()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lock.acquire(False)
        lock.release()


def test_who_waits_gets_the_lock_of_a_dead_holder():
    lock = stoa.Lock()
    process = holder(lock)
    killer = started(FORK, os.kill, process.pid, signal.SIGKILL)
    with pytest.warns(stoa.OwnerDied), lock:
        assert lock.owner_died
    join(killer)
    with lock:
        assert not lock.owner_died


def test_a_warning_that_is_made_an_exception_leaves_the_lock_free():
    lock = stoa.RLock()
    kill(holder(lock))
    with warnings.catch_warnings():
        warnings.simplefilter("error", stoa.OwnerDied)
        with pytest.raises(stoa.OwnerDied):
            lock.acquire()
    assert lock._count() == 0 and lock.acquire(False)


def test_permits_of_the_dead_come_back_or_are_lost_as_it_was_asked_for():
    plain, returning = stoa.Semaphore(1), stoa.Semaphore(1, permits_return=True)
    kill(holder(plain)), kill(holder(returning))
    assert not plain.acquire(timeout=SOON)
    plain.release()  # somebody answers for it
    assert plain.acquire(False)
    assert returning.acquire(timeout=PATIENCE)


def wait_under(condition, ready, woken):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with condition:
            ready.add(1)
            woken.add(bool(condition.wait()))


class Waiting:
    """Processes that wait for a condition."""

    def __init__(self, count):
        self.condition, self.ready, self.woken = stoa.Condition(), stoa.Value("i", 0), stoa.Value("i", 0)
        self.processes = []
        for _ in range(count):  # one after the other: so it is known who is to be woken first
            self.processes.append(started(FORK, wait_under, self.condition, self.ready, self.woken))
            assert await_that(lambda: self.ready.value == len(self.processes))
        with self.condition:  # so all wait by now
            pass


def test_a_dead_waiter_does_not_keep_a_notification():
    waiting = Waiting(3)
    kill(waiting.processes[0])
    with waiting.condition:
        waiting.condition.notify()
    assert await_that(lambda: waiting.woken.value == 1)
    with waiting.condition:
        waiting.condition.notify()
    join(*waiting.processes[1:])


def test_a_waiter_that_is_killed_with_its_notification_passes_it_on():
    waiting = Waiting(2)
    with waiting.condition:
        waiting.condition.notify()
        kill(waiting.processes[0])  # it has it, and does not have the lock
    join(waiting.processes[1])
    assert waiting.woken.value == 1


def test_dead_waiters_do_not_use_up_the_places():
    condition, ready, woken = stoa.Condition(), stoa.Value("i", 0), stoa.Value("i", 0)
    table = condition._waiters.table
    process = started(FORK, wait_under, condition, ready, woken)
    assert await_that(lambda: ready.value == 1)
    with condition:
        kill(process)
        word = table[1]
        table[1:] = [word + (i << 24) for i in range(len(table) - 1)]  # as if many had died so
        assert condition.wait(SOON) is False
    assert not any(table[1:])


def die_notifying(condition, ready):
    condition.acquire()
    ready.set()
    os.kill(os.getpid(), signal.SIGKILL)


def test_who_dies_with_the_lock_of_a_condition_leaves_nobody_waiting():
    waiting, ready = Waiting(3), stoa.Event()
    notifier = started(FORK, die_notifying, waiting.condition, ready)
    assert ready.wait(PATIENCE)
    notifier.join(PATIENCE)
    join(*waiting.processes)  # one of them got its lock, and woke the others
    assert waiting.woken.value == 3


def pass_barrier(barrier, table):
    table.add(barrier.wait(), 1)


def test_the_arrival_of_a_dead_process_does_not_count():
    barrier, table = stoa.Barrier(3), stoa.Array("i", 3)
    first, second = (started(FORK, pass_barrier, barrier, table) for _ in range(2))
    assert await_that(lambda: barrier.n_waiting == 2)
    kill(first)
    assert barrier.n_waiting == 1
    third = started(FORK, pass_barrier, barrier, table)
    assert await_that(lambda: barrier.n_waiting == 2)
    assert not any(table[:])
    table.add(barrier.wait(PATIENCE), 1)
    join(second, third)
    assert table[:] == [1, 1, 1]


def die_acting():
    os.kill(os.getpid(), signal.SIGKILL)


def test_who_dies_as_the_last_party_has_not_arrived():
    barrier = stoa.Barrier(2, die_acting)
    table = stoa.Array("i", 2)
    process = started(FORK, pass_barrier, barrier, table)
    assert await_that(lambda: barrier.n_waiting == 1)
    last = started(FORK, barrier.wait)
    last.join(PATIENCE)
    assert last.exitcode == -signal.SIGKILL
    with pytest.warns(stoa.OwnerDied):
        barrier.abort()
    process.join(PATIENCE)
    assert process.exitcode == 1  # BrokenBarrierError
    with pytest.raises(BrokenBarrierError):
        barrier.wait()


def work(lock, pair):
    warnings.simplefilter("ignore")
    while True:
        with lock:
            if lock.owner_died:
                pair[1] = pair[0]
            elif pair[0] != pair[1]:
                os._exit(3)
            pair[0] += 1
            pair[1] += 1


@pytest.mark.parametrize("made", [stoa.Lock, stoa.RLock])
def test_nothing_is_torn_unnoticed_in_a_storm_of_kills(made):
    lock, pair = made(), stoa.Array("q", 2, lock=False)
    chance = random.Random(1)
    processes = [started(FORK, work, lock, pair) for _ in range(3)]
    for _ in range(40):
        at = chance.randrange(3)
        before = pair[1]
        assert await_that(lambda: pair[1] > before)  # work goes on
        time.sleep(chance.random() / 100)
        kill(processes[at])
        processes[at] = started(FORK, work, lock, pair)
    for process in processes:
        kill(process)


def wake_each_other(condition, turn, me, count):
    warnings.simplefilter("ignore")
    while True:
        with condition:
            condition.wait_for(lambda: turn.value % 2 == me, 1)
            turn.value += 1
            count.add(1)
            condition.notify()


def test_a_condition_survives_a_storm_of_kills():
    condition, turn, count = stoa.Condition(), stoa.Value("q", 0), stoa.Value("q", 0)
    chance = random.Random(2)
    processes = [started(FORK, wake_each_other, condition, turn, me, count) for me in (0, 1)]
    for _ in range(20):
        at = chance.randrange(2)
        before = count.value
        assert await_that(lambda: count.value > before + 2)
        kill(processes[at])
        processes[at] = started(FORK, wake_each_other, condition, turn, at, count)
    for process in processes:
        kill(process)
