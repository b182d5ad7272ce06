#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that every file of src/ includes only what stands above it: check_rooms.py ROOT

A room is one or more files: queue.c, queue.h and queue_wait.c are all the room `queue`.  A public header
belongs to the room of its name, but stoa/queue.h, which tells the rings what a queue is.
"""
import re
import sys
from pathlib import Path

# From the foundation up.  Each room may include those before it, and itself.
ROOMS = """
    defect layout atomic os base event fork segment participant object exchange scalar value array
    ring xring parcel queue watch sync reap inspect check
""".split()

# Files of a room that do not bear its name: whole stems, or their first words.
FILES = {"sender": "queue", "receiver": "queue", "inline": "ring", "inline_number": "value"}

# Who may look further down the list, and why.
EXCEPTIONS = {
    ("segment", "participant"): "opening a segment registers the process, closing it leaves",
    ("segment", "object"): "the directory is iterated, validated and formatted with its segment",
    ("queue", "watch"): "stoa_queue_fd() hands out what watch.c feeds",
}

PUBLIC = {"queue": "ring"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<(stoa(?:/[^>]+)?\.h)>)', re.MULTILINE)


def room_of(name):
    """The room of a file name, or None: `queue_wait.c` is of `queue`."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    first = stem.split("_")[0]
    room = FILES.get(stem) or FILES.get(first, first)
    return room if room in ROOMS else None


def faults_of(path):
    room = room_of(path.name)
    if room is None:
        yield "is in no room of the list in check_rooms.py"
        return
    for quoted, public in INCLUDE.findall(path.read_text()):
        name = quoted or public
        other = room_of(name)
        if public == "stoa/base.h":
            continue  # the foundation of all
        if public:
            other = PUBLIC.get(other, other)
        if other is None:
            yield f"includes {name}, which is in no room"
        elif ROOMS.index(other) > ROOMS.index(room) and (room, other) not in EXCEPTIONS:
            yield f"includes {name}: the room `{other}` stands below `{room}`"


def main():
    files = sorted(p for p in (Path(sys.argv[1]) / "src").iterdir() if p.suffix in (".c", ".h"))
    print(f"1..{len(files)}")
    failed = 0
    for number, path in enumerate(files, 1):
        faults = list(faults_of(path))
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {path.name}")
        for fault in faults:
            print(f"# src/{path.name} {fault}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
