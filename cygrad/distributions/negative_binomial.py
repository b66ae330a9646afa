"""The negative binomial distribution."""

import cygrad

from ..autograd.grad_mode import no_grad
from ..nn.functional import logsigmoid
from . import constraints
from ._probs_logits import ProbsOrLogits
from .distribution import EMPTY, Distribution
from .gamma import Gamma
from .utils import lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(ProbsOrLogits, Distribution):
    """The number of successes (probability `probs`) until `total_count` failures, which need not be whole."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        (count,), shape = self._set(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.total_count * cygrad.exp(self.logits)

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / cygrad.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self):
        return Gamma(self.total_count, cygrad.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            return cygrad.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value):
        self._check_sample(value)
        n = self.total_count
        kernel = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        choose = cygrad.lgamma(n + value) - cygrad.lgamma(1.0 + value) - cygrad.lgamma(n)
        return kernel + choose.masked_fill(n + value == 0, 0.0)
