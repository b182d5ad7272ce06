# SPDX-License-Identifier: BSD-2-Clause
"""A recursive lock, until stoa.synchronize is there."""

import os
import threading

from stoa._stoa import Number


class RLock:
    def __init__(self, held):
        self._held = held
        self._word = Number(held.segment, held.name, "Q")
        self._mine = threading.local()

    at = classmethod(lambda cls, held: cls(held))

    def _reset(self):
        self._word.value = 0

    def acquire(self, block=True, timeout=None):
        me = os.getpid()
        if getattr(self._mine, "pid", 0) != me:
            self._mine.pid, self._mine.count = me, 0
        while self._mine.count == 0:
            if self._word.compare_exchange(0, 1) == 0:
                break
            if not block or not self._word.wait(1, timeout):
                return False
        self._mine.count += 1
        return True

    def release(self):
        self._mine.count -= 1
        if self._mine.count == 0:
            self._word.value = 0

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *args):
        self.release()

    def __reduce__(self):
        return RLock, (self._held,)
