# SPDX-License-Identifier: BSD-2-Clause
"""Structs that are read and written whole, attribute by attribute.

A read copies the whole; a write copies it, changes the copy, and publishes the copy where the whole is
still what was read (compare-and-swap), or else starts again.  Whatever lies inside (a struct in the
struct, an array) is a part: the same two steps, at an offset.

A view is how the bytes of a private copy look: a ctypes object, or a NumPy array without dimensions.
"""

import ctypes
import weakref

from stoa import _locked, _types
from stoa._locked import SLOTS, Locked
from stoa._stoa import Struct

_aggregates = (ctypes.Structure, ctypes.Union, ctypes.Array)


class _CView:
    """Of ctypes."""

    def __init__(self, type_):
        self.type = type_
        self.size = ctypes.sizeof(type_)

    def over(self, bytes_, offset=0):
        return self.type.from_buffer(bytes_, offset)

    def first(self, args):
        return self.type(*args)

    def names(self):
        return [field[0] for base in reversed(self.type.__mro__) for field in base.__dict__.get("_fields_", ())]

    def number(self, name):
        """Typecode and offset of a field that is a plain number."""
        type_ = {f[0]: f[1] for b in self.type.__mro__ for f in b.__dict__.get("_fields_", ()) if len(f) == 2}.get(name)
        plain = type_ is not None and type_.__base__ is ctypes._SimpleCData
        code = _types.number_code(type_) if plain and name in self.type.__dict__ else None
        return (code, getattr(self.type, name).offset) if code else None

    get = staticmethod(getattr)
    set = staticmethod(setattr)

    @staticmethod
    def part(view, inner):
        """Layout and offset of `inner`, which was got from `view`; None where it is a plain Python object."""
        if not isinstance(inner, _aggregates):
            return None
        return _CView(type(inner)), ctypes.addressof(inner) - ctypes.addressof(view)

    def assign(self, view, given):
        """Makes the whole of `view` what is given: an object of that type, or, for an array, its elements."""
        if isinstance(given, self.type):
            ctypes.memmove(ctypes.addressof(view), ctypes.addressof(given), self.size)
        elif isinstance(given, tuple):
            self.assign(view, self.type(*given))
        elif issubclass(self.type, ctypes.Array):
            view[:] = given
        else:
            raise TypeError(f"expected {self.type.__name__} instance, got {type(given).__name__}")


class _NumpyView:
    """Of NumPy."""

    def __init__(self, dtype):
        self.type = dtype
        self.size = dtype.itemsize

    def over(self, bytes_, offset=0):
        import numpy

        base = self.type.subdtype
        dtype, shape = base if base else (self.type, ())
        return numpy.ndarray(shape, dtype, buffer=bytes_, offset=offset)

    def first(self, args):
        view = self.over(bytearray(self.size))
        if args:
            view[...] = args[0] if len(args) == 1 else args
        return view

    def names(self):
        return self.type.names or ()

    @staticmethod
    def number(name):
        return None

    @staticmethod
    def get(view, name):
        found = view[name]
        return found if found.dtype.names or found.shape else found[()]

    @staticmethod
    def set(view, name, value):
        view[name] = value

    @staticmethod
    def part(view, inner):
        import numpy

        if not isinstance(inner, numpy.ndarray):
            return None
        dtype = numpy.dtype((inner.dtype, inner.shape))
        offset = inner.__array_interface__["data"][0] - view.__array_interface__["data"][0]
        return (_NumpyView(dtype), offset) if inner.flags.c_contiguous else None

    @staticmethod
    def assign(view, given):
        view[...] = given


def view_of(type_):
    return _CView(type_) if isinstance(type_, type) else _NumpyView(type_)


def _change(struct, edit):
    """Runs `edit` on private copies of the bytes until one is published; what it was made from, and it."""
    seen = struct.load()
    while True:
        copy = bytearray(seen)
        edit(copy)
        found = struct.compare_exchange(seen, copy)
        if found == seen:
            return copy
        seen = found


class Part:
    """A struct or an array inside a struct value: reads and writes reach the whole."""

    __slots__ = ("_whole", "_view", "_offset")

    def __init__(self, whole, view, offset):
        self._whole = whole
        self._view = view
        self._offset = offset

    def _look(self):
        return self._view.over(self._whole.load(), self._offset)

    def _edit(self, change):
        _change(self._whole, lambda bytes_: change(self._view.over(bytes_, self._offset)))

    def _got(self, view, inner):
        part = self._view.part(view, inner)
        return _part(self._whole, part[0], self._offset + part[1]) if part else inner

    def _get_field(self, name):
        view = self._look()
        return self._got(view, self._view.get(view, name))

    def _set_field(self, name, value):
        value = _unpart(value)
        self._edit(lambda view: self._view.set(view, name, value))

    def load(self):
        """A private copy, of one moment."""
        return self._view.over(bytearray(memoryview(self._whole.load())[self._offset :][: self._view.size]))

    def store(self, given):
        """Replaces the part, and leaves the rest of the whole as it is."""
        self._edit(lambda view: self._view.assign(view, given))

    def _get_number(self, code, offset):
        return self._whole.get_number(code, self._offset + offset)

    def _set_number(self, code, offset, value):
        self._whole.set_number(code, self._offset + offset, value)

    def __len__(self):
        return len(self._look())

    def __getitem__(self, key):
        view = self._look()
        inner = view[key]
        return inner if isinstance(key, slice) else self._got(view, inner)

    def __setitem__(self, key, value):
        value = _unpart(value)

        def change(view):
            view[key] = value

        self._edit(change)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype=None):
        import numpy

        return numpy.asarray(Part.load(self), dtype)

    def __repr__(self):
        return f"<part of a shared struct: {Part.load(self)!r}>"


def _unpart(value):
    """A private copy where a shared one is given."""
    for class_ in (Part, SynchronizedStruct):
        if isinstance(value, class_):
            return class_.load(value)
    return value


class SynchronizedStruct(Locked):
    """A struct in shared memory, never torn.

    Fields are attributes.  A field that is called like a method here hides it.
    """

    __slots__ = SLOTS + ("_struct", "_view", "_whole")

    def load(self):
        """A private copy: a ctypes object, or a NumPy array without dimensions."""
        if not self._owned:
            return self._view.over(self._struct.load())
        with self._lock:
            return self._view.over(self._struct.load())

    def store(self, given):
        """Replaces it with an object of its type, or with a tuple of its fields."""
        bytes_ = bytearray(self._view.size)
        self._view.assign(self._view.over(bytes_), _unpart(given))
        with self._guard():
            self._struct.store(bytes_)

    def update(self, fn):
        """Calls fn with a private copy, which it changes, or returns another to take its place; that
        becomes the value in one atomic step.  fn runs again where somebody else was faster.  The copy
        that became the value."""

        def edit(bytes_):
            view = self._view.over(bytes_)
            made = fn(view)
            if made is not None:
                self._view.assign(view, _unpart(made))

        with self._guard():
            return self._view.over(_change(self._struct, edit))

    def wait(self, while_equal, timeout=None):
        """Waits until the value is another than that, byte by byte; False where the time ran out."""
        bytes_ = bytearray(self._view.size)
        self._view.assign(self._view.over(bytes_), _unpart(while_equal))
        return self._struct.wait(bytes_, timeout)

    def get_obj(self):
        """The same struct without the lock: a part that is the whole."""
        return self._whole

    @property
    def value(self):
        """The whole of it."""
        return SynchronizedStruct.load(self)

    @value.setter
    def value(self, given):
        SynchronizedStruct.store(self, given)

    def __reduce__(self):
        return rebuild, (self._held, self._view.type, self._own_lock())

    def __repr__(self):
        return f"<{type(self).__name__} wrapper for {self._view.over(self._struct.load())!r}>"

    def _get_number(self, code, offset):
        if self._owned:
            with self._lock:
                return self._struct.get_number(code, offset)
        return self._struct.get_number(code, offset)

    def _set_number(self, code, offset, value):
        with self._guard():
            self._struct.set_number(code, offset, value)

    def _get_field(self, name):
        with self._guard():
            return self._whole._get_field(name)

    def _set_field(self, name, value):
        with self._guard():
            self._whole._set_field(name, value)


def _field(view, name):
    number = view.number(name)
    if number:  # that is done in C
        code, offset = number
        return property(
            lambda self: self._get_number(code, offset), lambda self, value: self._set_number(code, offset, value)
        )
    return property(lambda self: self._get_field(name), lambda self, value: self._set_field(name, value))


# By base and type; a dtype, which is not weakly referenced, is remembered by what it is equal to.
_classes = {SynchronizedStruct: weakref.WeakKeyDictionary(), Part: weakref.WeakKeyDictionary()}
_record_classes = {}


def _class_for(base, view):
    """The class of shared structs, or parts, that look like that: with an attribute for each field."""
    if isinstance(view, _CView):
        known, key, name = _classes[base], view.type, view.type.__name__
    else:
        known, key, name = _record_classes, (base, view.type), "Record"
    if key not in known:
        fields = {name: _field(view, name) for name in view.names()}
        known[key] = type(base.__name__.removesuffix("Struct") + name, (base,), fields | {"__slots__": ()})
    return known[key]


def _part(whole, view, offset):
    return _class_for(Part, view)(whole, view, offset)


WRITERS_ROOM = 1 << 18  # bytes that places for writing processes may take


def writers_for(size):
    """How many processes may write at once: many where they cost little."""
    return max(8, min(64, WRITERS_ROOM // (3 * (size + 64))))


def footprint(type_, writers=0):
    """What the place of a struct must be like: its shape, and the bytes that it takes."""
    size = view_of(type_).size
    writers = writers or writers_for(size)
    return ("struct", size, writers), Struct.footprint(size, writers)


def make(held, type_, args, lock=None, writers=0):
    """A struct value in that place, at its beginning."""
    view = view_of(type_)
    first = bytes(memoryview(view.first(args)).cast("B"))
    struct = Struct(held.segment, held.name, view.size, first, 0, writers or writers_for(view.size))
    if held.fresh is False:
        struct.store(first)
        _locked.unlock_beside(held)
    return _wrap(held, view, struct, lock)


def rebuild(held, type_, lock=None):
    """The struct value that is there."""
    view = view_of(type_)
    return _wrap(held, view, Struct(held.segment, held.name, view.size, None, 0, 1), lock)


def _wrap(held, view, struct, lock):
    made = object.__new__(_class_for(SynchronizedStruct, view))
    made._place(held, lock)
    made._view = view
    made._struct = struct
    made._whole = _part(struct, view, 0)
    return made


def is_struct(type_):
    return _types.is_struct(type_) or _types.numpy_dtype(type_) is not None
