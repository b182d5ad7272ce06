#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the public symbols: check_symbols.py ROOT LIBSTOA.SO TEST_API

What include/stoa/*.h declares, what src/libstoa.map lists and what the shared library exports must be the
same, and test_api must use all of it.
"""
import re
import subprocess
import sys
from pathlib import Path

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|^\s*#(?:\\\n|[^\n])*", re.DOTALL | re.MULTILINE)
DECLARED = re.compile(r"\bSTOA_API\b[^;{]*?\b(stoa_\w+)\s*(?:\([^;{]*)?;")


def declared(root):
    names = set()
    for header in (root / "include").rglob("*.h"):
        names.update(DECLARED.findall(COMMENT.sub(" ", header.read_text())))
    return names


def mapped(root):
    text = re.sub(r"#[^\n]*", "", (root / "src" / "libstoa.map").read_text())
    return set(re.findall(r"\b(stoa_\w+)\s*;", text))


def dynamic(program, kind):
    """The dynamic symbols of a program or library: kind is --defined-only or --undefined-only."""
    lines = subprocess.run(
        ["nm", "-D", kind, program], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    symbols = (line.split() for line in lines)
    return {s[-1].split("@")[0] for s in symbols if s[-2] != "A"}  # A: the version's own name


def main():
    root, library, test_api = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    lists = {
        "declared": declared(root),
        "mapped": mapped(root),
        "exported": dynamic(library, "--defined-only"),
        # Functions are undefined there; of stoa_now, which is data, the program has a copy.
        "tested": dynamic(test_api, "--undefined-only") | dynamic(test_api, "--defined-only"),
    }
    checks = [
        ("what is declared is in the map", "declared", "mapped"),
        ("what is in the map is declared", "mapped", "declared"),
        ("what is in the map is exported", "mapped", "exported"),
        ("what is exported is in the map", "exported", "mapped"),
        ("what is exported is used by test_api", "exported", "tested"),
    ]
    print(f"1..{len(checks) + 1}")
    print(f"{'ok' if lists['declared'] else 'not ok'} 1 - the headers declare something")
    failed = not lists["declared"]
    for number, (text, one, other) in enumerate(checks, 2):
        odd = sorted(lists[one] - lists[other])
        failed |= bool(odd)
        print(f"{'not ok' if odd else 'ok'} {number} - {text}")
        for name in odd:
            print(f"# {name} is {one}, but not {other}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
