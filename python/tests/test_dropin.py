# SPDX-License-Identifier: BSD-2-Clause
"""Programs of multiprocessing print the same when their import lines name stoa."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("dropin_*.py"))


def changed(program):
    """The program, with its import lines changed and nothing else."""
    lines = program.read_text().splitlines()
    for i, line in enumerate(lines):
        if line == "import multiprocessing":
            lines[i] = "import stoa as multiprocessing"
        elif line.startswith(("from multiprocessing ", "from multiprocessing.")):
            lines[i] = line.replace("multiprocessing", "stoa", 1)
    return "\n".join(lines)


def output(program, method):
    done = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_prints_the_same(program, method, tmp_path):
    ours = tmp_path / program.name
    ours.write_text(changed(program))
    assert "stoa" in ours.read_text()
    theirs = output(program, method)
    assert theirs and output(ours, method) == theirs
