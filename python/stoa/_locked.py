# SPDX-License-Identifier: BSD-2-Clause
"""The lock of an object that needs none: made when somebody asks for it."""

import contextlib

from stoa import _stoa

_nothing = contextlib.nullcontext()


def lock_beside(held):
    """The lock that belongs to the object in that place: the same for every process."""
    from stoa.synchronize import RLock

    return RLock.at(held.beside("lock"))


def unlock_beside(held):
    """Of a place that is used again, whose last owner may have left it locked."""
    place = held.beside("lock")
    _stoa.unlock(place.segment, place.name)


SLOTS = ("_held", "_lock", "_owned", "__weakref__")


class Locked:
    """What multiprocessing's wrappers have: a lock, for several steps that belong together.

    Single steps are atomic without it, and so do not wait for who holds it; but for an own lock, given
    when the object was made: under that goes all.
    """

    __slots__ = ()  # beside a type of C there is no room for any: a class that is made of this one has SLOTS

    def _place(self, held, lock):
        self._held = held
        self._lock = lock
        self._owned = lock is not None

    def _own_lock(self):
        return self._lock if self._owned else None

    def _guard(self):
        return self._lock if self._owned else _nothing

    def get_lock(self):
        """The lock: by default a recursive one that every process finds with this object."""
        if self._lock is None:
            self._lock = lock_beside(self._held)
        return self._lock

    @property
    def acquire(self):
        return self.get_lock().acquire

    @property
    def release(self):
        return self.get_lock().release

    def __enter__(self):
        return self.get_lock().__enter__()

    def __exit__(self, *args):
        return self.get_lock().__exit__(*args)
