# SPDX-License-Identifier: BSD-2-Clause
"""Numbers, arrays and messages between processes, without locks and without a server.

The names are those of multiprocessing: a program changes its import line and nothing else.
"""

from stoa._segments import Segment, create, open, unlink
from stoa._stoa import version as __version__
from stoa.sharedctypes import Array, RawArray, RawValue, Value
from stoa.queues import Empty, Full, JoinableQueue, Queue, ShutDown, SimpleQueue


def __getattr__(name):
    """What stoa has not is multiprocessing's."""
    import multiprocessing

    return getattr(multiprocessing, name)
