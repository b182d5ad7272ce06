# SPDX-License-Identifier: BSD-2-Clause
from multiprocessing import (
    AuthenticationError as AuthenticationError,
    BufferTooShort as BufferTooShort,
    Pipe as Pipe,
    Pool as Pool,
    Process as Process,
    ProcessError as ProcessError,
    TimeoutError as TimeoutError,
    active_children as active_children,
    allow_connection_pickling as allow_connection_pickling,
    cpu_count as cpu_count,
    current_process as current_process,
    freeze_support as freeze_support,
    get_all_start_methods as get_all_start_methods,
    get_logger as get_logger,
    get_start_method as get_start_method,
    log_to_stderr as log_to_stderr,
    parent_process as parent_process,
    set_executable as set_executable,
    set_forkserver_preload as set_forkserver_preload,
    set_start_method as set_start_method,
)
from typing import Any

from stoa._segments import Segment as Segment, create as create, open as open, unlink as unlink
from stoa.context import Manager as Manager, get_context as get_context
from stoa.monitor import stat as stat
from stoa.queues import (
    Empty as Empty,
    Full as Full,
    JoinableQueue as JoinableQueue,
    Queue as Queue,
    ShutDown as ShutDown,
    SimpleQueue as SimpleQueue,
)
from stoa.shared_memory import ShareableList as ShareableList, SharedMemory as SharedMemory
from stoa.sharedctypes import Array as Array, RawArray as RawArray, RawValue as RawValue, Value as Value
from stoa.synchronize import (
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    Event as Event,
    Lock as Lock,
    OwnerDied as OwnerDied,
    RLock as RLock,
    Semaphore as Semaphore,
)

__version__: str

def __getattr__(name: str) -> Any: ...  # what else multiprocessing has
