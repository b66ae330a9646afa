"""torch.jit as far as programs that run eagerly need it: nothing is compiled.

`script` returns what it is given, which computes the same. What would need TorchScript (`trace`, `save`, `load`,
`freeze`) raises NotImplementedError.
"""

import contextlib
import typing
import warnings
from typing import Final  # noqa: F401

from .._standins import stand_in
from ..futures import Future  # noqa: F401
from . import annotations

_WHY = "there is no TorchScript"
ScriptModule, ScriptFunction, RecursiveScriptModule, TopLevelTracedModule, TracedModule, CompilationUnit = (
    stand_in(f"jit.{name}()", _WHY)
    for name in (
        "ScriptModule", "ScriptFunction", "RecursiveScriptModule", "TopLevelTracedModule", "TracedModule",
        "CompilationUnit",
    )
)  # fmt: skip
(
    trace, trace_module, save, load, freeze, optimize_for_inference, export_opnames, last_executed_optimized_graph,
    _get_trace_graph,
) = (
    stand_in(f"jit.{name}", _WHY)
    for name in (
        "trace", "trace_module", "save", "load", "freeze", "optimize_for_inference", "export_opnames",
        "last_executed_optimized_graph", "_get_trace_graph",
    )
)  # fmt: skip


class Error(RuntimeError):
    """What TorchScript raises; nothing here does."""


class TracerWarning(Warning):
    """What tracing warns of; nothing here does."""


class TracingCheckError(Exception):
    """What a failed check of a trace raises; nothing here does."""


class Attribute(typing.NamedTuple):
    """A value with the type that TorchScript would give it."""

    value: typing.Any
    type: typing.Any


def _deprecated(name, instead):
    warnings.warn(f"`torch.jit.{name}` is deprecated. Please {instead}.", DeprecationWarning, stacklevel=3)


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """Returns `obj`, a module, function or class: it runs as Python."""
    _deprecated("script", "switch to `torch.compile` or `torch.export`")
    if not callable(obj):
        raise TypeError(f"torch.jit.script: a module, function or class is expected, not {type(obj).__name__}")
    return obj


def script_method(fn):
    """Returns the method: it runs as Python."""
    _deprecated("script_method", "switch to `torch.compile` or `torch.export`")
    return fn


def script_if_tracing(fn):
    """Returns the function: nothing is ever traced."""
    return fn


_script_if_tracing = script_if_tracing


def ignore(drop=False, **kwargs):
    """Returns the function that it decorates, with arguments or without."""
    if callable(drop):
        return drop
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    return lambda fn: fn


def unused(fn):
    """Returns the function."""
    return fn


_overload = _overload_method = unused


def export(fn):
    """Returns the function."""
    return fn


def interface(obj):
    """Returns the class."""
    return obj


def is_scripting():
    """Whether TorchScript compiles this: never."""
    return False


def is_tracing():
    """Whether a trace is being made: never."""
    return False


def annotate(the_type, the_value):
    """Returns the value."""
    return the_value


def isinstance(obj, target_type):  # noqa: A001
    """Whether `obj` has a type that may be a container's, such as ``List[int]`` or ``Optional[str]``."""
    return _matches(obj, target_type)


def _matches(obj, target):
    import builtins

    if builtins.isinstance(target, tuple):
        return any(_matches(obj, one) for one in target)
    origin, args = typing.get_origin(target), typing.get_args(target)
    if target in (list, tuple, dict, typing.List, typing.Tuple, typing.Dict):  # noqa: UP006
        name = typing.get_origin(target) or target
        raise RuntimeError(
            f"Attempted to use {name.__name__} without a contained type. Please add a contained type, "
            f"e.g. {name.__name__}[int]"
        )
    if origin is None:
        return target is typing.Any or builtins.isinstance(obj, type(None) if target is None else target)
    if not builtins.isinstance(origin, type):  # Union and Optional
        return any(_matches(obj, one) for one in args)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(_matches(k, args[0]) and _matches(v, args[1]) for k, v in obj.items())
    if origin is tuple and args[-1:] != (...,):
        return len(obj) == len(args) and all(map(_matches, obj, args))
    return all(_matches(item, args[0]) for item in obj)


def fork(func, *args, **kwargs):
    """A future of ``func(*args, **kwargs)``, which runs now, in this thread."""
    _deprecated("fork", "use `torch.compile` instead")
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future):
    """The result of a future that `fork` made."""
    _deprecated("wait", "use `torch.compile` instead")
    return future.wait()


@contextlib.contextmanager
def optimized_execution(should_optimize):
    """Changes nothing."""
    yield


def _setting(*args, **kwargs):
    """Changes nothing: there is no compiler to set."""


enable_onednn_fusion = set_fusion_strategy = onednn_fusion_enabled = _setting


def __getattr__(name):
    raise AttributeError(f"module 'torch.jit' has no attribute '{name}': cygrad has no TorchScript")


__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "ScriptFunction", "ScriptModule", "annotate",
    "annotations", "export", "fork", "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "script",
    "script_if_tracing", "script_method", "unused", "wait",
]  # fmt: skip
