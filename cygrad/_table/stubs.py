"""Writes the type stub of the public names that come from the table: `python -m cygrad._table.stubs OUT`.

Nothing outside of this folder is imported, so that a build can run it before anything is compiled.
"""

import pathlib
import sys

from . import rows as _table

HEAD = '''\
"""Generated from cygrad/_table/rows.py: the operators that are rows of the table.  Other names are untyped."""

from typing import Any

class Size(tuple[int, ...]):
    def numel(self) -> int: ...

class dtype:
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    itemsize: int

class device:
    type: str
    index: int | None
    def __init__(self, type: str | int | device, index: int | None = ...) -> None: ...

class Tensor:
    shape: Size
    dtype: dtype
    device: device
    requires_grad: bool
    grad: Tensor | None
    data: Tensor
    @property
    def is_leaf(self) -> bool: ...
    @property
    def ndim(self) -> int: ...
    def __init__(self, *args: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def __setitem__(self, index: Any, value: Any) -> None: ...
    def __len__(self) -> int: ...
'''
OPERATORS = "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and or xor lshift " \
    "rshift lt le gt ge matmul"  # fmt: skip


def _typed(argument):
    """An argument of a signature with its type: "alpha: Any = ..." for "alpha=1.0"."""
    name, default, _ = argument.partition("=")
    return name if name == "*" else f"{name}: {'Tensor' if name == 'input' else 'Any'}{' = ...' * bool(default)}"


def stub():
    """The text of the stub."""
    methods = [f"    def __{n}__(self, other: Any) -> Tensor: ..." for n in OPERATORS.split()]
    methods += [f"    def __{n}__(self, other: Any) -> Tensor: ...  # type: ignore[override]" for n in ("eq", "ne")]
    methods += [f"    def __{n}__(self) -> Tensor: ..." for n in ("neg", "pos", "abs", "invert")]
    functions = []
    for name, (row_name, forms) in sorted(_table.aliases().items()):
        row = _table.by_name[row_name]
        if "." in name or row.signature is None or row.start:
            continue
        arguments = ", ".join(map(_typed, row.arguments))
        others = "".join(", " + _typed(argument) for argument in row.arguments[1:])
        out = ", out: Tensor | None = ..." if "*" in row.arguments else ", *, out: Tensor | None = ..."
        if "f" in forms:
            functions.append(f"def {name}({arguments}{out * ('o' in forms)}) -> Tensor: ...")
        if "m" in forms:
            methods.append(f"    def {name}(self{others}) -> Tensor: ...")
        if "i" in forms:
            methods.append(f"    def {name}_(self{others}) -> Tensor: ...")
        if "I" in forms:
            functions.append(f"def {name}_({arguments}) -> Tensor: ...")
    parts = [HEAD + "\n".join(methods), "", *functions, "", "def __getattr__(name: str) -> Any: ...", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(stub())
