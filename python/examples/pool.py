#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A pool whose workers get stuck, and are killed in the middle of a task: each task is done all the same.

    PYTHONPATH=build/python python3 python/examples/pool.py [TASKS [STUCK]]     (2,000, of which 5 get stuck)

A worker holds its task by take(), under a lease that ends with the worker: then another one gets the task,
marked as redelivered.
"""

import os
import signal
import sys

from stoa import Array, Process, Queue, ShutDown, Value

WORKERS = 3


def steps_to_one(n):
    steps = 0
    while n > 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    return steps


def work(tasks, results, every, stuck, again):
    while True:
        try:
            lease = tasks.take()
        except ShutDown:
            return
        with lease as n:  # done with at the end of the block, and not before
            if lease.redelivered:
                again.add(1)
            elif n % every == 0:  # at first
                stuck.put(os.getpid())
                signal.pause()
            results[n - 1] = steps_to_one(n)


def main(count=2000, kills=5):
    tasks, results = Queue(), Array("i", [-1] * count)
    stuck, again = Queue(), Value("i", 0)

    def started():
        worker = Process(target=work, args=(tasks, results, count // kills, stuck, again))
        worker.start()
        return worker.pid, worker

    workers = dict(started() for _ in range(WORKERS))
    tasks.put_many(range(1, count + 1))
    tasks.shutdown()
    for _ in range(kills):
        victim = workers.pop(stuck.get(timeout=60))
        victim.kill()
        victim.join()
        workers.update([started()])
    for worker in workers.values():
        worker.join()
    assert [worker.exitcode for worker in workers.values()] == [0] * WORKERS
    assert results[:] == [steps_to_one(n) for n in range(1, count + 1)]
    assert again.value == kills
    print(f"{count} tasks done, {again.value} of them again: {kills} workers killed")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
