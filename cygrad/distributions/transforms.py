"""Differentiable maps with computable log determinants; `_transform.py` has their base class and compositions."""

import functools
import math
import operator

import cygrad

from .._core import Size, Tensor
from ..nn import functional as F
from . import constraints
from ._transform import (
    ComposeTransform,
    IndependentTransform,
    Transform,
    _InverseTransform,  # noqa: F401 - libraries ask for it
    cached,
    identity_transform,
    need_dims,
)
from .utils import broadcast_all, sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform", "LowerCholeskyTransform",
    "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform",
    "identity_transform",
]  # fmt: skip


class ReshapeTransform(Transform):
    """The rightmost dimensions `in_shape` as `out_shape`."""

    bijective = True

    def __init__(self, in_shape, out_shape, cache_size=0):
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        super().__init__(cache_size)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")

    @constraints.dependent_property
    def domain(self):
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self):
        return constraints.independent(constraints.real, len(self.out_shape))

    def _remade(self, cache_size):
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    def _call(self, x):
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y):
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    @staticmethod
    def _reshaped(shape, old, new):
        need_dims(len(shape), len(old))
        cut = len(shape) - len(old)
        if tuple(shape[cut:]) != tuple(old):
            raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
        return shape[:cut] + new

    def forward_shape(self, shape):
        return self._reshaped(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape):
        return self._reshaped(shape, self.out_shape, self.in_shape)


class _Plain(Transform):
    """Without parameters: all of one class and kind are equal."""

    def __eq__(self, other):
        return type(other) is type(self)

    __hash__ = object.__hash__


class ExpTransform(_Plain):
    """y = exp(x)"""

    domain, codomain = constraints.real, constraints.positive
    bijective, sign = True, +1

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class PowerTransform(Transform):
    """y = x ^ exponent, of positive x

    exponent: the exponent: a tensor or a number
    """

    domain = codomain = constraints.positive
    bijective = True

    def __init__(self, exponent, cache_size=0):
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _remade(self, cache_size):
        return PowerTransform(self.exponent, cache_size)

    @property
    def sign(self):
        return self.exponent.sign()

    def __eq__(self, other):
        return isinstance(other, PowerTransform) and bool(self.exponent.eq(other.exponent).all())

    __hash__ = object.__hash__

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape):
        return cygrad.broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape


def _clipped_sigmoid(x):
    """1 / (1 + exp(-x)), kept off 0 and 1."""
    info = cygrad.finfo(x.dtype)
    return cygrad.sigmoid(x).clamp(min=info.tiny, max=1 - info.eps)


class SigmoidTransform(_Plain):
    """y = 1 / (1 + exp(-x)), kept off 0 and 1"""

    domain, codomain = constraints.real, constraints.unit_interval
    bijective, sign = True, +1

    def _call(self, x):
        return _clipped_sigmoid(x)

    def _inverse(self, y):
        info = cygrad.finfo(y.dtype)
        y = y.clamp(min=info.tiny, max=1 - info.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -F.softplus(-x) - F.softplus(x)


class SoftplusTransform(_Plain):
    """y = log(1 + exp(x)); linear beyond 20"""

    domain, codomain = constraints.real, constraints.positive
    bijective, sign = True, +1

    def _call(self, x):
        return F.softplus(x)

    def _inverse(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -F.softplus(-x)


class TanhTransform(_Plain):
    """y = tanh(x), which loses precision beyond a few units: use the cache to invert samples"""

    domain, codomain = constraints.real, constraints.interval(-1.0, 1.0)
    bijective, sign = True, +1

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return cygrad.atanh(y)

    def log_abs_det_jacobian(self, x, y):
        # log(1 - tanh^2) without cancellation
        return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))


class AbsTransform(_Plain):
    """y = |x|; the inverse gives the positive of the two"""

    domain, codomain = constraints.real, constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


class AffineTransform(Transform):
    """y = loc + scale * x; of an event of `event_dim` dimensions"""

    bijective = True

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self):
        return self._event_dim

    def _real(self):
        return (
            constraints.independent(constraints.real, self.event_dim)
            if self.event_dim
            else constraints.real
        )

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return self._real()

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return self._real()

    def _remade(self, cache_size):
        return AffineTransform(self.loc, self.scale, self.event_dim, cache_size)

    def __eq__(self, other):
        def same(a, b):
            if isinstance(a, Tensor) or isinstance(b, Tensor):
                return bool((cygrad.as_tensor(a) == cygrad.as_tensor(b)).all())
            return a == b

        return (
            isinstance(other, AffineTransform)
            and same(self.loc, other.loc)
            and same(self.scale, other.scale)
        )

    __hash__ = object.__hash__

    @property
    def sign(self):
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return 1 if self.scale > 0 else -1 if self.scale < 0 else 0

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        scale = self.scale
        if isinstance(scale, Tensor):
            result = scale.abs().log()
        else:
            result = cygrad.full_like(x, math.log(abs(scale)))
        if self.event_dim:
            result = sum_rightmost(
                result.expand(cygrad.broadcast_shapes(result.shape, x.shape)), self.event_dim
            )
            shape = x.shape[: x.dim() - self.event_dim]
        else:
            shape = x.shape
        return result.expand(shape)

    def forward_shape(self, shape):
        return cygrad.broadcast_shapes(
            shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ())
        )

    inverse_shape = forward_shape


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 reals to the Cholesky factor of an n x n correlation matrix.

    tanh makes them canonical partial correlations, which break a stick of length 1 row by row (Lewandowski, Kurowicka
    and Joe 2009; Stan Reference Manual, "Cholesky factors of correlation matrices").
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        x = cygrad.tanh(x)
        eps = cygrad.finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - r.square()).sqrt().cumprod(-1)  # of the stick, after each column
        eye = cygrad.eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return (r + eye) * F.pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y):
        rest = F.pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(rest, -1).sqrt()
        return cygrad.atanh(partial)

    def log_abs_det_jacobian(self, x, y, intermediates=None):
        rest = 1 - (y * y).cumsum(-1)
        stick = 0.5 * tril_matrix_to_vec(rest, -2).log().sum(-1)
        tanh = -2.0 * (x + F.softplus(-2.0 * x) - math.log(2.0)).sum(-1)
        return stick + tanh

    def forward_shape(self, shape):
        need_dims(len(shape), 1)
        k = shape[-1]
        n = round((0.25 + 2 * k) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != k:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return shape[:-1] + (n, n)

    def inverse_shape(self, shape):
        need_dims(len(shape), 2)
        rows, n = shape[-2:]
        if rows != n:
            raise ValueError("Input is not square")
        return shape[:-2] + (n * (n - 1) // 2,)


class SoftmaxTransform(_Plain):
    """y = softmax(x); onto but not bijective: the inverse is log"""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x):
        return F.softmax(x, -1) if x.dim() else cygrad.ones_like(x)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        need_dims(len(shape), 1)
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(_Plain):
    """n reals to the simplex of n + 1: each sigmoid takes its part of what is left of a stick.

    x = 0 is the middle of the simplex (Stan Reference Manual, "Unit simplex").
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    @staticmethod
    def _offset(x):
        return cygrad.arange(x.shape[-1], 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x):
        z = cygrad.sigmoid(x - self._offset(x))
        rest = (1 - z).cumprod(-1)
        return F.pad(z, [0, 1], value=1) * F.pad(rest, [1, 0], value=1)

    def _inverse(self, y):
        taken = y[..., :-1]
        rest = (1 - taken.cumsum(-1)).clamp(min=cygrad.finfo(y.dtype).tiny)
        return taken.log() - rest.log() + self._offset(taken)

    def log_abs_det_jacobian(self, x, y):
        x = x - self._offset(x)
        return (F.logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    @staticmethod
    def _resized(shape, more):
        need_dims(len(shape), 1)
        return shape[:-1] + (shape[-1] + more,)

    def forward_shape(self, shape):
        return self._resized(shape, 1)

    def inverse_shape(self, shape):
        return self._resized(shape, -1)


class LowerCholeskyTransform(_Plain):
    """A matrix to a lower triangular one with positive diagonal: exp of its diagonal"""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    @staticmethod
    def _on_diagonal(function, matrix):
        return matrix.tril(-1) + function(matrix.diagonal(dim1=-2, dim2=-1)).diag_embed()

    def _call(self, x):
        return self._on_diagonal(cygrad.exp, x)

    def _inverse(self, y):
        return self._on_diagonal(cygrad.log, y)


class PositiveDefiniteTransform(_Plain):
    """A matrix to a positive definite one: L L^T of its LowerCholeskyTransform"""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x):
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(cygrad.linalg.cholesky(y))


class _Sequence(Transform):
    """Several transforms for parts of a value along `dim`.

    A subclass says how many entries `dim` has (and what its message calls that), how a value is taken apart and put
    together, and of which constraint the parts' ones make its own.
    """

    def __init__(self, tseq, dim, cache_size):
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size)
        self.transforms = cached(list(tseq), cache_size)
        self.dim = dim

    @property
    def bijective(self):
        return all(t.bijective for t in self.transforms)

    def _mapped(self, transforms, x):
        if not -x.dim() <= self.dim < x.dim():
            raise AssertionError(
                f"dim {self.dim} out of range for tensor with {x.dim()} dimensions"
            )
        found, (name, expected) = x.shape[self.dim], self._size()
        if found != expected:
            raise AssertionError(f"x.size({self.dim}) = {found} must equal {name} {expected}")
        parts = [t(p) for t, p in zip(transforms, self._parts(x), strict=True)]
        return self._joined(parts, self.dim)

    def _call(self, x):
        return self._mapped(self.transforms, x)

    def _inverse(self, y):
        return self._mapped([t.inv for t in self.transforms], y)

    @constraints.dependent_property
    def domain(self):
        return self._constraint([t.domain for t in self.transforms])

    @constraints.dependent_property
    def codomain(self):
        return self._constraint([t.codomain for t in self.transforms])


class CatTransform(_Sequence):
    """Each transform on its part along `dim`; the parts have the given `lengths`.

    dim: the dimension, counted from the last where it is negative
    """

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths must have same length as tseq, got {len(self.lengths)} vs {len(self.transforms)}"
            )

    @property
    def event_dim(self):
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self):
        return sum(self.lengths)

    _joined = staticmethod(cygrad.cat)

    def _remade(self, cache_size):
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _size(self):
        return "length", self.length

    def _parts(self, x):
        return x.split(self.lengths, self.dim)

    def _constraint(self, parts):
        return constraints.cat(parts, self.dim, self.lengths)

    def log_abs_det_jacobian(self, x, y):
        pieces = []
        for t, a, b in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            found = t.log_abs_det_jacobian(a, b)
            pieces.append(sum_rightmost(found, self.event_dim - t.event_dim))
        dim = self.dim if self.dim < 0 else self.dim - x.dim()
        dim += self.event_dim
        return cygrad.cat(pieces, dim) if dim < 0 else functools.reduce(operator.add, pieces)


class StackTransform(_Sequence):
    """Each transform on its entry of `dim`.

    dim: the dimension, counted from the last where it is negative
    """

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(tseq, dim, cache_size)

    _joined = staticmethod(cygrad.stack)

    def _remade(self, cache_size):
        return StackTransform(self.transforms, self.dim, cache_size)

    def _size(self):
        return "len(transforms)", len(self.transforms)

    def _parts(self, x):
        return x.unbind(self.dim)

    def _constraint(self, parts):
        return constraints.stack(parts, self.dim)

    def log_abs_det_jacobian(self, x, y):
        pairs = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return cygrad.stack([t.log_abs_det_jacobian(a, b) for t, a, b in pairs], dim=self.dim)


class CumulativeDistributionTransform(Transform):
    """y = the distribution's cdf at x"""

    bijective, sign = True, +1
    codomain = constraints.unit_interval

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self):
        return self.distribution.support

    def _remade(self, cache_size):
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)
