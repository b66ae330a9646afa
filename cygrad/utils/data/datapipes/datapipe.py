"""What a data pipe is: a dataset whose class registers the steps that can follow it."""

import functools
import pickle

from ..dataset import Dataset, IterableDataset

__all__ = ["DataChunk", "DFIterDataPipe", "IterDataPipe", "MapDataPipe"]


class DataChunk(list):
    """A batch: a list that remembers its items."""

    def __init__(self, items):
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent=""):
        """The items as text."""
        return indent + "[" + ", ".join(str(i) for i in iter(self)) + "]"

    def __iter__(self):
        yield from super().__iter__()

    def raw_iterator(self):
        """Yields the items."""
        yield from self.items


class _Pipe:
    """Steps by the names that they are registered under."""

    getstate_hook = reduce_ex_hook = None

    def __getattr__(self, name):
        for cls in type(self).__mro__:
            step = vars(cls).get("functions", {}).get(name)
            if step is not None:
                return functools.update_wrapper(functools.partial(step, self), step, updated=())
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @classmethod
    def register_function(cls, function_name, function):
        """Makes `pipe.NAME(...)` call `function(pipe, ...)`."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name, cls_to_register, enable_df_api_tracing=False):
        """Makes `pipe.NAME(...)` the step `cls_to_register(pipe, ...)`."""
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")

        def step(source, *args, **kwargs):
            return cls_to_register(source, *args, **kwargs)

        step.__name__, step.__doc__ = function_name, cls_to_register.__doc__
        cls.functions[function_name] = step

    def __getstate__(self):
        return type(self).getstate_hook(self) if type(self).getstate_hook else dict(self.__dict__)

    def __setstate__(self, state):
        self.__dict__.update(state)

    def __reduce_ex__(self, *args, **kwargs):
        hook = type(self).reduce_ex_hook
        if hook is not None:
            try:
                return hook(self)
            except NotImplementedError:
                pass
        return super().__reduce_ex__(*args, **kwargs)

    @classmethod
    def set_getstate_hook(cls, hook_fn):
        """Has `hook_fn(pipe)` give what is pickled."""
        if cls.getstate_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing getstate_hook")
        cls.getstate_hook = staticmethod(hook_fn) if hook_fn is not None else None

    @classmethod
    def set_reduce_ex_hook(cls, hook_fn):
        """Has `hook_fn(pipe)` take a pipe apart."""
        if cls.reduce_ex_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing reduce_ex_hook")
        cls.reduce_ex_hook = staticmethod(hook_fn) if hook_fn is not None else None

    def __repr__(self):
        return type(self).__qualname__

    __str__ = __repr__


class MapDataPipe(_Pipe, Dataset):
    """A data pipe with `__getitem__` and `__len__`."""

    functions = {}


class IterDataPipe(_Pipe, IterableDataset):
    """A data pipe with `__iter__`. Of its iterators only the last is valid: an older one raises when it is asked."""

    functions = {}
    _valid_iterator_id = 0

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__iter__" in vars(cls):
            cls.__iter__ = _single(cls.__iter__)

    def reset(self):
        """What happens before each pass."""


class DFIterDataPipe(IterDataPipe):
    """A data pipe of data frames."""

    def _is_dfpipe(self):
        return True


def _single(function):
    if getattr(function, "_single", False):
        return function

    @functools.wraps(function)
    def iterate(self):
        number = self.__dict__["_valid_iterator_id"] = self._valid_iterator_id + 1
        self.reset()
        items = iter(function(self))
        return _checked(self, number, items)

    iterate._single = True
    return iterate


def _checked(pipe, number, items):
    for item in items:
        yield item
        if pipe._valid_iterator_id != number:
            raise RuntimeError(
                "This iterator has been invalidated because another iterator has been created from the same "
                f"IterDataPipe: {pipe!r}\nThis may be caused multiple references to the same IterDataPipe. We "
                "recommend using `.fork()` if that is necessary.\nFor feedback regarding this single iterator per "
                "IterDataPipe constraint, feel free to comment on this issue: "
                "https://github.com/pytorch/data/issues/45."
            )


def is_picklable(thing):
    """Whether a function can be sent to another process."""
    try:
        pickle.dumps(thing)
    except Exception:
        return False
    return True
