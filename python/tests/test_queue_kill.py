# SPDX-License-Identifier: BSD-2-Clause
"""Queues whose processes are killed and stopped: nobody waits, and nothing is lost."""

import collections
import glob
import multiprocessing
import os
import random
import signal
import time

import pytest

import stoa
from conftest import PATIENCE, await_that, join, started

FORK = multiprocessing.get_context("fork")
SIZES = [0, 1, 50, 500, 20_000, 300_000]


def item(i):
    return (i, bytes([i % 256]) * SIZES[i % len(SIZES)])


def work(tasks, results):
    while True:
        lease = tasks.take()
        with lease as thing:
            if thing is None:
                return
            i, data = thing
            assert thing == item(i)
            results.put((i, lease.redelivered, lease.deliveries))


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)


def drain(queue, into):
    try:
        while True:
            into.append(queue.get_nowait())
    except stoa.Empty:
        pass


def test_a_pool_whose_workers_are_killed_does_all_tasks():
    count, kills = 600, 40
    chance = random.Random(1)
    tasks, results, got = stoa.Queue(), stoa.Queue(), []
    workers = [started(FORK, work, tasks, results) for _ in range(3)]
    put = 0
    for _ in range(kills):
        for _ in range(count // kills):
            tasks.put(item(put))
            put += 1
        time.sleep(chance.random() * 0.02)
        place = chance.randrange(len(workers))
        kill(workers[place])
        workers[place] = started(FORK, work, tasks, results)
        drain(results, got)

    def all_came():
        drain(results, got)
        return len({i for i, *_ in got}) == put

    assert await_that(all_came), f"{put - len({i for i, *_ in got})} tasks were lost"
    assert await_that(tasks.empty)
    times = collections.Counter(i for i, *_ in got)
    for i, _ in [pair for pair in times.items() if pair[1] > 1]:
        flagged = sum(redelivered for one, redelivered, _ in got if one == i)
        assert flagged >= times[i] - 1, f"task {i} was done twice and nobody was told"
    for _ in workers:
        tasks.put(None)
    join(*workers)
    tasks._sweep()
    assert not glob.glob(f"/dev/shm/stoa.{tasks.name}~s*"), "what the dead have left is found"
    tasks.close()
    results.close()


def put_forever(queue, who):
    i = 0
    while True:
        queue.put((who, i, bytes(SIZES[i % len(SIZES)])))
        i += 1


def test_killed_senders_leave_no_gap_and_no_half_object():
    chance = random.Random(2)
    with stoa.Queue() as q:
        following = collections.Counter()
        for who in range(20):
            sent = q.stat()["sent"]
            sender = started(FORK, put_forever, q, who)
            assert await_that(lambda: q.stat()["sent"] > sent)
            end = time.monotonic() + chance.random() * 0.05
            while time.monotonic() < end:
                take_one(q, following)
            kill(sender)
            if who % 3 == 0:
                while not q.empty():
                    take_one(q, following)
        while not q.empty():
            take_one(q, following)
        assert len(following) == 20
        q._sweep()
        assert not glob.glob(f"/dev/shm/stoa.{q.name}~s*")
        q.put("goes on")
        assert q.get(timeout=PATIENCE) == "goes on"


def take_one(q, following):
    try:
        who, i, data = q.get(timeout=0.2)
    except stoa.Empty:
        return
    assert i == following[who] and data == bytes(SIZES[i % len(SIZES)])
    following[who] += 1


def put_large(queue, who, count):
    for i in range(count):
        queue.put((who, i, bytes(20_000)))


def sweep_forever(queue):
    while True:
        queue._sweep()


def test_a_sweep_takes_nothing_away_that_somebody_needs():
    count = 3000
    with stoa.Queue() as q:
        sweepers = [started(FORK, sweep_forever, q) for _ in range(2)]
        sender = started(FORK, put_large, q, 0, count)
        for i in range(count):
            assert q.get(timeout=PATIENCE)[1] == i
        join(sender)
        for sweeper in sweepers:
            kill(sweeper)


def put_small(queue, who):
    for i in range(20_000):
        queue.put((who, i))
    time.sleep(10 * PATIENCE)


def test_senders_killed_while_the_chain_grows_leave_it_whole():
    with stoa.Queue() as q:
        senders = [started(FORK, put_small, q, who) for who in range(3)]
        for who in range(3, 12):
            kill(senders.pop(0))
            sent = q.stat()["sent"]
            senders.append(started(FORK, put_small, q, who))
            assert await_that(lambda: q.stat()["sent"] > sent)
        for sender in senders:
            kill(sender)
        following = collections.Counter()
        while not q.empty():
            who, i = q.get(timeout=PATIENCE)
            assert i == following[who]
            following[who] += 1
        assert len(following) > 9


def get_forever(queue, results):
    while True:
        results.put(queue.get())


def test_receivers_killed_in_get_lose_at_most_what_they_had_in_hand():
    count, kills = 6000, 20
    with stoa.Queue() as q, stoa.Queue() as results:
        receivers = [started(FORK, get_forever, q, results) for _ in range(3)]
        for i in range(count):
            q.put(i)
            if i % (count // kills) == 0:
                kill(receivers.pop(0))
                receivers.append(started(FORK, get_forever, q, results))
        got = []

        def all_came():
            drain(results, got)
            return q.empty() and len(set(got)) >= count - kills

        assert await_that(all_came)
        # One that was killed in get() may have given its object back, and nobody can tell it from the outside.
        assert len(got) - len(set(got)) <= kills
        for receiver in receivers:
            kill(receiver)


def hold(queue, held):
    with queue.take():
        held.put(True)
        time.sleep(10 * PATIENCE)


def test_a_held_object_of_a_dead_process_goes_to_another_though_the_chain_went_on():
    with stoa.Queue() as q, stoa.Queue() as held:
        q.put("first")
        holder = started(FORK, hold, q, held)
        assert held.get(timeout=PATIENCE)
        for i in range(20_000):
            q.put(i)
        assert [q.get(timeout=PATIENCE) for _ in range(20_000)] == list(range(20_000))
        assert q.empty()
        kill(holder)
        lease = q.take(timeout=PATIENCE)
        with lease as thing:
            assert thing == "first" and lease.redelivered and lease.deliveries == 2
        with pytest.raises(stoa.Empty):
            q.get(timeout=0.3)
        assert await_that(lambda: len(glob.glob(f"/dev/shm/stoa.{q.name}~r*")) <= 1)


def test_a_stopped_process_stops_nobody():
    with stoa.Queue() as q:
        q.put("for the one who stops")
        held = stoa.Queue()
        holder = started(FORK, hold, q, held)
        assert held.get(timeout=PATIENCE)
        sender = started(FORK, put_small, q, 0)
        assert await_that(lambda: not q.empty())
        for process in holder, sender:
            os.kill(process.pid, signal.SIGSTOP)
        for i in range(3000):
            q.put(("mine", i))
        mine = 0
        while mine < 3000:
            who, i = q.get(timeout=PATIENCE)
            if who == "mine":
                assert i == mine
                mine += 1
        for process in holder, sender:
            kill(process)


def test_a_killed_sender_does_not_keep_join_waiting():
    with stoa.JoinableQueue() as q:
        for who in range(10):
            sender = started(FORK, put_small, q, who)
            assert await_that(lambda: not q.empty())
            kill(sender)
            while not q.empty():
                q.get(timeout=PATIENCE)
                q.task_done()
            assert q.join(PATIENCE)
