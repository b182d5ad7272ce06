# SPDX-License-Identifier: BSD-2-Clause
"""A program of multiprocessing: it must print the same when its import line names stoa.  Argument: a start
method.

What its documentation shows of locks, conditions, barriers, managers, pools and shared memory.
"""

import sys
import time

import multiprocessing
from multiprocessing import Barrier, Condition, Event, Lock, Manager, Pool, Process, RLock, Semaphore, TimeoutError
from multiprocessing.managers import BaseManager, SharedMemoryManager
from multiprocessing.shared_memory import ShareableList, SharedMemory


def hello(lock, i):
    lock.acquire()
    try:
        print("hello world", i, flush=True)
    finally:
        lock.release()


def fill(d, l, n):
    d[1] = "1"
    d["2"] = 2
    d[0.25] = None
    l.reverse()
    n.value = 10


def f(x):
    return x * x


class MathsClass:
    def add(self, x, y):
        return x + y


class MyManager(BaseManager):
    pass


MyManager.register("Maths", MathsClass)


def stage_2(condition, done):
    with condition:
        done.value = 1
        condition.notify_all()


def wait_for_event(event, passed):
    event.wait()
    with passed.get_lock():
        passed.value += 1


def count_in_step(barrier, semaphore, counts):
    for step in range(3):
        with semaphore:
            counts[step] += 1
        barrier.wait()
        assert counts[step] == 2


def nested(lock, total):
    with lock:
        with lock:
            total.value += 1


def put_into(name):
    block = SharedMemory(name)
    block.buf[0:5] = b"howdy"
    block.close()


def locks():
    lock = Lock()
    for number in range(5):
        process = Process(target=hello, args=(lock, number))
        process.start()
        process.join()
    print(lock, lock.acquire(), lock.acquire(False), lock.acquire(True, 0.01), lock)
    lock.release()
    for release in (lock.release, RLock().release, multiprocessing.BoundedSemaphore(2).release):
        try:
            release()
        except (ValueError, AssertionError) as error:
            print(type(error).__name__, error)
    recursive, total = RLock(), multiprocessing.Value("i", 0)
    processes = [Process(target=nested, args=(recursive, total)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(recursive, total.value)


def waits():
    condition, done = Condition(), multiprocessing.Value("i", 0)
    with condition:
        process = Process(target=stage_2, args=(condition, done))
        process.start()
        print(condition.wait_for(lambda: done.value == 1, 100), condition.wait(0.01))
    process.join()
    event, passed = Event(), multiprocessing.Value("i", 0)
    processes = [Process(target=wait_for_event, args=(event, passed)) for _ in range(2)]
    for process in processes:
        process.start()
    print(event.wait(0.01), event.is_set(), passed.value)
    event.set()
    for process in processes:
        process.join()
    print(event.wait(), event.is_set(), passed.value)
    barrier, semaphore, counts = Barrier(2), Semaphore(1), multiprocessing.Array("i", 3)
    processes = [Process(target=count_in_step, args=(barrier, semaphore, counts)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(counts[:], barrier.parties, barrier.n_waiting, barrier.broken, semaphore.get_value(), semaphore)


def managers():
    with Manager() as manager:
        d, l, n = manager.dict(), manager.list(range(10)), manager.Namespace()
        process = Process(target=fill, args=(d, l, n))
        process.start()
        process.join()
        print(d, l, n.value)
        queue = manager.Queue()
        queue.put("one")
        print(queue.get(), manager.Value("i", 3).value, list(manager.Array("i", [1, 2])))
    with MyManager() as manager:
        maths = manager.Maths()
        print(maths.add(4, 3))
    with SharedMemoryManager() as manager:
        shared, block = manager.ShareableList(range(3)), manager.SharedMemory(128)
        print(list(shared), len(block.buf) >= 128)


def pools():
    with Pool(processes=4) as pool:
        print(pool.map(f, range(10)), sorted(pool.imap_unordered(f, range(10))))
        print(pool.apply_async(f, (20,)).get(timeout=100))
        try:
            pool.apply_async(time.sleep, (10,)).get(timeout=0.1)
        except TimeoutError:
            print("We lacked patience and got a multiprocessing.TimeoutError")


def memory():
    block = SharedMemory(create=True, size=10)
    block.buf[:4] = bytearray([22, 33, 44, 55])
    process = Process(target=put_into, args=(block.name,))
    process.start()
    process.join()
    other = SharedMemory(block.name)
    print(bytes(other.buf[:5]), type(block.buf))
    other.close()
    block.close()
    block.unlink()
    a = ShareableList(["howdy", b"HoWdY", -273.154, 100, None, True, 42])
    print([type(entry) for entry in a], a[2], a.format)
    a[2] = -78.5
    print(a[2])
    a[2] = "dry ice"
    try:
        a[2] = "larger than previously allocated storage space"
    except ValueError as error:
        print(error)
    b = ShareableList(name=a.shm.name)
    b[-1] = 43
    print(list(a), len(a), a.index(43), a.count(b"HoWdY"))
    b.shm.close()
    a.shm.close()
    a.shm.unlink()


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    print(multiprocessing.get_start_method(), multiprocessing.get_all_start_methods())
    locks()
    waits()
    managers()
    pools()
    memory()
    print(multiprocessing.active_children())
