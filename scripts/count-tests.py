#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts test results one by one: count-tests.py [--failed N] [--skipped N] TESTLOG.JSON ...

Reads meson's logs and the TAP in them, names what failed, and prints, as the last line,
"N passed, N failed, N skipped".  A test program that crashed, timed out or ended too early counts as one
failure more than those it reported; so does a log in which there is no test at all.  --failed and --skipped
add what was found elsewhere.  The exit status is 1 where anything failed.
"""
import json
import re
import sys

LINE = re.compile(r"^(not ok|ok)\b\s*\d*\s*(?:-\s*)?(.*?)\s*(?:#\s*(SKIP)\b.*)?$", re.IGNORECASE)


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def fail(self, name, why):
        self.failed += 1
        print(f"FAILED: {name}: {why}")

    def add_program(self, log, run):
        name, result = run + log["name"], log["result"]
        failed_before, reported = self.failed, 0
        for line in log.get("stdout", "").splitlines():
            match = LINE.match(line)
            if not match:
                continue
            reported += 1
            if match.group(3):
                self.skipped += 1
            elif match.group(1) == "ok":
                self.passed += 1
            else:
                self.fail(name, match.group(2))
        if result == "SKIP":
            self.skipped += not reported
        elif result in ("OK", "EXPECTEDFAIL"):
            if not reported:
                self.fail(name, "reported nothing")
        elif result != "FAIL" or self.failed == failed_before:
            self.fail(name, {"TIMEOUT": "timed out", "ERROR": "broke off"}.get(result, result))

    def add_log(self, path, run):
        programs = 0
        try:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    self.add_program(json.loads(line), run)
                    programs += 1
        except OSError as error:
            self.fail(path, error.strerror)
            return
        if not programs:
            self.fail(path, "no test was run")


def main():
    counts, arguments = Counts(), sys.argv[1:]
    while arguments and arguments[0] in ("--failed", "--skipped"):
        name = arguments[0][2:]
        setattr(counts, name, getattr(counts, name) + int(arguments[1]))
        del arguments[:2]
    for path in arguments:
        # build-ci/NAME/meson-logs/testlog.json: of several runs, each is called by its name.
        counts.add_log(path, path.split("/")[-3] + ": " if len(arguments) > 1 else "")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if counts.failed or not arguments else 0


if __name__ == "__main__":
    sys.exit(main())
