# SPDX-License-Identifier: BSD-2-Clause
"""Queue, SimpleQueue and JoinableQueue as multiprocessing has them."""

import contextlib
import gc
import glob
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

import stoa
from conftest import PATIENCE, await_that, join, started

OBJECTS = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**64,
    1.5,
    float("inf"),
    "",
    "hä",
    "\ud800",
    "a\0b",
    b"",
    b"\0" * 64,
    (1, "two", [3.0]),
    {"a": {1, 2}},
    b"x" * 5000,
    "y" * 100_000,
    b"z" * 3_000_000,
    list(range(50_000)),
]


def files_of(queue):
    return glob.glob(f"/dev/shm/stoa.{queue.name}*")


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: repr(thing)[:20])
def test_what_is_put_in_comes_out(thing):
    with stoa.Queue() as q:
        q.put(thing)
        got = q.get(timeout=PATIENCE)
        assert got == thing and type(got) is type(thing)


class Text(str):
    pass


def test_an_instance_of_a_subclass_comes_out_as_one():
    with stoa.SimpleQueue() as q:
        q.put(Text("x"))
        assert type(q.get()) is Text


def test_large_buffers_come_out_as_they_were_and_may_be_changed():
    numpy = pytest.importorskip("numpy")
    with stoa.Queue() as q:
        for array in (numpy.arange(1_000_000.0), numpy.arange(10).reshape(2, 5)):
            q.put({"here": array, "twice": [array, array]})
            got = q.get(timeout=PATIENCE)
            assert (got["here"] == array).all() and got["twice"][0] is got["here"]
            got["here"][0] = 7


class PutsWhilePickled:
    """Its pickling puts something into another queue."""

    def __init__(self, other):
        self.other = other

    def __reduce__(self):
        self.other.put(["on the way"])
        return list, ((1, 2),)


def test_pickling_may_put_something_itself():
    with stoa.Queue() as q, stoa.Queue() as other:
        for _ in range(2):
            q.put((PutsWhilePickled(other), "x"))
            assert (q.get(), other.get()) == (([1, 2], "x"), ["on the way"])


CONTENTS = [b"", b"x" * 10_000, pickle.PickleBuffer(b"x" * 10_000), threading.Lock()]


class Contents:
    def __init__(self, contents):
        self.contents = contents


def test_what_was_pickled_before_makes_no_difference():
    changed, refused = [1], [lambda: 0]
    with stoa.Queue() as q:
        for n in range(3):
            changed[:] = [n, b"x" * (9000 * n)]
            with pytest.raises((AttributeError, pickle.PicklingError)):
                q.put([changed, refused])
            q.put(changed)
            q.put((changed, changed))
            assert q.get() == changed
            one, two = q.get()
            assert one == changed and one is two


@pytest.mark.parametrize("contents", CONTENTS, ids=["small", "large", "out of band", "refused"])
def test_what_was_put_is_kept_by_nobody(contents):
    thing = Contents(contents)
    gone = weakref.ref(thing)
    gc.disable()
    try:
        with stoa.Queue() as q:
            with contextlib.suppress(TypeError):
                q.put(thing)
            del thing
            assert gone() is None
    finally:
        gc.enable()


def test_what_cannot_be_pickled_is_told_by_put():
    with stoa.Queue() as q:
        with pytest.raises((pickle.PicklingError, AttributeError)):
            q.put(lambda: None)
        with pytest.raises(TypeError):
            q.put([threading.Lock()])
        assert q.empty()


class Unreadable:
    def __reduce__(self):
        return int, ("no number",)


def test_what_cannot_be_unpickled_is_told_and_gone():
    with stoa.Queue() as q:
        q.put(Unreadable())
        q.put([Unreadable(), b"x" * 10_000])
        q.put(1)
        for _ in range(2):
            with pytest.raises(ValueError):
                q.get(timeout=PATIENCE)
        assert q.get(timeout=PATIENCE) == 1


def test_maxsize_is_exact():
    with stoa.Queue(3) as q:
        for i in range(3):
            assert not q.full()
            q.put_nowait(i)
        assert q.full() and q.qsize() == 3
        with pytest.raises(queue.Full):
            q.put_nowait(3)
        with pytest.raises(queue.Full):
            q.put(3, True, 0.01)
        with pytest.raises(queue.Full):
            q.put(b"x" * 10_000, timeout=0)
        assert [q.get_nowait() for _ in range(3)] == [0, 1, 2]
        assert q.empty() and not q.full()


def test_a_queue_with_nothing_in_it_is_empty():
    with stoa.Queue() as q:
        for wrong in (lambda: q.get(False), lambda: q.get(True, 0.01), q.get_nowait, lambda: q.get(timeout=-1)):
            with pytest.raises(queue.Empty):
                wrong()


def test_a_large_maxsize_takes_no_more_memory_than_it_must():
    with stoa.Queue(100_000) as q:
        assert sum(os.stat(file).st_blocks * 512 for file in files_of(q)) < 40 << 20


def test_arguments_that_make_no_sense_are_refused():
    with stoa.Queue() as q:
        for wrong in (
            lambda: q.put(),
            lambda: q.put(1, True, None, 4),
            lambda: q.put(1, obj=2),
            lambda: q.put(1, nonsense=2),
            lambda: q.get(1, 2, 3),
            lambda: q.get(timeout="soon"),
            lambda: stoa.Queue("many"),
        ):
            with pytest.raises(TypeError):
                wrong()
        with pytest.raises(ValueError):
            q.get(timeout=float("nan"))
        assert q.empty()


def test_a_closed_queue_takes_and_gives_nothing():
    q = stoa.Queue()
    q.put(1)
    with pytest.raises(AssertionError):
        q.join_thread()
    q.close()
    q.close()
    q.join_thread()
    q.cancel_join_thread()
    for wrong in (lambda: q.put(1), q.get, q.get_nowait, q.qsize, q.take, q.fileno, q.shutdown):
        with pytest.raises(ValueError, match="is closed"):
            wrong()
    assert not files_of(q)


def test_a_queue_that_was_never_opened_is_closed():
    q = stoa.Queue.__new__(stoa.Queue)
    with pytest.raises(ValueError):
        q.put(1)
    with pytest.raises(ValueError):
        q.get()
    with pytest.raises(ValueError):
        pickle.dumps(q)
    q.close()


def test_a_queue_without_maxsize_takes_all_that_is_put_in():
    count = 200_000
    with stoa.Queue() as q:
        for i in range(count):
            q.put(i)
        assert q.qsize() == count and not q.empty() and not q.full()
        assert all(q.get(timeout=PATIENCE) == i for i in range(count))
        assert q.empty()
        assert len(files_of(q)) == 2, "rings that are done with are gone"
        q.put("again")
        assert q.get(timeout=PATIENCE) == "again"
    assert not files_of(q)


def produce(q, who, count):
    for i in range(count):
        q.put((who, i))


def test_each_sender_s_objects_come_in_order_though_the_chain_grows(context):
    senders, count = 3, 5000
    with stoa.Queue() as q:
        processes = [started(context, produce, q, who, count) for who in range(senders)]
        following = [0] * senders
        for _ in range(senders * count):
            who, i = q.get(timeout=PATIENCE)
            assert i == following[who]
            following[who] += 1
        join(*processes)
        assert q.empty()


def consume(q, results):
    got = []
    for item in iter(q.get, None):
        got.append(item)
    results.put(got)


def test_each_object_goes_to_one_of_the_receivers(context):
    receivers, count = 3, 20_000
    with stoa.Queue() as q, stoa.SimpleQueue() as results:
        processes = [started(context, consume, q, results) for _ in range(receivers)]
        for i in range(count):
            q.put(i)
        for _ in processes:
            q.put(None)
        all_got = [results.get() for _ in processes]
        join(*processes)
        assert sorted(sum(all_got, [])) == list(range(count))
        assert all(got == sorted(got) for got in all_got)


def test_threads_share_a_queue():
    count, threads = 5000, 4
    with stoa.Queue(7) as q:
        got = []
        readers = [
            threading.Thread(target=lambda: got.extend(iter(lambda: q.get(timeout=PATIENCE), None)))
            for _ in range(threads)
        ]
        writers = [
            threading.Thread(target=lambda: [q.put(i, timeout=PATIENCE) for i in range(count)]) for _ in range(threads)
        ]
        for thread in readers + writers:
            thread.start()
        for thread in writers:
            thread.join(PATIENCE)
        for _ in readers:
            q.put(None)
        for thread in readers:
            thread.join(PATIENCE)
        assert sorted(got) == sorted(list(range(count)) * threads)


def test_closing_ends_no_call_of_another_thread_badly():
    q = stoa.Queue()
    ended = []

    def wait():
        try:
            q.get()
        except ValueError as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    q.close()
    thread.join(PATIENCE)
    assert ended


def put_one(q):
    q.put("from the child")


def test_the_only_reference_may_be_in_the_arguments_of_a_process(context):
    results = stoa.Queue()
    process = context.Process(target=hand_on, args=(filled(["a", b"x" * 100_000]), results))
    process.start()
    assert results.get(timeout=PATIENCE) == "a"
    assert results.get(timeout=PATIENCE) == b"x" * 100_000
    join(process)
    results.close()


def filled(items):
    q = stoa.Queue()
    for item in items:
        q.put(item)
    return q


def hand_on(q, results):
    for _ in range(2):
        results.put(q.get(timeout=PATIENCE))


def test_a_queue_goes_through_a_queue(context):
    with stoa.Queue() as q:
        q.put(filled([1, 2]))
        got = q.get(timeout=PATIENCE)
        assert [got.get(timeout=PATIENCE) for _ in range(2)] == [1, 2]
        got.close()


def test_nothing_is_left_of_a_queue():
    q = stoa.Queue()
    name = q.name
    for i in range(5000):
        q.put(b"x" * (i * 10))
    del q
    assert not glob.glob(f"/dev/shm/stoa.{name}*")


def test_nothing_is_left_when_the_processes_end(context):
    program = (
        "import stoa, multiprocessing\n"
        "def put(q):\n    q.put(b'x' * 20000)\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({context.get_start_method()!r})\n"
        "    q = stoa.Queue()\n"
        "    for i in range(3000): q.put(i)\n"
        "    p = multiprocessing.Process(target=put, args=(q,)); p.start(); p.join()\n"
        "    print(q.name)\n"
    )
    name = run_program(program).strip()
    assert name and not glob.glob(f"/dev/shm/stoa.{name}*")


def test_a_child_that_is_the_last_leaves_nothing():
    """One of a plain os.fork(), which runs no more of multiprocessing than any program."""
    name = run_program(
        "import os, stoa, threading\n"
        "q = stoa.Queue(); q.put(b'x' * 20000)\n"
        "print(q.name, flush=True)\n"
        "gone, end = os.pipe()\n"
        "ready, there = os.pipe()\n"
        "if os.fork():\n"
        "    os.close(gone)\n"
        "    os.read(ready, 1)\n"
        "else:\n"
        "    os.close(end)\n"
        "    os.write(there, b'.')\n"
        "    os.read(gone, 1)  # until its parent has ended\n"
        "    q.put(1)\n"
        "    threading.Thread(target=lambda kept: threading.Event().wait(), args=(q,), daemon=True).start()\n"
    ).strip()
    assert await_that(lambda: not glob.glob(f"/dev/shm/stoa.{name}*"))


def run_program(text):
    path = f"/tmp/stoa-program-{os.getpid()}-{time.monotonic_ns()}.py"
    with open(path, "w") as file:
        file.write(text)
    try:
        return subprocess.run(
            [sys.executable, path], check=True, capture_output=True, text=True, timeout=2 * PATIENCE
        ).stdout
    finally:
        os.unlink(path)


def test_what_a_killed_program_left_goes_when_another_makes_a_queue():
    program = "import stoa, os, signal; q = stoa.Queue(); q.put(b'x' * 20000)\nfor i in range(2000): q.put(i)\nprint(q.name, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
    name = done.stdout.strip()
    assert glob.glob(f"/dev/shm/stoa.{name}*")
    subprocess.run([sys.executable, "-c", "import stoa; stoa.Queue()"], check=True, timeout=PATIENCE)
    assert not glob.glob(f"/dev/shm/stoa.{name}*")


def interrupt_main(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("call", ["get", "put"])
def test_ctrl_c_interrupts_a_wait(call):
    with stoa.Queue(1) as q:
        if call == "put":
            q.put(1)
        threading.Thread(target=interrupt_main, args=(0.1,)).start()
        with pytest.raises(KeyboardInterrupt):
            q.get() if call == "get" else q.put(2)
        assert q.qsize() == (call == "put")


def work_off(q):
    for task in iter(q.get, None):
        q.task_done()
    q.task_done()


def test_join_waits_until_all_tasks_are_done(context):
    count = 3000
    with stoa.JoinableQueue() as q:
        assert q.join(0)
        for i in range(count):
            q.put(i)
        assert not q.join(0)
        process = started(context, work_off, q)
        assert q.join(PATIENCE)
        assert q.empty()
        q.put(None)
        q.join()
        with pytest.raises(ValueError, match="too many times"):
            q.task_done()
        join(process)


def test_tasks_can_be_done_by_whoever_says_so():
    with stoa.JoinableQueue(2) as q:
        q.put(1)
        q.put(2)
        q.task_done()
        q.task_done()
        with pytest.raises(ValueError):
            q.task_done()
        q.join()


DROP_IN = '''
import {library} as multiprocessing, queue, os

def square(tasks, results):
    while True:
        item = tasks.get()
        if item is None:
            tasks.task_done()
            break
        results.put((item, item * item))
        tasks.task_done()

def echo(there, back):
    for item in iter(there.get, "end"):
        back.put(item)

if __name__ == "__main__":
    multiprocessing.set_start_method("{method}")
    tasks, results = multiprocessing.JoinableQueue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=square, args=(tasks, results)) for _ in range(3)]
    for worker in workers: worker.start()
    for i in range(50): tasks.put(i)
    for _ in workers: tasks.put(None)
    tasks.join()
    print(sorted(results.get(timeout=60) for _ in range(50)))
    for worker in workers: worker.join()
    print([worker.exitcode for worker in workers])
    there, back = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    other = multiprocessing.Process(target=echo, args=(there, back))
    other.start()
    for item in [1, "two", 3.0, None, [4, (5,)], b"6" * 100000]:
        there.put(item)
        print(type(back.get()).__name__)
    there.put("end")
    other.join()
    print(back.empty(), other.exitcode)
    q = multiprocessing.Queue(maxsize=2)
    q.put(1); q.put(2)
    print(q.full(), q.qsize())
    for call in (lambda: q.put_nowait(3), lambda: q.put(3, timeout=0.01), lambda: q.put(3, block=False)):
        try: call()
        except queue.Full: print("full")
    print(q.get(timeout=60), q.get(True, 60))
    for call in (q.get_nowait, lambda: q.get(timeout=0.01), lambda: q.get(False)):
        try: call()
        except queue.Empty: print("empty")
    q.close(); q.join_thread()
    for call in (lambda: q.put(1), q.get):
        try: call()
        except ValueError as error: print(str(error)[-10:])
    try: tasks.task_done()
    except ValueError as error: print(error)
'''


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_program_does_the_same_with_either_library(method):
    with_other, with_stoa = (
        run_program(DROP_IN.format(library=library, method=method)) for library in ("multiprocessing", "stoa")
    )
    assert with_stoa == with_other and "closed" in with_stoa


def test_tasks_are_counted_after_a_close(context):
    q = stoa.JoinableQueue()
    q.put(1)
    process = started(context, close_and_tell, q)
    q.close()
    q.join()
    join(process)
    q.join()


def close_and_tell(q):
    q.get(timeout=PATIENCE)
    q.close()
    q.task_done()


def test_put_nowait_names_its_argument():
    with stoa.Queue(1) as q:
        q.put_nowait(obj=1)
        with pytest.raises(stoa.Full):
            q.put_nowait(2)
        for wrong in (lambda: q.put_nowait(), lambda: q.put_nowait(1, 2), lambda: q.put_nowait(object=1)):
            with pytest.raises(TypeError):
                wrong()
