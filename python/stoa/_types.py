# SPDX-License-Identifier: BSD-2-Clause
"""What a typecode or a type asks for: a number of the library, a struct, or memory for ctypes."""

import ctypes
import sys

TYPECODES = {
    "c": ctypes.c_char, "u": ctypes.c_wchar,
    "b": ctypes.c_byte, "B": ctypes.c_ubyte,
    "h": ctypes.c_short, "H": ctypes.c_ushort,
    "i": ctypes.c_int, "I": ctypes.c_uint,
    "l": ctypes.c_long, "L": ctypes.c_ulong,
    "q": ctypes.c_longlong, "Q": ctypes.c_ulonglong,
    "f": ctypes.c_float, "d": ctypes.c_double,
    "?": ctypes.c_bool,
}  # fmt: skip

NUMBERS = frozenset("bBhHiIlLqQfd?")

_simple = ctypes._SimpleCData


def ctypes_type(typecode_or_type):
    """The ctypes type; what is no type comes back as it is, for ctypes to refuse."""
    try:
        return TYPECODES.get(typecode_or_type, typecode_or_type)
    except TypeError:  # unhashable
        return typecode_or_type


def number_code(type_):
    """The typecode of the library's number that a ctypes type is; None where it is none."""
    if not (isinstance(type_, type) and issubclass(type_, _simple)):
        return None
    code = type_._type_
    swapped = getattr(type_, "__ctype_le__", type_) is not type_ and ctypes.sizeof(type_) > 1
    return code if code in NUMBERS and not swapped else None


def is_struct(type_):
    """Pointers in it are kept alive by one ctypes object, which a struct that is copied whole has not."""
    return isinstance(type_, type) and issubclass(type_, (ctypes.Structure, ctypes.Union)) and not _has_pointers(type_)


def _has_pointers(type_):
    if issubclass(type_, (ctypes.Structure, ctypes.Union)):
        fields = (field[1] for base in type_.__mro__ for field in base.__dict__.get("_fields_", ()))
        return any(_has_pointers(field) for field in fields)
    if issubclass(type_, ctypes.Array):
        return _has_pointers(type_._type_)
    return not issubclass(type_, _simple) or type_._type_ in "zZO"


def numpy_dtype(type_):
    """The dtype, where that or one of NumPy's scalar types is given; NumPy is never imported here."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(type_, numpy.dtype):
        return type_
    if isinstance(type_, type) and issubclass(type_, numpy.generic):
        return numpy.dtype(type_)
    return None


def from_numpy(type_):
    """A dtype of plain numbers as the ctypes type; any other dtype as itself; all else as it is."""
    dtype = numpy_dtype(type_)
    if dtype is None:
        return type_
    if dtype.isnative and dtype.char in NUMBERS:
        return TYPECODES[dtype.char]
    return plain(dtype)


def plain(dtype):
    """The dtype, where it is of plain memory."""
    if dtype.hasobject:
        raise TypeError("references to Python's objects mean nothing to other processes")
    return dtype


records = {}  # the dtypes of records by their ctypes structs, of which each is made once


def memory_type(typecode_or_type):
    """The ctypes type of what lies in memory as it is: also of a dtype of NumPy."""
    type_ = from_numpy(ctypes_type(typecode_or_type))
    if numpy_dtype(type_) is None:
        return type_
    for known, dtype in records.items():
        if dtype == type_:
            return known
    from numpy import ctypeslib

    made = ctypeslib.as_ctypes_type(type_)
    records[made] = type_
    return made
