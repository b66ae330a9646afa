"""Decorators of data pipes."""

import functools
import inspect
import typing

from .datapipe import IterDataPipe, MapDataPipe

__all__ = [
    "argument_validation", "functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic",
    "runtime_validation", "runtime_validation_disabled",
]  # fmt: skip


class functional_datapipe:
    """Registers a class of data pipes as a step: `@functional_datapipe("double")` makes `pipe.double()`."""

    def __init__(self, name, enable_df_api_tracing=False):
        self.name, self.enable_df_api_tracing = name, enable_df_api_tracing

    def __call__(self, cls):
        if not isinstance(cls, type):
            raise TypeError("`functional_datapipe` can only decorate a class")
        for kind in (IterDataPipe, MapDataPipe):
            if issubclass(cls, kind):
                kind.register_datapipe_as_function(self.name, cls, self.enable_df_api_tracing)
                return cls
        raise TypeError("`functional_datapipe` only decorates IterDataPipe and MapDataPipe")


_determinism = False


class guaranteed_datapipes_determinism:
    """A context in which data pipes marked as not deterministic can't be made."""

    def __init__(self):
        self.prev = _determinism

    def __enter__(self):
        global _determinism
        self.prev, _determinism = _determinism, True

    def __exit__(self, *exc):
        global _determinism
        _determinism = self.prev


class non_deterministic:
    """Marks a class of data pipes as not deterministic; given a function, where that says so of the arguments."""

    def __init__(self, arg):
        self.cls = self.deterministic_fn = None
        if isinstance(arg, type):
            if not issubclass(arg, IterDataPipe):
                raise TypeError("Only `IterDataPipe` can be decorated with `non_deterministic`")
            self.cls = arg
        elif callable(arg):
            self.deterministic_fn = arg
        else:
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    def __call__(self, *args, **kwargs):
        if self.cls is not None:
            if _determinism:
                raise TypeError(
                    f"{self.cls.__name__} is non-deterministic, but you set 'guaranteed_datapipes_determinism'. You "
                    "can turn off determinism for this DataPipe if that is acceptable for your application"
                )
            return self.cls(*args, **kwargs)
        cls = args[0]
        if not (isinstance(cls, type) and issubclass(cls, IterDataPipe)):
            raise TypeError("Only `IterDataPipe` can be decorated")

        @functools.wraps(cls, updated=())
        def make(*args, **kwargs):
            if _determinism and self.deterministic_fn(*args, **kwargs):
                raise TypeError(
                    f"{cls.__name__} is non-deterministic with the inputs, but you set "
                    "'guaranteed_datapipes_determinism'. You can turn off determinism for this DataPipe if that is "
                    "acceptable for your application"
                )
            return cls(*args, **kwargs)

        return make


_validating = True


class runtime_validation_disabled:
    """A context in which `runtime_validation` checks nothing."""

    def __enter__(self):
        global _validating
        self.prev, _validating = _validating, False

    def __exit__(self, *exc):
        global _validating
        _validating = self.prev


def _fits(value, hint):
    """Whether a value is of a type, as far as that can be told from outside."""
    origin = typing.get_origin(hint)
    if hint is typing.Any or isinstance(hint, (typing.TypeVar, str)):
        return True
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        return any(_fits(value, h) for h in typing.get_args(hint))
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def argument_validation(f):
    """A function whose arguments that are to be data pipes of a type are checked to be data pipes."""
    signature = inspect.signature(f)
    hints = typing.get_type_hints(f)

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            kind = typing.get_origin(hints.get(name)) or hints.get(name)
            if isinstance(kind, type) and issubclass(kind, IterDataPipe) and not isinstance(value, IterDataPipe):
                raise TypeError(
                    f"Expected argument '{name}' as a IterDataPipe, but found {type(value)}"
                )
        return f(*args, **kwargs)

    return wrapper


def runtime_validation(f):
    """An `__iter__` each item of which is checked to be of the type that its annotation says."""
    if f.__name__ != "__iter__":
        raise TypeError(f"Can not decorate function {f.__name__} with 'runtime_validation'")
    hint = typing.get_type_hints(f).get("return")
    wanted = (typing.get_args(hint) or (typing.Any,))[0]

    @functools.wraps(f)
    def wrapper(self):
        for item in f(self):
            if _validating and not _fits(item, wanted):
                raise RuntimeError(
                    f"Expected an instance as subtype of {wanted}, but found {item}({type(item)})"
                )
            yield item

    return wrapper
