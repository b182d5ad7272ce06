# SPDX-License-Identifier: BSD-2-Clause
"""Messages of a queue that are no pickles: bytes, and what has one fixed form."""

import ctypes
import struct as _struct

from stoa import _types


def format_of(format):
    """(what the segment says of it, bytes of a message, pack, unpack)."""
    if format is None:
        return "", 0, None, None
    if format == "bytes":
        return "bytes", 0, None, None
    if isinstance(format, type) and issubclass(format, (ctypes.Structure, ctypes.Union, ctypes._SimpleCData)):
        size = ctypes.sizeof(format)
        return f"ctypes:{size}", size, _checked(format), format.from_buffer_copy
    if isinstance(format, str):
        struct = _struct.Struct(format)
        if len(struct.unpack(bytes(struct.size))) == 1:
            return f"struct:{format}", struct.size, struct.pack, lambda data: struct.unpack(data)[0]
        return f"struct:{format}", struct.size, lambda values: struct.pack(*values), struct.unpack
    return _numpy_format(format)


def _checked(ctype):
    def pack(value):
        return value if isinstance(value, ctype) else ctype(value)

    return pack


def _numpy_format(format):
    import numpy

    dtype = _types.plain(numpy.dtype(format))
    return (
        f"numpy:{dtype.descr if dtype.names else dtype.str}",
        dtype.itemsize,
        lambda value: numpy.asarray(value, dtype).tobytes(),
        lambda data: numpy.frombuffer(data, dtype)[0],
    )


def format_told(text):
    """The format that a segment tells of."""
    kind, _, rest = text.partition(":")
    if kind in ("", "bytes"):
        return kind or None
    if kind == "struct":
        return rest
    if kind == "numpy":
        import ast

        import numpy

        return numpy.dtype(ast.literal_eval(rest) if rest.startswith("[") else rest)
    raise ValueError(f"the queue's objects are {text}: its format must be given")
