# SPDX-License-Identifier: BSD-2-Clause
"""Signals that come while one waits."""

import ctypes
import os
import signal
import sys
import threading

import pytest
from conftest import PATIENCE, await_that

import stoa


class Pair(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int)]


def held(lock):
    lock.acquire()
    return lock


def with_one(queue):
    queue.put(1)
    return queue


# What to wait for, how, and what ends it.
WAITS = {
    "value": (lambda: stoa.Value("i"), lambda v: v.wait(0, PATIENCE), lambda v: v.add(1)),
    "struct": (lambda: stoa.Value(Pair), lambda v: v.wait((0, 0), PATIENCE), lambda v: v.store((1, 1))),
    "lock": (lambda: held(stoa.Lock()), lambda v: v.acquire(True, PATIENCE), lambda v: v.release()),
    "event": (stoa.Event, lambda v: v.wait(PATIENCE), lambda v: v.set()),
    "semaphore": (lambda: stoa.Semaphore(0), lambda v: v.acquire(True, PATIENCE), lambda v: v.release()),
    "queue": (stoa.Queue, lambda v: v.get(True, PATIENCE), lambda v: v.put(1)),
    "bounded queue": (lambda: stoa.Queue(1), lambda v: v.get(True, PATIENCE), lambda v: v.put(1)),
    "full queue": (lambda: with_one(stoa.Queue(1)), lambda v: v.put(2, True, PATIENCE), lambda v: v.get()),
    "tasks": (lambda: with_one(stoa.JoinableQueue()), lambda v: v.join(PATIENCE), lambda v: v.task_done()),
}


def runs(thread, function):
    frame = sys._current_frames().get(thread.ident)
    while frame and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None


@pytest.mark.parametrize("made, wait, end", WAITS.values(), ids=WAITS)
def test_a_handler_runs_though_its_signal_does_not_end_the_wait(made, wait, end):
    """As where it comes just before the wait: here another thread gets it."""
    thing, ended = made(), []

    def handler(*_):
        end(thing)
        ended.append(runs(threading.main_thread(), wait))

    def send():
        assert await_that(lambda: runs(threading.main_thread(), wait))
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        sender.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        answer = wait(thing)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert answer or answer is None
    assert ended == [True]


@pytest.mark.parametrize("made, wait, end", WAITS.values(), ids=WAITS)
def test_what_a_handler_raises_ends_the_wait(made, wait, end):
    thing = made()

    def send():
        assert await_that(lambda: runs(threading.main_thread(), wait))
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        wait(thing)
    sender.join()
    end(thing)
    answer = wait(thing)
    assert answer or answer is None
