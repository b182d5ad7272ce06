# SPDX-License-Identifier: BSD-2-Clause
"""Values and arrays in shared memory, with the names of multiprocessing.sharedctypes.

Numbers and arrays of numbers are the library's: every access to one number is atomic, without a lock.
Structs are read and written whole.  What the library has no type for (characters, pointers, arrays of
structs) are ctypes objects in shared memory under a lock, as in multiprocessing.
"""

import abc
import copyreg
import ctypes

from stoa import _home, _locked, _structs, _types
from stoa._locked import SLOTS, Locked
from stoa._stoa import Number, Numbers

__all__ = ["RawValue", "RawArray", "Value", "Array", "copy", "synchronized"]

ATOMIC_RANGES = 0x10
LOCK_BYTES = 512  # room beside an object for its lock


def _checked(lock):
    """An own lock; None for the default one."""
    if lock is True or lock is None:
        return None
    if not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return lock


class _Somewhere:
    """Where a new object goes: among those without a name, or into a segment of that name."""

    def __init__(self, name):
        self._name = name

    def place(self, shape, room):
        room += LOCK_BYTES
        return _home.temporary(shape, room) if self._name is None else _home.named(self._name, room)


class _There:
    """In a place that exists."""

    def __init__(self, place):
        self._place = place

    def place(self, shape, room):
        return self._place


class SynchronizedBase(abc.ABC):
    """What Value() and Array() make, for isinstance(); but for raw ones."""


SynchronizedBase.register(Locked)


# ---- numbers ----


class Synchronized(Locked, Number):
    """A number in shared memory.  `.value`, `add()` and the other operations are atomic without a lock."""

    __slots__ = SLOTS + ("_type",)

    def get_obj(self):
        """A ctypes object over the same memory."""
        return self._type.from_buffer(self)

    def __reduce__(self):
        return _rebuild_number, (self._held, self._type, self._own_lock())

    def __repr__(self):
        return f"<Synchronized wrapper for {self._type(self.value)!r}>"


class _Guarded(Synchronized):
    """With an own lock."""

    __slots__ = ()

    @property
    def value(self):
        with self._lock:
            return Number.value.__get__(self)

    @value.setter
    def value(self, given):
        with self._lock:
            Number.value.__set__(self, given)


def _rebuild_number(held, type_, lock=None, initial=None):
    class_ = Synchronized if lock is None else _Guarded
    made = class_(held.segment, held.name, _types.number_code(type_), initial)
    made._place(held, lock)
    made._type = type_
    return made


def _new_number(type_, args, lock, where):
    code = _types.number_code(type_)
    first = type_(*args).value
    held = where.place(("number", code), Number.footprint())
    made = _rebuild_number(held, type_, lock, first)
    if held.fresh is False:
        Number.value.__set__(made, first)
        _locked.unlock_beside(held)
    return made


# ---- arrays of numbers ----


class SynchronizedArray(Locked, Numbers):
    """An array of numbers in shared memory.  Each element is atomic without a lock; with whole=True
    each slice is, too."""

    __slots__ = SLOTS + ("_type", "_whole_writers")

    def get_obj(self):
        """A ctypes array over the same memory; BufferError where the array is whole."""
        return (self._type * len(self)).from_buffer(self)

    def __reduce__(self):
        return _rebuild_array, (self._held, self._type, len(self), self._own_lock(), self._whole_writers)

    def __repr__(self):
        return f"<SynchronizedArray wrapper for <{self._type.__name__}_Array_{len(self)} object at {id(self):#x}>>"


class _GuardedArray(SynchronizedArray):
    """With an own lock."""

    __slots__ = ()

    def __getitem__(self, i):
        with self._lock:
            return Numbers.__getitem__(self, i)

    def __setitem__(self, i, value):
        with self._lock:
            Numbers.__setitem__(self, i, value)


def _rebuild_array(held, type_, count, lock=None, writers=0, first=None):
    class_ = SynchronizedArray if lock is None else _GuardedArray
    code = _types.number_code(type_)
    made = class_(held.segment, held.name, code, count, first, ATOMIC_RANGES if writers else 0, writers)
    made._place(held, lock)
    made._type = type_
    made._whole_writers = writers
    return made


def _new_array(type_, initial, count, lock, where, whole, writers):
    code = _types.number_code(type_)
    if whole:
        writers = writers or _structs.writers_for(count * ctypes.sizeof(type_))
    else:
        writers = 0
    room = Numbers.footprint(code, count, ATOMIC_RANGES if writers else 0, writers)
    held = where.place(("array", code, count, writers), room)
    if held.fresh is None and initial is not None:
        return _rebuild_array(held, type_, count, lock, writers, (type_ * count)(*initial))
    made = _rebuild_array(held, type_, count, lock, writers)
    if initial is not None:
        Numbers.__setitem__(made, slice(None), initial)
    elif held.fresh is False:
        Numbers.__setitem__(made, slice(None), memoryview(bytes(count * ctypes.sizeof(type_))).cast(code))
    if held.fresh is False:
        _locked.unlock_beside(held)
    return made


# ---- memory for ctypes ----


class Block(Numbers):
    """Bytes in shared memory, for a ctypes object to lie in."""

    __slots__ = ("held",)

    def create_memoryview(self):
        return memoryview(self)

    def __reduce__(self):
        return _rebuild_block, (self.held, len(self))


def _rebuild_block(held, size):
    block = Block(held.segment, held.name, "B", size)
    block.held = held
    return block


def _size_class(size):
    """Few sizes, so that blocks are used again: up to an eighth more than asked for."""
    if size <= 64:
        return 64
    step = 1 << (max(size - 1, 1).bit_length() - 4)
    return (size + step - 1) // step * step


def _raw(type_):
    """A ctypes object in shared memory, all zero."""
    size = ctypes.sizeof(type_)
    room = _size_class(size)
    held = _home.temporary(("block", room), Numbers.footprint("B", room) + LOCK_BYTES)
    made = _over_block(type_, _rebuild_block(held, room))
    if held.fresh is False:
        ctypes.memset(ctypes.addressof(made), 0, size)
        _locked.unlock_beside(held)
    return made


def _over_block(type_, block, length=None):
    type_ = _types.memory_type(type_)
    if length is not None:
        type_ = type_ * length
    copyreg.pickle(type_, _reduce_raw)
    made = type_.from_buffer(block)
    made._wrapper = block  # also where multiprocessing's own pickling looks for it
    return made


def _reduce_raw(obj):
    block = getattr(obj, "_wrapper", None)
    if block is None:
        return obj.__reduce__()  # a private object of a type that shared ones have, too
    type_, *length = (obj._type_, obj._length_) if isinstance(obj, ctypes.Array) else (type(obj),)
    return _over_block, (_types.records.get(type_, type_), block, *length)


def RawValue(typecode_or_type, *args):
    """A ctypes object in shared memory, without lock and without atomic operations."""
    made = _raw(_types.memory_type(typecode_or_type))
    made.__init__(*args)
    return made


def RawArray(typecode_or_type, size_or_initializer):
    """A ctypes array in shared memory, without lock and without atomic operations."""
    type_ = _types.memory_type(typecode_or_type)
    if isinstance(size_or_initializer, int):
        return _raw(type_ * size_or_initializer)
    made = _raw(type_ * len(size_or_initializer))
    if type_ in _types.records:
        import numpy

        numpy.ndarray(len(made), _types.records[type_], made)[...] = size_or_initializer
    else:
        made.__init__(*size_or_initializer)
    return made


def copy(obj):
    """A copy of a ctypes object, in shared memory."""
    made = _raw(type(obj))
    ctypes.pointer(made)[0] = obj
    return made


# ---- ctypes objects under a lock ----


def _wrapper_class(type_):
    """The class of multiprocessing that wraps objects of that type, but pickled at any time."""
    from multiprocessing import sharedctypes as stock

    if type_ in _wrappers:
        return _wrappers[type_]
    if issubclass(type_, ctypes._SimpleCData):
        base, fields = stock.Synchronized, {}
    elif issubclass(type_, ctypes.Array):
        base, fields = (stock.SynchronizedString if type_._type_ is ctypes.c_char else stock.SynchronizedArray), {}
    else:
        names = [field[0] for field in type_._fields_]
        base, fields = stock.SynchronizedBase, {name: stock.make_property(name) for name in names}
    name = base.__name__ if base is not stock.SynchronizedBase else "Synchronized" + type_.__name__
    reduce = {"__reduce__": lambda self: (synchronized, (self._obj, self._lock))}
    _wrappers[type_] = SynchronizedBase.register(type(name, (base,), fields | reduce))
    return _wrappers[type_]


_wrappers = {}


def synchronized(obj, lock=None, ctx=None):
    """A wrapper of a ctypes object, every access to which goes under the lock."""
    if lock is None:
        block = getattr(obj, "_wrapper", None)
        if block is not None:
            lock = _locked.lock_beside(block.held)
        else:
            from stoa.synchronize import RLock

            lock = RLock()
    return _wrapper_class(type(obj))(obj, lock)


# ---- what multiprocessing offers ----


def _new_value(type_, args, lock, where, writers):
    """A number or a struct; None for all else."""
    if _types.number_code(type_):
        return _new_number(type_, args, lock, where)
    if _structs.is_struct(type_):
        return _structs.make(where.place(*_structs.footprint(type_, writers)), type_, args, lock, writers)
    return None


def _count(size_or_initializer):
    if isinstance(size_or_initializer, int):
        return size_or_initializer, None
    if not hasattr(size_or_initializer, "__getitem__") or isinstance(size_or_initializer, dict):
        len(size_or_initializer)  # a set, or the keys of a dict: in their order, and no iterator
        size_or_initializer = list(size_or_initializer)
    return len(size_or_initializer), size_or_initializer


NAMELESS = "only numbers, arrays of numbers and structs have names"
NOT_WHOLE = "only arrays of numbers are read and written whole"


def Value(typecode_or_type, *args, lock=True, ctx=None, name=None, writers=0):
    """A value in shared memory: a number, a struct, or whatever ctypes has.

    Of numbers `.value` and the operations are atomic, of structs every access; `get_lock()` is for
    several steps that belong together.  With lock=False a ctypes object as it is, as RawValue() makes it.
    name=... gives it a name that lasts: stoa.open(name) finds it from any process, and Value() with that name
    gives what is there.  writers: how many processes may write to a struct at once.
    """
    made = None
    if lock is not False:
        lock = _checked(lock)
        type_ = _types.from_numpy(_types.ctypes_type(typecode_or_type))
        made = _new_value(type_, args, lock, _Somewhere(name), writers)
    if made is not None:
        return made
    if name is not None:
        raise ValueError(NAMELESS)
    made = RawValue(typecode_or_type, *args)
    return made if lock is False else synchronized(made, lock)


def Array(typecode_or_type, size_or_initializer, *, lock=True, ctx=None, name=None, whole=False, writers=0):
    """An array in shared memory, of numbers or of whatever ctypes has.

    Of numbers each element is atomic; with whole=True a slice is, too: who reads it sees whole writes only,
    and then the array cannot be looked at in place (get_obj(), memoryview, NumPy), and writers tells how many
    processes may write at once.  lock, name: as Value().
    """
    if lock is not False:
        lock = _checked(lock)
        type_ = _types.from_numpy(_types.ctypes_type(typecode_or_type))
        count, initial = _count(size_or_initializer)
        if _types.number_code(type_) and count > 0:
            return _new_array(type_, initial, count, lock, _Somewhere(name), whole, writers)
    if whole:
        raise ValueError(NOT_WHOLE)
    if name is not None:
        raise ValueError(NAMELESS)
    made = RawArray(typecode_or_type, size_or_initializer)
    return made if lock is False else synchronized(made, lock)


def value_at(place, typecode_or_type, args, lock, writers):
    """Value() in that place, of a segment."""
    type_ = _types.from_numpy(_types.ctypes_type(typecode_or_type))
    made = _new_value(type_, args, _checked(lock), _There(place), writers)
    if made is None:
        raise ValueError(NAMELESS)
    return made


def array_at(place, typecode_or_type, size_or_initializer, lock, whole, writers):
    """Array() in that place, of a segment."""
    type_ = _types.from_numpy(_types.ctypes_type(typecode_or_type))
    count, initial = _count(size_or_initializer)
    if not _types.number_code(type_):
        raise ValueError(NAMELESS)
    return _new_array(type_, initial, count, _checked(lock), _There(place), whole, writers)


def __getattr__(name):
    from multiprocessing import sharedctypes as stock

    return getattr(stock, name)
