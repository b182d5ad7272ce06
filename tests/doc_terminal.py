# SPDX-License-Identifier: BSD-2-Clause
"""A shell whose commands and answers are those of a document: a terminal, as far as programs can tell."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

END = "@@ended"  # behind each command: its number, and its status
PATIENCE = 300  # seconds, for what comes if all is well
# What a shell that reads a script says of a killed program, where one that a user talks to says the signal alone.
KILLED = re.compile(r"^\S*bash: line \d+:\s+\d+ (Killed|Terminated)\b.*$")


class Terminal:
    patience = PATIENCE

    def __init__(self, environment, directory):
        mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
        settings = termios.tcgetattr(its)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(its, termios.TCSANOW, settings)
        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=its,
            stderr=its,
            env=environment,
            cwd=directory,
            text=True,
            start_new_session=True,
        )
        os.close(its)
        self.lines, self.next, self.commands, self.running = [], 0, 0, False
        self.news = threading.Condition()
        threading.Thread(target=self.listen, args=(mine,), daemon=True).start()

    def listen(self, source):
        with os.fdopen(source, "rb", buffering=0) as output:
            rest = b""
            while True:
                try:
                    more = output.read(65536)
                except OSError:  # the last one at the other side has gone
                    more = b""
                *whole, rest = (rest + more).split(b"\n")
                with self.news:
                    for line in whole:
                        self.lines.append(KILLED.sub(r"\1", line.decode(errors="replace").rstrip()))
                    if not more:
                        self.lines.append(f"{END} for ever")
                    self.news.notify_all()
                if not more:
                    return

    def type(self, command):
        self.commands += 1
        self.running = True
        self.shell.stdin.write(f"{{\n{command}\n}} </dev/null\nprintf '\\n{END} %d %d\\n' {self.commands} $?\n")
        self.shell.stdin.flush()

    def await_that(self, condition):
        end = time.monotonic() + self.patience
        with self.news:
            while not condition():
                if not self.news.wait(end - time.monotonic()) and time.monotonic() > end:
                    raise AssertionError("it does not come: after\n" + "\n".join(self.lines[self.next :]))

    def ended(self):
        return next((i for i in range(self.next, len(self.lines)) if self.lines[i].startswith(END)), None)

    def rest(self):
        """What the command still printed until it ended, and its status."""
        self.await_that(lambda: self.ended() is not None)
        end = self.ended()
        printed, words = self.lines[self.next : end], self.lines[end].split()
        if words[-1] == "ever":
            raise AssertionError("the shell has ended: " + "\n".join(printed))
        self.next, self.running = end + 1, False
        if printed and not printed[-1]:  # the line break before the end's own line
            printed.pop()
        return printed, int(words[2])

    def some(self, count):
        """The next lines of a command that goes on."""
        self.await_that(lambda: len(self.lines) - self.next >= count or self.ended() is not None)
        printed = self.lines[self.next : self.next + count]
        self.next += len(printed)
        return printed

    def close(self):
        """Ends the shell and all that it started."""
        self.shell.stdin.close()
        try:
            os.killpg(self.shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.shell.wait()
