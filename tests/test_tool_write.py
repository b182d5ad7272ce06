#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The commands of stoa that write, as their users meet them: test_tool_write.py TOOL DYING

Objects made, set and watched; messages through a queue, with receivers that are killed; a pool of workers that are
killed.  What comes out is compared with what went in.  DYING is the command, but who acknowledges a message is killed
before every third.  Speaks TAP.
"""
import contextlib
import json
import os
import pty
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tool_support import ENVIRONMENT, PATIENCE, TOOL, await_that, is_without_json, require, run, stoa

NAME = f"test-write-{os.getpid()}"


def done(*arguments, **options):
    """What it printed; it must have gone well, and without a word beside it."""
    answer = stoa(*arguments, **options)
    require(answer.status == 0 and not answer.err, answer)
    return answer.out


# The search for leaks at the end has a child of its own, and spins if that is killed.
WITHOUT_LEAKS = dict(ENVIRONMENT, ASAN_OPTIONS=ENVIRONMENT["ASAN_OPTIONS"] + ":detect_leaks=0")


def start(*arguments, env=ENVIRONMENT, **options):
    return subprocess.Popen([TOOL, *map(str, arguments)], env=env, **options)


def look(name, which):
    """What stat tells of an object."""
    return next(o for o in json.loads(done("stat", "--json", name))["objects"] if o["name"] == which)


def children(pid):
    """Its children, also those that have just ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


# ---- objects ----


def what_is_created_has_the_shape_that_was_asked_for(name):
    done("create", name, "--bytes", "2M", "--mode", "0640", "--participants", 12)
    require(stat.S_IMODE(os.stat(f"/dev/shm/stoa.{name}").st_mode) == 0o640)
    done("create", name, "queue", "jobs", "--capacity", 10, "--message-size", "1K", "--receivers", "one")
    done("create", name, "array", "numbers", "--count", 5, "--type", "f32")
    done("create", name, "semaphore", "permits", "--initial", 3, "--permits-return")
    done("create", name, "event", "go", "--initial", 1)
    done("create", name, "barrier", "meet", "--parties", 3)
    done("create", name, "lock", "door")
    done("create", name, "value", "frame", "--size", 12, "--initial", "twelve bytes")
    jobs = look(name, "jobs")
    require((jobs["capacity"], jobs["message_size"]) == (10, 1024), jobs)
    require(done("get", name, "permits") == "3\n" and done("get", name, "go") == "set\n")
    require(done("get", name, "door") == "free\n" and done("get", name, "jobs") == "0\n")
    require(done("get", name, "frame") == "twelve bytes\n")
    require(done("check", name) == f"{name}: whole\n")


def to_create_once_more_changes_nothing_but_another_shape_is_refused(name):
    for _ in range(2):
        done("create", name, "value", "count", "--initial", 7)
    done("set", name, "count", 8)
    done("create", name, "value", "count", "--initial", 7)
    require(done("get", name, "count") == "8\n")
    refusals = (
        (["create", name, "--exclusive"], name, "it is there already"),
        (["create", name, "value", "count", "--exclusive"], "count", "it is there already"),
        (["create", name, "value", "count", "--type", "u8"], "count", "of another kind or shape"),
        (["create", name, "queue", "count"], "count", "of another kind or shape"),
        (["create", name, "--bytes", "1G"], name, "smaller"),
        (["create", name, "value", "x" * 80], "x" * 80, "the name is too long"),
        (["create", name, "queue", "large", "--capacity", "1M"], "large", "there is no room for it"),
    )
    for arguments, about, words in refusals:
        require(stoa(*arguments).is_refused(1, f"stoa: {about}: ") and words in stoa(*arguments).err, stoa(*arguments))


def a_new_segment_has_room_for_its_object(name):
    done("create", name, "queue", "large", "--capacity", "64K", "--message-size", 256)
    require(look(name, "large")["capacity"] == 65536)
    done("create", name, "value", "besides")


def no_segment_is_left_of_what_cannot_be_created(name):
    for arguments in (["value", ""], ["value", "x" * 80], ["--bytes", "4K", "queue", "large", "--capacity", "1M"]):
        answer = stoa("create", name, *arguments)
        require(answer.is_refused(1, "stoa: ") and not os.path.exists(f"/dev/shm/stoa.{name}"), answer)
    done("create", name)
    require(stoa("create", name, "value", "").status == 1 and os.path.exists(f"/dev/shm/stoa.{name}"))


def rm_removes_segments_and_nothing_else(name):
    done("create", name)
    done("rm", name)
    require(not Path(f"/dev/shm/stoa.{name}").exists())
    require(stoa("rm", name).is_refused(1, "there is nothing of that name"))
    done("rm", "--force", name)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        mine = Path(directory, "mine")
        mine.write_text("no segment, but dear to somebody")
        require(stoa("rm", mine).is_refused(1, "no segment of stoa"))
        require(mine.exists())
        done("create", f"{directory}/segment")
        done("rm", f"{directory}/segment")
        require(os.listdir(directory) == ["mine"])


def numbers_of_every_type_are_set_and_read(name):
    for kind, least, most in (
        ("i8", -128, 127), ("u8", 0, 255), ("i16", -32768, 32767), ("u16", 0, 65535), ("i32", -2**31, 2**31 - 1),
        ("u32", 0, 2**32 - 1), ("i64", -2**63, 2**63 - 1), ("u64", 0, 2**64 - 1),
    ):  # fmt: skip
        done("create", name, "value", kind, "--type", kind, "--initial", most)
        require(done("get", name, kind) == f"{most}\n", kind)
        done("set", name, kind, least)
        require(done("get", name, kind) == f"{least}\n", kind)
        for wrong in (least - 1, most + 1, "", "1x", "x", "1.5", "--5"):
            answer = stoa("set", name, kind, "--", wrong)
            require(answer.is_refused(1, f"is no number of type {kind}"), answer)
        require(done("get", name, kind) == f"{least}\n", kind)
    done("create", name, "value", "f64", "--type", "f64", "--initial", "-1.5")
    require(done("get", name, "f64") == "-1.5\n")
    for kind in ("f32", "f64"):
        done("create", name, "value", kind, "--type", kind)
        for wrong in ("1e400", "-1e400", "", " 1", "1 ", "1,5", "x", "."):
            require(stoa("set", name, kind, wrong).is_refused(1, f"is no number of type {kind}"), wrong)
        for right, seen in (("-inf", "-inf"), ("nan", "nan"), ("1e-400", "0"), ("-.5", "-0.5")):
            done("set", name, kind, right)
            require(done("get", name, kind) == f"{seen}\n", right)
    require(stoa("set", name, "f32", "1e39").is_refused(1, "is no number of type f32"))
    done("create", name, "value", "bool", "--type", "bool")
    done("set", name, "bool", "true")
    require(done("get", name, "bool") == "true\n")
    require(json.loads(done("get", "--json", name, "i8"))["value"] == -128)


def elements_and_ranges_are_set_added_to_and_read(name):
    for more in ([], ["--atomic-ranges"]):
        array = f"a{len(more)}"
        done("create", name, "array", array, "--count", 6, *more)
        done("set", name, array, "1-3", -5)
        require(done("get", name, array).split() == ["0", "-5", "-5", "-5", "0", "0"])
        require(done("add", "--previous", name, array, 2, 7) == "-5\n")
        require(done("add", name, array, "0-1", -1, "--previous").split() == ["0", "-5"])
        require(done("get", name, array, "0-2").split() == ["-1", "-6", "2"])
        require(done("set", "--previous", name, array, 5, 9) == "0\n")
        require(json.loads(done("add", "--json", name, array, "4-5", 0))["previous"] == [0, 9])
        require(json.loads(done("set", "--json", name, array, 5, 9))["previous"] == 9)
        require(json.loads(done("get", "--json", name, array))["values"] == [-1, -6, 2, -5, 0, 9])
        require(json.loads(done("get", "--json", name, array, 2))["value"] == 2)
        for wrong in ("6", "2-6", "18446744073709551615"):
            require(stoa("get", name, array, wrong).is_refused(1, "it has fewer elements"))
            require(stoa("set", name, array, wrong, 1).is_refused(1, "it has fewer elements"))
        require(stoa("set", name, array, 1).is_refused(1, "is changed by index"))
        require(stoa("get", name, array, "3-2").is_refused(2, "is no index"))


def additions_of_many_processes_all_count(name):
    done("create", name, "value", "sum", "--type", "u64", "--initial", 1000)
    adders = [start("add", name, "sum", n % 3 - 1) for n in range(60)]
    for adder in adders:
        require(adder.wait(PATIENCE) == 0)
    require(done("get", name, "sum") == "1000\n")
    require(done("add", "--previous", name, "sum", -1000) == "1000\n" and done("get", name, "sum") == "0\n")


def structs_are_text_or_bytes(name):
    done("create", name, "value", "frame", "--size", 8)
    done("set", name, "frame", "short")
    require(done("get", name, "frame", "--raw") == "short\0\0\0")
    done("set", name, "frame", "-", given=b"\0\1\2\3\n567")
    require(stoa("get", name, "frame", "--raw").bytes == b"\0\1\2\3\n567")
    require(done("get", name, "frame") == "\\x00\\x01\\x02\\x03\\n567\n")
    require(stoa("set", name, "frame", "far too long").is_refused(1, "it takes 8 bytes"))
    require(stoa("set", name, "frame", "-", given=b"123456789").is_refused(1, "it takes 8 bytes"))
    require(done("set", "--previous", name, "frame", "new") == "\\x00\\x01\\x02\\x03\\n567\n")
    previous = json.loads(done("set", "--json", name, "frame", "-", given=b"\0\1\2\3\n567"))["previous"]
    require(previous == {"size": 8, "hex": b"new\0\0\0\0\0".hex()}, previous)
    require(stoa("add", name, "frame", 1).is_refused(1, "it is a struct"))
    require(stoa("get", name, "frame", "--raw").bytes == b"\0\1\2\3\n567")


def events_and_semaphores_are_set_and_posted(name):
    done("create", name, "event", "go")
    done("set", name, "go", "set")
    require(done("get", name, "go") == "set\n")
    done("set", name, "go", "clear")
    require(done("get", name, "go") == "clear\n")
    done("create", name, "semaphore", "permits", "--maximum", 5)
    done("add", name, "permits", 5)
    require(done("get", name, "permits") == "5\n")
    require(stoa("add", name, "permits", 1).is_refused(1, "it has all of its permits"))
    done("create", name, "lock", "door")
    for wrong in (["set", name, "go", "up"], ["add", name, "go", 1], ["set", name, "permits", 1], ["set", name, "door", 1]):
        require(stoa(*wrong).is_refused(1, "stoa: "), stoa(*wrong))


def watch_prints_a_line_for_each_change(name):
    done("create", name, "value", "count")
    done("create", name, "array", "numbers", "--count", 3)
    done("create", name, "event", "go")
    for which, change, lines in (
        ("count", ["add", name, "count", "-2"], ["0", "-2"]),
        ("numbers", ["set", name, "numbers", "1", "9"], ["0 0", "1 0", "2 0", "1 9"]),
        ("go", ["set", name, "go", "set"], ["clear", "set"]),
    ):
        watcher = start("watch", "--count", 1, name, which, stdout=subprocess.PIPE, text=True)
        seen = [watcher.stdout.readline().strip() for _ in lines[:-1]]
        done(*change)
        seen += watcher.stdout.read().split("\n")[:-1]
        require(watcher.wait(PATIENCE) == 0 and seen == lines, seen)
    require(done("watch", "--timeout", 0, name, "count") == "-2\n")
    answer = stoa("watch", "--timeout", "0.1", "--count", 1, "--json", name, "numbers", 1)
    require(answer.status == 1 and json.loads(answer.out) == {"value": 9} and "timed out" in answer.err, answer)


# ---- messages ----


def lines(count, seed=0):
    chance = random.Random(seed)
    return [f"{n} {'x' * chance.randrange(40)}" for n in range(count)]


def text_of(many):
    return "".join(line + "\n" for line in many)


def lines_go_through_a_queue_in_their_order(name):
    sent = lines(5000) + ["", "no end of line"]
    for number, more in enumerate(([], ["--batch", 100], ["--senders", "one", "--receivers", "one"], ["--pack", 16])):
        queue = f"q{number}"
        shape = more if "--batch" not in more else []
        done("create", name, "queue", queue, "--capacity", 50, *shape)
        batch = ["--batch", 100] if more and more[0] in ("--batch", "--pack") else []
        with tempfile.TemporaryFile() as received:
            receiver = start("recv", name, queue, stdout=received)
            done("send", "--close", *batch, name, queue, given=text_of(sent)[:-1])
            require(receiver.wait(PATIENCE) == 0)
            received.seek(0)
            require(received.read() == text_of(sent).encode(), queue)


def records_have_any_bytes(name):
    done("create", name, "queue", "bytes", "--message-size", 300)
    chance = random.Random(1)
    records = b"".join(struct.pack("<I", n) + chance.randbytes(n) for n in (0, 1, 300, *(n % 300 for n in range(500))))
    done("send", "--records", "--close", "--batch", 10, name, "bytes", given=records)
    require(stoa("recv", "--records", name, "bytes").bytes == records)


def what_is_too_long_or_cut_short_ends_sending_with_a_word(name):
    done("create", name, "queue", "small", "--message-size", 5)
    answer = stoa("send", name, "small", given="12345\n123456\n1\n")
    require(answer.is_refused(1, "stoa: small: line 2 of the input is longer than its messages: 5 bytes"), answer)
    answer = stoa("send", name, "small", given="1\n" + "x" * 1000000)
    require(answer.is_refused(1, "line 2 of the input is longer"), answer)
    answer = stoa("send", "--records", name, "small", given=b"\5\0\0\0abcde\6\0\0\0abcdef")
    require(answer.is_refused(1, "record 2 of the input is longer than its messages: 5 bytes"), answer)
    for cut in (b"\3\0", b"\3\0\0\0ab"):
        answer = stoa("send", "--records", name, "small", given=b"\1\0\0\0a" + cut)
        require(answer.is_refused(1, "behind 1 messages: cut short"), answer)
    require(done("recv", "--timeout", 0, name, "small").split() == ["12345", "1", "abcde", "a", "a"])


def send_and_recv_end_by_count_by_time_and_at_the_end(name):
    done("create", name, "queue", "q", "--capacity", 3)
    done("send", "--count", 2, "--rate", 1000, name, "q", given="a\nb\nc\n")
    answer = stoa("send", "--timeout", "0.05", "--batch", 3, name, "q", given="1\n2\n3\n")
    require(answer.is_refused(1, "no room, and no time left; 1 were sent"), answer)
    require(done("recv", "--count", 2, name, "q").split() == ["a", "b"])
    answer = stoa("recv", "--count", 2, "--timeout", "0.05", name, "q")
    require(answer.status == 1 and answer.out == "1\n" and "1 were received" in answer.err, answer)
    require(done("recv", "--timeout", "0.05", name, "q") == "")
    done("send", "--close", name, "q", given="last\n")
    require(stoa("send", name, "q", given="later\n").is_refused(1, "it was shut down; 0 were sent"))
    require(done("recv", name, "q") == "last\n")
    require(done("recv", name, "q") == "")


def recv_takes_no_more_than_it_is_to_of_what_came_together(name):
    done("create", name, "queue", "q", "--pack", 8, "--capacity", 20)
    require(json.loads(done("send", "--json", "--batch", 8, name, "q", given=text_of(map(str, range(10, 50)))))["sent"] == 40)
    for count in (1, 11, 8, 3, 16):
        last = done("recv", "--count", count, name, "q").split()
        require(len(last) == count, last)
    require(last[-1] == "48", last)
    message = json.loads(done("recv", "--json", "--timeout", 0, name, "q"))
    require((message["text"], message["size"], message["deliveries"] > 0) == ("49", 2, True), message)


def a_closed_stdin_or_stdout_is_no_segment(name):
    done("create", name, "queue", "q")
    done("send", name, "q", given="message\n")
    for arguments, closed in (
        (["recv", "--count", 1, name, "q"], 1), (["get", name, "q"], 1), (["send", name, "q"], 0), (["run", "cat"], 0),
    ):  # fmt: skip
        answer = stoa(*arguments, preexec_fn=lambda fd=closed: os.close(fd))
        require(answer.is_refused(1, "Bad file descriptor"), answer)
    require(done("check", name) == f"{name}: whole\n" and done("get", name, "q") == "1\n")


def send_leaves_what_it_does_not_send_to_the_next(name):
    done("create", name, "queue", "q")
    with tempfile.TemporaryFile() as stdin:
        stdin.write(text_of(map(str, range(1000))).encode())
        stdin.seek(0)
        for count in (1, 499):
            require(start("send", "--count", count, name, "q", stdin=stdin).wait(PATIENCE) == 0)
        require(os.read(stdin.fileno(), 8) == b"500\n501\n")
    require(done("recv", "--count", 500, name, "q") == text_of(map(str, range(500))))


def send_keeps_to_its_rate(name):
    done("create", name, "queue", "q")
    begin = time.monotonic()
    done("send", "--rate", 100, name, "q", given="x\n" * 31)
    require(time.monotonic() - begin >= 0.3)


def what_killed_receivers_held_is_received_by_others(name):
    """Each writes to a file of its own, which has all that it acknowledged, and at most what it held besides."""
    count, holds = 3000, 4
    done("create", name, "queue", "q", "--capacity", 20)
    sent = lines(count)
    chance = random.Random(int(os.environ.get("SEED", "1")))
    kills = 0
    with tempfile.TemporaryDirectory() as directory:
        sender = start("send", "--close", "--rate", 3000, name, "q", stdin=subprocess.PIPE)
        feeding = os.fork()
        if feeding == 0:
            with sender.stdin as pipe:
                pipe.write(text_of(sent).encode())
            os._exit(0)
        sender.stdin.close()
        receivers = [start("recv", name, "q", stdout=open(f"{directory}/{n}", "wb")) for n in range(3)]
        end = time.monotonic() + PATIENCE
        while sender.poll() is None:
            require(time.monotonic() < end, "it sends no more")
            time.sleep(0.02 * chance.random())
            victim = chance.randrange(3)
            receivers[victim].kill()
            receivers[victim].wait()
            kills += 1
            receivers[victim] = start("recv", name, "q", stdout=open(f"{directory}/more-{kills}", "wb"))
        os.waitpid(feeding, 0)
        require(sender.returncode == 0)
        for receiver in receivers:
            require(receiver.wait(PATIENCE) == 0)
        got = Counter(line for file in Path(directory).iterdir() for line in whole_lines(file))
    require(set(got) == set(sent), f"{len(set(sent) - set(got))} are missing, {set(got) - set(sent)} too many")
    require(sum(got.values()) - count <= kills * holds, f"{sum(got.values()) - count} twice, {kills} kills")
    require(kills > 3)
    require(done("check", name).endswith(f"{name}: whole\n"))


def what_comes_again_to_a_full_queue_is_told_beside_it(name):
    done("create", name, "queue", "q", "--capacity", 2, "--message-size", "256K", "--holds", 1)
    long = "x" * 200000  # no pipe takes it
    done("send", name, "q", given=f"{long}\n2\n")
    receiver = start("recv", "--batch", 1, name, "q", stdout=subprocess.PIPE)
    require(await_that(lambda: look(name, "q")["held"] == 1))
    done("send", name, "q", given="3\n")
    receiver.kill()
    receiver.communicate()

    def is_told():
        sender = stoa("send", "--timeout", "0.1", name, "q", given="4\n")  # it looks for the dead, and finds no room
        return sender.status == 1 and " 2 + 1 again (100%)" in done("stat", name)

    require(await_that(is_told), done("stat", name))
    require(done("recv", "--timeout", "0", name, "q").split() in (["3", long, "2"], [long, "2", "3"], ["2", "3", long]))


def whole_lines(file):
    """A kill may cut the last one."""
    return file.read_text().split("\n")[:-1]


def a_receiver_that_cannot_write_has_lost_nothing(name):
    done("create", name, "queue", "q")
    done("send", "--close", name, "q", given=text_of(lines(10)))
    with open("/dev/full", "wb") as full:
        receiver = start("recv", name, "q", stdout=full, stderr=subprocess.PIPE, text=True)
        words = receiver.communicate(timeout=PATIENCE)[1]
    require(receiver.returncode == 1 and words == "stoa: output: No space left on device\n", words)
    require(sorted(done("recv", name, "q").split("\n")[:-1]) == sorted(lines(10)))


# ---- workers ----


def each_line_is_an_argument(_):
    out = done("run", "-j", 3, "--each", "-k", "--", "echo", "<{}>", "and {} {}", given="a b\n\n$HOME;'\n")
    require(out == "<a b> and a b a b\n<> and  \n<$HOME;'> and $HOME;' $HOME;'\n", out)
    require(done("run", "-j2", "-k", "--each", "echo", "-n", given="1\n2\n3") == "123")
    require(done("run", "--each", "cat", given="") == "")
    sent = [str(n) for n in range(300)]
    require(sorted(done("run", "-j", 4, "--each", "echo", given=text_of(sent)).split()) == sorted(sent))


def blocks_of_lines_are_the_stdin_of_copies(_):
    sent = lines(20000)
    answer = stoa("run", "-j", 4, "-k", "--longest", "4K", "--", "tr", "x", "y", given=text_of(sent))
    require(answer.status == 0 and answer.out == text_of(sent).replace("x", "y"), answer)
    out = done("run", "-j", 4, "--lines", 10, "--", "wc", "-l", given=text_of(sent[:105]))
    require(sum(map(int, out.split())) == 105 and max(map(int, out.split())) == 10, out)


def the_order_is_kept_whatever_takes_long(_):
    script = 'test "$1" != 0 || sleep 0.3; echo "$1"; echo again'
    sent = [str(n) for n in range(40)]
    out = done("run", "-j", 4, "-k", "--each", "--", "sh", "-c", script, "sh", given=text_of(sent))
    require(out == "".join(f"{n}\nagain\n" for n in sent), out)
    out = done("run", "-j", 4, "--each", "--", "sh", "-c", script, "sh", given=text_of(sent))
    require(sorted(out.split("again\n")[:-1]) == sorted(f"{n}\n" for n in sent), out)


def failures_are_told_logged_and_tried_again(_):
    with tempfile.TemporaryDirectory() as directory:
        log = f"{directory}/log"
        answer = stoa("run", "-j", 2, "--joblog", log, "--each", "--", "sh", "-c", "exit $1", "sh", given="0\n3\n0\n9\n")
        require(answer.status == 1 and answer.err == "stoa: run: 2 of 4 failed\n", answer)
        rows = [row.split("\t") for row in Path(log).read_text().splitlines()]
        require(rows[0] == "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command".split(), rows)
        found = sorted((int(r[0]), int(r[6]), int(r[7]), r[8]) for r in rows[1:])
        require([f[:3] for f in found] == [(1, 0, 0), (2, 3, 0), (3, 0, 0), (4, 9, 0)], rows)
        require(found[1][3] == "sh -c exit $1 sh 3", rows)
        script = f'echo x >>{directory}/tries-$1; test $(wc -l <{directory}/tries-$1) -gt "$1"'
        more = ["--each", "--", "sh", "-c", script, "sh"]
        done("run", "-j", 2, "--retries", 3, *more, given="0\n1\n3\n")
        for file in Path(directory).glob("tries-*"):
            file.unlink()
        require(stoa("run", "--retries", 2, *more, given="3\n").is_refused(1, "1 of 1 failed"))
        require(Path(directory, "tries-3").read_text() == "x\n" * 3)
        answer = stoa("run", "--joblog", log, "--each", "--", "sh", "-c", f"echo x >>{directory}/k; kill -9 $$", given="1\n")
        require(answer.is_refused(1, "1 of 1 failed") and Path(directory, "k").read_text() == "x\n" * 4, answer)
        require(Path(log).read_text().splitlines()[1].split("\t")[6:8] == ["0", "9"])
        done("run", "--joblog", log, "--", "sh", "-c", "cat\n#", given="12\n345\n")
        row = Path(log).read_text().splitlines()[1].split("\t")
        require(row[4:] == ["7", "7", "0", "0", "sh -c cat\0#"], row)


def a_command_that_cannot_be_started_ends_it_at_once(_):
    with tempfile.TemporaryDirectory() as directory:
        log, plain = f"{directory}/log", Path(directory, "plain")
        plain.write_text("no program")
        for command, status, words in (("nothing", 127, "No such file"), ("plain", 126, "Permission denied")):
            for mode in ([], ["--each"]):
                command = f"{directory}/{Path(command).name}"
                answer = stoa("run", "--joblog", log, *mode, "--", command, given="x\n" * 5000)
                require(answer.is_refused(status, f"stoa: {command}: {words}"), answer)
                require(Path(log).read_text().splitlines()[1].split("\t")[6] == str(status))
        answer = stoa("run", "-k", "--longest", "1M", "--each", "--", "echo", given=f"{'x' * 300000}\ny\n")
        require((answer.status, answer.out, answer.err.count("\n")) == (1, "y\n", 2) and "list too long" in answer.err, answer)
        answer = stoa("run", "-k", "--each", "--", "{}", given=f"{plain}\necho\n")  # it depends on the line
        require((answer.status, answer.out, answer.err.count("\n")) == (1, "\n", 2) and "1 of 2 failed" in answer.err, answer)


def results_that_are_told_twice_count_once(_):
    """Each worker is killed when it has told its third result and is about to acknowledge it."""
    dying = os.path.abspath(sys.argv[2])
    sent = lines(120)
    with tempfile.TemporaryDirectory() as directory:
        log, ran = f"{directory}/log", f"{directory}/ran"
        for order in ([], ["-k"]):
            more = ["--joblog", log, "--each", "--", "sh", "-c", f'echo "$1" | tee -a {ran}', "sh"]
            answer = subprocess.run([dying, "run", "-j", "3", *order, *more], input=text_of(sent), capture_output=True,
                                    text=True, timeout=PATIENCE, env=ENVIRONMENT)  # fmt: skip
            out = answer.stdout.split("\n")[:-1]
            require(answer.returncode == 0 and not answer.stderr, answer)
            require((out if order else sorted(out)) == (sent if order else sorted(sent)), Counter(out) - Counter(sent))
            rows = Path(log).read_text().splitlines()[1:]
            require(sorted(int(row.split("\t")[0]) for row in rows) == list(range(1, 121)), rows)
            require(len(Path(ran).read_text().splitlines()) >= 160, "no line was done twice")
            Path(ran).unlink()


def nothing_more_is_started_after_a_failure_where_it_is_to_halt(_):
    for when in ("soon", "now"):
        begin = time.monotonic()
        answer = stoa("run", "-j", 2, "--halt", when, "--each", "--", "sh", "-c",
                      '[ $1 != 3 ] || exit 1; [ $1 -lt 4 ] || sleep $2; echo $1', "sh", "{}",
                      "1" if when == "soon" else str(PATIENCE), given=text_of(map(str, range(5000))))  # fmt: skip
        require(answer.status == 1 and answer.err.count("\n") == 1 and "nothing more was started" in answer.err, answer)
        require(len(answer.out.split()) < 10 and time.monotonic() - begin < PATIENCE, answer)


def lines_of_others_come_through_a_queue_with_a_name(name):
    """Made by the pool, or by one that was killed: it ends with stdin.  Made before: it ends with the queue, and who is killed loses none."""
    boss = start("run", "-j", 2, "--queue", name, "--each", "--", "echo", "got",
                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    require(await_that(lambda: "lines" in stoa("ls", "--json", name).out or stoa("stat", name, "lines").status == 0))
    done("send", name, "lines", given=text_of(lines(100)))
    boss.stdin.write("mine\n")
    boss.stdin.close()
    out = boss.stdout.read().splitlines()
    require(boss.wait(PATIENCE) == 0 and sorted(out) == sorted(f"got {x}" for x in [*lines(100), "mine"]), out)
    require(not Path(f"/dev/shm/stoa.{name}").exists())

    boss = start("run", "-j", 2, "--queue", name, "--each", "--", "sh", "-c", "exec sleep 1000", stdin=subprocess.PIPE)
    require(await_that(lambda: stoa("stat", name, "lines").status == 0))
    done("send", name, "lines", given=text_of(lines(100)))
    require(await_that(lambda: len(children(boss.pid)) == 2))
    boss.kill()
    boss.wait()
    boss.stdin.close()
    require(sorted(done("run", "--queue", name, "--each", "--", "echo").splitlines()) == sorted(lines(100)))
    require(not Path(f"/dev/shm/stoa.{name}").exists())

    for more in ([], ["--pack", 8]):
        queue = f"work{len(more)}"
        done("create", name, "queue", queue, "--message-size", 100, *more)
        done("send", name, queue, given=b"a\0b\n")
        done("send", "--batch", 8, "--close", name, queue, given=text_of(lines(200)))
        with tempfile.TemporaryDirectory() as directory:
            script = f'echo "$1" >{directory}/started-$$; echo "$1"'
            pools = [start("run", "-j", 2, "--queue", f"{name}", "--each", "--", "sh", "-c", script, "sh",
                           stdin=subprocess.DEVNULL, stderr=open(f"{directory}/err", "a"),
                           stdout=open(f"{directory}/{n}", "w")) for n in range(2)]  # fmt: skip
            require(await_that(lambda: len(os.listdir(directory)) > 8))
            pools[0].kill()
            pools[0].wait()
            require(pools[1].wait(PATIENCE) in (0, 1))  # it, or the other, had a line that is none
            out = "".join(Path(directory, str(n)).read_text() for n in range(2)).splitlines()
            require(set(out) == set(lines(200)), Counter(out))
            require("a message has a NUL byte" in Path(directory, "err").read_text())
        require(done("check", name) == f"{name}: whole\n")
        done("rm", name)


def what_a_boss_had_half_made_is_taken_up(name):
    """It is killed before it makes the queue of lines, or that of units, in the segment that it has made."""
    dying = os.path.abspath(sys.argv[2])
    for queue in (1, 2):
        arguments = [dying, "run", "--queue", name, "cat"]
        boss = subprocess.run(arguments, input=b"", timeout=PATIENCE, env=dict(ENVIRONMENT, DYING_AT_QUEUE=str(queue)))
        require(boss.returncode == -signal.SIGKILL and Path(f"/dev/shm/stoa.{name}").exists(), boss)
        require(done("run", "--queue", name, "cat", given=b"mine\n") == "mine\n")
        require(not Path(f"/dev/shm/stoa.{name}").exists())
    done("create", name)
    require(stoa("run", "--queue", name, "cat").is_refused(1, "it has no queue"))


def a_pool_that_only_begins_is_not_taken_for_a_dead_one(name):
    """It lives, and has both queues, but sends to none yet: who comes then and has no stdin waits for lines."""
    for queue in ("lines", "units"):
        done("create", "--close-with-senders", name, "queue", queue)
    beginning = start("recv", name, "units", stdout=subprocess.DEVNULL)
    there = await_that(lambda: look(name, "units")["receivers"] == 1)
    other = start("run", "-j", 1, "--queue", name, "--each", "--", "echo", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        require(there and await_that(lambda: look(name, "lines")["receivers"] or other.poll() is not None))
        done("send", "--close", name, "lines", given="1\n")
        require(other.communicate(timeout=PATIENCE)[0] == b"1\n" and other.returncode == 0)
    finally:
        for process in (beginning, other):
            process.kill()
            process.wait()
    done("rm", name)


def killed_workers_lose_no_line_and_print_none_twice(name):
    """Workers are killed at random; then commands, too, which are tried again."""
    sent = lines(600, 5)
    chance = random.Random(int(os.environ.get("SEED", "2")))
    for mode in (["--each", "--", "sh", "-c", 'sleep 0.002; echo "$1"', "sh"], ["--lines", "3", "--", "cat"]):
        for order in ([], ["-k"]):
            more = [*order, "--retries", "1000000", *mode]
            with tempfile.TemporaryFile() as stdin:
                stdin.write(text_of(sent).encode())
                stdin.seek(0)
                boss = start("run", "-j", 3, "--queue", name, *more, stdin=stdin, stdout=subprocess.PIPE, text=True,
                             env=WITHOUT_LEAKS)  # fmt: skip
                kills = kill_until_it_ends(boss, chance)
                out = boss.stdout.read().split("\n")[:-1]
            require(boss.wait(PATIENCE) == 0 and kills > 3, f"status {boss.returncode}, {kills} kills")
            require((out if order else sorted(out)) == (sent if order else sorted(sent)), Counter(out) - Counter(sent))
            require(not Path(f"/dev/shm/stoa.{name}").exists())


def kill_until_it_ends(boss, chance):
    """Its output must fit into a pipe.  After some kills it is left alone: where everything is slow, it would never end."""
    kills = 0
    end = time.monotonic() + PATIENCE
    while boss.poll() is None:
        if time.monotonic() > end:
            boss.kill()
        workers = children(boss.pid) if kills < 60 else []
        victims = workers if chance.random() < 0.7 else [c for w in workers for c in children(w)]
        if victims:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        time.sleep(0.02 * chance.random())
    return kills


def descendants(pid):
    return [one for child in children(pid) for one in (child, *descendants(child))]


def nothing_goes_on_when_the_boss_is_killed(name):
    """Asked to end, it ends also what its copies have started."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        kill = number == signal.SIGKILL
        script = "sleep 1000" if kill else "sleep 1000 & sleep 1000; true"
        boss = start("run", "-j", 2, "--queue", name, "--each", "--", "sh", "-c", f"exec {script}" if kill else script,
                     stdin=subprocess.PIPE)  # fmt: skip
        boss.stdin.write(b"1\n2\n")
        boss.stdin.flush()
        require(await_that(lambda: len(descendants(boss.pid)) >= (4 if kill else 8)))
        everyone = descendants(boss.pid)
        boss.send_signal(number)
        require(boss.wait(PATIENCE) == -number)
        boss.stdin.close()
        require(await_that(lambda: not any(alive(pid) for pid in everyone)), everyone)
        require(Path(f"/dev/shm/stoa.{name}").exists() == kill)
    done("gc", "--yes", name)


def what_the_shell_had_started_before_it_lives_on(_):
    """As what reads its output in >(...); such children are not the pool's."""
    script = 'sleep 1000 <&- >&- 2>&- & echo $!; exec "$0" "$@"'
    for arguments in (["--each", "--", "false"], ["--each", "--halt", "now", "--", "false"], ["no-such-command"]):
        answer = subprocess.run(["sh", "-c", script, TOOL, "run", *arguments], env=WITHOUT_LEAKS, input=b"1\n",
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)  # fmt: skip
        before = int(answer.stdout)
        lives = alive(before)
        if lives:
            os.kill(before, signal.SIGKILL)
        require(answer.returncode in (1, 127) and lives, answer)


def it_ends_while_nobody_reads_and_when_nobody_will(name):
    for end in (signal.SIGTERM, signal.SIGPIPE):
        with tempfile.TemporaryFile() as stdin:
            stdin.write(b"x" * 99 + b"\n")
            stdin.truncate(5000000)
            stdin.seek(0)
            boss = start("run", "--longest", "5M", "--queue", name, "cat", stdin=stdin, stdout=subprocess.PIPE)
        require(boss.stdout.read(1000))
        if end == signal.SIGTERM:
            boss.send_signal(end)  # the pipe is full
            require(boss.wait(PATIENCE) == -end)
        boss.stdout.close()
        require(boss.wait(PATIENCE) == -end)
        require(not Path(f"/dev/shm/stoa.{name}").exists())


def signals_that_are_ignored_stay_ignored(_):
    boss = start("run", "--each", "--", "sh", "-c", "echo $1; sleep 0.1", "sh", stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # fmt: skip
    boss.stdin.write(b"1\n")
    boss.stdin.flush()
    require(boss.stdout.readline() == b"1\n")
    boss.send_signal(signal.SIGHUP)
    require(boss.communicate(b"2\n", timeout=PATIENCE)[0] == b"2\n" and boss.returncode == 0)


def a_stopped_worker_holds_its_own_lines_only(_):
    boss = start("run", "-j", 2, "--each", "--", "echo", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    boss.stdin.write(b"1\n2\n")
    boss.stdin.flush()
    require(sorted(boss.stdout.readline() for _ in range(2)) == [b"1\n", b"2\n"])
    require(len(children(boss.pid)) in (1, 2))
    os.kill(children(boss.pid)[0], signal.SIGSTOP)
    boss.stdin.write(text_of(map(str, range(100))).encode())  # one of which the stopped may have taken before
    boss.stdin.flush()
    for _ in range(99):
        boss.stdout.readline()
    os.kill(children(boss.pid)[0], signal.SIGCONT)
    boss.stdout.readline()
    os.kill(children(boss.pid)[0], signal.SIGSTOP)  # while it has nothing to do
    boss.stdin.close()
    require(boss.wait(PATIENCE) == 0)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def lines_that_cannot_be_given_are_told(_):
    answer = stoa("run", "-k", "--longest", 10, "--each", "--", "echo", given="1234567890\n12345678901\n1\n")
    require(answer.status == 1 and answer.out == "1234567890\n", answer)
    require(answer.err == "stoa: stdin: line 2 is longer than 10 bytes; see --longest\n", answer)
    answer = stoa("run", "--longest", 10, "--", "cat", given="1234567890\n")
    require(answer.is_refused(1, "line 1 is longer than 9 bytes"), answer)
    answer = stoa("run", "--each", "--", "echo", given=b"a\0b\n")
    require(answer.is_refused(1, "a NUL byte"), answer)


def progress_is_for_terminals(_):
    require(stoa("run", "--progress", "--", "cat", given="1\n").err == "")
    for command, ended in (("false", b"2 done, 2 failed, 0 at work"), ("echo", b"2 done, 0 failed, 0 at work")):
        for beside in (False, True):
            text = shown_while_it_runs("run", "--progress", "-k", "--each", "--", command, given=b"1\n2\n", beside=beside)
            require(ended in text, text)
            if beside:  # the output has lines of its own, and what was there has been taken away
                require(command == "false" or (b"\x1b[K1\r\n" in text and b"2\r\n" in text), text)
            else:
                require(b"\x1b[K\r" not in text and b"%" not in text, text)
    with tempfile.TemporaryFile() as lines:  # how much there is is known
        lines.write(b"not of it\n" + b"a\n" * 50)
        lines.seek(len("not of it\n"))
        text = shown_while_it_runs("run", "--progress", "--each", "--", "sh", "-c", "sleep 0.02", given=lines, beside=False)
        shares = [int(share) for share in re.findall(rb"\[#*\.*\] +(\d+)%", text)]
        require(shares == sorted(shares) and shares[-1] == 100 and b"[############] 100%  50 done, " in text, text)


def shown_while_it_runs(*arguments, given, beside):
    """What a terminal gets as stderr, and as stdout if that is `beside` it."""
    master, slave = pty.openpty()
    stdin = subprocess.PIPE if isinstance(given, bytes) else given
    boss = start(*arguments, stdin=stdin, stderr=slave, stdout=slave if beside else subprocess.DEVNULL)
    os.close(slave)
    boss.communicate(given if stdin is subprocess.PIPE else None, timeout=PATIENCE)
    text = b""
    try:
        while part := os.read(master, 65536):
            text += part
    except OSError:  # the other end is closed
        pass
    os.close(master)
    return text


# ---- what cannot be ----


def wrong_usage_is_told_in_one_line(name):
    done("create", name, "queue", "q")
    for command in ("create", "rm", "get", "set", "add", "watch", "send", "recv", "run"):
        answer = stoa(command, "--help")
        require(answer.status == 0 and answer.out.startswith(f"usage: stoa {command} "), answer)
        require(max(map(len, answer.out.splitlines())) <= 110, answer)
        require(stoa(command, "--no-such-thing").is_refused(2, "there is no such option"), command)
        require(stoa(command).is_refused(2, "it takes "), stoa(command))
    for wrong in (
        ["create", name, "queue"], ["create", name, "tree", "t"], ["create", name, "queue", "r", "--type", "i8"],
        ["create", name, "--capacity", "1"], ["create", name, "queue", "r", "--capacity", "0"],
        ["create", name, "queue", "r", "--capacity", "1X"], ["create", name, "queue", "r", "--senders", "two"],
        ["create", name, "value", "v", "--initial", "x"], ["create", name, "--mode", "9"],
        ["create", name, "value", "v", "--size", "2", "--initial", "abc"], ["get", name], ["get", name, "q", "x"],
        ["get", name, "q", "1", "2"], ["set", name, "q"], ["add", name, "q", "1", "2", "3"],
        ["watch", "--count", "0", name, "q"], ["watch", "--timeout", "-1", name, "q"], ["send", name],
        ["send", "--batch", "0", name, "q"], ["send", "--rate", "x", name, "q"], ["recv", name, "q", "r"],
        ["recv", "--count", "0", name, "q"], ["run", "-j", "0", "cat"], ["run", "-j", "x", "cat"], ["run", "-k", "-j"],
        ["run", "--each", "--lines", "3", "cat"],
    ):  # fmt: skip
        require(stoa(*wrong).is_refused(2, "; see stoa"), stoa(*wrong))


def names_and_kinds_that_do_not_fit_are_told_in_one_line(name):
    done("create", name, "queue", "q")
    done("create", name, "value", "v")
    done("create", name, "barrier", "b", "--parties", 2)
    done("create", name, "event", "e")
    other = f"{name}-other"
    done("create", other, "value", "v")
    none = f"{name}-none"
    for arguments in (["get", none, "v"], ["set", none, "v", "1"], ["add", none, "v", "1"], ["watch", none, "v"],
                      ["send", none, "q"], ["recv", none, "q"], ["rm", none]):  # fmt: skip
        require(stoa(*arguments).is_refused(1, f"stoa: {none}: there is nothing of that name"), stoa(*arguments))
    for arguments in (["get", name, "x"], ["set", name, "x", "1"], ["add", name, "x", "1"], ["watch", name, "x"],
                      ["send", name, "x"], ["recv", name, "x"]):  # fmt: skip
        require(stoa(*arguments).is_refused(1, f"stoa: x: there is no object of that name in {name}"), stoa(*arguments))
    for arguments, words in (
        (["send", name, "v"], "it is no queue"), (["recv", name, "v"], "it is no queue"),
        (["set", name, "q", "1"], "a queue is nothing to set"), (["add", name, "e", "1"], "an event is nothing to add to"),
        (["add", name, "q", "1"], "a queue is nothing to add to"),
        (["get", name, "b"], "a barrier has no value"), (["get", name, "v", "1"], "a value has no elements"),
        (["set", name, "v", "1", "1"], "a value has no elements"), (["run", "--queue", other, "cat"], "it has no queue"),
    ):  # fmt: skip
        require(stoa(*arguments).is_refused(1, words), stoa(*arguments))


def segments_of_another_version_are_told_in_one_line(name):
    done("create", name, "value", "v")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        image = bytearray(Path(f"/dev/shm/stoa.{name}").read_bytes())
        image[12:16] = struct.pack("<I", 7)
        copy = Path(directory, "copy")
        copy.write_bytes(image)
        for arguments in (["get", copy, "v"], ["set", copy, "v", 1], ["send", copy, "v"], ["create", copy, "value", "v"]):
            require(stoa(*arguments).is_refused(1, "another version"), stoa(*arguments))
        done("rm", copy)


def who_may_not_write_is_told_so_and_may_watch(name):
    if os.getuid() != 0:
        return "not root"
    done("create", name, "value", "v", "--mode", "0644")
    with tempfile.TemporaryDirectory() as directory:
        libraries = subprocess.run(["ldd", TOOL], capture_output=True, text=True).stdout
        tool = shutil.copy(TOOL, directory)
        for line in libraries.splitlines():
            if "/libstoa.so" in line:
                shutil.copy(line.split("=>")[1].split()[0], directory)
        os.chmod(directory, 0o755)
        environment = dict(ENVIRONMENT, LD_LIBRARY_PATH=directory)

        def try_it(*arguments):
            return subprocess.run(
                [tool, *arguments], user=65534, group=65534, extra_groups=[], env=environment,
                capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip

        for arguments in (["set", name, "v", "1"], ["send", name, "v"], ["create", name, "value", "w"]):
            answer = try_it(*arguments)
            require(answer.returncode == 1 and "no permission to write it" in answer.stderr, answer)
        require(try_it("get", name, "v").stdout == "0\n")
        require(try_it("watch", "--timeout", "0.01", name, "v").stdout == "0\n")
    return None


# ---- all of them ----

TESTS = [
    what_is_created_has_the_shape_that_was_asked_for,
    to_create_once_more_changes_nothing_but_another_shape_is_refused,
    a_new_segment_has_room_for_its_object,
    no_segment_is_left_of_what_cannot_be_created,
    rm_removes_segments_and_nothing_else,
    numbers_of_every_type_are_set_and_read,
    elements_and_ranges_are_set_added_to_and_read,
    additions_of_many_processes_all_count,
    structs_are_text_or_bytes,
    events_and_semaphores_are_set_and_posted,
    watch_prints_a_line_for_each_change,
    lines_go_through_a_queue_in_their_order,
    records_have_any_bytes,
    what_is_too_long_or_cut_short_ends_sending_with_a_word,
    send_and_recv_end_by_count_by_time_and_at_the_end,
    recv_takes_no_more_than_it_is_to_of_what_came_together,
    a_closed_stdin_or_stdout_is_no_segment,
    send_leaves_what_it_does_not_send_to_the_next,
    send_keeps_to_its_rate,
    what_killed_receivers_held_is_received_by_others,
    what_comes_again_to_a_full_queue_is_told_beside_it,
    a_receiver_that_cannot_write_has_lost_nothing,
    each_line_is_an_argument,
    blocks_of_lines_are_the_stdin_of_copies,
    the_order_is_kept_whatever_takes_long,
    failures_are_told_logged_and_tried_again,
    a_command_that_cannot_be_started_ends_it_at_once,
    results_that_are_told_twice_count_once,
    nothing_more_is_started_after_a_failure_where_it_is_to_halt,
    lines_of_others_come_through_a_queue_with_a_name,
    what_a_boss_had_half_made_is_taken_up,
    a_pool_that_only_begins_is_not_taken_for_a_dead_one,
    killed_workers_lose_no_line_and_print_none_twice,
    nothing_goes_on_when_the_boss_is_killed,
    what_the_shell_had_started_before_it_lives_on,
    it_ends_while_nobody_reads_and_when_nobody_will,
    signals_that_are_ignored_stay_ignored,
    a_stopped_worker_holds_its_own_lines_only,
    lines_that_cannot_be_given_are_told,
    progress_is_for_terminals,
    wrong_usage_is_told_in_one_line,
    names_and_kinds_that_do_not_fit_are_told_in_one_line,
    segments_of_another_version_are_told_in_one_line,
    who_may_not_write_is_told_so_and_may_watch,
]


@contextlib.contextmanager
def own_name(number):
    name = f"{NAME}-{number}"
    yield name
    for left in Path("/dev/shm").glob(f"stoa.{name}*"):
        left.unlink(missing_ok=True)


def main():
    return 0 if is_without_json() else run(TESTS, own_name)


if __name__ == "__main__":
    sys.exit(main())
