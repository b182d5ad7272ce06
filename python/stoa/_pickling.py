# SPDX-License-Identifier: BSD-2-Clause
"""How objects are pickled for a queue: as multiprocessing does it, large buffers aside."""

import collections
import copyreg
import functools
import pickle
from multiprocessing.reduction import ForkingPickler as _ForkingPickler

OUT_OF_BAND = 4096  # bytes of a buffer that is not copied into the pickle


class _Pickler(pickle.Pickler):
    # What may be sent to another process, as multiprocessing has it.
    dispatch_table = collections.ChainMap(_ForkingPickler._extra_reducers, copyreg.dispatch_table)


def _is_in_band(buffers, buffer):
    with buffer.raw() as view:
        if view.nbytes < OUT_OF_BAND or len(buffers) == 1000:
            return True
    buffers.append(buffer)
    return False


class _Writer:
    """A pickler, to be used again: to make one takes longer than most objects do."""

    # Nothing in it refers to itself: one that is not used again keeps objects alive no longer than its call.
    def __init__(self):
        self.parts, self.buffers = [], []
        self.write = self.parts.append
        self.pickler = _Pickler(self, 5, buffer_callback=functools.partial(_is_in_band, self.buffers))


_idle = []  # writers; what pickling calls may pickle itself, and so may other threads


def dumps(obj):
    """(the pickle, the large buffers that are not in it or None)."""
    try:
        writer = _idle.pop()
    except IndexError:
        writer = _Writer()
    writer.pickler.dump(obj)
    data = b"".join(writer.parts)
    if writer.buffers or len(data) > OUT_OF_BAND:  # what it keeps of a large object makes it slow
        return data, writer.buffers or None
    writer.parts.clear()
    writer.pickler.clear_memo()
    _idle.append(writer)
    return data, None


def loads_with(data, buffers):
    return pickle.loads(data, buffers=buffers)
