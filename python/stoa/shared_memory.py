# SPDX-License-Identifier: BSD-2-Clause
"""SharedMemory and ShareableList, as multiprocessing.shared_memory has them, without its resource tracker.

A block is a segment of that name with one array of bytes. As in multiprocessing it stays until somebody calls
unlink(). What is forgotten is tidied away at the end of the first process of a family (the one that is no
child of multiprocessing's), but only blocks that the family made itself: those that this process has created,
and, whoever of its children has, those that were given no name, as their names say which family they are of.
(Families are told apart by their authkey, which children inherit.) Attaching to a block never makes this
process remove it. track=False: it is left alone in any case.
"""

import errno
import functools
import hashlib
import os
import secrets
import struct
import sys
import types
import warnings
from multiprocessing import process, util

from stoa import _home
from stoa._stoa import Numbers, Segment, array_info

__all__ = ["SharedMemory", "ShareableList"]

DIRECTORY = "/dev/shm"
READ_ONLY = 0x100
PREFIX = "stoa."  # of a segment's name there

_families = set()  # of names that this process may tidy away
_created = set()  # names with track=True that it has created and nobody has unlinked by it


def _family():
    """What the names of this family's blocks begin with."""
    key = bytes(process.current_process().authkey)
    name = f"psm_{hashlib.sha256(b'stoa' + key).hexdigest()[:12]}_"
    _families.add(name)
    return name


class SharedMemory:
    """A block of shared memory: SharedMemory(create=True, size=n) makes one, SharedMemory(name) attaches to
    it.

    buf is a memoryview of just `size` bytes. The mapping outlives every view of it, also where this object is
    collected; close() with views left raises BufferError. track: see the head of this module.
    """

    _array = None
    _buf = None

    def __init__(self, name=None, create=False, size=0, *, track=True):
        if not size >= 0:
            raise ValueError("'size' must be a positive integer")
        if create and size == 0:
            raise ValueError("'size' must be a positive number different from zero")
        if name is None and not create:
            raise ValueError("'name' can only be None if create=True")
        self._track = track
        self._name = name if name is None else name.lstrip("/")
        if name is not None and "/" in self._name:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)  # which would be a path of stoa's
        if create:
            self._create(size)
        else:
            self._attach()
        self._size = len(self._array)
        self._buf = memoryview(self._array)

    def _create(self, size):
        given = self._name
        room = Numbers.footprint("B", size) + _home.HEAD_BYTES
        while True:
            if given is None:
                self._name = (_family() if self._track else "psm_") + secrets.token_hex(8)
            try:
                segment = Segment.create(self._name, room, flags=_home.EXCLUSIVE, objects=4)
                break
            except FileExistsError:
                if given is not None:
                    raise
        try:
            self._array = Numbers(segment, _home.OBJECT, "B", size)
        except BaseException:
            Segment.unlink(self._name)
            raise
        if self._track:
            _family()
            _created.add(self._name)

    def _attach(self):
        segment = Segment.open(self._name)
        typecode, count, _ = array_info(segment, _home.OBJECT)  # one that is being made is not there yet
        if typecode != "B":
            raise OSError(errno.EPROTOTYPE, "no block of bytes", self._name)
        self._array = Numbers(segment, _home.OBJECT, typecode, count)

    def __reduce__(self):
        return self.__class__, (self.name, False, self.size)

    def __repr__(self):
        return f"{self.__class__.__name__}({self.name!r}, size={self.size})"

    @property
    def buf(self):
        """A memoryview of the block; None once it is closed."""
        return self._buf

    @property
    def name(self):
        """The name by which others attach."""
        return self._name

    @property
    def size(self):
        """Bytes."""
        return self._size

    def close(self):
        """This object gives its access up; the block stays. BufferError where views of it are left."""
        if self._buf is not None:
            self._buf.release()
            self._buf = None
        if self._array is not None:
            if sys.getrefcount(self._array) > 2:  # ours and the argument's: a view has the others
                raise BufferError("cannot close exported pointers exist")
            self._array = None

    def unlink(self):
        """Removes the name, once for all processes: who is attached goes on undisturbed."""
        Segment.unlink(self._name)
        _created.discard(self._name)


# ---- ShareableList ----

_LIST = struct.Struct("=q")  # a count, an offset, an int
_FORMATS = {int: "q", float: "d", bool: "xxxxxxx?", type(None): "xxxxxx?x"}
_KINDS = (int, float, bool, type(None), str, bytes)


def _encoded(value):
    """(kind, bytes), of what a list may hold."""
    kind = type(value)
    if kind is str:
        return kind, value.encode()
    if kind is bytes:
        return kind, value
    if value is None:
        return kind, bytes(8)
    return kind, struct.pack("=" + _FORMATS[kind], value)


class ShareableList:
    """A list of a fixed length in shared memory: of int, float, bool, str, bytes and None.

    A str or bytes may be replaced by one that is no longer, up to the next 8 bytes; anything by what takes 8
    bytes.

        count 8 | offsets 8 each, and that of the end | items

        item = kind 1 | length 7 | bytes, up to the next item
    """

    def __init__(self, sequence=None, *, name=None):
        if name is None or sequence is not None:
            self._create(list(sequence or ()), name)
        else:
            self.shm = SharedMemory(name)
            self._offsets = self._read_offsets()

    def _create(self, items, name):
        items = [_encoded(item) for item in items]
        offset = 8 * (len(items) + 2)
        self._offsets = [offset]
        for kind, data in items:
            offset += 8 + (8 if kind in _FORMATS else 8 * (len(data) // 8 + 1))
            self._offsets.append(offset)
        self.shm = SharedMemory(name, create=True, size=offset)
        struct.pack_into(f"={len(items) + 2}q", self.shm.buf, 0, len(items), *self._offsets)
        for at, (kind, data) in zip(self._offsets, items):
            self._write(at, kind, data)

    def _read_offsets(self):
        """Of one that another has made: checked, as it may be anything."""
        size = self.shm.size
        count = len(self) if size >= 8 else -1
        if not 0 <= count <= size // 8 - 2:
            raise ValueError(f"{self.shm.name!r} is no ShareableList")
        offsets = struct.unpack_from(f"={count + 1}q", self.shm.buf, 8)
        rooms = (b - a for a, b in zip(offsets, offsets[1:]))
        if offsets[0] != 8 * (count + 2) or offsets[-1] > size or any(room < 16 for room in rooms):
            raise ValueError(f"{self.shm.name!r} is no ShareableList")
        return list(offsets)

    def _write(self, at, kind, data):
        self.shm.buf[at + 8 : at + 8 + len(data)] = data
        _LIST.pack_into(self.shm.buf, at, len(data) << 8 | _KINDS.index(kind))

    def _place(self, position):
        """(offset, room) of an item."""
        count = len(self._offsets) - 1
        if position < 0:
            position += count
        if not 0 <= position < count:
            raise IndexError("index out of range")
        at = self._offsets[position]
        return at, self._offsets[position + 1] - at - 8

    def _head(self, position):
        at, room = self._place(position)
        (word,) = _LIST.unpack_from(self.shm.buf, at)
        if word & 0xFF >= len(_KINDS) or not 0 <= word >> 8 <= room:
            raise ValueError(f"{self.shm.name!r} is no ShareableList")
        return _KINDS[word & 0xFF], at + 8, word >> 8, room

    def __getitem__(self, position):
        kind, at, length, _ = self._head(position)
        if kind is type(None):
            return None
        if kind in _FORMATS:
            return struct.unpack_from("=" + _FORMATS[kind], self.shm.buf, at)[0]
        data = bytes(self.shm.buf[at : at + length])
        return data.decode() if kind is str else data

    def __setitem__(self, position, value):
        try:
            at, room = self._place(position)
        except IndexError:
            raise IndexError("assignment index out of range") from None
        kind, data = _encoded(value)
        if len(data) > room:
            raise ValueError("bytes/str item exceeds available storage")
        self._write(at, kind, data)

    def __len__(self):
        return _LIST.unpack_from(self.shm.buf, 0)[0]

    def __reduce__(self):
        return functools.partial(self.__class__, name=self.shm.name), ()

    def __repr__(self):
        return f"{self.__class__.__name__}({list(self)}, name={self.shm.name!r})"

    @property
    def format(self):
        """The struct format of the items that are there now."""
        heads = (self._head(i) for i in range(len(self._offsets) - 1))
        return "".join(_FORMATS.get(kind) or f"{room}s" for kind, _, _, room in heads)

    def count(self, value):
        """How often the value is in it."""
        return sum(value == item for item in self)

    def index(self, value):
        """Where the value is first; ValueError where it is not."""
        for position, item in enumerate(self):
            if value == item:
                return position
        raise ValueError(f"{value!r} not in this container")

    __class_getitem__ = classmethod(types.GenericAlias)


# ---- the end ----


def _others_live_in(name):
    participants = Segment.open(name, READ_ONLY).participants()
    return any(p["alive"] and p["pid"] != os.getpid() for p in participants)


def _tidy():
    """At the end of the first process of a family: what was forgotten."""
    if process.parent_process() is not None:
        return
    _family()
    try:
        there = [file[len(PREFIX) :] for file in os.listdir(DIRECTORY) if file.startswith(PREFIX)]
    except OSError:
        return
    left = 0
    for name in there:
        try:
            if name in _created or (name.startswith(tuple(_families)) and not _others_live_in(name)):
                Segment.unlink(name)
                left += 1
        except OSError:
            pass
    if left:
        warnings.warn(f"{left} forgotten blocks of shared memory are removed", ResourceWarning)


def _forget(anything=None):
    _created.clear()


util.register_after_fork(SharedMemory, _forget)
util.Finalize(None, _tidy, exitpriority=-900)  # after the children are joined
