# SPDX-License-Identifier: BSD-2-Clause
import dataclasses

@dataclasses.dataclass(frozen=True)
class WaitStat:
    what: str
    announced: bool
    wakes: int

@dataclasses.dataclass(frozen=True)
class HolderStat:
    role: str
    pid: int | None
    held: int

@dataclasses.dataclass(frozen=True)
class ObjectStat:
    name: str
    kind: str
    bytes: int
    stat: dict[str, int] | None = None
    waits: list[WaitStat] | None = None
    holders: list[HolderStat] | None = None

@dataclasses.dataclass(frozen=True)
class ParticipantStat:
    pid: int
    name: str
    alive: bool
    attached: float

@dataclasses.dataclass(frozen=True)
class SegmentStat:
    name: str
    bytes: int
    free: int
    objects: list[ObjectStat]
    participants: list[ParticipantStat]
    @property
    def attached(self) -> int: ...

@dataclasses.dataclass(frozen=True)
class ProcessStat:
    pid: int
    name: str
    segments: list[str]
    bytes: int

@dataclasses.dataclass(frozen=True)
class Stat:
    segments: list[SegmentStat]
    @property
    def processes(self) -> list[ProcessStat]: ...

def stat(*names: str) -> Stat: ...
