#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command stoa, as its users meet it: test_tool.py TOOL TOOL_WORLD [WORDCOUNT]

The commands that look: their answers on a segment with one of everything (tool_world.c), and on a running example;
with processes that are stopped and killed.  Speaks TAP.
"""
import fcntl
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tool_looked import NAME, World, can_look, main, object_of, stat
from tool_support import ENVIRONMENT, TOOL, await_that, parsed, require, stoa

WORDCOUNT = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None


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


def who_waits_by_a_descriptor_is_seen_too(_):
    if not can_look():
        return "/proc does not tell"
    world = World(f"{NAME}-epoll")
    try:
        world.tell("f")
        require(await_that(lambda: {w["pid"] for w in object_of(world.name, "empty")["waiters"]} == {world.pid, world.child}))
    finally:
        world.end()
    return None


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


def check_finds_it_whole_and_dump_shows_all(world):
    answer = stoa("check", world.name)
    require(answer.status == 0 and answer.out == f"{world.name}: whole\n", answer)
    answer = stoa("dump", world.name)
    require(answer.status == 0 and answer.out.endswith(f"{world.name}: whole\n"), answer)
    for word in ("queue of", "lock of", "[1]  -7", "twelve bytes", "0123456789abcdef"):
        require(word in answer.out, answer)
    dumped = parsed(stoa("dump", "--json", "--first", 3, world.name))
    objects = {o["name"]: o for o in dumped["objects"]}
    require((dumped["verdict"], len(dumped["participants"]), len(objects)) == ("whole", 2, 10), dumped)
    require(objects["numbers"]["content"] == [0, -7, 0] and "content" not in objects["lock"], dumped)
    require([m.get("text") for m in objects["jobs"]["content"]] == ["second", None], dumped)
    require(objects["lock"]["holders"][0]["pid"] == world.pid, dumped)


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


RUNNING = (
    ["ls", "NAME"], ["stat", "NAME"], ["stat", "NAME", "chunks"], ["check", "NAME"], ["dump", "NAME"],
    ["dump", "--json", "NAME"], ["peek", "--json", "NAME", "chunks"], ["peek", "--format", "hex", "NAME", "lengths"],
    ["top", "--once", "--interval", "0.05", "NAME"], ["gc", "NAME"],
)  # fmt: skip


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
                for _ in range(5):  # each with one of them stopped, wherever it is
                    stopped = random.choice(stat(name)["participants"])["pid"]
                    os.kill(stopped, signal.SIGSTOP)
                    for words in RUNNING:
                        answer = stoa(*[name if word == "NAME" else word for word in words])
                        require(answer.status == 0 and "broken" not in answer.out and not answer.err, answer)
                        require("chunks" in answer.out or words[0] not in ("stat", "top", "dump"), answer)
                    os.kill(stopped, signal.SIGCONT)
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


# ---- all of them ----

TESTS = [
    ls_tells_size_objects_participants_and_owner,
    ls_lists_the_segments_of_a_directory,
    stat_tells_of_objects_holders_and_waiters,
    who_waits_by_a_descriptor_is_seen_too,
    columns_of_a_table_stand_below_each_other,
    peek_shows_what_lies_there_and_leaves_it,
    check_finds_it_whole_and_dump_shows_all,
    a_copy_of_a_stopped_segment_is_checked_and_damage_is_told,
    stopped_processes_hold_up_nobody_and_are_told,
    top_prints_tables_and_lines_of_json,
    doctor_names_a_cure_for_whatever_it_finds,
    a_running_word_count_is_shown_and_checked,
    gc_keeps_what_is_used_and_reaps_its_dead,
    gc_removes_what_nobody_uses_when_it_is_named,
    gc_removes_by_itself_what_says_so,
]


if __name__ == "__main__":
    sys.exit(main(TESTS))
