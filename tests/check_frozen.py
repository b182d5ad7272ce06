#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that what is frozen is frozen whole: check_frozen.py ROOT

Each struct, each of its members and each enumerator and number of src/layout.h must be named in tests/test_layout.c,
and those of the public headers in tests/test_abi.c, which say where it lies and what it is.  `reserved` members
need no line: they are what lies between the others.
"""
import re
import sys
from pathlib import Path

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STRUCT = re.compile(r"\bstruct (\w+) \{(.*?)\n\}", re.DOTALL)
ENUM = re.compile(r"\benum (?:\w+ )?\{(.*?)\}", re.DOTALL)
DEFINE = re.compile(r"^#define ([A-Z]\w+) (?!__attribute__)\S", re.MULTILINE)  # with a value, and no arguments
DECLARATOR = re.compile(r"(\w+)(?:\[\w*\])?$")

# These are no part of what programs and segments keep.
LOOSE = {"STOA_VERSION_MAJOR", "STOA_VERSION_MINOR", "STOA_VERSION_PATCH", "STOA_VERSION_STRING"}


def members(body):
    """The names that a struct's body declares, but those that are reserved."""
    for declaration in body.split(";"):
        for declarator in declaration.split(","):
            match = DECLARATOR.search(declarator.strip())
            if match and not re.fullmatch(r"reserved\d*", match.group(1)):
                yield match.group(1)


def faults_of(header, frozen):
    text = COMMENT.sub(" ", header.read_text())
    for name, body in STRUCT.findall(text):
        if not re.search(rf"\b(SIZE|GROWS)\({name}, \d", frozen):
            yield f"struct {name} has no SIZE, nor GROWS"
        for member in members(body):
            if not re.search(rf"\bMEMBER\({name}, {member}, \d", frozen):
                yield f"{name}.{member} has no MEMBER"
    numbers = [re.match(r"\s*(\w+)", piece) for body in ENUM.findall(text) for piece in body.split(",")]
    for name in [n.group(1) for n in numbers if n] + DEFINE.findall(text):
        if name not in LOOSE and f"_equal({name}, " not in frozen:
            yield f"{name} is not compared"


def main():
    root = Path(sys.argv[1])
    pairs = [(root / "src" / "layout.h", "test_layout.c")]
    pairs += [(header, "test_abi.c") for header in sorted((root / "include").rglob("*.h"))]
    print(f"1..{len(pairs)}")
    failed = 0
    for number, (header, test) in enumerate(pairs, 1):
        faults = list(faults_of(header, (root / "tests" / test).read_text()))
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - all of {header.name} is frozen in {test}")
        for fault in faults:
            print(f"# {fault}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
