"""The generalized Pareto distribution."""

import cygrad

from . import constraints
from .distribution import EMPTY, Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """P(X > x) = (1 + c z)^(-1 / c), z = (x - loc) / scale, c = `concentration`; exp(-z) for c = 0.

    The support is bounded above for c < 0.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        c = self.concentration
        upper = cygrad.where(c < 0, self.loc - self.scale / c, cygrad.inf)
        return constraints.interval(self.loc, upper)

    def _shape(self):
        """Whether c counts as 0, and c with 1 in its place there."""
        zero = cygrad.isclose(self.concentration, cygrad.zeros_like(self.concentration))
        return zero, self.concentration.masked_fill(zero, 1.0)

    def _z(self, x):
        return (x - self.loc) / self.scale

    def rsample(self, sample_shape=EMPTY):
        shape = self._extended_shape(sample_shape)
        return self.icdf(cygrad.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_survival_function(self, value):
        zero, c = self._shape()
        z = self._z(value)
        return cygrad.where(zero, -z, -cygrad.log1p(c * z) / c)

    def log_prob(self, value):
        self._check_sample(value)
        zero, c = self._shape()
        z = self._z(value)
        kernel = cygrad.where(zero, -z, -(1 / c + 1) * cygrad.log1p(c * z))
        return kernel - cygrad.log(self.scale)

    def log_cdf(self, value):
        return cygrad.log1p(-cygrad.exp(self.log_survival_function(value)))

    def cdf(self, value):
        self._check_sample(value)
        return 1 - cygrad.exp(self.log_survival_function(value))

    def icdf(self, value):
        zero, c = self._shape()
        rest = cygrad.log1p(-value)
        return self.loc + self.scale * cygrad.where(zero, -rest, cygrad.expm1(-c * rest) / c)

    @property
    def mean(self):
        c = self.concentration
        return (self.loc + self.scale / (1 - c)).masked_fill(c >= 1, cygrad.nan)

    @property
    def variance(self):
        c = self.concentration
        return (self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c))).masked_fill(c >= 0.5, cygrad.nan)

    @property
    def mode(self):
        return self.loc

    def entropy(self):
        return cygrad.log(self.scale) + self.concentration + 1
