"""Utilities around tensors; the submodules are imported when they are first used."""

import importlib
import importlib.util
import weakref

from .. import _core
from .._standins import refusing, stand_in
from . import data

__all__ = [
    "ThroughputBenchmark", "data", "generate_methods_for_privateuse1_backend", "get_cpp_backtrace",
    "rename_privateuse1_backend", "set_module", "swap_tensors",
]  # fmt: skip

ThroughputBenchmark = stand_in("utils.ThroughputBenchmark()", "it calls modules from threads of C++")
generate_methods_for_privateuse1_backend, rename_privateuse1_backend = (
    refusing(f"utils.{_name}", "cygrad's devices are fixed")
    for _name in ("generate_methods_for_privateuse1_backend", "rename_privateuse1_backend")
)


def set_module(obj, mod):
    """Sets the module that an object says it is of."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def get_cpp_backtrace(frames_to_skip=0, maximum_number_of_frames=64):
    """The frames of C that lead here: there is nothing that could name them."""
    return ""


def swap_tensors(t1, t2):
    """Exchanges what two tensors are: memory, shape, history, gradient, attributes and class.

    Who holds either finds in it what the other was.
    """
    for t in (t1, t2):
        if weakref.getweakrefs(t):
            raise RuntimeError("Cannot swap t1 because it has weakref associated with it" if t is t1
                               else "Cannot swap t2 because it has weakref associated with it")
    if type(t1) is not type(t2):
        t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    _core.swap(t1, t2)
    if type(t1) is not _core.Tensor:  # classes written in Python have attributes of their own
        mine, theirs = object.__getattribute__(t1, "__dict__"), object.__getattribute__(t2, "__dict__")
        before = dict(mine)
        mine.clear()
        mine.update(theirs)
        theirs.clear()
        theirs.update(before)


def __getattr__(name: str):
    full = f"{__name__}.{name}"
    if name.startswith("__") or importlib.util.find_spec(full) is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return importlib.import_module(full)
