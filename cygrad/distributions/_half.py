"""What the half-normal and the half-Cauchy distribution share: |x| for x symmetric about 0."""

import math

import cygrad

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform


class Half(TransformedDistribution):
    """|x| for x of `symmetric(0, scale)`: twice its density on the positive half."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    symmetric = None

    def __init__(self, scale, validate_args=None):
        base = self.symmetric(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self):
        return self.base_dist.scale

    @property
    def mode(self):
        return cygrad.zeros_like(self.scale)

    def log_prob(self, value):
        self._check_sample(value)
        return self._folded(value)

    def _folded(self, value):
        return cygrad.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value):
        self._check_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob):
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)
