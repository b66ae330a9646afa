"""torch.types: names for annotations."""

# ruff: noqa: F401

import os
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import complex as _complex
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from typing import IO, Any, Union

from . import Size, Tensor
from . import device as _device
from . import dtype as _dtype
from . import layout as _layout
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
