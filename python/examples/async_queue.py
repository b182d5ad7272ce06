#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tasks of an asyncio program get what other processes put into a queue, while the loop goes on.

    PYTHONPATH=build/python python3 python/examples/async_queue.py [COUNT]     (1,000 of each process)

aget() waits without a thread.
"""

import asyncio
import sys

from stoa import Process, Queue, ShutDown

PRODUCERS, CONSUMERS = 2, 4


def produce(queue, first, count):
    for n in range(first, first + count):
        queue.put(n)  # waits while the queue is full


async def consume(queue, got):
    while True:
        try:
            got.append(await queue.aget())
        except ShutDown:
            return


async def watch(producers, queue):
    """Shuts the queue down when nobody puts any more."""
    while any(producer.is_alive() for producer in producers):
        await asyncio.sleep(0.01)
    queue.shutdown()


async def consume_all(producers, queue, got):
    await asyncio.gather(watch(producers, queue), *[consume(queue, got) for _ in range(CONSUMERS)])


def main(count=1000):
    queue, got = Queue(100), []
    producers = [Process(target=produce, args=(queue, i * count, count)) for i in range(PRODUCERS)]
    for producer in producers:
        producer.start()
    asyncio.run(consume_all(producers, queue, got))
    assert sorted(got) == list(range(PRODUCERS * count))
    print(f"{CONSUMERS} tasks of a loop got {len(got)} numbers of {PRODUCERS} processes")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
