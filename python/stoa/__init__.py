# SPDX-License-Identifier: BSD-2-Clause
"""Numbers, arrays and messages between processes, without locks and without a server.

The names are those of multiprocessing: a program changes its import line and nothing else. What stoa does not
have of its own is multiprocessing's: Process, Pipe, Pool, cpu_count() and the rest.
"""

import multiprocessing as _multiprocessing

from stoa._segments import Segment, create, open, unlink
from stoa._stoa import version as __version__
from stoa.context import Manager, get_context
from stoa.monitor import stat
from stoa.shared_memory import ShareableList, SharedMemory
from stoa.sharedctypes import Array, RawArray, RawValue, Value
from stoa.queues import Empty, Full, JoinableQueue, Queue, ShutDown, SimpleQueue
from stoa.synchronize import Barrier, BoundedSemaphore, Condition, Event, Lock, OwnerDied, RLock, Semaphore

__all__ = [
    *_multiprocessing.__all__,
    "OwnerDied",
    "ShareableList",
    "SharedMemory",
]


def __getattr__(name):
    return getattr(_multiprocessing, name)


def __dir__():
    return sorted({*globals(), *__all__})
