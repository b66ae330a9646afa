"""Counts the docstrings of public names: `python tools/docstrings.py [--list KIND]`.

missing     no docstring
summary     says what it does, but neither arguments, results nor an example
described   gives arguments or what is returned
complete    and an example that doctest runs

KIND lists the names of that kind.  tests/test_docstrings.py holds the counts, and runs the examples.
"""

import importlib
import inspect
import re
import sys
from pathlib import Path

MODULES = """cygrad cygrad.linalg cygrad.fft cygrad.special cygrad.nn cygrad.nn.functional cygrad.nn.init
cygrad.nn.utils cygrad.optim cygrad.optim.lr_scheduler cygrad.autograd cygrad.autograd.functional cygrad.func
cygrad.utils.data cygrad.viz cygrad.opencl cygrad.accelerator cygrad.distributions cygrad.amp cygrad.random
cygrad.sparse""".split()


def public():
    """(name, object) of every public function, class and method of tensors; in-place forms go with their function."""
    import cygrad

    seen = set()
    for path in MODULES:
        module = importlib.import_module(path)
        names = {*getattr(module, "__all__", dir(module)), *getattr(module, "_ELSEWHERE", ())}
        for name in sorted(names):
            value = getattr(module, name, None)
            home = str(getattr(value, "__module__", "") or "").split(".")[0]
            if name.startswith("_") or not callable(value) or home not in ("cygrad", "torch") or id(value) in seen:
                continue
            if type(value).__name__ == "_Kind" or inspect.ismodule(value):
                continue
            seen.add(id(value))
            yield f"{path}.{name}", value
    for name in sorted(dir(cygrad.Tensor)):
        if not name.startswith("_") and callable(getattr(cygrad.Tensor, name)):
            yield f"cygrad.Tensor.{name}", getattr(cygrad.Tensor, name)


def kind_of(value):
    doc = inspect.getdoc(value) or ""
    body = doc.partition("\n\n")[2] if doc.startswith(f"{getattr(value, '__name__', '')}(") else doc
    if not body.strip():
        return "missing"
    described = re.search(r"^(Returns|Raises|\w[\w, ]*: )", body, re.M)
    if ">>>" in body:
        return "complete" if described else "summary"
    return "described" if described else "summary"


KINDS = ("missing", "summary", "described", "complete")


def count():
    """{kind: names}"""
    found = {kind: [] for kind in KINDS}
    for name, value in public():
        found[kind_of(value)].append(name)
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    kinds = count()
    if "--list" in sys.argv:
        print("\n".join(kinds[sys.argv[-1]]))
    else:
        print(", ".join(f"{len(names)} {kind}" for kind, names in kinds.items()), "of", sum(map(len, kinds.values())))
