#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The documents hold what they show: test_docs.py ROOT BUILD --c COMPILER ... [--cpp COMPILER ...]

Every code block of README.md, CONTRIBUTING.md and docs/*.md is a test.  Sources are compiled, by themselves with
warnings as errors, and as the document says; commands are typed in a directory of their own, where the library is
installed, and what they print is compared with what is shown; parts of files are looked for there.  A block that is
not run says why, and its programs and options must exist.  A block in a language that is not known, or in none, is a
failure.  doc_blocks.py has what a document can say of a block.  Blocks of Python are run by python/tests/test_docs.py.

Besides, every relative link, and every file and function that is named, must exist; so must the programs and
options in the examples of the manual pages.  $ONLY: documents with that in their names.  Speaks TAP.
"""
import collections
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from doc_blocks import blocks, documents, page_blocks
from doc_names import Programs, dead_links, missing_files, missing_names
from doc_session import Session, Skip, install

ROOT, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
ONLY = os.environ.get("ONLY", "")


def compilers():
    found, name = {}, None
    for word in sys.argv[3:]:
        if word in ("--c", "--cpp"):
            name = {"--c": "cc", "--cpp": "c++"}[word]
            found[name] = []
        else:
            found[name].append(word)
    # By their paths: wrappers of the same names come first in the documents' own.
    return {name: [shutil.which(command[0]) or command[0], *command[1:]] for name, command in found.items()}


class Report:
    def __init__(self, planned):
        self.number, self.failed, self.kinds = 0, 0, collections.Counter()
        print(f"1..{planned}", flush=True)

    def test(self, about, check):
        """`check` answers what was found, in words, or raises: False."""
        self.number += 1
        try:
            found, skipped = check(), ""
            self.kinds[re.split(",| of ", found)[0]] += 1
        except Skip as reason:
            found, skipped = "is right", f" # SKIP {reason}"
            self.kinds["is skipped"] += 1
        except Exception as fault:  # a fault of one must not hide the others
            self.failed += 1
            print(f"not ok {self.number} - {about} is right")
            for line in f"{type(fault).__name__}: {fault}".splitlines():
                print(f"# {line}", flush=True)
            return False
        print(f"ok {self.number} - {about} {found}{skipped}", flush=True)
        return True


def block_holds(block, session, programs):
    if "not run" in block.said:
        assert block.said["not run"], "it must say why"
        typed = [line for line in block.lines if block.language != "console" or line.startswith("$ ")]
        wrong = [what for line in typed for what in programs.wrong(line.removeprefix("$ "))]
        assert not wrong, "there is no " + ", ".join(wrong)
        return f"is not run, {block.said['not run']}"
    if "run by" in block.said:
        assert block.document in (ROOT / block.said["run by"]).read_text(), f"{block.said['run by']} does not"
        return f"is run by another test, {block.said['run by']}"
    assert block.language, f"{block.shown}: a block needs a language that is known, or a reason not to be run"
    if "part of" in block.said:
        return session.part(block)
    if block.language == "text":
        return "is no code"
    if block.language == "python":
        return "is run with the Python package"
    session.need(block)
    return session.run(block) if block.language in ("sh", "console") else session.source(block)


def run_document(report, path, found, home, environment, programs):
    session = Session(path, ROOT, environment, compilers(), home)
    try:
        for block in found:
            if not report.test(f"{block.place}: {block.shown}", lambda: block_holds(block, session, programs)):
                session.lose_patience()
    finally:
        session.close()

    own = [name for block in found for name in block.listed("file")]

    def links():
        dead = list(dead_links(path))
        assert not dead, "nothing is there: " + ", ".join(dead)
        return "lead somewhere"

    def names():
        missing = [*missing_files(path, ROOT, own), *missing_names(path, ROOT)]
        assert not missing, "not there: " + ", ".join(missing)
        return "exist"

    def programs_shown():
        sources = [name for name in own if name.endswith((".c", ".cc")) and name not in session.not_tried]
        idle = [name for name in sources if "./" + Path(name).stem not in session.typed]
        assert not idle, "never run: " + ", ".join(idle)
        return "are run"

    if own:
        report.test(f"{path.relative_to(ROOT)}: programs", programs_shown)
    report.test(f"{path.relative_to(ROOT)}: links", links)
    report.test(f"{path.relative_to(ROOT)}: files and functions that are named", names)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends, too
    paths = [path for path in documents(ROOT) if ONLY in str(path)]
    pages = [path for path in sorted((ROOT / "docs/man").glob("*.scd")) if ONLY in str(path)]
    found = {path: list(blocks(path, ROOT)) for path in paths}
    of_pages = [block for page in pages for block in page_blocks(page, ROOT)]
    with_programs = sum(any("file" in block.said for block in these) for these in found.values())
    report = Report(sum(len(these) + 2 for these in found.values()) + with_programs + len(of_pages))
    programs = Programs(ROOT, BUILD)
    with tempfile.TemporaryDirectory(prefix="stoa-docs.") as home:
        environment = install(BUILD, compilers(), Path(home))
        for path in paths:
            run_document(report, path, found[path], home, environment, programs)
        for block in of_pages:
            report.test(f"{block.place}: {block.shown}", lambda: block_holds(block, None, programs))
    for kind, count in sorted(report.kinds.items()):
        print(f"# {count} {kind}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
