"""Tensors with a batch dimension that the function which vmap calls does not see.

A `Batched` holds the tensor of all slices ("whole", the batch first) and shows the shape of one.  Whatever public
function meets one comes to `__torch_function__`: a rule by the function's name (_batch_rules.py) says what it is on
whole tensors; without a rule it is called for each slice by itself.  Nested vmaps nest: the whole of one level may be
Batched at the level around it.
"""

import math
import threading

from .._core import Tensor
from ..random import get_rng_state, set_rng_state
from ..utils._pytree import tree_flatten, tree_unflatten


class NeedsLoop(Exception):
    """The function has to be called slice by slice."""


class _State(threading.local):
    def __init__(self):
        self.levels = []  # batch sizes of the vmaps that are running, the outermost first
        self.wrote = False  # whether memory was written in place, which can't be done twice


_state = _State()


class Batched(Tensor):
    """What a function under vmap sees: `whole` without its first dimension, of which `level` is the vmap's number."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})


def batched(whole, level):
    """The Batched of a tensor whose first dimension is the batch."""
    sizes = tuple(whole.shape)[1:]
    shown = _meta(sizes, whole.dtype).as_subclass(Batched)
    shown.__dict__["whole"], shown.__dict__["level"] = whole, level
    return shown


def _meta(sizes, dtype):
    from .. import empty

    return empty(sizes, dtype=dtype, device="meta")


def whole_of(x, level):
    """(tensor, whether its first dimension is the batch of `level`)"""
    if isinstance(x, Batched) and x.__dict__["level"] == level:
        return x.__dict__["whole"], True
    return x, False


def at_all_levels(x):
    """`x` with a batch dimension for every vmap that is running: what a gradient by slices is taken for."""
    return _expanded(x, len(_state.levels) - 1)


def _expanded(x, level):
    if level < 0:
        return x
    whole, is_batched = whole_of(x, level)
    inner = _expanded(whole, level - 1)
    return batched(inner if is_batched else inner.unsqueeze(0).expand(_state.levels[level], *inner.shape), level)


def plain(x):
    """The tensor with all batch dimensions in front."""
    while isinstance(x, Batched):
        x = x.__dict__["whole"]
    return x


def rewrapped(x, like):
    """A tensor with all batch dimensions in front as Batched at the levels of `like`."""
    levels = []
    while isinstance(like, Batched):
        levels.append(like.__dict__["level"])
        like = like.__dict__["whole"]
    for level in reversed(levels):
        x = batched(x, level)
    return x


def running():
    """Whether a function is being called on whole batches."""
    return bool(_state.levels)


def wholes(outputs, inputs, vectors):
    """What a backward pass for each slice is on whole tensors: slices do not meet, so one pass serves all."""
    given = [_deep(x) for x in inputs]
    results = [_deep(o) for o in outputs]
    each = [
        plain(at_all_levels(v)) if v is not None else o.new_ones(o.shape) for o, v in zip(results, vectors, strict=True)
    ]
    return results, given, each


def _deep(x):
    depth, inner = 0, x
    while isinstance(inner, Batched):
        inner, depth = inner.__dict__["whole"], depth + 1
    if depth != len(_state.levels):
        raise NeedsLoop  # recorded outside of the vmap, whose slices share it
    return inner


def full(x, level, count):
    """`x` with the batch in front, whether it had one or not."""
    whole, is_batched = whole_of(x, level)
    return whole if is_batched else whole.unsqueeze(0).expand(count, *whole.shape)


# ---------------------------------------------------------------- dispatch

RULES = {}


def rule(*names):
    """Registers a rule(level, count, func, args, kwargs) for functions of these names."""

    def register(made):
        for name in names:
            RULES[name] = made
        return made

    return register


def tensors_in(args, kwargs):
    found = []

    def walk(a):
        if isinstance(a, Tensor):
            found.append(a)
        elif isinstance(a, (list, tuple)):
            for x in a:
                walk(x)
        elif isinstance(a, dict):
            for x in a.values():
                walk(x)

    walk(args)
    if kwargs:
        walk(kwargs)
    return found


def dispatch(func, args, kwargs):
    name = func.__name__
    if name == "__get__":
        return _attribute(func.__self__.__name__, args[0])
    tensors = [x for x in tensors_in(args, kwargs) if isinstance(x, Batched)]
    level = max(x.__dict__["level"] for x in tensors)
    if level >= len(_state.levels):
        raise RuntimeError("a tensor of vmap was used after the call that made it")
    made = RULES.get(name)
    if made is None:
        return by_slices(level, func, args, kwargs)
    if name[-1:] == "_" and name[-2:] != "__" and name not in ("requires_grad_", "detach_"):
        _state.wrote = True
    if kwargs.get("out") is not None:
        raise NeedsLoop
    return made(level, _state.levels[level], func, args, kwargs)


def by_slices(level, func, args, kwargs):
    """`func` of each slice by itself; tensors are stacked, other results have to be equal."""
    name = func.__name__
    if name[-1:] == "_" and name[-2:] != "__" or name.startswith("__i") or name == "__setitem__" or "out" in kwargs:
        raise NeedsLoop
    leaves, spec = tree_flatten((args, kwargs))
    parts = []
    for x in leaves:
        whole, is_batched = whole_of(x, level) if isinstance(x, Tensor) else (x, False)
        parts.append(whole.unbind(0) if is_batched else None)
    columns, first_spec = None, None
    for i in range(_state.levels[level]):
        now_args, now_kwargs = tree_unflatten([x if p is None else p[i] for x, p in zip(leaves, parts)], spec)
        flat, now_spec = tree_flatten(func(*now_args, **now_kwargs))
        if columns is None:
            columns, first_spec = [[] for _ in flat], now_spec
        elif now_spec != first_spec:
            raise NeedsLoop
        for column, x in zip(columns, flat):
            column.append(x)
    if columns is None:
        raise NeedsLoop
    from .. import stack

    joined = []
    for column in columns:
        if all(isinstance(x, Tensor) for x in column):
            if any(x.shape != column[0].shape for x in column):
                raise NeedsLoop
            joined.append(batched(stack(column), level))
        elif any(x is not column[0] and (type(x) is not type(column[0]) or x != column[0]) for x in column):
            raise NeedsLoop
        else:
            joined.append(column[0])
    return tree_unflatten(joined, first_spec)


_SHOWN = frozenset(("shape", "ndim", "dtype", "itemsize", "nbytes", "names"))
_OF_WHOLE = frozenset(("device", "requires_grad", "is_leaf", "grad_fn", "is_cuda", "is_meta", "is_sparse", "layout",
                       "_version", "retains_grad", "is_quantized", "output_nr"))  # fmt: skip


def _attribute(name, x):
    whole, level = x.__dict__["whole"], x.__dict__["level"]
    if name in _SHOWN:
        return getattr(_Shown(x), name)
    if name in _OF_WHOLE:
        return getattr(whole, name)
    if name in ("grad", "data"):
        found = getattr(whole, name)
        return None if found is None else batched(found, level)
    if name in ("real", "imag"):
        return batched(getattr(whole, name), level)
    if name == "T":
        return batched(whole.permute(0, *range(whole.dim() - 1, 0, -1)), level)
    if name in ("mT", "mH", "H"):
        turned = whole.transpose(-2, -1)
        return batched(turned if name == "mT" else turned.conj(), level)
    raise NeedsLoop


class _Shown:
    """Attributes of a slice that follow from its shape and dtype."""

    def __init__(self, x):
        whole = x.__dict__["whole"]
        self.shape = slice_size(whole.shape[1:])
        self.ndim, self.dtype, self.itemsize = whole.ndim - 1, whole.dtype, whole.itemsize
        self.nbytes = math.prod(self.shape) * self.itemsize
        self.names = (None,) * self.ndim


def slice_size(sizes):
    from .. import Size

    return Size(sizes)


# ---------------------------------------------------------------- vmap's call

def call(func, leaves, spec, dims, count, kwargs):
    """(the result of `func` on whole batches, the level they are batched at), or None where it needs a loop.

    An error is left to the loop, whose texts speak of slices, unless something has been written that a second call
    would write again.
    """
    level = len(_state.levels)
    before, wrote = get_rng_state(), _state.wrote
    _state.levels.append(count)
    try:
        now = [x if d is None else batched(x.movedim(d, 0), level) for x, d in zip(leaves, dims, strict=True)]
        result = func(*tree_unflatten(now, spec), **kwargs)
        if bool((get_rng_state() == before).all()):
            return result, level
    except Exception as error:
        if _state.wrote:
            if isinstance(error, NeedsLoop):
                raise RuntimeError(
                    "vmap: the function has written in place before something that works only slice by slice"
                ) from error
            raise
    finally:
        _state.levels.pop()
        _state.wrote = wrote
    set_rng_state(before)
    return None
