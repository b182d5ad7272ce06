# SPDX-License-Identifier: BSD-2-Clause
"""Contexts, the rest of multiprocessing, and what stoa tells of its segments."""

import concurrent.futures
import importlib
import multiprocessing
import os
import pool_functions
import subprocess
import sys

import pytest
from conftest import PATIENCE, join, started

import stoa

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture(params=METHODS)
def ours(request):
    return stoa.get_context(request.param)


def test_a_context_has_stoas_objects_and_the_rest_of_multiprocessing(ours):
    theirs = multiprocessing.get_context(ours.get_start_method())
    assert isinstance(ours, type(theirs)) and ours.Process is theirs.Process
    assert ours.get_context() is ours and ours.get_context("spawn") is stoa.get_context("spawn")
    assert isinstance(ours.Lock(), stoa.Lock) and isinstance(ours.RLock(), stoa.RLock)
    assert isinstance(ours.Semaphore(2), stoa.Semaphore) and ours.BoundedSemaphore(2).maxvalue == 2
    assert isinstance(ours.Event(), stoa.Event) and isinstance(ours.Condition(), stoa.Condition)
    assert ours.Barrier(2, timeout=1).parties == 2
    assert ours.Value("i", 3).value == 3 and ours.Array("i", 3)[:] == [0, 0, 0]
    assert ours.RawValue("i", 3).value == 3 and list(ours.RawArray("i", [1])) == [1]
    assert isinstance(ours.Queue(1), stoa.Queue) and isinstance(ours.JoinableQueue(), stoa.JoinableQueue)
    assert isinstance(ours.SimpleQueue(), stoa.SimpleQueue)
    assert ours.cpu_count() == os.cpu_count() and ours.TimeoutError is multiprocessing.TimeoutError


def work(things):
    things["barrier"].wait(PATIENCE)
    with things["lock"], things["condition"]:
        things["value"].value += things["queue"].get(timeout=PATIENCE)
        things["array"][1] += 1
        things["event"].set()


def test_every_object_goes_to_every_kind_of_child(ours):
    things = dict(
        barrier=ours.Barrier(3), lock=ours.Lock(), condition=ours.Condition(), value=ours.Value("d", 0.5),
        queue=ours.Queue(), array=ours.Array("q", 2), event=ours.Event(),
    )
    processes = [started(ours, work, things) for _ in range(2)]
    things["queue"].put(1)
    things["queue"].put(2)
    things["barrier"].wait(PATIENCE)
    join(*processes)
    assert things["value"].value == 3.5 and things["array"][:] == [0, 2] and things["event"].is_set()


def test_pools_and_executors_take_a_context(ours):
    with ours.Pool(2) as pool:
        assert pool.map(pool_functions.double, [1, 2]) == [2, 4]
    with stoa.pool.Pool(1, context=ours) as pool:
        assert pool.apply(pool_functions.double, (2,)) == 4
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=ours) as pool:
        assert list(pool.map(pool_functions.double, [3])) == [6]


def test_there_is_no_other_start_method():
    with pytest.raises(ValueError, match="cannot find context for 'none'"):
        stoa.get_context("none")
    with pytest.raises(ValueError):
        stoa.get_context("spawn").set_start_method("fork")


@pytest.mark.parametrize("method", METHODS)
def test_the_start_method_is_one_for_both(method):
    program = (
        "import multiprocessing, stoa, sys\n"
        "assert stoa.get_start_method(allow_none=True) is None\n"
        "stoa.set_start_method(sys.argv[1])\n"
        "assert multiprocessing.get_start_method() == stoa.get_context().get_start_method() == sys.argv[1]\n"
    )
    subprocess.run([sys.executable, "-c", program, method], check=True, timeout=PATIENCE)


def test_what_stoa_has_not_is_multiprocessings():
    for name in multiprocessing.__all__:
        assert getattr(stoa, name, None) is not None, name
    assert stoa.Process is multiprocessing.Process and stoa.Pipe() and "Pool" in dir(stoa)
    assert stoa.current_process() is multiprocessing.current_process()
    with pytest.raises(AttributeError):
        stoa.no_such_name


@pytest.mark.parametrize(
    "module, name",
    [
        ("pool", "ThreadPool"),
        ("connection", "Listener"),
        ("dummy", "Pool"),
        ("managers", "BaseProxy"),
        ("sharedctypes", "Value"),
        ("shared_memory", "ShareableList"),
        ("synchronize", "Barrier"),
        ("queues", "Queue"),
        ("context", "TimeoutError"),
        ("process", "current_process"),
    ],
)
def test_the_modules_of_multiprocessing_have_their_names_here(module, name):
    assert hasattr(importlib.import_module("stoa." + module), name)


def test_everything_can_be_imported_with_a_star():
    names = {}
    exec("from stoa import *", names)
    assert names["Lock"] is stoa.Lock and names["Process"] is stoa.Process and names.get("open") is None


def test_stat_tells_who_uses_what(name):
    segment = stoa.create(name)
    queue = stoa.Queue(4, name=name + "-q")
    queue.put(1)
    segment.value("n", "i", 1)
    stat = stoa.stat(name, name + "-q")
    ours, theirs = stat.segments
    assert (ours.name, ours.attached, [o.kind for o in ours.objects]) == (name, 1, ["value"])
    assert ours.bytes > ours.free > 0 and ours.participants[0].pid == os.getpid()
    assert sum(o.stat["messages"] for o in theirs.objects if o.kind == "queue") == 1
    (me,) = [p for p in stat.processes if p.pid == os.getpid()]
    assert sorted(me.segments) == sorted([name, name + "-q"]) and me.bytes == ours.bytes + theirs.bytes
    assert name in str(stoa.stat())
    with pytest.raises(FileNotFoundError):
        stoa.stat("no-such-segment")
    stoa.unlink(name + "-q")
