# SPDX-License-Identifier: BSD-2-Clause
"""Where objects without a name live.

A process that makes such objects has segments of its own, its homes, and in them places, each for
the objects of one owner:

    held = temporary(("value", "q"), 256)
    held.segment, held.name     # create the object there, under that name
    held.fresh                  # False: the place was used before, and so the object exists
    held.beside("lock")         # a place for another object of the same owner, kept as long
"""

import os
import secrets
import threading
import weakref

from stoa._stoa import Segment

EXCLUSIVE = 0x1
UNLINK_LAST = 0x80
HOME_BYTES = 1 << 20
OBJECT = "object"  # in a segment of its own
HEAD_BYTES = 256  # of an object, beside what it asks for

_lock = threading.RLock()
_attached = weakref.WeakValueDictionary()  # by name: _Attached
_home = None  # where the next place goes


class _Attached:
    """A segment that this process has open."""

    def __init__(self, name, segment):
        self.name = name
        self.segment = segment
        self.pid = os.getpid()
        self.places = 0


def _attach(name):
    with _lock:
        found = _attached.get(name)
        if found is None:
            found = _attached[name] = _Attached(name, Segment.open(name))
        return found


def _new_home(room):
    name = f"py-{os.getpid()}-{secrets.token_hex(8)}"
    home = _Attached(name, Segment.create(name, room, flags=EXCLUSIVE | UNLINK_LAST))
    _attached[name] = home
    return home


class Held:
    """A place, kept as long as any Python object in any process holds its Held."""

    __slots__ = ("_at", "_index", "_generation", "fresh", "__weakref__")

    def __init__(self, at, index, generation, fresh):
        self._at = at
        self._index = index
        self._generation = generation
        self.fresh = fresh

    @property
    def segment(self):
        return self._at.segment

    @property
    def name(self):
        return str(self._index)

    def beside(self, suffix):
        """A place for another object of the same owner."""
        return Beside(self, suffix)

    def __reduce__(self):
        return _arrive, (self._at.name, self._index, self._generation)


def _arrive(name, index, generation):
    return Held(_attach(name), index, generation, False)


class Named:
    """The place of the one object of a segment that has a name and lasts."""

    __slots__ = ("segment", "_segment_name", "name")

    fresh = None  # nobody knows: create or open

    def __init__(self, segment_name, segment, name=OBJECT):
        self._segment_name = segment_name
        self.segment = segment
        self.name = name

    def beside(self, suffix):
        return Beside(self, suffix)

    def __reduce__(self):
        return _open_named, (self._segment_name, self.name)


class Beside:
    """A place that belongs to another, and is kept by it."""

    __slots__ = ("held", "_suffix")

    fresh = None

    def __init__(self, held, suffix):
        self.held = held
        self._suffix = suffix

    @property
    def segment(self):
        return self.held.segment

    @property
    def name(self):
        return f"{self.held.name}.{self._suffix}"

    def __reduce__(self):
        return Beside, (self.held, self._suffix)


def named(name, bytes):
    """The place of the one object of that lasting segment, which is created, or opened where it is there."""
    return Named(name, Segment.create(name, bytes))


def _open_named(segment_name, name):
    return Named(segment_name, Segment.open(segment_name), name)


def temporary(shape, bytes=4096):
    """A place for one object of that shape (anything hashable), with room for `bytes`: the sum of the footprints
    of what will be created there, which must be the same for all of one shape."""
    global _home
    room = bytes + HEAD_BYTES
    with _lock:
        if _home is None or _home.pid != os.getpid() or _home.segment.info()["free_bytes"] < room:
            home = _new_home(max(HOME_BYTES, 2 * room))
            if _home is None or room < HOME_BYTES:
                _home = home
        else:
            home = _home
        home.places += 1
        return Held(home, home.places, 0, True)
