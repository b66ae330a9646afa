"""The multivariate normal distribution."""

import math

import cygrad

from . import constraints
from ._matrices import FACTORS, ByFactor, half_log_det, mahalanobis, times
from .distribution import EMPTY, Distribution
from .utils import standard_normal

__all__ = ["MultivariateNormal"]


class MultivariateNormal(ByFactor, Distribution):
    """The normal distribution of vectors, by its mean and one of covariance, precision or lower factor of covariance.

    The factor is what computes; the other matrices are made at their first use.
    """

    arg_constraints = {"loc": constraints.real_vector, **ByFactor.matrix_constraints}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc,
        covariance_matrix=None,
        precision_matrix=None,
        scale_tril=None,
        validate_args=None,
    ):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._given(ValueError, covariance_matrix, precision_matrix, scale_tril)
        if matrix.dim() < 2:
            said = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(
                f"{said} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch_shape = cygrad.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + matrix.shape[-2:]))
        self.loc = loc.expand(batch_shape + loc.shape[-1:])
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = FACTORS[name](matrix)

    def _full(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=EMPTY):
        noise = standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + times(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value):
        self._check_sample(value)
        square = mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + square) - half_log_det(
            self._unbroadcasted_scale_tril
        )

    def entropy(self):
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det(
            self._unbroadcasted_scale_tril
        )
        return found.expand(self._batch_shape)


def _precision_to_scale_tril(P):
    """The lower Cholesky factor of the inverse of P."""
    return FACTORS["precision_matrix"](P)
