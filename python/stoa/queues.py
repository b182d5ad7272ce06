# SPDX-License-Identifier: BSD-2-Clause
"""Queues: multiprocessing's, and what it has not.

`Queue`, `JoinableQueue` and `SimpleQueue` are used as those of multiprocessing.  There is no feeder thread
and no pipe: put() has committed an object when it returns, and raises itself what is wrong with it.

Where a queue lies.  Each has a segment of its own, that lives as long as a process has the queue, or its
`name` until unlink(); more than it takes goes into further segments (src/chain.c), and objects larger than a
message into files (src/spill.c), both named after the first.  The last process to leave removes all of them;
what a process that was killed as the last one left is removed when another one makes a queue.

Between processes a queue goes by its name.  While a pickle of it is under way, or a child is being forked,
the one who sent it keeps the queue open, even where nothing in his program does: exports and arrivals are
counted (`_in_flight`).  What never arrives is kept until he ends.
"""

import os
import pickle
import secrets
import threading
import types
import weakref
from multiprocessing import util as _util
from queue import Empty, Full

from stoa import _formats, _pickling, _segments, _stoa
from stoa._home import OBJECT
from stoa._stoa import Lease

__all__ = ["Empty", "Full", "JoinableQueue", "Lease", "Queue", "ShutDown", "SimpleQueue"]

try:
    from queue import ShutDown
except ImportError:  # before Python 3.13

    class ShutDown(Exception):
        """The queue was shut down: nothing can be put into it, or, raised by get(), will come out of it."""


EXCLUSIVE = 0x1
UNLINK_LAST = 0x80
CLOSE_WITH_SENDERS = 0x10
FILE = "stoa."
TEMPORARY = "py-q-"

UNBOUNDED_FIRST = 1024  # messages of an unbounded queue's first ring
MAXSIZE = 1 << 20  # more than that is unbounded
HANDLES = 512  # who puts and who gets, each thread that does so at the same time
HOLDS = 1
PARTICIPANTS = 512  # processes

_stoa.Queue._setup(Empty, Full, ShutDown, _pickling.dumps, pickle.loads, _pickling.loads_with)

# ---- life ----

_lock = threading.RLock()
_live = weakref.WeakSet()  # queues without a name, of this process
_in_flight = {}  # by name: a handle on a queue that somebody will open soon
_swept = False


def _anchor(name):
    anchor = _in_flight.get(name)
    if anchor is None:
        anchor = _stoa.Queue()
        anchor._open(name)
        _in_flight[name] = anchor
    return anchor


def _keep(name):
    """Somebody will open the queue: it stays until then."""
    with _lock:
        _anchor(name)._exported()


def _let_go():
    """What has arrived is not kept any longer."""
    with _lock:
        for name in [name for name, anchor in _in_flight.items() if not anchor._in_flight()]:
            del _in_flight[name]


def _leave():
    """At the end of a process: the last one removes the names."""
    for queue in list(_live):
        queue.close()
    with _lock:
        _in_flight.clear()


def _leave_at_end(_=None):
    # After multiprocessing has waited for the children; and also in its children, which run no atexit.
    _util.Finalize(None, _leave, exitpriority=-10)


_leave_at_end()
_util.register_after_fork(_leave_at_end, _leave_at_end)


def _before_fork():
    _lock.acquire()
    for queue in list(_live):
        if not queue._closed:
            _anchor(queue.name)._exported()


def _after_in_parent():
    _lock.release()


def _after_in_child():
    _leave_at_end()  # what the parent has registered is nothing to a child of a plain os.fork()
    # The parent may have dropped its queues a moment after this; so this process becomes a participant now.
    for queue in list(_live):
        if not queue._closed:
            try:
                queue._attach()
            except OSError:  # there is no room for another one: it will be told when it uses it
                continue
            queue._arrived()
    _in_flight.clear()  # what the parent keeps, the parent keeps
    _lock.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _sweep_the_dead():
    """Removes what queues have left whose last process was killed.  Once in a process."""
    global _swept
    if _swept:
        return
    _swept = True
    names = {}
    for entry in os.scandir("/dev/shm"):
        base, _, rest = entry.name.partition("~")
        if base.startswith(FILE + TEMPORARY) and base.count("-") == 3:
            names.setdefault(base[len(FILE) :], []).append(rest)
    for name, rests in names.items():
        pid = name.split("-")[2]
        if not pid.isdigit() or _is_running(int(pid)):
            continue
        try:
            if "" in rests:  # who opens it and finds nobody else there is the last one to leave
                queue = _stoa.Queue()
                queue._open(name)
                queue.close()
            else:
                _stoa.Queue._unlink(name)
        except (OSError, ValueError):
            pass  # another user's, or another does it at this moment


# ---- the classes ----


class _Queue(_stoa.Queue):
    _kind = "Q"
    _closed = True
    _readers = None

    def _create(self, maxsize, name, item_size, format, close_with_senders):
        _sweep_the_dead()
        _let_go()
        said, size, pack, unpack = _formats.format_of(format)
        bounded = 0 < maxsize <= MAXSIZE
        if close_with_senders and not bounded:
            raise ValueError("close_with_senders asks for a maxsize")
        if not item_size:
            item_size = size or (112 if maxsize <= 65536 else 48)
        self.name = name or f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
        self._object = OBJECT
        self._lasting = name is not None
        self._format = format
        about = ("B" if bounded else "U") + self._kind + said
        told = self._open(
            self.name,
            create=True,
            flags=0 if name else EXCLUSIVE | UNLINK_LAST,
            participants=PARTICIPANTS,
            about=about.encode(),
            capacity=maxsize if bounded else UNBOUNDED_FIRST,
            message_size=max(item_size, size, 16),
            handles=HANDLES,
            holds=HOLDS,
            queue_flags=CLOSE_WITH_SENDERS if close_with_senders else 0,
        )
        if told.rstrip(b"\0") != about.encode():
            super().close()
            raise ValueError(f"{name} is a queue of another kind: {told.rstrip(bytes(1)).decode()}")
        self._begin(said, pack, unpack)

    def _attach_to(self, name, format, object=OBJECT):
        told = self._open(name, object=object).rstrip(b"\0").decode()
        self.name = name
        self._object = object
        self._lasting = True
        try:
            if not told:  # of somebody else's making
                format = format or "bytes"
            elif format is None:
                format = _formats.format_told(told[2:])
            said, size, pack, unpack = _formats.format_of(format)
            if told and told[2:] != said:
                raise ValueError(f"the queue's objects are {told[2:] or 'Python objects'}, not {said}")
        except BaseException:
            super().close()
            raise
        self._format = format
        self._begin(said, pack, unpack)

    def _begin(self, said, pack, unpack):
        self._use_as(bool(said), self._kind == "J", pack, unpack)
        self._closed = False
        if not self._lasting:
            _live.add(self)

    @classmethod
    def open(cls, name, format=None, object=OBJECT):
        """The queue of that name: made by Queue(name=...); or by stoa_queue_create() in a segment of that
        name, where it is `object`: then its messages are bytes, or of the format.  Not one of parcels
        (`pack`)."""
        queue = cls.__new__(cls)
        queue._attach_to(name, format, object)
        return queue

    def __reduce__(self):
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        if not self._lasting:
            _let_go()
            _keep(self.name)
        return _arrive, (type(self), self.name, self._format, self._object, self._lasting)

    def close(self):
        """This process uses it no longer."""
        if not self._closed:
            self._closed = True
            super().close()
            _live.discard(self)
            _let_go()

    __class_getitem__ = classmethod(types.GenericAlias)

    @staticmethod
    def unlink(name):
        """Removes a lasting queue: who has it open goes on with what lies in its first segment."""
        _stoa.Queue._unlink(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- asyncio ----

    async def aget(self):
        """get() in an event loop."""
        while True:
            try:
                return self.get_nowait()
            except Empty:
                await self._readable()

    async def aput(self, obj):
        """put() in an event loop."""
        import asyncio

        try:
            self.put_nowait(obj)
        except Full:
            await asyncio.get_running_loop().run_in_executor(None, self.put, obj)

    async def _readable(self):
        import asyncio

        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if self._readers is None:
            self._readers = {}
        waiting = self._readers.setdefault(loop, set())
        if not waiting:
            fd = self.fileno()

            def wake():  # once for all who wait: each of them looks
                loop.remove_reader(fd)
                for one in self._readers.pop(loop, ()):
                    if not one.done():
                        one.set_result(None)

            loop.add_reader(fd, wake)
        waiting.add(future)
        try:
            await future
        finally:
            waiting.discard(future)
            if not waiting and self._readers.get(loop) is waiting:
                del self._readers[loop]
                if not self._closed:
                    loop.remove_reader(self.fileno())


def _arrive(cls, name, format, object, lasting):
    queue = cls.__new__(cls)
    queue._attach_to(name, format, object)
    queue._lasting = lasting
    if not lasting:
        queue._arrived()
        _live.add(queue)
    return queue


class Queue(_Queue):
    """A queue of objects between processes; see multiprocessing.Queue.

    Besides: `name` makes it a lasting one, for Queue.open(name) in any process; `item_size` is how many bytes
    of an object lie in the queue itself (larger ones go into files of their own); `format` makes its messages
    fixed structs, without pickle ("bytes", a format of the struct module, a ctypes type, a NumPy dtype);
    `close_with_senders` shuts it down when the last one who has put something into it is gone.
    """

    def __init__(self, maxsize=0, *, name=None, item_size=0, format=None, close_with_senders=False, ctx=None):
        self._create(maxsize, name, item_size, format, close_with_senders)

    def join_thread(self):
        """There is no thread: what was put is in the queue."""
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self):
        """There is no thread."""


class JoinableQueue(Queue):
    """A queue that counts the tasks done; see multiprocessing.JoinableQueue.

    The end of a take() is a task done, too.
    """

    _kind = "J"

    def _tasks(self):
        """As in multiprocessing, tasks are counted after close(), too: by a handle for the one call.  None where
        nobody has the queue any more."""
        if not self._closed:
            return self
        tasks = _stoa.Queue()
        try:
            tasks._open(self.name, object=self._object)
        except FileNotFoundError:
            return None
        return tasks

    def task_done(self):
        """One more of the objects that were put is done with.  Raises ValueError where all were."""
        tasks = self._tasks()
        if tasks is not None:
            _stoa.Queue._task_done(tasks)

    def join(self, timeout=None):
        """Waits until all are, or for so long; whether they are."""
        tasks = self._tasks()
        return tasks is None or _stoa.Queue._join(tasks, timeout)


class SimpleQueue(_Queue):
    """A queue of objects between processes; see multiprocessing.SimpleQueue."""

    _kind = "S"

    def __init__(self, *, ctx=None):
        self._create(0, None, 0, None, False)


# ---- by their names ----


def _open_in(place, format):
    peek = _stoa.Queue()
    kind = peek._open(place._segment_name, object=place.name)[1:2].decode()
    peek.close()
    return _KINDS.get(kind, Queue).open(place._segment_name, format, place.name)


_KINDS = {cls._kind: cls for cls in (Queue, JoinableQueue, SimpleQueue)}
_segments.openers[_segments.QUEUE] = _open_in
