# SPDX-License-Identifier: BSD-2-Clause
"""Where objects without a name live, in places that are used again.  (Those with one: _places.)

A process that makes objects without a name has segments of its own, its homes.  In them are places, each for
what belongs to one owner:

    held = temporary(("value", "q"), 256)
    held.segment, held.name     # create or open the object there, under that name
    held.fresh                  # False: the place was used before: the object exists and must be set
                                # to its beginning; None: nobody knows, create or open
    held.beside("lock")         # a place for another object of the same owner, kept as long

Objects stay as long as their segment, so a place is given to a new owner of the same shape once nobody
holds it.  Only the process that made the home gives its places away.  A place is held

  - by every process that has a bit for it in `holders`: a word of bits for 64 places and each
    participant's slot.  Bits of a slot whose participant is dead count for nothing: no death leaves a
    place held.  Who comes into a slot first clears what a dead one left there.
  - by a pickle in flight: it carries a random token, which is added to `sent` when it is made and to
    `arrived` when it is loaded.  The sums are equal when every pickle has been loaded once.  (One that is
    never loaded, or twice, keeps the place until its home goes.)
  - by a fork in flight: from before it until the child has bits of its own.  Until then the parent
    keeps its bits, even for what it drops meanwhile.  The child closes its end of a pipe when it has arrived,
    and the kernel does when it dies.  For places of another's home the fork is a pickle in flight as well,
    which the child loads; where it says nothing of that before it closes, it has died, and the parent does.

To find nobody takes several looks, during which a hold may wander from where they have not looked yet to
where they have.  It wanders only as a pickle or by a fork, and then `sent` has moved: look at it first and
last.  A pickle that is loaded twice wanders unseen.  So its holder first sets its bit and then looks at the
place's generation, while the owner first moves the generation and then looks at the bits once more: one of
them sees the other.  A pickle of an older generation is refused.
"""

import collections
import errno
import os
import secrets
import select
import threading
import weakref
from multiprocessing import util

from stoa._places import OBJECT, Beside, Named, named  # noqa: F401, where all places are looked for
from stoa._stoa import Numbers, Segment, array_info

EXCLUSIVE = 0x1
UNLINK_LAST = 0x80

HOME_BYTES = 1 << 20
PLACES = 1024  # of a home
PARTICIPANTS = 256
SHARE = 8  # what takes more than that part of a home gets one of its own
HEAD_BYTES = 256  # of an object, beside what it asks for
ATTACHED = 8  # others' homes that stay open though nothing in them is held
TRIES = 4  # places to look at before a new one is taken

_MASK = (1 << 64) - 1


class _State:
    """All that a process knows of its places."""

    def __init__(self):
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.depth = 0  # of those who are inside the lock, which is one thread
        self.attached = weakref.WeakValueDictionary()  # by name
        self.recent = collections.deque(maxlen=ATTACHED)
        self.homes = []  # ours; the last one is where new places are
        self.forks = []  # in flight: (descriptor, token, [(home, index)])
        self.dropped = collections.deque()  # places to drop, by whoever comes next

    def __enter__(self):
        self.lock.acquire()
        self.depth += 1
        return self

    def __exit__(self, *args):
        self.depth -= 1
        self.lock.release()
        self.tidy()

    def tidy(self):
        """Drops what collected objects held.  They may be collected anywhere, also inside the lock: then
        whoever is in there does it when he leaves."""
        while self.dropped and self.depth == 0 and self.lock.acquire(blocking=False):
            self.depth += 1
            try:
                while self.dropped:
                    home, index = self.dropped.popleft()
                    home.drop(index)
            finally:
                self.depth -= 1
                self.lock.release()


def own_slot(segment):
    """Our participant's slot there, also after a fork."""
    segment.reap()  # the first call in a child registers it
    namespace = os.stat("/proc/self/ns/pid").st_ino
    for p in segment.participants():
        if p["pid"] == os.getpid() and p["pid_namespace"] == namespace:
            return p["slot"]
    raise OSError(errno.EUSERS, "this process has no participant's slot")


class _Home:
    """A home as this process has it open: its own or another's."""

    def __init__(self, name, segment, places, participants):
        self.name = name
        self.segment = segment
        self.places = places
        self.mine = False
        self.participants = participants
        self.words = (places + 63) // 64
        self.counts = {}  # of our Helds, by index
        self.shapes = []  # of the places, by index; the owner's
        self.free = collections.defaultdict(collections.deque)  # by shape: places that we have dropped,
        self.listed = set()  # all of these; one that comes back to us as a pickle stays there meanwhile
        self.left = 0  # bytes that no place has: what will lie beside an object (its lock) has its room
        self.table = Numbers(segment, "places", "Q", 3 * places)  # generation, sent, arrived
        self.holders = Numbers(segment, "holders", "Q", self.words * participants)
        self.arrive()

    @classmethod
    def create(cls, room):
        """A home of our own, for several places or for one that is large."""
        places = 1 if room > HOME_BYTES // SHARE else PLACES
        tables = Numbers.footprint("Q", 3 * places) + Numbers.footprint("Q", (places + 63) // 64 * PARTICIPANTS)
        bytes_ = tables + 2 * HEAD_BYTES + (room if places == 1 else HOME_BYTES)
        name = f"py-{os.getpid()}-{secrets.token_hex(8)}"
        segment = Segment.create(
            name, bytes_, PARTICIPANTS, flags=EXCLUSIVE | UNLINK_LAST, objects=4 * places + 8 if places > 1 else 64
        )
        home = cls(name, segment, places, PARTICIPANTS)
        home.mine = True
        home.left = segment.info()["free_bytes"]
        return home

    @classmethod
    def open(cls, name):
        segment = Segment.open(name)
        places = array_info(segment, "places")[1] // 3
        return cls(name, segment, places, array_info(segment, "holders")[1] // ((places + 63) // 64))

    def arrive(self):
        """Finds our slot, and makes it ours: also after a fork."""
        self.slot = own_slot(self.segment)
        for word in range(self.words):
            self.holders[word * self.participants + self.slot] = 0
        for index in self.counts:
            self.mark(index)

    def mark(self, index):
        self.holders.or_(index // 64 * self.participants + self.slot, 1 << index % 64)

    def hold(self, index):
        count = self.counts.get(index, 0)
        if count == 0:
            self.mark(index)
        self.counts[index] = count + 1

    def drop(self, index):
        count = self.counts[index] - 1
        if count:
            self.counts[index] = count
            return
        del self.counts[index]
        self.holders.and_(index // 64 * self.participants + self.slot, ~(1 << index % 64))
        if self.mine:
            if index not in self.listed:
                self.listed.add(index)
                self.free[self.shapes[index]].append(index)
            if not self.counts and self in _state.homes[:-1]:
                self.retire()

    def retire(self):
        """Gives the home up, where nothing is in flight: who still holds a place keeps it open."""
        if self.table[1::3] == self.table[2::3] and self in _state.homes:
            _state.homes.remove(self)
            self.free.clear()

    # ---- the owner's ----

    def held_by_others(self, index):
        first = index // 64 * self.participants
        words = self.holders[first : first + self.participants]
        words[self.slot] = 0
        if not any(words):
            return False
        slots = {slot for slot, word in enumerate(words) if word >> index % 64 & 1}
        return bool(slots) and any(p["slot"] in slots and p["alive"] for p in self.segment.participants())

    def nobody_holds(self, index):
        sent = self.table[3 * index + 1]
        return (
            self.table[3 * index + 2] == sent
            and not self.held_by_others(index)
            and self.table[3 * index + 1] == sent
        )

    def claim(self, index):
        """Makes a place that was used before ours again, under its next generation; None where it is held."""
        if index in self.counts or not self.nobody_holds(index):
            return None
        generation = self.table[3 * index]
        self.table[3 * index] = generation + 1 & _MASK
        if self.held_by_others(index):
            self.table[3 * index] = generation
            return None
        self.hold(index)
        return Held(self, index, generation + 1 & _MASK, False)

    def again(self, shape):
        """A place of that shape that nobody holds any more, or None."""
        free = self.free.get(shape)
        for _ in range(min(TRIES, len(free)) if free else 0):
            index = free.popleft()
            held = self.claim(index)
            if held:
                self.listed.remove(index)
                return held
            free.append(index)
        return None

    def new(self, shape, room):
        """A place that nobody has had, or None where the home is full."""
        if len(self.shapes) == self.places:
            return None
        if self.left < room:
            return None
        self.left -= room
        self.shapes.append(shape)
        self.hold(len(self.shapes) - 1)
        return Held(self, len(self.shapes) - 1, 0, True)


class Held:
    """A place, kept as long as any Python object in any process holds its Held, or a pickle of it is in
    flight."""

    __slots__ = ("_home", "_index", "_generation", "fresh")

    def __init__(self, home, index, generation, fresh):
        self._home = home
        self._index = index
        self._generation = generation
        self.fresh = fresh

    @property
    def segment(self):
        return self._home.segment

    @property
    def name(self):
        return str(self._index)

    def beside(self, suffix):
        """A place for another object of the same owner."""
        return Beside(self, suffix)

    def __reduce__(self):
        token = int.from_bytes(os.urandom(8), "little")
        self._home.table.add(3 * self._index + 1, token)
        return _arrived, (self._home.name, self._index, self._generation, token)

    def __del__(self):
        if _state is not None:  # else the interpreter ends
            _state.dropped.append((self._home, self._index))
            _state.tidy()


def _arrived(name, index, generation, token):
    with _state:
        home = _state.attached.get(name)
        if home is None:
            home = _state.attached[name] = _Home.open(name)
        if not home.mine:
            _state.recent.append(home)
        home.hold(index)
        held = Held(home, index, generation, None)
        if home.table[3 * index] != generation:
            raise OSError(errno.ESTALE, "the object of this pickle is gone")
        home.table.add(3 * index + 2, token)
    return held


def temporary(shape, bytes=4096):
    """A place for one object of that shape (anything hashable), with room for `bytes`: the sum of the
    footprints of what will be created there, the same for all of one shape."""
    room = bytes + HEAD_BYTES
    with _state:
        _land()
        for home in _state.homes:
            held = home.again(shape)
            if held:
                return held
        large = room > HOME_BYTES // SHARE
        held = _state.homes[-1].new(shape, room) if _state.homes and not large else None
        if held:
            return held
        if not _state.homes:
            _sweep()
        return _new_home(room).new(shape, room)


def _new_home(room):
    home = _Home.create(room)
    _state.attached[home.name] = home
    if home.places > 1:
        _state.homes.append(home)
    else:
        _state.homes.insert(0, home)
    for old in _state.homes[:-1]:
        if not old.counts and old is not home:
            old.retire()
    return home


# ---- fork ----


def _land():
    """Forks that have arrived, or died, hold nothing any more on the parent's account."""
    if not _state.forks:
        return
    poll = select.poll()
    for descriptor, _, _ in _state.forks:
        poll.register(descriptor, 0)  # the hang-up is always told
    landed = {descriptor for descriptor, event in poll.poll(0) if event & select.POLLHUP}
    for fork in [fork for fork in _state.forks if fork[0] in landed]:
        descriptor, token, held = fork
        _state.forks.remove(fork)
        arrived = os.read(descriptor, 1)
        os.close(descriptor)
        for home, index in held:
            if not home.mine and not arrived:
                home.table.add(3 * index + 2, token)
            home.drop(index)


_child_end = None  # of the pipe of the fork that is about to be made, or was in this child


def _before_fork():
    global _child_end
    _state.__enter__()
    _child_end = None
    _land()
    held = [(home, index) for home in list(_state.attached.values()) for index in home.counts]
    if not held:
        return
    try:
        descriptor, _child_end = os.pipe2(os.O_CLOEXEC)
    except OSError:
        descriptor = None  # never lands: all stays held as long as this process lives
    token = int.from_bytes(os.urandom(8), "little")
    for home, index in held:
        home.hold(index)
        if not home.mine:
            home.table.add(3 * index + 1, token)
    if descriptor is not None:
        _state.forks.append((descriptor, token, held))


def _after_fork_in_parent():
    if _child_end is not None:
        os.close(_child_end)
    _state.__exit__()


def _after_fork_in_child():
    global _state
    before, _state = _state, _State()
    for descriptor, _, held in before.forks:
        os.close(descriptor)
        for home, index in held:
            home.counts[index] -= 1
            if not home.counts[index]:
                del home.counts[index]
    _state.dropped = before.dropped
    homes = [home for home in before.attached.values() if home.counts]  # the others' slot is not ours
    foreign = {home for home in homes if not home.mine}
    for home in homes:
        home.mine = False
        home.arrive()
        _state.attached[home.name] = home
    _at_the_end()
    if _child_end is not None:  # an error before this leaves it open: the parent holds all for us
        _, token, held = before.forks[-1]
        for home, index in held:
            if home in foreign:
                home.table.add(3 * index + 2, token)
        os.write(_child_end, b".")
        os.close(_child_end)


# ---- the end ----


def _leave():
    """At the end of a process: whoever is the last removes the names, whatever objects are still there."""
    _land()
    for home in list(_state.attached.values()):
        try:
            others = [p for p in home.segment.participants() if p["alive"] and p["slot"] != home.slot]
            if not others:
                Segment.unlink(home.name)
        except OSError:
            pass


def _sweep():
    """Homes whose owner was killed, and in which nobody lives: whoever opens one and leaves is its last."""
    try:
        names = os.listdir("/dev/shm")
    except OSError:
        return
    for name in names:
        if name.startswith("stoa.py-") and not os.path.exists("/proc/" + name.split("-")[1]):
            try:
                Segment.open(name[len("stoa.") :]).close()
            except OSError:
                pass


def _at_the_end(anything=None):
    util.Finalize(None, _leave, exitpriority=-1000)  # after the children are joined


_state = _State()
os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
_at_the_end()
util.register_after_fork(_State, _at_the_end)  # multiprocessing's children forget what their parent registered
