# SPDX-License-Identifier: BSD-2-Clause
"""Numbers in place: memoryview, NumPy, Cython; memory that outlives whoever made it."""

import ctypes
import gc
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stoa

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def numpy():
    return pytest.importorskip("numpy")


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_a_memoryview_has_the_format_and_the_shape(code):
    array, value = memoryview(stoa.Array(code, [1, 2, 3])), memoryview(stoa.Value(code, 5))
    code = stoa.Value(code).get_obj()._type_  # "l" for "q" where they are the same
    assert (array.format, array.shape, array.strides) == (code, (3,), (array.itemsize,))
    assert (value.format, value.shape, value.ndim, value.itemsize) == (code, (), 0, array.itemsize)
    assert array.tolist() == [1, 2, 3] and value.tolist() == 5
    assert not array.readonly and array.contiguous


def test_what_is_written_through_a_memoryview_is_there():
    array, value = stoa.Array("i", 3), stoa.Value("d")
    memoryview(array)[1] = 7
    memoryview(array).cast("B")[8] = 9
    memoryview(value)[()] = 2.5
    assert array[:] == [0, 7, 9] and value.value == 2.5
    assert bytes(array) == bytes([0, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0])
    assert bytes(value) == bytes(ctypes.c_double(2.5))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint64", "float32", "float64", "bool"])
def test_numpy_sees_the_numbers_in_place(numpy, dtype):
    array, value = stoa.Array(numpy.dtype(dtype), 5), stoa.Value(numpy.dtype(dtype), 1)
    view = numpy.asarray(array)
    assert view.dtype == dtype and view.shape == (5,) and numpy.asarray(value).shape == ()
    view[3] = 1
    assert array[3] == 1 and numpy.asarray(value) == 1
    array[:] = numpy.ones(5, dtype)
    assert view.all()
    array[1:3] = numpy.zeros(2, "int64")
    assert view.tolist() == [1, 0, 0, 1, 1]


def test_numpy_sees_ctypes_objects_in_place(numpy):
    for array in (stoa.Array("d", 4).get_obj(), stoa.Array("d", 4, lock=False), stoa.RawArray("d", 4)):
        view = numpy.frombuffer(array)
        view[:] = 1.5
        assert array[:] == [1.5] * 4
        assert numpy.ctypeslib.as_array(array)[2] == 1.5


def test_a_view_outlives_the_array_and_its_name(numpy):
    array = stoa.Array("d", 10**6)
    array[-1] = 5
    view, memory = numpy.asarray(array)[10:], memoryview(array)
    del array
    gc.collect()
    others = [stoa.Array("d", 10**6) for _ in range(2)]
    for other in others:
        other[:] = [7] * 10**6
    assert view[-1] == memory[-1] == 5 and view.sum() == 5
    view[0] = 6
    assert memory[10] == 6


def test_a_view_keeps_a_small_place_from_being_used_again(numpy):
    array = stoa.Array("i", [1, 2, 3])
    view = numpy.asarray(array)[1:]
    obj = stoa.Value("i", 5).get_obj()
    item = stoa.RawArray(Pair, 2)[1]
    item.b = 7
    del array
    gc.collect()
    kept = [(stoa.Array("i", [8, 8, 8]), stoa.Value("i", 8), stoa.RawArray(Pair, 2)) for _ in range(20)]
    for _, _, pairs in kept:
        pairs[1].b = 9
    assert view.tolist() == [2, 3] and obj.value == 5 and item.b == 7


class Pair(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_int)]


def test_a_view_outlives_a_named_segment(numpy, name):
    view = numpy.asarray(stoa.Array("i", [1, 2, 3], name=name))
    again = numpy.asarray(stoa.open(name))
    stoa.unlink(name)
    gc.collect()
    view[0] = 9
    assert again.tolist() == [9, 2, 3]


def test_a_pickled_array_is_seen_in_place_there(numpy, run):
    array = stoa.Array("d", range(1000))
    run(doubled, array)
    assert array[:] == [2 * n for n in range(1000)]


def doubled(array):
    import numpy

    view = numpy.asarray(array)
    view *= 2


def test_a_cython_function_works_on_an_array_in_place(tmp_path):
    if not shutil.which("cython3"):
        pytest.skip("no cython3")
    compiler = os.environ.get("CC", "cc").split()
    if not shutil.which(compiler[0]):
        pytest.skip("no compiler")
    from sysconfig import get_paths

    source, library = tmp_path / "smooth.c", tmp_path / "smooth.so"
    subprocess.run(["cython3", "-3", EXAMPLES / "smooth.pyx", "-o", source], check=True)
    include = "-I" + get_paths()["include"]
    subprocess.run([*compiler, "-O1", "-w", "-shared", "-fPIC", include, source, "-o", library], check=True)
    program = "import stoa, smooth\na = stoa.Array('d', [0, 3, 0, 3, 0])\nsmooth.smooth(a)\nprint(a[:])"
    environment = dict(os.environ, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    out = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert out == "[0.0, 1.0, 2.0, 1.0, 0.0]\n"
    shutil.copy(EXAMPLES / "smooth_processes.py", tmp_path)
    out = subprocess.run(
        [sys.executable, tmp_path / "smooth_processes.py"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "the same" in out


RECORD = [("x", "f8"), ("n", "i4", (3,)), ("y", "i2")]


def test_arrays_of_records_are_ctypes_arrays(numpy, run):
    dtype = numpy.dtype(RECORD, align=True)
    first = numpy.zeros(4, dtype)
    first["n"] = [1, 2, 3]
    array, raw = stoa.Array(dtype, first), stoa.RawArray(dtype, 2)
    assert array[3].n[:] == [1, 2, 3] and len(stoa.Array(dtype, [(1, (2, 3, 4), 5)])) == 1
    run(set_records, array, raw)
    assert array[1].x == 1 and raw[0].x == 5
    assert numpy.ndarray(4, dtype, array.get_obj())["n"].tolist() == [[1, 2, 3]] * 2 + [[9, 9, 9]] + [[1, 2, 3]]
    with pytest.raises(TypeError):
        stoa.Array(numpy.dtype([("x", "O")]), 2)


def set_records(array, raw):
    import numpy

    with array.get_lock():
        array[1].x += 1
        numpy.ndarray(4, numpy.dtype(RECORD, align=True), array.get_obj())["n"][2] = 9
    raw[0].x = 5
