#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Locks, semaphores and queues between threads and processes, which share them alike.

    PYTHONPATH=build/python python3 python/examples/sync.py

Some threads and some processes take tasks from one queue.  Two of them at a time may work, and a lock guards
two numbers that belong together.
"""

import threading

import stoa

TASKS, THREADS, PROCESSES, AT_ONCE = 300, 2, 2, 2


def work(tasks, results, permits, busy, lock, account):
    for task in tasks:  # until the queue is shut down and empty
        with permits:
            assert busy.add(1) < AT_ONCE  # what it was before
            with lock:
                account[0] -= task  # both or none
                account[1] += task
            busy.sub(1)
        results.put(task)


def main():
    tasks, results = stoa.Queue(), stoa.Queue()
    account = stoa.Array("q", [sum(range(TASKS)), 0])
    permits, lock, busy = stoa.Semaphore(AT_ONCE), stoa.Lock(), stoa.Value("i", 0)
    shared = tasks, results, permits, busy, lock, account
    workers = [stoa.Process(target=work, args=shared) for _ in range(PROCESSES)]
    workers += [threading.Thread(target=work, args=shared) for _ in range(THREADS)]
    for worker in workers:  # the processes first: who forks has no other threads
        worker.start()
    tasks.put_many(range(TASKS))
    tasks.shutdown()
    done = [results.get(timeout=60) for _ in range(TASKS)]
    for worker in workers:
        worker.join()
    assert sorted(done) == list(range(TASKS))
    assert account[:] == [0, sum(range(TASKS))]
    assert busy.value == 0 and permits.get_value() == AT_ONCE
    print(f"{THREADS} threads and {PROCESSES} processes did {len(done)} tasks, at most {AT_ONCE} at a time")


if __name__ == "__main__":
    main()
