#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a test program that speaks TAP, and puts right what cmocka gets wrong: tap.py PROGRAM [ARGUMENT ...]

  - cmocka writes a skipped test as "not ok 3 # SKIP name", which TAP reads as a failure: it becomes
    "ok 3 - name # SKIP".
  - What is no TAP (cmocka's longer messages, words of the program) becomes a comment.
  - A program that dies, or ends before all that it planned, says so: "Bail out!".
  - A program that reported failures, and for that ends with a status other than 0, has said it already:
    the status becomes 0, so that the failures are counted one by one.
"""
import os
import re
import shlex
import signal
import subprocess
import sys

SKIPPED = re.compile(rb"^not ok (\d+) # SKIP (.*)$")
PLAN = re.compile(rb"^1\.\.(\d+)")
NO_PLAN = re.compile(rb"^1\.\.0 +# *SKIP\b", re.IGNORECASE)
TAP = re.compile(rb"^(not ok\b|ok\b|1\.\.\d|#|Bail out!|TAP version )")
RESULT = re.compile(rb"^(not )?ok\b")


def main():
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    out = sys.stdout.buffer
    planned = reported = failed = 0
    left_out = False  # as a whole, with a reason
    command = sys.argv[1:]
    if command[0].endswith(".py"):
        command.insert(0, sys.executable)
    elif not command[0].endswith(".sh"):  # a program of another machine is run by an emulator
        command[:0] = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as program:
        for line in program.stdout:
            line = SKIPPED.sub(rb"ok \1 - \2 # SKIP", line.rstrip(b"\n"))
            plan, result = PLAN.match(line), RESULT.match(line)
            planned += int(plan.group(1)) if plan else 0
            reported += bool(result)
            left_out |= bool(NO_PLAN.match(line))
            failed += bool(result and result.group(1))
            out.write((line if TAP.match(line) else b"# " + line) + b"\n")
            out.flush()
    status = program.returncode
    if status < 0:
        print(f"Bail out! killed by {signal.Signals(-status).name}", flush=True)
        return 128 - status
    if reported != planned or not (planned or left_out):
        print(f"Bail out! {reported} of {planned} planned tests were reported", flush=True)
        return status or 1
    return 0 if failed else status


if __name__ == "__main__":
    sys.exit(main())
