# SPDX-License-Identifier: BSD-2-Clause
"""Queues in an event loop."""

import asyncio
import multiprocessing

import pytest

import stoa
from conftest import PATIENCE, join, started

FORK = multiprocessing.get_context("fork")


def put_all(q, count):
    for i in range(count):
        q.put(i)


@pytest.mark.parametrize("maxsize", [0, 10])
def test_an_event_loop_gets_what_another_process_puts(maxsize):
    async def main():
        return [await asyncio.wait_for(q.aget(), PATIENCE) for _ in range(3000)]

    with stoa.Queue(maxsize) as q:
        sender = started(FORK, put_all, q, 3000)
        assert asyncio.run(main()) == list(range(3000))
        join(sender)


def test_many_tasks_of_a_loop_wait_at_once():
    async def main():
        tasks = [asyncio.create_task(q.aget()) for _ in range(20)]
        await asyncio.sleep(0.05)
        for i in range(20):
            await q.aput(i)
        return await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)

    with stoa.Queue() as q:
        assert sorted(asyncio.run(main())) == list(range(20))


def test_a_task_that_is_cancelled_takes_nothing():
    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(q.aget(), 0.05)
        await q.aput(1)
        assert await asyncio.wait_for(q.aget(), PATIENCE) == 1

    with stoa.Queue() as q:
        asyncio.run(main())


def test_a_full_queue_does_not_stop_the_loop():
    async def main():
        putting = asyncio.create_task(q.aput(2))
        await asyncio.sleep(0.05)
        assert not putting.done()
        assert await q.aget() == 1
        await asyncio.wait_for(putting, PATIENCE)
        assert await q.aget() == 2

    with stoa.Queue(1) as q:
        q.put(1)
        asyncio.run(main())


def test_a_shutdown_wakes_the_loop():
    async def main():
        waiting = asyncio.create_task(q.aget())
        await asyncio.sleep(0.05)
        q.shutdown()
        with pytest.raises(stoa.ShutDown):
            await asyncio.wait_for(waiting, PATIENCE)

    with stoa.Queue() as q:
        asyncio.run(main())
