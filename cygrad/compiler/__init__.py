"""torch.compile and torch.compiler: the interface, without a compiler. Everything runs eagerly."""

import contextlib
import functools
import warnings

from .. import _standins
from ..nn import Module

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "list_backends", "reset", "set_stance", "wrap_numpy",
]  # fmt: skip

_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_STANCES = ("default", "eager_on_recompile", "fail_on_recompile", "force_eager", "aot_eager_then_compile")


class OptimizedModule(Module):
    """What `torch.compile` makes of a module: it runs that module, and shows its attributes."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module

    def forward(self, *args, **kwargs):
        return self._orig_mod(*args, **kwargs)

    def _inner(self):
        """The module, None while this object is being made or unpickled."""
        return self.__dict__.get("_modules", {}).get("_orig_mod")

    def __getattr__(self, name):
        inner = self._inner()
        if inner is None:
            raise AttributeError(name)
        return inner if name == "_orig_mod" else getattr(inner, name)

    def __setattr__(self, name, value):
        inner = self._inner()
        if inner is None or name == "_orig_mod":
            super().__setattr__(name, value)
        else:
            setattr(inner, name, value)

    @property
    def training(self):
        return self._orig_mod.training

    @training.setter
    def training(self, mode):
        if (inner := self._inner()) is not None:
            inner.training = mode

    def __len__(self):
        return len(self._orig_mod)

    def __bool__(self):
        return self._orig_mod is not None

    def __dir__(self):
        return [*super().__dir__(), *dir(self._orig_mod)]


@functools.cache
def _warn():
    warnings.warn("torch.compile: cygrad does not compile yet, the model runs as it is", stacklevel=4)


def compile(
    model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None, name=None,
    disable=False, recompile_limit=None, isolate_recompiles=False, shapes_spec=None,
):  # fmt: skip
    """A module or function that computes what `model` does; a warning says once that it is not compiled.

    Without `model` it is a decorator. RuntimeError for an unknown `mode`, or for both `mode` and `options`.
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if model is None:
        return functools.partial(_compiled, quiet=disable or backend == "eager")
    return _compiled(model, disable or backend == "eager")


def _compiled(model, quiet):
    assert callable(model), f"A callable function is expected, but {type(model)} is provided."
    if not quiet:
        _warn()
    if isinstance(model, Module):
        return OptimizedModule(model)

    @functools.wraps(model)
    def function(*args, **kwargs):
        return model(*args, **kwargs)

    function._torchdynamo_orig_callable = model
    return function


def disable(fn=None, recursive=True, *, reason=None):
    """Returns what it decorates, with arguments or without: nothing is compiled."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn):
    """Returns the function."""
    return fn


assume_constant_result = substitute_in_graph = wrap_numpy = nested_compile_region = allow_in_graph


def is_compiling():
    """Whether this code is being compiled: never."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset():
    """There is nothing to reset."""


def cudagraph_mark_step_begin():
    """There are no CUDA graphs."""


def list_backends(exclude_tags=("debug", "experimental")):
    """The compilers: none."""
    return []


@contextlib.contextmanager
def _nothing():
    yield


def set_stance(stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
    """How compiled code would behave; usable in a `with` block. RuntimeError for an unknown stance."""
    if stance not in _STANCES:
        raise RuntimeError(f"invalid torch.compile stance: '{stance}', should be one of {', '.join(_STANCES)}")
    return _nothing()


def __getattr__(name):
    if name == "config":
        return _standins.submodule("compiler", name)
    raise AttributeError(f"module 'torch.compiler' has no attribute '{name}': cygrad does not compile yet")
