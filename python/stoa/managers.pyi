# SPDX-License-Identifier: BSD-2-Clause
from collections.abc import Callable, Iterable
from multiprocessing import managers as _stock
from multiprocessing.managers import (
    BaseManager as BaseManager,
    BaseProxy as BaseProxy,
    Namespace as Namespace,
    Token as Token,
)
from typing import Any

from stoa import queues, shared_memory, synchronize

__all__ = ["BaseManager", "BaseProxy", "Namespace", "SharedMemoryManager", "SyncManager", "Token"]

class SyncManager(_stock.SyncManager):
    def Lock(self) -> synchronize.Lock: ...  # type: ignore[override]
    def RLock(self) -> synchronize.RLock: ...  # type: ignore[override]
    def Semaphore(self, value: int = 1) -> synchronize.Semaphore: ...  # type: ignore[override]
    def BoundedSemaphore(self, value: int = 1) -> synchronize.BoundedSemaphore: ...  # type: ignore[override]
    def Event(self) -> synchronize.Event: ...  # type: ignore[override]
    def Condition(  # type: ignore[override]
        self, lock: synchronize.Lock | synchronize.RLock | None = None
    ) -> synchronize.Condition: ...
    def Barrier(  # type: ignore[override]
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> synchronize.Barrier: ...
    def Queue(self, maxsize: int = 0) -> queues.JoinableQueue[Any]: ...  # type: ignore[override]
    def JoinableQueue(self, maxsize: int = 0) -> queues.JoinableQueue[Any]: ...  # type: ignore[override]
    def Value(self, typecode: Any, value: Any) -> Any: ...
    def Array(self, typecode: Any, sequence: Any) -> Any: ...

class SharedMemoryManager(_stock.SharedMemoryManager):
    def SharedMemory(self, size: int) -> shared_memory.SharedMemory: ...  # type: ignore[override]
    def ShareableList(self, sequence: Iterable[Any]) -> shared_memory.ShareableList[Any]: ...  # type: ignore[override]

def __getattr__(name: str) -> Any: ...  # what else multiprocessing.managers has
