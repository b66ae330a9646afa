"""Small helpers of modules: tuples from scalars, prefixes of state dictionaries."""

import math
from collections.abc import Iterable
from types import FunctionType

import cygrad

from .. import init
from ..parameter import Parameter


class OwnInit:
    """Gives every subclass a copy of the ``__init__`` it inherits.

    Python names the function in its messages; users expect the class that they called.
    """

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "__init__" not in cls.__dict__:
            shared = cls.__init__
            own = FunctionType(shared.__code__, shared.__globals__, "__init__",
                               shared.__defaults__, shared.__closure__)
            own.__kwdefaults__ = shared.__kwdefaults__
            own.__qualname__ = f"{cls.__name__}.__init__"
            cls.__init__ = own


def make_weight_and_bias(module, shape, count, bias, device, dtype):
    """Give the module a weight of this shape and ``count`` biases (None without), not drawn yet."""
    module.weight = Parameter(cygrad.empty(shape, device=device, dtype=dtype))
    made = Parameter(cygrad.empty(count, device=device, dtype=dtype)) if bias else None
    module.register_parameter("bias", made)


def draw_by_fan_in(tensor, fan_in):
    """Draw a parameter, if there is one, from U(-k, k) with k = 1 / sqrt(fan_in)."""
    if tensor is not None:
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(tensor, -bound, bound)


def _ntuple(n, name="parse"):
    def parse(x):
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t, n):
    return tuple(x for x in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Take ``prefix`` off the keys of a state dict, in place ("module." of DataParallel)."""
    for key in list(state_dict.keys()):
        if key.startswith(prefix):
            state_dict[key[len(prefix):]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata.keys()):
            if key == prefix.replace(".", "") or key.startswith(prefix):
                metadata[key[len(prefix):]] = metadata.pop(key)
