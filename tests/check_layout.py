#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what the documents say of shared memory with the sources: check_layout.py ROOT COMPILER [ARGUMENT ...]

docs/layout.md has each struct of src/layout.h as a table; the compiler is asked whether offsets and sizes are these.
Names in drawings, and in docs/diagrams, must be names of the sources.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from check_support import ok, plan, skip, status  # noqa: E402

STRUCT = re.compile(r"^struct (\w+) \{(.*?)^\};", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"^### `(\w+)`, (\d+) bytes$(.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| (\d+) \| `(\w+)` \|", re.MULTILINE)
NAME = re.compile(r"\b(?:[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+)\b")
SIZED = re.compile(r"\b(\w+_\w+), (\d+) bytes")
PLAIN = {"atom64", "atom32"}  # the words that the others are made of


def uncommented(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def members(body):
    """Names of a struct's members, but for those that are reserved."""
    names = re.findall(r"[\s,](\w+)(?:\[\w+\])?(?=\s*[,;])", uncommented(body))
    return {name for name in names if not name.startswith("reserved")}


def compiled(compiler, root, asserts):
    """Which of the asserts do not hold."""
    source = '#include <stddef.h>\n#include "layout.h"\n' + "\n".join(
        f'_Static_assert({condition}, "{words}");' for condition, words in asserts
    )
    run = subprocess.run(
        compiler + ["-std=gnu11", "-fsyntax-only", "-I", root / "src", "-I", root / "include", "-x", "c", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in run.stderr.splitlines() if "error" in line]
    return said if run.returncode else []


def drawings(root):
    """What is drawn, by file: blocks of text, and labels."""
    for path in (root / "docs" / "layout.md", root / "docs" / "exchange-ring.md"):
        blocks = re.findall(r"^```text\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        yield path.name, "\n".join(blocks)
    for path in sorted((root / "docs" / "diagrams").glob("*.dot")):
        text = path.read_text(encoding="utf-8").replace("\\l", " ").replace("\\n", " ")
        yield path.name, " ".join(re.findall(r'\blabel="(.*?)"', text, re.DOTALL))


def asserts_of(tables, drawn):
    for name, (size, rows) in tables.items():
        yield f"sizeof(struct {name}) == {size}", f"{name}: size"
        for offset, bytes_, member in rows:
            yield f"offsetof(struct {name}, {member}) == {offset}", f"{name}.{member}: offset"
            yield f"sizeof(((struct {name} *)0)->{member}) == {bytes_}", f"{name}.{member}: size"
    for where, text in drawn.items():
        for name, size in SIZED.findall(text):
            yield f"sizeof(struct {name}) == {size}", f"{where}: size of {name}"


def check_words(layout, document):
    """Words of several parts, as the comments of layout.h have them: part bits | part bits."""
    said = " ".join(re.sub(r"^\s*(?:/\*|\*/|\*)", "", line) for line in layout.split("\n"))
    said = " ".join(said.split())
    section = document[document.index("## Words of several parts") :]
    words = [row.replace(",", " |") for row in re.findall(r"^\| [^|]*\w \| ([^|]*\d) \|$", section, re.MULTILINE)]
    ok("the parts of words are those that layout.h tells of", [w for w in words if w not in said], words)
    whole = [w for w in words if sum(int(part.split()[-1]) for part in w.split(" | ")) == 64]
    ok("and they fill the word", sorted(set(words) - set(whole)), words)


def check_pictures(root):
    sentence = "dot draws the diagrams"
    if not shutil.which("dot"):
        skip(sentence, "dot is missing")
        return
    faults, sources = [], sorted((root / "docs" / "diagrams").glob("*.dot"))
    for path in sources:
        run = subprocess.run(["dot", "-Tsvg", path], capture_output=True, text=True, check=False)
        faults += [f"{path.name}: {line}" for line in run.stderr.splitlines()]
        if run.returncode or "</svg>" not in run.stdout:
            faults.append(f"{path.name}: no picture")
    ok(sentence, faults, sources)


def main():
    root, compiler = Path(sys.argv[1]), sys.argv[2:]
    layout = (root / "src" / "layout.h").read_text(encoding="utf-8")
    document = (root / "docs" / "layout.md").read_text(encoding="utf-8")
    structs = {name: members(body) for name, body in STRUCT.findall(layout) if name not in PLAIN}
    tables = {name: (size, ROW.findall(rest)) for name, size, rest in TABLE.findall(document)}
    drawn = dict(drawings(root))
    plan(7)

    ok("docs/layout.md has each struct of layout.h, and no other", sorted(structs.keys() ^ tables.keys()), tables)
    odd = [
        f"{name}.{member}"
        for name, (_, rows) in tables.items()
        for member in sorted(structs.get(name, set()) ^ {row[2] for row in rows})
    ]
    ok("and each member", odd)
    asserts = list(asserts_of(tables, drawn))
    ok("and all sizes and offsets, in drawings, too", compiled(compiler, root, asserts), asserts)
    check_words(layout, document)

    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "src").glob("*.h")))
    sources += (root / "include" / "stoa" / "queue.h").read_text(encoding="utf-8")
    known = set(re.findall(r"\w+", sources))
    unknown = [f"{name}: {word}" for name, text in drawn.items() for word in sorted(set(NAME.findall(text)) - known)]
    ok("names in drawings are names of the sources", unknown, all(drawn.values()))
    check_pictures(root)
    return status()


if __name__ == "__main__":
    sys.exit(main())
