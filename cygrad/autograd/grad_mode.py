"""Switches of what is recorded: contexts, and decorators of functions and generators."""

import functools
import inspect
import warnings

from .._core import (
    is_grad_enabled,
    is_inference_mode_enabled,
    set_grad_mode,
    set_inference_mode,
)

__all__ = [
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "set_multithreading_enabled",
]


def _generator_in(context, function):
    """`function`, a generator function, with the context entered only while its code runs."""

    @functools.wraps(function)
    def generator_context(*args, **kwargs):
        generator = function(*args, **kwargs)
        try:
            with context():
                response = generator.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with context():
                        generator.close()
                    raise
                except BaseException as error:
                    with context():
                        response = generator.throw(error)
                else:
                    with context():
                        response = generator.send(request)
        except StopIteration as stop:
            return stop.value

    return generator_context


def _decorate(context, function):
    if inspect.isclass(function):
        warnings.warn(
            "Decorating classes is deprecated and will be disabled in future versions. You should "
            "only decorate functions or methods. To preserve the current behavior of class "
            "decoration, you can directly decorate the `__init__` method and nothing else.",
            FutureWarning,
            stacklevel=3,
        )

        @functools.wraps(function, updated=())
        def construct(*args, **kwargs):
            with context():
                return function(*args, **kwargs)

        return construct
    if inspect.isgeneratorfunction(function):
        return _generator_in(context, function)

    @functools.wraps(function)
    def decorate_context(*args, **kwargs):
        with context():
            return function(*args, **kwargs)

    return decorate_context


class _Context:
    """A context that can be entered again and again, and decorate."""

    def clone(self):
        return type(self)()

    def __call__(self, function):
        return _decorate(self.clone, function)


class _PlainContext(_Context):
    """One that is also a decorator without parentheses: `@no_grad`."""

    def __new__(cls, function=None):
        context = object.__new__(cls)
        return context if function is None else context(function)

    def __exit__(self, kind, value, traceback):
        set_grad_mode(self.prev)


class no_grad(_PlainContext):
    """Nothing computed inside is recorded for the backward pass."""

    def __enter__(self):
        self.prev = set_grad_mode(False)


class enable_grad(_PlainContext):
    """Inside a `no_grad` block, records again.  In inference mode it has no effect."""

    def __enter__(self):
        self.prev = set_grad_mode(not is_inference_mode_enabled())


class set_grad_enabled(_Context):
    """Turns recording on or off: at once as a function, for a block as a context."""

    def __init__(self, mode):
        if not isinstance(mode, bool):
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type(mode).__name__}"
            )
        self.mode = mode
        self.prev = set_grad_mode(mode)

    def __call__(self, function):
        set_grad_mode(self.prev)  # a decorator turns nothing off by being written
        return super().__call__(function)

    def __enter__(self):
        set_grad_mode(self.mode)

    def __exit__(self, kind, value, traceback):
        set_grad_mode(self.prev)

    def clone(self):
        return type(self)(self.mode)

    def __str__(self):
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode(_Context):
    """Like `no_grad`, and tensors made inside can never take part in recorded work: no versions, no
    view tracking.
    """

    def __new__(cls, mode=True):
        context = object.__new__(cls)
        if isinstance(mode, bool):
            return context
        context.mode = True
        return context(mode)

    def __init__(self, mode=True):
        self.mode = mode

    def __enter__(self):
        self.prev = set_grad_mode(not self.mode), set_inference_mode(self.mode)

    def __exit__(self, kind, value, traceback):
        set_grad_mode(self.prev[0])
        set_inference_mode(self.prev[1])

    def clone(self):
        return type(self)(self.mode)


_multithreading = True


def is_multithreading_enabled():
    """What `set_multithreading_enabled` said last; cygrad runs a backward pass in the thread that
    asked for it.
    """
    return _multithreading


class set_multithreading_enabled(_Context):
    """Kept for programs that set it: cygrad runs a backward pass in the thread that asked for
    it.
    """

    def __init__(self, mode):
        global _multithreading
        self.mode, self.prev, _multithreading = mode, _multithreading, mode

    def __enter__(self):
        global _multithreading
        _multithreading = self.mode

    def __exit__(self, kind, value, traceback):
        global _multithreading
        _multithreading = self.prev

    def clone(self):
        return type(self)(self.mode)


class enforce_grad_layout_policy(_Context):
    """Kept for programs that set it: whether an accumulated gradient takes the layout of its parameter.

    cygrad keeps the layout in which a gradient arrives, and neither copies nor warns.
    """

    def __init__(self, enable=True):
        self.enable = enable

    def __enter__(self):
        return None

    def __exit__(self, kind, value, traceback):
        return None

    def clone(self):
        return type(self)(self.enable)


__all__ += ["enforce_grad_layout_policy", "is_grad_enabled", "is_inference_mode_enabled", "is_multithreading_enabled"]
