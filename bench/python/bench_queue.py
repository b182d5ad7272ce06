#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Queues of stoa beside those of multiprocessing: medians of interleaved runs.

    PYTHONPATH=build/python python3 bench/python/bench_queue.py [--runs 7] [--json]
"""

import argparse
import json
import multiprocessing
import statistics
import time

import stoa

CONTEXT = multiprocessing.get_context("fork")
MAKERS = {"multiprocessing": CONTEXT.Queue, "stoa": stoa.Queue}


def _send(queue, go, item, count):
    go.wait()
    for _ in range(count):
        queue.put(item)


def one_way(make, item, count):
    """Seconds per item, from one process to another."""
    queue, go = make(), CONTEXT.Event()
    sender = CONTEXT.Process(target=_send, args=(queue, go, item, count))
    sender.start()
    go.set()
    queue.get()
    start = time.perf_counter()
    for _ in range(count - 1):
        queue.get()
    took = time.perf_counter() - start
    sender.join()
    queue.close()
    return took / (count - 1)


def _echo(there, back, count):
    for _ in range(count):
        back.put(there.get())


def round_trip(make, item, count):
    """Seconds for an item to another process and back."""
    there, back = make(), make()
    other = CONTEXT.Process(target=_echo, args=(there, back, count + 1))
    other.start()
    there.put(item)
    back.get()
    start = time.perf_counter()
    for _ in range(count):
        there.put(item)
        back.get()
    took = time.perf_counter() - start
    other.join()
    there.close()
    back.close()
    return took / count


CASES = {
    "small ints, one way": (one_way, 7, 20000),
    "small ints, round trip": (round_trip, 7, 2000),
    "64 bytes, one way": (one_way, b"x" * 64, 20000),
    "a tuple, one way": (one_way, (1, "two", 3.0), 20000),
    "1 MiB bytes, one way": (one_way, b"x" * (1 << 20), 200),
    "1 MiB bytes, round trip": (round_trip, b"x" * (1 << 20), 100),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    results = {}
    for name, (measure, item, count) in CASES.items():
        if options.only not in name:
            continue
        times = {maker: [] for maker in MAKERS}
        for _ in range(options.runs):
            for maker, make in MAKERS.items():
                times[maker].append(measure(make, item, count))
        medians = {maker: statistics.median(each) for maker, each in times.items()}
        results[name] = medians | {"times": medians["multiprocessing"] / medians["stoa"]}
        if not options.json:
            print(
                f"{name:26} multiprocessing {medians['multiprocessing'] * 1e6:8.2f} us"
                f"   stoa {medians['stoa'] * 1e6:8.2f} us   {results[name]['times']:6.1f} x",
                flush=True,
            )
    if options.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
