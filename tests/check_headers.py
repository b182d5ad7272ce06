#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that each public header compiles alone, as strict C11 and as C++17, and that who uses the inline
calls with sizes that the compiler does not know gets no warning for it.

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


USER = """
#include <stoa.h>
#include <stoa/inline.h>
int use(struct stoa_sender *sender, struct stoa_receiver *receiver, size_t size);
int count(struct stoa_value *value, struct stoa_array *array, uint64_t index, int64_t *number);
int count(struct stoa_value *value, struct stoa_array *array, uint64_t index, int64_t *number)
{
    const int32_t small = 1;

    return stoa_value_fetch_add_inline(value, &small, number) |
           stoa_value_fetch_sub_inline(value, number, 0) |
           stoa_value_load_inline(value, number) |
           stoa_value_store_inline(value, number) |
           stoa_value_exchange_inline(value, number, number) |
           stoa_value_compare_exchange_inline(value, number, number) |
           stoa_array_fetch_add_inline(array, index, number, 0) |
           stoa_array_fetch_sub_inline(array, index, number, number) |
           stoa_array_load_inline(array, index, number) |
           stoa_array_store_inline(array, index, number) |
           stoa_array_exchange_inline(array, index, number, number) |
           stoa_array_compare_exchange_inline(array, index, number, number);
}
int use(struct stoa_sender *sender, struct stoa_receiver *receiver, size_t size)
{
    char small[8] = "";

    return stoa_sender_push_inline(sender, small, size) |
           stoa_receiver_pop_inline(receiver, small, sizeof small, &size) |
           stoa_receiver_pop_inline(receiver, 0, 0, &size);
}
int main(void);
"""
OPTIMIZED = ["-O3", "-Wall", "-Wextra", "-Werror", "-c", "-o", "/dev/null"]


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
    print(f"1..{(len(headers) + 1) * len(LANGUAGES)}")
    number = failed = 0
    for option, (language, flags) in LANGUAGES.items():
        # Twice, so that a missing include guard shows.
        sources = [(h, f"#include <{h}>\n#include <{h}>\nint main(void);\n", STRICT) for h in headers]
        for header, source, strict in sources + [("inline calls", USER, OPTIMIZED)]:
            number += 1
            if option not in found:
                print(f"ok {number} - {header} as {language} # SKIP no compiler")
                continue
            command = found[option] + flags + strict + ["-I", str(include), "-"]
            run = subprocess.run(command, input=source, capture_output=True, text=True)
            failed += run.returncode != 0
            print(f"{'not ok' if run.returncode else 'ok'} {number} - {header} as {language}")
            for line in run.stderr.splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
