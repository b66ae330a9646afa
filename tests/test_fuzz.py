"""Calls that once failed, and a few random ones, in child processes: see tests/fuzz."""

import os
import sys

import pytest

import cygrad

sys.path.insert(0, os.path.dirname(__file__))
from fuzz import run


def broken(texts):
    outcomes = run.children(texts, cygrad)
    return [(text, outcome) for text, outcome in zip(texts, outcomes) if run.is_ours(outcome, text)]


def test_calls_that_once_failed():
    assert broken(run.lines_of("failed.txt")) == []


@pytest.mark.parametrize("seed", [0])
def test_random_calls(seed):
    source = run.Source(cygrad, seed)
    assert broken([source.call(i) for i in range(300)]) == []
