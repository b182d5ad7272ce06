# SPDX-License-Identifier: BSD-2-Clause
"""Contexts of multiprocessing whose shared objects are stoa's. Processes, pipes and pools stay
multiprocessing's, and so does the start method: there is one for both."""

import multiprocessing
import sys
from multiprocessing import context as _stock

from stoa import sharedctypes, synchronize

# Both take a context, and wait for the pipes inside the queues that it makes.
_LOOK_INTO_QUEUES = ("concurrent.futures.process", "multiprocessing.pool")


class _Offers:
    """What differs from a context of multiprocessing."""

    def Lock(self, **more):
        return synchronize.Lock(**more)

    def RLock(self, **more):
        return synchronize.RLock(**more)

    def Condition(self, lock=None, **more):
        return synchronize.Condition(lock, **more)

    def Semaphore(self, value=1, **more):
        return synchronize.Semaphore(value, **more)

    def BoundedSemaphore(self, value=1, **more):
        return synchronize.BoundedSemaphore(value, **more)

    def Event(self, **more):
        return synchronize.Event(**more)

    def Barrier(self, parties, action=None, timeout=None, **more):
        return synchronize.Barrier(parties, action, timeout, **more)

    def Queue(self, maxsize=0, **more):
        from stoa import queues

        return queues.Queue(maxsize, **more)

    def JoinableQueue(self, maxsize=0, **more):
        from stoa import queues

        return queues.JoinableQueue(maxsize, **more)

    def SimpleQueue(self, **more):
        from stoa import queues

        if sys._getframe(1).f_globals.get("__name__") in _LOOK_INTO_QUEUES:
            return _stock._concrete_contexts[self._name].SimpleQueue()
        return queues.SimpleQueue(**more)

    def RawValue(self, typecode_or_type, *args, **more):
        return sharedctypes.RawValue(typecode_or_type, *args, **more)

    def RawArray(self, typecode_or_type, size_or_initializer, **more):
        return sharedctypes.RawArray(typecode_or_type, size_or_initializer, **more)

    def Value(self, typecode_or_type, *args, lock=True, **more):
        return sharedctypes.Value(typecode_or_type, *args, lock=lock, **more)

    def Array(self, typecode_or_type, size_or_initializer, *, lock=True, **more):
        return sharedctypes.Array(typecode_or_type, size_or_initializer, lock=lock, **more)

    def Manager(self):
        """A manager whose server is started."""
        from stoa import managers

        manager = managers.SyncManager(ctx=self)
        manager.start()
        return manager

    def get_context(self, method=None):
        return self if method is None else get_context(method)


class ForkContext(_Offers, _stock.ForkContext):
    pass


class SpawnContext(_Offers, _stock.SpawnContext):
    pass


class ForkServerContext(_Offers, _stock.ForkServerContext):
    pass


_contexts = {context._name: context() for context in (ForkContext, SpawnContext, ForkServerContext)}


def get_context(method=None):
    """The context of that start method; None: of the one that is set."""
    return _contexts[multiprocessing.get_context(method)._name]


def Manager():
    """A started manager of the default context: dict(), list(), Namespace() and Pool() live in its server;
    Value(), Array(), Queue(), Lock() and the like are stoa's own objects."""
    return get_context().Manager()


def __getattr__(name):
    return getattr(_stock, name)
