# SPDX-License-Identifier: BSD-2-Clause
"""Places of objects that have names: in a segment that lasts, and beside another object.

A place has `segment` and `name`, under which the object is created or opened there, and `fresh`, which is
True for a new one, False for one that was used before, and None where nobody knows; see _home.
"""

from stoa._stoa import Segment

OBJECT = "object"  # the one of a segment of its own


class Beside:
    """A place that belongs to another, and is kept by it."""

    __slots__ = ("held", "_suffix")

    fresh = None

    def __init__(self, held, suffix):
        self.held = held
        self._suffix = suffix

    @property
    def segment(self):
        return self.held.segment

    @property
    def name(self):
        return f"{self.held.name}.{self._suffix}"

    def __reduce__(self):
        return Beside, (self.held, self._suffix)


class Named:
    """The place of an object in a segment that has a name and lasts."""

    __slots__ = ("segment", "_segment_name", "name")

    fresh = None

    def __init__(self, segment_name, segment, name=OBJECT):
        self._segment_name = segment_name
        self.segment = segment
        self.name = name

    def beside(self, suffix):
        return Beside(self, suffix)

    def __reduce__(self):
        return _open_named, (self._segment_name, self.name)


def _open_named(segment_name, name):
    return Named(segment_name, Segment.open(segment_name), name)


def named(name, bytes):
    """The place of the one object of that lasting segment, which is created, or opened where it is there."""
    return Named(name, Segment.create(name, bytes))
