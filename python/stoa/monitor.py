# SPDX-License-Identifier: BSD-2-Clause
"""Who uses what: every segment of this machine that we may open, its objects, and the processes in it.

Nothing is written in what is looked at, and nobody is counted in by looking. Each number is of a moment of
its own.
"""

import dataclasses
import os

from stoa import _stoa

DIRECTORY = "/dev/shm"
PREFIX = "stoa."  # of a segment's name there
READ_ONLY = 0x100
KINDS = {1: "value", 2: "array", 3: "queue", 4: "semaphore", 5: "event", 6: "barrier", 7: "lock"}
ROLES = {1: "sender", 2: "receiver", 3: "writer", 4: "owner", 5: "permit", 6: "party"}
WAITS = {1: "readable", 2: "writable", 3: "changed"}


@dataclasses.dataclass(frozen=True)
class WaitStat:
    """What is waited for at an object: "readable" (a queue's message), "writable" (its room), "changed" (all
    else).  `announced`: somebody sleeps, or gave up since the last wake; `wakes`: how often somebody was
    woken, modulo 2^30."""

    what: str
    announced: bool
    wakes: int


@dataclasses.dataclass(frozen=True)
class HolderStat:
    """Who has a place in an object: as "sender", "receiver", "writer", "owner", "permit" or "party".  `pid`
    is None where it went meanwhile; `held` counts messages under its lease, and is 1 for
    owner, permit and party."""

    role: str
    pid: int | None
    held: int


@dataclasses.dataclass(frozen=True)
class ObjectStat:
    """An object in a segment; `stat`, of a queue: messages there, held, sent, received and the like.  What
    cannot be told is None."""

    name: str
    kind: str
    bytes: int
    stat: dict | None = None
    waits: list | None = None
    holders: list | None = None

    def _words(self):
        """What there is to say of it."""
        words = [f"{key} {number}" for key, number in (self.stat or {}).items()]
        for wait in self.waits or ():
            if wait.announced or wait.wakes:
                words.append(f"{wait.what}: " + "a wait announced, " * wait.announced + f"{wait.wakes} wakes")
        holding = {holder.pid for holder in self.holders or () if holder.held}
        if holding:
            words.append("held by " + ", ".join(sorted(map(str, holding))))
        return ", ".join(words)


@dataclasses.dataclass(frozen=True)
class ParticipantStat:
    """A process in a segment. One that is not alive has died, and nobody has needed its slot since."""

    pid: int
    name: str
    alive: bool
    attached: float  # seconds since the epoch


@dataclasses.dataclass(frozen=True)
class SegmentStat:
    """A segment: its bytes, how many of them were never used, its objects and its processes."""

    name: str
    bytes: int
    free: int
    objects: list
    participants: list

    @property
    def attached(self):
        """How many processes live in it."""
        return sum(p.alive for p in self.participants)


@dataclasses.dataclass(frozen=True)
class ProcessStat:
    """A process that lives: the names of its segments, and their bytes."""

    pid: int
    name: str
    segments: list
    bytes: int


@dataclasses.dataclass(frozen=True)
class Stat:
    """All segments, and the processes that live in them."""

    segments: list

    @property
    def processes(self):
        by_pid = {}
        for segment in self.segments:
            for p in segment.participants:
                if p.alive:
                    by_pid.setdefault((p.pid, p.name), []).append(segment)
        return [
            ProcessStat(pid, name, [s.name for s in there], sum(s.bytes for s in there))
            for (pid, name), there in sorted(by_pid.items())
        ]

    def __str__(self):
        lines = [f"{'SEGMENT':32} {'BYTES':>12} {'FREE':>12} {'ATTACHED':>8} {'OBJECTS':>8}"]
        for s in self.segments:
            lines.append(f"{s.name:32} {s.bytes:12} {s.free:12} {s.attached:8} {len(s.objects):8}")
            for o in s.objects:
                words = o._words()
                if words:
                    lines.append(f"    {o.kind} {o.name}: {words}")
        lines.append(f"{'PID':>8} {'NAME':16} {'SEGMENTS':>8} {'BYTES':>12}")
        lines += [f"{p.pid:8} {p.name:16} {len(p.segments):8} {p.bytes:12}" for p in self.processes]
        return "\n".join(lines)


def _told(look, segment, which):
    """What there is to see at an object; None where it cannot be told."""
    try:
        return look(segment, which)
    except (OSError, ValueError):
        return None


def _object_stat(segment, pids, name, kind, size, index):
    if name is None:
        return ObjectStat("?", "damaged", size)
    stat = _told(_stoa.queue_look, segment, name) if KINDS.get(kind) == "queue" else None
    waits = _told(_stoa.object_waits, segment, index)
    if waits is not None:
        waits = [WaitStat(WAITS.get(what, str(what)), *more) for what, *more in waits]
    holders = _told(_stoa.object_holders, segment, index)
    if holders is not None:
        holders = [HolderStat(ROLES.get(role, str(role)), pids.get(slot), n) for role, slot, n in holders]
    return ObjectStat(name, KINDS.get(kind, str(kind)), size, stat, waits, holders)


def _segment_stat(name):
    segment = _stoa.Segment.open(name, READ_ONLY)
    info = segment.info()
    there = segment.participants()
    pids = {p["slot"]: p["pid"] for p in there}
    objects = [_object_stat(segment, pids, *told) for told in segment.objects()]
    participants = [ParticipantStat(p["pid"], p["comm"], p["alive"], p["attached_ns"] / 1e9) for p in there]
    return SegmentStat(name, info["total_bytes"], info["free_bytes"], objects, participants)


def stat(*names):
    """What there is, or of the segments of those names: print it, or look at .segments and .processes."""
    found = []
    for name in names or sorted(
        file[len(PREFIX) :] for file in os.listdir(DIRECTORY) if file.startswith(PREFIX)
    ):
        try:
            found.append(_segment_stat(name))
        except (OSError, ValueError):
            if names:
                raise  # else it has just gone, is another user's or damaged, or its name is no text
    return Stat(found)
