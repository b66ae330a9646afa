"""The type stubs name what there is at run time, and nothing else; `tools/lint` checks the types of tests/typing."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import cygrad

ROOT = Path(cygrad.__file__).parent
STUBS = sorted(ROOT.rglob("*.pyi"))


def module_of(path):
    parts = ("cygrad", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_of(body):
    """What the statements of a stub define for others."""
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names.update(a.asname for a in node.names if a.asname and not a.asname.endswith("_t"))
    return {name for name in names if not name.startswith("_")}


def files(module):
    """The names of its submodules, which are attributes once somebody has imported them."""
    return {info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))}


def public(module):
    names = {*dir(module), *getattr(module, "_ELSEWHERE", ())}
    for name in sorted(names - {"cl"}):  # which is no public module
        value = getattr(module, name, None)
        if inspect.ismodule(value) and getattr(value, "__file__", None) is None:
            continue  # a stand-in, which is there once somebody has asked for it
        home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        ours = not isinstance(home, str) or home.split(".")[0] in ("cygrad", "torch", "builtins")
        if ours and hasattr(module, name) and not name.startswith("_"):
            yield name


def test_stubs_were_built():
    assert {"cygrad", "cygrad.nn.functional", "cygrad.nn.modules"} <= {module_of(p) for p in STUBS}, (
        "python tools/stubs.py writes them"
    )


@pytest.mark.parametrize("path", STUBS, ids=module_of)
def test_names(path):
    module = importlib.import_module(module_of(path))
    stubbed = names_of(ast.parse(path.read_text()).body)
    assert (set(public(module)) ^ stubbed) - files(module) == set()


def test_members_of_tensor():
    (tensor,) = [n for n in ast.parse((ROOT / "__init__.pyi").read_text()).body if getattr(n, "name", "") == "Tensor"]
    assert {n for n in dir(cygrad.Tensor) if not n.startswith("_")} ^ names_of(tensor.body) == set()
