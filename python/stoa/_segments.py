# SPDX-License-Identifier: BSD-2-Clause
"""Segments with names that last, and what lies in them."""

import ctypes

from stoa import _home, _structs, _types, sharedctypes
from stoa import _stoa

EXCLUSIVE = 0x1

VALUE, ARRAY, QUEUE, SEMAPHORE, EVENT, BARRIER, LOCK = range(1, 8)


def _open_value(place, type_):
    code, size, _ = _stoa.value_info(place.segment, place.name)
    if code:
        return sharedctypes._rebuild_number(place, type_ or _types.TYPECODES[code])
    return _structs.rebuild(place, type_ or ctypes.c_char * size)


def _open_array(place, type_):
    code, count, writers = _stoa.array_info(place.segment, place.name)
    return sharedctypes._rebuild_array(place, type_ or _types.TYPECODES[code], count, None, writers)


# By kind: a function of a place and of the type that the user names, or None.  Other modules add theirs.
openers = {VALUE: _open_value, ARRAY: _open_array}


class Segment:
    """Several objects under one name.

    segment["name"] gives what is there; value(), array() and the like create or open.
    """

    def __init__(self, name, segment):
        self.name = name
        self._segment = segment

    def _place(self, name):
        return _home.Named(self.name, self._segment, name)

    def objects(self):
        """The names of the objects, each with its kind and its size in bytes."""
        told = self._segment.objects()
        return {name: (kind, size) for name, kind, size, _ in told if name is not None and not _is_beside(name)}

    def keys(self):
        return self.objects().keys()

    def __iter__(self):
        return iter(self.objects())

    def __len__(self):
        return len(self.objects())

    def __contains__(self, name):
        return name in self.objects()

    def __getitem__(self, name):
        return self.get(name)

    def get(self, name, type=None):
        """The object of that name; `type` says what a struct looks like.  KeyError where there is none."""
        try:
            kind, _ = self.objects()[name]
        except KeyError:
            raise KeyError(name) from None
        if kind not in openers:
            raise TypeError(f"{name!r} is opened by the class that it is of, with name=...")
        return openers[kind](self._place(name), _types.from_numpy(_types.ctypes_type(type)) if type else None)

    def value(self, name, typecode_or_type, *args, lock=True, writers=0):
        """Creates or opens a value: a number or a struct; its beginning counts for the creator only."""
        return sharedctypes.value_at(self._place(name), typecode_or_type, args, lock, writers)

    def array(self, name, typecode_or_type, size_or_initializer, *, lock=True, whole=False, writers=0):
        """Creates or opens an array of numbers."""
        return sharedctypes.array_at(self._place(name), typecode_or_type, size_or_initializer, lock, whole, writers)

    def info(self):
        """Sizes and counts, as a dict."""
        return self._segment.info()

    def participants(self):
        """Who is attached: a dict for each process."""
        return self._segment.participants()

    def reap(self):
        """Gives back what dead processes held; how many they were."""
        return self._segment.reap()

    def unlink(self):
        """Removes the name; who has it open goes on undisturbed."""
        unlink(self.name)

    def __reduce__(self):
        return _segment, (self.name,)

    def __repr__(self):
        return f"<stoa.Segment {self.name!r}>"


def _is_beside(name):
    return "." in name


def _segment(name):
    return Segment(name, _stoa.Segment.open(name))


def open(name, type=None):
    """What lies under a name, from any process: the one object, or, where there are several, a Segment.

    `type` says what a struct looks like, which the segment does not know: a ctypes.Structure or a dtype.
    """
    segment = _segment(name)
    return segment.get(_home.OBJECT, type) if _home.OBJECT in segment else segment


def create(name, bytes=0, *, participants=0, objects=0, mode=0o600, exclusive=False):
    """Creates a segment for several objects, or opens it where it is there.  `bytes`: room for them all,
    1 MiB by default; participants: processes that may be attached at once, 128 by default."""
    flags = EXCLUSIVE if exclusive else 0
    return Segment(name, _stoa.Segment.create(name, bytes, participants, mode, flags, objects))


def unlink(name):
    """Removes a name.  Who has it open goes on undisturbed; the memory goes with the last."""
    _stoa.Queue._unlink(name)  # and what a queue has beside it
