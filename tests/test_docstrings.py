"""Docstrings of public names: how many there are of each kind, and that their examples are true."""

import doctest
import inspect
import sys
from pathlib import Path

import pytest

import cygrad as torch
from cygrad import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
docstrings = pytest.importorskip("docstrings", reason="the tests are used without tools/")
sys.path.pop(0)
PUBLIC = dict(docstrings.public())
WITH_EXAMPLE = [name for name, value in PUBLIC.items() if ">>>" in (inspect.getdoc(value) or "")]
CHUNKS = 16


@pytest.mark.parametrize("part", range(CHUNKS))
def test_examples(part):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    for name in WITH_EXAMPLE[part::CHUNKS]:
        torch.manual_seed(0)
        names = {"torch": torch, "nn": nn, "F": nn.functional, "viz": torch.viz}
        runner.run(parser.get_doctest(inspect.getdoc(PUBLIC[name]), names, name, None, 0))
    assert runner.failures == 0


def test_counts():
    """They may only get better."""
    found = {kind: len(names) for kind, names in docstrings.count().items()}
    assert found["missing"] <= 12
    assert found["summary"] <= 287
    assert found["complete"] >= 600


@pytest.mark.parametrize("name", ["relu", "cat", "matmul", "add", "where"])
def test_what_the_most_used_say(name):
    text = inspect.getdoc(getattr(torch, name))
    assert "Returns" in text and ">>>" in text and "input: " in text or "tensors: " in text


def test_methods_say_what_functions_say():
    assert inspect.getdoc(torch.Tensor.cumsum).split("\n")[0] == inspect.getdoc(torch.cumsum).split("\n")[0]
    assert inspect.getdoc(torch.Tensor.exp_).startswith("`exp` in place")


def test_program_that_asks_nothing_loads_nothing():
    import subprocess

    code = "import sys, cygrad\na = 'cygrad._docs' in sys.modules\ncygrad.exp.__doc__\n"
    code += "b = 'cygrad._docs' in sys.modules"
    code += "\nassert (a, b) == (False, True)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
