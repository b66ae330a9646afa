"""The Laplace distribution."""

import cygrad

from . import constraints
from .distribution import EMPTY, Distribution
from .utils import broadcast_all

__all__ = ["Laplace"]


class Laplace(Distribution):
    """Density exp(-|x - loc| / scale) / (2 scale)."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return 2 * self.scale.pow(2)

    @property
    def stddev(self):
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=EMPTY):
        shape = self._extended_shape(sample_shape)
        u = self.loc.new_empty(shape).uniform_(cygrad.finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * cygrad.log1p(-u.abs())

    def log_prob(self, value):
        self._check_sample(value)
        return -cygrad.log(2 * self.scale) - cygrad.abs(value - self.loc) / self.scale

    def cdf(self, value):
        self._check_sample(value)
        z = value - self.loc
        return 0.5 - 0.5 * z.sign() * cygrad.expm1(-z.abs() / self.scale)

    def icdf(self, value):
        off = value - 0.5
        return self.loc - self.scale * off.sign() * cygrad.log1p(-2 * off.abs())

    def entropy(self):
        return 1 + cygrad.log(2 * self.scale)
