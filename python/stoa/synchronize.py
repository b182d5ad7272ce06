# SPDX-License-Identifier: BSD-2-Clause
"""Locks, semaphores, events, conditions and barriers of processes, any of which may be killed.

Without a name they live in places that are used again (stoa._home); with name=... in a segment of that name,
where any process finds them by the same call. They can be pickled at any time.
"""

import errno
import os
import sys
import threading
import time
from multiprocessing import process
from threading import BrokenBarrierError

from stoa import _home, _stoa
from stoa._stoa import Number, Numbers, OwnerDied
from stoa._waiters import Waiters

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "Lock",
    "OwnerDied",
    "RLock",
    "Semaphore",
]

PERMITS_RETURN = 0x10
SEM_VALUE_MAX = 0x7FFFFFFF
OBJECT_BYTES = 128  # of a lock, an event, a semaphore without its permits
SLICE_S = 0.1  # who waits looks again after that time, as a waker may have died
COUNTED = 1 << 16  # what a semaphore counts at first and is set to again

os.register_at_fork(after_in_child=_stoa.forget_holding)


def _room(*sizes):
    """Bytes for a named segment of objects of those sizes, with what the segment needs for each."""
    return sum(sizes) + 1024 * len(sizes)


def _place(name, shape, *sizes):
    if name is None:
        return _home.temporary(shape, sum(sizes) + _home.HEAD_BYTES * (len(sizes) - 1))
    return _home.named(name, _room(*sizes))


class _Placed:
    """What has a place, in which it is found again by pickles."""

    @classmethod
    def at(cls, place, *args):
        """The object of that place, created or opened; `args` as the type of C wants them behind the name."""
        self = super().__new__(cls, place.segment, place.name, *args)
        self._held = place
        return self

    def __reduce__(self):
        return self.at, (self._held, *self._args())

    def _args(self):
        return ()

    @property
    def _semlock(self):
        return self


# ---- Lock, RLock ----


class _Lock(_Placed):
    def __new__(cls, *, ctx=None, name=None):
        place = _place(name, (cls.__name__,), OBJECT_BYTES)
        self = cls.at(place)
        if place.fresh is False:
            self._reset()
        return self

    def _owner(self):
        if self._state() != 1:
            return "None", 0
        if self._is_mine():
            name = process.current_process().name
            if threading.current_thread().name != "MainThread":
                name += "|" + threading.current_thread().name
            return name, self._count()
        return "SomeOtherThread" if self._count() else "SomeOtherProcess", "nonzero"


class Lock(_Lock, _stoa.Lock):
    """Held by a process, and released by any: `with` it, or acquire() and release().

    Where its holder dies, who acquires it next is warned (OwnerDied), and its attribute owner_died is true.
    """

    def __repr__(self):
        return f"<{type(self).__name__}(owner={self._owner()[0]})>"


class RLock(_Lock, _stoa.RLock):
    """Held by one thread of a process, as often as that likes, and released by that. As to deaths: Lock."""

    def __repr__(self):
        return "<%s(%s, %s)>" % (type(self).__name__, *self._owner())


# ---- Semaphore, BoundedSemaphore ----


class _Semaphore(_Placed):
    """permits_return=True: permits belong to the process that acquired them, and come back where it dies."""

    _bounded = False

    def __new__(cls, value=1, *, ctx=None, name=None, permits_return=False):
        if value > SEM_VALUE_MAX:
            raise OverflowError("signed integer is greater than maximum")
        if value < permits_return:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        made = (value if cls._bounded or permits_return else SEM_VALUE_MAX, PERMITS_RETURN * permits_return)
        shape = (cls.__name__, *made)
        if permits_return or value > COUNTED:
            shape = (*shape, object())  # no place is used again: it might not be had back as it was
        place = _place(name, shape, OBJECT_BYTES + 8 * value * permits_return)
        self = cls.at(place, value, *made)
        if place.fresh is False:
            self._reset(value)
        return self

    @classmethod
    def at(cls, place, value, *made):
        self = super().at(place, value, *made)
        self._made = made
        return self

    def _args(self):
        return (0, *self._made)  # what it counted at first matters to its creator only


class Semaphore(_Semaphore, _stoa.Semaphore):
    """A number of permits, to which anybody may add."""

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()})>"


class BoundedSemaphore(Semaphore):
    """A number of permits that may not grow beyond what it was at first."""

    _bounded = True

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self.maxvalue})>"


# ---- Event ----


class Event(_Placed, _stoa.Event):
    """A flag to wait for: set(), clear(), is_set(), wait(timeout)."""

    def __new__(cls, *, ctx=None, name=None):
        place = _place(name, ("Event",), OBJECT_BYTES)
        self = cls.at(place)
        if place.fresh is False:
            self.clear()
        return self

    def __repr__(self):
        return f"<{type(self).__qualname__} at {id(self):#x} {'set' if self.is_set() else 'unset'}>"


# ---- Condition ----


class Condition:
    """acquire(), release(), wait(), wait_for(), notify(), notify_all() over a lock of this module; its own
    RLock where none is given.

    Where the holder of the lock dies, what it was about to notify is not known: so whoever waits wakes up,
    one of them or the next to acquire() being warned (OwnerDied).
    """

    def __init__(self, lock=None, *, ctx=None, name=None):
        place = _place(name, ("Condition",), *Waiters.SIZES, OBJECT_BYTES)
        if lock is None:
            lock = RLock.at(place.beside("lock"))
            if place.fresh is False:
                lock._reset()
        self._set(place, lock, place.fresh)

    def _set(self, place, lock, fresh=None):
        self._held = place
        self._lock = lock
        self._waiters = Waiters(place, fresh)
        self.release = lock.release

    @classmethod
    def at(cls, place, lock):
        self = cls.__new__(cls)
        self._set(place, lock)
        return self

    def __reduce__(self):
        return self.at, (self._held, self._lock)

    def acquire(self, block=True, timeout=None):
        """Acquires the lock. Whether it was had."""
        try:
            had = self._lock.acquire(block, timeout)
        except OwnerDied:
            self._waiters.notify(sys.maxsize)
            raise
        if had and self._lock.owner_died and self._lock._count() == 1:
            self._waiters.notify(sys.maxsize)
        return had

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *args):
        return self._lock.__exit__(*args)

    def __repr__(self):
        return f"<{type(self).__name__}({self._lock}, {len(self._waiters.words(Waiters.WAITING))})>"

    def _orphaned(self):
        """Whether the lock's holder has died and nobody has had it since."""
        if self._lock._state() == 1:
            self._waiters.segment.reap()
        return self._lock._state() == 2

    def _sleep(self, index, word, seen, timeout):
        """Until it is notified: True. False: the time has run out first."""
        waiters = self._waiters
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            calls = waiters.calls.value
            if waiters.table[index] != word if index else calls != seen:
                return True
            left = SLICE_S if end is None else end - time.monotonic()
            if left <= 0:
                return False
            if not waiters.calls.wait(calls, min(left, SLICE_S)):
                if waiters.take_over(index, word) or self._orphaned():
                    return True

    def wait(self, timeout=None):
        """Releases the lock, waits for a notification and acquires it again. Whether there was one."""
        assert self._lock._is_mine(), "must acquire() condition before using wait()"
        waiters = self._waiters
        depth = self._lock._count()
        seen = waiters.calls.value
        index, word = waiters.enter()
        notified = interrupted = False
        try:
            for _ in range(depth):
                self._lock.release()
            notified = self._sleep(index, word, seen, timeout)
        except BaseException:
            interrupted = True
            raise
        finally:
            try:
                for _ in range(depth):
                    self.acquire()
            except BaseException:
                interrupted = True
                raise
            finally:
                if waiters.leave(index, word):
                    notified = True
                    if interrupted:
                        waiters.notify(1)
        return notified

    def wait_for(self, predicate, timeout=None):
        """Waits until predicate() is true: its result."""
        end = None if timeout is None else time.monotonic() + timeout
        result = predicate()
        while not result:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n=1):
        """Wakes n of those who wait, the first to come first."""
        assert self._lock._is_mine(), "lock is not owned"
        self._waiters.notify(n)

    def notify_all(self):
        """Wakes all who wait."""
        self.notify(sys.maxsize)


# ---- Barrier ----


class Barrier:
    """As threading.Barrier, between processes.

        word = endings 23 | broken 1 | round 40

    An arrival is a place in a table of waiters, tagged with its round and its index; the last party makes
    none. It moves `word` to the next round: that is the moment at which all pass, and what they sleep on. Of
    the rounds before, the low bits of `endings` tell how they ended, the last one in the lowest: 1 is passed,
    0 broken. (Who is stopped for more than 23 rounds, in which others took its part, is told that it has
    passed.)

    All this is done under a lock, by one store at the end. So who is killed under it has not arrived, or the
    round has ended; the action may then be run again, by the party that comes in its place. Arrivals of the
    dead do not count: they are cleared before the last party is found to be the last. Whoever takes the dead
    one's part arrives anew. A waiter that gives up breaks the barrier, as threading has it.
    """

    ROUND = (1 << 40) - 1
    BROKEN = 1 << 40
    ENDINGS = 41

    def __init__(self, parties, action=None, timeout=None, *, ctx=None, name=None):
        if parties < 1:
            raise ValueError("parties must be > 0")
        places = 2 * parties + 16  # those of the round before may be there yet
        sizes = (Numbers.footprint("Q", places + 1), Number.footprint(), Number.footprint(), OBJECT_BYTES)
        place = _place(name, ("Barrier", parties), *sizes)
        self._set(place, parties, action, timeout, place.fresh)

    def _set(self, place, parties, action, timeout, fresh=None):
        word = place.beside("word")
        self._held = place
        self._made = parties, action, timeout
        self._waiters = Waiters(place, fresh, 2 * parties + 16)
        self._word = Number(word.segment, word.name, "Q")
        self._lock = Lock.at(place.beside("lock"))
        if fresh is False:
            self._lock._reset()
            self._word.value = 0

    @classmethod
    def at(cls, place, *made):
        self = cls.__new__(cls)
        self._set(place, *made)
        return self

    def __reduce__(self):
        return self.at, (self._held, *self._made)

    def __repr__(self):
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        if self.broken:
            return f"<{name} at {id(self):#x}: broken>"
        return f"<{name} at {id(self):#x}: waiters={self.n_waiting}/{self.parties}>"

    def _tags(self):
        """The indices of those who have arrived in this round and live."""
        self._waiters.sweep()
        now = self._word.value & 0xFFFFFF
        tags = [word >> 24 for word, _ in self._waiters.words(Waiters.WAITING)]
        return {tag & 0xFFFF for tag in tags if tag >> 16 == now}

    def _end(self, passed):
        """The next round begins, under the lock."""
        word = self._word.value
        endings = (word >> self.ENDINGS << 1 | passed) & (1 << 23) - 1
        self._word.value = endings << self.ENDINGS | (word + 1) & self.ROUND

    def _break(self):
        self._word.or_(self.BROKEN)

    def _arrive(self):
        """(index, place, word), of a new arrival; place is None where it was the last: the round is over."""
        parties, action, _ = self._made
        word = self._word.value
        if word & self.BROKEN:
            raise BrokenBarrierError
        taken = self._tags()
        index = next(i for i in range(parties) if i not in taken)
        if len(taken) + 1 < parties:
            place = self._waiters.enter((word & 0xFFFFFF) << 16 | index)
            if not place[0]:
                raise OSError(errno.EUSERS, "too many of earlier rounds have not left yet")
            return index, place, word
        try:
            if action:
                action()
        except BaseException:
            self._break()
            raise
        self._end(True)
        return index, None, word

    def _sleep(self, first, timeout):
        """Until the round that began with that word is over or broken. False: the time has run out."""
        end = None if timeout is None else time.monotonic() + timeout
        word = self._word.value
        while word == first:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._word.wait(word, left)
            word = self._word.value
        return True

    def _passed(self, first):
        """How the round ended: None where it has not."""
        word = self._word.value
        behind = (word & self.ROUND) - (first & self.ROUND) & self.ROUND
        if behind == 0:
            return False if word & self.BROKEN else None
        return behind > 23 or bool(word >> self.ENDINGS >> behind - 1 & 1)

    def wait(self, timeout=None):
        """Waits until all parties have come: this one's number among them, from 0 on."""
        with self._lock:
            index, place, word = self._arrive()
        if place is None:
            return index
        try:
            self._sleep(word, self._made[2] if timeout is None else timeout)
        finally:
            with self._lock:
                passed = self._passed(word)
                if passed is None:
                    self._break()
                self._waiters.leave(*place)
        if not passed:
            raise BrokenBarrierError
        return index

    def reset(self):
        """As it was at first: who waits gets BrokenBarrierError."""
        with self._lock:
            self._end(False)

    def abort(self):
        """Broken until a reset: who waits and who comes gets BrokenBarrierError."""
        with self._lock:
            self._break()

    @property
    def parties(self):
        """How many must come."""
        return self._made[0]

    @property
    def n_waiting(self):
        """How many have come and wait."""
        return 0 if self.broken else len(self._tags())

    @property
    def broken(self):
        """Whether it is broken."""
        return bool(self._word.value & self.BROKEN)
