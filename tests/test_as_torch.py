"""`python -m cygrad` and `install_as_torch`: programs that say `import torch`, in processes of their own."""

import importlib.util
import os
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import cygrad

ROOT = str(Path(cygrad.__file__).parents[1])


def python(*arguments, cwd=None, path=ROOT, stdin=None):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, input=stdin, timeout=120,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def run(code, *options, **kw):
    """What a program prints; it must not fail."""
    done = python("-m", "cygrad", *options, "-c", code, **kw)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_module_under_both_names():
    code = """
import torch, torch.nn as nn, torch.nn.functional as F
import torch.nn.modules.linear, torch.optim.lr_scheduler
from torch.utils.data import DataLoader
from torch.utils.data.dataset import Dataset
from torch.nn.parameter import Parameter
import cygrad, cygrad.optim.lr_scheduler
assert torch is cygrad and torch.torch is torch
assert nn is cygrad.nn and nn.functional is F is cygrad.nn.functional
assert torch.nn.modules.linear.Linear is cygrad.nn.Linear is nn.Linear
assert torch.optim.lr_scheduler is cygrad.optim.lr_scheduler
assert Dataset is torch.utils.data.Dataset and Parameter is nn.Parameter
"""
    run(code)


def test_names_are_pytorchs():
    code = """
import torch
from torch import nn
print(type(nn.Linear(1, 1)), type(torch.ones(1)), type(torch.ones(1).shape), type(torch.device("cpu")))
print(torch.optim.SGD, torch.optim.lr_scheduler.StepLR, torch.utils.data.DataLoader, torch.autograd.Function)
print(nn.__name__, nn.functional.__name__, torch.typename(nn.ReLU()))
"""
    assert run(code).splitlines() == [
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch.Tensor'> <class 'torch.Size'> <class 'torch.device'>",
        "<class 'torch.optim.sgd.SGD'> <class 'torch.optim.lr_scheduler.StepLR'> "
        "<class 'torch.utils.data.dataloader.DataLoader'> <class 'torch.autograd.function.Function'>",
        "torch.nn torch.nn.functional torch.nn.modules.activation.ReLU",
    ]


def test_pickles_under_torch_names():
    code = """
import pickle, torch
things = [torch.relu, torch.add, torch.cat, torch.Tensor, torch.dtype, torch.Size, torch.no_grad, torch.nn.Linear,
          torch.nn.functional.relu, torch.optim.Adam]
for thing in things:
    data = pickle.dumps(thing)
    assert b"torch" in data and b"cygrad" not in data, data
    assert pickle.loads(data) is thing
net = pickle.loads(pickle.dumps(torch.nn.Linear(2, 3)))
assert type(net) is torch.nn.Linear
"""
    run(code)


def test_how_libraries_look_for_torch():
    code = """
import importlib.util, importlib.metadata
assert importlib.util.find_spec("torch") is not None
assert importlib.util.find_spec("torch.nn") is not None
assert importlib.util.find_spec("torch.no_such_part") is None
print(importlib.metadata.version("torch"), importlib.metadata.version("torchvision"))
import torch
print(torch.__version__, importlib.util.find_spec("torch").origin == torch.__file__)
"""
    assert run(code) == "2.13.0 0.28.0\n2.13.0 True\n"


@pytest.mark.parametrize(
    "statement, message",
    [
        ("torch.nn.NoSuch", "AttributeError: module 'torch.nn' has no attribute 'NoSuch'"),
        ("torch.no_such", "AttributeError: module 'torch' has no attribute 'no_such'"),
        ("from torch.nn import NoSuch", "ImportError: cannot import name 'NoSuch' from 'torch.nn'"),
        ("import torch.no_such", "ModuleNotFoundError: No module named 'torch.no_such'"),
        ("import torch.nn.no_such.x", "ModuleNotFoundError: No module named 'torch.nn.no_such'"),
    ],
)
def test_what_is_missing_is_named(statement, message):
    done = python("-m", "cygrad", "-c", f"import torch\n{statement}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(message)


def test_refuses_after_another_torch(tmp_path):
    (tmp_path / "torch.py").write_text("")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {ROOT!r}]; import torch, cygrad; cygrad.install_as_torch()"
    done = python("-c", code, path="")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"RuntimeError: install_as_torch(): another torch has already been imported, from {tmp_path}/torch.py; "
        "call cygrad.install_as_torch() before anything imports it"
    )


def test_install_from_inside():
    code = """
import cygrad, cygrad.nn as before
cygrad.install_as_torch()
cygrad.install_as_torch()
import torch, torch.nn
assert torch.nn is before and type(before.Linear(1, 1)).__module__ == "torch.nn.modules.linear"
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


CHILDREN = """
import multiprocessing, subprocess, sys
import torch
from torch import nn

class Net(nn.Module):
    pass

def child(queue, net):
    import torch.nn.functional
    name = torch.nn.functional.__name__
    queue.put((torch.__version__, name, type(net).__qualname__, type(nn.Linear(1, 1)).__module__))

if __name__ == "__main__":
    for method in sys.argv[1:]:
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=child, args=(queue, Net()))
        process.start()
        print(method, *queue.get(timeout=60))
        process.join()
        assert process.exitcode == 0
    code = "import torch.nn, importlib.metadata as m; print(torch.nn.__name__, m.version('torch'))"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout, end="")
"""


def test_children_keep_it(tmp_path):
    """Forked and spawned processes, and plain ones; cygrad need not be on their path."""
    program = tmp_path / "program.py"
    program.write_text(CHILDREN)
    arguments = ["", str(program), "fork", "spawn", "forkserver"]
    start = f"import sys; sys.path.insert(0, {ROOT!r}); sys.argv = {arguments}"
    done = python("-c", f"{start}; import runpy; runpy.run_module('cygrad', run_name='__main__')", path="")
    assert done.returncode == 0, done.stderr
    expected = "2.13.0 torch.nn.functional Net torch.nn.modules.linear"
    assert done.stdout.splitlines() == [
        *(f"{m} {expected}" for m in ("fork", "spawn", "forkserver")), "torch.nn 2.13.0"
    ]  # fmt: skip


PROGRAM = """
import sys, inspect
print(sys.argv, sys.path[0], __name__, __spec__ and __spec__.name, sys.modules["__main__"].__dict__ is globals())
class A: pass
print(globals().get("__file__"), A.__module__, "__builtins__" in globals())
def inner(n):
    return n / 0
"""


@pytest.mark.parametrize("end", ["", "inner(1)", "sys.exit(3)", "raise KeyboardInterrupt", "def", "sys.exit('text')"])
@pytest.mark.parametrize("how", ["file", "module", "code", "stdin", "folder"])
def test_runs_programs_as_python_does(tmp_path, how, end):
    """Arguments, paths, output, the traceback to the letter, and the exit status."""
    program = PROGRAM + end
    (tmp_path / "prog.py").write_text(program)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(program)
    arguments = {
        "file": ["prog.py"], "module": ["-m", "prog"], "code": ["-c", program], "stdin": ["-"], "folder": ["folder"],
    }[how] + ["--flag", "x"]  # fmt: skip
    stdin = program if how == "stdin" else None
    theirs = python(*arguments, cwd=tmp_path, stdin=stdin)
    ours = python("-m", "cygrad", *arguments, cwd=tmp_path, stdin=stdin)
    assert ours.stdout == theirs.stdout
    assert ours.stderr == theirs.stderr
    assert ours.returncode == theirs.returncode


def test_no_such_program(tmp_path):
    for arguments in (["nothing.py"], ["-m", "nothing_at_all"]):
        theirs = python(*arguments, cwd=tmp_path)
        ours = python("-m", "cygrad", *arguments, cwd=tmp_path)
        assert (ours.stderr, ours.returncode) == (theirs.stderr, theirs.returncode)


def test_excepthook_of_the_program():
    code = """
import sys, traceback
sys.excepthook = lambda kind, error, tb: print(kind.__name__, len(traceback.extract_tb(tb)))
1 / 0
"""
    assert python("-m", "cygrad", "-c", code).stdout == "ZeroDivisionError 1\n"


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_before_an_installed_pytorch():
    assert run("import torch, cygrad; print(torch is cygrad)") == "True\n"


def test_a_prompt_after_the_program():
    done = python("-m", "cygrad", "-i", "-c", "x = 1", stdin="print(torch.arange(2), x)\n")
    assert "tensor([0, 1]) 1" in done.stdout, done


def test_a_program_by_a_pipe_and_the_version():
    assert python("-m", "cygrad", stdin="import torch\nprint(torch.ones(1))\n").stdout == "tensor([1.])\n"
    assert "PyTorch 2.13" in python("-m", "cygrad", "--version").stdout


def test_help_shows_a_function():
    assert "relu" in pydoc.plain(pydoc.render_doc(cygrad.relu)).splitlines()[2]
    assert "max(0, x)" in pydoc.plain(pydoc.render_doc(cygrad.relu))

    class Holder:
        act = cygrad.relu  # does not become a method, as PyTorch's

    assert Holder().act is cygrad.relu


def test_a_subclass_of_a_distribution_keeps_its_expand():
    code = """
import torch, torch.distributions as D
class Mine(D.Normal): pass
class Kinds(D.Categorical): pass
print(type(Mine(0.0, 1.0).expand((2,))).__name__, type(Kinds(torch.ones(3)).expand((2,))).__name__)
"""
    assert run(code) == "Mine Kinds\n"
