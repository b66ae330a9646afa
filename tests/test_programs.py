"""Whole programs, as a tutorial's reader would write them: they say `import torch`.

Each `programs/NAME.py` must print `programs/NAME.txt`, which PyTorch 2.13 printed. Written anew,
with PyTorch installed, by

    python tests/test_programs.py [NAME ...]
"""

import importlib.util
import os
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
SECONDS = 300

TORCH = importlib.util.find_spec("torch")


def run(program, *options, path=""):
    """What `python OPTIONS program` prints; its errors, if it fails, are the test's message."""
    # Warnings name the place in the library that gave them, and go to stderr: they are no output.
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, *options, str(program)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
        cwd=HERE,
    )
    return done.stdout, done.stderr.strip() if done.returncode else ""


def first_difference(printed, expected):
    """One line about the first line that differs, or None."""
    pairs = zip_longest(printed.splitlines(), expected.splitlines())
    for number, (ours, theirs) in enumerate(pairs, 1):
        if ours != theirs:
            return f"line {number}: printed {ours!r}, expected {theirs!r}"
    return None


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program):
    printed, failure = run(program, "-m", "cygrad", path=str(HERE.parent))
    difference = first_difference(printed, program.with_suffix(".txt").read_text())
    if difference or failure:
        last = failure.splitlines()[-1] if failure else ""
        pytest.fail(f"{program.name} {difference or ''} {last}".strip(), pytrace=False)


@pytest.mark.skipif(TORCH is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_stored_text_is_pytorchs(program):
    printed, failure = run(program)
    assert not failure, failure
    difference = first_difference(printed, program.with_suffix(".txt").read_text())
    assert difference is None, difference


if __name__ == "__main__":
    for program in PROGRAMS:
        if not sys.argv[1:] or program.stem in sys.argv[1:]:
            printed, failure = run(program)
            if failure:
                sys.exit(f"{program.name}: {failure}")
            program.with_suffix(".txt").write_text(printed)
