"""Bad and odd arguments: the same statement in cygrad and in PyTorch, the same outcome.

The statements stand one on a line in error_cases.txt. What is compared is the type and text of
the exception, or the printed value of ``r``, and the warnings.
"""

import copy
import pickle
import warnings
from pathlib import Path

import pytest
from nn_peer import torch

import cygrad

STATEMENTS = Path(__file__).with_name("error_cases.txt").read_text().splitlines()

def scope(lib):
    return {
        "torch": lib,
        "nn": lib.nn,
        "F": lib.nn.functional,
        "R": lib.nn.utils.rnn,
        "U": lib.nn.utils,
        "i": lib.nn.init,
        "o": lib.ones,
        "z": lib.zeros,
        "L": lambda *shape: lib.zeros(*shape).long(),
        "copy": copy,
        "pickle": pickle,
    }


def outcome(lib, statement):
    lib.manual_seed(0)
    names = scope(lib)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(statement, names)
            told = repr(names.get("r"))
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
    told += "".join(f"\n{w.category.__name__}: {w.message}" for w in caught)
    return told.replace("cygrad", "torch")


@pytest.mark.parametrize("statement", [pytest.param(s, id=s) for s in STATEMENTS])
def test_outcome(statement):
    assert outcome(cygrad, statement) == outcome(torch, statement)
