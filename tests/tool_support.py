# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the command stoa share.  The first argument of a test is the command."""
import json
import os
import subprocess
import sys
import time

TOOL = os.path.abspath(sys.argv[1])
PATIENCE = int(os.environ.get("PATIENCE", "100"))  # seconds, for what must happen
SANITIZER_FOUND = 99

ENVIRONMENT = dict(
    os.environ,
    LC_ALL="C.UTF-8",
    ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + f":exitcode={SANITIZER_FOUND}",
    UBSAN_OPTIONS=os.environ.get("UBSAN_OPTIONS", "") + f":halt_on_error=1:exitcode={SANITIZER_FOUND}",
)
ENVIRONMENT.pop("NO_COLOR", None)


class Answer:
    def __init__(self, arguments, given=b"", tool=TOOL, environment=ENVIRONMENT, **options):
        done = subprocess.run(
            [tool, *map(str, arguments)],
            env=environment,
            input=given if isinstance(given, bytes) else given.encode(),
            capture_output=True,
            timeout=PATIENCE,
            **options,
        )
        self.status, self.arguments, self.bytes = done.returncode, arguments, done.stdout
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    def __str__(self):
        command = " ".join(["stoa", *map(str, self.arguments)])
        return f"{command}: status {self.status}\n{self.out[:8000]}{self.err[:2000]}"

    def is_refused(self, status, words):
        return self.status == status and not self.out and self.err.count("\n") == 1 and words in self.err


def stoa(*arguments, **options):
    return Answer(arguments, **options)


def parsed(answer):
    assert answer.status in (0, 1), answer
    return json.loads(answer.out)


def require(condition, about=""):
    if not condition:
        raise AssertionError(str(about))


def await_that(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


WORDS_WITHOUT = {"json": (["doctor", "--json"], "built without jansson"), "top": (["top"], "built without ncurses")}


def is_without(*parts):
    """Whether one of these was left out of the command when it was built; that is told."""
    for part in parts:
        command, words = WORDS_WITHOUT[part]
        if words in stoa(*command).err:
            print(f"1..0 # SKIP {words}")
            return True
    return False


def is_without_json():
    return is_without("json")


def run(tests, subject):
    """Runs the tests, or those whose names have $ONLY in them, each with what `subject(number)` gives in a
    `with`.  Speaks TAP; the exit status."""
    only = os.environ.get("ONLY", "")
    tests = [test for test in tests if only in test.__name__]
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        sentence = test.__name__.replace("_", " ")
        with subject(number) as given:
            try:
                skipped = test(given)
                print(f"ok {number} - {sentence}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
            except Exception as fault:  # a fault of one test must not hide the others
                failed += 1
                print(f"not ok {number} - {sentence}", flush=True)
                for line in f"{type(fault).__name__}: {fault}".splitlines():
                    print(f"# {line}", flush=True)
    return 1 if failed else 0
