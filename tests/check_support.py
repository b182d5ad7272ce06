# SPDX-License-Identifier: BSD-2-Clause
"""TAP, for checks that find faults: each is told behind its sentence."""

results = []


def plan(count):
    print(f"1..{count}")


def ok(sentence, faults, seen=True):
    """Holds where there are no faults, and something was looked at."""
    faults = faults if seen else ["nothing was found"]
    results.append(not faults)
    print(f"{'not ok' if faults else 'ok'} {len(results)} - {sentence}")
    for fault in faults:
        print(f"# {fault}")


def skip(sentence, why):
    results.append(True)
    print(f"ok {len(results)} - {sentence} # SKIP {why}")


def status():
    return 0 if all(results) else 1
