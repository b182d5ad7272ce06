#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that each public header compiles alone, as strict C11 and as C++17.

check_headers.py ROOT --c COMPILER [ARGUMENT ...] [--cpp COMPILER [ARGUMENT ...]]
"""
import subprocess
import sys
from pathlib import Path

STRICT = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
LANGUAGES = {
    "--c": ("C11", ["-x", "c", "-std=c11", "-Wstrict-prototypes"]),
    "--cpp": ("C++17", ["-x", "c++", "-std=c++17", "-Wold-style-cast", "-Wno-unused-function"]),
}


def compilers(arguments):
    found = {}
    for argument in arguments:
        if argument in LANGUAGES:
            current = found.setdefault(argument, [])
        else:
            current.append(argument)
    return found


def main():
    include = Path(sys.argv[1]) / "include"
    found = compilers(sys.argv[2:])
    headers = sorted(str(h.relative_to(include)) for h in include.rglob("*.h"))
    print(f"1..{len(headers) * len(LANGUAGES)}")
    number = failed = 0
    for option, (language, flags) in LANGUAGES.items():
        for header in headers:
            number += 1
            if option not in found:
                print(f"ok {number} - {header} as {language} # SKIP no compiler")
                continue
            # Twice, so that a missing include guard shows.
            source = f"#include <{header}>\n#include <{header}>\nint main(void);\n"
            command = found[option] + flags + STRICT + ["-I", str(include), "-"]
            run = subprocess.run(command, input=source, capture_output=True, text=True)
            failed += run.returncode != 0
            print(f"{'not ok' if run.returncode else 'ok'} {number} - {header} as {language}")
            for line in run.stderr.splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
