"""Reductions and normalizations that leave elements out: what they do to the elements where `mask` is True.

Masked-out elements are replaced by the identity of the operation, so all of them differentiate any number of times.
A mask broadcasts to its tensor and has no more dimensions; a MaskedTensor's own mask goes before `mask`.  Results for
lanes without an element are those of the operation without one: the identity, or NaN.
"""

import math

import cygrad as torch
from cygrad.nn import functional as F

from ._masks import is_masked_tensor


def _dims(dim, ndim):
    """The dimensions as nonnegative numbers: all of them for None and ()."""
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        return tuple(range(ndim))
    found, n = [], max(ndim, 1)
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -n <= d < n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})"
            )
        if d % n in found:
            raise RuntimeError(f"dim={d % n} appears multiple times in the list of dims")
        found.append(d % n)
    return tuple(found)


def _first_dim(dim, ndim):
    return _dims(dim, ndim)[0] if ndim else 0


def _expanded(mask, like):
    """The boolean mask in the shape of a tensor."""
    if len(mask.shape) > like.dim():
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
        )
    return (
        torch.broadcast_to(mask, like.shape).to(torch.bool)
        if mask.shape != like.shape
        else mask.to(torch.bool)
    )


def _parts(input, mask):
    """(the values, the mask of those that count or None)."""
    if is_masked_tensor(input):
        return input.get_data(), input.get_mask()
    input.layout  # noqa: B018  (no tensor: AttributeError)
    return input, None if mask is None else _expanded(mask, input)


def _lowest(name, dtype):
    """The value below all others of a dtype."""
    if dtype == torch.bool:
        raise NotImplementedError(f"identity of {name} on {dtype} input")
    return -math.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(name, dtype):
    """The value above all others of a dtype."""
    if dtype == torch.bool:
        raise NotImplementedError(f"identity of {name} on {dtype} input")
    return math.inf if dtype.is_floating_point else torch.iinfo(dtype).max


def _identity(name, dtype, ord=None):
    """What the operation starts from, as a number that does not change the dtype: False is 0."""
    if name in ("sum", "cumsum", "prod", "cumprod"):
        return name.endswith("prod")
    if name == "norm":
        if ord != -math.inf:
            return False
        assert dtype.is_floating_point, f"input must be floating point, got {dtype}"
        return math.inf
    if name == "logsumexp" and dtype.is_complex:
        return -math.inf
    return (_highest if name in ("amin", "argmin") else _lowest)(name, dtype)


def _filled(name, input, mask, dtype=None, ord=None):
    """The input of a dtype with the identity where it is masked out."""
    input, mask = _parts(input, mask)
    if mask is not None:
        input = torch.where(mask, input, _identity(name, input.dtype, ord))
    return input if dtype is None else input.to(dtype)


def _count(input, mask, dim, keepdim):
    """How many elements `mask` leaves; a MaskedTensor's own mask is not asked, as PyTorch does not."""
    if mask is None:
        mask = torch.ones(input.shape, dtype=torch.bool, device=input.device)
    return _expanded(mask, input).sum(dim, keepdim=keepdim)


def _summed_dtype(input, dtype):
    """Integers are summed and multiplied as int64."""
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        return torch.int64
    return dtype


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum over `dim` (all for None) of elements that are not masked out; 0 without any."""
    filled = _filled("sum", input, mask, _summed_dtype(input, dtype))
    return filled.sum(_dims(dim, filled.dim()), keepdim=bool(keepdim), dtype=filled.dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product over `dim` (all for None) of elements that are not masked out; 1 without any."""
    result = _filled("prod", input, mask, _summed_dtype(input, dtype))
    for d in sorted(_dims(dim, result.dim()), reverse=True):
        result = result.prod(d, keepdim=bool(keepdim), dtype=result.dtype)
    return result


def cumsum(input, dim, *, dtype=None, mask=None):
    """Cumulative sums along `dim`, masked-out elements counting as 0."""
    filled = _filled("cumsum", input, mask, dtype)
    return filled.cumsum(_first_dim(dim, filled.dim()), dtype=filled.dtype)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Cumulative products along `dim`, masked-out elements counting as 1."""
    filled = _filled("cumprod", input, mask, dtype)
    return filled.cumprod(_first_dim(dim, filled.dim()), dtype=filled.dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest element over `dim` that is not masked out; -inf or the least integer without any."""
    filled = _filled("amax", input, mask, dtype)
    return filled.amax(_dims(dim, filled.dim()), keepdim=bool(keepdim))


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest element over `dim` that is not masked out; inf or the largest integer without any."""
    filled = _filled("amin", input, mask, dtype)
    return filled.amin(_dims(dim, filled.dim()), keepdim=bool(keepdim))


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index of `amax`, in the dtype of the input."""
    filled = _filled("argmax", input, mask, dtype)
    return torch.argmax(filled, dim, bool(keepdim)).to(filled.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index of `amin`, in the dtype of the input."""
    filled = _filled("argmin", input, mask, dtype)
    return torch.argmin(filled, dim, bool(keepdim)).to(filled.dtype)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean over `dim` of elements that are not masked out; NaN without any.  ValueError for integers."""
    dtype = input.dtype if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {dtype}"
        )
    dims = _dims(dim, input.dim())
    return sum(input, dims, keepdim=keepdim, dtype=dtype, mask=mask) / _count(
        input, mask, dims, bool(keepdim)
    )


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median along one dimension of elements that are neither masked out nor NaN; NaN without any.

    ValueError for integers without any.
    """
    values, mask = _parts(input, mask)
    d, floating = _first_dim(dim, values.dim()), values.dtype.is_floating_point
    values = values if dtype is None else values.to(dtype)
    if floating:
        if mask is not None:
            values = values.masked_fill(~mask, math.nan)
        return values.nanmedian(d, bool(keepdim)).values
    if mask is None and values.dtype != torch.bool:
        return values.median(d, bool(keepdim)).values
    mask = torch.ones_like(values, dtype=torch.bool) if mask is None else mask
    count = mask.sum(d, keepdim=True)
    if not count.all():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    ordered = values.long().masked_fill(~mask, torch.iinfo(torch.int64).max).sort(d).values
    result = ordered.gather(d, (count - 1) // 2).to(values.dtype)
    return result if keepdim else result.squeeze(d)


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of elements that are not masked out; 0 without any, inf for ord=-inf."""
    filled = _filled("norm", input, mask, dtype, ord)
    return torch.linalg.vector_norm(
        filled, ord, _dims(dim, filled.dim()), bool(keepdim), dtype=dtype
    )


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The elements divided by their `norm` over `dim`, or by `eps` where that is larger; 0 where masked out."""
    filled = _filled("sum", input, mask, dtype)
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return filled / torch.maximum(length, length.new_tensor(eps))


def _std_var(input, dim, unbiased, correction, keepdim, dtype, mask, root):
    assert unbiased is None or correction is None, (
        "Only one of unbiased and correction may be given"
    )
    if correction is None:
        correction = 0 if unbiased is False else 1
    if dtype is None:
        floating = input.dtype.is_floating_point or input.dtype.is_complex
        dtype = input.dtype if floating else torch.get_default_dtype()
    keep, dims = bool(keepdim), _dims(dim, input.dim())
    count = _count(input, mask, dims, True)
    center = sum(input, dims, keepdim=True, dtype=dtype, mask=mask) / count
    values, mask = _parts(input, mask)
    x = torch.sub(values, center)
    squares = sum(x * x.conj(), dims, keepdim=keep, dtype=dtype, mask=mask)
    count = (count if keep else count.reshape(squares.shape)) - correction
    result = squares / torch.maximum(count, count.new_zeros(()))
    return result.sqrt() if root else result


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance over `dim` of elements that are not masked out; NaN without any.  In float for integers."""
    return _std_var(input, dim, unbiased, correction, keepdim, dtype, mask, root=False)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The square root of `var`."""
    return _std_var(input, dim, unbiased, correction, keepdim, dtype, mask, root=True)


def softmax(input, dim, *, dtype=None, mask=None):
    """The softmax along `dim` of elements that are not masked out; 0 where masked out, NaN without any."""
    filled = _filled("amax", input, mask, dtype)
    return F.softmax(filled, _first_dim(dim, filled.dim()))


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of `softmax`."""
    filled = _filled("amax", input, mask, dtype)
    return F.log_softmax(filled, _first_dim(dim, filled.dim()))


def softmin(input, dim, *, dtype=None, mask=None):
    """`softmax` of the negated input."""
    filled = _filled("amin", input, mask, dtype)
    return F.softmin(filled, _first_dim(dim, filled.dim()))


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The logarithm of the sum of exponentials over `dim`, in the dtype of the input; -inf without any element."""
    filled = _filled("logsumexp", input, mask, dtype)
    return torch.logsumexp(filled, _dims(dim, filled.dim()), bool(keepdim)).to(filled.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), masked-out elements counting as -inf; the result has the dtype of `input`."""
    dtype = input.dtype if dtype is None else dtype
    (a, a_mask), (b, b_mask) = _parts(input, input_mask), _parts(other, other_mask)
    nothing = None if a_mask is None and b_mask is None else _lowest("logaddexp", a.dtype)
    result = torch.logaddexp(a, b)  # not of -inf, of which the second derivatives are NaN
    if b_mask is not None:
        result, b = torch.where(b_mask, result, a), torch.where(b_mask, b, nothing)
    return (result if a_mask is None else torch.where(a_mask, result, b)).to(dtype)
