"""torch.types: names for annotations."""

# ruff: noqa: F401

import os
from builtins import (
    bool as _bool,
    bytes as _bytes,
    complex as _complex,
    float as _float,
    int as _int,
    str as _str,
)
from collections.abc import Sequence
from typing import IO, Any, Union

from . import Size, Tensor, device as _device, dtype as _dtype, layout as _layout
from ._core import Storage

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number = _int | _float | _bool
Device = _device | _str | _int | None
FileLike = Union[_str, os.PathLike[_str], IO[_bytes]]  # noqa: UP007
IntLikeType = _int
FloatLikeType = _float
BoolLikeType = _bool
_size = Size | list[_int] | tuple[_int, ...]
_TensorOrTensors = Tensor | Sequence[Tensor]
_symsize = _size
_qscheme = _dispatchkey = Any
