# SPDX-License-Identifier: BSD-2-Clause
"""The example programs run, as their users start them, and say that what they did is right."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS_A_COMPILER = {"smooth_processes"}  # see test_buffers.py

SAYS = {
    "counter": "2 processes counted to 2000000",
    "squares 1000": "4 processes made 1000 squares, whose sum is 332833500",
    "numpy_shared fork": "8 processes (fork) changed a matrix in place, whose sum is 13994000",
    "numpy_shared spawn": "8 processes (spawn) changed a matrix in place, whose sum is 13994000",
    "sync": "2 threads and 2 processes did 300 tasks, at most 2 at a time",
    "frame 500": "3 readers saw frames of 500, none torn",
    "pool 600 3": "600 tasks done, 3 of them again: 3 workers killed",
    "async_queue 300": "4 tasks of a loop got 600 numbers of 2 processes",
}


@pytest.mark.parametrize("command", SAYS)
def test_an_example_runs_and_checks_itself(command):
    program, *arguments = command.split()
    if "numpy" in program:
        pytest.importorskip("numpy", reason="NumPy is not installed")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{program}.py", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == SAYS[command] + "\n"


def test_each_example_is_run():
    run = {command.split()[0] for command in SAYS}
    assert run | NEEDS_A_COMPILER == {file.stem for file in EXAMPLES.glob("*.py")}
