"""Libraries written for PyTorch, on cygrad: `python -m cygrad libraries/use_NAME.py` prints what it prints on PyTorch.

The texts were printed on PyTorch 2.13; `python tests/test_libraries.py` writes them anew. A library that is not
installed is skipped; the extra `libraries` of pyproject.toml lists them, for an installation without dependencies.
"""

import importlib.util
import sys
from pathlib import Path

import pytest
from test_programs import HERE, first_difference, run

PROGRAMS = sorted((HERE / "libraries").glob("use_*.py"))


def library(program):
    return program.stem.removeprefix("use_")


@pytest.mark.parametrize("program", PROGRAMS, ids=library)
def test_library(program):
    if importlib.util.find_spec(library(program)) is None:
        pytest.skip(f"{library(program)} is not installed")
    printed, failure = run(program, "-m", "cygrad", path=str(HERE.parent))
    difference = first_difference(printed, program.with_suffix(".txt").read_text())
    if difference or failure:
        pytest.fail(f"{program.name} {difference or ''}\n{failure}".strip(), pytrace=False)


if __name__ == "__main__":
    for program in PROGRAMS:
        if not sys.argv[1:] or library(program) in sys.argv[1:]:
            printed, failure = run(program)
            if failure:
                sys.exit(f"{program.name}: {failure}")
            Path(program.with_suffix(".txt")).write_text(printed)
