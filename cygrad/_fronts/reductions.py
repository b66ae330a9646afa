"""Reductions made of those in `_reduce`: products, moments, norms, comparisons and what is composed of them.

A forward runs the table's rows without history and is recorded under PyTorch's name; its gradient is
written in tensor operators, so it can be differentiated again.
"""

import math
import warnings

import cygrad
from cygrad import _core, _ops, _reduce, _walk, return_types as _return_types
from cygrad._reduce import mask_of, reduce_raw, share_evenly, spread_like, store_result

_LONG = 5  # dtype code
_DOUBLE = 9
_HALF = 6  # this and above are floating


def _names(tensor):
    return _core.SCALAR_TYPE_NAMES[tensor.dtype.code]


def _call(op, *operands, params=None):
    return _ops.call(_ops.OPS[op], operands, params)


def _tensor(name, x, argument="input", position=1):
    if not isinstance(x, _core.Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}"
        )
    return x


def _alias(dim, keepdim, axis, keepdims):
    """NumPy's names for the arguments."""
    return dim if axis is None else axis, keepdim if keepdims is None else keepdims


def _dims(mask, x):
    return [i for i in range(x.dim()) if mask >> i & 1]


def _extent(mask, x):
    """How many elements each result is made of."""
    return math.prod([x.shape[i] for i in _dims(mask, x)])


def _wide(x):
    """The dtype code of an exact intermediate: float64 on the host."""
    return _DOUBLE if x.is_cpu else x.dtype.code


# ---------------------------------------------------------------- sums and products


def _nansum_backward(node, g):
    (x,) = node.saved()
    mask, keepdim = node.args
    return (spread_like(g, x, mask, keepdim) * (x.detach() == x.detach())).to(x.dtype)


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """The sum over `dim` (None: all), NaN taken as zero."""
    x = _tensor("nansum", input)
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    mask = mask_of("nansum", dim, x)
    if x.is_complex():
        raise RuntimeError("nansum on CPU does not support complex inputs")
    code = (x.dtype.code if x.dtype.code >= _HALF else _LONG) if dtype is None else dtype.code
    source = x.detach()
    if (code >= _HALF) != (x.dtype.code >= _HALF):
        source = source.nan_to_num(0.0).to(dtype) if code < _HALF else source.to(dtype)
    r = reduce_raw("nansum" if code >= _HALF else "sum", source, mask, keepdim, code)
    r = _core.record(r, "NansumBackward0", (x,), _nansum_backward, (x,), (mask, keepdim))
    return store_result("nansum", out, r)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """The mean over `dim` (None: all) of the elements that are not NaN."""
    x = _tensor("nanmean", input)
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if x.dtype.code < _HALF:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {_names(x)}"
        )
    count = reduce_raw("_count_numbers", x, mask_of("nanmean", dim, x), keepdim, _LONG)
    return store_result("nanmean", out, nansum(x, dim, keepdim, dtype=dtype) / count)


def _others(x, dim):
    """Along `dim`, the product of all elements but each one's own."""
    one = cygrad.ones_like(x.narrow(dim, 0, 1))
    n = x.shape[dim]
    before = cygrad.cat((one, x.narrow(dim, 0, n - 1)), dim).cumprod(dim)
    after = cygrad.cat((one, x.flip(dim).narrow(dim, 0, n - 1)), dim).cumprod(dim).flip(dim)
    return before * after


def _prod_backward(node, g):
    x, y = node.saved()
    mask, keepdim, dim = node.args
    source, x = x, x.to(g.dtype)
    if not x.numel():
        r = cygrad.zeros_like(x)
    elif not x.dim():
        r = g
    elif bool((x.detach() == 0).any().item()):
        others = _others(x.reshape(-1), 0).reshape(x.shape) if dim is None else _others(x, dim)
        r = spread_like(g, x, mask, keepdim) * others.conj()
    else:
        r = spread_like(g * y.conj(), x, mask, keepdim) / x.conj()
    return r.to(source.dtype)


def prod(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """The product of all elements, or along one dimension; integers give int64."""
    x = _tensor("prod", input)
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if dim is not None and (isinstance(dim, (bool, float)) or not hasattr(dim, "__index__")):
        raise TypeError(
            f"prod() received an invalid combination of arguments - got ({type(dim).__name__}), but expected one "
            "of:\n * (*, torch.dtype dtype = None)\n * (int dim, bool keepdim = False, *, torch.dtype dtype = None)\n"
        )
    if not isinstance(keepdim, bool):
        raise TypeError(
            f"prod(): argument 'keepdim' (position 2) must be bool, not {type(keepdim).__name__}"
        )
    mask = mask_of("prod", dim, x)
    code = (x.dtype.code if x.dtype.code >= _HALF else _LONG) if dtype is None else dtype.code
    source = x.detach()
    if dtype is not None and (code >= _HALF) != (x.dtype.code >= _HALF) or code == 0:
        source = source.to(dtype)
    r = reduce_raw("prod", source, mask, keepdim, code)
    name = "ProdBackward0" if dim is None else "ProdBackward1"
    if dim is not None and x.dim():
        dim = dim.__index__() % x.dim()
    r = _core.record(r, name, (x,), _prod_backward, (x, r), (mask, keepdim, dim))
    return store_result("prod", out, r)


# ---------------------------------------------------------------- extremes


def _aminmax_backward(node, g_min, g_max):
    x, low, high = node.saved()
    mask, keepdim = node.args
    r = None
    for g, y in ((g_min, low), (g_max, high)):
        if g is not None:
            part = share_evenly(g, x, y, mask, keepdim, False)
            r = part if r is None else r + part
    return r


def aminmax(input, *, dim=None, keepdim=False, out=None):
    """The least and the greatest element, of all or along one dimension, as (min, max)."""
    x = _tensor("aminmax", input)
    mask = mask_of("aminmax", dim, x)
    if dim is None and not x.numel():
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if dim is not None and x.dim() and x.shape[dim] == 0:
        raise IndexError(
            f"aminmax: Expected reduction dim {dim % x.dim()} to have non-zero size."
        )
    pair = tuple(
        reduce_raw(row, x, mask, keepdim, x.dtype.code) for row in ("amin", "amax")
    )
    _core.record(pair, "AminmaxBackward0", (x,), _aminmax_backward, (x, *pair), (mask, keepdim))
    if out is not None:
        pair = tuple(store_result("aminmax", o, p) for o, p in zip(out, pair, strict=True))
        return _return_types.named("aminmax_out", ("min", "max"), pair)
    return _return_types.named("aminmax", ("min", "max"), pair)


# ---------------------------------------------------------------- moments


def _centred(x, mask):
    dims = _dims(mask, x)
    return x - x.mean(dims, keepdim=True) if dims else x - x


def _var_gradient(g, x, mask, keepdim, dof):
    g = spread_like(g, x, mask, keepdim)
    if dof <= 0:  # what 2/dof stands for: no spread gives a variance of 0/0, any other of x/0
        centred = _centred(x, mask)
        return g * cygrad.where(centred == 0, math.nan, math.inf)
    return g * (2.0 / dof) * _centred(x, mask)


def _std_gradient(g, y):
    return cygrad.where(y == 0, 0.0, g / (y * 2))


def _var_backward(node, g):
    (x,) = node.saved()
    return _var_gradient(g, x, *node.args)


def _std_backward(node, g):
    x, y = node.saved()
    return _var_gradient(_std_gradient(g, y), x, *node.args)


def _moments_backward(node, g, g_mean):
    x, y = node.saved()
    mask, keepdim, dof, root = node.args
    r = None
    if g is not None:
        r = _var_gradient(_std_gradient(g, y) if root else g, x, mask, keepdim, dof)
    if g_mean is not None:
        part = spread_like(g_mean / _extent(mask, x), x, mask, keepdim)
        r = part if r is None else r + part
    return r


def _moments(name, x, dim, unbiased, keepdim, correction, root):
    """(variance or its root, mask, degrees of freedom), in two passes."""
    _tensor(name, x)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got 'unbiased' and 'correction'"
            )
        correction = 1 if unbiased else 0
    if x.dtype.code < _HALF:
        what = name if name.endswith("_mean") else "std and var"
        raise RuntimeError(f"{what} only support floating point and complex dtypes")
    mask = mask_of(name, dim, x)
    n = _extent(mask, x)
    dof = n - (1 if correction is None else correction)
    if dof <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            stacklevel=3,
        )
    # Of "sum" the first additions are in float; a NaN that "nansum" leaves out is back in the deviations.
    mean = reduce_raw("nansum", x, mask, keepdim, _wide(x), "divide", n)
    finish = "root" if root else "divide"
    r = reduce_raw("_sumdev", x, mask, keepdim, x.dtype.code, finish, max(dof, 0), None, mean)
    return r, mask, dof


def _mean(x, mask, keepdim):
    return reduce_raw("sum", x, mask, keepdim, x.dtype.code, "divide", _extent(mask, x))


def _complex_mean(x, dim, keepdim):
    return x.mean(None if isinstance(dim, bool) else dim, keepdim)


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None, keepdims=None):
    """The variance over `dim` (None: all): squared deviations from the mean over n - correction (1)."""
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if isinstance(input, _core.Tensor) and input.is_complex():
        parts = [var(part, dim, unbiased, keepdim, correction=correction) for part in (input.real, input.imag)]
        return store_result("var", out, parts[0] + parts[1])
    r, mask, dof = _moments("var", input, dim, unbiased, keepdim, correction, False)
    r = _core.record(r, "VarBackward0", (input,), _var_backward, (input,), (mask, keepdim, dof))
    return store_result("var", out, r)


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None, keepdims=None):
    """The standard deviation over `dim` (None: all), the root of `var`."""
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if isinstance(input, _core.Tensor) and input.is_complex():
        return store_result("std", out, var(input, dim, unbiased, keepdim, correction=correction).sqrt())
    r, mask, dof = _moments("std", input, dim, unbiased, keepdim, correction, True)
    r = _core.record(r, "StdBackward0", (input,), _std_backward, (input, r), (mask, keepdim, dof))
    return store_result("std", out, r)


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, keepdims=None):
    """The variance and the mean over `dim` (None: all)."""
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if isinstance(input, _core.Tensor) and input.is_complex():
        return var(input, dim, unbiased, keepdim, correction=correction), _complex_mean(input, dim, keepdim)
    r, mask, dof = _moments("var_mean", input, dim, unbiased, keepdim, correction, False)
    pair = r, _mean(input, mask, keepdim)
    return _core.record(pair, "VarMeanBackward0", (input,), _moments_backward, (input, r),
                        (mask, keepdim, dof, False))  # fmt: skip


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, keepdims=None):
    """The standard deviation and the mean over `dim` (None: all)."""
    dim, keepdim = _alias(dim, keepdim, axis, keepdims)
    if isinstance(input, _core.Tensor) and input.is_complex():
        return std(input, dim, unbiased, keepdim, correction=correction), _complex_mean(input, dim, keepdim)
    r, mask, dof = _moments("std_mean", input, dim, unbiased, keepdim, correction, True)
    pair = r, _mean(input, mask, keepdim)
    return _core.record(pair, "StdMeanBackward0", (input,), _moments_backward, (input, r),
                        (mask, keepdim, dof, True))  # fmt: skip


# ---------------------------------------------------------------- norms


def _vector_norm_raw(x, p, mask, keepdim, code):
    if p == 2:
        return reduce_raw("_sumsq", x, mask, keepdim, code, "root")
    if p == 1:
        return reduce_raw("_sumabs", x, mask, keepdim, code)
    if p == math.inf:
        return reduce_raw("_absmax", x, mask, keepdim, code)
    if p == -math.inf:
        return reduce_raw("_absmin", x, mask, keepdim, code)
    if p == 0:
        return reduce_raw("count_nonzero", x, mask, keepdim, code)
    return reduce_raw("_powsum", x, mask, keepdim, code, "power", 1 / p, float(p))


def _norm_gradient(g, x, y, p, mask, keepdim):
    """d||x||_p = sgn(x) |x|**(p-1) / ||x||_p**(p-1), zero where that is 0/0."""
    g, y = spread_like(g, x, mask, keepdim), spread_like(y, x, mask, keepdim)
    if p == 0:
        return cygrad.zeros_like(x)
    if p == 1:
        return g * x.sgn()
    if p == 2:
        return cygrad.where(y == 0, 0.0, x * (g / y))
    size = x.abs()
    if math.isinf(p):
        hits = (size == y).to(x.dtype).detach()
        count = hits.sum(_dims(mask, x), keepdim=True) if mask else hits
        return x.sgn() * (hits * (g / count))
    if p > 2:
        r = x * size**(p - 2) * (g / y ** (p - 1))
    else:
        r = x.sgn() * size ** (p - 1) * (g * y ** (1 - p))
    return cygrad.where((x if p < 2 else y) == 0, 0.0, r)


def _norm_backward(node, g):
    x, y = node.saved()
    p, mask, keepdim = node.args
    return _norm_gradient(g, x.to(g.dtype), y, p, mask, keepdim)


def _number(p):
    return f"{p:g}" if isinstance(p, float) else str(p)


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """(sum |x|**ord)**(1/ord) over `dim` (None: all); ord inf and -inf: extremes, 0: how many are nonzero."""
    _tensor("linalg_vector_norm", x)
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}"
        )
    if x.dtype.code < _HALF:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {_names(x)}"
        )
    source = x
    if dtype is not None:
        if dtype.code < _HALF:
            raise RuntimeError(
                "linalg.vector_norm: dtype should be floating point or complex, but got "
                f"{_core.SCALAR_TYPE_NAMES[dtype.code]}"
            )
        if _ops.promote_types(dtype, x.dtype) != dtype:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({_names(x)}) should be convertible without narrowing "
                f"to the specified dtype ({_core.SCALAR_TYPE_NAMES[dtype.code]})"
            )
        source = x.to(dtype)
    if source.is_complex():
        return vector_norm(source.abs(), ord, dim, keepdim, out=out)
    mask = mask_of("linalg_vector_norm", dim, x)
    if (ord < 0 or ord == math.inf) and not _extent(mask, x):
        if dim is None or dim == () or dim == []:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {_number(ord)} norm on an empty tensor because the operation "
                "does not have an identity"
            )
        empty = next(i for i in _dims(mask, x) if x.shape[i] == 0)
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {_number(ord)} norm on the dimension {empty}because this dimension "
            "is empty and the operation does not have an identity"
        )
    r = _vector_norm_raw(source, ord, mask, keepdim, source.dtype.code)
    r = _core.record(r, "LinalgVectorNormBackward0", (source,), _norm_backward, (source, r),
                     (ord, mask, keepdim))  # fmt: skip
    return store_result("linalg_vector_norm", out, r)


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The vector norm over `dim` (None: all); p: a number, "fro" or None (2), or "nuc" (of a matrix)."""
    if isinstance(p, str) and p != "fro":
        if p != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        dims = (-2, -1) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dims) != 2:
            raise RuntimeError(
                f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}"
            )
        r = cygrad.linalg.svdvals(input.movedim(dims, (-2, -1))).sum(-1)
        for d in sorted(d % input.dim() for d in dims) if keepdim else ():
            r = r.unsqueeze(d)
        return store_result("norm", out, r)
    if p == "fro" and isinstance(dim, (tuple, list)) and len(dim) > 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}"
        )
    return vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype, out=out)


def _dist_backward(node, g):
    a, b, y = node.saved()
    d = a - b
    if d.is_complex():  # ||d|| = || |d| ||, and d|d| is along sgn(d)
        d = d.sgn() * _norm_gradient(g, d.abs(), y, node.args[0], (1 << d.dim()) - 1, False)
    else:
        d = _norm_gradient(g, d, y, node.args[0], (1 << d.dim()) - 1, False)
    to = _ops.GRADIENT_NAMESPACE["_sum_to"]
    return (to(d, a.shape).to(a.dtype) if node.needs(0) else None,
            to(-d, b.shape).to(b.dtype) if node.needs(1) else None)  # fmt: skip


def dist(input, other, p=2):
    """The p-norm of input - other, which broadcast."""
    a, b = _tensor("dist", input), _tensor("dist", other, "other", 2)
    d = a.detach() - b.detach()
    if d.dtype.code < _HALF:
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {_names(d)} instead."
        )
    y = vector_norm(d, p)
    return _core.record(y, "DistBackward0", (a, b), _dist_backward, (a, b, y), (p,))


def renorm(input, p, dim, maxnorm, *, out=None):
    """Each slice along `dim` whose p-norm exceeds `maxnorm` is scaled down to it."""
    x = _tensor("renorm", input)
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if x.dim() < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {x.dim()} dimensions"
        )
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    kept = mask_of("renorm", dim, x)
    dims = [i for i in range(x.dim()) if not kept >> i & 1]
    y = x.detach()
    size = vector_norm(y, p, dims, True)
    scale = cygrad.where(size > maxnorm, maxnorm / (size + 1e-7), cygrad.ones_like(size))
    r = _core.record(y * scale, "RenormBackward0", (x,), _renorm_backward, (x,), (p, dims, maxnorm))
    return store_result("renorm", out, r)


def _renorm_backward(node, g):
    (x,) = node.saved()
    p, dims, maxnorm = node.args
    mask = mask_of("renorm", dims, x)
    size = vector_norm(x, p, dims, True)
    inverse = 1 / (size + 1e-7)
    along = (g * x).sum(dims, keepdim=True)
    pull = _norm_gradient(along * inverse, x, size, p, mask, True)
    return cygrad.where(size > maxnorm, maxnorm * inverse * (g - pull), g)


# ---------------------------------------------------------------- logsumexp


def _logsumexp_backward(node, g):
    x, y = node.saved()
    mask, keepdim = node.args
    x = x.to(g.dtype)
    return spread_like(g, x, mask, keepdim) * (x - spread_like(y, x, mask, keepdim)).exp().conj()


def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) over `dim`, shifted by the maximum so that nothing overflows."""
    x = _tensor("logsumexp", input)
    mask = mask_of("logsumexp", dim, x)
    y = x.detach()
    if y.dtype.code < _HALF:
        y = y.to(cygrad.get_default_dtype())
    if _extent(mask, y):
        top = y.real if y.is_complex() else y
        top = reduce_raw("amax", top, mask, True, top.dtype.code)
        top = cygrad.where(top.abs() == math.inf, 0.0, top)
        total = reduce_raw("sum", (y - top).exp(), mask, keepdim, y.dtype.code if y.is_complex() else _wide(y))
        r = (total.log() + top.reshape(total.shape)).to(y.dtype)
    else:
        r = reduce_raw("sum", y, mask, keepdim, y.dtype.code).log()
    r = _core.record(r, "LogsumexpBackward0", (x,), _logsumexp_backward, (x, r), (mask, keepdim))
    return store_result("logsumexp", out, r)


# ---------------------------------------------------------------- comparisons


def equal(input, other):
    """Whether the shapes and all elements are equal."""
    a, b = _tensor("equal", input), _tensor("equal", other, "other", 1)
    return a.shape == b.shape and bool(_reduce.all(_call("eq", a.detach(), b.detach())).item())


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Elementwise |input - other| <= atol + rtol * |other|."""
    a, b = _tensor("isclose", input), _tensor("isclose", other, "other", 2)
    if a.dtype != b.dtype:
        raise RuntimeError(f"{_names(a)} did not match {_names(b)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    a, b = a.detach(), b.detach()
    if a.dtype.code < _HALF:
        a, b = a.to(cygrad.float64), b.to(cygrad.float64)
    return _call("_isclose", a, b, params=(float(rtol), float(atol), float(equal_nan)))


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close in the sense of `isclose`."""
    return bool(_reduce.all(isclose(input, other, rtol, atol, equal_nan)).item())


# ---------------------------------------------------------------- matrices


def _trace_backward(node, g):
    shape, dtype = node.args
    return (cygrad.eye(*shape, dtype=g.dtype, device=g.device) * g).to(dtype)


def trace(input):
    """The sum of the diagonal of a matrix."""
    x = _tensor("trace", input)
    if x.dim() != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.dim()}")
    if x.dtype == cygrad.bool:
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    r = _reduce.sum(x.detach().diagonal())
    return _core.record(r, "TraceBackward0", (x,), _trace_backward, None, (x.shape, x.dtype))


def _checked_weights(weights, name, n, integral):
    if weights is None:
        return None
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()} dimensions"
        )
    if (weights.dtype.code < _HALF) != integral:
        kind = "integral" if integral else "floating point"
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {_names(weights)} dtype"
        )
    if weights.numel() != n:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {n}"
        )
    if n and weights.min().item() < 0:
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return weights


def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariances of the rows (variables; columns are observations); weighted by counts and importance."""
    x = _tensor("cov", input)
    if x.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {x.dim()} dimensions"
        )
    if x.dtype == cygrad.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = x if x.dim() == 2 else x.reshape(1, -1)
    if x.dtype.code < _HALF:
        x = x.to(cygrad.get_default_dtype())
    n = x.shape[1]
    counts = _checked_weights(fweights, "fweights", n, True)
    importance = _checked_weights(aweights, "aweights", n, False)
    w = counts
    if importance is not None:
        w = importance if w is None else importance * w
    total = n if w is None else w.sum()
    if w is not None and not total.item():
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    dof = total - correction
    if importance is not None and correction:
        dof = total - correction * (w * importance).sum() / total
    if (dof.item() if w is not None else dof) <= 0:
        warnings.warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
                      "observations.", stacklevel=2)  # fmt: skip
        dof = 0.0
    mean = x.mean(1, keepdim=True) if w is None else (x * w).sum(1, keepdim=True) / total
    d = x - mean
    r = (d if w is None else d * w) @ d.mH / dof
    return r.squeeze()


def corrcoef(input):
    """Pearson's correlation coefficients of the rows (variables; columns are observations)."""
    x = _tensor("corrcoef", input)
    if x.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {x.dim()} dimensions"
        )
    c = cov(x)
    if c.dim() == 0:
        return c / c
    s = c.diagonal().sqrt()
    r = c / s.unsqueeze(1) / s.unsqueeze(0)
    return cygrad.complex(r.real.clamp(-1, 1), r.imag.clamp(-1, 1)) if r.is_complex() else r.clamp(-1, 1)


FUNCTIONS = {
    "nansum": nansum, "nanmean": nanmean, "prod": prod, "aminmax": aminmax, "var": var, "std": std,
    "var_mean": var_mean, "std_mean": std_mean, "norm": norm, "dist": dist, "renorm": renorm, "logsumexp": logsumexp,
    "equal": equal, "isclose": isclose, "allclose": allclose, "trace": trace, "cov": cov, "corrcoef": corrcoef,
}  # fmt: skip
METHODS = {name: f for name, f in FUNCTIONS.items() if name not in ("var_mean", "std_mean")}
METHODS["renorm_"] = _walk.in_place(renorm, "renorm_", True)
LINALG = {"vector_norm": vector_norm}
