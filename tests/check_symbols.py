#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the public symbols: check_symbols.py ROOT LIBSTOA.SO TEST_API

What include/stoa/*.h declares, what src/libstoa.map lists and what the shared library exports must be the
same, each symbol under the node of the release that brought it, and test_api must use all of it.  What was released
once (tests/abi) stays, under its node.
"""
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|^\s*#(?:\\\n|[^\n])*", re.DOTALL | re.MULTILINE)
DECLARED = re.compile(r"\bSTOA_API\b[^;{]*?\b(stoa_\w+)\s*(?:\([^;{]*)?;")


def declared(root):
    names = set()
    for header in (root / "include").rglob("*.h"):
        names.update(DECLARED.findall(COMMENT.sub(" ", header.read_text())))
    return names


def mapped(root):
    """name@node: of each node what stands between its braces."""
    text = re.sub(r"#[^\n]*", "", (root / "src" / "libstoa.map").read_text())
    nodes = re.findall(r"([\w.]+)\s*\{([^}]*)\}", text)
    return {f"{name}@{node}" for node, names in nodes for name in re.findall(r"\b(stoa_\w+)\s*;", names)}


def dynamic(program, kind):
    """The dynamic symbols of a program or library, with their versions: kind is --defined-only or --undefined-only."""
    lines = subprocess.run(
        ["nm", "-D", kind, program], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    symbols = (line.split() for line in lines)
    return {s[-1].replace("@@", "@") for s in symbols if s[-2] != "A"}  # A: the version's own name


def released(root):
    symbols = ElementTree.parse(root / "tests" / "abi" / "libstoa-0.abi").iter("elf-symbol")
    return {f"{symbol.get('name')}@{symbol.get('version')}" for symbol in symbols}


def bare(symbols):
    return {symbol.split("@")[0] for symbol in symbols}


def main():
    root, library, test_api = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    in_map, exported = mapped(root), dynamic(library, "--defined-only")
    lists = {
        "declared": declared(root),
        "in the map": in_map,
        "listed": bare(in_map),
        "exported": exported,
        "called": bare(exported),
        "released": released(root),
        # Functions are undefined there; of stoa_now, which is data, the program has a copy.
        "tested": bare(dynamic(test_api, "--undefined-only") | dynamic(test_api, "--defined-only")),
    }
    checks = [
        ("what is declared is in the map", "declared", "listed"),
        ("what is in the map is declared", "listed", "declared"),
        ("what is in the map is exported, with its version", "in the map", "exported"),
        ("what is exported is in the map", "exported", "in the map"),
        ("what is exported is used by test_api", "called", "tested"),
        ("what was released is in the map, where it was", "released", "in the map"),
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
