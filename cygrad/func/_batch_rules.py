"""What functions are on whole batches: rules(level, count, func, args, kwargs) by the functions' names, for `_batched`.

A rule takes the tensors that are Batched at `level` as they are whole, with their `count` slices in front, and
gives results that are Batched again.  NeedsLoop where it can't.
"""

import math

from .. import _core, _ops
from .._core import Tensor
from ._batched import (
    RULES,
    NeedsLoop,
    batched,
    by_slices,
    full,
    plain,
    rule,
    slice_size,
    tensors_in,
    whole_of,
)


def _wrap(result, level):
    if isinstance(result, Tensor):
        return batched(result, level)
    if isinstance(result, (tuple, list)):
        return type(result)([_wrap(x, level) for x in result])
    return result


def _aligned(x, level, rank):
    """The whole of `x` with dimensions of size 1 after the batch, up to `rank` of a slice."""
    whole, is_batched = whole_of(x, level)
    if not is_batched:
        return whole
    have = whole.dim() - 1
    return whole if have == rank else whole.reshape(whole.shape[:1] + (1,) * (rank - have) + tuple(whole.shape[1:]))


def _pointwise(level, count, func, args, kwargs):
    tensors = tensors_in(args, kwargs)
    rank = max(x.dim() for x in tensors)
    in_place = func.__name__[-1:] == "_" and func.__name__[-2:] != "__" or func.__name__.startswith("__i")
    if in_place and not whole_of(args[0], level)[1]:
        raise RuntimeError(
            f"vmap: {func.__name__}(self, *extra_args) is not possible because there exists a Tensor `other` in "
            "extra_args that has more elements than `self`. This happened due to `other` being vmapped over but `self` "
            "not being vmapped over at level 1. Please try to use out-of-place operators instead of "
            f"{func.__name__}. If said operator is being called inside the PyTorch framework, please file a bug report "
            "instead."
        )
    cast = None
    if rank and len({x.dtype for x in tensors}) > 1 and any(
        x.dim() == 0 and whole_of(x, level)[1] for x in tensors
    ):
        # A slice without dimensions does not decide the dtype; its whole would.
        cast = max((x for x in tensors if x.dim()), key=lambda x: _ops_rank(x.dtype)).dtype
        if any(_ops_kind(x.dtype) > _ops_kind(cast) for x in tensors):
            return by_slices(level, func, args, kwargs)

    def of(a):
        if isinstance(a, Tensor):
            whole = _aligned(a, level, rank)
            return whole.to(cast) if cast is not None and a.dim() == 0 and whole_of(a, level)[1] else whole
        if isinstance(a, (list, tuple)):
            return type(a)([of(x) for x in a])
        return a

    result = func(*[of(a) for a in args], **{k: of(v) for k, v in kwargs.items()})
    return args[0] if in_place else _wrap(result, level)


def _ops_kind(dtype):
    return 2 if dtype.is_complex else 1 if dtype.is_floating_point else 0


def _ops_rank(dtype):
    return _ops_kind(dtype), dtype.itemsize


_ROWS = [name for name in _ops.OPS if not name.startswith("_")]
_MORE = """where clamp clip clamp_min clamp_max addcmul addcdiv true_divide divide multiply subtract float_power
    absolute negative isclose greater greater_equal less less_equal not_equal arccos arcsin arctan arccosh arcsinh
    arctanh arctan2 fix positive conj conj_physical resolve_conj resolve_neg angle sgn relu relu6 gelu silu mish elu
    celu selu softplus softsign tanhshrink hardtanh hardswish hardsigmoid leaky_relu logsigmoid sigmoid tanh
    threshold hardshrink softshrink xlogy expit bernoulli_p masked_fill nan_to_num detach clone contiguous float
    double half bfloat16 int long short bool char byte cfloat cdouble to type type_as zeros_like ones_like full_like
    empty_like requires_grad_ zero_ fill_ copy_ detach_ retain_grad square rsub view_as_real view_as_complex real
    imag isnan isinf isfinite logical_not bitwise_not __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __rsub__
    __rtruediv__ __rpow__ __radd__ __rmul__ __rdiv__ __and__ __or__ __xor__ __invert__ __neg__ __pos__ __abs__
    __pow__ __floordiv__ __rfloordiv__ __mod__ __rmod__ __iadd__ __isub__ __imul__ __itruediv__ __lshift__
    __rshift__ pow""".split()
for _name in [*_ROWS, *_MORE]:
    RULES[_name] = _pointwise
    if not _name.startswith("__") and not _name.endswith("_"):
        RULES[_name + "_"] = _pointwise
for _name in ("view_as_real", "view_as_complex", "expand_as"):
    RULES.pop(_name, None)


def _one(x, level):
    whole, is_batched = whole_of(x, level)
    if not is_batched:
        raise NeedsLoop
    return whole


def _shifted(dim, rank):
    """A dimension of a slice as one of the whole."""
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(rank, 1)}, {max(rank, 1) - 1}], but got {dim})"
        )
    return dim % max(rank, 1) + 1


def _bind(names, args, kwargs):
    """Arguments by name, of (input, *names)."""
    given = dict(zip(names, args[1:]))
    if len(args) - 1 > len(names) or any(k in given for k in kwargs):
        raise NeedsLoop
    return given | kwargs


@rule("sum", "mean", "var", "std", "amax", "amin", "logsumexp", "nansum", "nanmean", "all", "any", "prod", "argmax",
      "argmin", "count_nonzero", "norm_none")  # fmt: skip
def _reduction(level, count, func, args, kwargs):
    whole, name = _one(args[0], level), func.__name__
    rank = whole.dim() - 1
    if name in ("var", "std"):
        if len(args) > 2 or "unbiased" in kwargs or len(args) == 2 and isinstance(args[1], bool):
            raise NeedsLoop
    given = _bind(("dim", "keepdim"), args, kwargs)
    dim = given.pop("dim", None)
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        if rank == 0:
            whole, rank = whole.unsqueeze(1), 1
            if given.get("keepdim"):
                raise NeedsLoop
        if given.get("keepdim") or name == "logsumexp":
            dims = tuple(range(1, rank + 1))
            if name in ("prod", "argmax", "argmin"):
                raise NeedsLoop
            return batched(func(whole, dim=dims, **given), level)
        return batched(func(whole.flatten(1), dim=1, **given), level)
    if rank == 0:
        raise NeedsLoop
    dims = tuple([_shifted(d, rank) for d in dim]) if isinstance(dim, (tuple, list)) else _shifted(dim, rank)
    return batched(func(whole, dim=dims, **given), level)


@rule("max", "min", "median", "nanmedian", "mode", "kthvalue", "sort", "argsort", "topk", "cummax", "cummin")
def _with_places(level, count, func, args, kwargs):
    if func.__name__ in ("max", "min") and (len(args) > 1 and isinstance(args[1], Tensor) or "other" in kwargs):
        return _pointwise(level, count, func, args, kwargs)
    whole, name = _one(args[0], level), func.__name__
    rank = whole.dim() - 1
    names = {"kthvalue": ("k", "dim", "keepdim"), "sort": ("dim", "descending"), "argsort": ("dim", "descending"),
             "topk": ("k", "dim", "largest", "sorted")}.get(name, ("dim", "keepdim"))  # fmt: skip
    given = _bind(names, args, kwargs)
    if "dim" not in given and name in ("max", "min", "median", "nanmedian"):
        found = func(whole.flatten(1) if rank else whole.unsqueeze(1), dim=1)
        return batched(found[0], level)
    if rank == 0:
        raise NeedsLoop
    given["dim"] = _shifted(given.get("dim", -1), rank)
    return _wrap(func(whole, **given), level)


@rule("softmax", "log_softmax", "softmin", "cumsum", "cumprod", "logcumsumexp", "flip", "glu", "normalize")
def _along(level, count, func, args, kwargs):
    whole, name = _one(args[0], level), func.__name__
    rank = whole.dim() - 1
    if name == "flip":
        dims = _sizes(args[1:]) if len(args) > 1 else _sizes((kwargs["dims"],))
        return batched(func(whole, [_shifted(d, rank) for d in dims]), level)
    if rank == 0 or name == "normalize" and (len(args) > 2 or "dim" not in kwargs):
        raise NeedsLoop
    given = _bind(("dim",), args[:2], kwargs)
    if "dim" not in given or given["dim"] is None:
        given["dim"] = -1 if name == "glu" else None
    if given["dim"] is None or len(args) > 3:
        raise NeedsLoop
    given["dim"] = _shifted(given["dim"], rank)
    if len(args) == 3:
        given["dtype"] = args[2]
    return batched(func(whole, **given), level)


# ---------------------------------------------------------------- shapes

def _sizes(args):
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else tuple(args)


@rule("view", "reshape")
def _view(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    if len(args) == 2 and isinstance(args[1], _core.dtype):
        return batched(whole.view(args[1]), level)
    sizes = _sizes(args[1:]) if len(args) > 1 else tuple(kwargs.get("shape", kwargs.get("size")))
    if -1 in sizes:
        known = math.prod(n for n in sizes if n != -1)
        total = math.prod(whole.shape[1:])
        if sizes.count(-1) > 1 or known == 0 or total % known:
            raise NeedsLoop
        sizes = tuple([total // known if n == -1 else n for n in sizes])
    return batched(func(whole, (count, *sizes)), level)


@rule("view_as", "reshape_as")
def _view_as(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    return batched(whole.reshape(count, *args[1].shape) if "reshape" in func.__name__ else
                   whole.view(count, *args[1].shape), level)  # fmt: skip


@rule("expand", "expand_as", "broadcast_to")
def _expand(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    if func.__name__ == "expand_as":
        sizes = tuple(args[1].shape)
    else:
        sizes = _sizes(args[1:]) if len(args) > 1 else tuple(kwargs["size"])
    whole = _aligned(args[0], level, len(sizes))
    return batched(whole.expand(count, *sizes), level)


@rule("flatten")
def _flatten(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    given = _bind(("start_dim", "end_dim"), args, kwargs)
    rank = whole.dim() - 1
    if rank == 0:
        return batched(whole.unsqueeze(1), level)
    first, last = _shifted(given.get("start_dim", 0), rank), _shifted(given.get("end_dim", -1), rank)
    return batched(whole.flatten(first, last), level)


@rule("transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "unflatten", "select", "narrow", "unfold", "diff_")
def _two(level, count, func, args, kwargs):
    whole, name = _one(args[0], level), func.__name__
    rank = whole.dim() - 1
    if kwargs or rank == 0:
        raise NeedsLoop
    shift = lambda d: [_shifted(i, rank) for i in d] if isinstance(d, (tuple, list)) else _shifted(d, rank)  # noqa: E731
    if name in ("unflatten", "select", "narrow", "unfold"):
        return batched(func(whole, shift(args[1]), *args[2:]), level)
    return batched(func(whole, shift(args[1]), shift(args[2])), level)


@rule("t", "adjoint", "matrix_H")
def _t(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    if func.__name__ != "t" or whole.dim() > 3:
        raise NeedsLoop
    return batched(whole.transpose(1, 2) if whole.dim() == 3 else whole, level)


@rule("permute")
def _permute(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    dims = _sizes(args[1:]) if len(args) > 1 else tuple(kwargs["dims"])
    return batched(whole.permute(0, *[_shifted(d, whole.dim() - 1) for d in dims]), level)


@rule("unsqueeze")
def _unsqueeze(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    (dim,) = args[1:] or (kwargs["dim"],)
    return batched(whole.unsqueeze(_shifted(dim, whole.dim())), level)


@rule("squeeze")
def _squeeze(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    rank = whole.dim() - 1
    if len(args) == 1 and not kwargs:
        return batched(whole.reshape(count, *[n for n in whole.shape[1:] if n != 1]), level)
    dim = args[1] if len(args) > 1 else kwargs["dim"]
    if rank == 0:
        return args[0]
    dims = [_shifted(d, rank) for d in dim] if isinstance(dim, (tuple, list)) else _shifted(dim, rank)
    return batched(whole.squeeze(tuple(dims) if isinstance(dims, list) else dims), level)


@rule("chunk", "split", "tensor_split", "unbind", "split_with_sizes")
def _pieces(level, count, func, args, kwargs):
    whole, name = _one(args[0], level), func.__name__
    rank = whole.dim() - 1
    names = ("dim",) if name == "unbind" else ("pieces", "dim")
    if rank == 0 or any(k != "dim" for k in kwargs):
        raise NeedsLoop
    given = _bind(names, args, kwargs)
    dim = _shifted(given.get("dim", 0), rank)
    return _wrap(func(whole, dim=dim) if name == "unbind" else func(whole, given["pieces"], dim=dim), level)


@rule("cat", "concat", "stack", "hstack_")
def _joined(level, count, func, args, kwargs):
    given = dict(zip(("tensors", "dim"), args)) | kwargs
    if set(given) - {"tensors", "dim"}:
        raise NeedsLoop
    tensors = list(given["tensors"])
    rank = max(x.dim() for x in tensors) + (func.__name__ == "stack")
    return batched(func([full(x, level, count) for x in tensors], dim=_shifted(given.get("dim", 0), rank)), level)


@rule("repeat", "tile")
def _repeat(level, count, func, args, kwargs):
    times = _sizes(args[1:])
    if kwargs or func.__name__ == "tile":
        raise NeedsLoop
    return batched(_aligned(args[0], level, len(times)).repeat(1, *times), level)


@rule("tril", "triu")
def _triangle(level, count, func, args, kwargs):
    return batched(func(_one(args[0], level), *args[1:], **kwargs), level)


@rule("diagonal", "diag_embed")
def _diagonal(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    if len(args) > 2 or set(kwargs) - {"offset"} or func.__name__ != "diagonal" and kwargs:
        raise NeedsLoop
    offset = args[1] if len(args) > 1 else kwargs.get("offset", 0)
    if func.__name__ == "diagonal":
        return batched(whole.diagonal(offset, 1, 2), level)
    return batched(whole.diag_embed(offset), level)


@rule("diag")
def _diag(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    offset = args[1] if len(args) > 1 else kwargs.get("diagonal", 0)
    return batched(whole.diag_embed(offset) if whole.dim() == 2 else whole.diagonal(offset, 1, 2), level)


@rule("trace")
def _trace(level, count, func, args, kwargs):
    return batched(_one(args[0], level).diagonal(0, 1, 2).sum(1), level)


@rule("new_zeros", "new_ones", "new_empty", "new_full")
def _new(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    if func.__name__ == "new_full":
        return batched(whole.newfull((count, *args[1]), *args[2:], **kwargs), level)
    return batched(func(whole, (count, *_sizes(args[1:])), **kwargs), level)


# ---------------------------------------------------------------- indices

@rule("__getitem__")
def _getitem(level, count, func, args, kwargs):
    x, index = args
    index = index if isinstance(index, tuple) else (index,)
    tensors = [i for i in index if isinstance(i, Tensor)]
    if any(isinstance(i, (list, tuple)) for i in index) or any(i.dtype == _bool() for i in tensors):
        return by_slices(level, func, args, kwargs)
    whole, is_batched = whole_of(x, level)
    batched_index = any(whole_of(i, level)[1] for i in tensors)
    places = [k for k, i in enumerate(index) if isinstance(i, Tensor)]
    if places and any(index[k] is None or not isinstance(index[k], Tensor) for k in range(places[0], places[-1])):
        return by_slices(level, func, args, kwargs)  # the indexed dimensions would come first
    if any(isinstance(i, int) and not isinstance(i, bool) for i in index) and places:
        return by_slices(level, func, args, kwargs)
    if not batched_index:
        return batched(whole[(slice(None), *index)], level)
    rank = max(i.dim() for i in tensors)
    moved = tuple([_aligned(i, level, rank) if isinstance(i, Tensor) else i for i in index])
    if not is_batched:
        if places[0] != 0:
            return by_slices(level, func, args, kwargs)
        return batched(whole[moved], level)
    if places[0] != 0:
        return by_slices(level, func, args, kwargs)
    rows = _arange(count, whole).reshape(count, *[1] * rank)
    return batched(whole[(rows, *moved)], level)


def _bool():
    return _core.DTYPE_BY_NAME["bool"]


def _arange(count, like):
    from .. import arange

    return arange(count, device=plain(like).device)


@rule("gather", "index_select_", "take_along_dim", "scatter", "scatter_add", "index_add_", "masked_select_")
def _gather(level, count, func, args, kwargs):
    name = func.__name__
    if name not in ("gather", "scatter", "scatter_add", "take_along_dim") or kwargs:
        return by_slices(level, func, args, kwargs)
    if name == "take_along_dim":
        x, index, *dim = args
        if len(dim) != 1:
            return by_slices(level, func, args, kwargs)
        return batched(func(full(x, level, count), full(index, level, count), _shifted(dim[0], x.dim())), level)
    x, dim, index, *rest = args
    if x.dim() == 0 or index.dim() != x.dim():
        return by_slices(level, func, args, kwargs)
    values = [full(v, level, count) if isinstance(v, Tensor) else v for v in rest]
    return batched(func(full(x, level, count), _shifted(dim, x.dim()), full(index, level, count), *values), level)


@rule("index_select")
def _index_select(level, count, func, args, kwargs):
    if kwargs:
        return by_slices(level, func, args, kwargs)
    x, dim, index = args
    if whole_of(index, level)[1] or x.dim() == 0:
        return by_slices(level, func, args, kwargs)
    return batched(_one(x, level).index_select(_shifted(dim, x.dim()), index), level)


@rule("embedding")
def _embedding(level, count, func, args, kwargs):
    if len(args) != 2 or set(kwargs) - {"padding_idx"} or kwargs.get("padding_idx") is not None:
        return by_slices(level, func, args, kwargs)
    index, weight = args
    (places, _), (table, per_slice) = whole_of(index, level), whole_of(weight, level)
    if not per_slice:
        return batched(func(places, table), level)
    rows = weight.shape[0]
    shift = (_arange(count, table) * rows).reshape(count, *[1] * index.dim())
    return batched(func(full(index, level, count) + shift, table.flatten(0, 1)), level)


@rule("one_hot")
def _one_hot(level, count, func, args, kwargs):
    if len(args) < 2 and "num_classes" not in kwargs:
        return by_slices(level, func, args, kwargs)
    return batched(func(_one(args[0], level), *args[1:], **kwargs), level)


# ---------------------------------------------------------------- products

@rule("matmul", "mm", "bmm", "mv", "__matmul__", "__rmatmul__")
def _matmul(level, count, func, args, kwargs):
    a, b = args if func.__name__ != "__rmatmul__" else args[::-1]
    ranks = a.dim(), b.dim()
    if 0 in ranks:
        raise NeedsLoop
    (x, x_batched), (y, y_batched) = whole_of(a, level), whole_of(b, level)
    if ranks == (1, 1):
        return batched((_aligned(a, level, 1) * _aligned(b, level, 1)).sum(-1), level)
    if ranks[0] == 1:
        x = x.unsqueeze(-2)
    if ranks[1] == 1:
        y = y.unsqueeze(-1)
    # A slice's own batch dimensions go between the batch and the matrix.
    most = max(max(ranks[0], 2), max(ranks[1], 2)) - 2
    if x_batched:
        x = x.reshape(count, *[1] * (most - (max(ranks[0], 2) - 2)), *x.shape[1:])
    if y_batched:
        y = y.reshape(count, *[1] * (most - (max(ranks[1], 2) - 2)), *y.shape[1:])
    z = x.matmul(y)
    if ranks[0] == 1:
        z = z.squeeze(-2)
    if ranks[1] == 1:
        z = z.squeeze(-1)
    return batched(z, level)


@rule("dot", "inner_", "vdot")
def _dot(level, count, func, args, kwargs):
    a, b = args
    if a.shape != b.shape or func.__name__ == "vdot" and a.is_complex():
        raise NeedsLoop
    return batched((whole_of(a, level)[0] * whole_of(b, level)[0]).sum(-1), level)


@rule("outer", "ger")
def _outer(level, count, func, args, kwargs):
    a, b = args
    return batched(whole_of(a, level)[0].unsqueeze(-1) * whole_of(b, level)[0].unsqueeze(-2), level)


@rule("linear")
def _linear(level, count, func, args, kwargs):
    given = dict(zip(("input", "weight", "bias"), args)) | kwargs
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    if not whole_of(weight, level)[1] and (bias is None or not whole_of(bias, level)[1]):
        return batched(func(_one(x, level), weight, bias), level)
    z = x.unsqueeze(0) @ weight.mT if x.dim() == 1 else x @ weight.mT
    z = z.squeeze(0) if x.dim() == 1 else z
    return z if bias is None else z + bias


@rule("addmm", "addmv", "baddbmm")
def _addmm(level, count, func, args, kwargs):
    c, a, b = args
    beta, alpha = kwargs.get("beta", 1), kwargs.get("alpha", 1)
    z = a @ b
    z = z if alpha == 1 else z * alpha
    return z + (c if beta == 1 else c * beta)


@rule("einsum")
def _einsum(level, count, func, args, kwargs):
    equation, *operands = args
    if not isinstance(equation, str):
        return by_slices(level, func, args, kwargs)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    free = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation)
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    letters = inputs.split(",")
    if not arrow:
        flat = inputs.replace(",", "").replace(".", "")
        output = ("..." if "..." in inputs else "") + "".join(sorted(c for c in set(flat) if flat.count(c) == 1))
    wholes = [whole_of(x, level) for x in operands]
    letters = [free + s if is_batched else s for s, (_, is_batched) in zip(letters, wholes)]
    return batched(func(f"{','.join(letters)}->{free}{output}", *[x for x, _ in wholes]), level)


@rule("norm", "vector_norm")
def _norm(level, count, func, args, kwargs):
    from ..linalg import vector_norm

    whole = _one(args[0], level)
    rank = whole.dim() - 1
    names = ("p", "dim", "keepdim") if func.__name__ == "norm" else ("ord", "dim", "keepdim")
    given = _bind(names, args, kwargs)
    order = given.pop(names[0], 2)
    order = 2 if order in ("fro", None) and (given.get("dim") is None or func.__name__ == "norm") else order
    dim = given.pop("dim", None)
    if isinstance(order, str) or given.pop("dtype", None) is not None:
        raise NeedsLoop
    if dim is None:
        if given.get("keepdim"):
            raise NeedsLoop
        return batched(vector_norm(whole.reshape(count, -1), order, dim=1), level)
    dims = [_shifted(d, rank) for d in dim] if isinstance(dim, (tuple, list)) else _shifted(dim, rank)
    return batched(vector_norm(whole, order, dim=dims, **given), level)


# ---------------------------------------------------------------- networks

@rule("conv1d", "conv2d", "conv3d")
def _conv(level, count, func, args, kwargs):
    given = dict(zip(("input", "weight", "bias", "stride", "padding", "dilation", "groups"), args)) | kwargs
    x, weight, bias = given.pop("input"), given.pop("weight"), given.pop("bias", None)
    spatial = int(func.__name__[4])
    alone = x.dim() == spatial + 1
    if alone:
        x = x.unsqueeze(0)
    kernels, w_batched = whole_of(weight, level)
    b_batched = bias is not None and whole_of(bias, level)[1]
    if not w_batched:
        images = full(x, level, count)
        z = func(images.flatten(0, 1), weight, None if b_batched else bias, **given).unflatten(0, (count, -1))
    else:  # each slice's kernels are groups of their own
        groups = given.pop("groups", 1)
        images = full(x, level, count).transpose(0, 1).flatten(1, 2)
        shift = None if bias is None else full(bias, level, count).flatten()
        z = func(images, kernels.flatten(0, 1), shift, **given, groups=count * groups)
        z = z.unflatten(1, (count, -1)).transpose(0, 1)
        b_batched = False
    if b_batched:
        z = z + bias.__dict__["whole"].reshape(count, 1, -1, *[1] * spatial)
    return batched(z.squeeze(1) if alone else z, level)


@rule("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
      "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
      "interpolate", "upsample", "pixel_shuffle_", "unfold_nn")  # fmt: skip
def _images(level, count, func, args, kwargs):
    whole = _one(args[0], level)
    spatial = int(func.__name__[-2]) if func.__name__[-1] == "d" else args[0].dim() - 2
    if args[0].dim() == spatial + 1:
        return _wrap(func(whole, *args[1:], **kwargs), level)
    result = func(whole.flatten(0, 1), *args[1:], **kwargs)
    unfolded = lambda z: z.unflatten(0, (count, -1))  # noqa: E731
    return _wrap(tuple(map(unfolded, result)) if isinstance(result, tuple) else unfolded(result), level)


@rule("layer_norm", "rms_norm")
def _layer_norm(level, count, func, args, kwargs):
    names = ("input", "normalized_shape", "weight", "bias", "eps") if func.__name__ == "layer_norm" else (
        "input", "normalized_shape", "weight", "eps")  # fmt: skip
    given = dict(zip(names, args)) | kwargs
    x, weight, bias = given.pop("input"), given.pop("weight", None), given.pop("bias", None)
    z = batched(func(_one(x, level), **given), level)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


@rule("group_norm")
def _group_norm(level, count, func, args, kwargs):
    given = dict(zip(("input", "num_groups", "weight", "bias", "eps"), args)) | kwargs
    x, weight, bias = given.pop("input"), given.pop("weight", None), given.pop("bias", None)
    whole = _one(x, level)
    z = batched(func(whole.flatten(0, 1), **given).unflatten(0, (count, -1)), level)
    shape = (-1, *[1] * (x.dim() - 2))
    z = z if weight is None else z * weight.reshape(shape)
    return z if bias is None else z + bias.reshape(shape)


@rule("batch_norm", "instance_norm")
def _running(level, count, func, args, kwargs):
    given = dict(zip(("input", "running_mean", "running_var", "weight", "bias", "training"), args)) | kwargs
    training = given.get("training", given.get("use_input_stats", func.__name__ == "instance_norm"))
    if training and given.get("running_mean") is not None:
        raise NeedsLoop  # every slice would move the running statistics
    return by_slices(level, func, args, kwargs)


def _elements(loss):
    """A loss whose reduction is over a slice's elements."""

    def made(level, count, func, args, kwargs):
        given = dict(zip(("input", "target"), args)) | kwargs
        reduction = given.pop("reduction", "mean")
        if len(args) > 2 or given.get("size_average") is not None or given.get("reduce") is not None:
            return by_slices(level, func, args, kwargs)
        z = _pointwise(level, count, func, (), given | {"reduction": "none"})
        return z if reduction == "none" else z.mean() if reduction == "mean" else z.sum()

    return made


for _name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
              "binary_cross_entropy_with_logits", "soft_margin_loss"):  # fmt: skip
    RULES[_name] = _elements(_name)


@rule("cross_entropy", "nll_loss")
def _classes(level, count, func, args, kwargs):
    given = dict(zip(("input", "target", "weight"), args)) | kwargs
    x, target, reduction = given["input"], given["target"], given.get("reduction", "mean")
    usual = {"weight": None, "ignore_index": -100, "label_smoothing": 0.0, "size_average": None, "reduce": None}
    if any(given.get(name) is not None and given[name] is not value and given[name] != value
           for name, value in usual.items()):  # fmt: skip
        return by_slices(level, func, args, kwargs)
    if target.is_floating_point() or x.dim() not in (1, 2) or len(args) > 2:
        return by_slices(level, func, args, kwargs)
    logits, classes = full(x, level, count), full(target, level, count)
    flat = logits.flatten(0, 1) if x.dim() == 2 else logits
    z = func(flat, classes.flatten(), reduction="none")
    if x.dim() == 1 or reduction == "none":
        return batched(z.reshape(classes.shape), level)
    z = z.reshape(count, -1).sum(1)
    if reduction == "mean":
        z = z / (classes != -100).sum(1)
    return batched(z, level)


@rule("scaled_dot_product_attention")
def _attention(level, count, func, args, kwargs):
    if len(args) != 3 or set(kwargs) - {"is_causal", "scale"}:
        return by_slices(level, func, args, kwargs)
    return batched(func(*[full(x, level, count) for x in args], **kwargs), level)


@rule("size", "dim", "numel", "nelement", "ndimension", "__len__", "is_floating_point", "is_complex", "is_signed",
      "element_size", "get_device", "is_contiguous", "is_same_size")  # fmt: skip
def _metadata(level, count, func, args, kwargs):
    whole, name = _one(args[0], level), func.__name__
    sizes = slice_size(whole.shape[1:])
    if name == "size":
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        return sizes if dim is None else sizes[dim]
    if name in ("dim", "ndimension"):
        return len(sizes)
    if name in ("numel", "nelement"):
        return math.prod(sizes)
    if name == "__len__":
        if not sizes:
            raise TypeError("len() of a 0-d tensor")
        return sizes[0]
    if name in ("is_contiguous", "is_same_size"):
        return func(whole[0], *args[1:], **kwargs) if count else True
    return func(whole)
