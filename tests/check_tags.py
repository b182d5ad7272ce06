#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the tags of memory orders in src/, such as [Q1]: check_tags.py ROOT

A release and the acquire that it pairs with carry the same tag, each in its own comment.  So every tag must
stand in at least two comments, and the comments of a tag must speak, between them, of a releasing end and
of an acquiring end.
"""
import re
import sys
from pathlib import Path

TAG = re.compile(r"\[([A-Z]{1,2}[0-9]{1,3})\]")
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|(/\*.*?\*/|//[^\n]*)', re.DOTALL)
# Full fences and sequentially consistent operations are both ends at once.
BOTH = r"|\bseq\b|_seq\b|seq_cst|sequentially|fence|compare-and-swap|exchange"
RELEASE = re.compile(r"releas|_rel\b|publish" + BOTH, re.IGNORECASE)
ACQUIRE = re.compile(r"acquir|_acq\b" + BOTH, re.IGNORECASE)


def tags_of(root):
    """tag -> [(place, text of the comment)]"""
    tags = {}
    for path in sorted((root / "src").iterdir()):
        if path.suffix not in (".c", ".h"):
            continue
        text = path.read_text()
        for match in COMMENT.finditer(text):
            comment = match.group(1)
            if not comment:
                continue
            place = f"src/{path.name}:{text.count(chr(10), 0, match.start()) + 1}"
            for tag in sorted(set(TAG.findall(comment))):
                tags.setdefault(tag, []).append((place, comment))
    return tags


def faults_of(uses):
    comments = [comment for _, comment in uses]
    if len(uses) < 2:
        yield "has one end only"
    if not any(RELEASE.search(c) for c in comments):
        yield "names no end that releases"
    if not any(ACQUIRE.search(c) for c in comments):
        yield "names no end that acquires"


def main():
    tags = tags_of(Path(sys.argv[1]))
    print(f"1..{max(len(tags), 1)}")
    if not tags:
        print("not ok 1 - there are tags\n# no tag found in src/")
        return 1
    failed = 0
    for number, tag in enumerate(sorted(tags), 1):
        faults = list(faults_of(tags[tag]))
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {tag}")
        for fault in faults:
            print(f"# [{tag}] {fault}: {', '.join(place for place, _ in tags[tag])}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
