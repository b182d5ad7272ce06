# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the commands that look have in common: a segment with one of everything, in use."""
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from tool_support import ENVIRONMENT, await_that, is_without, parsed, run, stoa

WORLD = os.path.abspath(sys.argv[2])
NAME = f"test-tool-{os.getpid()}"


class World:
    """tool_world, running."""

    def __init__(self, name, *more):
        self.name = name
        self.process = subprocess.Popen(
            [WORLD, name, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        words = self.process.stdout.readline().split()
        assert words and words[0] == "ready", "tool_world does not start"
        self.pid, self.child = self.process.pid, int(words[1])
        await_that(lambda: "waits for a message" in stoa("stat", name, "empty").out or not can_look())

    def tell(self, letter):
        self.process.stdin.write(letter)
        self.process.stdin.flush()
        if letter != "x":
            assert self.process.stdout.readline() == f"done {letter}\n"

    def kill(self):
        self.process.kill()
        self.process.wait()
        await_that(lambda: all(not p["alive"] for p in stat(self.name)["participants"]))

    def end(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        for left in Path("/dev/shm").glob(f"stoa.{self.name}*"):
            left.unlink(missing_ok=True)


def can_look():
    """Whether /proc tells here what a process of ours waits for."""
    try:
        return bool(Path("/proc/self/syscall").read_text())
    except OSError:
        return False


def stat(*operands):
    return parsed(stoa("stat", "--json", *operands))


def object_of(name, which):
    return next(o for o in stat(name)["objects"] if o["name"] == which)


def main(tests, *needed):
    """Runs tests that all take the same world; skips them where the command was built without what they need."""
    if is_without("json", *needed):
        return 0
    world = World(NAME)
    try:
        return run(tests, lambda number: contextlib.nullcontext(world))
    finally:
        world.end()
