"""Interactive sessions with torchvision 0.28, in `ops.txt` and `utils.txt`: cygrad prints the same."""

import doctest
import warnings
from pathlib import Path

import pytest

pytest.importorskip("PIL")

import cygrad
from cygrad.vision import ops, utils


@pytest.mark.parametrize("name", ["ops", "utils"])
def test_session(name):
    path = Path(__file__).with_name(f"{name}.txt")
    options = cygrad.get_printoptions()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            failed, tried = doctest.testfile(
                str(path),
                module_relative=False,
                globs={"torch": cygrad, name: {"ops": ops, "utils": utils}[name]},
            )
    finally:
        cygrad.set_printoptions(**options)
    assert tried > 50 and failed == 0
