"""The gamma distribution."""

import cygrad

from . import constraints
from .distribution import EMPTY
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """Density rate^a x^(a - 1) exp(-rate x) / Gamma(a) for a = `concentration`, x > 0.

    Samples are differentiable by implicit reparametrisation (Figurnov, Mohamed and Mnih 2018).
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=EMPTY):
        shape = self._extended_shape(sample_shape)
        value = cygrad._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=cygrad.finfo(value.dtype).tiny)  # log_prob needs x > 0
        return value

    def log_prob(self, value):
        value = cygrad.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._check_sample(value)
        a = self.concentration
        return (
            cygrad.xlogy(a, self.rate)
            + cygrad.xlogy(a - 1, value)
            - self.rate * value
            - cygrad.lgamma(a)
        )

    def cdf(self, value):
        self._check_sample(value)
        return cygrad.special.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        a = self.concentration
        return a - cygrad.log(self.rate) + cygrad.lgamma(a) + (1.0 - a) * cygrad.digamma(a)

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return cygrad.lgamma(x + 1) + (x + 1) * cygrad.log(-y.reciprocal())
