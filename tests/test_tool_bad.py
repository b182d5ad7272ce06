#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command stoa, where things are not as they should be: test_tool_bad.py TOOL TOOL_WORLD CUTTER BARE

Names that mean nothing, files that are no segments, or are cut while they are looked at (CUTTER: tool_cutter.c),
copies that are damaged at random; no rights, no room, no stdout; letters that a terminal would obey; machines that
stoa doctor warns of.  Speaks TAP.
"""
import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tool_looked import NAME, main
from tool_support import ENVIRONMENT, PATIENCE, TOOL, Answer, parsed, require, stoa

CUTTER, BARE = (os.path.abspath(path) for path in sys.argv[3:5])
NOBODY = 65534

# ---- what cannot be ----


def usage_is_explained(_):
    require(stoa("--help").status == 0 and "stoa ls" in stoa("--help").out)
    require(re.match(r"stoa \d+\.\d+\.\d+, library ", stoa("--version").out))
    require(stoa("help").out == stoa("-h").out == stoa("--help").out)
    require(stoa("help", "bogus").is_refused(2, "stoa: bogus: there is no such command"))
    require(stoa().is_refused(2, "usage: stoa COMMAND"))
    for command in (
        "ls", "stat", "top", "peek", "dump", "check", "gc", "doctor", "create", "rm", "get", "set", "add", "watch",
        "send", "recv", "run",
    ):  # fmt: skip
        answer = stoa(command, "--help")
        require(answer.status == 0 and answer.out.startswith(f"usage: stoa {command} "), answer)
        require(stoa(command, "-h").out == stoa("help", command).out == answer.out)
        require(max(map(len, answer.out.splitlines())) <= 110, answer)
        require(stoa(command, "--no-such-thing").is_refused(2, "there is no such option"))
    for wrong in (
        ["bogus"], ["stat"], ["stat", "a", "b", "c"], ["peek", "a"], ["check"], ["dump"], ["doctor", "a"],
        ["top", "--batch", "0"], ["top", "--batch"], ["top", "--sort", "size"], ["top", "--interval", "x"],
        ["top", "--json"], ["top", "--once", "--batch", "2"], ["dump", "--hex", "--json", "a"], ["get", "--raw", "--json", "a", "b"],
        ["peek", "--first", "-1", "a", "b"], ["peek", "--format", "xml", "a", "b"],
    ):  # fmt: skip
        require(stoa(*wrong).is_refused(2, ""), stoa(*wrong))


def what_is_not_there_is_said_in_one_line(world):
    for command in (["stat"], ["check"], ["dump"], ["peek", "--first", "1"]):
        more = ["jobs"] if command[0] == "peek" else []
        answer = stoa(*command, "nothing-of-that-name", *more)
        require(answer.is_refused(1, "stoa: nothing-of-that-name: there is nothing of that name"), answer)
    for command in (["ls"], ["gc"], ["gc", "--yes"], ["top", "--once"], ["top", "--batch", "2"]):
        answer = stoa(*command, "nothing-of-that-name")
        require(answer.is_refused(1, "stoa: nothing-of-that-name: there is nothing of that name"), answer)
    for command in ("ls", "gc"):
        answer = stoa(command, "nothing-of-that-name", world.name)
        require(answer.status == 1 and answer.err.count("\n") == 1, answer)
        require(world.name in answer.out and "nothing-of-that-name" not in answer.out, answer)
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
        require("another version" in answer.err and "no segment" in answer.err, answer)


def what_was_left_out_when_it_was_built_is_said(world):
    for command in (
        ["ls"], ["stat", world.name], ["check", world.name], ["dump", world.name], ["peek", world.name, "jobs"], ["gc"],
        ["top", "--once"], ["doctor"], ["get", world.name, "count"],
    ):  # fmt: skip
        answer = Answer([*command, "--json"], tool=BARE)
        require(answer.is_refused(1, "built without jansson"), answer)
    require(Answer(["peek", "--format", "json", world.name, "jobs"], tool=BARE).is_refused(1, "built without jansson"))
    require(Answer(["top"], tool=BARE).is_refused(1, "built without ncurses"))
    for command in (["stat", world.name], ["top", "--once", "--interval", "0.05"], ["dump", world.name]):
        require(Answer(command, tool=BARE).status == 0, command)


def as_nobody(directory, *arguments):
    """The command, where another user may run it."""
    tool = shutil.copy(TOOL, directory)
    os.chmod(directory, 0o755)
    os.chmod(tool, 0o755)
    libraries = subprocess.run(["ldd", TOOL], capture_output=True, text=True).stdout
    environment = dict(ENVIRONMENT)
    if re.search(r"(/\S*)/libstoa\.so", libraries):
        shutil.copy(re.search(r"/\S*libstoa\.so\S*", libraries).group(), directory)
        environment["LD_LIBRARY_PATH"] = directory
    return Answer(arguments, tool=tool, environment=environment, user=NOBODY, group=NOBODY, extra_groups=[])


def who_may_not_look_is_told_so(world):
    if os.getuid() != 0:
        return "not root"
    with tempfile.TemporaryDirectory() as directory:
        answer = as_nobody(directory, "ls", world.name)
        require(answer.status == 1 and "no permission to read it" in answer.out, answer)
    return None


def who_may_only_read_is_told_what_he_cannot_see(world):
    if os.getuid() != 0:
        return "not root"
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(f"/dev/shm/stoa.{world.name}", 0o644)
        try:
            answer = as_nobody(directory, "stat", world.name)
            require(answer.status == 0 and re.search(r"empty +queue.* perhaps$", answer.out, re.MULTILINE), answer)
            answer = as_nobody(directory, "gc", "--yes", world.name)
            require(answer.status == 0 and "2 use it" in answer.out, answer)
        finally:
            os.chmod(f"/dev/shm/stoa.{world.name}", 0o600)
        hidden = Path(directory, "hidden")
        hidden.mkdir(0o700)
        require("no permission" in as_nobody(directory, "ls", f"{hidden}/").err)
        require(as_nobody(directory, "ls", f"{hidden}/").status == 1)
    return None


IN_OPEN = 0x20
LIBC = ctypes.CDLL(None, use_errno=True)


class Opened:
    """Counts how often files are opened, by inotify."""

    def __init__(self, *paths):
        self.fd = LIBC.inotify_init1(os.O_NONBLOCK)
        for path in paths:
            assert LIBC.inotify_add_watch(self.fd, str(path).encode(), IN_OPEN) >= 0

    def any(self):
        try:
            return bool(os.read(self.fd, 4096))
        except BlockingIOError:
            return False

    def close(self):
        os.close(self.fd)


def ls_opens_nothing_that_is_no_file(world):
    with tempfile.TemporaryDirectory() as directory:
        odd = [Path(directory, "fifo")]
        os.mkfifo(odd[0])
        Path(directory, "link").symlink_to(f"/dev/shm/stoa.{world.name}")
        Path(directory, "nowhere").symlink_to("nothing")
        Path(directory, "directory").mkdir()
        if os.getuid() == 0:
            with contextlib.suppress(OSError):
                os.mknod(f"{directory}/device", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
                odd.append(Path(directory, "device"))
        with contextlib.closing(Opened(*odd)) as opened:
            listed = parsed(stoa("ls", "--json", f"{directory}/"))
            require([s["path"] for s in listed] == [f"{directory}/link"], listed)
            for path in (*odd, f"{directory}/directory"):
                for command in (["stat"], ["dump"], ["check"], ["peek"]):
                    more = ["jobs"] if command == ["peek"] else []
                    require(stoa(*command, path, *more).is_refused(1, "no regular file"), path)
            require(not opened.any(), "it was opened")
        require(stoa("stat", f"{directory}/nowhere").is_refused(1, "there is nothing of that name"))


# ---- what a terminal would obey ----


def nothing_that_a_terminal_would_obey_comes_through(world):
    require("\x1b" not in stoa("peek", world.name, "jobs").out)
    odd = Path(f"/dev/shm/stoa.{world.name}-\x1b[2J")
    odd.write_text("odd")
    try:
        answer = stoa("ls")
        require("\x1b" not in answer.out and rf"{world.name}-\x1b[2J" in answer.out, answer)
    finally:
        odd.unlink()


ODD = "odd\x1b[2J\u202e\u00e9\u6f22"


def names_that_a_terminal_would_obey_are_shown_as_bytes(_):
    segment = f"{NAME}-{ODD}"
    path, part = Path(f"/dev/shm/stoa.{segment}"), Path(f"/dev/shm/stoa.{segment}~1")
    try:
        require(stoa("create", segment, "queue", ODD, "--capacity", 4).status == 0)
        require(stoa("send", segment, ODD, given=ODD).status == 0)
        part.write_text("a part")
        for command in (
            ["ls"], ["ls", "/dev/shm/"], ["stat", segment], ["stat", segment, ODD], ["check", segment], ["dump", segment],
            ["peek", segment, ODD], ["gc"], ["gc", segment], ["gc", f"{segment}~1"], ["doctor"],
            ["top", "--once", "--interval", "0.05"], ["stat", f"{segment}-no"], ["stat", segment, f"{ODD}-no"],
            ["peek", f"{segment}-no", ODD], ["dump", str(path)], ["stat", str(path)], [ODD], ["ls", f"--{ODD}"],
            ["top", "--sort", ODD], ["top", "--batch", ODD], ["ls", f"/{ODD}/"], ["check", "--json", segment],
            ["dump", "--json", segment], ["stat", "--json", segment], ["gc", "--json"], ["ls", "--json"],
            ["top", "--once", "--json", "--interval", "0.05"], ["peek", "--json", segment, ODD], ["doctor", "--json"],
        ):  # fmt: skip
            answer = stoa(*command)
            require("\x1b" not in answer.out + answer.err and "\u202e" not in answer.out + answer.err, answer)
        require("\u00e9\u6f22" in stoa("ls", segment).out)
        require(stoa("peek", segment, ODD).out.endswith("odd\\x1b[2J\\xe2\\x80\\xae\u00e9\u6f22\n"))
        dumped = parsed(stoa("dump", "--json", segment))
        require((dumped["name"], dumped["objects"][0]["name"]) == (segment, ODD), dumped)
        plain = Answer(["ls", segment], environment=dict(ENVIRONMENT, LC_ALL="C"))
        require(plain.out.isascii() and r"\xc3\xa9" in plain.out, plain)
        require(segment in [s["name"] for s in json.loads(Answer(["ls", "--json"], environment=dict(ENVIRONMENT, LC_ALL="C")).out)])
    finally:
        path.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def numbers_of_any_size_are_exact_in_json(_):
    name, largest = f"{NAME}-large", 2**64 - 1
    try:
        for value in (largest, 2**63, 2**63 - 1):
            stoa("create", name, "value", "large", "--type", "u64")
            require(stoa("set", name, "large", value).status == 0)
            require(stoa("peek", "--json", name, "large").out.split() == ["[", str(value), "]"])
            require(parsed(stoa("dump", "--json", name))["objects"][0]["content"] == [value])
    finally:
        stoa("rm", "--force", name)


# ---- what is printed, and cannot be ----


def who_cannot_print_fails(world):
    with open("/dev/full", "w") as full:
        for command in (
            ["ls"], ["ls", "--json"], ["stat", world.name], ["check", world.name], ["dump", world.name], ["gc"], ["doctor"],
            ["peek", world.name, "jobs"], ["--help"], ["--version"], ["ls", "--help"],
            ["top", "--batch", "1000000", "--interval", "0.05"],
        ):  # fmt: skip
            for how in (dict(stdout=full), dict(preexec_fn=lambda: os.close(1))):
                done = subprocess.run(
                    [TOOL, *command], env=ENVIRONMENT, stderr=subprocess.PIPE, timeout=PATIENCE, **how
                )
                require(done.returncode == 1 and done.stderr.startswith(b"stoa: output: "), (command, done))


def what_is_printed_to_a_closed_stdout_goes_into_no_segment(_):
    name = f"{NAME}-closed"
    require(stoa("create", name, "queue", "lines", "--capacity", 4).status == 0)
    try:
        require(stoa("send", name, "lines", given="a\nb\n").status == 0)
        for command in (["recv", "--count", "1", name, "lines"], ["stat", name], ["peek", name, "lines"]):
            done = subprocess.run([TOOL, *command], env=ENVIRONMENT, timeout=PATIENCE, preexec_fn=lambda: os.closerange(0, 3))
            require(done.returncode == 1, (command, done))
        require(stoa("check", name).out.endswith(": whole\n"), stoa("check", name))
        require(stoa("recv", "--count", 2, name, "lines").out == "a\nb\n")
    finally:
        Path(f"/dev/shm/stoa.{name}").unlink()


def a_reader_that_has_gone_is_no_news(world):
    for command in ("ls", "dump", "stat"):
        done = subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$0" {command} "$1" | head -1 >/dev/null', TOOL, world.name],
            env=ENVIRONMENT, capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        require(done.returncode in (0, 128 + signal.SIGPIPE) and not done.stderr, done)


# ---- what changes while it is looked at ----


def cut_at(size, *command, **more):
    """The command, under which a file is cut as soon as it has mapped it."""
    preload = " ".join(filter(None, (CUTTER, os.environ.get("LD_PRELOAD"))))
    more |= {
        "LD_PRELOAD": preload,
        "CUT_AT": str(size),
        "ASAN_OPTIONS": ENVIRONMENT["ASAN_OPTIONS"] + ":verify_asan_link_order=0",
    }
    return Answer(command, environment=dict(ENVIRONMENT, **more))


def gc_removes_no_name_where_it_could_not_see(world):
    image = Path(f"/dev/shm/stoa.{world.name}").read_bytes()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        copy = Path(directory, "copy")
        for size in (0, 4096):
            copy.write_bytes(image)
            answer = cut_at(size, "gc", "--yes", copy, CUT_WRITERS="1")
            require(copy.exists() and copy.stat().st_size == size, "nothing was cut, or it was removed")
            require(answer.status == 1, answer)


def a_file_that_is_cut_under_it_ends_with_a_word(world):
    image = Path(f"/dev/shm/stoa.{world.name}").read_bytes()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        copy = Path(directory, "copy")
        for size in (0, 4096, 8192, 40960, 65536):
            for command in (["ls"], ["stat"], ["check"], ["dump"], ["gc"], ["peek"]):
                copy.write_bytes(image)
                answer = cut_at(size, *command, copy, *(["jobs"] if command == ["peek"] else []))
                require(copy.stat().st_size == size, "nothing was cut")
                missed = size > 4096 and command[0] not in ("check", "dump") and answer.status == 0
                told = answer.status == 1 and "cut short" in answer.out + answer.err
                require(told or missed, (size, str(answer)))  # missed: it needed nothing of what was cut
            copy.write_bytes(image)
            answer = cut_at(size, "top", "--once", "--interval", "0.05", copy)
            shown = answer.status == 0 and "cut short" in answer.out  # the first look needed nothing of what was cut
            require(shown or answer.is_refused(1, "cut short"), (size, str(answer)))
    answer = parsed(stoa("check", "--json", f"{world.name}-no", world.name))
    require([a["error"] is None for a in answer] == [False, True], answer)


def who_looks_writes_nothing(world):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        copy = Path(directory, "copy")
        shutil.copy(f"/dev/shm/stoa.{world.name}", copy)
        before = (copy.read_bytes(), copy.stat().st_mtime_ns, copy.stat().st_ctime_ns)
        for command in LOOKS:
            stoa(*[copy if word == "COPY" else word for word in command])
        require((copy.read_bytes(), copy.stat().st_mtime_ns, copy.stat().st_ctime_ns) == before)


# ---- machines ----


def elsewhere(mount, *arguments):
    """The command, where /dev/shm is mounted with these options; None where that is not allowed."""
    script = 'mount -t tmpfs -o "$0" tmpfs /dev/shm && exec "$@"'
    if subprocess.run(["unshare", "-m", "sh", "-c", script, mount, "true"], capture_output=True).returncode:
        return None
    return Answer(["-m", "sh", "-c", script, mount, TOOL, *arguments], tool=shutil.which("unshare"))


def doctor_warns_of_a_dev_shm_that_does_not_do(_):
    if elsewhere("mode=1777", "ls") is None:
        return "nothing can be mounted here"
    for mount, words in (
        ("mode=1777,size=64m", "it has 64.0 MiB, as containers do"),
        ("mode=1777,size=4m", "only 4.0 MiB of 4.0 MiB are free"),
        ("mode=1777,nr_inodes=20", "more files can be made"),
        ("mode=0777", "no sticky bit"),
    ):
        answer = elsewhere(mount, "doctor")
        require(answer.status == 1 and re.search(rf"^WRONG +/dev/shm .*{words}", answer.out, re.MULTILINE), answer)
        found = json.loads(elsewhere(mount, "doctor", "--json").out)
        require([f["cure"] is not None for f in found if f["about"] == "/dev/shm"] == [True], found)
    return None


def an_empty_dev_shm_is_no_failure(_):
    if elsewhere("mode=1777", "ls") is None:
        return "nothing can be mounted here"
    for command in ("ls", "gc", "top"):
        more = ["--once", "--interval", "0.05"] if command == "top" else []
        require(elsewhere("mode=1777", command, *more).status == 0, command)
        found = json.loads(elsewhere("mode=1777", command, "--json", *more).out)
        require((found["objects"] if command == "top" else found) == [], found)
    require(elsewhere("mode=1777", "ls").out == "")
    return None


def doctor_tells_of_processes_of_several_pid_namespaces(world):
    unshare = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        return "there are no PID namespaces here"
    command = [*unshare, TOOL, "recv", "--count", "1", world.name, "empty"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as other:
        try:
            while len(parsed(stoa("stat", "--json", world.name))["participants"]) < 3:
                require(other.poll() is None, "it does not join")
            answer = stoa("doctor")
            require(re.search(rf"^note +{world.name} .*several PID namespaces", answer.out, re.MULTILINE), answer)
            require("of another PID namespace" in stoa("stat", world.name).out)
        finally:
            other.kill()
    return None


def doctor_tells_which_segments_cannot_be_used(world):
    image = Path(f"/dev/shm/stoa.{world.name}").read_bytes()
    other, text = Path(f"/dev/shm/stoa.{world.name}-other"), Path(f"/dev/shm/stoa.{world.name}-text")
    try:
        other.write_bytes(image[:12] + struct.pack("<I", 7) + image[16:])
        text.write_text("no segment")
        os.chmod(f"/dev/shm/stoa.{world.name}", 0o666)
        answer = stoa("doctor")
        require(answer.status == 1, answer)
        for level, which, words in (
            ("WRONG", other, "another version"), ("WRONG", text, "no segment"),
            ("note", Path(f"stoa.{world.name}"), "anybody may write it"),
        ):  # fmt: skip
            require(re.search(rf"^{level} +{which.name[5:]} +.*{words}", answer.out, re.MULTILINE), answer)
    finally:
        os.chmod(f"/dev/shm/stoa.{world.name}", 0o600)
        other.unlink(missing_ok=True)
        text.unlink(missing_ok=True)


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


LOOKS = (
    ["ls", "COPY"], ["stat", "COPY"], ["stat", "COPY", "jobs"], ["stat", "--json", "COPY"], ["check", "COPY"],
    ["check", "--json", "COPY"], ["dump", "COPY"], ["dump", "--json", "--first", "100", "COPY"], ["dump", "--hex", "COPY"],
    ["top", "--once", "--interval", "0.05", "COPY"], ["top", "--batch", "2", "--json", "--interval", "0.05", "COPY"],
    ["peek", "COPY", "jobs"], ["peek", "--json", "COPY", "ring"], ["peek", "COPY", "state"], ["peek", "COPY", "numbers"],
    ["get", "COPY", "count"], ["gc", "COPY"],
)  # fmt: skip


def random_damage_is_survived(world):
    os.kill(world.pid, signal.SIGSTOP)
    good = Path(f"/dev/shm/stoa.{world.name}").read_bytes()
    os.kill(world.pid, signal.SIGCONT)
    seed = int(os.environ.get("SEED", "1"))
    runs, first = int(os.environ.get("RUNS", "60")), int(os.environ.get("FIRST", "0"))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        copy = f"{directory}/copy"
        for run in range(first, first + runs):
            image, chance = bytearray(good), random.Random(seed * 1000003 + run)
            damage(image, chance)
            Path(copy).write_bytes(image)
            for command in chance.sample(LOOKS, 9):
                answer = stoa(*[copy if word == "COPY" else word for word in command])
                require(answer.status in (0, 1), f"SEED={seed} FIRST={run} RUNS=1: {answer}")
                require("\x1b" not in answer.out and "Sanitizer" not in answer.err, answer)
                if "--json" in command and answer.out:
                    [json.loads(part) for part in (answer.out.splitlines() if command[0] == "top" else [answer.out])]
            require(Path(copy).read_bytes() == image, f"SEED={seed} FIRST={run} RUNS=1: it was written to")


# ---- all of them ----

TESTS = [
    usage_is_explained,
    what_is_not_there_is_said_in_one_line,
    what_is_no_segment_is_said_in_one_line,
    what_was_left_out_when_it_was_built_is_said,
    who_may_not_look_is_told_so,
    who_may_only_read_is_told_what_he_cannot_see,
    ls_opens_nothing_that_is_no_file,
    nothing_that_a_terminal_would_obey_comes_through,
    names_that_a_terminal_would_obey_are_shown_as_bytes,
    numbers_of_any_size_are_exact_in_json,
    who_cannot_print_fails,
    what_is_printed_to_a_closed_stdout_goes_into_no_segment,
    a_reader_that_has_gone_is_no_news,
    a_file_that_is_cut_under_it_ends_with_a_word,
    gc_removes_no_name_where_it_could_not_see,
    who_looks_writes_nothing,
    doctor_warns_of_a_dev_shm_that_does_not_do,
    an_empty_dev_shm_is_no_failure,
    doctor_tells_of_processes_of_several_pid_namespaces,
    doctor_tells_which_segments_cannot_be_used,
    random_damage_is_survived,
]


if __name__ == "__main__":
    sys.exit(main(TESTS))
