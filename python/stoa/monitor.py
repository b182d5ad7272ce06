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


@dataclasses.dataclass(frozen=True)
class ObjectStat:
    """An object in a segment; `stat`, of a queue: messages there, held, sent, received and the like."""

    name: str
    kind: str
    bytes: int
    stat: dict | None = None


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
                if o.stat:
                    numbers = ", ".join(f"{key} {number}" for key, number in o.stat.items())
                    lines.append(f"    {o.kind} {o.name}: {numbers}")
        lines.append(f"{'PID':>8} {'NAME':16} {'SEGMENTS':>8} {'BYTES':>12}")
        lines += [f"{p.pid:8} {p.name:16} {len(p.segments):8} {p.bytes:12}" for p in self.processes]
        return "\n".join(lines)


def _queue_stat(segment, name):
    """What a queue counts; None where it cannot be told."""
    try:
        return _stoa.queue_look(segment, name)
    except OSError:
        return None


def _segment_stat(name):
    segment = _stoa.Segment.open(name, READ_ONLY)
    info = segment.info()
    objects = [
        ObjectStat(name_, KINDS.get(kind, str(kind)), size, _queue_stat(segment, name_) if kind == 3 else None)
        for name_, kind, size in segment.objects()
    ]
    participants = [
        ParticipantStat(p["pid"], p["comm"], p["alive"], p["attached_ns"] / 1e9) for p in segment.participants()
    ]
    return SegmentStat(name, info["total_bytes"], info["free_bytes"], objects, participants)


def stat(*names):
    """What there is, or of the segments of those names: print it, or look at .segments and .processes."""
    found = []
    for name in names or sorted(
        file[len(PREFIX) :] for file in os.listdir(DIRECTORY) if file.startswith(PREFIX)
    ):
        try:
            found.append(_segment_stat(name))
        except OSError:
            if names:
                raise  # else it has just gone, or is another user's
    return Stat(found)
