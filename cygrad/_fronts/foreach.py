"""`torch._foreach_add` and its like: an operator over lists of tensors, by one compiled pass of `map`."""

from functools import partial
from itertools import repeat

import cygrad
from cygrad._core import Tensor
from cygrad._ops import OPS, call, call_

_UNARY = """abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal
    round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc""".split()
_SCALED = ("add", "sub")  # with alpha
_PLAIN = ("mul", "div", "pow")
_BOUNDS = {"maximum": "clamp_min", "clamp_min": "clamp_min", "minimum": "clamp_max", "clamp_max": "clamp_max"}


def _list(name, argument, position, tensors):
    if not isinstance(tensors, (list, tuple)):
        kind = type(tensors).__name__
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be tuple of Tensors, not {kind}")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument {position - 1}, but got {type(t).__name__}")
    return tensors


def _lists(name, **lists):
    """Lists of tensors, by their arguments' names, as they are to be: none empty, all of one length."""
    for position, (argument, tensors) in enumerate(lists.items()):
        _list(name, argument, position + 1, tensors)
    first, *others = lists.values()
    if not first:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for other in others:
        if len(other) != len(first):
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(first)} and {len(other)}"
            )


def _numbers(values, n):
    """One number for each tensor, of a list of them, a tensor that holds them, or one for all."""
    if isinstance(values, Tensor):
        if values.dim() != 1:
            raise RuntimeError(f"Expected packed scalar Tensor to be of dimension 1. Got {values.dim()} instead.")
        if len(values) != n:
            raise RuntimeError(
                f"Expected length of scalars to match input of length {n} but got {len(values)} instead."
            )
        return values.tolist()
    if not isinstance(values, (list, tuple)):
        return repeat(values, n)
    if len(values) != n:
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return values


def _others(name, self, other, argument="other"):
    """What goes with each tensor of a list: tensors, numbers, or one of either for all."""
    if isinstance(other, (list, tuple)) and (not other or isinstance(other[0], Tensor)):
        _lists(name, self=self, **{argument: other})
        return other
    _lists(name, self=self)
    if isinstance(other, Tensor):
        if other.dim():
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {other.dim()} dimensions and {other.numel()} elements."
            )
        return repeat(other, len(self))
    first = other[0] if isinstance(other, (list, tuple)) else other
    if isinstance(other, (list, tuple)) and not isinstance(first, (int, float, complex)):
        raise TypeError(f"expected Tensor as element 0 in argument 1, but got {type(first).__name__}")
    if not isinstance(first, (int, float, complex)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got (list, {type(other).__name__})"
        )
    return _numbers(other, len(self))


def _is_nan_or_complex(x):
    return isinstance(x, complex) or x != x


def _given(*values):
    return next((x for x in values if x is not None), None)


def _named(name, pair):
    """The list functions `_foreach_NAME` and, in place, `_foreach_NAME_`."""
    function, in_place = pair
    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    in_place.__name__ = in_place.__qualname__ = f"_foreach_{name}_"
    function.__doc__ = f"`{name}` of each tensor of a list."
    in_place.__doc__ = f"`_foreach_{name}` in place; returns the list."
    return pair


def _written(self, results):
    """The list, when all results are there."""
    for _ in results:
        pass
    return self


def _unary(name):
    def function(self):
        _lists(f"_foreach_{name}", self=self)
        return tuple(map(getattr(Tensor, name), self))

    def in_place(self):
        _lists(f"_foreach_{name}_", self=self)
        return _written(self, map(getattr(Tensor, name + "_"), self))

    return _named(name, (function, in_place))


def _scaled(name):
    def results(method, self, other, alpha):
        full = f"_foreach_{method}"
        method = getattr(Tensor, method)
        if alpha is not None:
            if not isinstance(other, Tensor):
                _list(full, "other", 2, other)
            method = partial(method, alpha=alpha)
        return map(method, self, _others(full, self, other))

    def function(self, other=None, *, scalar=None, scalars=None, alpha=None):
        return tuple(results(name, self, _given(other, scalar, scalars), alpha))

    def in_place(self, other=None, *, scalar=None, scalars=None, alpha=None):
        return _written(self, results(name + "_", self, _given(other, scalar, scalars), alpha))

    return _named(name, (function, in_place))


def _plain(name):
    def function(self, other=None, *, scalar=None, scalars=None, exponent=None):
        other = _given(other, scalar, scalars, exponent)
        if name == "pow" and isinstance(self, (int, float, complex)):
            _lists("_foreach_pow", exponent=other)
            return tuple(map(cygrad.pow, repeat(self), other))
        return tuple(map(getattr(Tensor, name), self, _others(f"_foreach_{name}", self, other)))

    def in_place(self, other=None, *, scalar=None, scalars=None, exponent=None):
        other = _given(other, scalar, scalars, exponent)
        return _written(self, map(getattr(Tensor, name + "_"), self, _others(f"_foreach_{name}_", self, other)))

    return _named(name, (function, in_place))


def _bound(name):
    """The larger or smaller of each, and numbers or tensors."""
    by_number = _BOUNDS[name]
    by_tensor = "maximum" if by_number == "clamp_min" else "minimum"

    def results(suffix, self, other):
        others = _others(f"_foreach_{name}{suffix}", self, other)
        if others is other and isinstance(other[0], Tensor):
            if suffix:
                return map(call_, repeat(OPS[by_tensor]), self, zip(others))
            return map(getattr(Tensor, by_tensor), self, others)
        numbers = tuple(others)
        if all(map(Tensor.is_floating_point, self)) and not any(map(_is_nan_or_complex, numbers)):
            op = repeat(OPS["_" + by_number])
            return map(call_, op, self, repeat(()), zip(numbers)) if suffix else map(call, op, zip(self), zip(numbers))
        return map(getattr(Tensor, by_number + suffix), self, numbers)  # numbers may change the dtype

    def function(self, other=None, *, scalar=None, scalars=None):
        return tuple(results("", self, _given(other, scalar, scalars)))

    def in_place(self, other=None, *, scalar=None, scalars=None):
        return _written(self, results("_", self, _given(other, scalar, scalars)))

    return _named(name, (function, in_place))


def _ternary(name):
    def results(method, self, tensor1, tensor2, value):
        _lists(f"_foreach_{method}", self=self, tensor1=tensor1, tensor2=tensor2)
        method = getattr(Tensor, method)
        if isinstance(value, (list, tuple, Tensor)):
            values = _numbers(value, len(self))
            return [method(*each[:3], value=each[3]) for each in zip(self, tensor1, tensor2, values, strict=True)]
        return map(partial(method, value=value), self, tensor1, tensor2)

    def function(self, tensor1, tensor2, value=1, *, scalars=None, tensor=None):
        value = _given(scalars, tensor, value)
        return tuple(results(name, self, tensor1, tensor2, value))

    def in_place(self, tensor1, tensor2, value=1, *, scalars=None, tensor=None):
        value = _given(scalars, tensor, value)
        return _written(self, results(name + "_", self, tensor1, tensor2, value))

    return _named(name, (function, in_place))


def _lerp():
    def results(full, method, self, tensors1, weight):
        _lists(full, self=self, tensors1=tensors1)
        return map(method, self, tensors1, _others(full, self, weight, "weights"))

    def function(self, tensors1, weights=None, *, weight=None, scalars=None):
        return tuple(results("_foreach_lerp", Tensor.lerp, self, tensors1, _given(weights, weight, scalars)))

    def in_place(self, tensors1, weights=None, *, weight=None, scalars=None):
        weight = _given(weights, weight, scalars)
        return _written(self, results("_foreach_lerp_", Tensor.lerp_, self, tensors1, weight))

    return _named("lerp", (function, in_place))


def _foreach_norm(self, ord=2, dtype=None):
    """The norm of each tensor of a list."""
    _lists("_foreach_norm", self=self)
    if not isinstance(ord, (int, float)):
        kind = type(ord).__name__
        raise TypeError(f"_foreach_norm(): argument 'ord' (position 2) must be Number, not {kind}")
    return tuple(map(partial(cygrad.linalg.vector_norm, ord=ord, dtype=dtype), self))


def _foreach_powsum(self, ord=2, dtype=None):
    """The sum of the absolute values to the power `ord` of each tensor of a list."""
    _lists("_foreach_powsum", self=self)
    if not isinstance(ord, (int, float)):
        kind = getattr(type(ord), "__module__", "").replace("cygrad", "torch")
        kind = f"{kind}.{type(ord).__name__}" if kind.startswith("torch") else type(ord).__name__
        raise TypeError(f"_foreach_powsum(): argument 'ord' (position 2) must be Number, not {kind}")
    for t in self:
        if not t.is_floating_point() and not t.is_complex():
            raise NotImplementedError(f"\"powsum_cpu\" not implemented for '{_scalar_name(t)}'")
    return tuple([(t if dtype is None else t.to(dtype)).abs().pow(ord).sum() for t in self])


def _scalar_name(t):
    return cygrad._core.SCALAR_TYPE_NAMES[t.dtype.code]


def _foreach_max(self):
    """The largest element of each tensor of a list."""
    _lists("_foreach_max", self=self)
    if not all(map(Tensor.numel, self)):
        raise RuntimeError(
            "_foreach_max cannot compute the maximum of an empty tensor; max over zero elements is undefined."
        )
    return tuple(map(Tensor.max, self))


def _foreach_clone(self, *, memory_format=None):
    """A copy of each tensor of a list."""
    _lists("_foreach_clone", self=self)
    return tuple([t.clone() if memory_format is None else t.clone(memory_format=memory_format) for t in self])


def _foreach_mm(self, mat2):
    """The matrix products of two lists."""
    for position, (argument, tensors) in enumerate((("self", self), ("mat2", mat2))):
        _list("_foreach_mm", argument, position + 1, tensors)
    if not self or not mat2:
        raise RuntimeError("_foreach_mm requires non-empty tensor lists")
    if len(self) != len(mat2):
        raise RuntimeError("_foreach_mm: self and mat2 must have the same number of tensors")
    return tuple(map(cygrad.mm, self, mat2))


def _foreach_zero_(self):
    """Each tensor of a list filled with 0."""
    _lists("_foreach_zero_", self=self)
    return _written(self, map(Tensor.zero_, self))


def _foreach_copy_(self, src, non_blocking=False):
    """The tensors of a list written into those of another."""
    _lists("_foreach_copy_", self=self, src=src)
    return _written(self, map(Tensor.copy_, self, src, repeat(non_blocking)))


_PAIRS = [*map(_unary, _UNARY), *map(_scaled, _SCALED), *map(_plain, _PLAIN), *map(_bound, _BOUNDS)]
_PAIRS += [_ternary("addcmul"), _ternary("addcdiv"), _lerp()]
_MADE = [f for pair in _PAIRS for f in pair]
_MADE += [_foreach_norm, _foreach_powsum, _foreach_max, _foreach_clone, _foreach_mm, _foreach_zero_, _foreach_copy_]
FUNCTIONS = {f.__name__: f for f in _MADE}
