"""The Kumaraswamy distribution."""

import cygrad

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    """Distribution function 1 - (1 - x^a)^b on [0, 1], a = `concentration1`, b = `concentration0`."""

    arg_constraints = dict.fromkeys(("concentration1", "concentration0"), constraints.positive)
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zeros = cygrad.zeros_like(self.concentration0)
        base = Uniform(zeros, zeros + 1, validate_args=validate_args)
        root_b, root_a = (
            PowerTransform(c.reciprocal()) for c in (self.concentration0, self.concentration1)
        )
        super().__init__(base, [root_b, AffineTransform(1.0, -1.0), root_a], validate_args)

    def _moment(self, n):
        """b B(1 + n / a, b)"""
        b, first = self.concentration0, 1 + n / self.concentration1
        beta = cygrad.lgamma(first) + cygrad.lgamma(b) - cygrad.lgamma(first + b)
        return b * cygrad.exp(beta)

    @property
    def mean(self):
        return self._moment(1)

    @property
    def mode(self):
        """((a - 1) / (a b - 1))^(1 / a); nan where the density is unbounded, or flat."""
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return mode.masked_fill((a < 1) | (b < 1), cygrad.nan)

    @property
    def variance(self):
        return self._moment(2) - self._moment(1).square()

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        harmonic = cygrad.digamma(b + 1) + euler_constant
        return (
            (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - cygrad.log(a) - cygrad.log(b)
        )
