"""`python -m cygrad doctor PROGRAM ...`: reads programs and says which of PyTorch's names they use that are not here.

Names are followed through imports and assignments of modules (`import torch.nn as nn`, `from torch import optim`, `F =
nn.functional`).  What a program finds at run time, by getattr or as a method of some object, is not seen.
"""

import ast
import importlib
import sys
import types
from pathlib import Path

from .. import _standins
from .._as_torch.names import install_as_torch

ROOTS = {"torch": "cygrad", "torchvision": "cygrad.vision"}


def _find(path):
    """The object of a dotted name of PyTorch, and what is wrong with it: None, or why it can't be used."""
    parts = path.split(".")
    value = importlib.import_module(ROOTS[parts[0]])
    for i, part in enumerate(parts[1:], 1):
        try:
            value = getattr(value, part)
        except (AttributeError, NotImplementedError):
            try:
                value = importlib.import_module(".".join(parts[: i + 1]))
            except ImportError:
                return None, "cygrad does not have it"
        if isinstance(value, _standins._Kind):
            return value, value._why
        if isinstance(value, _standins.Member):
            return value, "it can be named, not used"
        if isinstance(value, types.FunctionType) and value.__code__ is _REFUSES:
            return value, str(value.__closure__[1].cell_contents)
        if not isinstance(value, types.ModuleType | type):
            break  # attributes of other objects are looked up when the program runs
    return value, None


_REFUSES = _standins.refusing("", "").__code__


class _Reader(ast.NodeVisitor):
    """Collects {dotted name of PyTorch: the lines it stands in}."""

    def __init__(self):
        self.known = {}  # name in the program: dotted name of PyTorch
        self.used = {}

    def note(self, path, node):
        self.used.setdefault(path, set()).add(node.lineno)

    def visit_Import(self, node):
        for name in node.names:
            if name.name.split(".")[0] in ROOTS:
                self.note(name.name, node)
                root = name.name.split(".")[0]
                self.known[name.asname or root] = name.name if name.asname else root

    def visit_ImportFrom(self, node):
        if node.level or (node.module or "").split(".")[0] not in ROOTS:
            return
        for name in node.names:
            if name.name == "*":
                self.note(node.module, node)
                continue
            path = f"{node.module}.{name.name}"
            self.note(path, node)
            self.known[name.asname or name.name] = path

    def path_of(self, node):
        """The dotted name of PyTorch that an expression is, or None."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.path_of(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def visit_Assign(self, node):
        path = self.path_of(node.value)
        if path is not None and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.note(path, node)
            self.known[node.targets[0].id] = path
            return
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.known.pop(target.id, None)

    def visit_Attribute(self, node):
        path = self.path_of(node)
        if path is None:
            self.generic_visit(node)
        else:
            self.note(path, node)


def examine(source, name="<program>"):
    """[(line, dotted name, why it can't be used)] of a program's text, by line, and how many names it uses."""
    reader = _Reader()
    reader.visit(ast.parse(source, name))
    missing, used = [], set()
    for path, lines in reader.used.items():
        why = _find(path)[1]
        used.add(path)
        if why is not None:
            missing.append((min(lines), path, why))
    # `torch.a.b` says all that `torch.a` does.
    missing = [m for m in missing if not any(m[1].startswith(f"{o[1]}.") for o in missing)]
    return sorted(missing), len(used)


def _programs(arguments):
    for argument in arguments:
        path = Path(argument)
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def main(arguments):
    if not arguments:
        sys.exit("usage: python -m cygrad doctor PROGRAM ...        (files or folders)")
    install_as_torch()
    failed = False
    for path in _programs(arguments):
        try:
            missing, used = examine(path.read_text(encoding="utf-8"), str(path))
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            print(f"{path}: cannot be read: {error}")
            failed = True
            continue
        failed |= bool(missing)
        for line, name, why in missing:
            print(f"{path}:{line}: {name}: {why}")
        if not missing:
            print(f"{path}: all of the {used} names of PyTorch that it uses are here")
    sys.exit(1 if failed else 0)
