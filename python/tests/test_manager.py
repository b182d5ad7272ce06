# SPDX-License-Identifier: BSD-2-Clause
"""Managers: stoa's objects beside the proxies of multiprocessing."""

import ctypes
import multiprocessing
import queue

import pytest
from conftest import PATIENCE, join, started

import stoa
from stoa.managers import BaseManager, SharedMemoryManager, SyncManager


@pytest.fixture
def manager():
    with stoa.Manager() as made:
        yield made


def test_what_stoa_has_is_its_own(manager):
    assert isinstance(manager, SyncManager) and isinstance(manager, multiprocessing.managers.SyncManager)
    assert isinstance(manager.Lock(), stoa.Lock) and isinstance(manager.RLock(), stoa.RLock)
    assert isinstance(manager.Semaphore(2), stoa.Semaphore) and manager.Semaphore(2).get_value() == 2
    assert isinstance(manager.BoundedSemaphore(), stoa.BoundedSemaphore)
    assert isinstance(manager.Event(), stoa.Event)
    assert isinstance(manager.Condition(manager.Lock()), stoa.Condition)
    assert manager.Barrier(2).parties == 2
    assert type(manager.Value("i", 3)) is type(stoa.Value("i")) and manager.Value("i", 3).value == 3
    assert manager.Array("d", [1, 2])[:] == [1, 2]


def test_what_stoa_has_not_is_in_the_server(manager):
    assert manager.Value(str, "text").value == "text"
    names = manager.Namespace()
    names.x = [1]
    assert names.x == [1] and manager.list([1, 2])[1] == 2
    with manager.Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


def test_a_queue_is_one_of_queue(manager):
    made = manager.Queue(2)
    made.put(1)
    made.put_nowait([2])
    assert made.full() and made.qsize() == 2
    with pytest.raises(queue.Full):
        made.put(3, timeout=0.01)
    assert made.get() == 1 and made.get(timeout=PATIENCE) == [2] and made.empty()
    with pytest.raises(queue.Empty):
        made.get_nowait()
    made.task_done()
    made.task_done()
    made.join()
    with pytest.raises(ValueError):
        made.task_done()


def count(things, times):
    for _ in range(times):
        with things["lock"]:
            things["n"] += 1
            things["value"].value += 1
    things["queue"].put(times)


def test_objects_are_put_into_a_dict_of_the_manager(context):
    with stoa.get_context(context.get_start_method()).Manager() as manager:
        made = manager.Value("i", 0)
        things = manager.dict(n=0, lock=manager.Lock(), value=made, queue=manager.Queue())
        join(*[started(context, count, things, 10) for _ in range(2)])
        assert things["n"] == made.value == 20
        assert things["queue"].get() == 10


def test_only_a_started_manager_makes_anything(manager):
    with pytest.raises(AssertionError):
        SyncManager().Lock()
    lock = manager.Lock()
    manager.shutdown()
    assert lock.acquire(False)  # it needs no server


class Calls:
    def add(self, x, y):
        return x + y


class OwnManager(BaseManager):
    pass


OwnManager.register("Calls", Calls)


def test_own_classes_are_registered_as_in_the_documentation():
    with OwnManager() as manager:
        assert manager.Calls().add(4, 3) == 7


def test_shared_memory_of_a_manager_goes_with_it():
    with SharedMemoryManager() as manager:
        block = manager.SharedMemory(size=10)
        shared = manager.ShareableList(range(3))
        block.buf[0] = 1
        again = stoa.SharedMemory(block.name)
        assert again.buf[0] == 1 and list(shared) == [0, 1, 2]
        block.unlink()  # too early does no harm
    for name in (block.name, shared.shm.name):
        with pytest.raises(FileNotFoundError):
            stoa.SharedMemory(name)


def change(value):
    value.value = b"changed" * 1000


def test_a_text_of_a_manager_is_no_pointer(context):
    with context.Manager() as stock, stoa.get_context(context.get_start_method()).Manager() as ours:
        for manager in (stock, ours):
            value = manager.Value(ctypes.c_char_p, b"text")
            join(started(context, change, value))
            assert value.value == b"changed" * 1000


def test_a_number_of_a_manager_has_room():
    with stoa.Manager() as manager:
        for code, number in (("i", 1 << 40), ("h", -(1 << 40)), ("B", -1), ("f", 0.1)):
            value = manager.Value(code, 0)
            value.value = number
            assert value.value == number
        assert manager.Value("i", 1 << 70).value == 1 << 70
