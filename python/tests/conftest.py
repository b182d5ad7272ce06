# SPDX-License-Identifier: BSD-2-Clause
"""What the tests share."""

import gc
import multiprocessing
import os
import secrets
import threading
import time

import pytest

import stoa
from stoa import _home

PATIENCE = 120  # seconds, for what takes none on a machine that does nothing else


def pytest_sessionfinish():
    """The next process that makes a home would do so: what was killed here leaves no names."""
    _home._sweep()


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def context(request):
    """Each way to start a process."""
    return multiprocessing.get_context(request.param)


@pytest.fixture
def run(context):
    """Runs a function in another process, and sees it end well."""
    return lambda target, *args: join(started(context, target, *args))


def started(context, target, *args):
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def join(*processes):
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0


def await_that(condition):
    """Waits until it holds; False where it does not come to that."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class Counting:
    """A lock that counts how often it was acquired."""

    def __init__(self):
        self.entered = 0
        self.lock = threading.RLock()

    def acquire(self, *args):
        self.entered += 1
        return self.lock.acquire(*args)

    def release(self):
        self.lock.release()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *args):
        self.release()


@pytest.fixture
def name():
    """A name for a segment, which goes with the test."""
    made = f"test-{os.getpid()}-{secrets.token_hex(4)}"
    yield made
    try:
        stoa.unlink(made)
    except FileNotFoundError:
        pass


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()
