"""`torch._foreach_add` and its like: an operator over lists of tensors, one call for each tensor."""

import cygrad
from cygrad._core import Tensor

_UNARY = """abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal
    round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc""".split()
_BINARY = "add sub mul div maximum minimum clamp_max clamp_min pow".split()
_PAIRED = {"maximum": "maximum", "clamp_min": "maximum", "minimum": "minimum", "clamp_max": "minimum"}


def _checked(*lists):
    """The lists, as they are to be: none empty, all of one length."""
    for tensors in lists:
        if not isinstance(tensors, (list, tuple)):
            raise TypeError(f"argument 'self' must be tuple of Tensors, not {type(tensors).__name__}")
    if not lists[0]:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for other in lists[1:]:
        if len(other) != len(lists[0]):
            kind = "Tensor list" if not other or isinstance(other[0], Tensor) else "scalar list"
            if kind == "scalar list":
                raise RuntimeError(
                    "Tensor list must have same number of elements as scalar list."
                )
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(lists[0])} and {len(other)}"
            )
    return lists


def _spread(x, n):
    """One value for each tensor: a list, or the same number (or tensor) again and again."""
    return x if isinstance(x, (list, tuple)) else [x] * n


def _values(tensors, x):
    """`_spread`, where a tensor may hold the numbers of all."""
    if isinstance(x, Tensor) and x.dim() == 1:
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        _checked(tensors, x)
    return _spread(x, len(tensors))


def _pair(name, of, at):
    """The list functions `_foreach_NAME` and, in place, `_foreach_NAME_`."""

    def function(self, *args, **kwargs):
        return tuple(of(self, *args, **kwargs))

    def in_place(self, *args, **kwargs):
        for t, value in zip(self, at(self, *args, **kwargs), strict=True):
            if value is not t:
                if value.shape != t.shape:
                    raise RuntimeError(
                        f"output with shape {list(t.shape)} doesn't match the broadcast shape {list(value.shape)}"
                    )
                t.copy_(value)

    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    in_place.__name__ = in_place.__qualname__ = f"_foreach_{name}_"
    function.__doc__ = f"`{name}` of each tensor of a list."
    in_place.__doc__ = f"`_foreach_{name}` in place."
    return function, in_place


def _unary(name):
    def of(self):
        _checked(self)
        return [getattr(t, name)() for t in self]

    def at(self):
        _checked(self)
        return [getattr(t, name + "_")() for t in self]

    return _pair(name, of, at)


def _binary(name):
    def both(self, other, keywords, suffix):
        _checked(self)
        others = _values(self, other) if not isinstance(other, (list, tuple)) else _checked(self, other)[1]
        for t, x in zip(self, others, strict=True):
            if name in _PAIRED:
                if not isinstance(x, Tensor):
                    x = cygrad.tensor(x, dtype=t.dtype, device=t.device)
                yield getattr(cygrad, _PAIRED[name])(t, x)
            else:
                yield getattr(t, name + suffix)(x, **keywords)

    def of(self, other=None, *, scalar=None, scalars=None, tensor=None, exponent=None, **keywords):
        return both(self, _given(other, scalar, scalars, tensor, exponent), keywords, "")

    def at(self, other=None, *, scalar=None, scalars=None, tensor=None, exponent=None, **keywords):
        return both(self, _given(other, scalar, scalars, tensor, exponent), keywords, "_")

    return _pair(name, of, at)


def _foreach_pow_of(function):
    """`_foreach_pow`, whose first argument may be the number."""

    def power(self, exponent):
        if isinstance(self, (int, float, complex)):
            _checked(exponent)
            return tuple(cygrad.pow(self, t) for t in exponent)
        return function(self, exponent)

    power.__name__ = power.__qualname__ = "_foreach_pow"
    power.__doc__ = function.__doc__
    return power


def _given(*values):
    return next((x for x in values if x is not None), None)


def _ternary(name):
    def both(self, tensor1, tensor2, value, suffix):
        _checked(self, tensor1, tensor2)
        for t, a, b, v in zip(self, tensor1, tensor2, _values(self, value), strict=True):
            yield getattr(t, name + suffix)(a, b, value=v)

    def of(self, tensor1, tensor2, value=1, *, scalars=None, tensor=None):
        return both(self, tensor1, tensor2, _given(scalars, tensor, value), "")

    def at(self, tensor1, tensor2, value=1, *, scalars=None, tensor=None):
        return both(self, tensor1, tensor2, _given(scalars, tensor, value), "_")

    return _pair(name, of, at)


def _lerp(suffix):
    def both(self, tensors1, weights=None, *, weight=None, scalars=None):
        _checked(self, tensors1)
        chosen = _given(weights, weight, scalars)
        if isinstance(chosen, (list, tuple)):
            _checked(self, chosen)
        for t, end, w in zip(self, tensors1, _spread(chosen, len(self)), strict=True):
            yield getattr(t, "lerp" + suffix)(end, w)

    return both


def _foreach_norm(self, ord=2, dtype=None):
    """The norm of each tensor of a list."""
    _checked(self)
    return tuple(cygrad.linalg.vector_norm(t, ord, dtype=dtype) for t in self)


def _foreach_max(self):
    """The largest element of each tensor of a list."""
    _checked(self)
    return tuple(t.max() for t in self)


def _foreach_zero_(self):
    """Each tensor of a list filled with 0."""
    _checked(self)
    for t in self:
        t.zero_()


def _foreach_copy_(self, src, non_blocking=False):
    """The tensors of a list written into those of another."""
    _checked(self, src)
    for t, s in zip(self, src, strict=True):
        t.copy_(s, non_blocking)


_MADE = [
    _foreach_norm, _foreach_max, _foreach_zero_, _foreach_copy_,
    *[f for name in _UNARY for f in _unary(name)],
    *[f for name in _BINARY for f in _binary(name)],
    *[f for name in ("addcmul", "addcdiv") for f in _ternary(name)],
    *_pair("lerp", _lerp(""), _lerp("_")),
]  # fmt: skip
FUNCTIONS = {f.__name__: f for f in _MADE}
FUNCTIONS["_foreach_pow"] = _foreach_pow_of(FUNCTIONS["_foreach_pow"])
