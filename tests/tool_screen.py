# SPDX-License-Identifier: BSD-2-Clause
"""The command on a pseudo-terminal."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios

from tool_support import ENVIRONMENT, PATIENCE, TOOL, await_that, require


class Screen:
    """stoa top on a pseudo-terminal, and what stands there: enough of a vt100 for that."""

    def __init__(self, lines, columns, *arguments, ignored=(), **environment):
        self.lines, self.columns = lines, columns
        self.clear()
        self.raw = self.rest = ""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            os.execve(TOOL, [TOOL, *arguments], dict(ENVIRONMENT, **dict({"TERM": "vt100"}, **environment)))
        self.resize(lines, columns)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.lines)]
        self.top, self.bottom = 0, self.lines - 1  # of what scrolls
        self.y = self.x = 0
        self.saved = 0, 0

    def resize(self, lines, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.lines, self.columns = lines, columns
        self.clear()

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def look(self, seconds=0.05):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                if self.status is None:
                    self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                return
            self.raw += data.decode(errors="replace")
            self.feed(self.rest + data.decode(errors="replace"))

    def feed(self, text):
        at = 0
        while at < len(text):
            match = re.compile(r"\x1b(\[[?0-9;]*[A-Za-z]|[()].|[=>78MDEH])").match(text, at)
            if text[at] == "\x1b" and not match and len(text) - at < 16:
                break  # the end of it is still to come
            if match:
                self.obey(match.group(1))
                at = match.end()
                continue
            self.put(text[at])
            at += 1
        self.rest = text[at:]

    def put(self, letter):
        if letter == "\r":
            self.x = 0
        elif letter == "\n":
            self.line_feed()
        elif letter == "\b":
            self.x = max(self.x - 1, 0)
        elif letter == "\t":
            self.x = min(self.x // 8 * 8 + 8, self.columns - 1)
        elif letter >= " ":
            if self.x < self.columns and self.y < self.lines:
                self.cells[self.y][self.x] = letter
            self.x += 1

    def line_feed(self):
        if self.y == self.bottom:
            self.cells[self.top : self.bottom + 1] = self.cells[self.top + 1 : self.bottom + 1] + [[" "] * self.columns]
        else:
            self.y = min(self.y + 1, self.lines - 1)

    def reverse_line_feed(self):
        if self.y == self.top:
            self.cells[self.top : self.bottom + 1] = [[" "] * self.columns] + self.cells[self.top : self.bottom]
        else:
            self.y = max(self.y - 1, 0)

    def obey(self, code):
        if code == "M":
            self.reverse_line_feed()
        elif code == "D":
            self.line_feed()
        elif code == "7":
            self.saved = self.y, self.x
        elif code == "8":
            self.y, self.x = self.saved
        if code[0] != "[":
            return
        numbers = [int(n or 0) for n in re.findall(r"\d+", code)] or [0]
        step = max(numbers[0], 1)
        if code[-1] == "H":
            self.y = min(step, self.lines) - 1
            self.x = (numbers[1] if len(numbers) > 1 else 1) - 1
        elif code[-1] in "AB":
            self.y = min(max(self.y + (step if code[-1] == "B" else -step), 0), self.lines - 1)
        elif code[-1] in "CD":
            self.x = max(self.x + (step if code[-1] == "C" else -step), 0)
        elif code[-1] == "r":
            ends = numbers if len(numbers) == 2 else [1, self.lines]
            self.top, self.bottom = max(ends[0], 1) - 1, min(ends[1], self.lines) - 1
            self.y = self.x = 0
        elif code[-1] == "K":
            first, last = (0, self.x + 1) if numbers[0] == 1 else (self.x, self.columns)
            self.cells[self.y][first:last] = [" "] * len(self.cells[self.y][first:last])
        elif code[-1] == "J":
            for y in range(self.y + (self.x > 0), self.lines):
                self.cells[y] = [" "] * self.columns
            if self.x and numbers[0] == 0:
                self.cells[self.y][self.x :] = [" "] * (self.columns - self.x)

    def rows(self):
        return ["".join(line).rstrip() for line in self.cells]

    def shows(self, pattern):
        def there():
            self.look()
            return re.search(pattern, "\n".join(self.rows()), re.MULTILINE)

        require(await_that(there), f"{pattern!r} is not on the screen:\n" + "\n".join(self.rows()))

    def has_ended_without_its_terminal(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid

    def end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def on_terminal(*arguments, **environment):
    """What the command prints on a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(TOOL, [TOOL, *arguments], dict(ENVIRONMENT, **dict({"TERM": "xterm-256color"}, **environment)))
    text = b""
    while select.select([fd], [], [], PATIENCE)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        text += data
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)
    return text.decode()
