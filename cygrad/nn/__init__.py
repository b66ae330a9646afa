"""Neural networks: modules, functions, initialisers and utilities under torch.nn's names."""

# ruff: noqa: F401, F403

from typing import TYPE_CHECKING

from .. import _standins
from .parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

from . import functional, init  # isort: skip
from .modules import *

from . import attention, grad, modules, parallel, utils  # isort: skip
from .parallel import DataParallel


def factory_kwargs(kwargs):
    """The device, dtype and memory_format of a constructor's keyword arguments.

    They may be given by themselves or in ``kwargs["factory_kwargs"]``; twice is a TypeError.
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    unexpected = kwargs.keys() - (simple | {"factory_kwargs"})
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    result = dict(kwargs.get("factory_kwargs", {}))
    for key in simple & kwargs.keys():
        if key in result:
            raise TypeError(f"{key} specified twice, in **kwargs and in factory_kwargs")
        result[key] = kwargs[key]
    return result


if not TYPE_CHECKING:  # there a name that is missing is to be an error

    def __getattr__(name):
        """The parts of torch.nn that are only stand-ins here: torch.nn.quantized, ..."""
        return _standins.submodule(__name__, name)
