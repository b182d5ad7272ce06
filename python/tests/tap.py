#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a file of tests with pytest and tells the results as TAP: tap.py FILE [ARGUMENT OF PYTEST ...]"""

import sys

import pytest


class Tap:
    """A plugin: one line for a test, when it is torn down."""

    def __init__(self):
        self.number = 0
        self.result, self.comment = "ok", ""

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", flush=True)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.result = "not ok"
            print("\n".join("# " + line for line in report.longreprtext.splitlines()), flush=True)
        elif report.skipped:
            self.comment = f" # SKIP {report.longrepr[2]}"
        if report.when == "teardown":
            self.number += 1
            name = report.nodeid.split("::", 1)[-1]
            print(f"{self.result} {self.number} - {name}{self.comment}", flush=True)
            self.result, self.comment = "ok", ""

    def pytest_collectreport(self, report):
        if report.failed:
            print("\n".join("# " + line for line in report.longreprtext.splitlines()), flush=True)


if __name__ == "__main__":
    sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:terminal", *sys.argv[1:]], plugins=[Tap()]))
