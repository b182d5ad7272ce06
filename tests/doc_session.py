# SPDX-License-Identifier: BSD-2-Clause
"""A document as somebody follows it: its files are saved, its commands typed, its answers compared."""
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from doc_blocks import names
from doc_terminal import PATIENCE, Terminal

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
NUMBER = re.compile(r"\d[\d,.]*")
KILL = re.compile(r"(?<![\w-])(?:kill|pkill|killall)\b([^;|&\n]*)")


def install(build, compilers, home):
    """What `make install PREFIX=$HOME/.local` would put there, but Python's; and cc and c++ are the build's."""
    local = home / ".local"
    introspect = ["meson", "introspect", str(build), "--installed", "--buildoptions"]
    told = json.loads(subprocess.run(introspect, capture_output=True, check=True).stdout)
    options = {option["name"]: option["value"] for option in told["buildoptions"]}
    for source, target in told["installed"].items():
        target = os.path.relpath(target, options["prefix"])
        target = re.sub(rf"^{re.escape(options['libdir'])}/", "lib/", target)
        source = build / source  # links are told by their names alone
        if "python" not in target and source.is_file():
            (local / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, local / target, follow_symlinks=False)
    described = local / "lib/pkgconfig/stoa.pc"
    text = re.sub(r"^prefix=.*", f"prefix={local}", described.read_text(), flags=re.MULTILINE)
    described.write_text(text.replace(options["libdir"], "lib"))
    (home / "bin").mkdir()
    for name, command in compilers.items():
        wrapper = home / "bin" / name
        wrapper.write_text("#!/bin/sh\nexec " + " ".join(command) + ' "$@"\n')
        wrapper.chmod(0o755)
    return dict(
        os.environ,
        HOME=str(home),
        PATH=f"{home}/bin:{local}/bin:{os.environ['PATH']}",
        LD_LIBRARY_PATH=f"{local}/lib",
        PKG_CONFIG_PATH=f"{local}/lib/pkgconfig",
        LC_ALL="C.UTF-8",
        TERM="dumb",
        NO_COLOR="1",
    )


class Skip(Exception):
    pass


class Session:
    def __init__(self, path, root, environment, compilers, home):
        self.root, self.environment, self.compilers = Path(root), environment, compilers
        self.directory = Path(home) / Path(path).stem
        self.directory.mkdir()
        own = f"test-{os.getpid()}-{secrets.token_hex(2)}"
        self.names = {name: f"{own}-{name}" for name in names(Path(path).read_text())}
        self.patience = PATIENCE
        self.terminals, self.numbers, self.not_tried, self.typed = {}, {}, set(), ""

    def close(self):
        for terminal in self.terminals.values():
            terminal.close()
        for name in self.names.values():
            for left in Path("/dev/shm").glob(f"*{name}*"):
                left.unlink()

    def lose_patience(self):
        """Something has failed, so what builds on it may wait for ever."""
        self.patience = 5
        for terminal in self.terminals.values():
            terminal.patience = self.patience

    # ---- names ----

    def own(self, text):
        for name, own in self.names.items():
            text = re.sub(rf"(?<![\w.<-]){re.escape(name)}(?![\w(])", own, text)
        return text

    def shown(self, line):
        for name, own in self.names.items():
            line = line.replace(own, name)
        return line

    # ---- files and programs ----

    def compile(self, source, language, *more):
        compiler = self.compilers["c++" if language == "cpp" else "cc"]
        standard = "-std=c++17" if language == "cpp" else "-std=gnu11"
        command = [*compiler, standard, *WARNINGS, f"-I{self.root}/include", *more, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.directory)
        assert not done.returncode, done.stderr

    def need(self, block):
        """Skips what needs a compiler, a header or a file that is not here."""

        def skip(reason):
            self.not_tried.update(block.listed("file"))
            raise Skip(reason)

        if block.language == "cpp" and "c++" not in self.compilers:
            skip("no C++ compiler")
        for what in block.listed("needs"):
            if what in self.not_tried:
                skip(f"{what} was not tried")
            if not what.endswith((".h", ".hpp")):
                continue
            compiler = self.compilers["c++" if what.endswith(".hpp") else "cc"]
            command = [*compiler, "-fsyntax-only", "-x", "c++" if what.endswith(".hpp") else "c", "-"]
            given = f"#include <{what}>\n"
            if subprocess.run(command, input=given, capture_output=True, text=True).returncode:
                skip(f"{what} is not here")

    def source(self, block):
        """A block of C or C++: a file, or statements."""
        name = block.said.get("file")
        if name:
            (self.directory / name).write_text(self.own(block.text))
            if name.endswith((".h", ".hpp")):
                return "is saved"
            self.compile(name, block.language, "-fsyntax-only")
            return "compiles"
        assert "main(" not in block.text, "a program needs a name: <!-- file: NAME -->"
        snippet = self.directory / f"snippet.{'cc' if block.language == 'cpp' else 'c'}"
        given = block.said.get("given", "")
        snippet.write_text(f"#include <stoa.h>\nvoid f(void);\nvoid f(void)\n{{\n{given}\n{block.text}}}\n")
        self.compile(snippet.name, block.language, "-fsyntax-only", "-Wno-unused", "-Wno-unused-parameter")
        return "compiles"

    def part(self, block):
        """A part of a file of the tree, whatever its indentation."""

        def bare(text):
            return "\n".join(line.strip() for line in text.strip().splitlines())

        path = self.root / block.said["part of"]
        assert path.is_file(), f"there is no {path}"
        assert bare(block.text) in bare(path.read_text()), f"not so in {path}"
        return f"is part of {block.said['part of']}"

    # ---- commands ----

    def terminal(self, name):
        if name not in self.terminals:
            self.terminals[name] = Terminal(self.environment, self.directory)
            self.terminals[name].patience = self.patience
        return self.terminals[name]

    def run(self, block):
        steps = [[None, []]]
        for line in block.lines:
            if block.language == "sh":
                line = "$ " + line if not steps[-1][0] or not steps[-1][0].endswith("\\") else "> " + line
            if line.startswith("$ "):
                steps.append([line[2:], []])
            elif line.startswith("> ") and steps[-1][0] and not steps[-1][1]:
                steps[-1][0] += "\n" + line[2:]
            else:
                steps[-1][1].append(line)
        terminal = self.terminal(block.said.get("terminal", ""))
        self.numbers.update((word, None) for word in block.listed("varies") if word not in self.numbers)
        goes_on = "goes on" in block.said
        for number, (command, expected) in enumerate(steps):
            if command is None and not expected:
                continue
            last_goes_on = goes_on and number == len(steps) - 1
            end = time.monotonic() + self.patience
            while not self.step(block, terminal, command, expected, last_goes_on, time.monotonic() > end):
                time.sleep(0.1)
        return "runs, and prints this" if block.language == "console" else "runs"

    def step(self, block, terminal, command, expected, goes_on, must):
        """Types a command, if there is one, and compares.  False: not yet, and it may be tried again."""
        if command is not None:
            assert not terminal.running, "the command before has not ended"
            self.typed += command + "\n"
            terminal.type(self.own(self.meant(command)))
        assert terminal.running, "nothing runs that could print this"
        printed, status = (terminal.some(len(expected)), 0) if goes_on else terminal.rest()
        printed = [self.shown(line) for line in printed]
        about = "\n".join([f"$ {command}"] * bool(command) + printed)
        if "Function not implemented" in about:
            raise Skip("not with this kernel")
        if block.language != "sh" and not self.same(block, expected, printed):
            if "until so" in block.said and not must:
                return False
            raise AssertionError(f"{about}\n---- but it shows\n" + "\n".join(expected))
        assert not status or expected or command is None, f"{about}\nstatus {status}"
        return True

    def meant(self, command):
        """With the numbers that were printed here.  One that was not may be anybody's: kill -9 4711."""

        def printed(word):
            assert self.numbers[word[0]], f"nothing was printed where {word[0]} is shown"
            return self.numbers[word[0]]

        if self.numbers:
            command = re.sub(rf"\b({'|'.join(self.numbers)})\b", printed, command)
        for words in KILL.findall(command):
            others = [word for word in words.split() if word[0] not in "-%$" and word not in self.numbers.values()]
            assert not others, f"{others[0]} was not printed here: it may be anybody's"
        return command

    def same(self, block, expected, printed):
        if "loosely" in block.said:
            text = " ".join(printed)
            return all(word in text for line in expected for word in re.findall(r"[^\W\d_]{2,}", line))
        patterns = [self.pattern(block, line) for line in expected]
        return self.match(patterns, [self.plain(block, line) for line in printed])

    def plain(self, block, line):
        if "numbers vary" in block.said:
            line = re.sub(r"\s+", " ", NUMBER.sub("0", line)).strip()
        return line.rstrip()

    def pattern(self, block, line):
        if line.strip() == "...":
            return None
        line = re.escape(self.plain(block, line))
        for word, number in self.numbers.items():
            line = re.sub(rf"\b{word}\b", number or rf"(?P<number_{word}>\\d+)", line, count=1)
        return re.compile(line + r"\s*$")

    def match(self, patterns, lines):
        if not patterns:
            return not lines
        if patterns[0] is None:
            return any(self.match(patterns[1:], lines[i:]) for i in range(len(lines) + 1))
        found = lines and patterns[0].match(lines[0])
        if not found or not self.match(patterns[1:], lines[1:]):
            return False
        self.numbers.update((group.removeprefix("number_"), number) for group, number in found.groupdict().items())
        return True
