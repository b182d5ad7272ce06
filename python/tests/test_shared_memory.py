# SPDX-License-Identifier: BSD-2-Clause
"""SharedMemory and ShareableList."""

import gc
import os
import pickle
import subprocess
import sys

import pytest
from conftest import PATIENCE, join, started

import stoa
from stoa.shared_memory import ShareableList, SharedMemory

numpy = pytest.importorskip("numpy")


@pytest.fixture
def block():
    made = SharedMemory(create=True, size=1000)
    yield made
    try:
        made.unlink()
    except FileNotFoundError:
        pass


def python(program, *args):
    """What a program prints, that knows nothing of us but its arguments."""
    run = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return run.stdout.strip()


def there(name):
    return os.path.exists("/dev/shm/stoa." + name)


def test_a_block_has_just_its_size_and_is_zero(block):
    assert block.size == len(block.buf) == 1000 and not any(block.buf)
    assert block.buf.format == "B" and not block.buf.readonly
    assert repr(block) == f"SharedMemory({block.name!r}, size=1000)"


def test_who_knows_the_name_attaches(block, run):
    run(write, block.name)
    assert bytes(block.buf[:3]) == b"abc"
    again = SharedMemory(block.name)
    assert again.size == 1000 and bytes(again.buf[:3]) == b"abc"
    assert SharedMemory("/" + block.name).buf[0] == ord("a")


def write(name):
    block = SharedMemory(name)
    block.buf[:3] = b"abc"
    block.close()


def test_it_is_pickled_by_name(block, run):
    run(write_into, block)
    assert block.buf[7] == 9
    assert pickle.loads(pickle.dumps(block)).name == block.name


def write_into(block):
    block.buf[7] = 9


@pytest.mark.parametrize(
    "error, args",
    [
        (ValueError, dict(create=True)),
        (ValueError, dict(create=True, size=-1)),
        (ValueError, dict()),
        (FileNotFoundError, dict(name="no-such-block")),
        (TypeError, dict(create=True, size="x")),
        (OSError, dict(name="x" * 300, create=True, size=1)),
        (OSError, dict(name="a/path", create=True, size=1)),
    ],
)
def test_nonsense_raises_as_in_multiprocessing(error, args):
    with pytest.raises(error):
        SharedMemory(**args)


def test_a_name_is_given_once(block):
    with pytest.raises(FileExistsError):
        SharedMemory(block.name, create=True, size=1)
    block.unlink()
    with pytest.raises(FileNotFoundError):
        SharedMemory(block.name)
    with pytest.raises(FileNotFoundError):
        block.unlink()
    assert block.buf[0] == 0  # who is attached goes on
    SharedMemory(block.name, create=True, size=1).unlink()


@pytest.mark.parametrize("view", [lambda b: b.buf[10:], lambda b: numpy.frombuffer(b.buf), lambda b: b.buf.cast("q")])
def test_a_block_with_views_is_not_closed_and_they_outlive_it(block, view):
    kept = view(block)
    with pytest.raises(BufferError):
        block.close()
    name = block.name
    block.unlink()
    del block
    gc.collect()
    kept[0] = 3
    assert kept[0] == 3 and not there(name)


def test_a_closed_block_has_no_buffer(block):
    block.close()
    block.close()
    assert block.buf is None and block.size == 1000
    assert SharedMemory(block.name).size == 1000  # it stays as long as its maker lives, and longer


def test_what_is_no_block_is_not_attached(name):
    stoa.Value("i", name=name)
    with pytest.raises(OSError):
        SharedMemory(name)
    with pytest.raises(OSError):
        SharedMemory("../shm")


def make_and_leave(names):
    names.put(SharedMemory(create=True, size=10).name)


def test_a_block_outlives_the_child_that_made_it(context):
    names = stoa.Queue()
    join(started(context, make_and_leave, names))
    block = SharedMemory(names.get(timeout=PATIENCE))
    assert block.size == 10
    block.unlink()


FORGETFUL = """
import multiprocessing, sys
from stoa.shared_memory import SharedMemory
def make(names): names.put(SharedMemory(create=True, size=1).name)
names = multiprocessing.SimpleQueue()
child = multiprocessing.Process(target=make, args=(names,)); child.start(); child.join()
given = SharedMemory(sys.argv[1], create=True, size=1)
left = SharedMemory(create=True, size=1, track=False)
print(names.get(), SharedMemory(create=True, size=1).name, given.name, left.name)
"""


def test_what_a_program_and_its_children_forgot_is_removed_at_its_end(name):
    *tracked, left = python(FORGETFUL, name).split()
    assert not any(there(name) for name in tracked)
    assert there(left)
    stoa.unlink(left)


def test_who_only_attaches_removes_nothing(block):
    python("import sys; from stoa.shared_memory import SharedMemory; SharedMemory(sys.argv[1])", block.name)
    assert there(block.name)


def test_the_documented_example_with_numpy(block):
    a = numpy.array([1, 1, 2, 3, 5, 8])
    b = numpy.ndarray(a.shape, dtype=a.dtype, buffer=block.buf)
    b[:] = a[:]
    other = SharedMemory(block.name)
    c = numpy.ndarray((6,), dtype=numpy.int64, buffer=other.buf)
    c[-1] = 888
    assert b.tolist() == [1, 1, 2, 3, 5, 888]


# ---- lists ----

ITEMS = ["howdy", b"HoWdY", -273.154, 100, None, True, 42]


@pytest.fixture
def shared():
    made = ShareableList(ITEMS)
    yield made
    made.shm.unlink()


def test_a_list_holds_what_it_was_given(shared):
    assert list(shared) == ITEMS and [type(item) for item in shared] == [type(item) for item in ITEMS]
    assert len(shared) == 7 and shared[-1] == 42 and 100 in shared
    assert shared.index(42) == 6 and shared.count(b"HoWdY") == 1
    assert shared.format == "8s8sdqxxxxxx?xxxxxxxx?q"
    assert repr(shared) == f"ShareableList({ITEMS!r}, name={shared.shm.name!r})"


def test_the_documented_example_of_a_list(shared):
    shared[2] = -78.5
    assert shared[2] == -78.5
    shared[2] = "dry ice"
    assert shared[2] == "dry ice"
    with pytest.raises(ValueError, match="exceeds available storage"):
        shared[2] = "larger than previously allocated storage space"
    assert shared[2] == "dry ice"
    assert shared.count(42) == 1
    with pytest.raises(ValueError):
        shared.index("no such")


def test_a_list_is_shared_by_name_and_by_pickle(shared, run):
    run(change, shared.shm.name, shared)
    assert shared[0] == "changed" and shared[6] == 43


def change(name, shared):
    ShareableList(name=name)[0] = "changed"
    shared[6] += 1


@pytest.mark.parametrize("item", ["é" * 5, b"ends\0", "", b"", "x" * 100, -(2**63), float("inf"), False])
def test_an_item_comes_back_as_it_was(item):
    shared = ShareableList([item])
    assert shared[0] == item and type(shared[0]) is type(item)
    shared.shm.unlink()


def test_wrong_items_and_indices_change_nothing(shared):
    for index in (7, -8):
        with pytest.raises(IndexError):
            shared[index]
        with pytest.raises(IndexError):
            shared[index] = 1
    with pytest.raises(KeyError):
        shared[0] = []
    with pytest.raises(KeyError):
        ShareableList([object()])
    assert list(shared) == ITEMS
    empty = ShareableList([])
    assert len(empty) == 0 and list(empty) == []
    empty.shm.unlink()


def test_what_is_no_list_is_refused(block):
    for damage in (0xFF, 1):
        block.buf[:16] = bytes([damage]) * 16
        with pytest.raises(ValueError):
            ShareableList(name=block.name)


def test_a_damaged_list_raises(shared):
    at = shared._offsets[0]
    shared.shm.buf[at : at + 8] = b"\xff" * 8
    with pytest.raises(ValueError):
        shared[0]
