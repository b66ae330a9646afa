"""The Dirichlet distribution."""

import cygrad

from ..nn.functional import one_hot
from . import constraints
from .distribution import EMPTY
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """The distribution over the simplex with density proportional to the product of x_i^(concentration_i - 1)."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(
            concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args
        )

    def rsample(self, sample_shape=EMPTY):
        return cygrad._sample_dirichlet(
            self.concentration.expand(self._extended_shape(sample_shape))
        )

    def log_prob(self, value):
        self._check_sample(value)
        a = self.concentration
        return (
            cygrad.xlogy(a - 1.0, value).sum(-1)
            + cygrad.lgamma(a.sum(-1))
            - cygrad.lgamma(a).sum(-1)
        )

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corners = (self.concentration < 1).all(-1, keepdim=True)
        return cygrad.where(corners, one_hot(mode.argmax(-1), mode.shape[-1]).to(mode.dtype), mode)

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self):
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        return (
            cygrad.lgamma(a).sum(-1)
            - cygrad.lgamma(total)
            - (k - total) * cygrad.digamma(total)
            - ((a - 1.0) * cygrad.digamma(a)).sum(-1)
        )

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return x.lgamma().sum(-1) - cygrad.lgamma(x.sum(-1))
