"""The names of PyTorch's own C++ module that programs use."""

from . import _standins
from ._dispatch import (
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
)

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "_disabled_torch_function_impl"]
_standins.fill(globals())
