#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command stoa, as its users meet it: test_tool.py TOOL TOOL_WORLD [WORDCOUNT]

Its answers on a segment with one of everything (tool_world.c), and on a running example; with processes that are
stopped and killed; with names that mean nothing, and with copies of a segment that are damaged at random; its
screen on a pseudo-terminal.  Speaks TAP.
"""
import contextlib
import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from tool_support import ENVIRONMENT, PATIENCE, TOOL, await_that, is_without_json, parsed, require, run, stoa

WORLD = os.path.abspath(sys.argv[2])
WORDCOUNT = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
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


# ---- the commands, on a segment with one of everything ----


def ls_tells_size_objects_participants_and_owner(world):
    listed = parsed(stoa("ls", "--json"))
    mine = next(s for s in listed if s["name"] == world.name)
    require((mine["objects"], mine["alive"], mine["dead"], mine["error"]) == (10, 2, 0, None), mine)
    require(mine["bytes"] == os.stat(mine["path"]).st_size and mine["mode"] == 0o600, mine)
    answer = stoa("ls", world.name)
    require(answer.status == 0 and answer.out.splitlines()[0].startswith("SEGMENT"), answer)
    require(re.search(rf"^{world.name} +[0-9.]+ KiB +10 +2 +0 ", answer.out, re.MULTILINE), answer)


def ls_lists_the_segments_of_a_directory(world):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(f"/dev/shm/stoa.{world.name}", f"{directory}/copy")
        Path(directory, "text").write_text("no segment")
        listed = parsed(stoa("ls", "--json", directory))
        require([s["path"] for s in listed] == [f"{directory}/copy"], listed)


def stat_tells_of_objects_holders_and_waiters(world):
    jobs = object_of(world.name, "jobs")
    require((jobs["length"], jobs["held"], jobs["sent"], jobs["capacity"]) == (2, 1, 3, 8), jobs)
    require([h["held"] for h in jobs["holders"] if h["role"] == "receiver"] == [1], jobs)
    require(object_of(world.name, "count")["value"] == "-42")
    require(object_of(world.name, "permits")["free"] == 2)
    require([h["role"] for h in object_of(world.name, "lock")["holders"]] == ["owner"])
    if can_look():  # it wakes up for a moment ten times a second
        require(await_that(lambda: [w["pid"] for w in object_of(world.name, "empty")["waiters"]] == [world.child]))
    words = stoa("stat", world.name).out
    for word in ("10 of", "2 of 6 participants", "8 x 40 B, many to many", "2 (25%), 1 held", "one to one"):
        require(word in words, words)
    require("redelivered  0" in stoa("stat", world.name, "jobs").out)


def columns_of_a_table_stand_below_each_other(world):
    lines = stoa("stat", world.name).out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  OBJECT"))
    kind, shape = lines[start].index("KIND"), lines[start].index("SHAPE")
    rows = lines[start + 1 :]
    require(len(rows) == 10 and rows == sorted(rows), lines)
    require(all(row[kind - 1] == " " and row[kind] != " " for row in rows), lines)
    require(all(len(row) <= shape or row[shape - 1] == " " for row in rows), lines)


def peek_shows_what_lies_there_and_leaves_it(world):
    for _ in range(2):
        messages = parsed(stoa("peek", "--format", "json", world.name, "jobs"))
        require([m["size"] for m in messages] == [6, 9] and messages[0]["text"] == "second", messages)
    require(object_of(world.name, "jobs")["length"] == 2)
    require(parsed(stoa("peek", "--json", world.name, "ring"))[0]["text"] == "0123456789abcdef")
    require(parsed(stoa("peek", "--json", world.name, "numbers", "--first", 3)) == [0, -7, 0])
    require(parsed(stoa("peek", "--json", world.name, "count")) == [-42])
    require(stoa("peek", world.name, "state").out == "twelve bytes\n")
    require(stoa("peek", world.name, "state", "--bytes", 6).out == "twelve ... 6 bytes more\n")
    require("30 31 32 33" in stoa("peek", "--format", "hex", world.name, "ring").out)
    require(len(parsed(stoa("peek", "--json", "--first", 1, world.name, "jobs"))) == 1)


def nothing_that_a_terminal_would_obey_comes_through(world):
    require("\x1b" not in stoa("peek", world.name, "jobs").out)
    odd = Path(f"/dev/shm/stoa.{world.name}-\x1b[2J")
    odd.write_text("odd")
    try:
        answer = stoa("ls")
        require("\x1b" not in answer.out and rf"{world.name}-\x1b[2J" in answer.out, answer)
    finally:
        odd.unlink()


def check_finds_it_whole_and_dump_shows_all(world):
    answer = stoa("check", world.name)
    require(answer.status == 0 and answer.out == f"{world.name}: whole\n", answer)
    answer = stoa("dump", world.name)
    require(answer.status == 0 and answer.out.endswith(f"{world.name}: whole\n"), answer)
    for word in ("queue of", "lock of", "[1]  -7", "twelve bytes", "0123456789abcdef"):
        require(word in answer.out, answer)


def a_copy_of_a_stopped_segment_is_checked_and_damage_is_told(world):
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "copy")
        os.kill(world.pid, signal.SIGSTOP)
        shutil.copy(f"/dev/shm/stoa.{world.name}", copy)
        os.kill(world.pid, signal.SIGCONT)
        answer = stoa("check", "copy", cwd=directory)
        require(answer.status == 0 and "whole" in answer.out and "unsettled" in answer.out, answer)
        offset = bytes_of_cells(world.name)
        image = bytearray(copy.read_bytes())
        image[offset] ^= 1  # cell 0 has another block
        copy.write_bytes(image)
        answer = stoa("check", copy)
        require(answer.status == 1 and "jobs: broken: " in answer.out and "two places" in answer.out, answer)
        found = parsed(stoa("check", "--json", copy))[0]
        require(found["verdict"] == "broken" and found["findings"][-1]["object"] == "jobs", found)
        require(stoa("dump", copy).status == 1)


def bytes_of_cells(name):
    """Where the first cell of the queue "jobs" lies in the file."""
    image = Path(f"/dev/shm/stoa.{name}").read_bytes()
    at = next(m.start() for m in re.finditer(re.escape(struct.pack("<QQ", 8, 40)), image))
    object_start = at - 24  # queue_layout.capacity
    return object_start + struct.unpack_from("<Q", image, object_start + 128)[0]


def top_prints_tables_and_lines_of_json(world):
    answer = stoa("top", "--batch", 2, "--interval", 0.1, world.name)
    require(answer.status == 0 and answer.out.count("SEGMENT") == 2, answer)
    before = subprocess.Popen(
        [TOOL, "top", "--once", "--json", "--interval", "1", world.name],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    sent = 0
    while before.poll() is None:
        world.tell("s")
        sent += 1000
    rows = {o["object"]: o for o in json.loads(before.stdout.read())["objects"]}
    require(rows["jobs"]["sent_per_second"] > 0, rows["jobs"])
    require(rows["jobs"]["held"] in (1, 2), rows["jobs"])  # the lease, and what is just being received
    require(rows["lock"]["held_ns"] >= 900e6 and rows["lock"]["holder"].startswith("tool_world"), rows["lock"])


def doctor_names_a_cure_for_whatever_it_finds(world):
    answer = stoa("doctor", "--json")
    findings = parsed(answer)
    require({"library", "RemoveIPC", "open files"} <= {f["about"] for f in findings}, answer)
    require(all(f["cure"] for f in findings if f["level"] != "ok"), answer)
    require(answer.status == any(f["level"] == "wrong" for f in findings), answer)
    answer = stoa("doctor", preexec_fn=lambda: os.system("") or set_files(64))
    require(answer.status == 1 and re.search(r"WRONG +open files", answer.out), answer)


def set_files(count):
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


# ---- what cannot be ----


def usage_is_explained(_):
    require(stoa("--help").status == 0 and "stoa ls" in stoa("--help").out)
    require(re.match(r"stoa \d+\.\d+\.\d+, library ", stoa("--version").out))
    require(stoa().status == 2)
    for command in ("ls", "stat", "top", "peek", "dump", "check", "gc", "doctor"):
        answer = stoa(command, "--help")
        require(answer.status == 0 and answer.out.startswith(f"usage: stoa {command} "), answer)
        require(max(map(len, answer.out.splitlines())) <= 110, answer)
        require(stoa(command, "--no-such-thing").is_refused(2, "there is no such option"))
    for wrong in (
        ["bogus"], ["stat"], ["stat", "a", "b", "c"], ["peek", "a"], ["check"], ["dump"], ["doctor", "a"],
        ["top", "--batch", "0"], ["top", "--batch"], ["top", "--sort", "size"], ["top", "--interval", "x"],
        ["top", "--json"], ["peek", "--first", "-1", "a", "b"], ["peek", "--format", "xml", "a", "b"],
    ):  # fmt: skip
        require(stoa(*wrong).is_refused(2, ""), stoa(*wrong))


def what_is_not_there_is_said_in_one_line(world):
    for command in (["stat"], ["check"], ["dump"], ["peek", "--first", "1"]):
        more = ["jobs"] if command[0] == "peek" else []
        answer = stoa(*command, "nothing-of-that-name", *more)
        require(answer.is_refused(1, "stoa: nothing-of-that-name: there is nothing of that name"), answer)
    require(stoa("ls", "nothing-of-that-name").status == 1)
    require(stoa("stat", world.name, "nothing").is_refused(1, "there is no object of that name in"))
    require(stoa("peek", world.name, "nothing").is_refused(1, "there is no object of that name in"))
    require(stoa("peek", world.name, "lock").is_refused(1, "a lock has nothing in it"))


def what_is_no_segment_is_said_in_one_line(world):
    with tempfile.TemporaryDirectory() as directory:
        image = bytearray(Path(f"/dev/shm/stoa.{world.name}").read_bytes())
        files = {
            "text": (b"this is no segment\n" * 100, "no segment of stoa"),
            "empty": (b"", "cut short"),
            "cut": (bytes(image[:5000]), "cut short"),
            "version": (bytes(image[:12]) + struct.pack("<I", 7) + bytes(image[16:]), "another version"),
            "endian": (bytes(image[:8]) + image[11:7:-1] + bytes(image[12:]), "other words"),
        }
        os.mkfifo(f"{directory}/fifo")
        os.mkdir(f"{directory}/directory")
        for name, (content, _) in files.items():
            Path(directory, name).write_bytes(content)
        files |= {"fifo": (None, "no regular file"), "directory": (None, "no regular file")}
        for name, (_, words) in files.items():
            for command in ("stat", "check", "dump"):
                answer = stoa(command, f"{directory}/{name}")
                require(answer.is_refused(1, words), answer)
        answer = stoa("ls", f"{directory}/version", f"{directory}/text")
        require(answer.status == 1 and "another version" in answer.out and "no segment" in answer.out, answer)


def who_may_not_look_is_told_so(world):
    if os.getuid() != 0:
        return "not root"
    with tempfile.TemporaryDirectory() as directory:
        tool = shutil.copy(TOOL, directory)
        os.chmod(directory, 0o755)
        os.chmod(tool, 0o755)
        libraries = subprocess.run(["ldd", TOOL], capture_output=True, text=True).stdout
        place = re.search(r"(/\S*)/libstoa\.so", libraries)
        environment = dict(ENVIRONMENT)
        if place:
            shutil.copy(re.search(r"/\S*libstoa\.so\S*", libraries).group(), directory)
            environment["LD_LIBRARY_PATH"] = directory
        done = subprocess.run(
            [tool, "ls", world.name], user=65534, group=65534, extra_groups=[], env=environment,
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        require(done.returncode == 1 and "no permission to read it" in done.stdout, done)
    return None


# ---- the stopped, the dead, and what they leave ----


def stopped_processes_hold_up_nobody_and_are_told(world):
    os.kill(world.pid, signal.SIGSTOP)
    try:
        await_that(lambda: "stopped" in stoa("stat", world.name).out)
        people = {p["pid"]: p["state"] for p in stat(world.name)["participants"]}
        require(people[world.pid] == "stopped", people)
        for command in ("check", "dump", "stat", "ls"):
            require(stoa(command, world.name).status == 0, command)
        require(", stopped" in stoa("top", "--once", "--interval", 0.1, world.name).out)
    finally:
        os.kill(world.pid, signal.SIGCONT)


def gc_keeps_what_is_used_and_reaps_its_dead(world):
    os.kill(world.child, signal.SIGKILL)
    await_that(lambda: any(not p["alive"] for p in stat(world.name)["participants"]))
    answer = stoa("gc", world.name)
    require(answer.status == 0 and "would reap 1 dead" in answer.out, answer)
    require(stoa("check", world.name).out.count("unsettled:") == 1)
    answer = stoa("gc", "--yes", world.name)
    require(answer.status == 0 and "reaped 1 dead participant\n" in answer.out, answer)
    require(len(stat(world.name)["participants"]) == 1)
    require("nothing to be done" in stoa("gc", "--yes", world.name).out)


def gc_removes_what_nobody_uses_when_it_is_named(world):
    file = Path(f"/dev/shm/stoa.{world.name}")
    part = Path(f"{file}~s12")
    part.write_text("more of it")
    require("it belongs to" in stoa("gc", world.name).out)
    world.kill()
    listed = {e["name"]: e for e in parsed(stoa("gc", "--json"))}
    require(listed[world.name]["what"] == "keep" and "name it" in listed[world.name]["why"], listed)
    require(listed[f"{world.name}~s12"]["what"] == "keep", listed)
    answer = stoa("gc", world.name)
    require(re.search(r"would remove 2 files, which gives \S+ KiB back", answer.out) and file.exists(), answer)
    held = open(part)
    fcntl.flock(held, fcntl.LOCK_EX)
    answer = stoa("gc", "--yes", f"{world.name}")
    require(answer.status == 1 and "somebody is writing it" in answer.out and part.exists(), answer)
    held.close()
    require(not file.exists())
    listed = {e["name"]: e for e in parsed(stoa("gc", "--json"))}
    require(listed[f"{world.name}~s12"]["what"] == "keep" and "name it" in listed[f"{world.name}~s12"]["why"], listed)
    answer = stoa("gc", "--yes", *[part.name.removeprefix("stoa.")] * 2)
    require(answer.status == 0 and not part.exists(), answer)


def gc_removes_by_itself_what_says_so(_):
    temporary, last = World(f"py-{NAME}"), World(f"{NAME}-last", "last")
    try:
        listed = {e["name"]: e["what"] for e in parsed(stoa("gc", "--json"))}
        require(listed[temporary.name] == listed[last.name] == "keep", listed)
        temporary.kill()
        last.kill()
        listed = {e["name"]: e for e in parsed(stoa("gc", "--json"))}
        for name in (temporary.name, last.name):
            require(listed[name]["what"] == "remove" and listed[name]["bytes"] > 100000, listed[name])
        answer = stoa("gc", "--yes", temporary.name, last.name)
        require(answer.status == 0 and "removed 2 files" in answer.out, answer)
        for name in (temporary.name, last.name):
            require(not Path(f"/dev/shm/stoa.{name}").exists())
    finally:
        temporary.end()
        last.end()


# ---- on a running example ----


def a_running_word_count_is_shown_and_checked(_):
    if not WORDCOUNT:
        return "the examples are not built"
    name = f"{NAME}-words"
    with tempfile.TemporaryDirectory() as directory:
        text = Path(directory, "text")
        text.write_text("the quick brown fox jumps over the lazy dog\n" * 20000)
        with subprocess.Popen(
            [WORDCOUNT, "--quiet", "--no-wc", "--chunk", "64", "--workers", "3", "--segment", name]
            + [str(text)] * 300,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            start_new_session=True,
        ) as process:
            try:
                require(await_that(lambda: Path(f"/dev/shm/stoa.{name}").exists() or process.poll() is not None))
                require(await_that(lambda: stoa("ls", name).status or len(stat(name)["participants"]) == 6))
                for _ in range(10):
                    answer = stoa("check", name)
                    require(answer.status == 0 and "broken" not in answer.out, answer)
                    answer = stoa("stat", name)
                    require(answer.status == 0 and "chunks" in answer.out, answer)
                    require(stoa("peek", "--json", name, "chunks").status == 0)
                victim = stat(name)["participants"][-1]["pid"]
                os.kill(victim, signal.SIGKILL)
                answer = stoa("check", name)
                require(answer.status == 0 and "broken" not in answer.out, answer)
                require("chunks" in stoa("top", "--once", "--interval", 0.1, name).out)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                Path(f"/dev/shm/stoa.{name}").unlink(missing_ok=True)
    return None


# ---- damage ----


def damage(image, chance):
    """A few words near the header, the directory or the objects become others."""
    for _ in range(chance.choice((1, 1, 3, 10, 100))):
        at = chance.randrange(len(image) // 8) * 8
        if chance.random() < 0.6:  # where words are that mean something
            at = chance.choice((chance.randrange(0, 192), chance.randrange(192, 4096), at)) & ~7
            used = [i for i in range(at, min(at + 4096, len(image)), 8) if any(image[i : i + 8])]
            at = chance.choice(used) if used else at
        old = struct.unpack_from("<Q", image, at)[0]
        new = chance.choice((
            0, 2**64 - 1, old + 1, old - 1, old ^ 1 << chance.randrange(64), chance.randrange(2**64),
            chance.randrange(100), old & ~0xffffff | chance.randrange(200),
        ))  # fmt: skip
        struct.pack_into("<Q", image, at, new % 2**64)


def random_damage_is_survived(world):
    os.kill(world.pid, signal.SIGSTOP)
    good = Path(f"/dev/shm/stoa.{world.name}").read_bytes()
    os.kill(world.pid, signal.SIGCONT)
    seed = int(os.environ.get("SEED", "1"))
    runs, first = int(os.environ.get("RUNS", "60")), int(os.environ.get("FIRST", "0"))
    commands = (
        ["ls"], ["stat"], ["check"], ["dump"], ["top", "--once", "--interval", "0.05"],
        ["peek", "jobs"], ["peek", "ring"], ["peek", "state"], ["peek", "numbers"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        copy = f"{directory}/copy"
        for run in range(first, first + runs):
            image = bytearray(good)
            damage(image, random.Random(seed * 1000003 + run))
            Path(copy).write_bytes(image)
            for command, *more in commands:
                options, operands = (more, []) if command == "top" else ([], more)
                answer = stoa(command, *options, copy, *operands)
                require(answer.status in (0, 1), f"SEED={seed} FIRST={run} RUNS=1: {answer}")
                require("\x1b" not in answer.out and "Sanitizer" not in answer.err, answer)


# ---- the screen ----


class Screen:
    """stoa top on a pseudo-terminal, and what stands there: enough of a vt100 for that."""

    def __init__(self, lines, columns, *arguments):
        self.lines, self.columns = lines, columns
        self.clear()
        self.rest = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(TOOL, [TOOL, *arguments], dict(ENVIRONMENT, TERM="vt100"))
        self.resize(lines, columns)
        self.status = None

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.lines)]
        self.top, self.bottom = 0, self.lines - 1  # of what scrolls
        self.y = self.x = 0

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

    def end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


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
        screen.shows("by name.*PAUSED")
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


def on_terminal(*arguments, **environment):
    """What the command prints on a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(TOOL, [TOOL, *arguments], dict(ENVIRONMENT, TERM="xterm-256color", **environment))
    text = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        text += data
    os.waitpid(pid, 0)
    os.close(fd)
    return text.decode()


def colours_are_for_terminals_that_want_them(world):
    require("\x1b[" in on_terminal("ls", world.name))
    require("\x1b[" not in on_terminal("ls", world.name, NO_COLOR="1"))
    require("\x1b[" not in stoa("ls", world.name).out)


# ---- all of them ----

TESTS = [
    ls_tells_size_objects_participants_and_owner,
    ls_lists_the_segments_of_a_directory,
    stat_tells_of_objects_holders_and_waiters,
    columns_of_a_table_stand_below_each_other,
    peek_shows_what_lies_there_and_leaves_it,
    nothing_that_a_terminal_would_obey_comes_through,
    check_finds_it_whole_and_dump_shows_all,
    a_copy_of_a_stopped_segment_is_checked_and_damage_is_told,
    usage_is_explained,
    what_is_not_there_is_said_in_one_line,
    what_is_no_segment_is_said_in_one_line,
    who_may_not_look_is_told_so,
    stopped_processes_hold_up_nobody_and_are_told,
    random_damage_is_survived,
    top_is_used_by_its_keys,
    colours_are_for_terminals_that_want_them,
    top_prints_tables_and_lines_of_json,
    doctor_names_a_cure_for_whatever_it_finds,
    a_running_word_count_is_shown_and_checked,
    gc_keeps_what_is_used_and_reaps_its_dead,
    gc_removes_what_nobody_uses_when_it_is_named,
    gc_removes_by_itself_what_says_so,
]


def main():
    if is_without_json():
        return 0
    world = World(NAME)
    try:
        return run(TESTS, lambda number: contextlib.nullcontext(world))
    finally:
        world.end()


if __name__ == "__main__":
    sys.exit(main())
