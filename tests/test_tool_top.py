#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The screen of stoa top, and colours, on a pseudo-terminal: test_tool_top.py TOOL TOOL_WORLD

Its keys; narrow and growing; with processes that are stopped and killed; a terminal that is unknown, and one that
goes away.  Speaks TAP.
"""
import contextlib
import os
import re
import signal
import sys
import termios

from tool_looked import NAME, World, can_look, main
from tool_screen import Screen, on_terminal
from tool_support import await_that, require, stoa


def top_is_used_by_its_keys(world):
    second = f"{NAME}-second"
    screen = Screen(30, 120, "top", "--interval", "0.2", world.name, second)
    other = None
    try:
        screen.shows(rf"^stoa top .*by name")
        screen.shows(rf"^{world.name} +jobs +queue +\d \(")
        screen.shows(rf"^{second} +not there")
        screen.press("f")
        screen.shows("by fill")
        screen.shows(rf"SEGMENT.*\n{world.name} +(jobs|ring) ")  # both are a quarter full
        screen.press("h")
        screen.shows("by held")
        screen.shows(r"^\S+ +lock +lock +held .*tool_world \d+ +\S+ s")
        if can_look():
            screen.press("w")
            screen.shows(rf"SEGMENT.*\n{world.name} +empty ")
        screen.press("s")
        screen.shows("by sent")
        screen.press("p")
        screen.shows("PAUSED")
        screen.press("n")
        screen.shows("PAUSED.*by name")
        screen.press("p")
        screen.shows(r"by name, every 0\.2 s$")
        screen.press("+")
        screen.shows(r"every 0\.4 s")
        screen.press("-")
        other = World(second)
        screen.shows(rf"^{second} +jobs +queue")
        other.tell("x")
        screen.shows(rf"^{second} +not there")
        screen.resize(8, 50)
        screen.shows(r"\Astoa top")
        screen.shows("^SEGMENT +OBJECT")
        require(all(len(row) <= 50 for row in screen.rows()) and len(screen.rows()) == 8)
        screen.press("\x1bOB" * 3 + "\x1b[6~")  # down; and a key that is unknown here ends nothing
        screen.resize(30, 120)
        screen.shows(rf"^{world.name} +state ")
        screen.press("q")
        require(await_that(lambda: screen.look() or screen.status is not None), "it does not quit")
        require(screen.status == 0, screen.status)
    finally:
        screen.end()
        if other:
            other.end()


def a_narrow_screen_shows_the_rest_to_the_side(world):
    with Screen(12, 40, "top", "--interval", "0.1", world.name) as screen:
        screen.shows(rf"^{world.name} +lock")
        screen.press("\x1bOC" * 4)  # right
        screen.shows(r"WAITING +HELD BY")
        screen.press("\x1bOC")
        screen.shows(r"tool_world \d+ +\S+ s$")
        require(len(screen.rows()) == 12 and all(len(row) <= 40 for row in screen.rows()), screen.rows())
        screen.press("\x1bOD" * 9)  # left, and not beyond the edge
        screen.shows("^SEGMENT +OBJECT")
        screen.press("\x1bOB" * 20)  # down, and not beyond the end
        screen.shows(rf"^SEGMENT.*\n{world.name} +empty(.*\n)*{world.name} +state *[^\n]*\Z")
        screen.press("\x1bOA" * 20)  # up
        screen.shows(rf"^SEGMENT.*\n{world.name} +count")


def who_is_stopped_or_dead_is_told(_):
    with contextlib.ExitStack() as ends:
        world = World(f"{NAME}-stopped")
        ends.callback(world.end)
        screen = ends.enter_context(Screen(30, 120, "top", "--interval", "0.1", world.name))
        os.kill(world.pid, signal.SIGSTOP)
        screen.shows(r"lock +lock +held .*tool_world \d+, stopped")
        os.kill(world.pid, signal.SIGCONT)
        screen.shows(r"lock +lock +held .*tool_world \d+  ")
        world.process.kill()
        screen.shows(r"lock +lock .*tool_world \d+, dead")


def it_ends_at_an_interrupt_and_leaves_the_terminal_as_it_was(world):
    with Screen(30, 120, "top", world.name) as screen:
        screen.shows("^SEGMENT")
        require(not termios.tcgetattr(screen.fd)[3] & termios.ECHO)
        screen.press("\x03")
        require(await_that(lambda: screen.look() or screen.status is not None), "it does not end")
        require(screen.status == -signal.SIGINT, screen.status)


def it_ends_by_the_signal_that_ends_it(world):
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        for keys, words in (("", "^SEGMENT"), ("p", "PAUSED")):
            with Screen(30, 120, "top", "--interval", "60", world.name) as screen:
                screen.press(keys)
                screen.shows(words)
                os.kill(screen.pid, number)
                require(await_that(lambda: screen.look() or screen.status is not None), "it does not end")
                require(screen.status == -number, screen.status)


def it_ends_when_its_terminal_goes(world):
    for paused in (False, True):
        screen = Screen(30, 120, "top", "--interval", "0.1", world.name, ignored=[signal.SIGHUP])
        screen.shows("^SEGMENT")
        if paused:
            screen.press("p")
            screen.shows("PAUSED")
        require(await_that(screen.has_ended_without_its_terminal), "it does not end")


def a_terminal_that_cannot_is_refused_in_one_line(world):
    require(stoa("top", world.name).is_refused(1, "this is no terminal"))
    for kind in ("nothing-of-that-name", "dumb"):
        text = on_terminal("top", world.name, TERM=kind)
        require(text.count("\n") == 1 and text.startswith("stoa: top: the terminal "), (kind, text))


def colours_are_for_terminals_that_want_them(world):
    require("\x1b[" in on_terminal("ls", world.name))
    require("\x1b[" not in on_terminal("ls", world.name, NO_COLOR="1"))
    require("\x1b[" not in stoa("ls", world.name).out)


def what_the_dead_hold_is_red_on_the_screen(_):
    world = World(f"{NAME}-dead")
    try:
        world.kill()
        for no_color, red in (("", True), ("1", False)):
            with Screen(30, 120, "top", "--interval", "0.1", world.name, TERM="xterm-256color", NO_COLOR=no_color) as screen:
                screen.shows("dead")
                require((re.search(r"\x1b\[(\d+;)*31m", screen.raw) is not None) == red, repr(screen.raw))
    finally:
        world.end()


# ---- all of them ----

TESTS = [
    top_is_used_by_its_keys,
    a_narrow_screen_shows_the_rest_to_the_side,
    who_is_stopped_or_dead_is_told,
    it_ends_at_an_interrupt_and_leaves_the_terminal_as_it_was,
    it_ends_by_the_signal_that_ends_it,
    it_ends_when_its_terminal_goes,
    a_terminal_that_cannot_is_refused_in_one_line,
    colours_are_for_terminals_that_want_them,
    what_the_dead_hold_is_red_on_the_screen,
]


if __name__ == "__main__":
    sys.exit(main(TESTS, "top"))
