"""The Wishart distribution."""

import math
import warnings

import cygrad

from ..autograd.grad_mode import no_grad
from . import constraints
from ._matrices import FACTORS, ByFactor, half_log_det, inverse_by_factor
from .chi2 import Chi2
from .distribution import EMPTY
from .exp_family import ExponentialFamily

__all__ = ["Wishart"]


def _mvdigamma(x, p):
    return cygrad.digamma(
        x.unsqueeze(-1) - cygrad.arange(p, dtype=x.dtype, device=x.device).div(2)
    ).sum(-1)


class Wishart(ByFactor, ExponentialFamily):
    """The distribution of sums of `df` outer products of normal vectors with the given covariance; df > n - 1.

    Sampled by Bartlett's decomposition.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None
    ):
        name, matrix = self._given(AssertionError, covariance_matrix, precision_matrix, scale_tril)
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch dimensions"
            )
        df = (
            df
            if isinstance(df, cygrad.Tensor)
            else cygrad.tensor(df, dtype=matrix.dtype, device=matrix.device)
        )
        batch_shape = cygrad.broadcast_shapes(df.shape, matrix.shape[:-2])
        event_shape = matrix.shape[-2:]
        if (df <= event_shape[-1] - 1).any():
            raise ValueError(
                f"Value of df={df} expected to be greater than ndim - 1 = {event_shape[-1] - 1}."
            )
        setattr(self, name, matrix.expand(batch_shape + event_shape))
        self.df = df.expand(batch_shape)
        if (self.df < event_shape[-1]).any():
            said = "Singular samples are highly likely to occur for ndim - 1 < df < ndim."
            warnings.warn(f"Low df values detected. {said}", stacklevel=2)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_scale_tril = FACTORS[name](matrix)

    @property
    def arg_constraints(self):
        return {
            **ByFactor.matrix_constraints,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def _full(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape)

    @property
    def mean(self):
        return self.df.unsqueeze(-1).unsqueeze(-1) * self.covariance_matrix

    @property
    def mode(self):
        factor = (self.df - self._event_shape[-1] - 1).unsqueeze(-1).unsqueeze(-1)
        return factor.masked_fill(factor <= 0, cygrad.nan) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.unsqueeze(-1).unsqueeze(-1) * (v.pow(2) + outer)

    def _bartlett(self, sample_shape):
        n = self._event_shape[-1]
        degrees = self.df.unsqueeze(-1) - cygrad.arange(
            n, dtype=self.df.dtype, device=self.df.device
        )
        noise = Chi2(degrees.expand(self._batch_shape + (n,)), validate_args=False).rsample(
            sample_shape
        )
        noise = noise.clamp(min=cygrad.finfo(noise.dtype).tiny).sqrt().diag_embed()
        rows, columns = cygrad.tril_indices(n, n, offset=-1)
        shape = noise.shape[:-2] + (rows.numel(),)
        noise[..., rows, columns] = cygrad.randn(shape, dtype=noise.dtype, device=noise.device)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape=EMPTY, max_try_correction=None):
        """Singular samples are drawn again, at most `max_try_correction` times (3)."""
        tries = 3 if max_try_correction is None else max_try_correction
        # PyTorch draws once in vain; so that the random numbers are the same:
        self._bartlett(sample_shape)
        sample = self._bartlett(sample_shape)
        while tries > 1:
            with no_grad():
                singular = ~self.support.check(sample)
            if not singular.any():
                break
            warnings.warn("Singular sample detected.", stacklevel=2)
            sample = cygrad.where(
                singular.unsqueeze(-1).unsqueeze(-1), self._bartlett(sample_shape), sample
            )
            tries -= 1
        return sample

    def log_prob(self, value):
        self._check_sample(value)
        n, nu = self._event_shape[-1], self.df
        trace = (inverse_by_factor(self._unbroadcasted_scale_tril) * value.mT).sum((-2, -1))
        log_det = 2 * half_log_det(cygrad.linalg.cholesky(value))
        normalizer = (
            nu * n / 2 * math.log(2) + nu * half_log_det(self._unbroadcasted_scale_tril) + cygrad.mvlgamma(nu / 2, n)
        )
        return (nu - n - 1) / 2 * log_det - trace / 2 - normalizer

    def entropy(self):
        n, nu = self._event_shape[-1], self.df
        return (
            (n + 1) * (n / 2 * math.log(2) + half_log_det(self._unbroadcasted_scale_tril))
            + cygrad.mvlgamma(nu / 2, n)
            - (nu - n - 1) / 2 * _mvdigamma(nu / 2, n)
            + nu * n / 2
        )

    @property
    def _natural_params(self):
        n = self._event_shape[-1]
        return -self.precision_matrix / 2, (self.df - n - 1) / 2

    def _log_normalizer(self, x, y):
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        log_det = 2 * half_log_det(cygrad.linalg.cholesky(-2 * x))
        return half * (n * math.log(2) - log_det) + cygrad.mvlgamma(half, n)
