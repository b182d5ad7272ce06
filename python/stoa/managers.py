# SPDX-License-Identifier: BSD-2-Clause
"""Managers: multiprocessing's, but what stoa can share needs no server and no proxy.

lock = manager.Lock() is a stoa.Lock, which may be put into manager.dict() and the like.
"""

from multiprocessing import managers as _stock
from multiprocessing.managers import BaseManager, BaseProxy, Namespace, Server, State, Token

from stoa import _types, shared_memory, sharedctypes, synchronize

__all__ = ["BaseManager", "BaseProxy", "Namespace", "SharedMemoryManager", "SyncManager", "Token"]


def _number_code(typecode):
    """None for all else: pointers mean nothing to other processes, and the server keeps what they point to."""
    return _types.number_code(_types.from_numpy(_types.ctypes_type(typecode)))


def _is_wide_enough(value):
    return not isinstance(value, int) or -(1 << 63) <= value < 1 << 63


class SyncManager(_stock.SyncManager):
    """dict(), list(), Namespace() and Pool() live in the server. The others are stoa's, and outlive it."""

    def _own(self, made, *args):
        assert self._state.value == State.STARTED, "server not yet started"
        return made(*args)

    def Lock(self):
        return self._own(synchronize.Lock)

    def RLock(self):
        return self._own(synchronize.RLock)

    def Semaphore(self, value=1):
        return self._own(synchronize.Semaphore, value)

    def BoundedSemaphore(self, value=1):
        return self._own(synchronize.BoundedSemaphore, value)

    def Event(self):
        return self._own(synchronize.Event)

    def Condition(self, lock=None):
        return self._own(synchronize.Condition, lock)

    def Barrier(self, parties, action=None, timeout=None):
        return self._own(synchronize.Barrier, parties, action, timeout)

    def Queue(self, maxsize=0):
        """With task_done() and join(), as queue.Queue has them."""
        from stoa import queues

        return self._own(queues.JoinableQueue, maxsize)

    JoinableQueue = Queue

    def Value(self, typecode, value):
        """A stoa.Value of a number; what is none lives in the server.  It has 64 bits: in a server it would be
        whatever it is set to, and not of the typecode's size."""
        code = _number_code(typecode)
        if code is not None and _is_wide_enough(value):
            try:
                return self._own(sharedctypes.Value, "?" if code == "?" else "d" if code in "fd" else "q", value)
            except (TypeError, ValueError):
                pass
        return super().Value(typecode, value)

    def Array(self, typecode, sequence):
        """A stoa.Array of numbers; what is none lives in the server."""
        if _number_code(typecode) is not None:
            try:
                return self._own(sharedctypes.Array, typecode, sequence)
            except (TypeError, ValueError):
                pass
        return super().Array(typecode, sequence)


class SharedMemoryServer(_stock.SharedMemoryServer):
    """Unlinks the blocks that were made by its manager when that is shut down."""

    def release_segment(self, c, segment_name):
        self.shared_memory_context.segment_names.remove(segment_name)
        block = shared_memory.SharedMemory(segment_name)
        block.close()
        block.unlink()

    def shutdown(self, c):
        for name in list(self.shared_memory_context.segment_names):
            try:
                self.release_segment(c, name)
            except FileNotFoundError:
                pass  # its user was faster
        return Server.shutdown(self, c)


class SharedMemoryManager(_stock.SharedMemoryManager):
    """SharedMemory(size) and ShareableList(sequence) make what is unlinked when the manager is shut down."""

    _Server = SharedMemoryServer

    def _tracked(self, made, block):
        try:
            with self._Client(self._address, authkey=self._authkey) as connection:
                _stock.dispatch(connection, None, "track_segment", (block.name,))
        except BaseException:
            block.unlink()
            raise
        return made

    def SharedMemory(self, size):
        block = shared_memory.SharedMemory(create=True, size=size)
        return self._tracked(block, block)

    def ShareableList(self, sequence):
        made = shared_memory.ShareableList(sequence)
        return self._tracked(made, made.shm)


def __getattr__(name):
    return getattr(_stock, name)
