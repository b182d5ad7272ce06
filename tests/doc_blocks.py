# SPDX-License-Identifier: BSD-2-Clause
"""The code blocks of the documents: fenced ones and indented ones, and what is said of them.

A fence names its language: c, cpp, python, sh (commands), console (commands behind "$ ", and what they print), text
(drawings, what programs print).  Comments right above a block say what tests/test_docs.py cannot see by itself:

  <!-- not run: REASON -->     of sh and console: its programs and options must exist, no more
  <!-- run by: PATH -->        another test runs it, which names the document
  <!-- file: NAME -->          the block is this file, for the blocks below it; a .c or .cc must compile
  <!-- part of: PATH -->       the block is a part of this file of the tree, or all of it
  <!-- given: DECLARATIONS --> of c: what the statements of the block need to compile
  <!-- terminal: NAME -->      of console: which one, where there are several
  <!-- goes on -->             of console: the last command has not ended at the end of the block
  <!-- varies: WORD, ... -->   these stand for numbers: what was printed there is meant from then on, in commands, too
  <!-- numbers vary -->        of console: only where numbers stand is compared
  <!-- loosely -->             of console: the words that are shown must be printed, in any form
  <!-- until so -->            of console: the command only looks, and is typed again until it prints what it should
  <!-- needs: HEADER, ... -->  not tried without them, or, of a FILE of the document, if that was not tried

<!-- names: WORD, ... --> anywhere in a document: segments, to which the test gives names of its own.
A line "..." stands for any lines.
"""
import re
from pathlib import Path

FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})\s*(\S*)")
COMMENT = re.compile(r"<!--\s*(.*?)\s*-->")
COMMENTS = re.compile(r"^\s*(<!--.*?-->\s*)+$")
LANGUAGES = ("c", "cpp", "python", "sh", "console", "text")


class Block:
    def __init__(self, place, language, lines, comments):
        self.place, self.document, self.lines = place, place.split(":")[0], lines
        self.language = language if language in LANGUAGES else None
        self.said = dict((part.partition(":")[0], part.partition(":")[2].strip()) for part in comments)
        self.shown = language or "no language"

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)

    def listed(self, what):
        return [word.strip() for word in self.said.get(what, "").split(",") if word.strip()]


def documents(root):
    root = Path(root)
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]


def names(text):
    """Segments to be given other names."""
    found = re.findall(r"<!--\s*names:\s*(.*?)\s*-->", text)
    return [name.strip() for part in found for name in part.split(",")]


def blocks(path, root):
    """All code blocks of a document, in their order."""
    lines = Path(path).read_text().splitlines()
    comments, number, blank = [], 0, True
    while number < len(lines):
        line, place = lines[number], f"{Path(path).relative_to(root)}:{number + 1}"
        fence = FENCE.match(line)
        if fence:
            end = number + 1
            while end < len(lines) and not re.match(rf"^ {{0,3}}{fence[2]}\s*$", lines[end]):
                end += 1
            indent = len(fence[1])
            body = [re.sub(rf"^ {{0,{indent}}}", "", inner) for inner in lines[number + 1 : end]]
            yield Block(place, fence[3], body, comments)
            comments, number, blank = [], end + 1, False
        elif blank and re.match(r"^( {4}|\t)\s*\S", line):
            end = number
            while end < len(lines) and re.match(r"^( {4}|\t|\s*$)", lines[end]):
                end += 1
            yield Block(place, "", [inner[4:] for inner in lines[number:end]], comments)
            comments, number, blank = [], end, True
        else:
            said = COMMENTS.match(line)
            if said:
                comments += COMMENT.findall(line)
            elif line.strip():
                comments = []
            blank = not line.strip() or bool(said)
            number += 1


def page_blocks(path, root):
    """The literal blocks of a manual page in scdoc's form."""
    lines = Path(path).read_text().splitlines()
    fences = [number for number, line in enumerate(lines) if line == "```"]
    for begin, end in zip(fences[::2], fences[1::2]):
        place = f"{Path(path).relative_to(root)}:{begin + 1}"
        yield Block(place, "sh", lines[begin + 1 : end], ["not run: an example"])
