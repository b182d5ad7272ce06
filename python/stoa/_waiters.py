# SPDX-License-Identifier: BSD-2-Clause
"""Who waits for a condition or at a barrier, in shared memory, where any of them may be killed."""

import os

from stoa import _home
from stoa._stoa import Number, Numbers

WAITERS = 126  # of a condition, told apart; each notification wakes all beyond


class Waiters:
    """Who waits, each in a place of a table: a word `tag << 24 | participant's slot << 8 | state`.

        enter()              notify()               leave(), by its owner, under the lock again
        FREE -----> WAITING ----------> NOTIFIED ----------> FREE
                       |                   |
                       +---> FREE          +---> FREE, by who waits and takes the notification of a
          gives up, or is dead                   dead one over

    Every step is a compare-and-swap from the exact word, and a tag is given once, so it makes no difference
    whether the lock under which they are mostly done was lost by a death. `calls` moves after each
    notification: on that number all sleep, and look at their own word when it has moved.

    Deaths. A waiter that dies WAITING is in nobody's way: its word is cleared when the table is full, or by
    who looks after the dead. One that is notified and dies before it has the lock again leaves NOTIFIED; each
    who waits looks for such words every 100 ms. It first makes its own word NOTIFIED, then takes the dead
    one's away: if another was faster it waits on, and if it dies in between it leaves what it found, at the
    worst twice. So a notification is never lost, and may be given twice where two have died. A notifier that
    dies between its marks and its call: who is marked looks within 100 ms; the others have not been notified.
    """

    WAITING, NOTIFIED = 1, 2
    SIZES = (Numbers.footprint("Q", WAITERS + 1), Number.footprint())

    def __init__(self, place, fresh, count=WAITERS):
        calls = place.beside("calls")
        self.segment = place.segment
        self.calls = Number(calls.segment, calls.name, "Q")
        self.table = Numbers(place.segment, place.name, "Q", count + 1)  # the first gives the tags
        self.pid = 0
        if fresh is False:
            self.table[1:] = [0] * count

    def word(self, tag):
        """The word of one who waits in this process."""
        if self.pid != os.getpid():
            self.slot = _home.own_slot(self.segment)
            self.pid = os.getpid()
        return (tag & 0xFFFFFFFFFF) << 24 | self.slot << 8 | self.WAITING

    def words(self, state):
        """[(word, index)] of those in that state, in the order of their tags."""
        return sorted((word, i) for i, word in enumerate(self.table[1:], 1) if word & 0xFF == state)

    def swap(self, index, word, new):
        return self.table.compare_exchange(index, word, new) == word

    def dead(self, words):
        """Those of the words whose owner is dead."""
        if not words:
            return []
        alive = {p["slot"] for p in self.segment.participants() if p["alive"]}
        return [(word, i) for word, i in words if word >> 8 & 0xFFFF not in alive]

    def sweep(self):
        """Clears the words of waiters that have died."""
        for word, index in self.dead(self.words(self.WAITING)):
            self.swap(index, word, 0)

    def enter(self, tag=None):
        """A place to wait in: (index, word); index 0 where all are taken."""
        word = self.word(self.table.add(0, 1) if tag is None else tag)
        for swept in range(2):
            for index, there in enumerate(self.table[1:], 1):
                if there == 0 and self.swap(index, 0, word):
                    return index, word
            if not swept:
                self.sweep()
        return 0, word

    def leave(self, index, word):
        """Whether it had been notified."""
        if index == 0 or self.swap(index, word, 0):
            return False
        self.swap(index, word - self.WAITING + self.NOTIFIED, 0)
        return True

    def notify(self, n):
        for word, index in self.words(self.WAITING):
            if n <= 0:
                break
            n -= self.swap(index, word, word - self.WAITING + self.NOTIFIED)
        self.calls.add(1)

    def take_over(self, index, word):
        """Has the notification of one who died with it. Whether there was one."""
        mine = word - self.WAITING + self.NOTIFIED
        dead = self.dead([found for found in self.words(self.NOTIFIED) if found[1] != index])
        if not dead or not index:
            return False
        if not self.swap(index, word, mine):
            return True  # notified in its own right
        return any(self.swap(other, found, 0) for found, other in dead) or not self.swap(index, mine, word)
