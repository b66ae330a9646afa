"""torch.overrides: `__torch_function__` of arguments, and modes that see every public function of a block.

The dispatch itself is compiled (`_dispatch.pyx`); here are the names that programs use it by.
"""

import contextlib
import functools
import inspect
import threading
import types
import warnings

import cygrad
from cygrad import Tensor, _dispatch

__all__ = [
    "get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function",
    "has_torch_function", "resolve_name", "is_tensor_like", "is_tensor_method_or_property", "wrap_torch_function",
    "enable_reentrant_dispatch", "redispatch_function",
]  # fmt: skip

# ---- for functions that want to be overridable themselves


_asked = threading.local()  # already: the next function to ask was called by the handler that it would ask


def has_torch_function(args):
    """Whether an element of the iterable has a `__torch_function__`, or a mode is on."""
    if getattr(_asked, "already", False):
        _asked.already = False
        return False
    return _dispatch.modes_enabled() or any(_dispatch.overrides(x) for x in args)


def has_torch_function_unary(x):
    """`has_torch_function((x,))`."""
    return has_torch_function((x,))


def has_torch_function_variadic(*args):
    """`has_torch_function(args)`."""
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `public_api(*args, **kwargs)` from the first handler that takes it.

    A mode is asked first, then the `relevant_args`, subclasses before their base classes; TypeError
    if all of them return NotImplemented.
    """
    relevant_args = tuple(relevant_args)
    found = [] if _dispatch.is_disabled() else _dispatch.overloaded(relevant_args)
    plain = [x for x in relevant_args if type(x) is Tensor][:1]
    kinds = tuple(type(x) for x in found + plain)
    if _dispatch.modes_enabled():
        with _pop_mode_temporarily() as mode:
            result = mode.__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
        found = []
    for x in found + plain:
        result = x.__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    name = resolve_name(public_api) or f"{public_api.__module__}.{public_api.__name__}"
    in_mode = f" nor in mode {_get_current_function_mode()}" if _dispatch.modes_enabled() else ""
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: {list(kinds)}{in_mode}"
    )


def wrap_torch_function(dispatcher):
    """A decorator that makes a function overridable by the arguments that `dispatcher(*args)` returns."""

    def decorate(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp):
    """Whether `inp` is a Tensor or has a `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


# ---- what can be overridden


def _spaces():
    """(the namespace as programs name it, its public functions) of everything that can be overridden."""
    modules = [cygrad, cygrad.nn.functional]
    for name in ("linalg", "special", "fft"):
        with contextlib.suppress(AttributeError):
            modules.append(getattr(cygrad, name))
    for module in modules:
        yield (
            module,
            [
                f
                for name, f in vars(module).items()
                if _dispatch.is_public(f) and not name.startswith("_")
            ],
        )
    yield Tensor, [f for f in vars(Tensor).values() if _dispatch.is_public(f)]


@functools.cache
def _overridable():
    found, index = {}, {}
    for space, functions in _spaces():
        for f in functions:
            if hasattr(type(f), "__set__"):  # a property
                found.setdefault(f, []).append(f.__get__)
                index[f.__get__] = _dispatch.public_name(f.__get__)
            elif _dispatch.is_overridable(f):
                found.setdefault(space, []).append(f)
                index[f] = _dispatch.public_name(f)
    return found, index


@_dispatch.quietly
def get_overridable_functions():
    """{namespace: [functions]} of all that a `__torch_function__` may be called for."""
    return {space: list(functions) for space, functions in _overridable()[0].items()}


@_dispatch.quietly
def get_ignored_functions():
    """The public functions that arguments do not override: factories, and what is about the library itself."""
    functions = {f for space, fs in _spaces() for f in fs if not _dispatch.is_overridable(f)}
    functions |= {getattr(cygrad, name) for name in _dispatch.UNSEEN if hasattr(cygrad, name)}
    return functions | {Tensor.as_subclass, Tensor._make_subclass, Tensor._make_wrapper_subclass}


@_dispatch.quietly
def get_testing_overrides():
    """{function: a function of the same signature that returns -1} of all that can be overridden."""

    def dummy(function):
        def override(*args, **kwargs):
            return -1

        with contextlib.suppress(ValueError, TypeError):
            override.__signature__ = inspect.signature(function)
        return override

    return {f: dummy(f) for functions in _overridable()[0].values() for f in functions}


def get_default_nowrap_functions():
    """The properties whose value the default `__torch_function__` does not make an instance of the subclass."""
    return {Tensor._base.__get__, Tensor.grad.__get__}


def resolve_name(f):
    """The full name of a function that was passed to `__torch_function__`; None for one that is not overridable."""
    if isinstance(f, types.MethodWrapperType) or _dispatch.is_public(f):
        return _dispatch.public_name(f)
    return None


def is_tensor_method_or_property(func):
    """Whether the function that was passed to `__torch_function__` is a method or property of Tensor."""
    return func in _overridable()[1] and _dispatch.public_name(func).startswith("torch.Tensor.")


# ---- modes


class TorchFunctionMode:
    """A context whose `__torch_function__(func, types, args, kwargs)` is called for every public function in it.

    The mode itself is off while its method runs.  Modes nest, the innermost is asked first.
    """

    def __init__(self):
        pass

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        _dispatch.push_mode(self)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        _dispatch.pop_mode()

    @classmethod
    def push(cls, *args, **kwargs):
        """Deprecated: `Mode()` itself."""
        warnings.warn(
            "`Mode.push()` is no longer necessary and can be replaced with just `with Mode()`",
            stacklevel=2,
        )
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that calls what it is told of."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def _get_current_function_mode():
    stack = _dispatch.mode_stack()
    return stack[-1] if stack else None


def _get_current_function_mode_stack():
    return _dispatch.mode_stack()


@contextlib.contextmanager
def _pop_mode_temporarily():
    mode = _dispatch.pop_mode()
    try:
        yield mode
    finally:
        _dispatch.push_mode(mode)


@contextlib.contextmanager
def enable_reentrant_dispatch():
    """A context in which `__torch_function__` is asked again, inside a handler that has it off."""
    before = _dispatch.set_disabled(0)
    try:
        yield
    finally:
        _dispatch.set_disabled(before)


def redispatch_function(func, types, args, kwargs):
    """Calls `func` without asking its own arguments; functions that it calls ask theirs again."""
    if _dispatch.is_public(func):
        return _dispatch.call_without_asking(func, args, kwargs or {})
    _asked.already = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        _asked.already = False
