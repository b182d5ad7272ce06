# SPDX-License-Identifier: BSD-2-Clause
"""Locks, semaphores, events, conditions and barriers, all well."""

import os
import pickle
import signal
import threading
import time

import pytest
from conftest import PATIENCE, await_that, join, started

import stoa
from stoa.synchronize import BrokenBarrierError

SOON = 0.05
MAKERS = [stoa.Lock, stoa.RLock, stoa.Semaphore, stoa.BoundedSemaphore, stoa.Event, stoa.Condition]
LOCKS = [stoa.Lock, stoa.RLock]


def in_thread(function, *args):
    """What the function answers in another thread."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function(*args)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answers[0]


def asleep(pid):
    """Whether a process sleeps, time and again."""
    for _ in range(5):
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] != "S":
                return False
        time.sleep(0.005)
    return True


def released_too_often(thing):
    with pytest.raises(ValueError, match="semaphore or lock released too many times"):
        thing.release()


# ---- locks ----


@pytest.mark.parametrize("made", LOCKS)
def test_one_holds_a_lock(made):
    lock = made()
    assert lock.acquire() is True
    assert in_thread(lock.acquire, False) is False
    assert in_thread(lock.acquire, True, SOON) is False
    assert in_thread(lock.acquire, True, -1) is False
    assert lock.release() is None
    with lock as entered:
        assert entered is True and in_thread(lock.acquire, False) is False
    assert in_thread(lambda: (lock.acquire(blocking=False), lock.release())) == (True, None)
    assert lock.acquire(block=True, timeout=SOON) is True
    lock.release()


def test_who_has_a_lock_waits_for_it_as_everybody_does():
    lock = stoa.Lock()
    assert lock.acquire() and not lock.acquire(False)
    before = time.monotonic()
    assert not lock.acquire(timeout=SOON)
    assert time.monotonic() - before >= SOON


def test_another_process_or_thread_may_release_a_lock(context):
    lock = stoa.Lock()
    lock.acquire()
    process = started(context, lock.release)
    assert lock.acquire(timeout=PATIENCE)  # when the child has released it
    join(process)
    in_thread(lock.release)
    released_too_often(lock)


def test_a_recursive_lock_is_released_as_often_as_acquired_and_by_its_owner(run):
    lock = stoa.RLock()
    same = pickle.loads(pickle.dumps(lock))
    with pytest.raises(AssertionError, match="attempt to release recursive lock not owned by thread"):
        lock.release()
    assert lock.acquire() and same.acquire(False) and lock.acquire(timeout=0)
    lock.release()
    same.release()
    assert in_thread(lock.acquire, False) is False
    run(does_not_hold, lock)
    lock.release()
    assert in_thread(lambda: (lock.acquire(False), lock.release())) == (True, None)


def does_not_hold(lock):
    with pytest.raises(AssertionError):
        lock.release()
    assert not lock.acquire(False)


def add_under(lock, total, times):
    for _ in range(times):
        with lock:
            total.value = total.value + 1


@pytest.mark.parametrize("made", [*LOCKS, stoa.Semaphore, stoa.BoundedSemaphore, stoa.Condition])
def test_processes_exclude_each_other(context, made):
    lock, total = made(), stoa.Value("i", 0)
    join(*[started(context, add_under, lock, total, 300) for _ in range(3)])
    assert total.value == 900


def test_a_child_holds_nothing_of_what_its_parent_holds():
    lock = stoa.RLock()
    with lock:
        pid = os.fork()
        if not pid:
            os._exit(not (lock._count() == 0 and not lock.acquire(False)))
        assert os.waitpid(pid, 0)[1] == 0
        assert lock._count() == 1


# ---- all of them ----


@pytest.mark.parametrize("made", MAKERS)
def test_they_are_pickled_at_any_time(made, run):
    thing = made()
    run(use, pickle.dumps(thing))
    assert type(pickle.loads(pickle.dumps(thing))) is made


def use(data):
    thing = pickle.loads(data)
    if hasattr(thing, "set"):
        thing.set()
    else:
        with thing:
            pass


def test_they_go_through_queues():
    queue, lock = stoa.Queue(), stoa.Lock()
    lock.acquire()
    queue.put(lock)
    assert not queue.get().acquire(False)


@pytest.mark.parametrize("made", MAKERS)
def test_a_name_finds_them_from_any_process(made, name, run):
    thing = made(name=name)
    run(use_by_name, made, name)
    assert thing.is_set() if made is stoa.Event else thing.acquire(False)


def use_by_name(made, name):
    thing = made(name=name)
    thing.set() if made is stoa.Event else thing.release() if thing.acquire(False) else 1 / 0


def test_a_place_that_is_used_again_is_as_new():
    for _ in range(3):
        things = [stoa.Lock(), stoa.RLock(), stoa.Condition(), stoa.Semaphore(2), stoa.BoundedSemaphore(2)]
        assert [in_thread(thing.acquire, False) for thing in things] == [True] * 5
        assert [thing.get_value() for thing in things[3:]] == [1, 1]
        things[3].release(), things[3].release()
        event, barrier = stoa.Event(), stoa.Barrier(2)
        assert not event.is_set() and not barrier.broken
        event.set(), barrier.abort()
        del things, event, barrier


def test_representations_are_those_of_multiprocessing():
    lock, recursive = stoa.Lock(), stoa.RLock()
    assert repr(lock) == "<Lock(owner=None)>" and repr(recursive) == "<RLock(None, 0)>"
    with lock, recursive, recursive:
        assert repr(lock) == "<Lock(owner=MainProcess)>" and repr(recursive) == "<RLock(MainProcess, 2)>"
        assert in_thread(repr, recursive) == "<RLock(SomeOtherThread, nonzero)>"
    assert repr(stoa.Semaphore(3)) == "<Semaphore(value=3)>"
    assert repr(stoa.BoundedSemaphore(3)) == "<BoundedSemaphore(value=3, maxvalue=3)>"
    assert repr(stoa.Condition(lock)) == "<Condition(<Lock(owner=None)>, 0)>"
    assert repr(stoa.Event()).endswith("unset>") and "waiters=0/2" in repr(stoa.Barrier(2))


def wait_for_ever(thing):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if isinstance(thing, type(stoa.Condition())):
            with thing:
                thing.wait()
        elif hasattr(thing, "wait"):
            thing.wait()
        else:
            thing.acquire()
    except KeyboardInterrupt:
        os._exit(7)


@pytest.mark.parametrize("made", [*LOCKS, stoa.Semaphore, stoa.Event, stoa.Condition, lambda: stoa.Barrier(2)])
def test_a_wait_is_interrupted(made):
    thing = made()
    if hasattr(thing, "acquire") and not hasattr(thing, "wait"):
        thing.acquire()
    process = started(stoa.get_context("fork"), wait_for_ever, thing)
    end = time.monotonic() + PATIENCE
    while process.exitcode is None and time.monotonic() < end:
        if asleep(process.pid):
            os.kill(process.pid, signal.SIGINT)
        process.join(0.1)
    assert process.exitcode == 7


def test_other_threads_run_while_one_waits():
    event = stoa.Event()
    waiter = threading.Thread(target=event.wait, daemon=True)
    waiter.start()
    event.set()  # which needs the interpreter
    waiter.join(PATIENCE)
    assert not waiter.is_alive()


@pytest.mark.parametrize("timeout", ["x", float("nan")])
def test_a_timeout_is_a_number(timeout):
    with pytest.raises((TypeError, ValueError)):
        stoa.Event().wait(timeout)
    with pytest.raises((TypeError, ValueError)):
        stoa.Lock().acquire(True, timeout)


# ---- semaphores ----


def test_a_semaphore_counts(run):
    semaphore = stoa.Semaphore(2)
    assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
    assert not semaphore.acquire(True, SOON)
    run(semaphore.release)
    semaphore.release()
    semaphore.release()
    assert semaphore.get_value() == 3 and stoa.Semaphore().get_value() == 1 and stoa.Semaphore(0).get_value() == 0


def test_a_bounded_semaphore_does_not_grow(run):
    semaphore = stoa.BoundedSemaphore(2)
    released_too_often(semaphore)
    released_too_often(stoa.BoundedSemaphore(0))
    with semaphore:
        run(released_too_often, pickle.loads(pickle.dumps(stoa.BoundedSemaphore(2))))
        assert semaphore.get_value() == 1


@pytest.mark.parametrize("value", [-1, 1 << 31])
def test_a_semaphore_has_no_such_value(value):
    for made in (stoa.Semaphore, stoa.BoundedSemaphore):
        with pytest.raises(OSError if value < 0 else OverflowError):
            made(value)
    with pytest.raises(OSError):
        stoa.Semaphore(0, permits_return=True)


def test_permits_that_return_belong_to_the_process(run):
    semaphore = stoa.Semaphore(2, permits_return=True)
    released_too_often(semaphore)
    run(semaphore.acquire)  # and ends with it
    assert semaphore.acquire(timeout=PATIENCE) and semaphore.acquire(timeout=PATIENCE)
    run(released_too_often, semaphore)
    semaphore.release()
    assert semaphore.get_value() == 1


# ---- event ----


def test_an_event_is_set_and_cleared(context):
    event = stoa.Event()
    assert event.wait(SOON) is False and event.wait(0) is False
    process = started(context, event.set)
    assert event.wait() is True and event.is_set()
    join(process)
    event.clear()
    assert not event.is_set()


# ---- condition ----


def wait_under(condition, ready, woken, timeout=PATIENCE):
    with condition:
        ready.add(1)
        woken.add(bool(condition.wait(timeout)))


def waiters(context, condition, count, *args):
    """Processes that wait."""
    ready, woken = stoa.Value("i", 0), stoa.Value("i", 0)
    processes = [started(context, wait_under, condition, ready, woken, *args) for _ in range(count)]
    assert await_that(lambda: ready.value == count)
    return processes, woken


@pytest.mark.parametrize("made", [lambda: None, stoa.Lock, stoa.RLock])
def test_a_notification_wakes_as_many_as_it_says(context, made):
    condition = stoa.Condition(made())
    processes, woken = waiters(context, condition, 4)
    with condition:  # so all wait by now
        condition.notify()
    assert await_that(lambda: woken.value == 1)
    with condition:
        condition.notify(2)
    assert await_that(lambda: woken.value == 3)
    assert sum(process.is_alive() for process in processes) >= 1
    with condition:
        condition.notify_all()
    join(*processes)
    assert woken.value == 4


def test_who_gives_up_takes_no_notification(context):
    condition = stoa.Condition()
    processes, woken = waiters(context, condition, 2, SOON)
    join(*processes)
    assert woken.value == 0
    with condition:
        condition.notify(5)
        assert condition.wait(SOON) is False  # it was for those who waited


def test_who_waits_first_is_woken_first():
    condition, order = stoa.Condition(), []

    def wait(number):
        with condition:
            order.append(-number)
            condition.wait(PATIENCE)
            order.append(number)

    threads = [threading.Thread(target=wait, args=(n,), daemon=True) for n in (1, 2, 3)]
    for n, thread in enumerate(threads, 1):
        thread.start()
        assert await_that(lambda: len(order) == n)
    for n in (1, 2, 3):
        with condition:
            condition.notify()
        assert await_that(lambda: len(order) == 3 + n)
    assert order == [-1, -2, -3, 1, 2, 3]


def test_a_condition_is_used_by_who_holds_its_lock():
    condition = stoa.Condition()
    with pytest.raises(AssertionError):
        condition.wait()
    with pytest.raises(AssertionError):
        condition.notify()
    with condition, condition:
        assert condition.wait(SOON) is False
        assert condition._lock._count() == 2


def test_what_is_waited_for_is_looked_at_again(context):
    condition, number = stoa.Condition(), stoa.Value("i", 0)
    process = started(context, count_up, condition, number)
    with condition:
        assert condition.wait_for(lambda: number.value >= 5, PATIENCE)
        assert condition.wait_for(lambda: number.value < 0, SOON) is False
    join(process)


def count_up(condition, number):
    for _ in range(5):
        with condition:
            number.value += 1
            condition.notify_all()


def test_more_wait_than_are_told_apart():
    condition, woken = stoa.Condition(), []

    def wait():
        with condition:
            woken.append(0)
            woken.append(condition.wait(PATIENCE))

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(140)]
    for thread in threads:
        thread.start()
    assert await_that(lambda: woken.count(0) == 140)
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(PATIENCE)
    assert woken.count(True) == 140


# ---- barrier ----


def meet(barrier, times, table):
    for _ in range(times):
        table.add(barrier.wait(PATIENCE), 1)


def test_all_parties_pass_a_barrier_together(context):
    barrier, table = stoa.Barrier(3), stoa.Array("i", 3)
    processes = [started(context, meet, barrier, 20, table) for _ in range(2)]
    meet(barrier, 20, table)
    join(*processes)
    assert table[:] == [20, 20, 20]  # each index once in each round
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)


def test_the_action_runs_once_a_round():
    barrier, done = stoa.Barrier(2, lambda: done.append(barrier.n_waiting)), []
    thread = threading.Thread(target=barrier.wait, daemon=True)
    thread.start()
    assert await_that(lambda: barrier.n_waiting == 1)
    assert barrier.wait(PATIENCE) == 1 and done == [1]
    thread.join(PATIENCE)


def broken_wait(barrier):
    try:
        barrier.wait()
    except BrokenBarrierError:
        return "broken"


@pytest.mark.parametrize("end", ["abort", "reset", "action", "timeout"])
def test_a_broken_barrier_lets_nobody_wait(end):
    action = (lambda: 1 / 0) if end == "action" else None
    barrier = stoa.Barrier(3 if end == "timeout" else 2, action)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(broken_wait(barrier)), daemon=True)
    thread.start()
    assert await_that(lambda: barrier.n_waiting == 1)
    if end == "action":
        with pytest.raises(ZeroDivisionError):
            barrier.wait()
    elif end == "timeout":
        with pytest.raises(BrokenBarrierError):
            barrier.wait(SOON)
    else:
        getattr(barrier, end)()
    thread.join(PATIENCE)
    assert answers == ["broken"]
    assert barrier.broken == (end != "reset")
    if barrier.broken:
        assert broken_wait(barrier) == "broken" and barrier.n_waiting == 0
        barrier.reset()
    assert not barrier.broken


def test_a_barrier_has_a_timeout_of_its_own_and_goes_by_pickle():
    barrier = pickle.loads(pickle.dumps(stoa.Barrier(2, timeout=SOON)))
    assert broken_wait(barrier) == "broken"
    with pytest.raises(ValueError):
        stoa.Barrier(0)
    assert stoa.Barrier(1).wait() == 0


@pytest.mark.parametrize("made", [lambda: stoa.Value("i"), lambda: stoa.Array("i", 3), stoa.Lock, stoa.RLock])
def test_what_was_dropped_locked_is_not_locked_when_its_place_is_used_again(made):
    for _ in range(3):
        thing = made()
        assert in_thread(thing.acquire, False)  # and that thread ends with it
        del thing


def test_a_thread_that_has_lost_the_object_of_its_lock_may_find_it_again():
    lock = stoa.RLock()
    lock.acquire()
    data = pickle.dumps(lock)
    del lock
    lock = pickle.loads(data)
    assert not in_thread(lock.acquire, False)
    assert lock.acquire(False)
    lock.release()
    assert in_thread(lock.acquire, False)


def test_who_is_interrupted_on_the_way_back_waits_no_more():
    condition, held, back = stoa.Condition(), threading.Event(), threading.Event()

    def hold():
        with condition:
            held.set()
            back.wait(PATIENCE)

    def interrupt(_, frame):
        if held.is_set() and frame.f_code is stoa.Condition.acquire.__code__:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    thread = threading.Thread(target=hold)
    condition.acquire()
    thread.start()
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            while not condition.wait(0.01):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    back.set()
    thread.join(PATIENCE)
    assert not any(condition._waiters.table[1:])
