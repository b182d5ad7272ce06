# SPDX-License-Identifier: BSD-2-Clause
"""What the documents show in Python is run, each block as a program of its own; tests/test_docs.py has the others."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))
import doc_blocks  # noqa: E402

NAME = '"example-'  # of what lasts: each run has its own


def blocks():
    for document in doc_blocks.documents(ROOT):
        for block in doc_blocks.blocks(document, ROOT):
            if block.language == "python" and "not run" not in block.said:
                yield pytest.param(block.text, id=block.place)


def test_there_is_something_to_run():
    assert len(list(blocks())) > 5


@pytest.mark.parametrize("block", blocks())
def test_a_block_runs(block, tmp_path):
    own = f'"test-{os.getpid()}-{secrets.token_hex(4)}-'
    program = tmp_path / "block.py"
    program.write_text(block.replace(NAME, own))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=2 * PATIENCE)
    left = [name for name in os.listdir("/dev/shm") if name.startswith("stoa." + own.strip('"'))]
    for name in left:
        os.unlink("/dev/shm/" + name)
    assert (done.returncode, done.stdout, done.stderr, left) == (0, "", "", [])
